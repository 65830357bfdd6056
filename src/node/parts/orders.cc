// What others than the owner may ask of a packet: cancel, assign, evict, retry.

#include "node/admission/admission.h"

namespace phoenix {

void Node::Impl::order(Command command, OrderPacket& request) {
  const SlotNo slot = packets.find(request.key);
  if (slot != kNoSlot ? packets[slot].busy : !is_looked_up(command, request.key)) {
    const PacketKey key = request.key;
    command.body = std::move(request);
    must_wait(command, key, true);
    return;
  }
  if (kept_elsewhere(request.key, slot)) return refuse(command.id, elsewhere(request.key));
  if (slot != kNoSlot && request.order == Order::kAssign &&
      Admission(*this).must_read_payload(*packets[slot].head)) {
    const std::string awaited = payload_block_name(request.key);
    command.body = std::move(request);
    return block(awaited, std::move(command));
  }
  if (slot != kNoSlot) return order_live(command, request, slot);
  const PacketLookup& lookup = looked_up.at(request.key);
  if (!lookup.head) {
    return refuse(command.id, {.kind = lookup.tombstone ? ErrorKind::kGone : ErrorKind::kNotFound,
                               .detail = "no packet " + std::string(request.key.id()) +
                                         " in namespace " + std::string(request.key.ns())});
  }
  const Packet head = *lookup.head;
  order_ended(command, request, head);
}

// Is `to` a member that may take this packet by name?
std::optional<Error> Node::Impl::give_to(const OrderPacket& order, const Slot& slot, MemberNo* to) {
  *to = directory.find_member(MemberKey(order.key.ns(), order.to));
  const std::string why = why_not(*to, slot);
  if (why.empty()) {
    const auto denied = refusal_of(*slot.head, *to);
    if (!denied) return std::nullopt;
    return policy_error(*denied, "/to: " + order.to + " may not have the packet");
  }
  return packet_error(ErrorKind::kNotEligible, *slot.head, status(slot),
                      "/to: " + order.to + " cannot take the packet: " + why);
}

// To the next one, but not back at once if nobody else can take it.
void Node::Impl::evict_for_order(const Slot& slot, Change* change, MemberNo* to) {
  Packet asking = *slot.head;
  asking.avoid = asking.owner->id;
  Change where = regrant(slot, asking, Event::kEvict, to);
  if (*to != kNobody && *to == slot.owner) {
    placement.add_load(directory.member(*to).ring, -int64_t{asking.spec->load});
    *to = kNobody;
    change->parked = {.reason = ParkReason::kBackoff, .since = now.wall, .until = now.wall + 1000};
  } else {
    where.reason = std::move(change->reason);
    *change = std::move(where);
  }
  change->event = Event::kEvict;
  change->avoid = asking.avoid;
}

void Node::Impl::order_live(Command& command, OrderPacket& order, SlotNo no) {
  Slot& slot = packets[no];
  const Packet& head = *slot.head;
  const auto refused = [&](Error error) { refuse(command.id, std::move(error)); };
  if (order.if_revision && *order.if_revision != head.revision) {
    return refused(packet_error(ErrorKind::kPreconditionFailed, head, status(slot),
                                "If-Match: the revision is " + std::to_string(head.revision)));
  }
  const bool owned = head.owner.has_value();
  Change change;
  change.reason = order.reason;
  MemberNo to = kNobody;
  switch (order.order) {
    case Order::kCancel:
      change.event = Event::kCancel;
      break;
    case Order::kRetry:
      return refused(packet_error(ErrorKind::kWrongState, head, status(slot),
                                  "retry is for FAILED, EXPIRED and CANCELED packets"));
    case Order::kAssign:
      if (auto error = ticket_refusal(slot)) return refused(std::move(*error));
      change.event = owned ? Event::kEvict : Event::kGrant;
      if (!order.to.empty()) {
        if (auto error = give_to(order, slot, &to)) return refused(std::move(*error));
        placement.add_load(directory.member(to).ring, head.spec->load);
      } else if (owned) {
        return refused(packet_error(ErrorKind::kWrongState, head, status(slot),
                                    "it is owned already; name the new owner by /to"));
      } else if (const auto found = place(head, slot.cls, {})) {
        to = *found;
        placement.add_load(directory.member(to).ring, head.spec->load);
      } else {
        return refused(packet_error(ErrorKind::kNotEligible, head, status(slot),
                                    "no member can take it now; ask explain for the reasons"));
      }
      break;
    case Order::kEvict:
      if (!owned) {
        return refused(packet_error(ErrorKind::kWrongState, head, status(slot), "nobody owns it"));
      }
      evict_for_order(slot, &change, &to);
      break;
  }
  if (to != kNobody && !change.to) {
    Admission(*this).name_owner(change, head, to, true);
  }
  auto done = transition(head, status(slot), change, now.wall);
  if (!done) {
    if (to != kNobody) {
      placement.add_load(directory.member(to).ring, -int64_t{head.spec->load});
    }
    return refused(
        packet_error(ErrorKind::kWrongState, head, status(slot), "not possible in this state"));
  }
  Write write = new_write();
  const PacketView shown{done->head, done->head->status, done->head->parked,
                         contract_of(*done->head)};
  step(write, no, std::move(*done), {}, to);
  if (owned) {
    withdraw(no);
    write.packets.back().revoke =
        order.order == Order::kCancel ? RevokeReason::kCanceled : RevokeReason::kEvicted;
    if (order.order != Order::kCancel) write.packets.back().move = MoveCause::kOperator;
  }
  finish_with(write, command, PacketReply{.packet = shown, .created = false});
  submit_write(std::move(write));
}

void Node::Impl::order_ended(Command& command, OrderPacket& order, const Packet& head) {
  const auto refused = [&](Error error) { refuse(command.id, std::move(error)); };
  if (order.if_revision && *order.if_revision != head.revision) {
    return refused(packet_error(ErrorKind::kPreconditionFailed, head, head.status,
                                "If-Match: the revision is " + std::to_string(head.revision)));
  }
  const PacketView shown{std::make_shared<const Packet>(head), head.status, {}, contract_of(head)};
  if (order.order == Order::kCancel && head.status == Status::kCanceled) {
    Write write = new_write();
    finish_with(write, command, PacketReply{.packet = shown, .created = false});
    return submit_write(std::move(write));
  }
  Change change;
  change.event = Event::kRetry;
  change.reason = order.reason;
  change.parked = parked_for_retry(head);
  auto done =
      order.order == Order::kRetry ? transition(head, head.status, change, now.wall) : std::nullopt;
  if (!done) {
    return refused(
        packet_error(ErrorKind::kWrongState, head, head.status,
                     "the packet has ended as " + std::string(status_name(head.status))));
  }
  if (head.spec->deadline != kNoWall && head.spec->deadline <= now.wall) {
    return refused(packet_error(ErrorKind::kWrongState, head, head.status,
                                "its deadline has passed; submit it anew"));
  }
  if (packets.size() >= config.max_live_packets) {
    return refused({.kind = ErrorKind::kTooManyRequests, .detail = "too many live packets"});
  }
  const ClassId cls = intern(head);
  const SlotNo slot = packets.add(shown.head, cls);
  packets[slot].coming = true;
  Write write = new_write();
  const PacketView next{done->head, done->head->status, done->head->parked,
                        contract_of(*done->head)};
  step(write, slot, std::move(*done), {}, kNobody);
  finish_with(write, command, PacketReply{.packet = next, .created = false});
  submit_write(std::move(write));
}

}  // namespace phoenix
