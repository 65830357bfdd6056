// A large pool, known to all of its hosts from the start. Growing one host by host costs as many
// packets as the square of its size, and tells nothing that a small pool does not.
#include <utility>

#include "membership/wire/messages.h"
#include "sim/gossip/pool.h"

namespace phoenix::hostsim {

// What a host that starts would say of itself to its seed: the message of its first push/pull, and
// the number of that stream. All else that it wants to send is dropped.
std::pair<gossip::StreamId, std::string> Pool::first_words(SimHost& host, uint32_t seed) {
  gossip::Output out;
  begin_life(host, {seed}, true, out);
  std::pair<gossip::StreamId, std::string> words;
  for (const gossip::StreamOut& stream : std::exchange(out.streams, {})) {
    gossip::StreamReader reader(host.core->frame(), host.core->keyring(), true);
    if (reader.feed(stream.bytes) != gossip::StreamReader::State::kDone) continue;
    words = {stream.id, std::string(reader.message())};
  }
  out.packets.clear();
  carry_out(host, out);
  return words;
}

void Pool::start_together() {
  std::vector<std::pair<gossip::StreamId, std::string>> words;
  for (uint32_t i = 0; i < hosts_.size(); ++i) {
    // All ask the first, and it asks the second.
    words.push_back(first_words(*hosts_[i], i == 0 ? 1 : 0));
  }
  // The table that each would get from a seed that had heard all of them.
  gossip::PushPull table;
  gossip::View view;
  view.number = 1;
  for (uint32_t i = 0; i < hosts_.size(); ++i) {
    gossip::PushPull own;
    if (!gossip::decode(std::string_view(words[i].second).substr(1), own)) continue;
    table.nodes.push_back(own.nodes.front());
    table.user_state = own.user_state;
    view.hosts.push_back({hosts_[i]->name, own.nodes.front().incarnation, 100, hosts_[i]->boot});
  }
  table.join = true;
  const std::string answer = gossip::encode(table);
  for (uint32_t i = 0; i < hosts_.size(); ++i) {
    gossip::Output out;
    hosts_[i]->core->stream_answered(words[i].first, answer, now_of(i), out);
    carry_out(*hosts_[i], out);
  }
  gossip::ViewRequest request;
  request.propose = true;
  request.proposed = std::move(view);
  desk_.answer(hosts_[0]->name, request, agenda_.now());
}

}  // namespace phoenix::hostsim
