#include "node/governed/approval.h"

#include <array>
#include <initializer_list>
#include <optional>

#include "base/bytes_text.h"
#include "base/json/fields.h"
#include "base/json/json_writer.h"
#include "lineage/crypto/sha256.h"

namespace phoenix {
namespace {

using json::Faults;
using json::Field;
using json::Path;
using json::Value;

constexpr std::array<std::string_view, 6> kStateNames = {"pending", "approved",  "rejected",
                                                         "expired", "withdrawn", "used"};

template <std::string ApprovalForm::* kMember>
void read_text(ApprovalForm& draft, const Value& value, const Path& path, Faults& faults) {
  draft.*kMember = json::read_string(value, path, faults).value_or("");
}
template <WallMs ApprovalForm::* kMember>
void read_time(ApprovalForm& draft, const Value& value, const Path& path, Faults& faults) {
  draft.*kMember = json::read_time(value, path, faults).value_or(kNoWall);
}

constexpr Field<ApprovalForm> kFields[] = {
    {"askedAt", read_time<&ApprovalForm::asked_at>},
    {"askedBy", read_text<&ApprovalForm::asked_by>},
    {"asks", read_text<&ApprovalForm::asks>},
    {"at", read_text<&ApprovalForm::place>},
    {"decidedAt", read_time<&ApprovalForm::decided_at>},
    {"decidedBy", read_text<&ApprovalForm::decided_by>},
    {"expiresAt", read_time<&ApprovalForm::expires_at>},
    {"giver", read_text<&ApprovalForm::giver>},
    {"member", read_text<&ApprovalForm::member>},
    {"onExpiry",
     [](ApprovalForm& draft, const Value& value, const Path& path, Faults& faults) {
       draft.allow_on_expiry =
           json::read_choice(value, path, faults, {"allow", "deny"}) == size_t{0};
     }},
    {"packet",
     [](ApprovalForm& draft, const Value& value, const Path& path, Faults& faults) {
       draft.packet = PacketKey::from_text(json::read_string(value, path, faults).value_or(""));
     }},
    {"point", read_text<&ApprovalForm::point>},
    {"policy", read_text<&ApprovalForm::policy>},
    {"reason", read_text<&ApprovalForm::reason>},
    {"receiver", read_text<&ApprovalForm::receiver>},
    {"role", read_text<&ApprovalForm::role>},
    {"rule", read_text<&ApprovalForm::rule>},
    {"state",
     [](ApprovalForm& draft, const Value& value, const Path& path, Faults& faults) {
       const auto chosen =
           json::read_choice(value, path, faults, {kStateNames.begin(), kStateNames.end()});
       draft.state = static_cast<ApprovalState>(chosen.value_or(0));
     }},
    {"word", read_text<&ApprovalForm::word>},
};

}  // namespace

std::string_view approval_state_name(ApprovalState state) {
  return kStateNames[static_cast<size_t>(state)];
}

std::string approval_json(const ApprovalForm& form) {
  std::string text;
  json::Writer out(text);
  const auto field = [&out](std::string_view key, std::string_view value) {
    if (!value.empty()) out.field(key, value);
  };
  const auto time = [&out](std::string_view key, WallMs at) {
    if (at != kNoWall) out.time_or_null(key, at);
  };
  out.begin_object();
  time("askedAt", form.asked_at);
  field("askedBy", form.asked_by);
  field("asks", form.asks);
  field("at", form.place);
  time("decidedAt", form.decided_at);
  field("decidedBy", form.decided_by);
  time("expiresAt", form.expires_at);
  field("giver", form.giver);
  field("member", form.member);
  out.field("onExpiry", form.allow_on_expiry ? "allow" : "deny");
  field("packet", form.packet.text());
  field("point", form.point);
  field("policy", form.policy);
  field("reason", form.reason);
  field("receiver", form.receiver);
  field("role", form.role);
  field("rule", form.rule);
  out.field("state", approval_state_name(form.state));
  field("word", form.word);
  out.end_object();
  return text;
}

Result<ApprovalForm> approval_of_json(std::string_view text) {
  const auto document = json::Document::parse(text);
  if (!document) return tl::unexpected(document.error());
  ApprovalForm form;
  Faults faults;
  json::read_object(kFields, form, document->root(), Path{}, faults);
  if (faults.any()) return tl::unexpected(faults.error());
  return form;
}

namespace {

std::string name_of(std::string what, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) {
    what += '\n';
    what += part;
  }
  const Digest digest = lineage::sha256(what);
  const std::string_view half = bytes_of(digest).substr(0, digest.size() / 2);
  return "a-" + hex_text(half);
}

}  // namespace

std::string approval_name(const PacketKey& packet, std::string_view point, std::string_view policy,
                          std::string_view rule, std::string_view receiver, uint64_t epoch) {
  if (receiver.empty()) return name_of(packet.text(), {point, policy, rule, receiver});
  return name_of(packet.text(), {point, policy, rule, receiver, std::to_string(epoch)});
}

std::string member_approval_name(const MemberKey& member, std::string_view point,
                                 std::string_view policy, std::string_view rule,
                                 std::string_view what) {
  return name_of("member\n" + member.text(), {point, policy, rule, what});
}

}  // namespace phoenix
