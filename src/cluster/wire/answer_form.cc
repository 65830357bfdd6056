// Answers, as one host passes them back to another: [kind, ...]. Unlike the stored form of kept
// answers (node/command.h) nothing is left out: what is read is what the node has said.

#include <type_traits>

#include "cluster/wire/form.h"

namespace phoenix::wire {
namespace {

using wire::put;

// The numbers of the kinds are their places in ReplyBody, which may only grow at its end.
static_assert(std::is_same_v<std::variant_alternative_t<0, ReplyBody>, Error>);
static_assert(std::is_same_v<std::variant_alternative_t<7, ReplyBody>, StreamOpened>);
static_assert(std::is_same_v<std::variant_alternative_t<8, ReplyBody>, DocumentsReply>);
static_assert(std::variant_size_v<ReplyBody> == 9);

constexpr uint32_t kMaxItems = 1000;

void put(MsgpackWriter& out, const PacketView& view) {
  out.array(4);
  put_head(out, *view.head);
  put_enum(out, view.status);
  put_optional(out, view.parked, [&out](const Parked& parked) {
    out.array(3);
    put_enum(out, parked.reason);
    out.sint(parked.since);
    out.sint(parked.until);
  });
  put_optional(out, view.contract, [&out](const Digest& digest) { out.digest(digest); });
}

PacketView take_view(MsgpackReader& in) {
  PacketView view;
  in.array_of(4);
  view.head = take_head(in);
  view.status = static_cast<Status>(in.uint(kStatuses - 1));
  view.parked = take_optional(in, [&in] {
    Parked parked;
    in.array_of(3);
    parked.reason = take_enum(in, kLastParkReason);
    parked.since = in.sint();
    parked.until = in.sint();
    return parked;
  });
  view.contract = take_optional(in, [&in] { return in.digest(); });
  return view;
}

void put(MsgpackWriter& out, const PacketReply& reply) {
  out.array(2);
  put(out, reply.packet);
  out.boolean(reply.created);
}
void take(MsgpackReader& in, PacketReply& reply) {
  in.array_of(2);
  reply.packet = take_view(in);
  reply.created = in.boolean();
}

void put(MsgpackWriter& out, const OwnerReply& reply) {
  out.array(5);
  out.str(reply.id);
  put_enum(out, reply.status);
  out.uint(reply.epoch);
  out.uint(reply.revision);
  out.bin(reply.ticket);
}
void take(MsgpackReader& in, OwnerReply& reply) {
  in.array_of(5);
  reply.id = in.str();
  reply.status = static_cast<Status>(in.uint(kStatuses - 1));
  reply.epoch = in.uint();
  reply.revision = in.uint();
  reply.ticket = in.bin();
}

void take(MsgpackReader& in, Error& error) { error = take_error(in); }

void put(MsgpackWriter& out, const BatchReply& reply) {
  out.array(static_cast<uint32_t>(reply.items.size()));
  for (size_t i = 0; i < reply.items.size(); ++i) {
    out.array(3);
    out.str(i < reply.ids.size() ? reply.ids[i] : std::string());
    out.uint(reply.items[i].index());
    std::visit([&out](const auto& item) { put(out, item); }, reply.items[i]);
  }
}
void take(MsgpackReader& in, BatchReply& reply) {
  reply.items = take_list(in, [&] {
    in.array_of(3);
    reply.ids.push_back(take_text(in));
    const uint64_t kind = in.uint(std::variant_size_v<ItemReply> - 1);
    return take_kind<ItemReply>(in, kind, [&in](auto& item) { take(in, item); });
  });
  if (reply.items.size() > kMaxItems) in.reject();
}

void put_session(MsgpackWriter& out, const SessionRecord& session) {
  out.bin(encode_session(session));
}
SessionRecord take_session_itself(MsgpackReader& in) {
  auto session = decode_session(in.bin());
  if (session) return std::move(*session);
  in.reject();
  return {};
}

void put(MsgpackWriter& out, const MembersReply& reply) {
  out.array(9);
  put_list(out, reply.members, [&out](const MemberView& view) {
    out.array(5);
    out.bin(encode_member(*view.record));
    out.uint(view.current_load);
    out.sint(view.last_seen_at);
    out.uint(view.lease_seconds);
    put_optional_uint(out, view.grace_ms);
  });
  out.boolean(reply.created);
  out.boolean(reply.single);
  out.boolean(reply.accepted);
  put_optional(out, reply.session,
               [&out](const SessionRecord& session) { put_session(out, session); });
  put_optional_uint(out, reply.incarnation);
  out.uint(reply.run);
  out.uint(reply.lease_ms);
  out.bin(reply.certificate);
}
void take(MsgpackReader& in, MembersReply& reply) {
  in.array_of(9);
  reply.members = take_list(in, [&in] {
    MemberView view;
    in.array_of(5);
    view.record = take_member(in);
    if (!view.record) in.reject();
    view.current_load = take_u32(in);
    view.last_seen_at = in.sint();
    view.lease_seconds = take_u32(in);
    view.grace_ms = take_optional_u32(in);
    return view;
  });
  reply.created = in.boolean();
  reply.single = in.boolean();
  reply.accepted = in.boolean();
  reply.session = take_optional(in, [&in] { return take_session_itself(in); });
  reply.incarnation = take_optional_u64(in);
  reply.run = in.uint();
  reply.lease_ms = take_u32(in);
  reply.certificate = in.bin();
}

void put_revoked(MsgpackWriter& out, const std::vector<Revoked>& revoked) {
  put_list(out, revoked, [&out](const Revoked& item) { wire::put(out, item); });
}
std::vector<Revoked> take_all_revoked(MsgpackReader& in) {
  return take_list(in, [&in] { return take_revoked(in); });
}

void put(MsgpackWriter& out, const DrainNotice& notice) {
  out.array(2);
  out.sint(notice.deadline);
  put_list(out, notice.members, [&out](const auto& member) {
    out.array(2);
    out.str(member.first);
    out.sint(member.second);
  });
}
DrainNotice take_notice(MsgpackReader& in) {
  DrainNotice notice;
  in.array_of(2);
  notice.deadline = in.sint();
  notice.members = take_list(in, [&in] {
    std::pair<std::string, WallMs> member;
    in.array_of(2);
    member.first = take_id(in);
    member.second = in.sint();
    return member;
  });
  return notice;
}

void take(MsgpackReader& in, DeliveriesReply& reply) { reply = take_deliveries(in); }

void put(MsgpackWriter& out, const AttachReply& reply) {
  out.array(7);
  put_session(out, reply.session);
  put_numbered(out, reply.held);
  put_revoked(out, reply.revoked);
  out.str(reply.next);
  out.uint(reply.run);
  out.uint(reply.lease_ms);
  put_optional_uint(out, reply.incarnation);
}
void take(MsgpackReader& in, AttachReply& reply) {
  in.array_of(7);
  reply.session = take_session_itself(in);
  reply.held = take_numbered(in);
  reply.revoked = take_all_revoked(in);
  reply.next = in.str();
  reply.run = in.uint();
  reply.lease_ms = take_u32(in);
  reply.incarnation = take_optional_u64(in);
}

void put(MsgpackWriter& out, const StreamOpened&) { out.array(0); }
void take(MsgpackReader& in, StreamOpened&) { in.array_of(0); }

void put(MsgpackWriter& out, const DocumentsReply& reply) {
  out.array(2);
  put_list(out, reply.items, [&out](const DocumentsReply::Item& item) {
    out.array(2);
    put_document(out, item.document);
    put_enum(out, item.change);
  });
  out.boolean(reply.dry_run);
}
void take(MsgpackReader& in, DocumentsReply& reply) {
  in.array_of(2);
  reply.items = take_list(in, [&in] {
    DocumentsReply::Item item;
    in.array_of(2);
    item.document = take_document(in);
    item.change = take_enum(in, DocumentsReply::Change::kDeleted);
    return item;
  });
  reply.dry_run = in.boolean();
}

}  // namespace

void put(MsgpackWriter& out, const Offered& offered) {
  out.array(7);
  out.str(offered.member);
  put(out, offered.packet);
  out.uint(offered.point);
  out.uint(offered.epoch);
  out.bin(offered.offer);
  put(out, offered.context);
  out.sint(offered.until);
}
Offered take_offered(MsgpackReader& in) {
  Offered offered;
  in.array_of(7);
  offered.member = take_id(in);
  offered.packet = take_key<PacketKey>(in);
  offered.point = take_u32(in);
  offered.epoch = in.uint();
  offered.offer = in.bin();
  offered.context = take_content(in);
  offered.until = in.sint();
  return offered;
}

void put(MsgpackWriter& out, const DeliveriesReply& reply) {
  out.array(7);
  put_list(out, reply.deliveries, [&out](const Delivery& delivery) {
    out.array(3);
    out.str(delivery.member);
    out.uint(delivery.epoch);
    put(out, delivery.packet);
  });
  put_revoked(out, reply.revoked);
  put_optional(out, reply.drain, [&out](const DrainNotice& notice) { put(out, notice); });
  out.str(reply.next);
  out.uint(reply.run);
  out.uint(reply.lease_ms);
  put_list(out, reply.offers, [&out](const Offered& offered) { put(out, offered); });
}

DeliveriesReply take_deliveries(MsgpackReader& in) {
  DeliveriesReply reply;
  in.array_of(7);
  reply.deliveries = take_list(in, [&in] {
    Delivery delivery;
    in.array_of(3);
    delivery.member = take_id(in);
    delivery.epoch = in.uint();
    delivery.packet = take_view(in);
    return delivery;
  });
  reply.revoked = take_all_revoked(in);
  reply.drain = take_optional(in, [&in] { return take_notice(in); });
  reply.next = in.str();
  reply.run = in.uint();
  reply.lease_ms = take_u32(in);
  reply.offers = take_list(in, [&in] { return take_offered(in); });
  return reply;
}

void put(MsgpackWriter& out, const ReplyBody& body) {
  out.array(2);
  out.uint(body.index());
  std::visit([&out](const auto& reply) { put(out, reply); }, body);
}

ReplyBody take_reply(MsgpackReader& in) {
  in.array_of(2);
  const uint64_t kind = in.uint(std::variant_size_v<ReplyBody> - 1);
  return take_kind<ReplyBody>(in, kind, [&in](auto& reply) { take(in, reply); });
}

}  // namespace phoenix::wire
