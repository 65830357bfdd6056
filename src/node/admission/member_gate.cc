#include "node/admission/member_gate.h"

#include <algorithm>

#include "base/json/json_writer.h"
#include "node/governed/facts.h"

namespace phoenix {
namespace {

using policy::Point;

// Of one asker. Approvals are documents, of which there is a limit for all.
constexpr size_t kMostAsked = 100;
constexpr size_t kMostNamed = 16;

std::string names_text(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < kMostNamed; ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > kMostNamed) {
    text += " and " + std::to_string(names.size() - kMostNamed) + " more";
  }
  return text;
}

std::string wish_of(const MemberRecord& record) {
  std::string text = "to be a member of kind " + std::string(member_kind_name(record.kind));
  text += " with trustScore ";
  json::append_thousandths(text, record.trust);
  text += ", reliability ";
  json::append_thousandths(text, record.reliability);
  text += ", weight " + std::to_string(record.weight);
  text += ", maxLoad " + std::to_string(record.max_load);
  if (!record.capabilities.empty()) text += ", capabilities " + names_text(record.capabilities);
  if (!record.compliance.empty()) text += ", compliance " + names_text(record.compliance);
  return text;
}

// All that a member says of itself, and nothing that a host adds.
std::string stated(MemberRecord record) {
  record.incarnation = record.revision = 0;
  record.session.clear();
  record.registered_by.clear();
  record.reason.clear();
  record.joined_at = record.updated_at = record.drain_deadline = 0;
  record.status = MemberStatus::kActive;
  return encode_member(record);
}

}  // namespace

Error Node::Impl::exists_already(const MemberRecord& record) const {
  return {.kind = ErrorKind::kMemberExists,
          .detail = "the member " + std::string(record.key.id()) + " is " +
                    std::string(member_status_name(record.status)) +
                    "; choose another id, or give \"replace\": true to end its session"};
}

Error Node::Impl::too_many_members() const {
  return {.kind = ErrorKind::kTooManyRequests,
          .detail = "the host knows " + std::to_string(config.max_members) + " members, its limit"};
}

std::optional<Error> Node::Impl::MemberGate::registers(const MemberRecord& wanted,
                                                       std::string_view proof) {
  if (auto refused = node_.key_refusal(wanted, proof)) return refused;
  if (node_.rules_at(Point::kRegister, wanted.key.ns()) == nullptr) return std::nullopt;
  const MemberRecord life = node_.new_life(wanted, "", caller_);
  return ask({Point::kRegister, life, stated(life), wish_of(life)});
}

std::optional<Error> Node::Impl::MemberGate::changes(const MemberRecord& next, uint32_t load) {
  if (node_.rules_at(Point::kRegister, next.key.ns()) == nullptr) return std::nullopt;
  return ask({Point::kRegister, next, stated(next), wish_of(next), load});
}

void Node::Impl::MemberGate::spend(Write& write) {
  for (const DocumentKey& key : spent_) {
    ApprovalForm form = node_.governance.approvals.at(key);
    form.state = ApprovalState::kUsed;
    node_.put_approval(write, key, form);
  }
  spent_.clear();
}

bool Node::Impl::MemberGate::keeps(RequestId call, const std::vector<MemberNo>& members) {
  if (node_.governance.rules.empty()) return false;
  std::optional<Error> refused;  // the first; of all of them approvals are asked for
  for (const MemberNo no : members) {
    const Member& member = node_.directory.member(no);
    const MemberRecord& record = *member.record;
    const uint32_t load = member.ring == kNoMember ? 0 : node_.placement.load(member.ring);
    const std::string what =
        std::to_string(record.incarnation) + ' ' + std::to_string(record.revision);
    auto wrong = ask({Point::kRetire, record, what, "to leave", load});
    if (!refused) refused = std::move(wrong);
  }
  spent_.clear();
  if (!refused) return false;
  node_.refuse(call, std::move(*refused));
  return true;
}

std::optional<Error> Node::Impl::MemberGate::ask(const Wish& wish) {
  RuleSet* const rules = node_.rules_at(wish.point, wish.record.key.ns());
  if (rules == nullptr) return std::nullopt;
  const policy::MemberFacts facts(facts_of(wish.record, wish.load));
  policy::Input input;
  input.set_member(facts);
  input.set_now(node_.now.wall);
  node_.governance.scratch.clear();
  const policy::Decision decision = rules->set->decide(wish.point, input, node_.governance.scratch);
  if (decision.verdict == policy::Verdict::kAllow) return std::nullopt;
  PolicyRefusal refusal;
  refusal.why = rules->set->explain(wish.point, decision);
  refusal.point = wish.point;
  if (decision.rule != nullptr) refusal.approval = decision.rule->approval;
  return by_word(wish, std::move(refusal));
}

std::optional<Error> Node::Impl::MemberGate::by_word(const Wish& wish, PolicyRefusal refusal) {
  const MemberRecord& record = wish.record;
  const std::string id(record.key.id());
  const DocumentKey key{DocumentKind::kApproval, std::string(record.key.ns()),
                        member_approval_name(record.key, policy::point_name(wish.point),
                                             refusal.why.policy, refusal.why.rule, wish.what)};
  const auto form = node_.governance.approvals.find(key);
  const bool asked = refusal.may_be_approved() && form != node_.governance.approvals.end();
  if (asked && form->second.allows() && !node_.busy_documents.contains(key)) {
    spent_.push_back(key);
    return std::nullopt;
  }
  const policy::MemberView facts = facts_of(record, wish.load);
  node_.note_refusal(
      {false, record.key.text(), refusal, record.incarnation, record.revision, id, &facts});
  const char* const not_so =
      wish.point == Point::kRegister ? " may not register" : " may not retire";
  Error error = policy_error(refusal, id + not_so);
  if (!refusal.may_be_approved()) return error;
  if (asked && form->second.refuses()) {
    error.reason_code = "approval-refused";
    error.detail = "approval " + key.name + " was refused: " + error.detail;
    return error;
  }
  if (auto full = put_into_queue(key, wish, refusal)) return full;
  node_.tell_when_durable(key);
  error.detail = "approval " + key.name +
                 " is asked for; make the same call again when it is given: " + error.detail;
  error.retry_after_ms = 1'000;
  return error;
}

// Harmless to repeat.
std::optional<Error> Node::Impl::MemberGate::put_into_queue(const DocumentKey& key,
                                                            const Wish& wish,
                                                            const PolicyRefusal& refusal) {
  const auto& approvals = node_.governance.approvals;
  const auto form = approvals.find(key);
  const bool pending = form != approvals.end() && form->second.state == ApprovalState::kPending;
  if (pending || node_.busy_documents.contains(key)) return std::nullopt;
  const std::string by = asker();
  const auto of_theirs = std::count_if(approvals.begin(), approvals.end(), [&](const auto& other) {
    return other.second.state == ApprovalState::kPending && !other.second.member.empty() &&
           other.second.asked_by == by;
  });
  if (static_cast<size_t>(of_theirs) >= kMostAsked || node_.documents.size() >= kMostDocuments) {
    return Error{.kind = ErrorKind::kTooManyRequests,
                 .detail =
                     "too many approvals that were asked for wait; try again when some have "
                     "been decided",
                 .retry_after_ms = 10'000};
  }
  ApprovalForm made = form_of(refusal, node_.now.wall);
  made.member = wish.record.key.text();
  made.asks = wish.words;
  made.asked_by = by;
  const auto known = node_.documents.find(key);
  const DocumentPtr before = known == node_.documents.end() ? nullptr : known->second;
  Write write = node_.new_write();
  node_.put_document(write, before, node_.next_document(key, before, "", approval_json(made)),
                     "approval-asked");
  node_.submit_write(std::move(write));
  return std::nullopt;
}

// A session speaks for whoever has registered it.
std::string Node::Impl::MemberGate::asker() const {
  if (caller_.session.empty()) return caller_.principal;
  const SessionNo no = node_.directory.find_session(caller_.session);
  return no == kNobody ? std::string() : node_.directory.session(no).record->registered_by;
}

}  // namespace phoenix
