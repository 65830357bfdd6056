#include "api/codec/decode_packet.h"

#include <algorithm>

#include "api/codec/digest.h"
#include "base/json/fields.h"
#include "lineage/form/statements.h"
#include "policy/contract/semantic.h"

namespace phoenix {
namespace {

using json::Faults;
using json::Field;
using json::Path;
using json::Value;

constexpr int64_t kYearSeconds = 31'536'000;

struct Draft {
  std::string id;
  std::string ns;
  PacketSpec spec;
  std::optional<std::vector<std::string>> required;
  std::optional<Spread> spread;
  std::optional<Value> payload;
  std::optional<std::string> payload_bytes;
  Governed governed;
};

// Reads text that may be null, which means not given.
template <std::string PacketSpec::* kMember>
void read_text(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  if (value.is_null()) return;
  if (auto text = read_name(value, path, faults)) draft.spec.*kMember = std::move(*text);
}
template <uint32_t PacketSpec::* kMember, int64_t kLeast, int64_t kMost>
void read_number(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  if (auto number = read_integer(value, path, faults, kLeast, kMost)) {
    draft.spec.*kMember = static_cast<uint32_t>(*number);
  }
}
template <WallMs PacketSpec::* kMember>
void read_wall(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  if (value.is_null()) return;
  if (auto time = read_time(value, path, faults)) draft.spec.*kMember = *time;
}

void read_spread(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  if (auto choice = read_choice(value, path, faults, {"id", "affinity", "none"})) {
    draft.spread = static_cast<Spread>(*choice);
  }
}

void read_content_type(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  auto text = read_string(value, path, faults);
  if (!text) return;
  if (valid_media_type(*text)) {
    draft.spec.content_type = std::move(*text);
  } else {
    faults.add(path, json::shown(value) + " is no media type like text/plain, at most 255 bytes");
  }
}

void check_size(size_t size, const Path& path, Faults& faults) {
  if (size <= kMaxContent) return;
  faults.add(
      ErrorKind::kTooLarge, path,
      std::to_string(size) + " bytes; at most " + std::to_string(kMaxContent) + " are allowed");
}

void read_payload(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  check_size(value.raw().size(), path, faults);
  if (!value.is_null()) draft.payload = value;
}

void read_payload_bytes(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  draft.payload_bytes = read_base64(value, path, faults);
  if (draft.payload_bytes) check_size(draft.payload_bytes->size(), path, faults);
}

void read_semantic(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  if (value.is_null()) return;
  auto canonical = policy::canonical_semantic(value.raw());
  if (canonical) {
    draft.governed.semantic = *std::move(canonical);
    return;
  }
  const Error& error = canonical.error();
  for (const FieldError& fault : error.fields) {
    faults.add(path.pointer() + fault.pointer, fault.detail);
  }
  if (error.fields.empty()) faults.add(path, error.detail);
}

constexpr Field<Draft> kPacketFields[] = {
    {"id",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (auto id = read_id(v, p, f)) d.id = std::move(*id);
     }},
    {"name", read_text<&PacketSpec::name>},
    {"namespace",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (auto id = read_id(v, p, f)) d.ns = std::move(*id);
     }},
    {"labels",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (auto labels = read_labels(v, p, f)) d.spec.labels = std::move(*labels);
     }},
    {"requiredCapabilities",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       d.required = read_names(v, p, f, kMaxRequired);
       if (!d.required) d.required.emplace();  // the fault is noted; it is not missing
     }},
    {"capabilityMatch",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (auto choice = read_choice(v, p, f, {"all", "any"})) {
         d.spec.match = static_cast<CapabilityMatch>(*choice);
       }
     }},
    {"policyTags",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (auto tags = read_names(v, p, f, kMaxRequired)) d.spec.policy_tags = std::move(*tags);
     }},
    {"affinityKey", read_text<&PacketSpec::affinity_key>},
    {"spread", read_spread},
    {"priority",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (auto number = read_integer(v, p, f, -1000, 1000)) {
         d.spec.priority = static_cast<int32_t>(*number);
       }
     }},
    {"load", read_number<&PacketSpec::load, 1, 1'000'000>},
    {"notBefore", read_wall<&PacketSpec::not_before>},
    {"deadline", read_wall<&PacketSpec::deadline>},
    {"attemptTimeoutSeconds",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (v.is_null()) return;
       read_number<&PacketSpec::attempt_timeout_seconds, 1, kYearSeconds>(d, v, p, f);
     }},
    {"maxAttempts", read_number<&PacketSpec::max_attempts, 1, 1'000'000>},
    {"maxLosses", read_number<&PacketSpec::max_losses, 1, 1'000'000>},
    {"retainSeconds", read_number<&PacketSpec::retain_seconds, 0, 10 * kYearSeconds>},
    {"traceparent", read_text<&PacketSpec::traceparent>},
    {"tracestate", read_text<&PacketSpec::tracestate>},
    {"payload", read_payload},
    {"payloadBase64", read_payload_bytes},
    {"contentType", read_content_type},
    {"contract",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (v.is_null()) return;
       if (auto name = read_id(v, p, f)) d.governed.contract = std::move(*name);
     }},
    {"scopes",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (!v.is_null()) d.governed.scopes = read_names(v, p, f, lineage::kMaxNames);
     }},
    {"semantic", read_semantic},
};

// What no single field can tell.
void check_together(Draft& draft, const PacketDefaults& defaults, bool has_raw, Faults& faults) {
  const Path root;
  if (!draft.required) {
    faults.add(Path{&root, "requiredCapabilities"},
               "is required: an array of capabilities, [] for any member");
  }
  if (!draft.ns.empty() && draft.ns != defaults.ns) {
    faults.add(Path{&root, "namespace"}, "\"" + draft.ns + "\" is not the request's namespace \"" +
                                             std::string(defaults.ns) +
                                             "\"; set ?namespace= or leave the field out");
  }
  const int payloads = (draft.payload ? 1 : 0) + (draft.payload_bytes ? 1 : 0) + (has_raw ? 1 : 0);
  if (payloads > 1) {
    faults.add(Path{&root, draft.payload_bytes ? "payloadBase64" : "payload"},
               has_raw ? "the body is the payload because of ?raw=true"
                       : "payload and payloadBase64 exclude each other");
  }
  const bool keyed = !draft.spec.affinity_key.empty();
  if (draft.spread && keyed != (*draft.spread == Spread::kAffinity)) {
    faults.add(Path{&root, "spread"},
               keyed ? "only \"affinity\" goes with an affinityKey; leave it out"
                     : "\"affinity\" needs an affinityKey");
  }
  draft.spec.spread = keyed ? Spread::kAffinity : draft.spread.value_or(Spread::kId);
  if (draft.spec.deadline != kNoWall && draft.spec.deadline <= defaults.now) {
    faults.add(Path{&root, "deadline"}, "it has passed already");
  }
}

// Over all that was sent but the id: the same for another order of keys or other white space.
Digest create_digest(const Draft& draft, const Content* content) {
  Sha256 hash;
  const PacketSpec& spec = draft.spec;
  hash.part("create-1").part(spec.name).part(spec.affinity_key);
  hash.part(spec.content_type);
  for (const auto& [key, value] : spec.labels) hash.part(key).part(value);
  hash.part("required");
  for (const auto& name : *draft.required) hash.part(name);
  hash.part("tags");
  for (const auto& name : spec.policy_tags) hash.part(name);
  hash.part("numbers");
  const auto signed_part = [&hash](int64_t value) { hash.part(static_cast<uint64_t>(value)); };
  signed_part(static_cast<int64_t>(spec.match));
  signed_part(static_cast<int64_t>(spec.spread));
  signed_part(spec.priority);
  signed_part(spec.load);
  signed_part(spec.not_before);
  signed_part(spec.deadline);
  signed_part(spec.attempt_timeout_seconds);
  signed_part(spec.max_attempts);
  signed_part(spec.max_losses);
  signed_part(spec.retain_seconds);
  if (content == nullptr) {
    hash.part("none");
  } else if (!content->is_json) {
    hash.part("bytes").part(content->data);
  } else if (draft.payload) {
    std::string canonical;
    json::append_canonical(canonical, *draft.payload);
    hash.part("json").part(canonical);
  } else {
    hash.part("json").part(content->data);
  }
  // What has none of it has the digest that it always had.
  const Governed& governed = draft.governed;
  if (!governed.contract.empty()) hash.part("contract").part(governed.contract);
  if (governed.scopes) {
    hash.part("scopes");
    for (const auto& name : *governed.scopes) hash.part(name);
  }
  if (!governed.semantic.empty()) hash.part("semantic").part(governed.semantic);
  return hash.finish();
}

std::shared_ptr<const Content> json_content(const Value& value) {
  auto content = std::make_shared<Content>();
  content->data = json::one_line(value.raw());
  return content;
}

std::shared_ptr<const Content> byte_content(std::string type, std::string bytes) {
  auto content = std::make_shared<Content>();
  content->is_json = false;
  content->type = type.empty() ? "application/octet-stream" : std::move(type);
  content->data = std::move(bytes);
  return content;
}

}  // namespace

tl::expected<SubmitItem, Error> decode_submit(const Value& body, const PacketDefaults& defaults,
                                              std::shared_ptr<const Content> raw) {
  Faults faults;
  Draft draft;
  draft.spec.retain_seconds = defaults.retain_seconds;
  json::read_object(kPacketFields, draft, body, Path{}, faults);
  if (body.kind() == json::Kind::kObject) {
    check_together(draft, defaults, raw != nullptr, faults);
  }
  if (faults.any()) return tl::unexpected(faults.error());

  SubmitItem item;
  const bool given = !draft.id.empty();
  item.id_from = given                 ? IdSource::kCaller
                 : defaults.ids_repeat ? IdSource::kDerived
                                       : IdSource::kFresh;
  item.key = PacketKey(defaults.ns, given ? draft.id : defaults.fresh_id());
  if (raw != nullptr) {
    item.payload = std::move(raw);
    if (!item.payload->is_json) draft.spec.content_type = item.payload->type;
  } else if (draft.payload) {
    item.payload = json_content(*draft.payload);
  } else if (draft.payload_bytes) {
    item.payload = byte_content(draft.spec.content_type, std::move(*draft.payload_bytes));
    draft.spec.content_type = item.payload->type;
  }
  draft.spec.create_digest = create_digest(draft, item.payload.get());
  item.required = std::move(*draft.required);
  if (draft.governed != Governed()) {
    item.governed = std::make_shared<const Governed>(std::move(draft.governed));
  }
  // Beside the digest: a repeat from another trace is the same packet.
  if (draft.spec.traceparent.empty()) {
    draft.spec.traceparent = defaults.traceparent;
    draft.spec.tracestate = defaults.tracestate;
  }
  item.spec = std::make_shared<PacketSpec>(std::move(draft.spec));
  return item;
}

Result<std::shared_ptr<const Content>> raw_content(std::string_view media_type, std::string bytes) {
  if (bytes.size() > kMaxContent) {
    return fail(ErrorKind::kTooLarge, "the body has " + std::to_string(bytes.size()) +
                                          " bytes; at most " + std::to_string(kMaxContent) +
                                          " are allowed");
  }
  if (bare_media_type(media_type) == "application/json") {
    auto document = json::Document::parse(bytes);
    if (!document) return tl::unexpected(document.error());
    return json_content(document->root());
  }
  if (!media_type.empty() && !valid_media_type(media_type)) {
    return invalid("header:Content-Type", "no media type like text/plain, at most 255 bytes");
  }
  return byte_content(std::string(media_type), std::move(bytes));
}

std::string bare_media_type(std::string_view header) {
  std::string type(header.substr(0, std::min(header.find(';'), header.size())));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  for (char& c : type) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return type;
}

bool valid_media_type(std::string_view text) {
  const size_t slash = text.find('/');
  if (text.size() > 255 || slash == std::string_view::npos || slash == 0 ||
      slash + 1 == text.size()) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace phoenix
