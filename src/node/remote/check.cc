// What must hold of a node among others; node.h: check().

#include <set>

#include "node/parts/impl.h"

namespace phoenix {

void Node::Impl::check_remote(std::vector<std::string>& wrong) const {
  std::set<SlotNo> orphans;
  for (const auto& [no, life] : remote.orphans) {
    if (packets[no].life == life) orphans.insert(no);
  }
  for (SlotNo no = 0; no < packets.end(); ++no) {
    const Slot& slot = packets[no];
    if (!slot.used || slot.coming || slot.leaving) continue;
    const std::string& name = slot.head->key.text();
    if (!driven(slot.head->point)) wrong.push_back("I1: " + name + " is in a slot of others");
    if (slot.busy || again.contains(no) || slot.head->status != Status::kAssigned) continue;
    if (slot.owner == kNobody && !orphans.contains(no)) {
      wrong.push_back("I3: the owner of " + name + " is lost and nobody looks for another");
    }
    if (owned_elsewhere(slot) && !slot.told) {
      wrong.push_back("I4: the home of the owner of " + name + " was not told");
    }
  }
  for (const SessionNo no : directory.sessions()) {
    const Session& session = directory.session(no);
    if (session.here != remote.at_home.contains(no)) {
      wrong.push_back("I1: session " + session.record->id + " is not listed where its home is");
    }
    if (remote.has_view && session.reachable != (session.here || in_view(session.record->home))) {
      wrong.push_back("I3: session " + session.record->id + " is not where the view has it");
    }
    if (is_homeless(no) && !remote.homeless.contains(no)) {
      wrong.push_back("I3: session " + directory.session(no).record->id +
                      " has lost its home and nobody looks for another");
    }
  }
  std::map<MemberNo, uint64_t> loads;
  for (ForeignNo no = 0; no < remote.foreign.end(); ++no) {
    const Foreign& entry = remote.foreign[no];
    if (!entry.used) continue;
    const std::string& name = entry.head->key.text();
    loads[entry.member] += entry.head->spec->load;
    if (packets.find(entry.head->key) != kNoSlot) {
      wrong.push_back("I1: " + name + " is kept here, and by another host");
    }
    const SessionNo session = directory.member(entry.member).session;
    if (session == kNobody || !directory.session(session).here) {
      wrong.push_back("I1: " + name + " waits here for a member at home elsewhere");
    } else if (!may_hold(entry.member, entry.head->owner->incarnation)) {
      wrong.push_back("I1: " + name + " waits here for a member that has ended");
    }
    if (entry.outbox == 0) wrong.push_back("I4: " + name + " is not put up for delivery");
  }
  for (MemberNo no = 0; no < directory.member_numbers(); ++no) {
    if (!directory.has_member(no)) continue;
    const Member& member = directory.member(no);
    const bool here = member.session != kNobody && directory.session(member.session).here;
    const auto it = loads.find(no);
    const uint64_t held = it == loads.end() ? 0 : it->second;
    if (here && member.foreign_load != held) {
      wrong.push_back("I1: " + member.record->key.text() + " holds " + std::to_string(held) +
                      " of other keepers' load, " + std::to_string(member.foreign_load) +
                      " is counted");
    }
  }
}

}  // namespace phoenix
