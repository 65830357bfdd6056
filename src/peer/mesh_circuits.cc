// The two ends of a circuit, and the third host between them.
#include "base/siphash.h"
#include "peer/frame.h"
#include "peer/mesh_machine.h"

namespace phoenix::peer {
namespace {

// With a frame that begins below it and the names around, this fits into one frame.
constexpr size_t kCircuitSlice = kMaxSlice / 2;
static_assert(kCircuitSlice + kMaxSlice + kFrameHeader + kRelayOverhead <= kMaxPayload);

}  // namespace

void Mesh::Impl::open_circuit(Instant now, Peer& peer) {
  Peer* third = circuits.size() < setting.max_circuits ? choose_third(peer) : nullptr;
  if (third == nullptr) {
    peer.next_circuit = now + setting.relay_after;
    return;
  }
  Connection& at = add_connection(Link::dialled(setting.link, now, peer.life), peer.life);
  at.ready = true;
  Circuit circuit;
  circuit.via = third->life;
  circuit.number = ++last_circuit;
  at.circuit = std::move(circuit);
  circuits[{peer.life, at.circuit->number}] = at.id;
  peer.opening = at.id;
  say(at, RelayOp::kOpen, 0, {});
  touch(at.id);
}

// By hash, so that the pairs of a cut spread over all that can help; another one at each try.
Mesh::Impl::Peer* Mesh::Impl::choose_third(const Peer& peer) {
  const uint64_t wanted = reach_hash(peer.life);
  Peer* best = nullptr;
  uint64_t best_score = 0;
  for (auto& [life, third] : peers) {
    if (life == peer.life || !direct(third)) continue;
    if (!std::binary_search(third.reach.begin(), third.reach.end(), wanted)) continue;
    const std::string text = to_text(setting.link.self) + to_text(peer.life) + to_text(life) +
                             std::to_string(peer.circuit_tries);
    const uint64_t score = siphash13(RingKey{}, text);
    if (best != nullptr && score <= best_score) continue;
    best = &third;
    best_score = score;
  }
  return best;
}

void Mesh::Impl::took_relay(Instant now, const HostLife& from, const RelayFrame& frame) {
  const auto message = decode_relay(frame.bytes);
  const bool honest = message && (frame.passed ? message->to == setting.link.self
                                               : message->from == from && message->to != from);
  if (!honest) {
    ++counts.malformed;
    const auto peer = peers.find(from);
    if (peer != peers.end()) end(peer->second.active);
    return;
  }
  if (frame.passed) return took_circuit(now, from, *message);
  pass_on(from, frame.bytes, *message);
}

// As the third host.
void Mesh::Impl::pass_on(const HostLife& from, const std::string& frame,
                         const RelayMessage& message) {
  const auto target = peers.find(message.to);
  Connection* to =
      target != peers.end() && direct(target->second) ? find(target->second.active) : nullptr;
  if (to != nullptr && to->link->send_relay(frame, true)) {
    ++counts.relayed_frames;
    counts.relayed_bytes += message.bytes.size();
    touch(to->id);
    return;
  }
  ++counts.relay_drops;
  if (message.op == RelayOp::kClose) return;
  send_over(from, {message.to, message.from, message.circuit, RelayOp::kClose, 0, {}}, true);
}

void Mesh::Impl::took_circuit(Instant now, const HostLife& via, const RelayMessage& message) {
  if (message.op == RelayOp::kOpen) return opened_circuit(now, via, message);
  const auto found = circuits.find({message.from, message.circuit});
  Connection* at = found == circuits.end() ? nullptr : find(found->second);
  if (at == nullptr || at->circuit->via != via) {
    if (message.op == RelayOp::kClose) return;
    send_over(via, {message.to, message.from, message.circuit, RelayOp::kClose, 0, {}}, false);
    return;
  }
  Circuit& circuit = *at->circuit;
  switch (message.op) {
    case RelayOp::kData:
      if (message.at != circuit.taken) return end(at->id);
      circuit.taken += message.bytes.size();
      at->link->received(now, message.bytes);
      if (circuit.taken - circuit.credited >= setting.circuit_window / 4 &&
          say(*at, RelayOp::kCredit, circuit.taken, {})) {
        circuit.credited = circuit.taken;
      }
      break;
    case RelayOp::kCredit:
      if (message.at < circuit.acknowledged || message.at > circuit.sent) return end(at->id);
      circuit.acknowledged = message.at;
      break;
    case RelayOp::kClose:
      circuit.over_there = true;
      return end(at->id);
    case RelayOp::kOpen:
      break;
  }
  touch(at->id);
}

void Mesh::Impl::opened_circuit(Instant now, const HostLife& via, const RelayMessage& message) {
  const CircuitKey key{message.from, message.circuit};
  const bool wanted = peers.contains(message.from) && message.from < setting.link.self &&
                      circuits.size() < setting.max_circuits && !circuits.contains(key);
  if (!wanted) {
    send_over(via, {message.to, message.from, message.circuit, RelayOp::kClose, 0, {}}, false);
    return;
  }
  Connection& at = add_connection(Link::accepted(setting.link, now), message.from);
  at.ready = true;
  Circuit circuit;
  circuit.via = via;
  circuit.number = message.circuit;
  at.circuit = std::move(circuit);
  circuits[key] = at.id;
}

// What the link has to send, as far as window and third host take it.
void Mesh::Impl::pump(Instant now, Connection& at) {
  Circuit& circuit = *at.circuit;
  const auto third = peers.find(circuit.via);
  Connection* by = third == peers.end() ? nullptr : find(third->second.active);
  if (by == nullptr) return end(at.id);
  while (at.link->has_bytes()) {
    if (circuit.sent - circuit.acknowledged + kMaxPayload > setting.circuit_window) break;
    if (!by->link->takes(Urgency::kNormal)) break;
    std::string bytes;
    at.link->take_bytes(now, kCircuitSlice, bytes);
    say(at, RelayOp::kData, circuit.sent, bytes);
    circuit.sent += bytes.size();
  }
  if (at.link->has_events()) touch(at.id);
}

bool Mesh::Impl::say(Connection& at, RelayOp op, uint64_t value, std::string_view bytes) {
  const Circuit& circuit = *at.circuit;
  return send_over(circuit.via, {setting.link.self, at.peer, circuit.number, op, value, bytes},
                   false);
}

bool Mesh::Impl::send_over(const HostLife& via, const RelayMessage& message, bool passed) {
  const auto third = peers.find(via);
  if (third == peers.end() || !direct(third->second)) return false;
  Connection* by = find(third->second.active);
  if (!by->link->send_relay(encode(message), passed)) return false;
  touch(by->id);
  return true;
}

void Mesh::Impl::close_circuit(Instant now, Connection& at) {
  circuits.erase({at.peer, at.circuit->number});
  if (at.circuit->over_there) return;
  // Its last word, if there is one, is why it was refused.
  std::string last;
  if (at.link->has_bytes()) at.link->take_bytes(now, kCircuitSlice, last);
  if (!last.empty()) say(at, RelayOp::kData, at.circuit->sent, last);
  say(at, RelayOp::kClose, 0, {});
}

void Mesh::Impl::third_lost(const HostLife& third) {
  for (const auto& [key, id] : circuits) {
    const Connection* at = find(id);
    if (at != nullptr && at->circuit->via == third) end(id);
  }
}

// It has said whom it reaches; where that does not name the other end any more, the circuit is over
// before its silence shows it.
void Mesh::Impl::third_reaches(Peer& third) {
  for (const auto& [key, id] : circuits) {
    const Connection* at = find(id);
    if (at == nullptr || at->circuit->via != third.life) continue;
    const uint64_t wanted = reach_hash(at->peer);
    if (!std::binary_search(third.reach.begin(), third.reach.end(), wanted)) end(id);
  }
}

}  // namespace phoenix::peer
