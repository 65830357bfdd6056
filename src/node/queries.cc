// What others may see of a node, and what must always hold of it.

#include <algorithm>
#include <set>

#include "node/parts/impl.h"

namespace phoenix {
namespace {

constexpr std::string_view kClosed = "closed";  // Placement::why_not
constexpr std::string_view kDenied = "denied";  // the same, of a permit
constexpr size_t kMostOthers = 64;              // members walked over that a walk lists

std::vector<MemberNo> all_members(const Directory& directory) {
  std::vector<MemberNo> all;
  for (MemberNo no = 0; no < directory.member_numbers(); ++no) {
    if (directory.has_member(no)) all.push_back(no);
  }
  return all;
}

}  // namespace

Status Node::Impl::status(const Slot& slot) const {
  return slot.started && slot.head->status == Status::kAssigned ? Status::kRunning
                                                                : slot.head->status;
}

PacketView Node::Impl::view(SlotNo no) const {
  const Slot& slot = packets[no];
  PacketView shown{slot.head, status(slot), std::nullopt, contract_of(*slot.head)};
  if (slot.head->status != Status::kPending) return shown;
  Parked parked;
  // Members come and go while it waits: the reason is today's.
  const bool for_room = slot.queued && !is_held(no);
  parked.reason = for_room ? park_for_room(slot.cls).reason : slot.parked;
  parked.since = slot.parked_since;
  if (waits_its_time(slot.parked) && slot.wait_until != kNever) {
    parked.until = now.wall + std::max<int64_t>(0, (slot.wait_until - now.mono).ms());
  }
  if (slot.parked == ParkReason::kNotBefore) parked.until = slot.head->spec->not_before;
  shown.parked = parked;
  return shown;
}

CandidateView Node::Impl::candidate(const Candidate& from) const {
  CandidateView shown;
  shown.member = placement.id(from.member);
  shown.vnode = from.vnode;
  shown.load = from.load;
  shown.max_load = from.max_load;
  shown.score_numerator = from.score_numerator;
  shown.score_denominator = from.score_denominator;
  shown.eligible = from.eligible;
  shown.reason = from.reason;
  if (from.reason == kDenied) shown.reason = "policy-denied";
  if (from.reason == kClosed) shown.reason = why_closed(directory.member(by_ring[from.member]));
  return shown;
}

WalkView Node::Impl::walk(const PlaceQuery& query) const {
  const Walk walk = phoenix::explain(placement, query, kMostOthers);
  WalkView shown;
  for (const Candidate& met : walk.met) shown.candidates.push_back(candidate(met));
  shown.k = query.nearest_first ? 1 : query.k;
  shown.omitted = walk.omitted;
  shown.complete = walk.complete;
  if (walk.owner) shown.owner = placement.id(*walk.owner);
  shown.decided_by = walk.decided_by;
  shown.capable_members = placement.capable(query.cls);
  shown.missing = placement.missing(query.cls);
  return shown;
}

std::string Node::Impl::why_not(MemberNo no, const Slot& slot, ClassId cls) const {
  if (no == kNobody) return "no such member";
  if (no == slot.owner) return "it owns the packet already";
  const Member& member = directory.member(no);
  if (member.ring == kNoMember) {
    return "it is " + std::string(member_status_name(member.record->status));
  }
  const std::string_view why = placement.why_not(member.ring, cls, slot.head->spec->load);
  return why == kClosed ? why_closed(member) : std::string(why);
}

// The ring knows only that it takes nothing new.
std::string Node::Impl::why_closed(const Member& member) const {
  if (member.record->status == MemberStatus::kDraining) return "draining";
  if (member.session != kNobody && !directory.session(member.session).reachable) {
    return "its host is not in the pool's view";
  }
  if (remote.on && member.work->shut_until > now.mono) return "its host has no room for more";
  return "no call since the host's restart";
}

std::vector<std::string> Node::Impl::check() const {
  std::vector<std::string> wrong;
  std::map<MemberNo, uint64_t> load;
  for (SlotNo no = 0; no < packets.end(); ++no) {
    const Slot& slot = packets[no];
    if (!slot.used || slot.coming) continue;
    const Packet& head = *slot.head;
    const std::string& name = head.key.text();
    if (is_terminal(head.status)) wrong.push_back("terminal packet " + name + " is still live");
    if (head.owner.has_value() != (head.status == Status::kAssigned)) {
      wrong.push_back("I3: " + name + " is " + std::string(status_name(head.status)) +
                      (head.owner ? " with" : " without") + " an owner");
    }
    if (slot.owner != kNobody) {
      const Member& member = directory.member(slot.owner);
      load[slot.owner] += head.spec->load;
      if (slot.held_index >= member.work->held.size() || member.work->held[slot.held_index] != no) {
        wrong.push_back("I1: " + name + " is not in the list of its owner");
      }
      if (!head.owner || head.owner->id != member.record->key.id() ||
          head.owner->incarnation != member.record->incarnation) {
        wrong.push_back("I1: " + name + " is held by another member than its head says");
      }
      const MemberStatus state = member.record->status;
      if (state == MemberStatus::kDetached || state == MemberStatus::kRetired) {
        wrong.push_back("I3: " + name + " is owned by " + member.record->key.text() +
                        ", which is " + std::string(member_status_name(state)));
      }
    }
    if (slot.queued && head.status != Status::kPending) {
      wrong.push_back("I3: " + name + " waits for room though it is not pending");
    }
    if (head.status == Status::kPending && is_ready && !slot.queued && !slot.busy &&
        !slot.leaving && slot.wait_until == kNever && head.spec->not_before <= now.wall &&
        !wall_timers.due(now.wall) && !again.contains(no)) {
      wrong.push_back("I3: " + name + " is pending and nothing will wake it");
    }
  }
  const std::vector<MemberNo> members = all_members(directory);
  for (const auto& [cls, queue] : parking.queues()) {
    for (const ParkedEntry& entry : queue) {
      for (const MemberNo no : members) {
        const Member& member = directory.member(no);
        if (member.ring == kNoMember || room_again.contains(no) ||
            !placement.why_not(member.ring, cls, entry.load).empty()) {
          continue;
        }
        wrong.push_back("I3: " + packets[entry.slot].head->key.text() + " waits though " +
                        directory.member(no).record->key.text() + " has room");
        break;
      }
      break;  // the first of a class tells
    }
  }
  for (const MemberNo no : members) {
    const Member& member = directory.member(no);
    const auto it = load.find(no);
    const uint64_t held = (it == load.end() ? 0 : it->second) + member.work->incoming_load +
                          member.foreign_load + member.work->kept_back;
    if (member.ring != kNoMember && placement.load(member.ring) != held) {
      wrong.push_back("I1: load of " + member.record->key.text() + " is counted as " +
                      std::to_string(placement.load(member.ring)) + ", it holds " +
                      std::to_string(held));
    }
  }
  check_outboxes(wrong);
  if (remote.on && is_ready) check_remote(wrong);
  return wrong;
}

// What a session is to be handed belongs to one of its members, and knows where it waits.
void Node::Impl::check_outboxes(std::vector<std::string>& wrong) const {
  for (const SessionNo no : directory.sessions()) {
    const Session& session = directory.session(no);
    for (const auto& [position, token] : session.attached->outbox.entries()) {
      uint64_t known = 0;
      MemberNo owner = kNobody;
      std::string name = "a packet that is not there";
      if (const ForeignNo at = token & ~kForeignToken; is_foreign(token)) {
        const bool there = at < remote.foreign.end() && remote.foreign[at].used;
        if (there) {
          known = remote.foreign[at].outbox;
          owner = remote.foreign[at].member;
          name = remote.foreign[at].head->key.text();
        }
      } else if (token < packets.end() && packets[token].used) {
        known = packets[token].outbox;
        owner = packets[token].owner;
        name = packets[token].head->key.text();
      }
      if (known == position && owner != kNobody && directory.member(owner).session == no) continue;
      wrong.push_back("I1: " + name + " waits at the session " + session.record->id +
                      ", which does not have it");
    }
  }
}

}  // namespace phoenix
