// What a YAML file says, as a tree in which every value knows its place. Scalars keep their text:
// what it stands for depends on the version of YAML that the document was written for, which is
// known only once its apiVersion has been read (see scalar.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace phoenix::manifest {

// Where something stands; lines and columns count from 1. Line 0: the file as a whole.
struct Place {
  std::shared_ptr<const std::string> file;  // as people name it; null only in nodes made by hand
  int line = 0;
  int column = 0;

  // "agents/ocr.yaml:9:15"
  std::string text() const;
};

struct Node;

// Where a line of a scalar begins: the byte of its text that stands at that place.
struct LineStart {
  size_t offset = 0;
  int line = 0;
  int column = 0;
};

struct Node {
  enum class Kind : uint8_t { kScalar, kList, kMap };

  Kind kind = Kind::kScalar;
  bool plain = true;  // a scalar without quotes, which may stand for a number, true, null …
  Place place;
  std::string text;              // of a scalar; an empty plain one is null
  std::vector<LineStart> lines;  // of a scalar that stands in several lines
  std::vector<Node> items;       // of a list; of a map the values, in the order of the file
  std::vector<Node> keys;        // of a map, one for each value; all are scalars, none stands twice

  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_map() const { return kind == Kind::kMap; }
  bool is_null() const { return is_scalar() && plain && text.empty(); }

  // The value of that key of a map; null if there is none or this is no map.
  const Node* find(std::string_view key) const;
};

// With the keys of all maps in order: equal for what differs only in that.
Node sorted(const Node& node);

// What was found wrong, or only strange, in a file.
struct Finding {
  enum class Weight : uint8_t { kError, kWarning };

  Weight weight = Weight::kError;
  Place place;
  std::string path;    // "spec.rules[2].decision"; empty: the document
  std::string value;   // as it stands in the file, shortened; may be empty
  std::string detail;  // what is wrong and what is allowed

  bool is_error() const { return weight == Weight::kError; }
  // "agents/ocr.yaml:9:15: spec.trustScore: 1.2: is no number from 0 to 1"
  std::string text() const;
};

using Findings = std::vector<Finding>;

bool has_errors(const Findings& findings);
// By file in the order of `findings`, then by line and column.
void sort_findings(Findings& findings);

// A value for a complaint: one line, at most 40 characters, "a mapping" and "a list" for those.
std::string shown(const Node& node);

}  // namespace phoenix::manifest
