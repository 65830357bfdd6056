// Any bytes as a stored view and as a direct message: what is read is written again byte for byte,
// and a filter that is given them stays as it was but for what a member of the pool may say.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "membership/view/alerts.h"
#include "membership/view/observer_rings.h"
#include "membership/view/view_filter.h"

namespace phoenix::gossip {
namespace {

void read_view(std::string_view bytes) {
  View view;
  if (decode(bytes, view) && encode(view) != bytes) std::abort();
}

void read_message(std::string_view bytes) {
  DecodedMessage message;
  if (!decode(bytes, message)) return;
  if (const auto* alerts = std::get_if<AlertMessage>(&message)) {
    const std::vector<std::string> parts = encode_alerts(*alerts);
    if (parts.size() == 1 && parts[0] != bytes) std::abort();
  } else if (const auto& newest = std::get<NewestMessage>(message); newest.view) {
    if (encode_newest(*newest.view) != bytes) std::abort();
  }
}

// Twelve hosts "a" to "l", of which we are "a", and view 1.
void hear(std::string_view bytes) {
  View view;
  view.number = 1;
  for (char c = 'a'; c < 'm'; ++c) view.hosts.push_back({std::string(1, c), 1, 100, 1});
  ViewFilter filter({"a", seconds(1)}, Prng(1));
  ViewEffects out;
  Now now{Instant{} + seconds(100), 0};
  Endpoint from;
  from.size = 4;
  from.port = 7946;
  for (const ViewHost& host : view.hosts) {
    filter.seen({host.name, from, 1, SwimState::kAlive, true, true, 100, 1}, now, out);
  }
  filter.start(now, out);
  filter.answered({1, ViewAnswer::Status::kOk, make_view(view), {}}, now, out);
  filter.received(bytes, from, now, out);
  out = {};
  now.mono = now.mono + seconds(3);
  filter.tick(now, out);
  // One message moves nothing: no host has more than one accuser.
  for (const ViewRequest& request : out.requests) {
    if (request.propose) std::abort();
  }
  if (filter.view().number != 1) std::abort();
}

}  // namespace
}  // namespace phoenix::gossip

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  phoenix::gossip::read_view(bytes);
  phoenix::gossip::read_message(bytes);
  phoenix::gossip::hear(bytes);
  return 0;
}
