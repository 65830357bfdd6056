#include "membership/wire/go_msgpack.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace phoenix::gossip {
namespace {

constexpr size_t kShort = 32;  // texts below this have their length in the first byte

// There and back.
uint64_t to_big_endian(uint64_t value) {
  if constexpr (std::endian::native == std::endian::big) return value;
  return __builtin_bswap64(value);
}

// What a first byte announces: so many more bytes of a head, the last `length_bytes` of which say
// how many bytes (kRaw) or values (kArray, kMap: pairs) follow.
struct Head {
  enum class Kind : uint8_t { kScalar, kRaw, kArray, kMap, kBad };
  Kind kind = Kind::kBad;
  uint8_t length_bytes = 0;
  uint64_t fixed = 0;  // the length itself where the first byte says it, or bytes beyond it
};

Head head_of(uint8_t tag) {
  using Kind = Head::Kind;
  if (tag < 0x80 || tag >= 0xe0) return {Kind::kScalar, 0, 0};
  if (tag < 0x90) return {Kind::kMap, 0, uint64_t{tag} & 0x0f};
  if (tag < 0xa0) return {Kind::kArray, 0, uint64_t{tag} & 0x0f};
  if (tag < 0xc0) return {Kind::kRaw, 0, uint64_t{tag} & 0x1f};
  switch (tag) {
    case 0xc0:  // nil
    case 0xc2:  // false
    case 0xc3:  // true
      return {Kind::kScalar, 0, 0};
    case 0xc4:  // bin
    case 0xd9:  // str
      return {Kind::kRaw, 1, 0};
    case 0xc5:
    case 0xda:
      return {Kind::kRaw, 2, 0};
    case 0xc6:
    case 0xdb:
      return {Kind::kRaw, 4, 0};
    case 0xc7:  // extensions: a type byte before the bytes counted
      return {Kind::kRaw, 1, 1};
    case 0xc8:
      return {Kind::kRaw, 2, 1};
    case 0xc9:
      return {Kind::kRaw, 4, 1};
    case 0xcc:  // numbers
    case 0xd0:
      return {Kind::kScalar, 0, 1};
    case 0xcd:
    case 0xd1:
      return {Kind::kScalar, 0, 2};
    case 0xca:
    case 0xce:
    case 0xd2:
      return {Kind::kScalar, 0, 4};
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return {Kind::kScalar, 0, 8};
    case 0xd4:  // extensions of fixed size
      return {Kind::kRaw, 0, 2};
    case 0xd5:
      return {Kind::kRaw, 0, 3};
    case 0xd6:
      return {Kind::kRaw, 0, 5};
    case 0xd7:
      return {Kind::kRaw, 0, 9};
    case 0xd8:
      return {Kind::kRaw, 0, 17};
    case 0xdc:
      return {Kind::kArray, 2, 0};
    case 0xdd:
      return {Kind::kArray, 4, 0};
    case 0xde:
      return {Kind::kMap, 2, 0};
    case 0xdf:
      return {Kind::kMap, 4, 0};
    default:
      return {};
  }
}

}  // namespace

void GoWriter::tagged(uint8_t tag, uint64_t value, int bytes) {
  std::array<char, 9> out{};
  const uint64_t highest_first = to_big_endian(value);
  std::memcpy(out.data() + 1, &highest_first, sizeof highest_first);
  const auto size = static_cast<size_t>(bytes);
  char* const first = out.data() + sizeof highest_first - size;
  *first = static_cast<char>(tag);
  out_.append(first, 1 + size);
}

void GoWriter::map(size_t size) {
  if (size < 16) {
    out_.push_back(static_cast<char>(0x80 | size));
  } else if (size <= 0xffff) {
    tagged(0xde, size, 2);
  } else {
    tagged(0xdf, size, 4);
  }
}

void GoWriter::array(size_t size) {
  if (size < 16) {
    out_.push_back(static_cast<char>(0x90 | size));
  } else if (size <= 0xffff) {
    tagged(0xdc, size, 2);
  } else {
    tagged(0xdd, size, 4);
  }
}

void GoWriter::nil() { out_.push_back('\xc0'); }
void GoWriter::boolean(bool value) { out_.push_back(value ? '\xc3' : '\xc2'); }

void GoWriter::uint(uint64_t value) {
  if (value < 0x80) {
    out_.push_back(static_cast<char>(value));
  } else if (value <= 0xff) {
    tagged(0xcc, value, 1);
  } else if (value <= 0xffff) {
    tagged(0xcd, value, 2);
  } else if (value <= 0xffffffff) {
    tagged(0xce, value, 4);
  } else {
    tagged(0xcf, value, 8);
  }
}

void GoWriter::sint(int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  if (value >= 0) {
    uint(bits);
  } else if (value >= -32) {
    out_.push_back(static_cast<char>(value));
  } else if (value >= INT8_MIN) {
    tagged(0xd0, bits, 1);
  } else if (value >= INT16_MIN) {
    tagged(0xd1, bits, 2);
  } else if (value >= INT32_MIN) {
    tagged(0xd2, bits, 4);
  } else {
    tagged(0xd3, bits, 8);
  }
}

void GoWriter::float64(double value) { tagged(0xcb, std::bit_cast<uint64_t>(value), 8); }

void GoWriter::str(std::string_view value) {
  if (value.size() < kShort) {
    std::array<char, kShort> out{};
    out[0] = static_cast<char>(0xa0 | value.size());
    std::copy(value.begin(), value.end(), out.begin() + 1);
    out_.append(out.data(), 1 + value.size());
    return;
  }
  if (value.size() <= 0xffff) {
    tagged(0xda, value.size(), 2);
  } else {
    tagged(0xdb, value.size(), 4);
  }
  out_.append(value);
}

void GoWriter::bytes(std::string_view value) {
  if (value.empty()) {
    nil();
  } else {
    str(value);
  }
}

uint8_t GoReader::byte() {
  if (!ok_ || pos_ >= in_.size()) {
    ok_ = false;
    return 0;
  }
  return static_cast<uint8_t>(in_[pos_++]);
}

uint64_t GoReader::big_endian(int bytes) {
  const std::string_view highest_first = take(static_cast<uint64_t>(bytes));
  std::array<char, sizeof(uint64_t)> value{};
  std::copy_backward(highest_first.begin(), highest_first.end(), value.end());
  return to_big_endian(std::bit_cast<uint64_t>(value));
}

std::string_view GoReader::take(uint64_t size) {
  if (!ok_ || size > in_.size() - pos_) {
    ok_ = false;
    return {};
  }
  const std::string_view view = in_.substr(pos_, size);
  pos_ += size;
  return view;
}

bool GoReader::nil() {
  if (!ok_ || pos_ >= in_.size() || in_[pos_] != '\xc0') return false;
  ++pos_;
  return true;
}

bool GoReader::next_is_array() const {
  if (!ok_ || pos_ >= in_.size()) return false;
  const auto tag = static_cast<uint8_t>(in_[pos_]);
  return (tag & 0xf0) == 0x90 || tag == 0xdc || tag == 0xdd;
}

bool GoReader::boolean() {
  const uint8_t tag = byte();
  if (tag != 0xc0 && tag != 0xc2 && tag != 0xc3) ok_ = false;
  return ok_ && tag == 0xc3;
}

uint64_t GoReader::uint(uint64_t max) {
  if (ok_ && pos_ < in_.size() && static_cast<uint8_t>(in_[pos_]) == 0xcf) {
    ++pos_;
    const uint64_t value = big_endian(8);
    if (value > max) ok_ = false;
    return ok_ ? value : 0;
  }
  const int64_t value = sint();
  if (value < 0 || static_cast<uint64_t>(value) > max) ok_ = false;
  return ok_ ? static_cast<uint64_t>(value) : 0;
}

int64_t GoReader::sint() {
  const uint8_t tag = byte();
  if (tag < 0x80 || tag >= 0xe0) return static_cast<int8_t>(tag);
  switch (tag) {
    case 0xc0:
      return 0;
    case 0xcc:
      return static_cast<int64_t>(big_endian(1));
    case 0xcd:
      return static_cast<int64_t>(big_endian(2));
    case 0xce:
      return static_cast<int64_t>(big_endian(4));
    case 0xcf: {
      const uint64_t value = big_endian(8);
      if (value > INT64_MAX) ok_ = false;
      return ok_ ? static_cast<int64_t>(value) : 0;
    }
    case 0xd0:
      return static_cast<int8_t>(big_endian(1));
    case 0xd1:
      return static_cast<int16_t>(big_endian(2));
    case 0xd2:
      return static_cast<int32_t>(big_endian(4));
    case 0xd3:
      return static_cast<int64_t>(big_endian(8));
    default:
      ok_ = false;
      return 0;
  }
}

double GoReader::float64() {
  if (!ok_ || pos_ >= in_.size()) {
    ok_ = false;
    return 0;
  }
  const auto tag = static_cast<uint8_t>(in_[pos_]);
  if (tag != 0xca && tag != 0xcb) return static_cast<double>(sint());
  ++pos_;
  if (tag == 0xcb) return std::bit_cast<double>(big_endian(8));
  return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(big_endian(4))));
}

std::string_view GoReader::str() {
  const uint8_t tag = byte();
  if ((tag & 0xe0) == 0xa0) return take(tag & 0x1f);
  switch (tag) {
    case 0xc0:
      return {};
    case 0xc4:
    case 0xd9:
      return take(big_endian(1));
    case 0xc5:
    case 0xda:
      return take(big_endian(2));
    case 0xc6:
    case 0xdb:
      return take(big_endian(4));
    default:
      ok_ = false;
      return {};
  }
}

uint32_t GoReader::counted(uint64_t size, int least_bytes) {
  if (!ok_ || size > (in_.size() - pos_) / static_cast<size_t>(least_bytes)) ok_ = false;
  return ok_ ? static_cast<uint32_t>(size) : 0;
}

uint32_t GoReader::array() {
  const uint8_t tag = byte();
  if ((tag & 0xf0) == 0x90) return counted(tag & 0x0f, 1);
  if (tag == 0xdc) return counted(big_endian(2), 1);
  if (tag == 0xdd) return counted(big_endian(4), 1);
  if (tag != 0xc0) ok_ = false;
  return 0;
}

uint32_t GoReader::map() {
  const uint8_t tag = byte();
  if ((tag & 0xf0) == 0x80) return counted(tag & 0x0f, 2);
  if (tag == 0xde) return counted(big_endian(2), 2);
  if (tag == 0xdf) return counted(big_endian(4), 2);
  if (tag != 0xc0) ok_ = false;
  return 0;
}

void GoReader::skip(int depth) {
  const Head head = head_of(byte());
  const uint64_t length = head.fixed + big_endian(head.length_bytes);
  if (head.kind == Head::Kind::kScalar || head.kind == Head::Kind::kRaw) {
    take(length);
    return;
  }
  if (head.kind == Head::Kind::kBad || depth == 1) {
    ok_ = false;
    return;
  }
  const bool pairs = head.kind == Head::Kind::kMap;
  const uint64_t values = (pairs ? 2 : 1) * uint64_t{counted(length, pairs ? 2 : 1)};
  for (uint64_t i = 0; i < values && ok_; ++i) skip(depth - 1);
}

ValueScanner::State ValueScanner::scan(std::string_view in, size_t& pos) {
  if (depth_ == 0) {
    pending_[0] = 1;
    depth_ = 1;
  }
  while (true) {
    while (depth_ > 0 && pending_[depth_ - 1] == 0) --depth_;
    if (depth_ == 0) return State::kDone;
    if (pos >= in.size()) return State::kMore;
    const Head head = head_of(static_cast<uint8_t>(in[pos]));
    if (head.kind == Head::Kind::kBad) return State::kMalformed;
    const size_t body = pos + 1 + head.length_bytes;
    if (in.size() < body) return State::kMore;
    uint64_t length = 0;
    for (size_t i = pos + 1; i < body; ++i) length = length << 8 | static_cast<uint8_t>(in[i]);
    length += head.fixed;
    if (head.kind == Head::Kind::kScalar || head.kind == Head::Kind::kRaw) {
      if (in.size() - body < length) return State::kMore;
      pos = body + length;
      --pending_[depth_ - 1];
      continue;
    }
    if (depth_ == kMaxSkipDepth) return State::kMalformed;
    pos = body;
    --pending_[depth_ - 1];
    pending_[depth_++] = head.kind == Head::Kind::kMap ? 2 * length : length;
  }
}

}  // namespace phoenix::gossip
