// Typed reading of a JSON object that finds all faults, not the first: every reader notes what is
// wrong with its field (pointer, value, what is allowed) and goes on. Unknown keys are faults too,
// with the nearest known key as a hint. At most 100 faults are kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json/json.h"
#include "base/time.h"

namespace phoenix::json {

// Where a value stands: a chain on the stack, made into a pointer only for a fault.
struct Path {
  const Path* parent = nullptr;
  std::string_view key;
  std::string pointer() const;
};

class Faults {
 public:
  void add(std::string pointer, std::string detail);
  void add(const Path& path, std::string detail);
  // A fault of another kind (too large, forbidden): it decides the kind of the whole error.
  void add(ErrorKind kind, const Path& path, std::string detail);
  bool any() const { return count_ > 0; }
  size_t count() const { return count_; }
  Error error() const;

 private:
  std::vector<FieldError> list_;
  size_t count_ = 0;
  ErrorKind kind_ = ErrorKind::kInvalidRequest;
};

// The value for a message: at most 40 bytes of it.
std::string shown(const Value& value);

// Each returns nullopt (and notes the fault) if the value is not what is asked for.
std::optional<std::string> read_string(const Value& value, const Path& path, Faults& faults);
std::optional<std::string> read_id(const Value& value, const Path& path, Faults& faults);
// 1..255 bytes, no control characters; empty too if `may_be_empty`.
std::optional<std::string> read_name(const Value& value, const Path& path, Faults& faults,
                                     bool may_be_empty = false);
std::optional<int64_t> read_integer(const Value& value, const Path& path, Faults& faults,
                                    int64_t least, int64_t most);
std::optional<bool> read_bool(const Value& value, const Path& path, Faults& faults);
std::optional<uint32_t> read_score(const Value& value, const Path& path, Faults& faults);
std::optional<WallMs> read_time(const Value& value, const Path& path, Faults& faults);
// Sorted bytewise; a name that stands twice counts once.
std::optional<std::vector<std::string>> read_names(const Value& value, const Path& path,
                                                   Faults& faults, size_t most);
// Sorted by key. Values may be empty.
std::optional<std::vector<std::pair<std::string, std::string>>> read_labels(const Value& value,
                                                                            const Path& path,
                                                                            Faults& faults);
std::optional<std::string> read_base64(const Value& value, const Path& path, Faults& faults);
// One of the names; the answer is its index.
std::optional<size_t> read_choice(const Value& value, const Path& path, Faults& faults,
                                  const std::vector<std::string_view>& choices);

// RFC 3339 with any offset, to the millisecond; years 1970 to 9999.
std::optional<WallMs> parse_time(std::string_view text);
std::optional<std::string> decode_base64(std::string_view text);
void append_base64(std::string& out, std::string_view bytes);
// Without padding, in the alphabet that URLs take.
std::string encode_base64url(std::string_view bytes);
std::optional<std::string> decode_base64url(std::string_view text);

// One known key of an object and what reads it into a draft.
template <class Draft>
struct Field {
  std::string_view name;
  void (*read)(Draft&, const Value&, const Path&, Faults&);
};

// Names the nearest of the known keys, or all of them; neither if none are given.
std::string unknown_field(std::string_view name, const std::vector<std::string_view>& known);
inline constexpr size_t kMaxHints = 10;

// Reads every member of the object by the table. A value that is no object is a fault.
template <class Draft, size_t kSize>
void read_object(const Field<Draft> (&table)[kSize], Draft& draft, const Value& object,
                 const Path& path, Faults& faults) {
  if (object.kind() != Kind::kObject) {
    faults.add(path, "must be an object, not " + std::string(kind_phrase(object.kind())));
    return;
  }
  for (auto members = object.children(); !members.done();) {
    const std::string key = members.take().string();
    const Value value = members.take();
    const Path here{&path, key};
    const Field<Draft>* found = nullptr;
    for (const auto& field : table) {
      if (field.name == key) found = &field;
    }
    if (found != nullptr) {
      found->read(draft, value, here, faults);
      continue;
    }
    std::vector<std::string_view> known;
    // A body may hold a million of them, and all other callers wait while it is read.
    if (faults.count() < kMaxHints) {
      for (const auto& field : table) known.push_back(field.name);
    }
    faults.add(here, unknown_field(key, known));
  }
}

}  // namespace phoenix::json
