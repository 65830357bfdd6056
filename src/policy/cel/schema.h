// What an expression may read: the fields of its input by name, each with a type and the number of
// the slot in which callers hand its value in. Reading `member.trustScore` is thus one look into an
// array, and what a program reads is a set of small numbers.
//
// Types carry how large their values get, from which the cost of an expression is stated before it
// ever runs.
#pragma once

#include <cstdint>
#include <deque>
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
    uint16_t slot;
    bool other = false;  // another spelling of a field, known and not offered
  };

  Schema() = default;
  Schema(Schema&&) = default;
  Schema& operator=(Schema&&) = default;
  Schema(const Schema&) = delete;  // fields point to its types
  Schema& operator=(const Schema&) = delete;

  // The answer is the slot: 0, 1, 2 in the order of adding. Where a path is the start of another,
  // an expression means the longest that it spells.
  uint16_t add(std::string path, Kind kind);
  uint16_t add_text(std::string path, uint32_t most_bytes);
  uint16_t add_texts(std::string path, uint32_t most_items, uint32_t most_bytes);
  uint16_t add_text_map(std::string path, uint32_t most_items, uint32_t most_bytes);

  // The slots before this one stay without a name, so that schemas of one input can differ.
  void skip_to(uint16_t slot) { next_ = slot; }
  // Another spelling of a field that is here.
  void add_spelling(std::string path, uint16_t slot);

  // One more than the highest slot.
  uint16_t slots() const { return next_; }
  // The first name of a slot; empty if it has none.
  std::string_view path_of(uint16_t slot) const;
  // Null if there is none of that name.
  const Field* find(std::string_view path) const;
  // Whether fields start with these words.
  bool has_below(std::string_view path) const;
  // The words that may follow these, in the order of adding: of "member" id, trustScore; of "" the
  // first words.
  std::vector<std::string_view> words_below(std::string_view path) const;

 private:
  uint16_t add_type(std::string path, const Type* type);

  std::vector<Field> fields_;
  uint16_t next_ = 0;
  std::deque<Type> types_;
};

}  // namespace phoenix::cel
