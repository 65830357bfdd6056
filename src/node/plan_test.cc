// What a plan says comes to pass, and making one leaves no trace.
#include "node/plan.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/prng.h"
#include "node/test_answers.h"
#include "node/test_stage.h"

namespace phoenix {
namespace {

using testing_node::error_of;
using testing_node::MemberOptions;
using testing_node::Stage;
using testing_node::Worker;

constexpr size_t kAll = 100'000;
const MemberOptions kRoomy = {.max_load = 10, .lease_seconds = 600};

PlanRequest leave_of(const std::string& id, bool whole_session = false) {
  return PlanLeave{Stage::member(id), whole_session};
}
PlanRequest weight_of(const std::string& id, uint32_t weight) {
  PlanChange change;
  change.patch.key = Stage::member(id);
  change.patch.weight = weight;
  return change;
}
Plan planned(Stage& stage, const PlanRequest& request, size_t most = kAll) {
  auto plan = stage.node().plan(stage.now(), request, most);
  EXPECT_TRUE(plan.has_value()) << (plan ? "" : plan.error().detail);
  for (const std::string& wrong : stage.node().check()) ADD_FAILURE() << wrong;
  return plan ? std::move(*plan) : Plan();
}
Error refusal(Stage& stage, const PlanRequest& request) {
  auto plan = stage.node().plan(stage.now(), request, kAll);
  EXPECT_FALSE(plan.has_value());
  return plan ? Error() : plan.error();
}

// Every live packet: who has it, or why nobody.
struct Standing {
  std::string owner;
  std::string why;
  uint64_t epoch = 0;
  bool operator==(const Standing&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Standing& standing) {
  return out << (standing.owner.empty() ? "nobody, " + standing.why : standing.owner) << "@"
             << standing.epoch;
}
using Standings = std::map<std::string, Standing>;
Standings standings(Stage& stage) {
  Standings all;
  for (const PacketView& view : stage.node().live()) {
    Standing standing;
    standing.epoch = view.head->epoch;
    if (view.head->owner) standing.owner = view.head->owner->id;
    if (view.parked) standing.why = park_reason_name(view.parked->reason);
    all[std::string(view.head->key.id())] = standing;
  }
  return all;
}
// What the plan makes of them.
Standings after(Standings all, const Plan& plan) {
  for (const PlannedMove& move : plan.moves) {
    Standing& standing = all.at(move.packet);
    EXPECT_EQ(standing.owner, move.from);
    if (move.fails) {
      all.erase(move.packet);
      continue;
    }
    standing.owner = move.to;
    standing.why = move.parked ? park_reason_name(move.parked->reason) : "";
    if (!move.to.empty()) ++standing.epoch;
  }
  return all;
}
// For packets that wait already, whether anybody could ever take them is told as of now.
Standings without_reasons(Standings all, const Plan& plan) {
  for (auto& [id, standing] : all) {
    const bool listed = std::any_of(plan.moves.begin(), plan.moves.end(),
                                    [&](const PlannedMove& move) { return move.packet == id; });
    if (!listed) standing.why.clear();
  }
  return all;
}
void expect_as_planned(Stage& stage, const Standings& before, const Plan& plan) {
  EXPECT_EQ(without_reasons(standings(stage), plan), without_reasons(after(before, plan), plan));
}
void expect_counts(const Plan& plan) {
  uint64_t taken = 0, placed = 0, parked = 0, failed = 0, woken = 0;
  for (const PlannedMove& move : plan.moves) {
    if (move.from.empty()) {
      ++woken;
      EXPECT_FALSE(move.to.empty());
      continue;
    }
    ++taken;
    if (!move.to.empty()) ++placed;
    if (move.parked) ++parked;
    if (move.fails) ++failed;
  }
  EXPECT_EQ(plan.taken, taken);
  EXPECT_EQ(plan.placed, placed);
  EXPECT_EQ(plan.parked, parked);
  EXPECT_EQ(plan.failed, failed);
  EXPECT_EQ(plan.woken, woken);
  EXPECT_EQ(plan.taken, plan.placed + plan.parked + plan.failed);
  EXPECT_EQ(plan.omitted, 0U);
}

// --- a fleet that does this and that --------------------------------------------------------

// Random life, the same for the same seed whether plans are made on the way or not.
class Fleet {
 public:
  Fleet(uint64_t seed, bool plans) : prng_(seed), plans_(plans) {}

  void live(int steps) {
    for (int i = 0; i < steps; ++i) {
      stage_.advance(milliseconds(prng_.between(1, 400)));
      step();
    }
  }
  // Every change of a packet in the order in which it was written.
  std::vector<std::string> trace() const {
    std::vector<std::string> lines;
    for (const Group& group : stage_.written) {
      for (const Op& op : group.ops) {
        const auto* put = std::get_if<PutPacket>(&op);
        if (put == nullptr) continue;
        lines.push_back(std::to_string(group.id) + " " + std::string(put->head->key.id()) + " " +
                        std::to_string(put->head->epoch) + " " +
                        (put->head->owner ? put->head->owner->id : put->entry.reason));
      }
    }
    return lines;
  }
  uint64_t moves() const { return moves_; }
  uint64_t woken() const { return woken_; }
  uint64_t parked() const { return parked_; }
  uint64_t failed() const { return failed_; }

 private:
  void step() {
    forget();
    switch (prng_.below(12)) {
      case 0:
        return join();
      case 1:
        return leave();
      case 2:
        return prng_.chance(1, 2) ? drain() : change();
      case 3:
        return prng_.chance(1, 2) ? lease_end() : change();
      case 4:
      case 5:
        return work();
      default:
        return submit();
    }
  }
  std::vector<std::string> draw_capabilities() {
    std::vector<std::string> drawn;
    for (const char* name : {"a", "b", "c"}) {
      if (prng_.chance(2, 3)) drawn.emplace_back(name);
    }
    return drawn;
  }
  void submit() {
    std::vector<std::string> required;
    for (const char* name : {"a", "b", "c"}) {
      if (prng_.chance(1, 3)) required.emplace_back(name);
    }
    const WallMs wall = stage_.now().wall;
    stage_.submit("p" + std::to_string(++packets_), required, [&](PacketSpec& spec) {
      spec.load = static_cast<uint32_t>(1 + prng_.below(2));
      spec.priority = static_cast<int32_t>(prng_.below(3));
      spec.max_losses = static_cast<uint32_t>(1 + prng_.below(5));
      if (prng_.chance(1, 5)) {
        spec.spread = Spread::kAffinity;
        spec.affinity_key = "k" + std::to_string(prng_.below(3));
      }
      if (prng_.chance(1, 8)) spec.not_before = wall + 2'000;
      if (prng_.chance(1, 5)) spec.deadline = wall + 50'000'000 + prng_.between(0, 3);
      if (prng_.chance(1, 6)) spec.match = CapabilityMatch::kAny;
    });
  }
  // Somebody takes some of what it has, or ends it one way or another.
  void work() {
    if (workers_.empty()) return;
    Worker& worker = workers_[prng_.below(workers_.size())];
    for (const Delivery& delivery :
         stage_.poll(worker, static_cast<uint32_t>(1 + prng_.below(3))).deliveries) {
      const std::string id(delivery.packet.head->key.id());
      Worker owner = worker;
      owner.id = delivery.member;
      if (prng_.chance(1, 4)) stage_.own(owner, Call::kComplete, id, delivery.epoch);
      if (prng_.chance(1, 6)) stage_.own(owner, Call::kFail, id, delivery.epoch);
      if (prng_.chance(1, 6)) stage_.own(owner, Call::kRelease, id, delivery.epoch);
    }
  }
  void join() {
    if (names_.size() > 8) return;
    const std::string id = "m" + std::to_string(++joins_);
    MemberOptions options = {.max_load = static_cast<uint32_t>(1 + prng_.below(6)),
                             .lease_seconds = 60};
    options.weight = static_cast<uint32_t>(1 + prng_.below(300));
    const auto capabilities = draw_capabilities();
    if (prng_.chance(1, 4)) {
      workers_.push_back(stage_.join_all({id, id + "x"}, capabilities, options));
      names_.push_back(id);
      names_.push_back(id + "x");
      return;
    }
    expect(PlanJoin{Stage::record(id, capabilities, options)},
           [&] { workers_.push_back(stage_.join(id, capabilities, options)); });
    names_.push_back(id);
  }
  std::string pick() { return names_.empty() ? "" : names_[prng_.below(names_.size())]; }
  bool on_ring(const std::string& id) {
    if (id.empty()) return false;
    const MemberStatus status = stage_.member_status(id);
    return status == MemberStatus::kActive || status == MemberStatus::kDraining;
  }
  SessionRef ref(const std::string& id) { return {"default", id, ""}; }
  void leave() {
    const std::string id = pick();
    if (!on_ring(id)) return;
    expect(leave_of(id), [&] { stage_.call(Stage::op(), Retire{ref(id)}); });
  }
  void drain() {
    const std::string id = pick();
    if (!on_ring(id)) return;
    expect(PlanDrain{Stage::member(id)},
           [&] { stage_.call(Stage::op(), Drain{ref(id), 100'000}); });
  }
  void change() {
    const std::string id = pick();
    if (!on_ring(id)) return;
    PlanChange wanted;
    wanted.patch.key = Stage::member(id);
    if (prng_.chance(1, 2)) wanted.patch.max_load = static_cast<uint32_t>(1 + prng_.below(9));
    if (prng_.chance(1, 2)) wanted.patch.weight = static_cast<uint32_t>(1 + prng_.below(300));
    if (prng_.chance(1, 3)) wanted.patch.capabilities = draw_capabilities();
    expect(wanted, [&] { stage_.call(Stage::op(), wanted.patch); });
  }
  // One process falls silent, the others go on.
  void lease_end() {
    if (workers_.empty()) return;
    const size_t silent = prng_.below(workers_.size());
    const auto others_call = [&] {
      for (size_t i = 0; i < workers_.size(); ++i) {
        if (i != silent) stage_.poll(workers_[i], 1000);
      }
    };
    stage_.poll(workers_[silent], 1000);
    for (const int64_t ms : {20'000, 20'000, 19'998}) {
      others_call();
      stage_.advance(milliseconds(ms));
    }
    others_call();
    const std::string id = of_session(workers_[silent].session);
    if (id.empty() || due_soon()) return;
    expect(leave_of(id, true), [&] { stage_.advance(milliseconds(10)); });
  }
  // Its time may come before the lease ends.
  bool due_soon() {
    for (const PacketView& view : stage_.node().live()) {
      const bool waits = view.parked && view.parked->until != kNoWall;
      if (waits && view.parked->until <= stage_.now().wall + 20) return true;
    }
    return false;
  }
  std::string of_session(const std::string& session) {
    for (const std::string& id : names_) {
      const auto view = stage_.node().find_member(Stage::member(id));
      if (view && view->record->session == session && on_ring(id)) return id;
    }
    return "";
  }
  // Those who are off the ring, and processes that have no member left.
  void forget() {
    std::erase_if(names_, [&](const std::string& id) { return !on_ring(id); });
    std::erase_if(workers_, [&](Worker& worker) {
      worker.id = of_session(worker.session);
      return worker.id.empty();
    });
  }
  void expect(const PlanRequest& request, const std::function<void()>& deed) {
    if (!plans_) return deed();
    const Standings before = standings(stage_);
    const Plan plan = planned(stage_, request);
    EXPECT_EQ(standings(stage_), before);
    expect_counts(plan);
    deed();
    expect_as_planned(stage_, before, plan);
    moves_ += plan.taken;
    woken_ += plan.woken;
    parked_ += plan.parked;
    failed_ += plan.failed;
  }

  Prng prng_;
  bool plans_;
  Stage stage_;
  std::vector<Worker> workers_;
  std::vector<std::string> names_;
  int packets_ = 0;
  int joins_ = 0;
  uint64_t moves_ = 0;
  uint64_t woken_ = 0;
  uint64_t parked_ = 0;
  uint64_t failed_ = 0;
};

TEST(Plan, SaysExactlyWhatThenMovesAndLeavesNoTrace) {
  uint64_t moves = 0, woken = 0, parked = 0, failed = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Fleet planning(seed, true);
    Fleet plain(seed, false);
    planning.live(150);
    plain.live(150);
    EXPECT_EQ(planning.trace(), plain.trace());
    if (HasFailure()) break;
    moves += planning.moves();
    woken += planning.woken();
    parked += planning.parked();
    failed += planning.failed();
  }
  // Else it would have proved little.
  EXPECT_GT(moves, 300U);
  EXPECT_GT(woken, 100U);
  EXPECT_GT(parked, 100U);
  EXPECT_GT(failed, 10U);
}

TEST(Plan, OfASessionsEndIsOfAllItsMembersInOneStep) {
  Stage stage;
  Worker pair = stage.join_all({"one", "two"}, {"a"}, {.max_load = 4, .lease_seconds = 3});
  for (int i = 0; i < 4; ++i) stage.submit("p" + std::to_string(i), {"a"});
  stage.join("three", {"a"}, {.max_load = 3, .lease_seconds = 600});
  stage.advance(milliseconds(1));
  const Plan alone = planned(stage, leave_of("one"));
  EXPECT_EQ(alone.members, std::vector<std::string>{"one"});
  EXPECT_EQ(alone.taken, stage.load("one"));
  EXPECT_EQ(alone.parked, 0U);
  const Plan both = planned(stage, leave_of("one", true));
  EXPECT_EQ(both.members, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(both.taken, 4U);
  EXPECT_EQ(both.placed, 3U);
  EXPECT_EQ(both.parked, 1U);
  for (const PlannedMove& move : both.moves) {
    if (move.parked) EXPECT_EQ(move.parked->reason, ParkReason::kAllAtCapacity);
  }
}

TEST(Plan, ParksForWantOfACapableMemberIfTheLastOneLeaves) {
  Stage stage;
  stage.join("only", {"a"}, kRoomy);
  stage.submit("p", {"a"});
  const Plan plan = planned(stage, leave_of("only"));
  ASSERT_EQ(plan.moves.size(), 1U);
  ASSERT_TRUE(plan.moves[0].parked.has_value());
  EXPECT_EQ(plan.moves[0].parked->reason, ParkReason::kNoCapableMember);
  EXPECT_EQ(plan.vnodes_before, 128U);
  EXPECT_EQ(plan.vnodes_after, 0U);
  EXPECT_EQ(plan.positions, uint64_t{1} << 32);
}

TEST(Plan, LetsLaterLossesWaitAndTheLastOneFail) {
  Stage stage;
  for (int loss = 1; loss <= 3; ++loss) {
    Worker worker = stage.join("w" + std::to_string(loss), {"a"}, kRoomy);
    if (loss == 1) stage.submit("p", {"a"}, [](PacketSpec& spec) { spec.max_losses = 4; });
    stage.poll(worker);
    const Plan plan = planned(stage, leave_of(worker.id));
    ASSERT_EQ(plan.moves.size(), 1U);
    const Standings before = standings(stage);
    stage.call(Stage::token(worker), Retire{Stage::ref(worker)});
    expect_as_planned(stage, before, plan);
    if (loss < 3) continue;
    EXPECT_EQ(plan.moves[0].parked->reason, ParkReason::kBackoff);
    EXPECT_EQ(plan.moves[0].parked->until, stage.now().wall + 1'000);
  }
  Worker last = stage.join("w4", {"a"}, kRoomy);
  stage.advance(seconds(2));
  stage.poll(last);
  const Plan plan = planned(stage, leave_of("w4"));
  EXPECT_EQ(plan.failed, 1U);
  EXPECT_TRUE(plan.moves[0].fails);
  stage.call(Stage::token(last), Retire{Stage::ref(last)});
  EXPECT_EQ(stage.status("p"), Status::kFailed);
}

TEST(Plan, OfADrainKeepsWhatWasHandedOut) {
  Stage stage;
  Worker one = stage.join("one", {"a"}, kRoomy);
  stage.submit("p1", {"a"});
  stage.poll(one);
  stage.submit("p2", {"a"});
  stage.join("two", {"a"}, kRoomy);
  const std::string keeper = stage.owner("p2");
  const Plan plan = planned(stage, PlanDrain{Stage::member("one")});
  EXPECT_EQ(plan.kept, 1U);
  EXPECT_EQ(plan.taken, keeper == "one" ? 1U : 0U);
  EXPECT_EQ(plan.vnodes_before - plan.vnodes_after, 128U);
}

TEST(Plan, CountsWhatItDoesNotList) {
  Stage stage;
  stage.join("one", {"a"}, {.max_load = 50, .lease_seconds = 600});
  for (int i = 0; i < 20; ++i) stage.submit("p" + std::to_string(i), {"a"});
  stage.join("two", {"a"}, {.max_load = 12, .lease_seconds = 600});
  const uint32_t held = stage.load("one");
  const Plan plan = planned(stage, leave_of("one"), 3);
  EXPECT_EQ(plan.moves.size(), 3U);
  EXPECT_EQ(plan.omitted, held - 3);
  EXPECT_EQ(plan.taken, held);
  EXPECT_EQ(plan.minimum, held);
}

TEST(Plan, OfAWeightMovesNoPacketAndSaysWhoseShareOfTheRingChanges) {
  Stage stage;
  Worker one = stage.join("one", {"a"}, kRoomy);
  stage.join("two", {"a"}, kRoomy);
  for (int i = 0; i < 8; ++i) stage.submit("p" + std::to_string(i), {"a"});
  for (const uint32_t weight : {1U, 50U, 100U, 250U}) {
    const Plan plan = planned(stage, weight_of("one", weight));
    EXPECT_EQ(plan.taken + plan.woken, 0U);
    EXPECT_EQ(plan.kept, stage.load("one"));
    EXPECT_EQ(plan.vnodes_before, 256U);
    EXPECT_EQ(plan.vnodes_after, 128U + vnode_count(weight));
    if (weight == 100) {
      EXPECT_TRUE(plan.shares.empty());
      EXPECT_EQ(plan.positions, 0U);
      continue;
    }
    ASSERT_EQ(plan.shares.size(), 2U);
    EXPECT_EQ(plan.shares[0].member, "one");
    EXPECT_EQ(plan.shares[0].before + plan.shares[1].before, uint64_t{1} << 32);
    EXPECT_EQ(plan.shares[0].after + plan.shares[1].after, uint64_t{1} << 32);
    EXPECT_EQ(plan.shares[0].after > plan.shares[0].before, weight > 100);
    EXPECT_GT(plan.slots.count(), 0U);
  }
  EXPECT_EQ(stage.node().placement().vnodes(), 256U);
}

TEST(Plan, OfMoreRoomWakesWhatWaits) {
  Stage stage;
  stage.join("one", {"a"}, {.max_load = 1, .lease_seconds = 600});
  for (int i = 0; i < 3; ++i) stage.submit("p" + std::to_string(i), {"a"});
  PlanChange wanted;
  wanted.patch.key = Stage::member("one");
  wanted.patch.max_load = 2;
  const Standings before = standings(stage);
  const Plan plan = planned(stage, wanted);
  EXPECT_EQ(plan.woken, 1U);
  stage.call(Stage::op(), wanted.patch);
  expect_as_planned(stage, before, plan);
}

TEST(Plan, OfAJoinIsAsGoodForOneWhoWasHereBefore) {
  Stage stage;
  Worker once = stage.join("once", {"a"}, {.max_load = 2, .lease_seconds = 3});
  stage.advance(seconds(4));
  ASSERT_EQ(stage.member_status("once"), MemberStatus::kDetached);
  for (int i = 0; i < 3; ++i) stage.submit("p" + std::to_string(i), {"a"});
  const MemberOptions options = {.max_load = 2, .lease_seconds = 600};
  const Standings before = standings(stage);
  const Plan plan = planned(stage, PlanJoin{Stage::record("once", {"a"}, options)});
  EXPECT_EQ(plan.woken, 2U);
  EXPECT_EQ(stage.member_status("once"), MemberStatus::kDetached);
  EXPECT_EQ(stage.node().placement().members(), 0U);
  stage.join("once", {"a"}, options);
  expect_as_planned(stage, before, plan);
}

TEST(Plan, GivesNothingToWhomPoliciesKeepItFromAndForgetsWhatItAsked) {
  Stage stage;
  ApplyDocuments wanted;
  wanted.ns = "default";
  wanted.items.push_back({DocumentKind::kPolicy, "trust",
                          R"({"target":"can-assign","minimumTrustScore":0.9})", std::nullopt});
  stage.call(Stage::op(), wanted);
  MemberRecord low = Stage::record("low", {"a"}, kRoomy);
  low.trust = 500;
  stage.call(Stage::principal(), stage.registration({low}, kRoomy));
  for (int i = 0; i < 4; ++i) stage.submit("p" + std::to_string(i), {"a"});
  ASSERT_EQ(stage.parked("p0"), ParkReason::kPolicyDenied);
  const Standings before = standings(stage);
  MemberRecord other = Stage::record("other", {"a"}, kRoomy);
  other.trust = 500;
  EXPECT_EQ(planned(stage, PlanJoin{other}).woken, 0U);
  other.trust = 950;
  const Plan plan = planned(stage, PlanJoin{other});
  EXPECT_EQ(plan.woken, 4U);
  EXPECT_EQ(standings(stage), before);
  // The next member gets the number that the planned one had.
  low.key = Stage::member("third");
  stage.call(Stage::principal(), stage.registration({low}, kRoomy));
  EXPECT_EQ(stage.parked("p0"), ParkReason::kPolicyDenied);
  stage.call(Stage::principal(), stage.registration({other}, kRoomy));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(stage.owner("p" + std::to_string(i)), "other");
}

TEST(Plan, SaysThatWritesAreOnTheirWay) {
  Stage stage;
  stage.join("one", {"a"}, kRoomy);
  EXPECT_EQ(planned(stage, leave_of("one")).writes_in_flight, 0U);
  stage.store(testing_node::StoreMode::kHold);
  stage.ask(Stage::principal(), Stage::single(Stage::item("p", {"a"})));
  EXPECT_EQ(planned(stage, leave_of("one")).writes_in_flight, 1U);
  stage.store(testing_node::StoreMode::kWell);
}

TEST(Plan, IsRefusedAsTheChangeWouldBe) {
  NodeConfig config;
  config.max_members = 4;
  Stage stage(config);
  Worker one = stage.join("one", {"a"}, kRoomy);
  Worker gone = stage.join("gone", {"a"}, kRoomy);
  stage.call(Stage::token(gone), Retire{Stage::ref(gone)});
  stage.join("away", {"a"}, {.max_load = 1, .lease_seconds = 1});
  stage.advance(seconds(2));
  stage.join_manual("hand", {"a"});
  EXPECT_EQ(refusal(stage, leave_of("nobody")).kind, ErrorKind::kNotFound);
  EXPECT_EQ(refusal(stage, leave_of("gone")).kind, ErrorKind::kGone);
  EXPECT_EQ(refusal(stage, PlanDrain{Stage::member("gone")}).kind, ErrorKind::kGone);
  EXPECT_EQ(refusal(stage, leave_of("away")).kind, ErrorKind::kWrongState);
  EXPECT_EQ(refusal(stage, leave_of("hand", true)).kind, ErrorKind::kWrongState);
  EXPECT_EQ(refusal(stage, weight_of("gone", 1)).kind, ErrorKind::kGone);
  EXPECT_EQ(refusal(stage, weight_of("nobody", 1)).kind, ErrorKind::kNotFound);
  EXPECT_EQ(refusal(stage, PlanJoin{Stage::record("one", {"a"})}).kind, ErrorKind::kMemberExists);
  EXPECT_EQ(refusal(stage, PlanJoin{Stage::record("fifth", {"a"})}).kind,
            ErrorKind::kTooManyRequests);
  EXPECT_EQ(planned(stage, leave_of("hand")).members, std::vector<std::string>{"hand"});
  EXPECT_EQ(planned(stage, weight_of("away", 1)).positions, 0U);
}

}  // namespace
}  // namespace phoenix
