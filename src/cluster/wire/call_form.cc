// Calls, as one host passes them on to another: [kind, fields...].

#include <type_traits>

#include "cluster/wire/form.h"
#include "packet/encoding.h"

namespace phoenix::wire {
namespace {

using wire::put;

// The numbers of the kinds are their places in CommandBody, which may only grow at its end.
static_assert(std::is_same_v<std::variant_alternative_t<0, CommandBody>, Submit>);
static_assert(std::is_same_v<std::variant_alternative_t<15, CommandBody>, AwaitMember>);
static_assert(std::is_same_v<std::variant_alternative_t<17, CommandBody>, DecideApproval>);
static_assert(std::variant_size_v<CommandBody> == 18);

constexpr uint32_t kMaxItems = 1000;

void put(MsgpackWriter& out, const SubmitItem& item) {
  out.array(6);
  put(out, item.key);
  put_enum(out, item.id_from);
  out.bin(encode_spec(*item.spec));
  put(out, item.required);
  put(out, item.payload);
  put_governed(out, item.governed);
}

SubmitItem take_submit_item(MsgpackReader& in) {
  SubmitItem item;
  in.array_of(6);
  item.key = take_key<PacketKey>(in);
  item.id_from = take_enum(in, IdSource::kFresh);
  if (auto spec = decode_spec(in.bin())) {
    item.spec = std::make_shared<const PacketSpec>(std::move(*spec));
  } else {
    in.reject();
  }
  item.required = take_names(in);
  for (size_t i = 1; i < item.required.size(); ++i) {
    if (!(item.required[i - 1] < item.required[i])) in.reject();
  }
  item.payload = take_content(in);
  item.governed = take_governed(in);
  return item;
}

void put(MsgpackWriter& out, const OwnerCall& call) {
  out.array(21);
  put_enum(out, call.call);
  put(out, call.key);
  out.uint(call.epoch);
  out.digest(call.digest);
  put(out, call.content);
  put_optional_uint(out, call.seq);
  out.str(call.error.message);
  out.str(call.error.code);
  out.boolean(call.retry);
  put_optional(out, call.retry_after_ms, [&out](int64_t wait) { out.sint(wait); });
  out.str(call.to);
  put_optional(out, call.required, [&out](const auto& names) { put(out, names); });
  out.str(call.reason);
  put_optional(out, call.evidence, [&out](const lineage::Evidence& said) {
    out.array(3);
    out.bin(said.envelope);
    out.uint(said.position);
    put_list(out, said.path, [&out](const Digest& step) { out.digest(step); });
  });
  out.bin(call.statement);
  out.boolean(call.declines);
  put_optional(out, call.scopes, [&out](const auto& names) { put(out, names); });
  put_optional(out, call.semantic, [&out](const std::string& text) { out.str(text); });
  put_optional(out, call.contract, [&out](const Digest& digest) { out.digest(digest); });
  out.uint(call.promised_ms);
  out.sint(call.promised_at);
}

lineage::Evidence take_evidence(MsgpackReader& in) {
  lineage::Evidence said;
  in.array_of(3);
  said.envelope = in.bin();
  said.position = in.uint();
  said.path = take_list(in, [&in] { return in.digest(); });
  return said;
}

OwnerCall take_owner_call(MsgpackReader& in) {
  OwnerCall call;
  in.array_of(21);
  call.call = take_enum(in, kLastCall);
  call.key = take_key<PacketKey>(in);
  call.epoch = in.uint();
  call.digest = in.digest();
  call.content = take_content(in);
  call.seq = take_optional_u64(in);
  call.error.message = in.str();
  call.error.code = in.str();
  call.retry = in.boolean();
  call.retry_after_ms = take_optional(in, [&in] { return in.sint(); });
  call.to = take_id_or_none(in);
  call.required = take_optional(in, [&in] { return take_names(in); });
  call.reason = in.str();
  call.evidence = take_optional(in, [&in] { return take_evidence(in); });
  call.statement = in.bin();
  call.declines = in.boolean();
  call.scopes = take_optional(in, [&in] { return take_names(in); });
  call.semantic = take_optional(in, [&in] { return std::string(in.str()); });
  call.contract = take_optional(in, [&in] { return in.digest(); });
  call.promised_ms = take_u32(in);
  call.promised_at = in.sint();
  return call;
}

// Items that were refused before they were sent keep their places.
template <class Item>
void put_items(MsgpackWriter& out, const std::vector<tl::expected<Item, Error>>& items) {
  put_list(out, items, [&out](const tl::expected<Item, Error>& item) {
    out.array(2);
    out.boolean(item.has_value());
    if (item) {
      put(out, *item);
    } else {
      put(out, item.error());
    }
  });
}

template <class Item>
std::vector<tl::expected<Item, Error>> take_items(MsgpackReader& in,
                                                  Item (*take_item)(MsgpackReader&)) {
  auto items = take_list(in, [&]() -> tl::expected<Item, Error> {
    in.array_of(2);
    if (in.boolean()) return take_item(in);
    return tl::unexpected(take_error(in));
  });
  if (items.size() > kMaxItems) in.reject();
  return items;
}

void put(MsgpackWriter& out, const SessionRef& ref) {
  out.array(3);
  out.str(ref.ns);
  out.str(ref.member);
  out.str(ref.session);
}

// The session is as a client wrote it into a path.
SessionRef take_ref(MsgpackReader& in) {
  SessionRef ref;
  in.array_of(3);
  ref.ns = take_id(in);
  ref.member = take_id_or_none(in);
  ref.session = in.str();
  return ref;
}

void put_records(MsgpackWriter& out, const std::vector<MemberRecord>& records) {
  put_list(out, records, [&out](const MemberRecord& record) { out.bin(encode_member(record)); });
}

void put_proofs(MsgpackWriter& out, const std::vector<std::string>& proofs) {
  put_list(out, proofs, [&out](const std::string& proof) { out.bin(proof); });
}
// One a member, or none at all.
std::vector<std::string> take_proofs(MsgpackReader& in, size_t members) {
  auto proofs = take_list(in, [&in] { return std::string(in.bin()); });
  if (!proofs.empty() && proofs.size() != members) in.reject();
  return proofs;
}

std::vector<MemberRecord> take_records(MsgpackReader& in) {
  return take_list(in, [&in] {
    auto record = decode_member(in.bin());
    if (record) return std::move(*record);
    in.reject();
    return MemberRecord{};
  });
}

void put_after(MsgpackWriter& out, const std::optional<std::string>& after) {
  put_optional(out, after, [&out](const std::string& text) { out.str(text); });
}
std::optional<std::string> take_after(MsgpackReader& in) {
  return take_optional(in, [&in] { return take_text(in); });
}

// --- one of each kind ---

void put(MsgpackWriter& out, const Submit& call) {
  out.boolean(call.single);
  put_items(out, call.items);
}
void take(MsgpackReader& in, Submit& call) {
  call.single = in.boolean();
  call.items = take_items(in, take_submit_item);
}

void put(MsgpackWriter& out, const OwnerCalls& call) {
  out.boolean(call.single);
  put_items(out, call.items);
}
void take(MsgpackReader& in, OwnerCalls& call) {
  call.single = in.boolean();
  call.items = take_items(in, take_owner_call);
}

void put(MsgpackWriter& out, const OrderPacket& call) {
  put_enum(out, call.order);
  put(out, call.key);
  out.str(call.to);
  out.str(call.reason);
  put_optional_uint(out, call.if_revision);
}
void take(MsgpackReader& in, OrderPacket& call) {
  call.order = take_enum(in, Order::kRetry);
  call.key = take_key<PacketKey>(in);
  call.to = take_id_or_none(in);
  call.reason = in.str();
  call.if_revision = take_optional_u64(in);
}

template <class Await>
void put_await(MsgpackWriter& out, const Await& call) {
  put(out, call.key);
  out.uint(static_cast<uint64_t>(call.wait.ns));
}
template <class Await>
void take_await(MsgpackReader& in, Await& call) {
  call.key = take_key<decltype(call.key)>(in);
  call.wait.ns = take_not_negative(in);
}
void put(MsgpackWriter& out, const AwaitPacket& call) { put_await(out, call); }
void take(MsgpackReader& in, AwaitPacket& call) { take_await(in, call); }
void put(MsgpackWriter& out, const AwaitMember& call) { put_await(out, call); }
void take(MsgpackReader& in, AwaitMember& call) { take_await(in, call); }

void put(MsgpackWriter& out, const ApplyDocuments& call) {
  out.str(call.ns);
  out.str(call.app);
  put_list(out, call.items, [&out](const ApplyDocuments::Item& item) {
    out.array(4);
    put_enum(out, item.kind);
    out.str(item.name);
    out.str(item.text);
    put_optional_uint(out, item.if_revision);
  });
  out.boolean(call.prune);
  out.boolean(call.dry_run);
}
void take(MsgpackReader& in, ApplyDocuments& call) {
  call.ns = take_id(in);
  call.app = take_id_or_none(in);
  call.items = take_list(in, [&in] {
    ApplyDocuments::Item item;
    in.array_of(4);
    item.kind = take_enum(in, kLastDocumentKind);
    if (static_cast<uint8_t>(item.kind) == 0) in.reject();
    item.name = take_id(in);
    item.text = in.str();
    item.if_revision = take_optional_u64(in);
    return item;
  });
  call.prune = in.boolean();
  call.dry_run = in.boolean();
}

void put(MsgpackWriter& out, const DecideApproval& call) {
  out.str(call.ns);
  out.str(call.name);
  out.boolean(call.approve);
  out.str(call.reason);
}
void take(MsgpackReader& in, DecideApproval& call) {
  call.ns = take_id(in);
  call.name = take_id(in);
  call.approve = in.boolean();
  call.reason = in.str();
}

void put(MsgpackWriter& out, const Register& call) {
  put_records(out, call.members);
  out.uint(call.lease_seconds);
  put_optional_uint(out, call.grace_ms);
  out.boolean(call.replace);
  out.boolean(call.single);
  out.str(call.session_id);
  put_proofs(out, call.proofs);
}
void take(MsgpackReader& in, Register& call) {
  call.members = take_records(in);
  call.lease_seconds = take_u32(in, 1, 3600);
  call.grace_ms = take_optional_u32(in);
  call.replace = in.boolean();
  call.single = in.boolean();
  call.session_id = in.str();
  call.proofs = take_proofs(in, call.members.size());
}

void put(MsgpackWriter& out, const Poll& call) {
  put(out, call.ref);
  out.uint(call.max);
  out.uint(static_cast<uint64_t>(call.wait.ns));
  put_after(out, call.after);
}
void take(MsgpackReader& in, Poll& call) {
  call.ref = take_ref(in);
  call.max = take_u32(in);
  call.wait.ns = take_not_negative(in);
  call.after = take_after(in);
}

void put(MsgpackWriter& out, const Heartbeat& call) {
  put(out, call.ref);
  put_after(out, call.after);
}
void take(MsgpackReader& in, Heartbeat& call) {
  call.ref = take_ref(in);
  call.after = take_after(in);
}
void put(MsgpackWriter& out, const OpenStream& call) {
  put(out, call.ref);
  put_after(out, call.after);
}
void take(MsgpackReader& in, OpenStream& call) {
  call.ref = take_ref(in);
  call.after = take_after(in);
}

void put(MsgpackWriter& out, const Attach& call) { put(out, call.ref); }
void take(MsgpackReader& in, Attach& call) { call.ref = take_ref(in); }
void put(MsgpackWriter& out, const Resume& call) { put(out, call.ref); }
void take(MsgpackReader& in, Resume& call) { call.ref = take_ref(in); }
void put(MsgpackWriter& out, const Retire& call) { put(out, call.ref); }
void take(MsgpackReader& in, Retire& call) { call.ref = take_ref(in); }

void put(MsgpackWriter& out, const Drain& call) {
  put(out, call.ref);
  put_optional_uint(out, call.deadline_seconds);
}
void take(MsgpackReader& in, Drain& call) {
  call.ref = take_ref(in);
  call.deadline_seconds = take_optional_u32(in);
}

void put(MsgpackWriter& out, const AddMembers& call) {
  put(out, call.ref);
  put_records(out, call.members);
  put_proofs(out, call.proofs);
}
void take(MsgpackReader& in, AddMembers& call) {
  call.ref = take_ref(in);
  call.members = take_records(in);
  call.proofs = take_proofs(in, call.members.size());
}

void put(MsgpackWriter& out, const RemoveMembers& call) {
  put(out, call.ref);
  put(out, call.ids);
}
void take(MsgpackReader& in, RemoveMembers& call) {
  call.ref = take_ref(in);
  call.ids = take_names(in);  // a client's words; whether one is an id shows in the answer
}

void put(MsgpackWriter& out, const PatchMember& call) {
  put(out, call.key);
  put_optional(out, call.capabilities, [&out](const auto& names) { put(out, names); });
  put_optional_uint(out, call.weight);
  put_optional_uint(out, call.max_load);
  put_list(out, call.labels, [&out](const auto& label) {
    out.array(2);
    out.str(label.first);
    put_optional(out, label.second, [&out](const std::string& value) { out.str(value); });
  });
  out.boolean(call.replace_labels);
  put_optional_uint(out, call.if_revision);
  put_optional(out, call.next_key, [&out](const std::string& key) { out.bin(key); });
  out.boolean(call.revoke_key);
}
void take(MsgpackReader& in, PatchMember& call) {
  call.key = take_key<MemberKey>(in);
  call.capabilities = take_optional(in, [&in] { return take_names(in); });
  call.weight = take_optional_u32(in);
  call.max_load = take_optional_u32(in);
  call.labels = take_list(in, [&in] {
    std::pair<std::string, std::optional<std::string>> label;
    in.array_of(2);
    label.first = take_name(in);
    label.second = take_optional(in, [&in] { return take_text(in); });
    return label;
  });
  call.replace_labels = in.boolean();
  call.if_revision = take_optional_u64(in);
  call.next_key = take_optional(in, [&in] { return std::string(in.bin()); });
  if (call.next_key && !call.next_key->empty() && call.next_key->size() != kPublicKeyBytes) {
    in.reject();
  }
  call.revoke_key = in.boolean();
}

// How many values put() writes for a call of this kind, the kind itself apart.
constexpr uint32_t kFields[] = {2, 2, 5, 2, 7, 4, 2, 2, 1, 2, 1, 1, 3, 2, 9, 2, 5, 4};
static_assert(std::size(kFields) == std::variant_size_v<CommandBody>);

}  // namespace

void put(MsgpackWriter& out, const CommandBody& body) {
  out.array(1 + kFields[body.index()]);
  out.uint(body.index());
  std::visit([&out](const auto& call) { put(out, call); }, body);
}

CommandBody take_command(MsgpackReader& in) {
  const uint32_t size = in.array();
  const uint64_t kind = in.uint(std::variant_size_v<CommandBody> - 1);
  if (size != 1 + kFields[kind]) in.reject();
  return take_kind<CommandBody>(in, kind, [&in](auto& value) { take(in, value); });
}

void put(MsgpackWriter& out, const Caller& caller) {
  out.array(7);
  out.str(caller.session);
  out.uint(caller.generation);
  out.str(caller.principal);
  out.boolean(caller.is_operator);
  out.str(caller.as_member);
  out.boolean(caller.is_approver);
  out.str(caller.human);
}

Caller take_caller(MsgpackReader& in) {
  Caller caller;
  in.array_of(7);
  caller.session = in.str();
  caller.generation = in.uint();
  caller.principal = in.str();
  caller.is_operator = in.boolean();
  caller.as_member = take_id_or_none(in);
  caller.is_approver = in.boolean();
  caller.human = take_id_or_none(in);
  return caller;
}

void put(MsgpackWriter& out, const std::optional<Idempotency>& idempotency) {
  put_optional(out, idempotency, [&out](const Idempotency& value) {
    out.array(2);
    out.digest(value.scope);
    out.digest(value.request);
  });
}

std::optional<Idempotency> take_idempotency(MsgpackReader& in) {
  return take_optional(in, [&in] {
    Idempotency value;
    in.array_of(2);
    value.scope = in.digest();
    value.request = in.digest();
    return value;
  });
}

}  // namespace phoenix::wire
