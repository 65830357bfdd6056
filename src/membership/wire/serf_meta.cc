// What the Serf layer puts into memberlist's own messages: tags and coordinates.
#include <cmath>

#include "membership/wire/go_msgpack.h"
#include "membership/wire/serf_messages.h"

namespace phoenix::gossip {
namespace {

constexpr char kTagsFollow = '\xff';
constexpr char kCoordinateFollows = '\x01';
constexpr std::array<std::string_view, 4> kCoordinate = {"Vec", "Error", "Adjustment", "Height"};

// Calls `take(name, value)` for each tag in the order they stand; false if malformed.
template <typename Take>
bool read_tags(std::string_view meta, Take&& take) {
  if (meta.empty()) return true;
  if (meta.size() > kMaxMeta) return false;
  if (meta[0] != kTagsFollow) {
    take(std::string_view("role"), meta);
    return true;
  }
  GoReader in(meta.substr(1));
  const uint32_t size = in.map();
  for (uint32_t i = 0; i < size && in.ok(); ++i) {
    const std::string_view name = in.str();
    const std::string_view value = in.str();
    if (in.ok()) take(name, value);
  }
  return in.ok();
}

}  // namespace

std::string encode_tags(const std::map<std::string, std::string>& tags) {
  std::string bytes(1, kTagsFollow);
  GoWriter out(bytes);
  out.map(tags.size());
  for (const auto& [name, value] : tags) {
    out.str(name);
    out.str(value);
  }
  return bytes;
}

bool decode_tags(std::string_view meta, TagViews& out) {
  out.clear();
  return read_tags(meta, [&](std::string_view name, std::string_view value) {
    // Few enough, and mostly in order, that a tree would not pay.
    auto at = out.end();
    while (at != out.begin() && (at - 1)->first >= name) --at;
    if (at != out.end() && at->first == name) {
      at->second = value;
    } else {
      out.emplace(at, name, value);
    }
  });
}

std::map<std::string, std::string> tags_of(std::string_view meta) {
  TagViews views;
  if (!decode_tags(meta, views)) return {};
  return {views.begin(), views.end()};
}

std::string_view find_tag(std::string_view meta, std::string_view name) {
  std::string_view found;
  const bool read = read_tags(meta, [&](std::string_view tag, std::string_view value) {
    if (tag == name) found = value;
  });
  return read ? found : std::string_view();
}

std::string encode_ack_payload(const Coordinate& coordinate) {
  constexpr size_t kSize = 140;  // of what follows, roughly
  std::string bytes;
  bytes.reserve(kSize);
  bytes.push_back(kCoordinateFollows);
  GoWriter out(bytes);
  out.map(4);
  out.str("Adjustment");
  out.float64(coordinate.adjustment);
  out.str("Error");
  out.float64(coordinate.error);
  out.str("Height");
  out.float64(coordinate.height);
  out.str("Vec");
  out.array(coordinate.vec.size());
  for (const double part : coordinate.vec) out.float64(part);
  return bytes;
}

bool decode_ack_payload(std::string_view payload, Coordinate& out) {
  out = {};
  if (payload.empty() || payload[0] != kCoordinateFollows) return false;
  GoReader in(payload.substr(1));
  bool finite = true;
  const auto number = [&] {
    const double value = in.float64();
    finite = finite && std::isfinite(value);
    return value;
  };
  bool placed = false;
  const bool read = read_struct(in, kCoordinate, [&](size_t at) {
    if (at == 0) {
      placed = in.array() == out.vec.size();
      if (!placed) in.reject();
      for (double& part : out.vec) part = number();
    }
    if (at == 1) out.error = number();
    if (at == 2) out.adjustment = number();
    if (at == 3) out.height = number();
  });
  return read && placed && finite;
}

}  // namespace phoenix::gossip
