// A large pool, known to all of its hosts from the start. Growing one host by host costs as many
// packets as the square of its size, and tells nothing that a small pool does not.
#include <utility>

#include "sim/gossip/pool.h"

namespace phoenix::hostsim {

// The seed takes in what a joiner sends; its answer.
std::string Pool::hear(SimHost& seed, std::string_view request) {
  gossip::StreamReader reader(seed.core->frame(), seed.core->keyring(), true);
  if (reader.feed(request) != gossip::StreamReader::State::kDone) return {};
  gossip::Output out;
  seed.core->receive_stream(next_stream_++, reader.message(), endpoint_at(seed.site),
                            now_of(seed.number), out);
  std::string answer;
  if (!out.replies.empty()) answer = std::move(out.replies.front().bytes);
  out.replies.clear();
  carry_out(seed, out);
  return answer;
}

void Pool::start_together() {
  SimHost& seed = *hosts_.front();
  gossip::Output first;
  begin_life(seed, {}, true, first);
  carry_out(seed, first);
  std::vector<std::pair<gossip::StreamId, std::string>> joins;
  for (size_t i = 1; i < hosts_.size(); ++i) {
    SimHost& host = *hosts_[i];
    gossip::Output out;
    begin_life(host, {seed.number}, true, out);
    for (gossip::StreamOut& stream : std::exchange(out.streams, {})) {
      if (site_of(stream.to) != seed.site || joins.size() == i) continue;
      joins.emplace_back(stream.id, std::move(stream.bytes));
    }
    out.packets.clear();
    carry_out(host, out);
    hear(seed, joins.back().second);
  }
  if (joins.empty()) return;
  const std::string bytes = hear(seed, joins.back().second);
  for (size_t i = 1; i < hosts_.size(); ++i) {
    SimHost& host = *hosts_[i];
    gossip::StreamReader reader(host.core->frame(), host.core->keyring(), false);
    if (reader.feed(bytes) != gossip::StreamReader::State::kDone) continue;
    gossip::Output out;
    host.core->stream_answered(joins[i - 1].first, reader.message(), now_of(host.number), out);
    carry_out(host, out);
  }
  gossip::ViewRequest request;
  request.propose = true;
  request.proposed.number = 1;
  for (const gossip::HostRow& row : seed.core->hosts()) {
    const uint64_t boot = hosts_[number(row.name)]->boot;
    request.proposed.hosts.push_back({row.name, row.incarnation, 100, boot});
  }
  desk_.answer(seed.name, request, agenda_.now());
}

}  // namespace phoenix::hostsim
