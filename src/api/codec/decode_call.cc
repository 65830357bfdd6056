#include <algorithm>

#include "api/codec/decode_packet.h"
#include "api/codec/digest.h"
#include "base/json/fields.h"
#include "base/key.h"
#include "policy/contract/semantic.h"

namespace phoenix {
namespace {

using json::Faults;
using json::Field;
using json::Path;
using json::Value;

constexpr int64_t kMaxRetryAfterMs = 24LL * 3600 * 1000;
constexpr size_t kMaxMessage = 64 * 1024;

struct Draft {
  std::string id;
  std::optional<uint64_t> epoch;
  std::string as_member;
  std::string member;
  std::optional<Value> content;              // checkpoint, result or context
  std::optional<std::string> content_bytes;  // the same as bytes
  std::string content_field;
  std::optional<uint64_t> seq;
  LastError error;
  bool has_error = false;
  bool retry = true;
  std::optional<int64_t> retry_after_ms;
  std::string to;
  std::optional<std::vector<std::string>> required;
  std::string reason;
  std::string signature;
  bool declines = false;
  std::optional<std::vector<std::string>> scopes;
  std::optional<std::string> semantic;
  std::optional<Digest> contract;
};

void too_large(size_t size, const Path& path, Faults& faults) {
  if (size <= kMaxContent) return;
  faults.add(
      ErrorKind::kTooLarge, path,
      std::to_string(size) + " bytes; at most " + std::to_string(kMaxContent) + " are allowed");
}

template <auto kField, class D>
void read_id_of(D& draft, const Value& value, const Path& path, Faults& faults) {
  if (auto id = read_id(value, path, faults)) draft.*kField = std::move(*id);
}
constexpr auto read_as = read_id_of<&Draft::as_member, Draft>;

void both(const Path& path, Faults& faults) {
  faults.add(path, "the content is given twice; send it as JSON or as base64");
}

void read_content(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  too_large(value.raw().size(), path, faults);
  if (draft.content_bytes) both(path, faults);
  draft.content = value;
}
void read_bytes(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  auto bytes = read_base64(value, path, faults);
  if (bytes) too_large(bytes->size(), path, faults);
  if (draft.content) both(path, faults);
  draft.content_bytes = std::move(bytes);
}
void read_epoch(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  if (auto epoch = read_integer(value, path, faults, 0, INT64_MAX)) {
    draft.epoch = static_cast<uint64_t>(*epoch);
  } else {
    draft.epoch = 0;  // the fault is noted; it is not missing
  }
}
void read_seq(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  if (value.is_null()) return;
  if (auto seq = read_integer(value, path, faults, 0, INT64_MAX)) {
    draft.seq = static_cast<uint64_t>(*seq);
  }
}
void read_retry_after(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  if (value.is_null()) return;
  draft.retry_after_ms = read_integer(value, path, faults, 0, kMaxRetryAfterMs);
}
void read_reason(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  if (value.is_null()) return;
  auto text = read_string(value, path, faults);
  if (text && text->size() > kMaxMessage) {
    faults.add(path, "at most " + std::to_string(kMaxMessage) + " bytes are allowed");
  } else if (text) {
    draft.reason = std::move(*text);
  }
}

// An envelope, whose form and signature are the node's to look at.
std::string signature_of(const Value& value, const Path& path, Faults& faults) {
  auto bytes = read_base64(value, path, faults);
  if (!bytes) return {};
  if (bytes->empty() || bytes->size() > lineage::kMaxEnvelopeBytes) {
    faults.add(path, "has " + std::to_string(bytes->size()) + " bytes; no envelope has");
  }
  return std::move(*bytes);
}

void read_signature(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  draft.signature = signature_of(value, path, faults);
}

// A member's id; with its namespace, if wanted: "shop/reviewer".
void read_to(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  if (value.is_null()) return;
  auto text = read_string(value, path, faults);
  if (!text) return;
  const size_t slash = text->find('/');
  const bool whole = slash == text->npos || valid_id(text->substr(0, slash));
  if (whole && valid_id(slash == text->npos ? *text : text->substr(slash + 1))) {
    draft.to = std::move(*text);
  } else {
    faults.add(path, json::shown(value) +
                         " is no id: 1 to 128 of A-Z a-z 0-9 . _ -, the first a letter or digit");
  }
}
void read_semantic(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  auto canonical = policy::canonical_semantic(value.is_null() ? "{}" : value.raw());
  if (canonical) {
    draft.semantic = *std::move(canonical);
    return;
  }
  const Error& error = canonical.error();
  for (const FieldError& fault : error.fields) {
    faults.add(path.pointer() + fault.pointer, fault.detail);
  }
  if (error.fields.empty()) faults.add(path, error.detail);
}
void read_contract(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  if (value.is_null()) return;
  const auto text = read_string(value, path, faults);
  if (!text) return;
  if (auto digest = digest_of_text(*text)) {
    draft.contract = *digest;
  } else {
    faults.add(path, json::shown(value) +
                         " is no digest: sha256: and 64 hexadecimal digits, as deliveries show it");
  }
}

constexpr Field<LastError> kErrorFields[] = {
    {"message",
     [](LastError& d, const Value& v, const Path& p, Faults& f) {
       auto text = read_string(v, p, f);
       if (text && text->size() > kMaxMessage) {
         f.add(p, "at most " + std::to_string(kMaxMessage) + " bytes are allowed");
       } else if (text) {
         d.message = std::move(*text);
       }
     }},
    {"code",
     [](LastError& d, const Value& v, const Path& p, Faults& f) {
       if (v.is_null()) return;
       if (auto text = read_name(v, p, f, true)) d.code = std::move(*text);
     }},
};

void read_error(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  draft.has_error = true;
  draft.content = value;  // what is signed
  json::read_object(kErrorFields, draft.error, value, path, faults);
}

constexpr Field<Draft> kStartFields[] = {{"epoch", read_epoch}, {"as", read_as}};
constexpr Field<Draft> kCheckpointFields[] = {{"epoch", read_epoch},
                                              {"as", read_as},
                                              {"checkpoint", read_content},
                                              {"checkpointBase64", read_bytes},
                                              {"seq", read_seq}};
constexpr Field<Draft> kCompleteFields[] = {{"epoch", read_epoch},
                                            {"as", read_as},
                                            {"result", read_content},
                                            {"resultBase64", read_bytes},
                                            {"signature", read_signature}};
constexpr Field<Draft> kItemFields[] = {{"id", read_id_of<&Draft::id>},
                                        {"epoch", read_epoch},
                                        {"member", read_id_of<&Draft::member>},
                                        {"result", read_content},
                                        {"resultBase64", read_bytes}};
constexpr Field<Draft> kFailFields[] = {{"epoch", read_epoch},
                                        {"as", read_as},
                                        {"error", read_error},
                                        {"retry",
                                         [](Draft& d, const Value& v, const Path& p, Faults& f) {
                                           if (auto flag = read_bool(v, p, f)) d.retry = *flag;
                                         }},
                                        {"retryAfterMs", read_retry_after},
                                        {"signature", read_signature}};
constexpr Field<Draft> kReleaseFields[] = {
    {"epoch", read_epoch}, {"as", read_as}, {"retryAfterMs", read_retry_after}};
constexpr Field<Draft> kHandoffFields[] = {{"epoch", read_epoch},
                                           {"as", read_as},
                                           {"to", read_to},
                                           {"requiredCapabilities",
                                            [](Draft& d, const Value& v, const Path& p, Faults& f) {
                                              if (!v.is_null())
                                                d.required = read_names(v, p, f, kMaxRequired);
                                            }},
                                           {"context", read_content},
                                           {"contextBase64", read_bytes},
                                           {"reason", read_reason},
                                           {"scopes",
                                            [](Draft& d, const Value& v, const Path& p, Faults& f) {
                                              if (v.is_null()) return;
                                              d.scopes = read_names(v, p, f, lineage::kMaxNames);
                                            }},
                                           {"semantic", read_semantic},
                                           {"contract", read_contract},
                                           {"signature", read_signature}};
constexpr Field<Draft> kAcceptFields[] = {
    {"epoch", read_epoch},
    {"as", read_as},
    {"signature", read_signature},
    {"decline", [](Draft& d, const Value& v, const Path& p, Faults& f) {
       read_reason(d, v, p, f);
       d.declines = true;
     }}};

void read_fields(Call call, Draft& draft, const Value& body, bool in_batch, Faults& faults) {
  const Path root;
  switch (call) {
    case Call::kStart:
      json::read_object(kStartFields, draft, body, root, faults);
      return;
    case Call::kCheckpoint:
      json::read_object(kCheckpointFields, draft, body, root, faults);
      return;
    case Call::kComplete:
      if (in_batch) {
        json::read_object(kItemFields, draft, body, root, faults);
      } else {
        json::read_object(kCompleteFields, draft, body, root, faults);
      }
      return;
    case Call::kFail:
      json::read_object(kFailFields, draft, body, root, faults);
      return;
    case Call::kRelease:
      json::read_object(kReleaseFields, draft, body, root, faults);
      return;
    case Call::kHandoff:
      json::read_object(kHandoffFields, draft, body, root, faults);
      return;
    case Call::kTicket:
      json::read_object(kStartFields, draft, body, root, faults);
      return;
    case Call::kAccept:
      json::read_object(kAcceptFields, draft, body, root, faults);
      return;
  }
}

void check_together(Call call, const Draft& draft, const Content* raw, bool in_batch,
                    Faults& faults) {
  const Path root;
  if (!draft.epoch) {
    faults.add(Path{&root, "epoch"}, "is required: the epoch of the delivery");
  }
  if (in_batch && draft.id.empty() && !faults.any()) {
    faults.add(Path{&root, "id"}, "is required: the packet's id");
  }
  const bool has_content = draft.content || draft.content_bytes;
  if (raw != nullptr && has_content) {
    faults.add(root, "the body is the content because of ?raw=true");
  }
  if (call == Call::kCheckpoint && !has_content && raw == nullptr && !faults.any()) {
    faults.add(Path{&root, "checkpoint"}, "is required (or checkpointBase64)");
  }
  if (call == Call::kFail && !draft.has_error) {
    faults.add(Path{&root, "error"}, "is required: {\"message\",\"code\"}");
  }
  if (call == Call::kAccept && draft.signature.empty() == !draft.declines && !faults.any()) {
    faults.add(Path{&root, "signature"}, draft.declines
                                             ? "signature and decline exclude each other"
                                             : "is required: of the HandoffAcceptance; or decline");
  }
  if (call == Call::kHandoff && draft.to.empty() == !draft.required && !faults.any()) {
    faults.add(Path{&root, "to"}, draft.required
                                      ? "to and requiredCapabilities exclude each other"
                                      : "is required: a member's id, or requiredCapabilities");
  }
}

std::shared_ptr<const Content> content_of(const Draft& draft) {
  if (draft.content_bytes) {
    auto content = std::make_shared<Content>();
    content->is_json = false;
    content->type = "application/octet-stream";
    content->data = *draft.content_bytes;
    return content;
  }
  if (!draft.content) return nullptr;
  auto content = std::make_shared<Content>();
  content->data = json::one_line(draft.content->raw());
  return content;
}

Digest call_digest(const OwnerCall& call) {
  Sha256 hash;
  hash.part(call_name(call.call)).part(call.epoch);
  if (call.content != nullptr) {
    hash.part(call.content->is_json ? "json" : "bytes").part(call.content->data);
  } else {
    hash.part("none");
  }
  hash.part(call.seq.value_or(0)).part(call.error.message).part(call.error.code);
  hash.part(call.retry ? 1 : 0).part(static_cast<uint64_t>(call.retry_after_ms.value_or(-1)));
  hash.part(call.to).part(call.reason);
  if (call.required) {
    for (const auto& name : *call.required) hash.part(name);
  }
  if (call.scopes) {
    hash.part("scopes");
    for (const auto& name : *call.scopes) hash.part(name);
  }
  if (call.semantic) hash.part("semantic").part(*call.semantic);
  return hash.finish();
}

tl::expected<DecodedCall, Error> decode(Call call, const Value& body, std::string_view ns,
                                        const std::string* id, std::shared_ptr<const Content> raw) {
  Faults faults;
  Draft draft;
  read_fields(call, draft, body, id == nullptr, faults);
  if (body.kind() == json::Kind::kObject) {
    check_together(call, draft, raw.get(), id == nullptr, faults);
  }
  if (faults.any()) return tl::unexpected(faults.error());

  DecodedCall out;
  out.as_member = std::move(draft.as_member);
  out.member = std::move(draft.member);
  out.call.call = call;
  out.call.key = PacketKey(ns, id == nullptr ? draft.id : *id);
  out.call.epoch = *draft.epoch;
  out.call.content = raw != nullptr ? std::move(raw) : content_of(draft);
  out.call.seq = draft.seq;
  out.call.error = std::move(draft.error);
  out.call.retry = draft.retry;
  out.call.retry_after_ms = draft.retry_after_ms;
  out.call.to = std::move(draft.to);
  out.call.required = std::move(draft.required);
  out.call.reason = std::move(draft.reason);
  out.call.declines = draft.declines;
  out.call.scopes = std::move(draft.scopes);
  out.call.semantic = std::move(draft.semantic);
  out.call.contract = draft.contract;
  if (call == Call::kHandoff || call == Call::kAccept) {
    out.call.statement = std::move(draft.signature);
  } else if (!draft.signature.empty()) {
    out.call.evidence = lineage::Evidence{std::move(draft.signature), 0, {}};
  }
  out.call.digest = call_digest(out.call);
  return out;
}

struct BatchDraft {
  std::optional<Value> items;
  std::string as_member;
  std::string member;
  std::string signature;
};
constexpr Field<BatchDraft> kBatchFields[] = {
    {"items",
     [](BatchDraft& d, const Value& v, const Path& p, Faults& f) {
       if (v.kind() != json::Kind::kArray) {
         f.add(p, "must be an array, not " + std::string(kind_phrase(v.kind())));
       } else if (v.size() == 0 || v.size() > kMaxItems) {
         f.add(p, "holds " + std::to_string(v.size()) + " items; 1 to 1000 are allowed");
       } else {
         d.items = v;
       }
     }},
    {"as", read_id_of<&BatchDraft::as_member>},
    {"member", read_id_of<&BatchDraft::member>},
    {"signature", [](BatchDraft& d, const Value& v, const Path& p,
                     Faults& f) { d.signature = signature_of(v, p, f); }},
};

struct OrderDraft {
  std::string to;
  std::string reason;
};
constexpr Field<OrderDraft> kReasonFields[] = {
    {"reason", [](OrderDraft& d, const Value& v, const Path& p, Faults& f) {
       Draft draft;
       read_reason(draft, v, p, f);
       d.reason = std::move(draft.reason);
     }}};
constexpr Field<OrderDraft> kAssignFields[] = {
    {"to",
     [](OrderDraft& d, const Value& v, const Path& p, Faults& f) {
       if (v.is_null()) return;
       if (auto id = read_id(v, p, f)) d.to = std::move(*id);
     }},
    kReasonFields[0]};

}  // namespace

tl::expected<DecodedCall, Error> decode_call(Call call, const Value& body, std::string_view ns,
                                             const std::string* id,
                                             std::shared_ptr<const Content> raw) {
  return decode(call, body, ns, id, std::move(raw));
}

Result<DecodedBatch> decode_complete_batch(const Value& body, std::string_view ns) {
  Faults faults;
  BatchDraft draft;
  json::read_object(kBatchFields, draft, body, Path{}, faults);
  if (!draft.items && !faults.any()) {
    const Path root;
    faults.add(Path{&root, "items"}, "is required: [{id,epoch,result},...]");
  }
  if (faults.any()) return tl::unexpected(faults.error());
  DecodedBatch out;
  out.as_member = std::move(draft.as_member);
  out.member = std::move(draft.member);
  out.signature = std::move(draft.signature);
  for (auto items = draft.items->children(); !items.done();) {
    const Value item = items.take();
    auto decoded = decode(Call::kComplete, item, ns, nullptr, {});
    if (decoded) {
      out.ids.emplace_back(decoded->call.key.id());
      out.members.push_back(std::move(decoded->member));
      out.calls.items.emplace_back(std::move(decoded->call));
      continue;
    }
    const auto id = item.kind() == json::Kind::kObject ? item.find("id") : std::nullopt;
    const bool named = id && id->kind() == json::Kind::kString && valid_id(id->string());
    out.members.emplace_back();
    out.ids.push_back(named ? id->string() : std::string());
    out.calls.items.emplace_back(tl::unexpected(std::move(decoded.error())));
  }
  return out;
}

Result<OrderPacket> decode_order(Order order, const Value& body, PacketKey key) {
  Faults faults;
  OrderDraft draft;
  if (order == Order::kAssign) {
    json::read_object(kAssignFields, draft, body, Path{}, faults);
  } else {
    json::read_object(kReasonFields, draft, body, Path{}, faults);
  }
  if (faults.any()) return tl::unexpected(faults.error());
  OrderPacket out;
  out.order = order;
  out.key = std::move(key);
  out.to = std::move(draft.to);
  out.reason = std::move(draft.reason);
  return out;
}

}  // namespace phoenix
