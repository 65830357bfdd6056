#include "membership/wire/lzw.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

namespace phoenix::gossip {
namespace {

constexpr uint32_t kClear = 256;
constexpr uint32_t kEnd = 257;
constexpr int kFirstWidth = 9;
constexpr int kLastWidth = 12;
constexpr uint32_t kCodes = 1U << kLastWidth;

class Packer {
 public:
  explicit Packer(size_t input) {
    // At most one entry per byte of the input and kCodes in all, so the table is at most a quarter
    // full; small packets need not clear a large one.
    const size_t entries = std::bit_ceil(4 * std::min<size_t>(input + 1, kCodes));
    table_.assign(entries, kEmpty);
    out_.reserve(input + 16);
    emit(kClear);
  }

  void add(uint8_t byte) {
    if (code_ == kNone) {
      code_ = byte;
      return;
    }
    const uint32_t pair = code_ << 8 | byte;
    size_t at = pair * 0x9e3779b1U >> 12 & (table_.size() - 1);
    while (table_[at] != kEmpty) {
      if (table_[at] >> kLastWidth == pair) {
        code_ = table_[at] & (kCodes - 1);
        return;
      }
      at = (at + 1) & (table_.size() - 1);
    }
    emit(code_);
    code_ = byte;
    if (advance()) table_[at] = pair << kLastWidth | highest_;
  }

  std::string finish() {
    if (code_ != kNone) {
      emit(code_);
      advance();
    }
    emit(kEnd);
    if (held_ > 0) out_.push_back(static_cast<char>(bits_));
    return std::move(out_);
  }

 private:
  static constexpr uint32_t kEmpty = UINT32_MAX;  // no pair: a code of all ones is never extended
  static constexpr uint32_t kNone = UINT32_MAX;

  void emit(uint32_t code) {
    bits_ |= code << held_;
    held_ += width_;
    while (held_ >= 8) {
      out_.push_back(static_cast<char>(bits_));
      bits_ >>= 8;
      held_ -= 8;
    }
  }

  // The next free code. False: there is none, so both sides start afresh.
  bool advance() {
    ++highest_;
    if (highest_ == 1U << width_) ++width_;
    if (highest_ < kCodes - 1) return true;
    emit(kClear);
    width_ = kFirstWidth;
    highest_ = kEnd;
    table_.assign(table_.size(), kEmpty);
    return false;
  }

  std::vector<uint32_t> table_;  // pair << 12 | code, by open addressing
  std::string out_;
  uint32_t code_ = kNone;  // of the bytes not yet written
  uint32_t highest_ = kEnd;
  int width_ = kFirstWidth;
  uint32_t bits_ = 0;
  int held_ = 0;
};

// The codes of a packed text, one after the other.
class Codes {
 public:
  explicit Codes(std::string_view packed) : packed_(packed) {}

  // False: the text ends within it.
  bool take(int width, uint32_t& code) {
    for (; held_ < width; held_ += 8) {
      if (pos_ == packed_.size()) return false;
      bits_ |= static_cast<uint32_t>(static_cast<uint8_t>(packed_[pos_++])) << held_;
    }
    code = bits_ & ((1U << width) - 1);
    bits_ >>= width;
    held_ -= width;
    return true;
  }

 private:
  std::string_view packed_;
  size_t pos_ = 0;
  uint32_t bits_ = 0;
  int held_ = 0;
};

// Appends to a string up to a limit. Room is made well ahead and given back at the end.
class Text {
 public:
  Text(std::string& out, size_t limit) : out_(out), base_(out.size()), limit_(limit) {}
  ~Text() { out_.resize(base_ + size_); }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  size_t size() const { return size_; }
  // False: it would be more than the limit.
  bool put(char byte) {
    if (!make_room(1)) return false;
    *end() = byte;
    ++size_;
    return true;
  }
  // What stands at `from`, again. Forwards and byte by byte: the stretch may reach into what it is
  // copied to.
  bool repeat(size_t from, size_t size) {
    if (!make_room(size)) return false;
    char* const to = end();
    const char* const source = out_.data() + base_ + from;
    for (size_t i = 0; i < size; ++i) to[i] = source[i];
    size_ += size;
    return true;
  }

 private:
  char* end() { return out_.data() + base_ + size_; }
  bool make_room(size_t more) {
    if (more > limit_ - size_) return false;
    if (base_ + size_ + more > out_.size()) {
      out_.resize(base_ + std::min(limit_, std::max<size_t>(2 * (size_ + more), 1'024)));
    }
    return true;
  }

  std::string& out_;
  const size_t base_;
  const size_t limit_;
  size_t size_ = 0;
};

}  // namespace

std::string lzw_compress(std::string_view plain) {
  Packer packer(plain.size());
  for (const char c : plain) packer.add(static_cast<uint8_t>(c));
  return packer.finish();
}

bool lzw_decompress(std::string_view packed, size_t limit, std::string& plain) {
  // Each code stands for a stretch of what was written already: the text of the code before it and
  // one byte more. So where it starts and how long it is says all.
  // Not filled at first: what is below `next` has been written.
  std::array<uint32_t, kCodes> start;
  std::array<uint32_t, kCodes> length;
  Codes codes(packed);
  Text text(plain, limit);
  uint32_t next = kEnd + 1;  // the code that the next text defines
  int width = kFirstWidth;
  size_t last_start = 0, last_length = 0;  // of the code before; 0: there is none
  uint32_t code = 0;
  while (codes.take(width, code)) {
    if (code == kEnd) return true;
    if (code == kClear) {
      next = kEnd + 1;
      width = kFirstWidth;
      last_length = 0;
      continue;
    }
    const bool defines = last_length > 0 && next < kCodes;
    if (code > kEnd && (code > next || (code == next && !defines))) return false;
    const size_t at = text.size();
    size_t size = 1;
    if (code < kClear) {
      if (!text.put(static_cast<char>(code))) return false;
    } else {
      size = code == next ? last_length + 1 : length[code];
      if (!text.repeat(code == next ? last_start : start[code], size)) return false;
    }
    if (defines) {
      start[next] = static_cast<uint32_t>(last_start);
      length[next] = static_cast<uint32_t>(last_length + 1);
      ++next;
    }
    if (next >= 1U << width && width < kLastWidth) ++width;
    last_start = at;
    last_length = size;
  }
  return false;
}

}  // namespace phoenix::gossip
