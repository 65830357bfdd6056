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
  const size_t base = plain.size();
  uint32_t next = kEnd + 1;  // the code that the next text defines
  int width = kFirstWidth;
  uint32_t bits = 0;
  int held = 0;
  size_t last_start = 0, last_length = 0;  // of the code before; 0: there is none
  size_t pos = 0;
  while (true) {
    for (; held < width; held += 8) {
      if (pos == packed.size()) return false;
      bits |= static_cast<uint32_t>(static_cast<uint8_t>(packed[pos++])) << held;
    }
    const uint32_t code = bits & ((1U << width) - 1);
    bits >>= width;
    held -= width;
    if (code == kEnd) return true;
    if (code == kClear) {
      next = kEnd + 1;
      width = kFirstWidth;
      last_length = 0;
      continue;
    }
    const bool defines = last_length > 0 && next < kCodes;
    if (code > kEnd && (code > next || (code == next && !defines))) return false;
    const size_t at = plain.size();
    size_t from = 0, size = 1;
    if (code > kEnd) {
      from = code == next ? last_start : base + start[code];
      size = code == next ? last_length + 1 : length[code];
    }
    if (size > limit - (at - base)) return false;
    if (code < kClear) {
      plain.push_back(static_cast<char>(code));
    } else {
      plain.resize(at + size);
      // Forwards and byte by byte: the stretch may reach into what it is copied to.
      for (size_t i = 0; i < size; ++i) plain[at + i] = plain[from + i];
    }
    if (defines) {
      start[next] = static_cast<uint32_t>(last_start - base);
      length[next] = static_cast<uint32_t>(last_length + 1);
      ++next;
    }
    if (next >= 1U << width && width < kLastWidth) ++width;
    last_start = at;
    last_length = size;
  }
}

}  // namespace phoenix::gossip
