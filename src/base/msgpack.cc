#include "base/msgpack.h"

#include <algorithm>
#include <array>

namespace phoenix {

void MsgpackWriter::big_endian(uint64_t value, int bytes) {
  std::array<char, 8> all;
  for (int i = bytes; i > 0; value >>= 8) all[static_cast<size_t>(--i)] = static_cast<char>(value);
  out_.append(all.data(), static_cast<size_t>(bytes));
}

void MsgpackWriter::nil() { out_.push_back('\xc0'); }
void MsgpackWriter::boolean(bool value) { out_.push_back(value ? '\xc3' : '\xc2'); }

void MsgpackWriter::uint(uint64_t value) {
  if (value < 0x80) {
    out_.push_back(static_cast<char>(value));
  } else if (value <= 0xff) {
    out_.push_back('\xcc');
    big_endian(value, 1);
  } else if (value <= 0xffff) {
    out_.push_back('\xcd');
    big_endian(value, 2);
  } else if (value <= 0xffffffff) {
    out_.push_back('\xce');
    big_endian(value, 4);
  } else {
    out_.push_back('\xcf');
    big_endian(value, 8);
  }
}

void MsgpackWriter::sint(int64_t value) {
  if (value >= 0) return uint(static_cast<uint64_t>(value));
  const auto bits = static_cast<uint64_t>(value);
  if (value >= -32) {
    out_.push_back(static_cast<char>(value));
  } else if (value >= INT8_MIN) {
    out_.push_back('\xd0');
    big_endian(bits, 1);
  } else if (value >= INT16_MIN) {
    out_.push_back('\xd1');
    big_endian(bits, 2);
  } else if (value >= INT32_MIN) {
    out_.push_back('\xd2');
    big_endian(bits, 4);
  } else {
    out_.push_back('\xd3');
    big_endian(bits, 8);
  }
}

void MsgpackWriter::str(std::string_view value) {
  if (value.size() < 32) {
    out_.push_back(static_cast<char>(0xa0 | value.size()));
  } else if (value.size() <= 0xff) {
    out_.push_back('\xd9');
    big_endian(value.size(), 1);
  } else if (value.size() <= 0xffff) {
    out_.push_back('\xda');
    big_endian(value.size(), 2);
  } else {
    out_.push_back('\xdb');
    big_endian(value.size(), 4);
  }
  out_.append(value);
}

void MsgpackWriter::digest(const Digest& value) {
  bin({reinterpret_cast<const char*>(value.data()), value.size()});
}

void MsgpackWriter::bin(std::string_view value) {
  if (value.size() <= 0xff) {
    out_.push_back('\xc4');
    big_endian(value.size(), 1);
  } else if (value.size() <= 0xffff) {
    out_.push_back('\xc5');
    big_endian(value.size(), 2);
  } else {
    out_.push_back('\xc6');
    big_endian(value.size(), 4);
  }
  out_.append(value);
}

void MsgpackWriter::array(uint32_t size) {
  if (size < 16) {
    out_.push_back(static_cast<char>(0x90 | size));
  } else if (size <= 0xffff) {
    out_.push_back('\xdc');
    big_endian(size, 2);
  } else {
    out_.push_back('\xdd');
    big_endian(size, 4);
  }
}

uint8_t MsgpackReader::byte() {
  if (!ok_ || pos_ >= in_.size()) {
    ok_ = false;
    return 0;
  }
  return static_cast<uint8_t>(in_[pos_++]);
}

uint64_t MsgpackReader::big_endian(int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | byte();
  return value;
}

std::string_view MsgpackReader::take(uint64_t size) {
  if (!ok_ || size > in_.size() - pos_) {
    ok_ = false;
    return {};
  }
  const std::string_view view = in_.substr(pos_, size);
  pos_ += size;
  return view;
}

void MsgpackReader::nil() {
  if (byte() != 0xc0) ok_ = false;
}

bool MsgpackReader::boolean() {
  const uint8_t tag = byte();
  if (tag != 0xc2 && tag != 0xc3) ok_ = false;
  return ok_ && tag == 0xc3;
}

uint64_t MsgpackReader::uint(uint64_t max) {
  const uint8_t tag = byte();
  uint64_t value = 0;
  uint64_t least = 0;
  switch (tag) {
    case 0xcc:
      value = big_endian(1);
      least = 0x80;
      break;
    case 0xcd:
      value = big_endian(2);
      least = 0x100;
      break;
    case 0xce:
      value = big_endian(4);
      least = 0x10000;
      break;
    case 0xcf:
      value = big_endian(8);
      least = 0x100000000;
      break;
    default:
      value = tag;
      if (tag >= 0x80) ok_ = false;
  }
  if (value < least || value > max) ok_ = false;
  return ok_ ? value : 0;
}

int64_t MsgpackReader::sint() {
  if (!ok_ || pos_ >= in_.size()) {
    ok_ = false;
    return 0;
  }
  const auto tag = static_cast<uint8_t>(in_[pos_]);
  if (tag < 0x80 || (tag >= 0xcc && tag <= 0xcf)) {
    return static_cast<int64_t>(uint(INT64_MAX));
  }
  ++pos_;
  int64_t value = 0;
  int64_t most = -1;
  switch (tag) {
    case 0xd0:
      value = static_cast<int8_t>(big_endian(1));
      most = -33;
      break;
    case 0xd1:
      value = static_cast<int16_t>(big_endian(2));
      most = INT8_MIN - 1;
      break;
    case 0xd2:
      value = static_cast<int32_t>(big_endian(4));
      most = INT16_MIN - 1;
      break;
    case 0xd3:
      value = static_cast<int64_t>(big_endian(8));
      most = int64_t{INT32_MIN} - 1;
      break;
    default:
      value = static_cast<int8_t>(tag);
      if (tag < 0xe0) ok_ = false;
  }
  if (value > most) ok_ = false;
  return ok_ ? value : 0;
}

std::string_view MsgpackReader::str() {
  const uint8_t tag = byte();
  uint64_t size = 0;
  uint64_t least = 0;
  switch (tag) {
    case 0xd9:
      size = big_endian(1);
      least = 32;
      break;
    case 0xda:
      size = big_endian(2);
      least = 0x100;
      break;
    case 0xdb:
      size = big_endian(4);
      least = 0x10000;
      break;
    default:
      size = tag & 0x1f;
      if ((tag & 0xe0) != 0xa0) ok_ = false;
  }
  if (size < least) ok_ = false;
  return take(size);
}

Digest MsgpackReader::digest() {
  Digest digest{};
  const std::string_view bytes = bin();
  if (bytes.size() != digest.size()) {
    reject();
  } else {
    std::copy(bytes.begin(), bytes.end(), digest.begin());
  }
  return digest;
}

std::string_view MsgpackReader::bin() {
  const uint8_t tag = byte();
  uint64_t size = 0;
  uint64_t least = 0;
  switch (tag) {
    case 0xc4:
      size = big_endian(1);
      break;
    case 0xc5:
      size = big_endian(2);
      least = 0x100;
      break;
    case 0xc6:
      size = big_endian(4);
      least = 0x10000;
      break;
    default:
      ok_ = false;
  }
  if (size < least) ok_ = false;
  return take(size);
}

uint32_t MsgpackReader::array() {
  const uint8_t tag = byte();
  uint64_t size = 0;
  uint64_t least = 0;
  switch (tag) {
    case 0xdc:
      size = big_endian(2);
      least = 16;
      break;
    case 0xdd:
      size = big_endian(4);
      least = 0x10000;
      break;
    default:
      size = tag & 0x0f;
      if ((tag & 0xf0) != 0x90) ok_ = false;
  }
  if (size < least || size > in_.size() - pos_) ok_ = false;
  return ok_ ? static_cast<uint32_t>(size) : 0;
}

void MsgpackReader::array_of(uint32_t size) {
  if (array() != size) ok_ = false;
}

}  // namespace phoenix
