#include "peer/frame.h"

#include <algorithm>

namespace phoenix::peer {
namespace {

uint32_t big_endian(std::string_view bytes) {
  uint32_t out = 0;
  for (const char byte : bytes) out = out << 8 | static_cast<uint8_t>(byte);
  return out;
}

bool known(uint8_t kind) {
  return kind >= static_cast<uint8_t>(FrameKind::kHello) &&
         kind <= static_cast<uint8_t>(FrameKind::kPassed);
}

}  // namespace

void append_frame(std::string& out, FrameKind kind, uint8_t stream, std::string_view payload) {
  const auto size = static_cast<uint32_t>(payload.size());
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(size >> shift & 0xff);
  out += static_cast<char>(kind);
  out += static_cast<char>(stream);
  out += payload;
}

void FrameReader::add(std::string_view bytes) { fresh_ = bytes; }

FrameReader::Next FrameReader::next(size_t max_payload, Frame& out) {
  if (yielded_) held_.clear();
  yielded_ = false;
  const auto more = [&](size_t wanted) {
    const size_t size = std::min(wanted - std::min(wanted, held_.size()), fresh_.size());
    held_ += fresh_.substr(0, size);
    fresh_.remove_prefix(size);
    return held_.size() >= wanted;
  };
  // Only a frame whose beginning came earlier is put together in held_.
  const bool in_place = held_.empty() && fresh_.size() >= kFrameHeader;
  if (!in_place && !more(kFrameHeader)) return Next::kMore;
  const std::string_view header =
      in_place ? fresh_.substr(0, kFrameHeader) : std::string_view(held_).substr(0, kFrameHeader);
  const size_t size = big_endian(header.substr(0, 4));
  const auto kind = static_cast<uint8_t>(header[4]);
  if (size > max_payload || !known(kind)) return Next::kBad;
  out.kind = static_cast<FrameKind>(kind);
  out.stream = static_cast<uint8_t>(header[5]);
  const size_t whole = kFrameHeader + size;
  if (in_place && fresh_.size() >= whole) {
    out.payload = fresh_.substr(kFrameHeader, size);
    fresh_.remove_prefix(whole);
    return Next::kFrame;
  }
  if (!more(whole)) return Next::kMore;
  out.payload = std::string_view(held_).substr(kFrameHeader);
  yielded_ = true;
  return Next::kFrame;
}

}  // namespace phoenix::peer
