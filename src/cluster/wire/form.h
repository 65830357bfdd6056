// The forms in which values stand in messages between hosts. put() writes one, take_*() reads it
// and rejects all that put() would not have written, so that equal values have equal bytes: wrong
// sizes and ranges, ids that are none, lists out of order. Heads and records stand in their stored
// forms, as bytes. What is taken after the reader has rejected something is empty and means
// nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/msgpack.h"
#include "node/command.h"
#include "node/remote.h"

namespace phoenix::wire {

// --- the three kinds of what is said: call_form.cc, answer_form.cc, node_form.cc ---

void put(MsgpackWriter& out, const Caller& caller);
void put(MsgpackWriter& out, const std::optional<Idempotency>& idempotency);
void put(MsgpackWriter& out, const CommandBody& body);
Caller take_caller(MsgpackReader& in);
std::optional<Idempotency> take_idempotency(MsgpackReader& in);
CommandBody take_command(MsgpackReader& in);

void put(MsgpackWriter& out, const ReplyBody& body);
void put(MsgpackWriter& out, const DeliveriesReply& reply);
ReplyBody take_reply(MsgpackReader& in);
DeliveriesReply take_deliveries(MsgpackReader& in);

void put(MsgpackWriter& out, const NodeMessage& message);
NodeMessage take_node_message(MsgpackReader& in);

// --- what they have in common: form.cc ---

void put(MsgpackWriter& out, const Error& error);
void put(MsgpackWriter& out, const Revoked& revoked);
void put(MsgpackWriter& out, const std::vector<std::string>& texts);
// Null: nil.
void put(MsgpackWriter& out, const std::shared_ptr<const Content>& content);
void put(MsgpackWriter& out, const CarriedContents& contents);
void put(MsgpackWriter& out, const std::shared_ptr<const MemberRecord>& record);
void put(MsgpackWriter& out, const std::shared_ptr<const SessionRecord>& record);
Error take_error(MsgpackReader& in);
Revoked take_revoked(MsgpackReader& in);
std::shared_ptr<const Content> take_content(MsgpackReader& in);
CarriedContents take_contents(MsgpackReader& in);  // at most as many as there are kinds
std::shared_ptr<const MemberRecord> take_member(MsgpackReader& in);
std::shared_ptr<const SessionRecord> take_session(MsgpackReader& in);

// Null: nil.
void put_governed(MsgpackWriter& out, const std::shared_ptr<const Governed>& governed);
std::shared_ptr<const Governed> take_governed(MsgpackReader& in);
// Never null.
void put_document(MsgpackWriter& out, const DocumentPtr& document);
DocumentPtr take_document(MsgpackReader& in);

void put_head(MsgpackWriter& out, const Packet& head);
PacketPtr take_head(MsgpackReader& in);

std::string take_text(MsgpackReader& in);
std::string take_id(MsgpackReader& in);
std::string take_id_or_none(MsgpackReader& in);
std::string take_name(MsgpackReader& in);
uint32_t take_u32(MsgpackReader& in, uint32_t least = 0, uint32_t most = UINT32_MAX);
int64_t take_not_negative(MsgpackReader& in);

template <class Tag>
void put(MsgpackWriter& out, const Key<Tag>& key) {
  out.str(key.text());
}
template <class AnyKey>
AnyKey take_key(MsgpackReader& in) {
  AnyKey key = AnyKey::from_text(std::string(in.str()));
  if (!valid_id(key.ns()) || !valid_id(key.id()) ||
      key.text().size() != key.ns().size() + 1 + key.id().size()) {
    in.reject();
  }
  return key;
}

template <class Enum>
void put_enum(MsgpackWriter& out, Enum value) {
  out.uint(static_cast<uint64_t>(value));
}
template <class Enum>
Enum take_enum(MsgpackReader& in, Enum last) {
  return static_cast<Enum>(in.uint(static_cast<uint64_t>(last)));
}

// Absent: nil, which no value may be.
template <class T, class Put>
void put_optional(MsgpackWriter& out, const std::optional<T>& value, Put put_value) {
  if (value) {
    put_value(*value);
  } else {
    out.nil();
  }
}
template <class Take>
auto take_optional(MsgpackReader& in, Take take_value) -> std::optional<decltype(take_value())> {
  if (!in.next_is_nil()) return take_value();
  in.nil();
  return std::nullopt;
}
template <class T>
void put_optional_uint(MsgpackWriter& out, const std::optional<T>& value) {
  put_optional(out, value, [&out](T number) { out.uint(number); });
}
std::optional<uint64_t> take_optional_u64(MsgpackReader& in);
std::optional<uint32_t> take_optional_u32(MsgpackReader& in);

template <class T, class Put>
void put_list(MsgpackWriter& out, const std::vector<T>& items, Put put_item) {
  out.array(static_cast<uint32_t>(items.size()));
  for (const T& item : items) put_item(item);
}
// The reader has checked the size against what is left of the input; items come one by one, so that
// no size that was lied about takes memory.
template <class Take>
auto take_list(MsgpackReader& in, Take take_item) -> std::vector<decltype(take_item())> {
  std::vector<decltype(take_item())> items;
  for (uint32_t left = in.array(); left > 0 && in.ok(); --left) items.push_back(take_item());
  return items;
}
// The value of the variant's kind of that number: its place in the variant.
template <class Variant, size_t kKind = 0, class Take>
Variant take_kind(MsgpackReader& in, uint64_t kind, Take take_value) {
  if constexpr (kKind < std::variant_size_v<Variant>) {
    if (kind != kKind) return take_kind<Variant, kKind + 1>(in, kind, take_value);
    Variant value(std::in_place_index<kKind>);
    take_value(std::get<kKind>(value));
    return value;
  } else {
    in.reject();
    return {};
  }
}

void put(MsgpackWriter& out, const Offered& offered);
Offered take_offered(MsgpackReader& in);

std::vector<std::string> take_ids(MsgpackReader& in);
std::vector<std::string> take_names(MsgpackReader& in);

// Pairs of an id and a number.
void put_numbered(MsgpackWriter& out, const std::vector<std::pair<std::string, uint64_t>>& pairs);
std::vector<std::pair<std::string, uint64_t>> take_numbered(MsgpackReader& in);
// Ascending, each once.
void put_slots(MsgpackWriter& out, const std::vector<SlotId>& slots);
std::vector<SlotId> take_slots(MsgpackReader& in);

}  // namespace phoenix::wire
