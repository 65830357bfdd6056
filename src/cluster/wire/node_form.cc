// What nodes tell each other: [kind, fields...].

#include <type_traits>

#include "cluster/wire/form.h"

namespace phoenix::wire {
namespace {

using wire::put;

// The numbers of the kinds are their places in NodeMessage, which may only grow at its end.
static_assert(std::is_same_v<std::variant_alternative_t<0, NodeMessage>, Deliver>);
static_assert(std::is_same_v<std::variant_alternative_t<7, NodeMessage>, Loads>);
static_assert(std::is_same_v<std::variant_alternative_t<8, NodeMessage>, Offered>);
static_assert(std::is_same_v<std::variant_alternative_t<9, NodeMessage>, Documents>);
static_assert(std::is_same_v<std::variant_alternative_t<10, NodeMessage>, Parted>);
static_assert(std::variant_size_v<NodeMessage> == 11);

void put(MsgpackWriter& out, const Deliver& message) {
  put_head(out, *message.head);
  out.boolean(message.again);
  put(out, message.contents);
}
void take(MsgpackReader& in, Deliver& message) {
  message.head = take_head(in);
  if (!message.head->owner) in.reject();  // to whom?
  message.again = in.boolean();
  message.contents = take_contents(in);
}

void put(MsgpackWriter& out, const DeliverAll& message) {
  put_slots(out, message.slots);
  put_list(out, message.items, [&out](const Deliver& item) {
    out.array(3);
    put(out, item);
  });
  out.boolean(message.last);
}
void take(MsgpackReader& in, DeliverAll& message) {
  message.slots = take_slots(in);
  message.items = take_list(in, [&in] {
    Deliver item;
    in.array_of(3);
    take(in, item);
    return item;
  });
  message.last = in.boolean();
  if (!message.last && !message.slots.empty()) in.reject();
}

void put(MsgpackWriter& out, const Withdraw& message) {
  put(out, message.key);
  out.uint(message.epoch);
  put_optional(out, message.reason, [&out](RevokeReason reason) { put_enum(out, reason); });
}
void take(MsgpackReader& in, Withdraw& message) {
  message.key = take_key<PacketKey>(in);
  message.epoch = in.uint();
  message.reason = take_optional(in, [&in] { return take_enum(in, RevokeReason::kTimeout); });
}

void put(MsgpackWriter& out, const Taken& message) {
  put(out, message.key);
  out.uint(message.epoch);
  out.boolean(message.started);
}
void take(MsgpackReader& in, Taken& message) {
  message.key = take_key<PacketKey>(in);
  message.epoch = in.uint();
  message.started = in.boolean();
}

void put(MsgpackWriter& out, const Untaken& message) {
  put(out, message.key);
  out.uint(message.epoch);
}
void take(MsgpackReader& in, Untaken& message) {
  message.key = take_key<PacketKey>(in);
  message.epoch = in.uint();
}

void put(MsgpackWriter& out, const Parted& message) {
  put(out, message.key);
  out.uint(message.incarnation);
  out.boolean(message.done);
}
void take(MsgpackReader& in, Parted& message) {
  message.key = take_key<MemberKey>(in);
  message.incarnation = in.uint();
  message.done = in.boolean();
}

void put(MsgpackWriter& out, const Turned& message) {
  put(out, message.key);
  out.uint(message.epoch);
  put_enum(out, message.why);
  put(out, message.member);
  put(out, message.session);
}
void take(MsgpackReader& in, Turned& message) {
  message.key = take_key<PacketKey>(in);
  message.epoch = in.uint();
  message.why = take_enum(in, TurnReason::kGone);
  message.member = take_member(in);
  message.session = take_session(in);
}

void put(MsgpackWriter& out, const Records& message) {
  put_list(out, message.sessions, [&out](const auto& record) { put(out, record); });
  put_list(out, message.members, [&out](const auto& record) { put(out, record); });
  put_list(out, message.gone_members, [&out](const MemberKey& key) { put(out, key); });
  put(out, message.gone_sessions);
}
void take(MsgpackReader& in, Records& message) {
  message.sessions = take_list(in, [&in] {
    auto record = take_session(in);
    if (!record) in.reject();
    return record;
  });
  message.members = take_list(in, [&in] {
    auto record = take_member(in);
    if (!record) in.reject();
    return record;
  });
  message.gone_members = take_list(in, [&in] { return take_key<MemberKey>(in); });
  message.gone_sessions = take_ids(in);
}

void put_load(MsgpackWriter& out, const std::pair<MemberKey, uint32_t>& load) {
  out.array(2);
  put(out, load.first);
  out.uint(load.second);
}
std::pair<MemberKey, uint32_t> take_load(MsgpackReader& in) {
  std::pair<MemberKey, uint32_t> load;
  in.array_of(2);
  load.first = take_key<MemberKey>(in);
  load.second = take_u32(in);
  return load;
}

void put(MsgpackWriter& out, const Loads& message) {
  put_list(out, message.others, [&out](const auto& load) { put_load(out, load); });
  put_list(out, message.asked, [&out](const MemberKey& key) { put(out, key); });
  put_list(out, message.given, [&out](const auto& load) { put_load(out, load); });
}
void take(MsgpackReader& in, Loads& message) {
  message.others = take_list(in, [&in] { return take_load(in); });
  message.asked = take_list(in, [&in] { return take_key<MemberKey>(in); });
  message.given = take_list(in, [&in] { return take_load(in); });
}

void take(MsgpackReader& in, Offered& message) { message = take_offered(in); }

void put(MsgpackWriter& out, const Documents& message) {
  put_list(out, message.documents, [&out](const DocumentPtr& one) { put_document(out, one); });
}
void take(MsgpackReader& in, Documents& message) {
  message.documents = take_list(in, [&in] { return take_document(in); });
}

// How many values put() writes for a message of this kind, the kind itself apart.
constexpr uint32_t kFields[] = {3, 3, 3, 3, 2, 5, 4, 3, 1, 1, 3};
static_assert(std::size(kFields) == std::variant_size_v<NodeMessage>);

}  // namespace

void put(MsgpackWriter& out, const NodeMessage& message) {
  out.array(1 + kFields[message.index()]);
  out.uint(message.index());
  std::visit([&out](const auto& said) { put(out, said); }, message);
}

NodeMessage take_node_message(MsgpackReader& in) {
  const uint32_t size = in.array();
  const uint64_t kind = in.uint(std::variant_size_v<NodeMessage> - 1);
  if (size != 1 + kFields[kind]) in.reject();
  return take_kind<NodeMessage>(in, kind, [&in](auto& value) { take(in, value); });
}

}  // namespace phoenix::wire
