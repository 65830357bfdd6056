// What an expression may read: the fields of its input by name, each with a type and the number of
// the slot in which callers hand its value in. Reading `member.trustScore` is thus one look into an
// array, and what a program reads is a set of small numbers.
//
// Types carry how large their values get, from which the cost of an expression is stated before it
// ever runs.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/cel/value.h"

namespace phoenix::cel {

struct Type {
  Kind kind = Kind::kDyn;         // kDyn: any, known only when it runs
  const Type* key = nullptr;      // of maps
  const Type* element = nullptr;  // of lists and maps
  uint32_t bound = 0;             // most bytes of a text, most items of a list or map
};

// Where nothing is known of a size. Values that turn out larger are no error; what they cost counts
// against the limit when the program runs.
inline constexpr uint32_t kUnknownItems = 256;
inline constexpr uint32_t kUnknownBytes = 4'096;

// The plain type of a kind: lists and maps of anything, sizes unknown.
const Type& plain_type(Kind kind);
// "list(string)".
std::string type_text(const Type& type);

class Schema {
 public:
  struct Field {
    std::string path;  // "member.trustScore"
    const Type* type;
  };

  // The answer is the slot: 0, 1, 2 in the order of adding. Where a path is the start of another,
  // an expression means the longest that it spells.
  uint16_t add(std::string path, Kind kind);
  uint16_t add_text(std::string path, uint32_t most_bytes);
  uint16_t add_texts(std::string path, uint32_t most_items, uint32_t most_bytes);
  uint16_t add_text_map(std::string path, uint32_t most_items, uint32_t most_bytes);

  const std::vector<Field>& fields() const { return fields_; }
  std::optional<uint16_t> find(std::string_view path) const;
  // Whether fields start with these words.
  bool has_below(std::string_view path) const;
  // The words that may follow these, in the order of adding: of "member" id, trustScore; of "" the
  // first words.
  std::vector<std::string_view> words_below(std::string_view path) const;

 private:
  uint16_t add_type(std::string path, const Type* type);

  std::vector<Field> fields_;
  std::deque<Type> types_;
};

}  // namespace phoenix::cel
