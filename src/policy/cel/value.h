// The values that an expression computes with: sixteen bytes each, copied freely, owning nothing.
//
// Text, lists and maps point to memory of somebody else: of the input, of the program (its
// literals) or of the Scratch in which an evaluation makes new ones. A value is good as long as
// that memory is.
//
// An error is a value too. It flows through operators until `&&`, `||` or a macro absorbs it, so an
// evaluation never unwinds and its errors are as deterministic as its results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace phoenix::cel {

enum class Kind : uint8_t {
  kNull,
  kBool,
  kInt,
  kUint,
  kDouble,
  kString,
  kBytes,
  kList,
  kMap,
  kTimestamp,
  kDuration,
  kType,    // what type(x) answers; the kind it stands for is in `type`
  kDyn,     // only as the value of a kType
  kAbsent,  // a field of the input that is not there: has() is false, reading it is an error
  kError,
};
// "int", "google.protobuf.Timestamp": the name that the language gives to the type.
std::string_view kind_name(Kind kind);

enum class Fault : uint8_t {
  kNoOverload,      // an operator or function does not take values of these types
  kNotBool,         // a condition is something else than true or false
  kOverflow,        // an integer, a time or a duration left its range
  kDivisionByZero,  // of integers; doubles divide by zero to an infinity
  kNoSuchKey,       // of a map
  kNoSuchField,     // the input has no such field
  kUnknownName,     // of a field or function, in an expression compiled unchecked
  kOutOfRange,      // an index outside of a list
  kDuplicateKey,    // in a map literal
  kBadKey,          // a key is neither bool, int, uint nor string
  kBadText,         // a text does not say what it is to be turned into
  kTooCostly,       // more steps than an evaluation may take
  kTooLarge,        // more memory than an evaluation may take
};
// "the map has no such key": a clause for people.
std::string_view fault_text(Fault fault);

struct List;
struct Map;

struct Value {
  Kind kind = Kind::kNull;
  // Bytes of a text; nanoseconds (0 to 999,999,999; of a negative duration 0 to -999,999,999, as
  // an int32_t) of a time; where in the expression an error came up.
  uint32_t size = 0;
  union {
    bool boolean;
    int64_t integer = 0;  // also the seconds of a timestamp (since 1970) and of a duration
    uint64_t natural;
    double real;
    const char* text;
    const List* list;
    const Map* map;
    Kind type;
    Fault fault;
  };

  bool is(Kind other) const { return kind == other; }
  bool is_error() const { return kind == Kind::kError; }
  bool is_true() const { return kind == Kind::kBool && boolean; }
  bool is_false() const { return kind == Kind::kBool && !boolean; }
  // Of strings and bytes.
  std::string_view view() const { return {text, size}; }
  int32_t nanos() const { return static_cast<int32_t>(size); }
};

struct List {
  const Value* items = nullptr;
  uint32_t count = 0;
};
struct Entry {
  Value key;
  Value value;
};
// Entries in the order of their keys if all of these are strings (`sorted`), else as written.
struct Map {
  const Entry* entries = nullptr;
  uint32_t count = 0;
  bool sorted = false;
};

Value null_value();
Value bool_value(bool value);
Value int_value(int64_t value);
Value uint_value(uint64_t value);
Value double_value(double value);
// The text must outlive the value, and be shorter than 4 GiB.
Value string_value(std::string_view text);
Value bytes_value(std::string_view bytes);
Value list_value(const List* list);
Value map_value(const Map* map);
Value timestamp_value(int64_t seconds, int32_t nanos);
Value duration_value(int64_t seconds, int32_t nanos);
Value type_value(Kind kind);
Value absent_value();
Value error_value(Fault fault, uint32_t at);

// Equality as the language has it: numbers of different types are equal if they are the same
// number, values of different types are different, NaN is not equal to itself. Never an error.
bool equal(const Value& left, const Value& right);

enum class Order : int8_t { kLess = -1, kEqual = 0, kGreater = 1, kNone = 2 };
// Between numbers of any types, and within bools, strings, bytes, timestamps and durations. kNone:
// not comparable, or one of them is NaN (`comparable` tells which).
Order compare(const Value& left, const Value& right);
bool comparable(const Value& left, const Value& right);

// The entry of that key, by equality; null if there is none.
const Value* find(const Map& map, const Value& key);
// How many code points a valid UTF-8 text has.
int64_t code_points(std::string_view text);

// Memory for what evaluations make. It grows up to a limit and is used again after clear().
class Scratch {
 public:
  static constexpr size_t kLimitBytes = 1 << 20;

  explicit Scratch(size_t limit_bytes = kLimitBytes) : limit_(limit_bytes) {}

  void clear() { used_ = 0, total_ = 0, chunk_ = 0; }
  // Null once the limit is reached. Aligned for a Value.
  void* allocate(size_t bytes);
  template <class T>
  T* make(size_t count) {
    void* memory = allocate(count * sizeof(T));
    return memory == nullptr ? nullptr : new (memory) T[count > 0 ? count : 1];
  }

  // Of evaluation: the stack of operands, kept to be used again.
  std::vector<Value> stack{};

 private:
  static constexpr size_t kChunkBytes = 16 << 10;
  struct Chunk {
    std::unique_ptr<std::byte[]> memory;
    size_t bytes = 0;
  };
  size_t limit_;
  std::vector<Chunk> chunks_;
  size_t chunk_ = 0;  // the one in use
  size_t used_ = 0;   // of it
  size_t total_ = 0;
};

// Each answers an error of kTooLarge if the scratch is full.
Value make_string(std::string_view text, Scratch& scratch, uint32_t at);
Value make_list(const Value* items, size_t count, Scratch& scratch, uint32_t at);
// Puts entries in order if their keys are strings. Keys of another type than bool, int, uint and
// string, and equal keys, are errors.
Value make_map(const Entry* entries, size_t count, Scratch& scratch, uint32_t at);

}  // namespace phoenix::cel
