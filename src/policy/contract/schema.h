// The subset of JSON Schema that contracts are written in: type, properties, required, enum,
// minimum, maximum, items, pattern (RE2, found anywhere in the text), additionalProperties; title
// and description, which say nothing. Another keyword is an error: whoever wrote it relies on it.
//
// Checking is total and bounded: no deeper than the schema, each value of the document against one
// schema, and at most kMostSteps comparisons with values of an enum; a document that takes more is
// refused. Immutable once compiled.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json/json.h"
#include "policy/cel/regex.h"

namespace phoenix::policy {

class Schema {
 public:
  static constexpr size_t kMostSchemas = 1'000;  // in one schema, itself counted
  static constexpr size_t kMostPatterns = 64;
  static constexpr int kMostDepth = 32;
  static constexpr uint64_t kMostSteps = 1'000'000;

  // kInvalidRequest names all faults, with pointers into the schema.
  static Result<Schema> compile(std::string_view json);

  // What of the document is not as it should be, with its pointer: "/amount: 7 is above 5"; nothing
  // where all is well.
  std::optional<std::string> fault(const json::Value& document) const;

 private:
  friend class SchemaCompiler;
  friend class SchemaCheck;
  // The list of an enum, and the text that it points into.
  struct Choices {
    std::string text;
    std::optional<json::Document> list;
  };
  // Of one (sub)schema. Numbers of others are places in nodes_.
  struct Member {
    std::string name;
    int schema = -1;  // -1: whatever additionalProperties says
    bool required = false;
  };
  struct Node {
    uint8_t types = 0;            // bits of allowed types; 0: any
    std::vector<Member> members;  // sorted by name
    size_t required = 0;          // how many of them
    int others = -1;              // schema of all other members
    bool closed = false;          // there may be none
    int items = -1;
    int pattern = -1;  // place in patterns_
    std::string pattern_text;
    std::optional<std::string> minimum;  // the numbers as written
    std::optional<std::string> maximum;
    std::shared_ptr<const Choices> choices;
  };
  std::vector<Node> nodes_;  // the first is the whole
  std::vector<cel::Regex> patterns_;
};

// Whether both mean the same: numbers by value, objects in any order of keys. Takes a step for each
// value met; at 0 steps they count as different.
bool same_json(const json::Value& left, const json::Value& right, uint64_t& steps);

}  // namespace phoenix::policy
