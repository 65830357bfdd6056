// The stored form of answers that an Idempotency-Key keeps: [version, kind, ...]. Heads and records
// stand in it in their own stored forms.

#include "base/msgpack.h"
#include "node/command.h"
#include "packet/encoding.h"

namespace phoenix {
namespace {

constexpr uint64_t kVersion = 1;
enum Kind : uint64_t { kError, kPacket, kOwner, kBatch, kMembers, kAttach };

template <class T>
void put_optional(MsgpackWriter& out, const std::optional<T>& value) {
  if (value) {
    out.uint(static_cast<uint64_t>(*value));
  } else {
    out.nil();
  }
}

std::optional<uint64_t> get_optional(MsgpackReader& in) {
  if (!in.next_is_nil()) return in.uint();
  in.nil();
  return std::nullopt;
}

void put(MsgpackWriter& out, const Error& error) {
  out.array(8);
  out.uint(static_cast<uint64_t>(error.kind));
  out.str(error.detail);
  out.str(error.reason_code);
  out.array(static_cast<uint32_t>(error.fields.size() * 2));
  for (const FieldError& field : error.fields) {
    out.str(field.pointer);
    out.str(field.detail);
  }
  put_optional(out, error.epoch);
  put_optional(out, error.revision);
  if (error.owner) {
    out.str(*error.owner);
  } else {
    out.nil();
  }
  out.str(error.packet_status);
}

Error get_error(MsgpackReader& in) {
  Error error;
  in.array_of(8);
  error.kind = static_cast<ErrorKind>(in.uint(kErrorKinds - 1));
  error.detail = in.str();
  error.reason_code = in.str();
  for (uint32_t left = in.array() / 2; left > 0 && in.ok(); --left) {
    FieldError field;
    field.pointer = in.str();
    field.detail = in.str();
    error.fields.push_back(std::move(field));
  }
  error.epoch = get_optional(in);
  error.revision = get_optional(in);
  if (in.next_is_nil()) {
    in.nil();
  } else {
    error.owner = std::string(in.str());
  }
  error.packet_status = in.str();
  return error;
}

void put(MsgpackWriter& out, const PacketReply& reply) {
  out.array(3);
  out.bin(encode_head(*reply.packet.head));
  out.uint(static_cast<uint64_t>(reply.packet.status));
  out.boolean(reply.created);
}

PacketReply get_packet(MsgpackReader& in) {
  PacketReply reply;
  in.array_of(3);
  auto head = decode_head(in.bin());
  if (!head) {
    in.reject();
    return reply;
  }
  reply.packet.parked = head->parked;
  reply.packet.head = std::make_shared<const Packet>(std::move(*head));
  reply.packet.status = static_cast<Status>(in.uint(kStatuses - 1));
  reply.created = in.boolean();
  return reply;
}

void put(MsgpackWriter& out, const OwnerReply& reply) {
  out.array(4);
  out.str(reply.id);
  out.uint(static_cast<uint64_t>(reply.status));
  out.uint(reply.epoch);
  out.uint(reply.revision);
}

OwnerReply get_owner(MsgpackReader& in) {
  OwnerReply reply;
  in.array_of(4);
  reply.id = in.str();
  reply.status = static_cast<Status>(in.uint(kStatuses - 1));
  reply.epoch = in.uint();
  reply.revision = in.uint();
  return reply;
}

void put(MsgpackWriter& out, const BatchReply& reply) {
  out.array(static_cast<uint32_t>(reply.items.size() * 3));
  for (size_t i = 0; i < reply.items.size(); ++i) {
    out.str(reply.ids[i]);
    if (const auto* packet = std::get_if<PacketReply>(&reply.items[i])) {
      out.uint(kPacket);
      put(out, *packet);
    } else if (const auto* owner = std::get_if<OwnerReply>(&reply.items[i])) {
      out.uint(kOwner);
      put(out, *owner);
    } else {
      out.uint(kError);
      put(out, std::get<Error>(reply.items[i]));
    }
  }
}

BatchReply get_batch(MsgpackReader& in) {
  BatchReply reply;
  for (uint32_t left = in.array() / 3; left > 0 && in.ok(); --left) {
    reply.ids.emplace_back(in.str());
    const uint64_t kind = in.uint(kOwner);
    if (kind == kPacket) {
      reply.items.emplace_back(get_packet(in));
    } else if (kind == kOwner) {
      reply.items.emplace_back(get_owner(in));
    } else {
      reply.items.emplace_back(get_error(in));
    }
  }
  return reply;
}

void put_session(MsgpackWriter& out, const std::optional<SessionRecord>& session) {
  if (session) {
    out.bin(encode_session(*session));
  } else {
    out.nil();
  }
}

std::optional<SessionRecord> get_session(MsgpackReader& in) {
  if (in.next_is_nil()) {
    in.nil();
    return std::nullopt;
  }
  auto session = decode_session(in.bin());
  if (!session) {
    in.reject();
    return std::nullopt;
  }
  return std::move(*session);
}

void put(MsgpackWriter& out, const MembersReply& reply) {
  out.array(8);
  out.array(static_cast<uint32_t>(reply.members.size() * 5));
  for (const MemberView& member : reply.members) {
    out.bin(encode_member(*member.record));
    out.uint(member.current_load);
    out.sint(member.last_seen_at);
    out.uint(member.lease_seconds);
    put_optional(out, member.grace_ms);
  }
  out.boolean(reply.created);
  out.boolean(reply.single);
  out.boolean(reply.accepted);
  put_session(out, reply.session);
  put_optional(out, reply.incarnation);
  out.uint(reply.run);
  out.uint(reply.lease_ms);
}

MembersReply get_members(MsgpackReader& in) {
  MembersReply reply;
  // Answers that were kept before there were the last two.
  const uint32_t fields = in.array();
  if (fields != 6 && fields != 8) in.reject();
  for (uint32_t left = in.array() / 5; left > 0 && in.ok(); --left) {
    MemberView member;
    auto record = decode_member(in.bin());
    if (!record) {
      in.reject();
      return reply;
    }
    member.record = std::make_shared<const MemberRecord>(std::move(*record));
    member.current_load = static_cast<uint32_t>(in.uint(UINT32_MAX));
    member.last_seen_at = in.sint();
    member.lease_seconds = static_cast<uint32_t>(in.uint(UINT32_MAX));
    if (const auto grace = get_optional(in)) member.grace_ms = static_cast<uint32_t>(*grace);
    reply.members.push_back(std::move(member));
  }
  reply.created = in.boolean();
  reply.single = in.boolean();
  reply.accepted = in.boolean();
  reply.session = get_session(in);
  reply.incarnation = get_optional(in);
  if (fields == 6) return reply;
  reply.run = in.uint();
  reply.lease_ms = static_cast<uint32_t>(in.uint(UINT32_MAX));
  return reply;
}

void put(MsgpackWriter& out, const AttachReply& reply) {
  out.array(5);
  out.bin(encode_session(reply.session));
  out.str(reply.next);
  out.uint(reply.run);
  out.uint(reply.lease_ms);
  put_optional(out, reply.incarnation);
}

AttachReply get_attach(MsgpackReader& in) {
  AttachReply reply;
  in.array_of(5);
  auto session = decode_session(in.bin());
  if (!session) {
    in.reject();
    return reply;
  }
  reply.session = std::move(*session);
  reply.next = in.str();
  reply.run = in.uint();
  reply.lease_ms = static_cast<uint32_t>(in.uint(UINT32_MAX));
  reply.incarnation = get_optional(in);
  return reply;
}

}  // namespace

std::string encode_reply(const ReplyBody& reply) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(3);
  out.uint(kVersion);
  if (const auto* packet = std::get_if<PacketReply>(&reply)) {
    out.uint(kPacket);
    put(out, *packet);
  } else if (const auto* owner = std::get_if<OwnerReply>(&reply)) {
    out.uint(kOwner);
    put(out, *owner);
  } else if (const auto* batch = std::get_if<BatchReply>(&reply)) {
    out.uint(kBatch);
    put(out, *batch);
  } else if (const auto* members = std::get_if<MembersReply>(&reply)) {
    out.uint(kMembers);
    put(out, *members);
  } else if (const auto* attach = std::get_if<AttachReply>(&reply)) {
    out.uint(kAttach);
    put(out, *attach);
  } else if (const auto* error = std::get_if<Error>(&reply)) {
    out.uint(kError);
    put(out, *error);
  } else {
    out.uint(kError);  // deliveries are never kept
    put(out, Error{.kind = ErrorKind::kInternal, .detail = "no kept form"});
  }
  return bytes;
}

Result<ReplyBody> decode_reply(std::string_view bytes) {
  MsgpackReader in(bytes);
  in.array_of(3);
  if (in.uint() != kVersion) in.reject();
  ReplyBody reply;
  switch (in.uint(kAttach)) {
    case kPacket:
      reply = get_packet(in);
      break;
    case kOwner:
      reply = get_owner(in);
      break;
    case kBatch:
      reply = get_batch(in);
      break;
    case kMembers:
      reply = get_members(in);
      break;
    case kAttach:
      reply = get_attach(in);
      break;
    default:
      reply = get_error(in);
  }
  if (!in.at_end()) return fail(ErrorKind::kInternal, "a kept answer is damaged");
  return reply;
}

}  // namespace phoenix
