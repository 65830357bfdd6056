#include "cluster/peer_message.h"

#include <type_traits>

#include "cluster/wire/form.h"

namespace phoenix {
namespace {

using wire::put;

// The numbers of the kinds are their places in PeerMessage, which may only grow at its end.
static_assert(std::is_same_v<std::variant_alternative_t<0, PeerMessage>, PeerCall>);
static_assert(std::is_same_v<std::variant_alternative_t<6, PeerMessage>, NodeMessage>);
static_assert(std::variant_size_v<PeerMessage> == 9);

void put_message(MsgpackWriter& out, const PeerCall& message) {
  out.array(6);
  out.uint(message.call);
  out.uint(message.view);
  out.uint(message.hops);
  put(out, message.caller);
  put(out, message.idempotency);
  put(out, message.body);
}
void take(MsgpackReader& in, PeerCall& message) {
  in.array_of(6);
  message.call = in.uint();
  message.view = in.uint();
  message.hops = static_cast<uint8_t>(wire::take_u32(in, 1, kMaxHops));
  message.caller = wire::take_caller(in);
  message.idempotency = wire::take_idempotency(in);
  message.body = wire::take_command(in);
}

void put_message(MsgpackWriter& out, const PeerAnswer& message) {
  out.array(4);
  out.uint(message.call);
  out.uint(message.view);
  put(out, message.body);
  out.boolean(message.replayed);
}
void take(MsgpackReader& in, PeerAnswer& message) {
  in.array_of(4);
  message.call = in.uint();
  message.view = in.uint();
  message.body = wire::take_reply(in);
  message.replayed = in.boolean();
}

void put_message(MsgpackWriter& out, const PeerPortion& message) {
  out.array(3);
  out.uint(message.call);
  out.boolean(message.end);
  put(out, message.portion);
}
void take(MsgpackReader& in, PeerPortion& message) {
  in.array_of(3);
  message.call = in.uint();
  message.end = in.boolean();
  message.portion = wire::take_deliveries(in);
}

void put_message(MsgpackWriter& out, const PeerAbandon& message) {
  out.array(2);
  out.uint(message.call);
  out.boolean(message.closed_by_peer);
}
void take(MsgpackReader& in, PeerAbandon& message) {
  in.array_of(2);
  message.call = in.uint();
  message.closed_by_peer = in.boolean();
}

void put_message(MsgpackWriter& out, const ContentsWanted& message) {
  out.array(3);
  out.uint(message.call);
  put(out, message.key);
  out.uint(message.mask);
}
void take(MsgpackReader& in, ContentsWanted& message) {
  in.array_of(3);
  message.call = in.uint();
  message.key = wire::take_key<PacketKey>(in);
  message.mask = wire::take_u32(in, 0, (1u << kContentKinds) - 1);
}

void put_message(MsgpackWriter& out, const ContentsAnswer& message) {
  out.array(2);
  out.uint(message.call);
  put(out, message.contents);
}
void take(MsgpackReader& in, ContentsAnswer& message) {
  in.array_of(2);
  message.call = in.uint();
  message.contents = wire::take_contents(in);
}

void put_message(MsgpackWriter& out, const SlotsFreed& message) {
  out.array(2);
  out.uint(message.view);
  wire::put_slots(out, message.slots);
}
void take(MsgpackReader& in, SlotsFreed& message) {
  in.array_of(2);
  message.view = in.uint();
  message.slots = wire::take_slots(in);
}

void put_message(MsgpackWriter& out, const Wrote& message) {
  out.array(3);
  out.uint(message.pending);
  out.uint(message.assigned);
  out.uint(message.running);
}
void take(MsgpackReader& in, Wrote& message) {
  in.array_of(3);
  message.pending = in.uint();
  message.assigned = in.uint();
  message.running = in.uint();
}

void put_message(MsgpackWriter& out, const NodeMessage& message) { put(out, message); }
void take(MsgpackReader& in, NodeMessage& message) { message = wire::take_node_message(in); }

size_t size_of(const std::shared_ptr<const Content>& content) {
  return content ? content->data.size() : 0;
}

// About how many bytes of clients' own a message carries; what is always small counts as nothing.
size_t weight_of(const CommandBody& body) {
  size_t bytes = 0;
  if (const auto* submit = std::get_if<Submit>(&body)) {
    for (const auto& item : submit->items) bytes += 300 + (item ? size_of(item->payload) : 0);
  } else if (const auto* calls = std::get_if<OwnerCalls>(&body)) {
    for (const auto& item : calls->items) bytes += 100 + (item ? size_of(item->content) : 0);
  } else if (const auto* members = std::get_if<Register>(&body)) {
    bytes += 300 * members->members.size();
  } else if (const auto* more = std::get_if<AddMembers>(&body)) {
    bytes += 300 * more->members.size();
  }
  return bytes;
}
size_t weight_of(const ReplyBody& body) {
  if (const auto* batch = std::get_if<BatchReply>(&body)) return 300 * batch->items.size();
  if (const auto* members = std::get_if<MembersReply>(&body)) return 300 * members->members.size();
  return 0;
}

}  // namespace

std::string encode(const PeerMessage& message) {
  constexpr size_t kUsual = 512;
  std::string bytes;
  bytes.reserve(kUsual);
  MsgpackWriter out(bytes);
  out.array(2);
  out.uint(message.index());
  std::visit([&out](const auto& said) { put_message(out, said); }, message);
  return bytes;
}

Result<PeerMessage> decode_peer_message(std::string_view bytes) {
  if (bytes.size() > kMaxPeerMessage) {
    return fail(ErrorKind::kTooLarge, "a host's message has " + std::to_string(bytes.size()) +
                                          " bytes; at most " + std::to_string(kMaxPeerMessage) +
                                          " are allowed");
  }
  MsgpackReader in(bytes);
  in.array_of(2);
  const uint64_t kind = in.uint(std::variant_size_v<PeerMessage> - 1);
  PeerMessage message =
      wire::take_kind<PeerMessage>(in, kind, [&in](auto& said) { take(in, said); });
  if (!in.at_end()) {
    return fail(ErrorKind::kInvalidRequest, "a host's message of " + std::to_string(bytes.size()) +
                                                " bytes has no form that this version knows");
  }
  return message;
}

bool is_bulk(const PeerMessage& message) {
  if (std::holds_alternative<ContentsAnswer>(message)) return true;
  if (const auto* call = std::get_if<PeerCall>(&message)) return weight_of(call->body) > kBulkBytes;
  if (const auto* answer = std::get_if<PeerAnswer>(&message)) {
    return weight_of(answer->body) > kBulkBytes;
  }
  return false;
}

}  // namespace phoenix
