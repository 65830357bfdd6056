#include "api/codec/decode_member.h"

#include <algorithm>
#include <set>

#include "base/json/fields.h"
#include "base/json/json_writer.h"

namespace phoenix {
namespace {

using json::Faults;
using json::Field;
using json::Path;
using json::Value;

constexpr size_t kMaxCompliance = 64;

// A member and, where one request registers one member, its session.
struct Draft {
  MemberRecord record;
  std::string id;
  std::string ns;
  std::optional<uint32_t> trust;
  std::optional<uint32_t> reliability;
  uint32_t lease_seconds = 3;
  std::optional<uint32_t> grace_ms;
  bool replace = false;
  std::string proof;
};

template <uint32_t MemberRecord::* kMember, int64_t kMost>
void read_number(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  if (auto number = read_integer(value, path, faults, 1, kMost)) {
    draft.record.*kMember = static_cast<uint32_t>(*number);
  }
}

void read_kind(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  std::vector<std::string_view> names;
  for (int i = 0; i < kMemberKinds; ++i) {
    names.push_back(member_kind_name(static_cast<MemberKind>(i)));
  }
  if (auto choice = read_choice(value, path, faults, names)) {
    draft.record.kind = static_cast<MemberKind>(*choice);
  }
}

void read_liveness(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  if (auto choice = read_choice(value, path, faults, {"session", "manual"})) {
    draft.record.manual = *choice == 1;
  }
}

std::optional<std::string> public_key_of(const Value& value, const Path& path, Faults& faults) {
  auto bytes = read_base64(value, path, faults);
  if (bytes && bytes->size() != kPublicKeyBytes) {
    faults.add(path, "has " + std::to_string(bytes->size()) +
                         " bytes; an Ed25519 public key has 32, in base64");
    bytes.reset();
  }
  return bytes;
}

std::optional<uint32_t> lease_of(const Value& value, const Path& path, Faults& faults) {
  const auto number = read_integer(value, path, faults, 1, 3600);
  if (!number) return std::nullopt;
  return static_cast<uint32_t>(*number);
}
std::optional<uint32_t> grace_of(const Value& value, const Path& path, Faults& faults) {
  if (value.is_null()) return std::nullopt;
  const auto number = read_integer(value, path, faults, 1, 3'600'000);
  if (!number) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

constexpr Field<Draft> kMemberFields[] = {
    {"id",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (auto id = read_id(v, p, f)) d.id = std::move(*id);
     }},
    {"namespace",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (auto id = read_id(v, p, f)) d.ns = std::move(*id);
     }},
    {"kind", read_kind},
    {"capabilities",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (auto names = read_names(v, p, f, kMaxCapabilities)) {
         d.record.capabilities = std::move(*names);
       }
     }},
    {"weight", read_number<&MemberRecord::weight, 10'000>},
    {"maxLoad", read_number<&MemberRecord::max_load, 1'000'000>},
    {"trustScore",
     [](Draft& d, const Value& v, const Path& p, Faults& f) { d.trust = read_score(v, p, f); }},
    {"reliability", [](Draft& d, const Value& v, const Path& p,
                       Faults& f) { d.reliability = read_score(v, p, f); }},
    {"compliance",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (auto names = read_names(v, p, f, kMaxCompliance)) {
         d.record.compliance = std::move(*names);
       }
     }},
    {"labels",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (auto labels = read_labels(v, p, f)) d.record.labels = std::move(*labels);
     }},
    {"liveness", read_liveness},
    {"publicKey",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (auto key = public_key_of(v, p, f)) d.record.public_key = std::move(*key);
     }},
    {"proof",
     [](Draft& d, const Value& v, const Path& p, Faults& f) {
       if (auto proof = read_base64(v, p, f)) d.proof = std::move(*proof);
     }},
    // The rest belongs to the session and stands last, so that a member of many has none of it.
    {"leaseSeconds", [](Draft& d, const Value& v, const Path& p,
                        Faults& f) { d.lease_seconds = lease_of(v, p, f).value_or(3); }},
    {"disconnectGraceMs",
     [](Draft& d, const Value& v, const Path& p, Faults& f) { d.grace_ms = grace_of(v, p, f); }},
    {"replace", [](Draft& d, const Value& v, const Path& p,
                   Faults& f) { d.replace = read_bool(v, p, f).value_or(false); }},
};
constexpr size_t kOwnFields = std::size(kMemberFields) - 3;
static_assert(kMemberFields[kOwnFields].name == "leaseSeconds");

void check_ceiling(Draft& draft, const Ceiling& ceiling, const Path& path, Faults& faults) {
  const auto limit = [&](std::string_view field, const std::optional<uint32_t>& sent,
                         const std::optional<uint32_t>& most, uint32_t& score) {
    if (most && sent.value_or(0) > *most) {
      std::string text;
      json::append_thousandths(text, *most);
      faults.add(ErrorKind::kForbidden, Path{&path, field},
                 "this token may register at most " + text);
    } else if (most && !sent) {
      score = *most;
    }
  };
  limit("trustScore", draft.trust, ceiling.trust, draft.record.trust);
  limit("reliability", draft.reliability, ceiling.reliability, draft.record.reliability);
  if (!ceiling.compliance) return;
  for (const auto& name : draft.record.compliance) {
    if (!std::binary_search(ceiling.compliance->begin(), ceiling.compliance->end(), name)) {
      faults.add(ErrorKind::kForbidden, Path{&path, "compliance"},
                 "this token may not register \"" + name + "\"");
    }
  }
}

void finish(Draft& draft, const MemberDefaults& defaults, const Path& path, Faults& faults) {
  if (!draft.ns.empty() && draft.ns != defaults.ns) {
    faults.add(Path{&path, "namespace"}, "\"" + draft.ns + "\" is not the request's namespace \"" +
                                             std::string(defaults.ns) +
                                             "\"; set ?namespace= or leave the field out");
  }
  if (!draft.proof.empty() && draft.record.public_key.empty() && !faults.any()) {
    faults.add(Path{&path, "proof"}, "stands without the publicKey that it proves");
  }
  draft.record.trust = draft.trust.value_or(1000);
  draft.record.reliability = draft.reliability.value_or(1000);
  if (defaults.ceiling != nullptr) check_ceiling(draft, *defaults.ceiling, path, faults);
  draft.record.key =
      MemberKey(defaults.ns, draft.id.empty() && !faults.any() ? defaults.fresh_id() : draft.id);
}

// One of several members: its session's fields are no fields of it.
void read_member_of_many(Draft& draft, const Value& value, const Path& path, Faults& faults) {
  Field<Draft> own[kOwnFields];
  std::copy_n(kMemberFields, kOwnFields, own);
  json::read_object(own, draft, value, path, faults);
  if (draft.record.manual) {
    faults.add(Path{&path, "liveness"},
               "members of a session are \"session\"; register manual ones by POST /v1/members");
  }
}

struct SessionDraft {
  std::optional<Value> members;
  uint32_t lease_seconds = 3;
  std::optional<uint32_t> grace_ms;
  bool replace = false;
};
constexpr Field<SessionDraft> kSessionFields[] = {
    {"members",
     [](SessionDraft& d, const Value& v, const Path& p, Faults& f) {
       if (v.kind() != json::Kind::kArray) {
         f.add(p, "must be an array, not " + std::string(kind_phrase(v.kind())));
       } else if (v.size() == 0 || v.size() > kMaxSessionMembers) {
         f.add(p, "holds " + std::to_string(v.size()) + " members; 1 to 10000 are allowed");
       } else {
         d.members = v;
       }
     }},
    {"leaseSeconds", [](SessionDraft& d, const Value& v, const Path& p,
                        Faults& f) { d.lease_seconds = lease_of(v, p, f).value_or(3); }},
    {"disconnectGraceMs", [](SessionDraft& d, const Value& v, const Path& p,
                             Faults& f) { d.grace_ms = grace_of(v, p, f); }},
    {"replace", [](SessionDraft& d, const Value& v, const Path& p,
                   Faults& f) { d.replace = read_bool(v, p, f).value_or(false); }},
};
constexpr Field<SessionDraft> kMembersOnly[] = {kSessionFields[0]};

void read_all(const SessionDraft& draft, const MemberDefaults& defaults,
              std::vector<MemberRecord>& records, std::vector<std::string>& proofs,
              Faults& faults) {
  const Path root;
  const Path list{&root, "members"};
  if (!draft.members) {
    if (!faults.any()) faults.add(list, "is required: an array of members");
    return;
  }
  std::set<std::string> seen;
  size_t index = 0;
  for (auto items = draft.members->children(); !items.done(); ++index) {
    const std::string step = std::to_string(index);
    const Path path{&list, step};
    Draft member;
    read_member_of_many(member, items.take(), path, faults);
    finish(member, defaults, path, faults);
    if (!member.id.empty() && !seen.insert(member.id).second) {
      faults.add(Path{&path, "id"}, "\"" + member.id + "\" stands twice in this request");
    }
    records.push_back(std::move(member.record));
    proofs.push_back(std::move(member.proof));
  }
}

template <std::optional<uint32_t> PatchMember::* kMember, int64_t kMost>
void patch_number(PatchMember& patch, const Value& value, const Path& path, Faults& faults) {
  if (auto number = read_integer(value, path, faults, 1, kMost)) {
    patch.*kMember = static_cast<uint32_t>(*number);
  }
}
void patch_labels(PatchMember& patch, const Value& value, const Path& path, Faults& faults) {
  if (value.is_null()) {
    patch.replace_labels = true;
    return;
  }
  if (value.kind() != json::Kind::kObject) {
    faults.add(path, "must be an object of strings or nulls");
    return;
  }
  for (auto members = value.children(); !members.done();) {
    std::string key = members.take().string();
    const Value text = members.take();
    const Path here{&path, key};
    if (!valid_name(key)) {
      faults.add(here, "a label's key is 1 to 255 bytes of UTF-8 without control characters");
    } else if (text.is_null()) {
      patch.labels.emplace_back(std::move(key), std::nullopt);
    } else if (auto label = read_name(text, here, faults, true)) {
      patch.labels.emplace_back(std::move(key), std::move(*label));
    }
  }
}
constexpr Field<PatchMember> kPatchFields[] = {
    {"capabilities",
     [](PatchMember& d, const Value& v, const Path& p, Faults& f) {
       d.capabilities =
           v.is_null() ? std::vector<std::string>() : read_names(v, p, f, kMaxCapabilities);
     }},
    {"weight", patch_number<&PatchMember::weight, 10'000>},
    {"maxLoad", patch_number<&PatchMember::max_load, 1'000'000>},
    {"labels", patch_labels},
    {"nextKey",
     [](PatchMember& d, const Value& v, const Path& p, Faults& f) {
       d.next_key = v.is_null() ? std::string() : public_key_of(v, p, f);
     }},
    {"publicKey",
     [](PatchMember& d, const Value& v, const Path& p, Faults& f) {
       d.revoke_key = v.is_null();
       if (!d.revoke_key)
         f.add(p, "may only be null here, which revokes it; nextKey names another");
     }},
};

template <class Draft, size_t kSize>
Result<Draft> read_whole(const Field<Draft> (&table)[kSize], const Value& body) {
  Faults faults;
  Draft draft;
  json::read_object(table, draft, body, Path{}, faults);
  if (faults.any()) return tl::unexpected(faults.error());
  return draft;
}

// --- plans ---

struct PlanDraft {
  std::optional<std::string> leave;
  std::optional<std::string> drain;
  std::optional<Value> join;
  std::optional<Value> change;
  std::optional<size_t> cause;
};
void plan_value(std::optional<Value>& kept, const Value& value, const Path& path, Faults& faults) {
  if (value.kind() == json::Kind::kObject) {
    kept = value;
  } else {
    faults.add(path, "must be an object, not " + std::string(kind_phrase(value.kind())));
  }
}
constexpr Field<PlanDraft> kPlanFields[] = {
    {"leave",
     [](PlanDraft& d, const Value& v, const Path& p, Faults& f) { d.leave = read_id(v, p, f); }},
    {"drain",
     [](PlanDraft& d, const Value& v, const Path& p, Faults& f) { d.drain = read_id(v, p, f); }},
    {"join",
     [](PlanDraft& d, const Value& v, const Path& p, Faults& f) { plan_value(d.join, v, p, f); }},
    {"change",
     [](PlanDraft& d, const Value& v, const Path& p, Faults& f) { plan_value(d.change, v, p, f); }},
    {"cause", [](PlanDraft& d, const Value& v, const Path& p,
                 Faults& f) { d.cause = read_choice(v, p, f, {"retire", "lease"}); }},
};

MemberRecord read_joining(const Value& value, const MemberDefaults& defaults, const Path& path,
                          Faults& faults) {
  // All that a register takes; it replaces nobody.
  constexpr size_t kFields = std::size(kMemberFields) - 1;
  static_assert(kMemberFields[kFields].name == "replace");
  Field<Draft> fields[kFields];
  std::copy_n(kMemberFields, kFields, fields);
  Draft draft;
  json::read_object(fields, draft, value, path, faults);
  if (draft.id.empty() && !faults.any()) {
    faults.add(Path{&path, "id"}, "is required: where its v-nodes lie follows from it");
  }
  finish(draft, defaults, path, faults);
  return std::move(draft.record);
}

struct ChangeDraft {
  std::string id;
  PatchMember patch;
};
template <size_t kAt>
void read_change(ChangeDraft& draft, const Value& value, const Path& path, Faults& faults) {
  kPatchFields[kAt].read(draft.patch, value, path, faults);
}
constexpr Field<ChangeDraft> kChangeFields[] = {
    {"id",
     [](ChangeDraft& d, const Value& v, const Path& p, Faults& f) {
       if (auto id = read_id(v, p, f)) d.id = std::move(*id);
     }},
    {kPatchFields[0].name, read_change<0>},
    {kPatchFields[1].name, read_change<1>},
    {kPatchFields[2].name, read_change<2>},
};

PatchMember read_changing(const Value& value, const MemberDefaults& defaults, const Path& path,
                          Faults& faults) {
  ChangeDraft draft;
  json::read_object(kChangeFields, draft, value, path, faults);
  if (draft.id.empty() && !faults.any()) {
    faults.add(Path{&path, "id"}, "is required: the member that changes");
  }
  draft.patch.key = MemberKey(defaults.ns, draft.id);
  return std::move(draft.patch);
}

struct IdsDraft {
  std::vector<std::string> ids;
};
constexpr Field<IdsDraft> kIdsFields[] = {
    {"ids", [](IdsDraft& d, const Value& v, const Path& p, Faults& f) {
       if (auto ids = read_names(v, p, f, kMaxSessionMembers)) d.ids = std::move(*ids);
       if (d.ids.empty() && !f.any()) f.add(p, "names no member");
     }}};

struct AfterDraft {
  std::optional<std::string> after;
};
constexpr Field<AfterDraft> kAfterFields[] = {
    {"after", [](AfterDraft& d, const Value& v, const Path& p, Faults& f) {
       if (v.is_null()) return;
       d.after = read_string(v, p, f);
       if (d.after && !valid_position(*d.after)) {
         f.add(p, "must be the `next` of an earlier answer: 1 to 512 of A-Z a-z 0-9 _ -");
       }
     }}};

struct DrainDraft {
  std::optional<uint32_t> deadline_seconds;
};
constexpr Field<DrainDraft> kDrainFields[] = {
    {"deadlineSeconds", [](DrainDraft& d, const Value& v, const Path& p, Faults& f) {
       if (v.is_null()) return;
       if (auto number = read_integer(v, p, f, 0, 31'536'000)) {
         d.deadline_seconds = static_cast<uint32_t>(*number);
       }
     }}};

}  // namespace

Result<Register> decode_register(const Value& body, const MemberDefaults& defaults) {
  Faults faults;
  Draft draft;
  const Path root;
  json::read_object(kMemberFields, draft, body, root, faults);
  finish(draft, defaults, root, faults);
  if (faults.any()) return tl::unexpected(faults.error());
  Register out;
  out.members.push_back(std::move(draft.record));
  out.proofs.push_back(std::move(draft.proof));
  out.lease_seconds = draft.lease_seconds;
  out.grace_ms = draft.grace_ms;
  out.replace = draft.replace;
  out.single = true;
  return out;
}

Result<Register> decode_register_session(const Value& body, const MemberDefaults& defaults) {
  Faults faults;
  SessionDraft draft;
  Register out;
  json::read_object(kSessionFields, draft, body, Path{}, faults);
  read_all(draft, defaults, out.members, out.proofs, faults);
  if (faults.any()) return tl::unexpected(faults.error());
  out.lease_seconds = draft.lease_seconds;
  out.grace_ms = draft.grace_ms;
  out.replace = draft.replace;
  return out;
}

Result<DecodedMembers> decode_members(const Value& body, const MemberDefaults& defaults) {
  Faults faults;
  SessionDraft draft;
  DecodedMembers out;
  json::read_object(kMembersOnly, draft, body, Path{}, faults);
  read_all(draft, defaults, out.records, out.proofs, faults);
  if (faults.any()) return tl::unexpected(faults.error());
  return out;
}

Result<std::vector<std::string>> decode_ids(const Value& body) {
  auto draft = read_whole(kIdsFields, body);
  if (!draft) return tl::unexpected(draft.error());
  return std::move(draft->ids);
}

Result<PatchMember> decode_patch(const Value& body, MemberKey key) {
  auto patch = read_whole(kPatchFields, body);
  if (patch) patch->key = std::move(key);
  return patch;
}

Result<PlanRequest> decode_plan(const Value& body, const MemberDefaults& defaults) {
  Faults faults;
  PlanDraft draft;
  const Path root;
  json::read_object(kPlanFields, draft, body, root, faults);
  const int changes = int{draft.leave.has_value()} + int{draft.drain.has_value()} +
                      int{draft.join.has_value()} + int{draft.change.has_value()};
  if (changes != 1 && !faults.any()) {
    faults.add(root, "holds " + std::to_string(changes) +
                         " changes; give exactly one of leave, drain, join, change");
  }
  if (draft.cause && !draft.leave && !faults.any()) {
    faults.add(Path{&root, "cause"}, "goes with leave alone");
  }
  if (faults.any()) return tl::unexpected(faults.error());
  PlanRequest request;
  if (draft.leave) {
    request = PlanLeave{MemberKey(defaults.ns, *draft.leave), draft.cause.value_or(0) == 1};
  } else if (draft.drain) {
    request = PlanDrain{MemberKey(defaults.ns, *draft.drain)};
  } else if (draft.join) {
    request = PlanJoin{read_joining(*draft.join, defaults, Path{&root, "join"}, faults)};
  } else {
    request = PlanChange{read_changing(*draft.change, defaults, Path{&root, "change"}, faults)};
  }
  if (faults.any()) return tl::unexpected(faults.error());
  return request;
}

bool valid_position(std::string_view after) {
  return !after.empty() && after.size() <= 512 &&
         std::all_of(after.begin(), after.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
         });
}

Result<std::optional<std::string>> decode_heartbeat(const Value& body) {
  auto draft = read_whole(kAfterFields, body);
  if (!draft) return tl::unexpected(draft.error());
  return std::move(draft->after);
}

Result<std::optional<uint32_t>> decode_drain(const Value& body) {
  auto draft = read_whole(kDrainFields, body);
  if (!draft) return tl::unexpected(draft.error());
  return draft->deadline_seconds;
}

Result<bool> decode_empty(const Value& body) {
  if (body.kind() == json::Kind::kObject && body.size() == 0) return true;
  return invalid("", "this call takes no fields: leave the body out, or send {}");
}

}  // namespace phoenix
