// Msgpack as Go programs of this family write it: structures are maps whose keys are the field
// names, strings and byte slices both take the old raw family (no str8, no bin), signed numbers
// that are not negative may come in any form. The writer writes what the oldest of them takes; the
// reader takes what any of them writes. Not canonical, unlike base/msgpack.h.
//
// Never throws, never recurses deeper than kMaxSkipDepth, allocates nothing while reading.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace phoenix::gossip {

class GoWriter {
 public:
  explicit GoWriter(std::string& out) : out_(out) {}
  void map(size_t size);
  void array(size_t size);
  void nil();
  void boolean(bool value);
  void uint(uint64_t value);
  void sint(int64_t value);
  void float64(double value);
  void str(std::string_view value);
  // As a byte slice of Go, of which an empty one is nil.
  void bytes(std::string_view value);

 private:
  void tagged(uint8_t tag, uint64_t value, int bytes);
  std::string& out_;
};

// Values nested deeper than this are refused, also where they are skipped.
inline constexpr int kMaxSkipDepth = 16;

// A cursor. After the first fault every read returns an empty value and ok() is false, so that a
// decoder checks once at its end. Nil reads as the empty value of whatever is asked for. Views
// point into the input.
class GoReader {
 public:
  explicit GoReader(std::string_view in) : in_(in) {}
  bool ok() const { return ok_; }
  void reject() { ok_ = false; }
  bool at_end() const { return ok_ && pos_ == in_.size(); }
  // What has not been read yet.
  std::string_view rest() const { return ok_ ? in_.substr(pos_) : std::string_view(); }
  // True if a nil stood next; it is read then.
  bool nil();
  bool next_is_array() const;

  bool boolean();
  // Floats and what is negative or above `max` are faults.
  uint64_t uint(uint64_t max = UINT64_MAX);
  int64_t sint();
  double float64();
  std::string_view str();
  // Sizes: never more elements than the rest of the input could hold.
  uint32_t array();
  uint32_t map();
  // Whatever stands next, with all that it contains.
  void skip() { skip(kMaxSkipDepth); }
  // Exactly so many raw bytes.
  std::string_view take(uint64_t size);

 private:
  uint8_t byte();
  uint64_t big_endian(int bytes);
  uint32_t counted(uint64_t size, int least_bytes);
  void skip(int depth);

  std::string_view in_;
  size_t pos_ = 0;
  bool ok_ = true;
};

// Reads a structure in map or array form. `names` are its fields in the order of Go's declaration,
// which the array form follows; `field(i)` reads the value of the i-th. What is unknown is skipped,
// what is missing is not touched.
template <size_t kFields, typename Field>
bool read_struct(GoReader& in, const std::array<std::string_view, kFields>& names, Field&& field) {
  if (in.next_is_array()) {
    const uint32_t size = in.array();
    for (uint32_t i = 0; i < size && in.ok(); ++i) {
      if (i < kFields) {
        field(i);
      } else {
        in.skip();
      }
    }
    return in.ok();
  }
  if (in.nil()) in.reject();
  const uint32_t size = in.map();
  for (uint32_t n = 0; n < size && in.ok(); ++n) {
    const std::string_view name = in.str();
    size_t i = 0;
    while (i < kFields && names[i] != name) ++i;
    if (i < kFields) {
      field(i);
    } else {
      in.skip();
    }
  }
  return in.ok();
}

// Finds the end of a value that arrives in pieces, without looking at any byte of it twice.
class ValueScanner {
 public:
  enum class State : uint8_t { kMore, kDone, kMalformed };
  // `in` is all that has arrived so far, the same bytes and more at each call; `pos` moves towards
  // the end of the value that stood there at the first call, and is behind it at kDone. May then
  // be used for the next value.
  State scan(std::string_view in, size_t& pos);

 private:
  std::array<uint64_t, kMaxSkipDepth> pending_{};  // values still to come, per level
  int depth_ = 0;                                  // 0: between two values
};

}  // namespace phoenix::gossip
