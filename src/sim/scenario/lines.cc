#include <fmt/format.h>

#include "sim/scenario/player.h"

namespace phoenix::sim {

namespace {

std::string error_text(const Error& error) {
  std::string out = fmt::format("refused {}", kind_name(error.kind));
  if (error.epoch) out += fmt::format(" epoch={}", *error.epoch);
  if (error.owner) out += fmt::format(" owner={}", error.owner->empty() ? "-" : *error.owner);
  if (!error.packet_status.empty()) out += " status=" + error.packet_status;
  return out;
}

std::string owner_text(const OwnerReply& reply) {
  return fmt::format("{} {} epoch={} revision={}", reply.id, status_name(reply.status), reply.epoch,
                     reply.revision);
}

std::string item_text(const ItemReply& item) {
  if (const auto* packet = std::get_if<PacketReply>(&item)) {
    return packet_text(packet->packet) + (packet->created ? " created" : "");
  }
  if (const auto* owner = std::get_if<OwnerReply>(&item)) return owner_text(*owner);
  return error_text(std::get<Error>(item));
}

std::string members_text(const MembersReply& reply) {
  std::string out;
  for (const MemberView& view : reply.members) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{} {} incarnation={}", view.record->key.id(),
                       member_status_name(view.record->status), view.record->incarnation);
  }
  if (reply.session) {
    out += fmt::format(" session={} token={}", reply.session->id, reply.session->generation);
  }
  return out;
}

std::string attach_text(const AttachReply& reply) {
  std::string out = fmt::format("attached session={} token={} run={}", reply.session.id,
                                reply.session.generation, reply.run);
  if (reply.incarnation) out += fmt::format(" incarnation={}", *reply.incarnation);
  out += " held=[";
  for (size_t i = 0; i < reply.held.size(); ++i) {
    out += fmt::format("{}{}@{}", i == 0 ? "" : " ", reply.held[i].first, reply.held[i].second);
  }
  return out + "]";
}

}  // namespace

std::string plan_text(const Plan& plan) {
  std::string out =
      fmt::format("plan moved={} placed={} parked={} failed={} woken={} kept={}", plan.taken,
                  plan.placed, plan.parked, plan.failed, plan.woken, plan.kept);
  for (const PlannedMove& move : plan.moves) {
    out += fmt::format("\n  {} {} -> {}", move.packet, move.from.empty() ? "-" : move.from,
                       move.to.empty() ? "-" : move.to);
    if (move.parked) out += fmt::format(" parked={}", park_reason_name(move.parked->reason));
    if (move.fails) out += " FAILED";
  }
  return out;
}

std::string refusal_text(const Error& error) { return error_text(error); }

std::string packet_text(const PacketView& view) {
  const Packet& head = *view.head;
  std::string out =
      fmt::format("{} {} owner={} epoch={} revision={}", head.key.id(), status_name(view.status),
                  head.owner ? head.owner->id : "-", head.epoch, head.revision);
  const std::optional<Parked>& parked = view.parked ? view.parked : head.parked;
  if (parked) out += fmt::format(" parked={}", park_reason_name(parked->reason));
  if (head.attempts > 0) out += fmt::format(" attempts={}", head.attempts);
  if (head.losses > 0) out += fmt::format(" losses={}", head.losses);
  if (head.last_error) out += fmt::format(" code={}", head.last_error->code);
  return out;
}

std::string deliveries_text(const DeliveriesReply& reply) {
  std::string out;
  for (const Delivery& item : reply.deliveries) {
    out +=
        fmt::format("deliver {}@{} to {}, ", item.packet.head->key.id(), item.epoch, item.member);
  }
  for (const Revoked& item : reply.revoked) {
    out += fmt::format("revoked {}@{} {}, ", item.id, item.epoch, revoke_reason_name(item.reason));
  }
  if (reply.drain) out += "drain, ";
  if (out.empty()) out = "nothing, ";
  return out + fmt::format("next={} run={}", reply.next, reply.run);
}

std::string reply_text(const ReplyBody& body) {
  if (const auto* error = std::get_if<Error>(&body)) return error_text(*error);
  if (const auto* packet = std::get_if<PacketReply>(&body)) return item_text(ItemReply(*packet));
  if (const auto* owner = std::get_if<OwnerReply>(&body)) return owner_text(*owner);
  if (const auto* reply = std::get_if<MembersReply>(&body)) return members_text(*reply);
  if (const auto* reply = std::get_if<DeliveriesReply>(&body)) return deliveries_text(*reply);
  if (const auto* reply = std::get_if<AttachReply>(&body)) return attach_text(*reply);
  if (const auto* batch = std::get_if<BatchReply>(&body)) {
    std::string out;
    for (const ItemReply& item : batch->items) {
      out += (out.empty() ? "" : "\n") + item_text(item);
    }
    return out;
  }
  return "stream opened";
}

}  // namespace phoenix::sim
