#include "node/governed/asking.h"

#include "node/governed/facts.h"
#include "policy/rules/json_value.h"

namespace phoenix {
namespace {

using policy::Point;
using policy::Verdict;

// Packets of one class are the same to every rule whose decision is kept.
uint64_t class_of(const RingKey& key, const Packet& head) {
  std::string text(head.key.ns());
  const auto add = [&text](char mark, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      text += mark;
      text += name;
    }
    text += '\n';
  };
  add(head.spec->match == CapabilityMatch::kAny ? '|' : '&', head.required);
  add('#', head.spec->policy_tags);
  return siphash13(key, text);
}

cel::Value value_of_content(const std::shared_ptr<const Content>& content, cel::Scratch& memory) {
  if (!content || !content->is_json) return cel::absent_value();
  return policy::value_of_text(content->data, memory);
}

}  // namespace

Node::Impl::Asking::Asking(const Impl& node, RuleSet& rules, const Packet& head, MemberNo giver,
                           std::shared_ptr<const Content> context)
    : node_(node),
      rules_(rules),
      head_(head),
      giver_(giver),
      context_(std::move(context)),
      packet_class_(class_of(node.config.ring_key, head)) {}

policy::DecisionKey Node::Impl::Asking::key_of(MemberNo no) const {
  const MemberRecord& record = *node_.directory.member(no).record;
  return {no, record.revision << 20 ^ record.incarnation, packet_class_};
}

const policy::PacketFacts& Node::Impl::Asking::packet() const {
  if (packet_) return *packet_;
  const auto known = node_.governance.payloads.find(head_.key);
  const cel::Value payload = known == node_.governance.payloads.end()
                                 ? cel::absent_value()
                                 : value_of_content(known->second, memory_);
  packet_ = std::make_unique<policy::PacketFacts>(facts_of(head_, payload));
  return *packet_;
}

policy::Decision Node::Impl::Asking::decide(Point point, MemberNo no) const {
  const Member& member = node_.directory.member(no);
  const policy::DecisionKey key = key_of(no);
  if (point == Point::kAssign) {
    if (const auto known = rules_.kept.known(point, key)) return *known;
  }
  const auto load_of = [this](const Member& of) {
    return of.ring == kNoMember ? 0 : node_.placement.load(of.ring) - of.kept_back;
  };
  const policy::MemberFacts target(facts_of(*member.record, load_of(member)));
  policy::Input input;
  input.set_member(target);
  input.set_packet(packet());
  input.set_now(node_.now.wall);
  cel::Scratch& scratch = node_.governance.scratch;
  scratch.clear();
  if (point == Point::kAssign) return rules_.kept.decide(point, key, input, scratch);
  const Member& giver = node_.directory.member(giver_);
  const policy::MemberFacts source(facts_of(*giver.record, load_of(giver)));
  input.set_source(source);
  input.set_context(value_of_content(context_, memory_));
  return rules_.set->decide(point, input, scratch);
}

bool Node::Impl::Asking::is_approved(const PolicyRefusal& refusal, MemberNo no) const {
  if (node_.governance.approvals.empty()) return false;
  const auto form = node_.governance.approvals.find(node_.approval_key(refusal, head_, no));
  return form != node_.governance.approvals.end() && form->second.allows();
}

// A payload that a rule reads and that this host has not at hand, since it has not kept the packet
// from its creation on, is not the same as none: a rule that asks has() would let it pass.
std::optional<PolicyRefusal> Node::Impl::Asking::unknown_payload(Point point, MemberNo no) const {
  const ContentInfo& payload = head_.content(ContentKind::kPayload);
  if (!rules_.reads_payload[static_cast<size_t>(point)] || !payload.present || !payload.is_json ||
      node_.governance.payloads.contains(head_.key)) {
    return std::nullopt;
  }
  PolicyRefusal refusal;
  refusal.point = point;
  refusal.member = no;
  refusal.why.digest = rules_.set->digest();
  // What the rules found when it was at hand: only a person's word was missing.
  for (const auto& [key, form] : node_.governance.approvals) {
    if (form.packet != head_.key || form.point != policy::point_name(point)) continue;
    refusal.why.policy = form.policy;
    refusal.why.rule = form.rule;
    if (node_.approval_key(refusal, head_, no) != key) continue;
    refusal.why.verdict = Verdict::kRequireApproval;
    refusal.why.reason_code = "approval-required";
    refusal.why.reason = form.reason;
    refusal.approval.role = form.role;
    return refusal;
  }
  refusal.why.policy.clear();
  refusal.why.rule.clear();
  refusal.why.verdict = Verdict::kDeny;
  refusal.why.reason_code = "payload-not-at-hand";
  refusal.why.reason =
      "a rule reads the payload, which this host has not seen since its start; submit it anew";
  return refusal;
}

std::optional<PolicyRefusal> Node::Impl::Asking::refusal_of(MemberNo no) const {
  for (const Point point : {Point::kHandoff, Point::kAssign}) {
    if (point == Point::kHandoff && giver_ == kNobody) continue;
    if (!rules_.has(point)) continue;
    if (auto unknown = unknown_payload(point, no)) {
      if (unknown->may_be_approved() && is_approved(*unknown, no)) continue;
      return unknown;
    }
    const policy::Decision decision = decide(point, no);
    if (decision.verdict == Verdict::kAllow) continue;
    PolicyRefusal refusal;
    refusal.why = rules_.set->explain(point, decision);
    refusal.point = point;
    refusal.member = no;
    if (decision.rule != nullptr) refusal.approval = decision.rule->approval;
    if (refusal.may_be_approved() && is_approved(refusal, no)) continue;
    return refusal;
  }
  return std::nullopt;
}

std::vector<policy::Obligation> Node::Impl::Asking::obligations(MemberNo no) const {
  const Point point = giver_ == kNobody ? Point::kAssign : Point::kHandoff;
  if (!rules_.has(point)) return {};
  return rules_.set->obligations(point, decide(point, no));
}

bool Node::Impl::Asking::may(MemberIndex member) const {
  const MemberNo no = node_.member_of(member);
  // The usual answer, without words.
  if (giver_ == kNobody) {
    const auto known = rules_.kept.known(Point::kAssign, key_of(no));
    if (known && known->verdict == Verdict::kAllow) return true;
  }
  auto refusal = refusal_of(no);
  if (!refusal) return true;
  if (!met_ || (refusal->may_be_approved() && !met_->may_be_approved())) met_ = std::move(refusal);
  return false;
}

}  // namespace phoenix
