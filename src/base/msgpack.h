// Canonical msgpack: the shortest form of every integer and length, nothing else. The reader
// refuses every other form, so that equal values have equal bytes. Only what the project stores:
// nil, bool, integers, str, bin, arrays.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/digest.h"

namespace phoenix {

class MsgpackWriter {
 public:
  explicit MsgpackWriter(std::string& out) : out_(out) {}
  void nil();
  void boolean(bool value);
  void uint(uint64_t value);
  void sint(int64_t value);
  void str(std::string_view value);
  void bin(std::string_view value);
  void digest(const Digest& value);  // as bin
  void array(uint32_t size);

 private:
  void big_endian(uint64_t value, int bytes);
  std::string& out_;
};

// Reads in order; after the first fault every read returns an empty value and ok() is false, so
// a decoder checks once at its end. Views point into the input.
class MsgpackReader {
 public:
  explicit MsgpackReader(std::string_view in) : in_(in) {}
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && pos_ == in_.size(); }
  void reject() { ok_ = false; }

  bool next_is_nil() const { return ok_ && pos_ < in_.size() && in_[pos_] == '\xc0'; }
  void nil();
  bool boolean();
  uint64_t uint(uint64_t max = UINT64_MAX);
  int64_t sint();
  std::string_view str();
  std::string_view bin();
  Digest digest();  // bin of exactly its size
  // Never more than what the rest of the input could hold.
  uint32_t array();
  void array_of(uint32_t size);

 private:
  uint8_t byte();
  uint64_t big_endian(int bytes);
  std::string_view take(uint64_t size);
  std::string_view in_;
  size_t pos_ = 0;
  bool ok_ = true;
};

}  // namespace phoenix
