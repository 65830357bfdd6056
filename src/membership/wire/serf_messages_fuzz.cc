// Any bytes behind any of Serf's type bytes, and as tags, filter or coordinate: either refused, or
// what they say is written, read and written again without a change.
#include "membership/wire/serf_messages.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace phoenix::gossip {
namespace {

// Beside Serf's own types: what it puts into memberlist's messages.
constexpr uint8_t kAsFilter = 10;
constexpr uint8_t kAsTags = 11;
constexpr uint8_t kAsCoordinate = 12;

template <typename Message>
void check(std::string_view body) {
  Message message;
  if (!decode(body, message)) return;
  const std::string once = encode(message);
  Message again;
  if (!decode(std::string_view(once).substr(1), again)) std::abort();
  if (encode(again) != once) std::abort();
}

void check_filter(std::string_view body) {
  Filter filter;
  if (!decode_filter(body, filter)) return;
  const std::string once = encode(filter);
  Filter again;
  if (!decode_filter(once, again) || encode(again) != once) std::abort();
}

void check_tags(std::string_view meta) {
  TagViews views;
  const std::map<std::string, std::string> tags = tags_of(meta);
  if (!decode_tags(meta, views)) {
    if (!tags.empty()) std::abort();
    return;
  }
  if (views.size() != tags.size()) std::abort();
  for (const auto& [name, value] : views) {
    const auto found = tags.find(std::string(name));
    if (found == tags.end() || found->second != value) std::abort();
    if (find_tag(meta, name) != value) std::abort();
  }
  const std::string once = encode_tags(tags);
  // A role without the map's head is longer once it has one.
  if (once.size() <= kMaxMeta && tags_of(once) != tags) std::abort();
}

void check_coordinate(std::string_view payload) {
  Coordinate coordinate, again;
  if (!decode_ack_payload(payload, coordinate)) return;
  const std::string once = encode_ack_payload(coordinate);
  if (!decode_ack_payload(once, again) || encode_ack_payload(again) != once) std::abort();
}

void check_any(uint8_t type, std::string_view body) {
  if (type == kAsFilter) return check_filter(body);
  if (type == kAsTags) return check_tags(body);
  if (type == kAsCoordinate) return check_coordinate(body);
  switch (static_cast<SerfType>(type)) {
    case SerfType::kLeave:
      return check<LeaveIntent>(body);
    case SerfType::kJoin:
      return check<JoinIntent>(body);
    case SerfType::kPushPull:
      return check<SerfState>(body);
    case SerfType::kUserEvent:
      return check<UserEvent>(body);
    case SerfType::kQuery:
      return check<Query>(body);
    case SerfType::kQueryResponse:
      return check<QueryResponse>(body);
    case SerfType::kConflictResponse:
      return check<ConflictResponse>(body);
    case SerfType::kKeyRequest:
      return check<KeyRequest>(body);
    case SerfType::kKeyResponse:
      return check<KeyResponse>(body);
    case SerfType::kRelay:
      return check<Relay>(body);
  }
}

}  // namespace
}  // namespace phoenix::gossip

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  phoenix::gossip::check_any(data[0] % 13, bytes.substr(1));
  return 0;
}
