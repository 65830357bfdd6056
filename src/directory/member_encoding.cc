#include "base/msgpack.h"
#include "directory/member.h"

namespace phoenix {
namespace {

constexpr uint32_t kMemberVersion = 1;
constexpr uint32_t kMemberFields = 20;
// With keys; without any the form is as it always was.
constexpr uint32_t kMemberFieldsWithKeys = 23;
// And one more where its certificate is still to come.
constexpr uint32_t kUncertified = 1;
constexpr uint32_t kSessionVersion = 1;
constexpr uint32_t kSessionFields = 11;
// With its home, where hosts share a store; elsewhere the form is as it always was.
constexpr uint32_t kSessionFieldsAtHome = 13;
constexpr uint32_t kMaxCapabilities = 4096;

tl::unexpected<Error> damaged(const char* what, std::string_view bytes) {
  return fail(ErrorKind::kInternal, std::string("a stored ") + what + " record of " +
                                        std::to_string(bytes.size()) + " bytes is damaged");
}

tl::unexpected<Error> unknown_form(const char* what, uint64_t version) {
  return fail(ErrorKind::kInternal, std::string("a stored ") + what + " record has form " +
                                        std::to_string(version) + "; this version reads form 1");
}

void put_strings(MsgpackWriter& out, const std::vector<std::string>& values) {
  out.array(static_cast<uint32_t>(values.size()));
  for (const std::string& value : values) out.str(value);
}

std::string take_id(MsgpackReader& in) {
  const std::string_view id = in.str();
  if (!valid_id(id)) in.reject();
  return std::string(id);
}

uint32_t take_between(MsgpackReader& in, uint32_t least, uint32_t most) {
  const auto value = static_cast<uint32_t>(in.uint(most));
  if (value < least) in.reject();
  return value;
}

std::vector<std::string> take_capabilities(MsgpackReader& in) {
  const uint32_t size = in.array();
  if (size > kMaxCapabilities) in.reject();
  std::vector<std::string> names;
  for (uint32_t i = 0; i < size && in.ok(); ++i) {
    const std::string_view name = in.str();
    if (!valid_name(name) || (!names.empty() && !(names.back() < name))) in.reject();
    names.emplace_back(name);
  }
  return names;
}

std::vector<std::string> take_strings(MsgpackReader& in) {
  const uint32_t size = in.array();
  std::vector<std::string> values;
  for (uint32_t i = 0; i < size && in.ok(); ++i) values.emplace_back(in.str());
  return values;
}

void take_labels(MsgpackReader& in, MemberRecord& record) {
  const uint32_t size = in.array();
  if (size % 2 != 0) in.reject();
  for (uint32_t i = 0; i < size / 2 && in.ok(); ++i) {
    const std::string_view key = in.str();
    const std::string_view value = in.str();
    if (!valid_name(key) || !(value.empty() || valid_name(value))) in.reject();
    if (i > 0 && !(record.labels.back().first < key)) in.reject();
    record.labels.emplace_back(key, value);
  }
}

std::string take_public_key(MsgpackReader& in) {
  const std::string_view key = in.bin();
  if (!key.empty() && key.size() != kPublicKeyBytes) in.reject();
  return std::string(key);
}

MemberRecord take_member(MsgpackReader& in, bool with_keys, bool uncertified) {
  MemberRecord record;
  record.key = MemberKey::from_text(std::string(in.str()));
  if (!valid_id(record.key.ns()) || !valid_id(record.key.id()) ||
      record.key.text().size() != record.key.ns().size() + 1 + record.key.id().size()) {
    in.reject();
  }
  record.kind = static_cast<MemberKind>(in.uint(kMemberKinds - 1));
  record.capabilities = take_capabilities(in);
  record.weight = take_between(in, 1, 10'000);
  record.max_load = take_between(in, 1, 1'000'000);
  record.trust = take_between(in, 0, 1000);
  record.reliability = take_between(in, 0, 1000);
  record.compliance = take_strings(in);
  take_labels(in, record);
  record.manual = in.boolean();
  record.status = static_cast<MemberStatus>(in.uint(kMemberStatuses - 1));
  record.reason = in.str();
  record.incarnation = in.uint();
  record.revision = in.uint();
  record.session = in.str();
  record.registered_by = in.str();
  record.joined_at = in.sint();
  record.updated_at = in.sint();
  record.drain_deadline = in.sint();
  if (with_keys) {
    record.public_key = take_public_key(in);
    record.next_key = take_public_key(in);
    record.former_key = take_public_key(in);
    if (!record.has_keys()) in.reject();
  }
  if (uncertified) {
    record.uncertified = in.boolean();
    if (!record.uncertified || record.status != MemberStatus::kRetired) in.reject();
  }
  return record;
}

SessionRecord take_session(MsgpackReader& in, bool at_home) {
  SessionRecord record;
  record.id = take_id(in);
  record.ns = take_id(in);
  record.generation = in.uint();
  record.lease_seconds = take_between(in, 1, 3600);
  if (in.next_is_nil()) {
    in.nil();
  } else {
    record.grace_ms = static_cast<uint32_t>(in.uint(UINT32_MAX));
  }
  record.state = static_cast<SessionState>(in.uint(static_cast<uint64_t>(SessionState::kAttached)));
  const uint32_t size = in.array();
  if (size % 2 != 0) in.reject();
  for (uint32_t i = 0; i < size / 2 && in.ok(); ++i) {
    std::string id = take_id(in);
    record.members.emplace_back(std::move(id), in.uint());
  }
  record.registered_by = in.str();
  record.revision = in.uint();
  record.ended_at = in.sint();
  if (at_home) {
    record.home.host = in.str();
    record.home.life = in.uint();
    if (record.home.host.empty() || record.home.life == 0) in.reject();
  }
  return record;
}

}  // namespace

std::string encode_member(const MemberRecord& record) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array((record.has_keys() ? kMemberFieldsWithKeys : kMemberFields) +
            (record.uncertified ? kUncertified : 0));
  out.uint(kMemberVersion);
  out.str(record.key.text());
  out.uint(static_cast<uint64_t>(record.kind));
  put_strings(out, record.capabilities);
  out.uint(record.weight);
  out.uint(record.max_load);
  out.uint(record.trust);
  out.uint(record.reliability);
  put_strings(out, record.compliance);
  out.array(static_cast<uint32_t>(2 * record.labels.size()));
  for (const auto& [key, value] : record.labels) {
    out.str(key);
    out.str(value);
  }
  out.boolean(record.manual);
  out.uint(static_cast<uint64_t>(record.status));
  out.str(record.reason);
  out.uint(record.incarnation);
  out.uint(record.revision);
  out.str(record.session);
  out.str(record.registered_by);
  out.sint(record.joined_at);
  out.sint(record.updated_at);
  out.sint(record.drain_deadline);
  if (record.has_keys()) {
    out.bin(record.public_key);
    out.bin(record.next_key);
    out.bin(record.former_key);
  }
  if (record.uncertified) out.boolean(true);
  return bytes;
}

Result<MemberRecord> decode_member(std::string_view bytes) {
  MsgpackReader in(bytes);
  const uint32_t fields = in.array();
  const bool with_keys = fields >= kMemberFieldsWithKeys;
  const uint32_t least = with_keys ? kMemberFieldsWithKeys : kMemberFields;
  if (fields < least || fields > least + kUncertified) in.reject();
  const uint64_t version = in.uint();
  if (in.ok() && version != kMemberVersion) return unknown_form("member", version);
  MemberRecord record = take_member(in, with_keys, fields == least + kUncertified);
  if (!in.at_end()) return damaged("member", bytes);
  return record;
}

std::string encode_session(const SessionRecord& record) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(record.home.empty() ? kSessionFields : kSessionFieldsAtHome);
  out.uint(kSessionVersion);
  out.str(record.id);
  out.str(record.ns);
  out.uint(record.generation);
  out.uint(record.lease_seconds);
  if (record.grace_ms) {
    out.uint(*record.grace_ms);
  } else {
    out.nil();
  }
  out.uint(static_cast<uint64_t>(record.state));
  out.array(static_cast<uint32_t>(2 * record.members.size()));
  for (const auto& [id, incarnation] : record.members) {
    out.str(id);
    out.uint(incarnation);
  }
  out.str(record.registered_by);
  out.uint(record.revision);
  out.sint(record.ended_at);
  if (!record.home.empty()) {
    out.str(record.home.host);
    out.uint(record.home.life);
  }
  return bytes;
}

Result<SessionRecord> decode_session(std::string_view bytes) {
  MsgpackReader in(bytes);
  const uint32_t fields = in.array();
  if (fields != kSessionFields && fields != kSessionFieldsAtHome) in.reject();
  const uint64_t version = in.uint();
  if (in.ok() && version != kSessionVersion) return unknown_form("session", version);
  SessionRecord record = take_session(in, fields == kSessionFieldsAtHome);
  if (!in.at_end()) return damaged("session", bytes);
  return record;
}

}  // namespace phoenix
