// The JSON of a bundle's own descriptions, read strictly: what two readers could take differently
// (keys that stand twice, text that is not UTF-8, trailing bytes) is refused. At most 64 deep and
// 100,000 values in all: each takes many times the bytes that it is written in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace phoenix::manifest {

struct JsonMember;

struct JsonTree {
  enum class Kind : uint8_t { kNull, kBool, kNumber, kText, kList, kObject };

  Kind kind = Kind::kNull;
  std::string text;  // of a text what it says; of a number and a bool as it stands
  std::vector<JsonTree> items;
  std::vector<JsonMember> members;

  bool is_text() const { return kind == Kind::kText; }
  bool is_object() const { return kind == Kind::kObject; }
  // The member of that name, or null; chains: tree["metadata"]["name"].
  const JsonTree& operator[](std::string_view name) const;
};

struct JsonMember {
  std::string name;
  JsonTree value;
};

// Nothing, if the text is not one whole document.
std::optional<JsonTree> parse_json_tree(std::string_view text);

}  // namespace phoenix::manifest
