// Who is asked for what, and the round that carries the parts' wishes to each other.

#include <algorithm>

#include "cluster/parts/impl.h"

namespace phoenix {

Cluster::Impl::Impl(const ClusterConfig& wanted)
    : config(wanted),
      alone(wanted.node.self.empty()),
      node(wanted.node),
      slots({.ring_key = wanted.node.ring_key,
             .self = wanted.node.self,
             .has_store = wanted.has_store && !alone}),
      calls(*this) {}

Destination Cluster::Impl::of_slot(SlotId slot) const {
  if (node.drives(slot)) return {Destination::Kind::kHere, {}};
  const HostLife& keeper = slots.keeper(slot);
  // Who held it before goes on until its row is clear. Then it is nobody's for a moment.
  const HostLife& there = keeper == config.node.self ? slots.holder(slot) : keeper;
  if (there.empty() || !links.contains(there)) return {};
  return {Destination::Kind::kThere, there};
}

Destination Cluster::Impl::of_host(const HostLife& host) const {
  if (host == config.node.self) return {Destination::Kind::kHere, {}};
  if (links.contains(host)) return {Destination::Kind::kThere, host};
  return {};
}

Destination Cluster::Impl::of_text(std::string_view text) const {
  const auto position = static_cast<Position>(siphash13(config.node.ring_key, text) >> 32);
  const Destination keeper = of_slot(slot_of(position));
  if (keeper.kind != Destination::Kind::kNowhere) return keeper;
  for (const ClusterHost& host : view.hosts) {
    if (host.weight > 0 && links.contains(host.life)) {
      return {Destination::Kind::kThere, host.life};
    }
  }
  return {};
}

std::optional<SlotId> Cluster::Impl::slot_of_packet(const PacketKey& key) const {
  const auto point = node.point_of(key);
  if (!point) return std::nullopt;
  return slot_of(*point);
}

std::optional<HostLife> Cluster::Impl::home_of_session(const std::string& session) const {
  const auto record = node.find_session(session);
  if (!record || record->home.empty()) return std::nullopt;
  return record->home;
}

std::optional<HostLife> Cluster::Impl::home_of_member(const MemberKey& key) const {
  const auto member = node.find_member(key);
  if (!member || member->record->session.empty()) return std::nullopt;
  return home_of_session(member->record->session);
}

SlotId Cluster::Impl::slot_of_new(const SubmitItem& item) const {
  return slot_of(point_of_new(config.node.ring_key, item));
}

// On the way of an owner's call for a ticket to its keeper: what its home, if that is this host,
// can promise it.
void Cluster::Impl::promise(const Caller& caller, CommandBody& body) {
  auto* const calls_made = std::get_if<OwnerCalls>(&body);
  if (calls_made == nullptr || caller.session.empty()) return;
  for (auto& item : calls_made->items) {
    if (!item || item->call != Call::kTicket || item->promised_ms > 0) continue;
    item->promised_ms = node.promise(now, caller);
    item->promised_at = now.wall;
  }
}

void Cluster::Impl::received(Now at, const HostLife& from, PeerMessage message) {
  if (auto* call = std::get_if<PeerCall>(&message)) {
    if (call->view > view.number) out.pool.beat = true;
    promise(call->caller, call->body);
    calls.from_peer(at, from, std::move(*call));
  } else if (auto* answer = std::get_if<PeerAnswer>(&message)) {
    if (answer->view > view.number) out.pool.beat = true;
    calls.answered(at, from, std::move(*answer));
  } else if (auto* more = std::get_if<PeerPortion>(&message)) {
    calls.told_more(from, std::move(*more));
  } else if (const auto* abandon = std::get_if<PeerAbandon>(&message)) {
    calls.peer_gone(from, *abandon);
  } else if (const auto* freed = std::get_if<SlotsFreed>(&message)) {
    if (freed->view > view.number) out.pool.beat = true;
    slots.freed(at.mono, from, freed->slots);
  } else if (const auto* numbers = std::get_if<Wrote>(&message)) {
    if (links.contains(from)) live_of[from] = *numbers;
    out.others_wrote = true;
  } else if (auto* said = std::get_if<NodeMessage>(&message)) {
    if (const auto* records = std::get_if<Records>(said)) {
      for (const auto& session : records->sessions) note_home(*session);
    }
    // It has said all that it answers for, and nothing of what it had told before.
    const auto* all = std::get_if<DeliverAll>(said);
    if (all != nullptr && all->last) want_to_compare();
    node.receive(at, from, std::move(*said));
  }
}

void Cluster::Impl::loaded(Now at, const PacketKey& key, Result<PacketLookup> lookup) {
  if (calls.locating(key)) {
    if (!lookup) {
      calls.located(at, key, tl::unexpected<Error>(lookup.error()));
    } else if (lookup->head) {
      // Ended ones too: their keeper knows at once if somebody retries them.
      calls.located(at, key, std::optional<SlotId>(slot_of(lookup->head->point)));
    } else {
      calls.located(at, key, std::optional<SlotId>());
    }
  }
  if (alone || node_loads.erase(key) > 0) node.loaded(at, key, std::move(lookup));
}

void Cluster::Impl::settle() {
  // Each part's wishes may give the others new ones. A round that brings nothing new is the last.
  for (bool more = true; more;) {
    take_calls();
    more = node.has_output();
    if (more) take_node();
    if (slots.has_output()) {
      take_slots();
      more = true;
    }
    more = end_work() || more;
  }
  tell_written();
  out.fenced = out.fenced || slots.fenced();
  ask_for_homes();
  ask_for_records();
  ask_to_compare();
}

void Cluster::Impl::take_calls() {
  CallsOutput done = calls.take();
  for (Command& command : done.here) node.command(now, std::move(command));
  for (WholeAnswer& whole : done.keep) {
    node.keep(now, whole.id, whole.key, std::move(whole.answer));
  }
  for (const RequestId id : done.abandoned_here) node.abandon(now, id);
  for (const auto& [id, by_peer] : done.streams_closed_here) node.stream_closed(now, id, by_peer);
  for (auto& [to, message] : done.messages) {
    if (auto* call = std::get_if<PeerCall>(&message)) call->view = view.number;
    if (auto* answer = std::get_if<PeerAnswer>(&message)) answer->view = view.number;
    out.messages.push_back({std::move(to), std::move(message)});
  }
  for (Reply& reply : done.replies) out.node.replies.push_back(std::move(reply));
  for (StreamPortion& portion : done.portions) out.node.portions.push_back(std::move(portion));
  for (PacketKey& key : done.loads) {
    if (!node_loads.contains(key)) out.node.loads.push_back(std::move(key));
  }
}

void Cluster::Impl::take_node() {
  Output done = node.take_output();
  for (Group& group : done.groups) out.node.groups.push_back(std::move(group));
  for (const uint64_t batch : done.resolves) out.node.resolves.push_back(batch);
  for (PacketKey& key : done.loads) {
    const bool asked = calls.locating(key);
    if (node_loads.insert(key).second && !asked) out.node.loads.push_back(std::move(key));
  }
  for (Reply& reply : done.replies) calls.node_replied(now, std::move(reply));
  for (StreamPortion& portion : done.portions) calls.node_told_more(std::move(portion));
  for (NodeMessageOut& told : done.messages) tell(std::move(told));
  if (!done.released.empty()) slots.given_up(now.mono, done.released);
  for (MemberKey& key : done.wanted_members) wanted_members.insert(std::move(key));
  for (std::string& id : done.wanted_sessions) wanted_sessions.insert(std::move(id));
  for (HeldQuery& query : done.wanted_held) out.pool.held.push_back(std::move(query));
  for (PacketKey& key : done.wanted_payloads) out.node.wanted_payloads.push_back(std::move(key));
  for (const uint64_t id : done.wanted_heads) out.node.wanted_heads.push_back(id);
}

void Cluster::Impl::tell(NodeMessageOut told) {
  if (!told.to.empty()) {
    if (links.contains(told.to)) out.messages.push_back({told.to, std::move(told.message)});
    return;
  }
  for (const HostLife& peer : links) out.messages.push_back({peer, told.message});
}

void Cluster::Impl::tell_freed(const std::vector<SlotId>& freed) {
  for (const HostLife& peer : links) {
    out.messages.push_back({peer, SlotsFreed{.view = view.number, .slots = freed}});
  }
}

void Cluster::Impl::take_slots() {
  Slots::Output wanted = slots.take_output();
  if (wanted.read) out.pool.read_slots = true;
  // There may be a second round before the output is taken.
  const auto add = [](std::vector<SlotId>& to, const std::vector<SlotId>& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  claim(wanted.claim);
  add(out.pool.release, wanted.release);
  add(out.pool.scan, wanted.scan);
  if (!wanted.give_up.empty()) node.give_up(now, wanted.give_up);
  if (!wanted.freed.empty()) tell_freed(wanted.freed);
}

}  // namespace phoenix
