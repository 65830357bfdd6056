// Plans: decides a change as if it came now, notes what comes of it, and takes everything back.
// What is decided, and in which order, is the code of the change itself (assign.cc); here it only
// gets another place to put its decisions.

#include <algorithm>
#include <set>
#include <utility>

#include "node/parts/impl.h"
#include "ring/show/shares.h"

namespace phoenix {
namespace {

bool among(const std::vector<MemberIndex>& members, MemberIndex member) {
  return std::find(members.begin(), members.end(), member) != members.end();
}

}  // namespace

// One plan. Everything that it changes in the node it notes, and the destructor takes it back.
class Node::Impl::Planner {
 public:
  Planner(Impl& node, Now at, size_t most)
      : node_(node), now_before_(std::exchange(node.now, at)), most_(most) {
    plan_.writes_in_flight = node.writes.size();
  }
  ~Planner();
  Planner(const Planner&) = delete;
  Planner& operator=(const Planner&) = delete;

  Result<Plan> leave(const PlanLeave& request);
  Result<Plan> drain(const PlanDrain& request);
  Result<Plan> join(const PlanJoin& request);
  Result<Plan> change(const PlanChange& request);

 private:
  struct Closed {
    MemberIndex member;
    bool was_open;
  };

  Result<MemberNo> find(const MemberKey& key) const;
  Result<MemberNo> find_on_ring(const MemberKey& key) const;
  // Takes them off the ring as far as placing can tell.
  void close(const std::vector<MemberNo>& members);
  MemberNo add(MemberRecord record);
  void take(SlotNo slot, const Change& change, MemberNo to);
  void wake(MemberNo no);
  void wake_held(MemberNo no);
  void give(SlotNo slot, MemberNo to);
  void become(MemberNo no, MemberRecord record);
  void refill(const std::vector<SlotNo>& drawn);
  void list(PlannedMove move);
  void divide(const MemberRecord& member, const RingChange& change, uint64_t vnodes_after);
  RingChange without_those_away(const MemberRecord& member) const;

  Impl& node_;
  const Now now_before_;
  const size_t most_;
  Plan plan_;
  std::vector<std::pair<MemberIndex, uint32_t>> reserved_;
  std::vector<std::pair<MemberIndex, uint32_t>> freed_;
  std::vector<Closed> closed_;
  std::vector<SlotNo> unparked_;
  std::optional<std::pair<MemberNo, RingMember>> updated_;  // as it was
  MemberNo joined_ = kNobody;
  MemberNo changed_ = kNobody;                    // whose record is not its own
  std::shared_ptr<const MemberRecord> had_been_;  // the record before; null: there was none
  std::set<SlotNo> given_;
  std::set<SlotNo> queued_;  // held back, and among those that wait for room in this plan alone
};

Node::Impl::Planner::~Planner() {
  for (const auto& [member, load] : freed_) node_.placement.add_load(member, load);
  for (const auto& [member, load] : reserved_) node_.placement.add_load(member, -int64_t{load});
  for (const SlotNo slot : unparked_) node_.parking.add(node_.packets[slot], slot);
  for (const SlotNo slot : queued_) node_.parking.remove(node_.packets[slot], slot);
  for (const Closed& closed : closed_) node_.placement.set_open(closed.member, closed.was_open);
  if (updated_) node_.update_on_ring(updated_->first, updated_->second);
  if (joined_ != kNobody) {
    Member& member = node_.directory.member(joined_);
    node_.by_ring[member.ring] = kNobody;
    node_.placement.leave(std::exchange(member.ring, kNoMember));
    if (!had_been_) node_.directory.drop_member(joined_);
  }
  if (had_been_) node_.directory.replace_member(changed_, std::move(had_been_));
  // Policies were asked about one who is not, under a number and a revision that others get.
  if (joined_ != kNobody || changed_ != kNobody) node_.governance.rules.forget_decisions();
  node_.away.clear();
  node_.now = now_before_;
}

Result<MemberNo> Node::Impl::Planner::find(const MemberKey& key) const {
  const std::string id(key.id());
  const MemberNo no = node_.directory.find_member(key);
  if (no == kNobody) {
    return fail(ErrorKind::kNotFound, "no member " + id + " in namespace " + std::string(key.ns()) +
                                          "; GET /v1/members lists those that are there");
  }
  if (node_.directory.member(no).record->status == MemberStatus::kRetired) {
    return fail(ErrorKind::kGone,
                id + " has retired: it is off the ring and holds nothing; plan a join if it "
                     "is to come back");
  }
  return no;
}

Result<MemberNo> Node::Impl::Planner::find_on_ring(const MemberKey& key) const {
  auto found = find(key);
  if (!found || node_.directory.member(*found).ring != kNoMember) return found;
  const MemberStatus status = node_.directory.member(*found).record->status;
  return fail(ErrorKind::kWrongState, std::string(key.id()) + " is " +
                                          std::string(member_status_name(status)) +
                                          " and off the ring: nothing would move; name one that is "
                                          "ACTIVE or DRAINING");
}

void Node::Impl::Planner::close(const std::vector<MemberNo>& members) {
  for (const MemberNo no : members) {
    const MemberIndex member = node_.directory.member(no).ring;
    if (member == kNoMember) continue;
    closed_.push_back({member, node_.placement.open(member)});
    node_.placement.set_open(member, false);
  }
}

void Node::Impl::Planner::list(PlannedMove move) {
  if (plan_.moves.size() < most_) {
    plan_.moves.push_back(std::move(move));
  } else {
    ++plan_.omitted;
  }
}

void Node::Impl::Planner::take(SlotNo no, const Change& change, MemberNo to) {
  const Packet& head = *node_.packets[no].head;
  ++plan_.taken;
  PlannedMove move;
  move.packet = head.key.id();
  if (head.owner) move.from = head.owner->id;
  if (to != kNobody) {
    ++plan_.placed;
    const Member& owner = node_.directory.member(to);
    reserved_.emplace_back(owner.ring, head.spec->load);
    move.to = owner.record->key.id();
  } else if (change.event == Event::kLoseForGood) {
    ++plan_.failed;
    move.fails = true;
  } else {
    ++plan_.parked;
    move.parked = change.parked;
  }
  list(std::move(move));
}

void Node::Impl::Planner::give(SlotNo slot_no, MemberNo to) {
  const Slot& slot = node_.packets[slot_no];
  const Member& owner = node_.directory.member(to);
  reserved_.emplace_back(owner.ring, slot.head->spec->load);
  ++plan_.woken;
  PlannedMove move;
  move.packet = slot.head->key.id();
  move.to = owner.record->key.id();
  list(std::move(move));
}

// What policies held back is placed anew, whoever gets it then.
void Node::Impl::Planner::wake_held(MemberNo no) {
  for (const SlotNo slot_no : node_.held_for(no)) {
    const Slot& slot = node_.packets[slot_no];
    const bool waits = slot.wait_until != kNever && slot.wait_until > node_.now.mono;
    if (slot.busy || slot.leaving || waits) continue;
    if (given_.contains(slot_no) || queued_.contains(slot_no)) continue;
    if (slot.head->spec->not_before > node_.now.wall) continue;
    const auto to = node_.place(*slot.head, slot.cls, slot.head->avoid);
    if (!to) {
      // No policy stands in its way: it waits for room like others of its class, after those that
      // come before it.
      if (!node_.governance.refusal && queued_.insert(slot_no).second) {
        node_.parking.add(slot, slot_no);
      }
      continue;
    }
    node_.placement.add_load(node_.directory.member(*to).ring, slot.head->spec->load);
    given_.insert(slot_no);
    give(slot_no, *to);
  }
}

void Node::Impl::Planner::wake(MemberNo no) {
  wake_held(no);
  const auto unpark = [this](SlotNo slot) {
    node_.parking.remove(node_.packets[slot], slot);
    if (queued_.erase(slot) == 0) unparked_.push_back(slot);
  };
  node_.fill(
      no,
      [this, no, &unpark](SlotNo slot) {
        unpark(slot);
        given_.insert(slot);
        give(slot, no);
      },
      unpark);
}

// Those from whom something was drawn have room then, which the last one is asked about first.
void Node::Impl::Planner::refill(const std::vector<SlotNo>& drawn) {
  for (const SlotNo no : drawn) {
    const Slot& slot = node_.packets[no];
    const MemberIndex owner = node_.directory.member(slot.owner).ring;
    freed_.emplace_back(owner, slot.head->spec->load);
    node_.placement.add_load(owner, -int64_t{slot.head->spec->load});
  }
  for (auto no = drawn.rbegin(); no != drawn.rend(); ++no) wake(node_.packets[*no].owner);
}

// Fills in the figures of the ring.
void Node::Impl::Planner::divide(const MemberRecord& member, const RingChange& change,
                                 uint64_t vnodes_after) {
  plan_.vnodes_after = vnodes_after;
  plan_.positions = change.positions;
  plan_.slots = change.slots;
  for (const auto& [index, share] : change.members) {
    plan_.shares.push_back({std::string(node_.placement.id(index)), share.before, share.after});
  }
  std::sort(plan_.shares.begin(), plan_.shares.end(),
            [](const PlannedShare& a, const PlannedShare& b) { return a.member < b.member; });
  if (plan_.members.empty()) plan_.members.emplace_back(member.key.id());
}

RingChange Node::Impl::Planner::without_those_away(const MemberRecord& member) const {
  return without(node_.placement, member.key.ns(),
                 [this](Position, MemberIndex index) { return among(node_.away, index); });
}

Result<Plan> Node::Impl::Planner::leave(const PlanLeave& request) {
  const auto found = find_on_ring(request.key);
  if (!found) return tl::unexpected(found.error());
  const Member& asked = node_.directory.member(*found);
  std::vector<MemberNo> leavers = {*found};
  Ending ending;
  ending.cause = EndCause::kRetired;
  if (request.whole_session) {
    if (asked.session == kNobody) {
      return fail(ErrorKind::kWrongState, std::string(request.key.id()) +
                                              " is a manual member: it has no session whose lease "
                                              "could end, and is never lost by silence");
    }
    const Session& session = node_.directory.session(asked.session);
    leavers = session.members;
    ending.cause = session.called ? EndCause::kLease : EndCause::kNeverCalled;
  }
  uint64_t fewer = 0;
  for (const MemberNo no : leavers) {
    const Member& member = node_.directory.member(no);
    if (member.ring == kNoMember) continue;
    node_.away.push_back(member.ring);
    plan_.members.emplace_back(member.record->key.id());
    fewer += vnode_count(member.record->weight);
  }
  close(leavers);
  for (const SlotNo slot : node_.held_by(leavers)) {
    MemberNo to = kNobody;
    const Change change = node_.losing(node_.packets[slot], ending, &to);
    take(slot, change, to);
  }
  plan_.minimum = plan_.taken;
  const RingChange change = without_those_away(*asked.record);
  plan_.vnodes_before = change.vnodes;
  divide(*asked.record, change, change.vnodes - fewer);
  return std::move(plan_);
}

Result<Plan> Node::Impl::Planner::drain(const PlanDrain& request) {
  const auto found = find_on_ring(request.key);
  if (!found) return tl::unexpected(found.error());
  const Member& member = node_.directory.member(*found);
  close({*found});
  node_.part(*found,
             [this](SlotNo slot, const Change& change, MemberNo to) { take(slot, change, to); });
  plan_.minimum = plan_.taken;
  plan_.kept = member.work->held.size() - plan_.taken;
  node_.away = {member.ring};
  // If it holds nothing then, it is gone as soon as they are, which may be why they wait.
  for (PlannedMove& move : plan_.moves) {
    if (plan_.kept > 0 || !move.parked) continue;
    const SlotNo slot = node_.packets.find(PacketKey(request.key.ns(), move.packet));
    if (move.parked->reason == ParkReason::kAllAtCapacity) {
      move.parked = node_.park_for_room(node_.packets[slot].cls);
    }
  }
  const RingChange change = without_those_away(*member.record);
  plan_.vnodes_before = change.vnodes;
  divide(*member.record, change, change.vnodes - vnode_count(member.record->weight));
  return std::move(plan_);
}

// A member number for one who is not there: its own of an earlier life, or a fresh one.
MemberNo Node::Impl::Planner::add(MemberRecord record) {
  auto shared = std::make_shared<const MemberRecord>(std::move(record));
  joined_ = node_.directory.find_member(shared->key);
  if (joined_ == kNobody) {
    joined_ = node_.directory.add_member(std::move(shared));
  } else {
    become(joined_, *shared);
  }
  node_.enter_ring(joined_);
  return joined_;
}

void Node::Impl::Planner::become(MemberNo no, MemberRecord record) {
  changed_ = no;
  node_.governance.rules.forget_decisions(record.key.ns(), node_.directory.member(no).ring);
  had_been_ = node_.directory.member(no).record;
  node_.directory.replace_member(no, std::make_shared<const MemberRecord>(std::move(record)));
}

Result<Plan> Node::Impl::Planner::join(const PlanJoin& request) {
  const MemberRecord& record = request.member;
  const MemberNo known = node_.directory.find_member(record.key);
  if (known == kNobody && node_.directory.members() >= node_.config.max_members) {
    return tl::unexpected(node_.too_many_members());
  }
  if (known != kNobody) {
    const Member& member = node_.directory.member(known);
    if (member.ring != kNoMember || member.ending ||
        member.record->status == MemberStatus::kActive ||
        member.record->status == MemberStatus::kDraining) {
      Error error = node_.exists_already(*member.record);
      error.detail = "the member " + std::string(record.key.id()) + " is " +
                     std::string(member_status_name(member.record->status)) +
                     " already; plan a change of it, or the join of another id";
      return tl::unexpected(std::move(error));
    }
  }
  const MemberNo newcomer = add(node_.new_life(record, "", Caller()));
  wake(newcomer);
  std::vector<SlotNo> drawn;
  // What is put up at this very moment will be older than the join.
  node_.draw_until({&newcomer, 1}, node_.now.mono,
                   [&](SlotNo slot, const Change& change, MemberNo to) {
                     take(slot, change, to);
                     drawn.push_back(slot);
                   });
  refill(drawn);
  plan_.minimum = plan_.taken;
  const MemberIndex ring = node_.directory.member(newcomer).ring;
  RingChange change = without(node_.placement, record.key.ns(),
                              [ring](Position, MemberIndex member) { return member == ring; });
  plan_.vnodes_before = change.vnodes - vnode_count(record.weight);
  const uint64_t vnodes_after = change.vnodes;
  divide(record, reversed(std::move(change)), vnodes_after);
  return std::move(plan_);
}

Result<Plan> Node::Impl::Planner::change(const PlanChange& request) {
  const auto found = find(request.patch.key);
  if (!found) return tl::unexpected(found.error());
  const Member& member = node_.directory.member(*found);
  const std::shared_ptr<const MemberRecord> as_it_is = member.record;
  const MemberRecord& before = *as_it_is;
  MemberRecord after = patched(before, request.patch);
  plan_.kept = member.work->held.size();
  plan_.members.emplace_back(before.key.id());
  if (member.ring == kNoMember) return std::move(plan_);
  const uint32_t vnodes_before = vnode_count(before.weight);
  const uint32_t vnodes_after = vnode_count(after.weight);
  const auto tail = [&](uint32_t weight, uint32_t kept) {
    return without(node_.placement, before.key.ns(),
                   TailOf(node_.placement, member.ring, weight, kept));
  };
  RingChange change;
  if (vnodes_after <= vnodes_before) change = tail(before.weight, vnodes_after);
  updated_.emplace(*found, ring_member(before));
  node_.update_on_ring(*found, ring_member(after));
  if (vnodes_after > vnodes_before) change = reversed(tail(after.weight, vnodes_before));
  const uint64_t others = change.vnodes - std::max(vnodes_before, vnodes_after);
  plan_.vnodes_before = others + vnodes_before;
  ++after.revision;
  become(*found, std::move(after));
  wake(*found);
  divide(before, change, others + vnodes_after);
  return std::move(plan_);
}

Result<Plan> Node::Impl::plan(Now at, const PlanRequest& request, size_t most) {
  Planner planner(*this, at, most);
  if (const auto* leave = std::get_if<PlanLeave>(&request)) return planner.leave(*leave);
  if (const auto* drain = std::get_if<PlanDrain>(&request)) return planner.drain(*drain);
  if (const auto* join = std::get_if<PlanJoin>(&request)) return planner.join(*join);
  return planner.change(std::get<PlanChange>(request));
}

}  // namespace phoenix
