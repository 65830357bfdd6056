// Any bytes behind any type byte: either refused, or what they say is written, read and written
// again without a change.
#include "membership/wire/messages.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace phoenix::gossip {
namespace {

template <typename Message>
void check(std::string_view body) {
  Message message;
  if (!decode(body, message)) return;
  const std::string once = encode(message);
  Message again;
  if (!decode(std::string_view(once).substr(1), again)) std::abort();
  if (encode(again) != once) std::abort();
}

void check_user(std::string_view body) {
  std::string_view payload;
  if (!decode_user_stream(body, payload)) return;
  const std::string once = encode_user_stream(payload);
  std::string_view again;
  if (!decode_user_stream(std::string_view(once).substr(1), again)) std::abort();
  if (payload != again) std::abort();
}

void check_versions(std::string_view body) {
  Versions versions;
  if (!decode(body, versions)) return;
  const auto bytes = encode(versions);
  if (std::string_view(bytes.data(), bytes.size()) != body) std::abort();
}

void check_any(MessageType type, std::string_view body) {
  switch (type) {
    case MessageType::kPing:
      return check<Ping>(body);
    case MessageType::kIndirectPing:
      return check<IndirectPing>(body);
    case MessageType::kAck:
      return check<Ack>(body);
    case MessageType::kSuspect:
      return check<Suspect>(body);
    case MessageType::kAlive:
      return check<Alive>(body);
    case MessageType::kDead:
      return check<Dead>(body);
    case MessageType::kPushPull:
      return check<PushPull>(body);
    case MessageType::kUser:
      return check_user(body);
    case MessageType::kNack:
      return check<Nack>(body);
    case MessageType::kError:
      return check<ErrorMessage>(body);
    default:
      return check_versions(body);
  }
}

}  // namespace
}  // namespace phoenix::gossip

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  phoenix::gossip::check_any(static_cast<phoenix::gossip::MessageType>(data[0]), bytes.substr(1));
  return 0;
}
