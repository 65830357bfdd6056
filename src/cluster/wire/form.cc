#include "cluster/wire/form.h"

#include <algorithm>

#include "packet/encoding.h"

namespace phoenix::wire {

void put(MsgpackWriter& out, const Error& error) {
  out.array(10);
  put_enum(out, error.kind);
  out.str(error.detail);
  out.str(error.reason_code);
  put_list(out, error.fields, [&out](const FieldError& field) {
    out.array(2);
    out.str(field.pointer);
    out.str(field.detail);
  });
  put_optional_uint(out, error.epoch);
  put_optional_uint(out, error.revision);
  put_optional(out, error.owner, [&out](const std::string& owner) { out.str(owner); });
  out.str(error.packet_status);
  out.str(error.last_error);
  put_optional(out, error.retry_after_ms, [&out](int64_t wait) { out.sint(wait); });
}

Error take_error(MsgpackReader& in) {
  Error error;
  in.array_of(10);
  error.kind = static_cast<ErrorKind>(in.uint(kErrorKinds - 1));
  error.detail = in.str();
  error.reason_code = in.str();
  error.fields = take_list(in, [&in] {
    FieldError field;
    in.array_of(2);
    field.pointer = in.str();
    field.detail = in.str();
    return field;
  });
  error.epoch = take_optional_u64(in);
  error.revision = take_optional_u64(in);
  error.owner = take_optional(in, [&in] { return take_text(in); });
  error.packet_status = in.str();
  error.last_error = in.str();
  error.retry_after_ms = take_optional(in, [&in] { return in.sint(); });
  return error;
}

void put(MsgpackWriter& out, const Revoked& revoked) {
  out.array(3);
  out.str(revoked.id);
  out.uint(revoked.epoch);
  put_enum(out, revoked.reason);
}

Revoked take_revoked(MsgpackReader& in) {
  Revoked revoked;
  in.array_of(3);
  revoked.id = take_id(in);
  revoked.epoch = in.uint();
  revoked.reason = take_enum(in, RevokeReason::kTimeout);
  return revoked;
}

void put(MsgpackWriter& out, const std::vector<std::string>& texts) {
  put_list(out, texts, [&out](const std::string& text) { out.str(text); });
}

void put(MsgpackWriter& out, const std::shared_ptr<const Content>& content) {
  if (!content) return out.nil();
  out.array(3);
  out.boolean(content->is_json);
  out.str(content->type);
  out.bin(content->data);
}

std::shared_ptr<const Content> take_content(MsgpackReader& in) {
  if (in.next_is_nil()) {
    in.nil();
    return nullptr;
  }
  auto content = std::make_shared<Content>();
  in.array_of(3);
  content->is_json = in.boolean();
  content->type = in.str();
  content->data = in.bin();
  return content;
}

void put(MsgpackWriter& out, const CarriedContents& contents) {
  put_list(out, contents, [&out](const auto& content) {
    out.array(2);
    put_enum(out, content.first);
    put(out, content.second);
  });
}
CarriedContents take_contents(MsgpackReader& in) {
  CarriedContents contents = take_list(in, [&in] {
    std::pair<ContentKind, std::shared_ptr<const Content>> content;
    in.array_of(2);
    content.first = take_enum(in, ContentKind::kResult);
    content.second = take_content(in);
    return content;
  });
  if (contents.size() > kContentKinds) in.reject();
  return contents;
}

namespace {

// Bytes of a stored form that has a decoder of its own.
template <class T>
std::shared_ptr<const T> take_stored(MsgpackReader& in, Result<T> (*decode)(std::string_view)) {
  auto value = decode(in.bin());
  if (!value) {
    in.reject();
    return std::make_shared<const T>();
  }
  return std::make_shared<const T>(std::move(*value));
}

template <class T>
std::shared_ptr<const T> take_stored_or_nil(MsgpackReader& in,
                                            Result<T> (*decode)(std::string_view)) {
  if (!in.next_is_nil()) return take_stored(in, decode);
  in.nil();
  return nullptr;
}

}  // namespace

void put(MsgpackWriter& out, const std::shared_ptr<const MemberRecord>& record) {
  if (!record) return out.nil();
  out.bin(encode_member(*record));
}
std::shared_ptr<const MemberRecord> take_member(MsgpackReader& in) {
  return take_stored_or_nil(in, decode_member);
}

void put(MsgpackWriter& out, const std::shared_ptr<const SessionRecord>& record) {
  if (!record) return out.nil();
  out.bin(encode_session(*record));
}
std::shared_ptr<const SessionRecord> take_session(MsgpackReader& in) {
  return take_stored_or_nil(in, decode_session);
}

void put_governed(MsgpackWriter& out, const std::shared_ptr<const Governed>& governed) {
  if (governed) {
    out.bin(encode_governed(*governed));
  } else {
    out.nil();
  }
}
std::shared_ptr<const Governed> take_governed(MsgpackReader& in) {
  if (in.next_is_nil()) {
    in.nil();
    return nullptr;
  }
  auto governed = decode_governed(in.bin());
  if (governed) return std::make_shared<const Governed>(std::move(*governed));
  in.reject();
  return nullptr;
}

void put_document(MsgpackWriter& out, const DocumentPtr& document) {
  out.bin(encode_document(*document));
}
DocumentPtr take_document(MsgpackReader& in) {
  auto document = decode_document(in.bin());
  if (document) return std::make_shared<const Document>(std::move(*document));
  in.reject();
  return std::make_shared<const Document>();
}

void put_head(MsgpackWriter& out, const Packet& head) { out.bin(encode_head(head)); }
PacketPtr take_head(MsgpackReader& in) { return take_stored(in, decode_head); }

std::string take_text(MsgpackReader& in) { return std::string(in.str()); }

std::string take_id(MsgpackReader& in) {
  const std::string_view id = in.str();
  if (!valid_id(id)) in.reject();
  return std::string(id);
}

std::string take_id_or_none(MsgpackReader& in) {
  const std::string_view id = in.str();
  if (!id.empty() && !valid_id(id)) in.reject();
  return std::string(id);
}

std::string take_name(MsgpackReader& in) {
  const std::string_view name = in.str();
  if (!valid_name(name)) in.reject();
  return std::string(name);
}

uint32_t take_u32(MsgpackReader& in, uint32_t least, uint32_t most) {
  const auto value = static_cast<uint32_t>(in.uint(most));
  if (value < least) in.reject();
  return value;
}

int64_t take_not_negative(MsgpackReader& in) { return static_cast<int64_t>(in.uint(INT64_MAX)); }

std::optional<uint64_t> take_optional_u64(MsgpackReader& in) {
  return take_optional(in, [&in] { return in.uint(); });
}
std::optional<uint32_t> take_optional_u32(MsgpackReader& in) {
  return take_optional(in, [&in] { return take_u32(in); });
}

std::vector<std::string> take_ids(MsgpackReader& in) {
  return take_list(in, [&in] { return take_id(in); });
}
std::vector<std::string> take_names(MsgpackReader& in) {
  return take_list(in, [&in] { return take_name(in); });
}

void put_slots(MsgpackWriter& out, const std::vector<SlotId>& slots) {
  put_list(out, slots, [&out](SlotId slot) { out.uint(slot); });
}

std::vector<SlotId> take_slots(MsgpackReader& in) {
  auto slots = take_list(in, [&in] { return static_cast<SlotId>(in.uint(kSlots - 1)); });
  for (size_t i = 1; i < slots.size(); ++i) {
    if (slots[i - 1] >= slots[i]) in.reject();
  }
  return slots;
}

void put_numbered(MsgpackWriter& out, const std::vector<std::pair<std::string, uint64_t>>& pairs) {
  put_list(out, pairs, [&out](const std::pair<std::string, uint64_t>& pair) {
    out.array(2);
    out.str(pair.first);
    out.uint(pair.second);
  });
}

std::vector<std::pair<std::string, uint64_t>> take_numbered(MsgpackReader& in) {
  return take_list(in, [&in] {
    std::pair<std::string, uint64_t> pair;
    in.array_of(2);
    pair.first = take_id(in);
    pair.second = in.uint();
    return pair;
  });
}

}  // namespace phoenix::wire
