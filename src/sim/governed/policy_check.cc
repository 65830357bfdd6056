#include "sim/governed/policy_check.h"

#include <fmt/format.h>

#include "node/governed/approval.h"
#include "node/governed/notes.h"
#include "sim/governed/house_rules.h"

namespace phoenix::sim {

PolicyCheck::InForce PolicyCheck::read(const Node& node) {
  InForce found;
  for (const DocumentPtr& document : node.documents(DocumentKind::kPolicy, "")) {
    if (document->key.name == kHousePolicy) found.rules = which_rules(document->text);
  }
  if (!found.rules) return found;
  for (const DocumentPtr& document : node.documents(DocumentKind::kApproval, "")) {
    const auto [it, unread] = approvals_.try_emplace(document);
    if (unread) {
      const auto form = approval_of_json(document->text);
      if (form && form->allows()) it->second = form->packet;
    }
    if (it->second) found.approved.insert(*it->second);
  }
  return found;
}

bool PolicyCheck::allows(const InForce& by, const Packet& head, const MemberRecord& member) const {
  if (!by.rules) return true;
  const HouseRules& rules = kHouseRules[*by.rules];
  const auto n = n_.find(head.key);
  if (denies(rules, head, n == n_.end() ? 0 : n->second, member)) return false;
  return !rules.asks || !is_tagged(head, kAsks) || by.approved.contains(head.key);
}

bool PolicyCheck::hands(const InForce& by, const Packet& head, const MemberRecord& member) {
  return !by.rules || !denies_handoff(head, member);
}

void PolicyCheck::decided(const Node& node, std::span<const Group> groups) {
  if (!watches_) return;
  before_ = std::exchange(now_, read(node));
  for (const Group& group : groups) {
    for (const Op& op : group.ops) {
      const auto* put = std::get_if<PutPacket>(&op);
      if (put == nullptr) continue;
      for (const ContentWrite& write : put->contents) {
        if (write.kind == ContentKind::kPayload && write.content) {
          n_[put->head->key] = n_of(write.content->data);
        }
      }
      if (put->head->owner && put->head->epoch != put->expect_epoch) granted(node, *put);
    }
  }
}

void PolicyCheck::committed(std::span<const Group> groups, const std::vector<bool>& truth) {
  for (size_t i = 0; watches_ && i < groups.size(); ++i) {
    if (!truth[i]) continue;
    for (const Op& op : groups[i].ops) {
      if (const auto* note = std::get_if<PutNote>(&op)) refused(*note, groups[i].ops.size() == 1);
    }
  }
}

void PolicyCheck::granted(const Node& node, const PutPacket& put) {
  if (!now_.rules && !before_.rules) return;
  const Packet& head = *put.head;
  ++counts_.grants;
  const auto member = node.find_member(MemberKey(head.key.ns(), head.owner->id));
  if (!member) return;
  const bool handed = put.entry.event == "handed-off";
  if (handed) ++counts_.handoffs;
  if (now_.rules && kHouseRules[*now_.rules].asks && is_tagged(head, kAsks)) ++counts_.approved;
  const auto may = [&](const InForce& by) {
    return allows(by, head, *member->record) && (!handed || hands(by, head, *member->record));
  };
  if (may(now_) || may(before_)) return;
  complain_(Invariant::kGoverned,
            fmt::format("{} is {} {} in epoch {}, which policies forbid", head.key.id(),
                        handed ? "handed to" : "given to", head.owner->id, head.epoch));
}

// One that waits is looked at again and again, and told of a few times at most.
void PolicyCheck::refused(const PutNote& note, bool alone) {
  if (note.entry.event != "policy-refused") return;
  ++counts_.refusals;
  if (!alone || !note.entry.reason.starts_with("can-assign")) return;
  const PacketKey key = PacketKey::from_text(note.key);
  if (++refusals_[key] <= HeldNotes::kMostOfOne) return;
  complain_(Invariant::kBounded,
            fmt::format("that {} waits for policies is told {} times", key.id(), refusals_[key]));
}

}  // namespace phoenix::sim
