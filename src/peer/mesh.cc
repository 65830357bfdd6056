#include "peer/mesh.h"

#include "peer/mesh_machine.h"

namespace phoenix::peer {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

Mesh::Impl::Connection& Mesh::Impl::add_connection(std::unique_ptr<Link> link, HostLife peer) {
  const ConnectionId id = ++last_id;
  Connection& at = connections[id];
  at.id = id;
  at.link = std::move(link);
  at.peer = std::move(peer);
  sooner(at.link->next_deadline());
  return at;
}

Mesh::Impl::Connection* Mesh::Impl::find(ConnectionId id) {
  const auto found = connections.find(id);
  return found == connections.end() ? nullptr : &found->second;
}

void Mesh::Impl::settle(Instant now) {
  while (!touched.empty()) {
    const ConnectionId id = touched.front();
    touched.pop_front();
    Connection* at = find(id);
    while (at != nullptr && at->link->has_events()) {
      for (LinkEvent& event : at->link->take_events()) take(now, id, std::move(event));
      at = find(id);
    }
    if (at == nullptr) continue;
    if (at->circuit) {
      pump(now, *at);
    } else if (at->ready && !at->listed && at->link->has_bytes()) {
      at->listed = true;
      output.writable.push_back(id);
    }
  }
}

void Mesh::Impl::take(Instant now, ConnectionId id, LinkEvent event) {
  Connection* at = find(id);
  if (at == nullptr) return;
  if (std::holds_alternative<Greeted>(event)) {
    greeted(now, *at);
  } else if (std::holds_alternative<Up>(event)) {
    went_up(now, *at);
  } else if (auto* message = std::get_if<Received>(&event)) {
    ++counts.messages_in;
    output.events.emplace_back(PeerBytes{at->peer, std::move(message->bytes)});
  } else if (const auto* room = std::get_if<Writable>(&event)) {
    output.events.emplace_back(PeerWritable{at->peer, room->urgency});
    if (room->urgency != Urgency::kNormal) return;
    for (const auto& [key, circuit] : circuits) touch(circuit);
  } else if (const auto* end_of_it = std::get_if<Closed>(&event)) {
    if (!at->was_up) tell_refusal(*at, end_of_it->why);
    if (at->was_up && end_of_it->why == CloseReason::kSilent) ++counts.downs_silent;
    if (end_of_it->why == CloseReason::kMalformed) ++counts.malformed;
    finish(now, id);
  } else if (at->circuit) {
    // Of links of its own alone: a circuit within a circuit is nothing anybody meant.
    at->link->lost();
    touch(id);
  } else if (const auto* frame = std::get_if<RelayFrame>(&event)) {
    took_relay(now, at->peer, *frame);
  } else if (auto* reach = std::get_if<Reach>(&event)) {
    const auto peer = peers.find(at->peer);
    if (peer == peers.end()) return;
    peer->second.reach = std::move(reach->hosts);
    third_reaches(peer->second);
  }
}

// The judgement of a stranger who speaks our language and belongs to our pool.
void Mesh::Impl::greeted(Instant now, Connection& at) {
  const HostLife& life = at.link->theirs().self;
  touch(at.id);
  if (at.circuit && life != at.peer) {
    return at.link->refuse({RefusalCode::kOtherHost, {{"host", to_text(at.peer), to_text(life)}}});
  }
  at.peer = life;
  if (at.names && std::find(at.names->begin(), at.names->end(), life.host) == at.names->end()) {
    return at.link->refuse(
        {RefusalCode::kCertificate, {{"certificate", life.host, joined(*at.names)}}});
  }
  const auto found = peers.find(life);
  if (found == peers.end()) {
    return at.link->refuse({RefusalCode::kNotInView, {}});
  }
  // Who does not decide takes what the other one decides, also when it believes in another link.
  const Connection* active = find(found->second.active);
  if (at.link->decides() && active != nullptr && (!active->circuit || at.circuit)) {
    return at.link->refuse({RefusalCode::kDuplicate, {}});
  }
  at.link->consent(now);
}

void Mesh::Impl::went_up(Instant now, Connection& at) {
  strangers.erase(at.id);
  const auto found = peers.find(at.peer);
  if (found == peers.end()) return end(at.id);
  Peer& peer = found->second;
  // Their end is told before this beginning. While a third host helps, dialling goes on.
  for (const ConnectionId other :
       {peer.active, peer.opening, at.circuit ? ConnectionId{0} : peer.dialling}) {
    Connection* old = other == at.id ? nullptr : find(other);
    if (old == nullptr) continue;
    old->link->refuse({RefusalCode::kDuplicate, {}});
    old->link->lost();
    finish(now, other);
  }
  if (peer.dialling == at.id) peer.dialling = 0;
  if (peer.opening == at.id) peer.opening = 0;
  peer.active = at.id;
  at.was_up = true;
  at.up_since = now;
  ++counts.ups;
  if (peer.was_up) ++counts.reconnects;
  peer.was_up = true;
  sooner(at.link->next_deadline());
  output.events.emplace_back(PeerUp{at.peer});
  if (at.circuit) {
    ++counts.circuits_opened;
  } else {
    reach_changed(now);
  }
}

void Mesh::Impl::tell_refusal(const Connection& at, CloseReason why) {
  PeerFailed failed{at.peer, why, std::nullopt, false, at.why};
  if (const Refusal* refusal = at.link->refusal(); refusal != nullptr) {
    if (refusal->code == RefusalCode::kDuplicate) {
      ++counts.duplicates;
      return;
    }
    ++counts.refused;
    failed.refusal = refusal->code;
    failed.by_peer = at.link->refused_by_peer();
    failed.why = to_text(*refusal);
  } else if (failed.why.empty()) {
    failed.why = why == CloseReason::kSilent      ? "no answer in time"
                 : why == CloseReason::kMalformed ? "it does not speak this protocol"
                                                  : "the connection was closed";
  }
  output.events.emplace_back(std::move(failed));
}

void Mesh::Impl::end(ConnectionId id) {
  Connection* at = find(id);
  if (at == nullptr) return;
  at->link->lost();
  touch(id);
}

// The one place where a connection ends; its link is closed.
void Mesh::Impl::finish(Instant now, ConnectionId id) {
  const auto found = connections.find(id);
  if (found == connections.end()) return;
  Connection at = std::move(found->second);
  connections.erase(found);
  strangers.erase(id);
  if (at.circuit) {
    close_circuit(now, at);
  } else if (!at.gone) {
    CloseOrder order{id, {}};
    if (at.ready) {
      while (at.link->has_bytes()) at.link->take_bytes(now, 1, order.last);
    }
    output.closes.push_back(std::move(order));
  }
  const auto peer = peers.find(at.peer);
  if (peer != peers.end()) {
    went_down(now, peer->second, at);
  } else if (at.was_up) {
    output.events.emplace_back(PeerDown{at.peer});
    if (!at.circuit) third_lost(at.peer);
  }
}

// They are as old as their ids are small.
void Mesh::Impl::evict_strangers() {
  while (strangers.size() > setting.max_strangers) {
    const ConnectionId oldest = *strangers.begin();
    strangers.erase(strangers.begin());
    ++counts.evicted;
    end(oldest);
  }
}

Mesh::Mesh(const MeshSetting& setting) : impl_(std::make_unique<Impl>(setting)) {}
Mesh::~Mesh() = default;

void Mesh::set_peers(Instant now, std::vector<PeerAddress> peers) {
  impl_->set_peers(now, std::move(peers));
  impl_->settle(now);
}

ConnectionId Mesh::accepted(Instant now) {
  Impl& at = *impl_;
  ++at.counts.accepts;
  const ConnectionId id = at.add_connection(Link::accepted(at.setting.link, now), {}).id;
  at.strangers.insert(id);
  at.evict_strangers();
  at.settle(now);
  return id;
}

void Mesh::ready(Instant now, ConnectionId id, std::optional<std::vector<std::string>> names) {
  Impl::Connection* at = impl_->find(id);
  if (at == nullptr) return;
  at->ready = true;
  at->names = std::move(names);
  impl_->touch(id);
  impl_->settle(now);
}

void Mesh::received(Instant now, ConnectionId id, std::string_view bytes) {
  Impl::Connection* at = impl_->find(id);
  if (at == nullptr) return;
  impl_->counts.bytes_in += bytes.size();
  at->link->received(now, bytes);
  impl_->touch(id);
  impl_->settle(now);
}

void Mesh::take_bytes(Instant now, ConnectionId id, size_t limit, std::string& into) {
  Impl::Connection* at = impl_->find(id);
  if (at == nullptr || !at->ready) return;
  const size_t before = into.size();
  at->link->take_bytes(now, limit, into);
  impl_->counts.bytes_out += into.size() - before;
  if (!at->link->has_events()) return;
  impl_->touch(id);
  impl_->settle(now);
}

bool Mesh::has_bytes(ConnectionId id) const {
  const Impl::Connection* at = impl_->find(id);
  return at != nullptr && at->ready && at->link->has_bytes();
}

void Mesh::closed(Instant now, ConnectionId id, std::string_view why) {
  Impl::Connection* at = impl_->find(id);
  if (at == nullptr) return;
  at->gone = true;
  at->why = why;
  impl_->end(id);
  impl_->settle(now);
}

void Mesh::tick(Instant now) {
  impl_->tick(now);
  impl_->settle(now);
}

Instant Mesh::next_deadline() const { return impl_->deadline; }

bool Mesh::send(Instant now, const HostLife& to, std::string bytes, Urgency urgency) {
  const auto found = impl_->peers.find(to);
  Impl::Connection* at = found == impl_->peers.end() ? nullptr : impl_->find(found->second.active);
  if (at == nullptr || !at->link->send(std::move(bytes), urgency)) {
    ++impl_->counts.not_taken;
    return false;
  }
  ++impl_->counts.messages_out;
  if (at->listed) return true;
  impl_->touch(at->id);
  impl_->settle(now);
  return true;
}

void Mesh::cut(Instant now, const HostLife& peer) {
  const auto found = impl_->peers.find(peer);
  if (found == impl_->peers.end()) return;
  impl_->end(found->second.active);
  impl_->settle(now);
}

MeshOutput Mesh::take_output() {
  for (const ConnectionId id : impl_->output.writable) {
    if (Impl::Connection* at = impl_->find(id); at != nullptr) at->listed = false;
  }
  return std::exchange(impl_->output, {});
}

bool Mesh::has_output() const {
  const MeshOutput& out = impl_->output;
  return !out.dials.empty() || !out.closes.empty() || !out.writable.empty() || !out.events.empty();
}

bool Mesh::up(const HostLife& peer) const {
  const auto found = impl_->peers.find(peer);
  return found != impl_->peers.end() && found->second.active != 0;
}

size_t Mesh::queued(const HostLife& to, Urgency urgency) const {
  const auto found = impl_->peers.find(to);
  if (found == impl_->peers.end()) return 0;
  const Impl::Connection* at = impl_->find(found->second.active);
  return at == nullptr ? 0 : at->link->queued(urgency);
}

bool Mesh::knows(const HostLife& peer) const { return impl_->peers.contains(peer); }

std::vector<PeerState> Mesh::peers() const {
  std::vector<PeerState> out;
  for (const auto& [life, peer] : impl_->peers) {
    PeerState& state = out.emplace_back();
    state.life = life;
    const Impl::Connection* at = impl_->find(peer.active);
    if (at == nullptr) continue;
    state.up = true;
    if (at->circuit) state.via = at->circuit->via;
    for (size_t i = 0; i < kUrgencies; ++i) {
      state.queued[i] = at->link->queued(static_cast<Urgency>(i));
    }
  }
  return out;
}

size_t Mesh::links_up() const {
  return static_cast<size_t>(std::count_if(impl_->peers.begin(), impl_->peers.end(),
                                           [](const auto& at) { return at.second.active != 0; }));
}

size_t Mesh::relayed_up() const {
  return static_cast<size_t>(
      std::count_if(impl_->peers.begin(), impl_->peers.end(), [this](const auto& at) {
        const Impl::Connection* active = impl_->find(at.second.active);
        return active != nullptr && active->circuit.has_value();
      }));
}

const MeshCounts& Mesh::counts() const { return impl_->counts; }

}  // namespace phoenix::peer
