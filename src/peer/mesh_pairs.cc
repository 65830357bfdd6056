// Whom to dial, when again, and what each link is told of the others.
#include "peer/mesh_machine.h"

namespace phoenix::peer {
namespace {

// Deadlines that fall close together are met in one go: with a thousand links, each with a beat of
// its own, there would be no end of looking at all of them.
constexpr Duration kLookEvery = milliseconds(10);
// Changes within this time are told together.
constexpr Duration kReachAfter = milliseconds(20);

}  // namespace

void Mesh::Impl::set_peers(Instant now, std::vector<PeerAddress> named) {
  std::set<HostLife> kept;
  for (PeerAddress& entry : named) {
    if (entry.life == setting.link.self) continue;
    kept.insert(entry.life);
    const auto [found, fresh] = peers.try_emplace(entry.life);
    Peer& peer = found->second;
    peer.address = std::move(entry.address);
    if (!fresh) continue;
    peer.life = entry.life;
    peer.next_dial = dials_first(peer) ? now : now + setting.head_start;
    peer.next_circuit = now + setting.relay_after;
    sooner(peer.next_dial);
  }
  std::erase_if(peers, [&](const auto& at) { return !kept.contains(at.first); });
  for (const auto& [id, at] : connections) {
    if (!at.peer.empty() && !kept.contains(at.peer)) end(id);
  }
}

void Mesh::Impl::tick(Instant now) {
  for (auto& [id, at] : connections) {
    at.link->tick(now);
    touch(id);
  }
  settle(now);
  for (auto& [life, peer] : peers) {
    if (!direct(peer) && peer.dialling == 0 && !peer.address.empty() && now >= peer.next_dial) {
      dial(now, peer);
    }
    if (peer.active == 0 && peer.opening == 0 && dials_first(peer) && now >= peer.next_circuit) {
      open_circuit(now, peer);
    }
  }
  if (now >= reach_at) tell_reach();
  look_ahead(now);
}

void Mesh::Impl::look_ahead(Instant now) {
  deadline = reach_at;
  for (const auto& [id, at] : connections) sooner(at.link->next_deadline());
  for (auto& [life, peer] : peers) {
    if (!direct(peer) && peer.dialling == 0 && !peer.address.empty()) sooner(peer.next_dial);
    if (peer.active == 0 && peer.opening == 0 && dials_first(peer)) sooner(peer.next_circuit);
  }
  if (deadline != kNever) deadline = std::max(deadline, now + kLookEvery);
}

void Mesh::Impl::dial(Instant now, Peer& peer) {
  ++counts.dials;
  const Connection& at = add_connection(Link::dialled(setting.link, now, peer.life), peer.life);
  peer.dialling = at.id;
  output.dials.push_back({at.id, peer.life, peer.address});
}

bool Mesh::Impl::direct(const Peer& peer) {
  const Connection* at = find(peer.active);
  return at != nullptr && !at->circuit;
}

// A connection of this pair has ended, whichever it was.
void Mesh::Impl::went_down(Instant now, Peer& peer, const Connection& was) {
  if (peer.dialling == was.id) {
    const Refusal* refusal = was.link->refusal();
    const bool needless = refusal != nullptr && refusal->code == RefusalCode::kDuplicate;
    counts.dial_failures += needless ? 0 : 1;
    peer.dialling = 0;
    lengthen(peer.dial_pause);
    peer.next_dial = now + jittered(peer.dial_pause);
  } else if (peer.opening == was.id) {
    peer.opening = 0;
    ++peer.circuit_tries;
    lengthen(peer.circuit_pause);
    peer.next_circuit = now + jittered(peer.circuit_pause);
  } else if (peer.active == was.id) {
    peer.active = 0;
    output.events.emplace_back(PeerDown{peer.life});
    // What stood for a while has nothing to do with failures before it.
    const bool stood = now - was.up_since >= setting.longest_pause;
    Duration& pause = was.circuit ? peer.circuit_pause : peer.dial_pause;
    pause = stood ? Duration{0} : pause;
    lengthen(pause);
    const Instant again = now + jittered(pause);
    if (was.circuit) {
      ++peer.circuit_tries;
      peer.next_circuit = again;
    } else {
      peer.next_dial = dials_first(peer) ? again : again + setting.head_start;
      peer.next_circuit = now + setting.relay_after;
      peer.reach.clear();
      third_lost(peer.life);
      reach_changed(now);
    }
  }
  sooner(std::min(peer.next_dial, peer.next_circuit));
}

Duration Mesh::Impl::jittered(Duration pause) { return {prng.between(pause.ns / 2, pause.ns)}; }

void Mesh::Impl::lengthen(Duration& pause) {
  pause = std::min(std::max(pause * 2, setting.first_pause), setting.longest_pause);
}

void Mesh::Impl::reach_changed(Instant now) {
  if (reach_at == kNever) reach_at = now + kReachAfter;
  sooner(reach_at);
}

void Mesh::Impl::tell_reach() {
  reach_at = kNever;
  std::vector<uint64_t> hosts;
  std::vector<Connection*> links;
  for (auto& [life, peer] : peers) {
    Connection* at = find(peer.active);
    if (at == nullptr || at->circuit || (at->link->features() & kRelays) == 0) continue;
    hosts.push_back(reach_hash(life));
    links.push_back(at);
  }
  std::sort(hosts.begin(), hosts.end());
  hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
  for (Connection* at : links) {
    at->link->send_reach(hosts);
    touch(at->id);
  }
}

}  // namespace phoenix::peer
