// What policies decide of members and packets, and what becomes of packets that they hold back.

#include <algorithm>

#include "node/governed/asking.h"
#include "node/governed/facts.h"

namespace phoenix {
namespace {

using policy::Point;
using policy::Verdict;

constexpr Duration kLookEvery = seconds(1);
constexpr size_t kLooksAtOnce = 1'024;
constexpr size_t kWokenAtOnce = 256;

}  // namespace

RuleSet* Node::Impl::rules_at(Point point, std::string_view ns) const {
  if (governance.rules.empty()) return nullptr;
  RuleSet* const rules = governance.rules.of(ns);
  return rules != nullptr && rules->has(point) ? rules : nullptr;
}

// Those that say who may have it; null: there are none.
RuleSet* Node::Impl::rules_for(const Packet& head) const {
  if (governance.rules.empty()) return nullptr;
  RuleSet* const rules = governance.rules.of(head.key.ns());
  if (rules == nullptr) return nullptr;
  const bool hands = governance.handing.giver != kNobody;
  const bool asks = rules->has(Point::kAssign) || (hands && rules->has(Point::kHandoff));
  return asks ? rules : nullptr;
}

std::optional<PolicyRefusal> Node::Impl::refusal_of(const Packet& head, MemberNo to) const {
  RuleSet* const rules = rules_for(head);
  return rules != nullptr ? Asking(*this, *rules, head).refusal_of(to) : std::nullopt;
}

// In words: the reason of the rule, then which one it is and where it stands.
std::string Node::Impl::words_of(const PolicyRefusal& refusal) {
  const policy::Explanation& why = refusal.why;
  std::string text = why.reason;
  if (why.rule.empty()) return text;
  text += " (policy " + why.policy + ", rule " + why.rule;
  const std::string place = policy::place_text(why.place);
  return text + (place.empty() ? ")" : ", " + place + ")");
}

Error Node::Impl::policy_error(const PolicyRefusal& refusal, std::string subject) {
  Error error = {.kind = ErrorKind::kPolicyDenied,
                 .detail = std::move(subject) + ": " + words_of(refusal)};
  error.reason_code = refusal.why.reason_code;
  return error;
}

// --- handoffs -------------------------------------------------------------------------------

// Its owner is told, and keeps it.
Error Node::Impl::refuse_handoff(SlotNo no, const PolicyRefusal& refusal) {
  const Slot& slot = packets[no];
  const MemberNo to = refusal.member;
  const Packet& head = *slot.head;
  const std::string who(directory.member(to).record->key.id());
  note_refusal({true, head.key.text(), refusal, head.epoch, head.revision, who});
  Error error = packet_error(
      ErrorKind::kPolicyDenied, head, status(slot),
      policy_error(refusal, who + " may not be handed the packet").detail + "; you keep it");
  error.reason_code = refusal.why.reason_code;
  if (!refusal.may_be_approved()) return error;
  const DocumentKey name = approval_key(refusal, head, to);
  const auto form = governance.approvals.find(name);
  if (form != governance.approvals.end() && form->second.refuses()) {
    error.reason_code = "approval-refused";
    error.detail = "approval " + name.name + " was refused: " + error.detail;
    return error;
  }
  ask_approval(no, to, refusal);
  tell_when_durable(name);
  error.detail = "approval " + name.name + " is asked for: " + error.detail;
  error.retry_after_ms = 1'000;
  return error;
}

// --- packets that wait ----------------------------------------------------------------------

// Why a packet that nobody was found for waits.
Parked Node::Impl::parked_now(ClassId cls) const {
  if (!governance.refusal) return park_for_room(cls);
  return {.reason = governance.refusal->may_be_approved() ? ParkReason::kApprovalRequired
                                                          : ParkReason::kPolicyDenied,
          .since = now.wall,
          .until = kNoWall};
}

void Node::Impl::hold(SlotNo no) {
  Slot& slot = packets[no];
  if (slot.queued) return;
  governance.held.add(slot, no);
  governance.held_slots.insert(no);
  slot.queued = true;
  if (governance.look_at == kNever) governance.look_at = now.mono + kLookEvery;
}

// Waits for room, but whoever has some may not have it.
void Node::Impl::set_aside(SlotNo no) {
  unqueue(no);
  packets[no].parked = ParkReason::kPolicyDenied;
  packets[no].parked_since = now.wall;
  hold(no);
}

// Out of those that wait for room, or for policies.
void Node::Impl::unqueue(SlotNo no) {
  Slot& slot = packets[no];
  if (!slot.queued) return;
  slot.queued = false;
  if (governance.held_slots.erase(no) > 0) {
    governance.held.remove(slot, no);
  } else {
    parking.remove(slot, no);
  }
}

bool Node::Impl::is_held(SlotNo no) const {
  return !governance.held_slots.empty() && governance.held_slots.contains(no);
}

// A member has got room, is new or has changed: what is held back and may be for it.
std::vector<SlotNo> Node::Impl::held_for(MemberNo no) const {
  std::vector<SlotNo> fitting;
  if (governance.held_slots.empty() || no >= directory.member_numbers() ||
      !directory.has_member(no)) {
    return fitting;
  }
  const MemberIndex ring = directory.member(no).ring;
  if (ring == kNoMember || !placement.open(ring)) return fitting;
  for (const auto& [cls, queue] : governance.held.queues()) {
    if (!placement.matches(ring, cls)) continue;
    for (const ParkedEntry& entry : queue) {
      if (fitting.size() == kWokenAtOnce) break;
      fitting.push_back(entry.slot);
    }
  }
  return fitting;
}

// Looks afresh at a packet that is held back.
void Node::Impl::look_again(SlotNo no) {
  if (!is_held(no) || packets[no].busy || packets[no].leaving) return;
  unqueue(no);
  try_place(no);
}

// Whatever may have changed what policies say: documents, and time.
void Node::Impl::look_at_held() {
  if (governance.held_slots.empty()) {
    governance.changed.clear();
    return;
  }
  const std::set<std::string> changed = std::exchange(governance.changed, {});
  if (changed.empty()) return;
  const std::vector<SlotNo> held(governance.held_slots.begin(), governance.held_slots.end());
  for (const SlotNo no : held) {
    if (is_held(no) && changed.contains(std::string(packets[no].head->key.ns()))) look_again(no);
  }
}

// In turn, so that a tick costs the same however many wait.
void Node::Impl::look_at_some() {
  governance.look_at = kNever;
  expire_approvals();
  std::vector<SlotNo> some;
  auto it = governance.held_slots.lower_bound(governance.looked_until);
  for (; it != governance.held_slots.end() && some.size() < kLooksAtOnce; ++it) {
    some.push_back(*it);
  }
  governance.looked_until = it == governance.held_slots.end() ? 0 : *it;
  for (const SlotNo no : some) look_again(no);
  const bool waits = !governance.held_slots.empty() || !governance.approvals.empty();
  if (waits) governance.look_at = std::min(governance.look_at, now.mono + kLookEvery);
}

// Of a packet that does not live here any more.
void Node::Impl::forget_governed(const PacketKey& key) {
  governance.payloads.drop(key);
  governance.held_notes.drop(key);
}

}  // namespace phoenix
