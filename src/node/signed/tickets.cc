// Tickets: what an owner shows to third parties, and what follows for whoever keeps its packet.
//
// Who keeps the packet signs, so that it knows of every ticket there is; how long one may be good
// is the owner's home to say, and it says no more than it promises the owner itself. That there are
// tickets is durable before the first of an epoch leaves, with the longest life that any may have.
// So the keeper waits exactly as long as a ticket may be taken for good, and who takes the packet
// over, and knows of none, the longest that one may have been.

#include <algorithm>

#include "lineage/form/shown_ticket.h"
#include "node/parts/impl.h"

namespace phoenix {
namespace {

// A member that is driven by hand has no lease; its tickets last long enough for a human.
constexpr Duration kByHand = seconds(30);

}  // namespace

uint32_t Node::Impl::promise(const Caller& caller) {
  heard(caller);
  const SessionNo no = caller.session.empty() ? kNobody : directory.find_session(caller.session);
  if (no == kNobody) return 0;
  const Session& session = directory.session(no);
  const bool stands = session.here && session.active() && !session.ending &&
                      session.record->generation == caller.generation;
  return stands ? static_cast<uint32_t>(lease_left(session.lease()).ms()) : 0;
}

// Requires: the caller owns the packet in this epoch.
ItemReply Node::Impl::ticket(Write& write, const Caller& caller, SlotNo no, OwnerCall& call) {
  Slot& slot = packets[no];
  const PacketPtr head = slot.head;
  if (!config.signer) {
    return packet_error(ErrorKind::kWrongState, *head, status(slot),
                        "this host has no key of its own, so it signs no tickets");
  }
  const SessionNo session = directory.member(slot.owner).session;
  const Duration lease = session == kNobody ? kByHand : directory.session(session).lease();
  WallMs at = call.promised_at;
  int64_t promised = call.promised_ms;
  if (promised == 0) {
    // Its home fills that in on the way here; else the call took another one.
    if (owned_elsewhere(slot)) return elsewhere(call.key);
    at = now.wall;
    promised = session == kNobody ? lease.ms() : promise(caller);
  }
  // This host's own hold is its right to speak for the packet.
  const int64_t life = std::min<int64_t>(promised, lease_left(lease).ms());
  if (life <= 0) {
    Error error = {.kind = ErrorKind::kStoreUnreachable,
                   .detail =
                       "a host has not heard from the store for a lease, so nothing can be "
                       "promised"};
    error.retry_after_ms = 500;
    return error;
  }
  begin_work(no);
  slot.ticket_until =
      std::max(slot.ticket_until, now.mono + milliseconds(lineage::ticket_wait_ms(life)));
  OwnerReply answer = owner_reply(*head, Status::kRunning);
  answer.ticket = lineage::encode(ticket_of(*head, at, life));
  if (head->ticket_ms >= lease.ms()) return answer;
  Change change;
  change.event = Event::kTicket;
  change.ticket_ms = static_cast<uint32_t>(lease.ms());
  auto done = transition(*head, status(slot), change, now.wall);
  if (!done) {
    return packet_error(ErrorKind::kWrongState, *head, status(slot), "not possible in this state");
  }
  answer.revision = done->head->revision;
  step(write, no, std::move(*done), {}, kNobody);
  return answer;
}

lineage::ShownTicket Node::Impl::ticket_of(const Packet& head, WallMs at, int64_t life) const {
  lineage::Ticket ticket;
  ticket.pool = config.pool;
  ticket.ns = head.key.ns();
  ticket.packet = head.key.id();
  ticket.epoch = head.epoch;
  ticket.owner = {head.owner->id, head.owner->incarnation};
  if (head.governed && head.governed->scopes) ticket.scopes = *head.governed->scopes;
  ticket.issued_at = at;
  ticket.expires_at = at + life;
  lineage::ShownTicket shown;
  shown.grant = config.grant;
  shown.ticket = lineage::encode(ticket);
  shown.evidence.envelope =
      lineage::seal_bytes(config.signer->pair, lineage::Ticket::kType, shown.ticket);
  return shown;
}

// Until when nobody may be handed it: its owner, or its last one, may show a ticket that is good.
// Nothing: at once.
std::optional<Parked> Node::Impl::held_back(const Slot& slot) const {
  if (slot.ticket_until <= now.mono || planted(PlantedBug::kTicketNotWaitedFor)) {
    return std::nullopt;
  }
  const int64_t left = (slot.ticket_until - now.mono).ms() + 1;
  return Parked{.reason = ParkReason::kLiveTicket, .since = now.wall, .until = now.wall + left};
}

// A change that takes it from its owner without the owner's word, and parks it for a while.
void Node::Impl::outwait_ticket(const Slot& slot, Change& change) const {
  const auto held = held_back(slot);
  if (held && change.parked && change.parked->until < held->until) change.parked = held;
}

// As grant_or_park(), for what is taken from its owner without the owner's word.
Change Node::Impl::regrant(const Slot& slot, const Packet& head, Event event, MemberNo* to) {
  auto held = held_back(slot);
  if (!held) return grant_or_park(head, slot.cls, event, to);
  Change change;
  change.event = event;
  change.parked = std::move(held);
  *to = kNobody;
  return change;
}

// Nobody here knows of tickets of a packet that was just read from the store; of what the head says
// there may be one of the longest life.
void Node::Impl::expect_ticket(Slot& slot) const {
  const Packet& head = *slot.head;
  if (head.ticket_ms == 0 || planted(PlantedBug::kTicketPromiseForgotten)) return;
  slot.ticket_until = now.mono + milliseconds(lineage::ticket_wait_ms(head.ticket_ms));
}

// A packet that ended without its owner's word lives again: how long its last tickets may be good.
// When it ended stands there by the clock of a host that may be another one, so it counts from now.
Parked Node::Impl::parked_for_retry(const Packet& head) const {
  Parked parked{.reason = ParkReason::kBackoff, .since = now.wall, .until = now.wall};
  if (head.ticket_ms == 0) return parked;
  parked.reason = ParkReason::kLiveTicket;
  parked.until = now.wall + lineage::ticket_wait_ms(head.ticket_ms);
  return parked;
}

// An operator names the next owner, and may not while another one can show a ticket.
std::optional<Error> Node::Impl::ticket_refusal(const Slot& slot) const {
  const auto held = held_back(slot);
  if (!held) return std::nullopt;
  const int64_t left = held->until - now.wall;
  Error error = packet_error(
      ErrorKind::kConflict, *slot.head, status(slot),
      "a ticket of its owner may be good for " + std::to_string(left) +
          " ms more; evict it first if it has an owner, and assign it when they are over");
  error.reason_code = "live-ticket";
  error.retry_after_ms = left;
  return error;
}

}  // namespace phoenix
