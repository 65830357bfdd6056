#include "node/governed/asking.h"

#include <algorithm>

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

bool is_bytes(const Packet& head) {
  const ContentInfo& payload = head.content(ContentKind::kPayload);
  return payload.present && !payload.is_json;
}

std::string obligation_words(const policy::Obligation& one) {
  if (one.kind == policy::Obligation::Kind::kLog) return "is to be told";
  std::string text =
      one.kind == policy::Obligation::Kind::kRedact ? "redacts" : "narrows scopes to";
  const char* joint = " ";
  for (const std::string& name : one.names) {
    text += joint + name;
    joint = ", ";
  }
  return text;
}

cel::Value value_of_content(const std::shared_ptr<const Content>& content, cel::Scratch& memory) {
  if (!content || !content->is_json) return cel::absent_value();
  return policy::value_of_text(content->data, memory);
}

}  // namespace

Node::Impl::Asking::Asking(const Impl& node, RuleSet& rules, const Packet& head)
    : node_(node), rules_(rules), head_(head), giver_(node.governance.handing.giver) {
  if (rules.kept.reads_class(Point::kAssign)) packet_class_ = class_of(node.config.ring_key, head);
  // At a handoff the giver is asked about too, and what is to be redacted has to be JSON.
  const bool needs_more = giver_ != kNobody || !rules.has(Point::kAssign) ||
                          (rules.set->obliges(Point::kAssign) && is_bytes(head));
  if (needs_more) return;
  row_ = rules.known.row(packet_class_, node.by_ring.size());
  take_known(row_->allowed());
}

policy::DecisionKey Node::Impl::Asking::key_of(MemberNo no) const {
  const MemberRecord& record = *node_.directory.member(no).record;
  return {no, record.revision << 20 ^ record.incarnation, packet_class_};
}

const policy::PacketFacts& Node::Impl::Asking::packet() const {
  if (packet_) return *packet_;
  const cel::Value payload = value_of_content(node_.governance.payloads.find(head_.key), memory_);
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
    return of.ring == kNoMember ? 0 : node_.placement.load(of.ring) - of.work->kept_back;
  };
  const policy::MemberFacts target(facts_of(*member.record, load_of(member) - reserved_));
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
  input.set_context(value_of_content(node_.governance.handing.context, memory_));
  return rules_.set->decide(point, input, scratch);
}

bool Node::Impl::Asking::is_approved(const PolicyRefusal& refusal, MemberNo no) const {
  if (node_.governance.approvals.empty()) return false;
  const auto form = node_.governance.approvals.find(node_.approval_key(refusal, head_, no));
  return form != node_.governance.approvals.end() && form->second.allows();
}

// A payload that a rule reads and that is not at hand is not the same as none: a rule that asks
// has() would let it pass. The store is asked for it, and the packet looked at again then.
std::optional<PolicyRefusal> Node::Impl::Asking::unknown_payload(Point point, MemberNo no) const {
  if (!lacks_payload(point)) return std::nullopt;
  node_.governance.payloads.ask(head_.key, false);
  PolicyRefusal refusal;
  refusal.point = point;
  refusal.member = no;
  refusal.why.digest = rules_.set->digest();
  refusal.why.verdict = Verdict::kDeny;
  refusal.why.reason_code = kPayloadNotAtHand;
  refusal.why.reason = "a rule reads the payload, which the store is being asked for";
  return refusal;
}

bool Node::Impl::Asking::lacks_payload(Point point) const {
  const ContentInfo& payload = head_.content(ContentKind::kPayload);
  return rules_.reads_payload[static_cast<size_t>(point)] && payload.present && payload.is_json &&
         node_.governance.payloads.find(head_.key) == nullptr;
}

// A payload of bytes has no fields that could be taken out.
std::optional<PolicyRefusal> Node::Impl::Asking::cannot_redact(Point point,
                                                               const policy::Decision& decision,
                                                               MemberNo no) const {
  if (!is_bytes(head_) || decision.verdict == Verdict::kDeny) return std::nullopt;
  for (const policy::Rule* rule : rules_.set->obliging(point, decision)) {
    const bool redacts =
        std::any_of(rule->obligations.begin(), rule->obligations.end(),
                    [](const auto& one) { return one.kind == policy::Obligation::Kind::kRedact; });
    if (!redacts) continue;
    PolicyRefusal refusal;
    refusal.point = point;
    refusal.member = no;
    refusal.why = rules_.set->explain(point, decision);
    refusal.why.verdict = Verdict::kDeny;
    refusal.why.reason_code = "cannot-redact";
    refusal.why.policy = rule->policy;
    refusal.why.rule = rule->name;
    refusal.why.place = rule->place;
    refusal.why.reason = "the payload is no JSON, so nothing can be taken out of it";
    return refusal;
  }
  return std::nullopt;
}

std::optional<PolicyRefusal> Node::Impl::Asking::refusal_of(MemberNo no) const {
  for (const Point point : {Point::kHandoff, Point::kAssign}) {
    if (point == Point::kHandoff && giver_ == kNobody) continue;
    if (!rules_.has(point)) continue;
    if (auto unknown = unknown_payload(point, no)) return unknown;
    const policy::Decision decision = decide(point, no);
    if (auto bytes = cannot_redact(point, decision, no)) return bytes;
    if (decision.verdict == Verdict::kAllow) continue;
    PolicyRefusal refusal;
    refusal.why = rules_.set->explain(point, decision);
    refusal.point = point;
    refusal.member = no;
    refusal.logged = !rules_.set->obliging(point, decision).empty();
    if (decision.rule != nullptr) refusal.approval = decision.rule->approval;
    if (refusal.may_be_approved() && is_approved(refusal, no)) continue;
    return refusal;
  }
  return std::nullopt;
}

std::vector<OwedFor> Node::Impl::Asking::owed(MemberNo no, uint32_t reserved) {
  std::vector<OwedFor> all;
  reserved_ = reserved;
  for (const Point point : {Point::kHandoff, Point::kAssign}) {
    if ((point == Point::kHandoff && giver_ == kNobody) || !rules_.set->obliges(point)) continue;
    for (const policy::Rule* rule : rules_.set->obliging(point, decide(point, no))) {
      all.push_back({point, rule});
    }
  }
  reserved_ = 0;
  return all;
}

std::string note_of(const OwedFor& owed) {
  const policy::Rule& rule = *owed.rule;
  std::string text(policy::point_name(owed.point));
  text += ": rule " + rule.name + " of policy " + rule.policy;
  const std::string place = policy::place_text(rule.place);
  if (!place.empty()) text += ", " + place + ",";
  const char* joint = " ";
  for (const policy::Obligation& one : rule.obligations) {
    text += joint + obligation_words(one);
    joint = " and ";
  }
  return text;
}

// Of those for whom the usual answer, a yes, is not known.
bool Node::Impl::Asking::ask(MemberIndex member) const {
  const MemberNo no = node_.member_of(member);
  if (row_ && row_->denies(member)) {
    if (!met_ && denied_ == kNobody) denied_ = no;
    return false;
  }
  auto refusal = refusal_of(no);
  if (row_) {
    const auto settled = rules_.kept.known(Point::kAssign, key_of(no));
    if (settled) row_->keep(member, settled->verdict);
  }
  if (!refusal) return true;
  const bool first = !met_ && denied_ == kNobody;
  const bool liftable = refusal->may_be_approved() && !(met_ && met_->may_be_approved());
  if (first || liftable) met_ = std::move(refusal);
  return false;
}

std::optional<PolicyRefusal> Node::Impl::Asking::met() const {
  return met_ || denied_ == kNobody ? met_ : refusal_of(denied_);
}

}  // namespace phoenix
