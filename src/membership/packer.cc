#include "membership/packer.h"

#include <algorithm>

namespace phoenix::gossip {

std::string Packer::pack(const std::vector<std::string_view>& first, bool checksum, Queues& queues,
                         int limit) {
  parts_ = first;
  size_t used = 0;
  for (const std::string_view message : first) used += message.size() + kPartOverhead;
  const size_t budget = payload_budget(frame_, keyring_);
  size_t room = budget > used ? budget - used : 0;
  std::array<Broadcasts*, 3> users{&queues.intents, &queues.queries, &queues.events};
  const bool waiting = std::any_of(users.begin(), users.end(),
                                   [](const Broadcasts* queue) { return !queue->empty(); });
  const size_t kept = waiting ? room / 4 : 0;
  room -= queues.claims.take(room - kept, kPartOverhead, limit, parts_);
  for (Broadcasts* queue : users) {
    if (!queue->empty()) room -= queue->take(room, kPartOverhead, limit, parts_);
  }
  if (parts_.empty()) return {};
  return seal_packet(parts_, checksum, frame_, keyring_, nonces_);
}

}  // namespace phoenix::gossip
