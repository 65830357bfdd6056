// Who may have a packet, asked again and again: what is kept of the answers is as true as they are.
#include <gtest/gtest.h>

#include "base/prng.h"
#include "node/admission/test_policies.h"

namespace phoenix {
namespace {

using testing_node::kSteady;
using testing_node::PoliciesTest;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::Worker;

// Reads of a packet nothing that classes differ by.
constexpr const char* kGold = R"json({"target":"can-assign","defaultDecision":"allow","rules":[{
    "name":"gold","decision":"deny","reason":"not gold","at":"policies/gold.yaml:3:5",
    "condition":"!('tier' in member.labels) || member.labels.tier != 'gold'"}]})json";
// Does, by its tags; and one that asks for a word of some members.
constexpr const char* kTagged = R"json({"target":"can-assign","defaultDecision":"allow","rules":[{
    "name":"pii","condition":"'PII' in packet.policyTags && member.trustScore < 0.8",
    "decision":"deny"}]})json";
constexpr const char* kWord = R"json({"target":"can-assign","defaultDecision":"allow","rules":[{
    "name":"low","condition":"member.trustScore < 0.3","decision":"deny"},{
    "name":"middle","condition":"member.trustScore < 0.6","decision":"require-approval",
    "approval":{"role":"controller","expiresSeconds":60,"onExpiry":"deny"}}]})json";

class AskingTest : public PoliciesTest {
 protected:
  Worker join_as(const std::string& id, const std::string& tier) {
    MemberRecord wanted = Stage::record(id, {"a"}, kSteady);
    if (!tier.empty()) wanted.labels = {{"tier", tier}};
    return Stage::joined(id, stage.call(Stage::principal(), stage.registration({wanted}, kSteady)));
  }
  void label(const std::string& id, const std::string& tier) {
    PatchMember wanted;
    wanted.key = Stage::member(id);
    wanted.labels = {{"tier", tier}};
    ASSERT_FALSE(refusal(stage.call(Stage::op(), wanted)));
  }
  void leave(const Worker& worker) {
    ASSERT_FALSE(refusal(stage.call(Stage::token(worker), Retire{Stage::ref(worker)})));
  }
  // Who gets a new one.
  std::string taker(const Stage::Change& change = {}) {
    const std::string id = "p" + std::to_string(++packets_);
    stage.submit(id, {"a"}, change);
    return stage.owner(id);
  }

 private:
  int packets_ = 0;
};

TEST_F(AskingTest, a_member_that_has_changed_is_asked_about_anew) {
  lay_down("gold", kGold);
  join_as("w", "gold");
  EXPECT_EQ(taker(), "w");
  EXPECT_EQ(taker(), "w");
  label("w", "iron");
  EXPECT_EQ(taker(), "");
  EXPECT_EQ(taker(), "");
  label("w", "gold");
  EXPECT_EQ(taker(), "w");
}

TEST_F(AskingTest, who_takes_the_place_of_one_that_has_left_is_asked_about) {
  lay_down("gold", kGold);
  const Worker iron = join_as("iron", "");
  EXPECT_EQ(taker(), "");
  leave(iron);
  const Worker gold = join_as("gold", "gold");
  EXPECT_EQ(stage.owner("p1"), "gold") << "what waited";
  EXPECT_EQ(taker(), "gold");
  leave(gold);
  EXPECT_EQ(stage.parked("p1"), ParkReason::kNoCapableMember);
  join_as("another", "");
  EXPECT_EQ(taker(), "");
}

TEST_F(AskingTest, a_change_that_was_only_planned_leaves_nothing_behind) {
  lay_down("gold", kGold);
  join_as("w", "");
  EXPECT_EQ(taker(), "");
  PlanChange wanted;
  wanted.patch.key = Stage::member("w");
  wanted.patch.labels = {{"tier", "gold"}};
  const auto plan = stage.node().plan(stage.now(), wanted, 100);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->moves.size(), 1U) << "it would get what waits";
  EXPECT_EQ(taker(), "");
  MemberRecord gold = Stage::record("x", {"a"}, kSteady);
  gold.labels = {{"tier", "gold"}};
  ASSERT_TRUE(stage.node().plan(stage.now(), PlanJoin{gold}, 100));
  join_as("x", "");
  EXPECT_EQ(taker(), "");
}

TEST_F(AskingTest, each_class_of_packets_has_answers_of_its_own) {
  lay_down("tagged", kTagged);
  join("low", 500);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(taker(), "low");
    EXPECT_EQ(taker(tagged), "");
  }
}

TEST_F(AskingTest, the_reason_is_told_though_it_was_known) {
  lay_down("gold", kGold);
  join_as("w", "");
  for (const char* id : {"p", "q"}) {
    stage.submit(id, {"a"});
    EXPECT_EQ(parked(id), ParkReason::kPolicyDenied);
    EXPECT_NE(explained(id).find("not gold (policy gold, rule gold, policies/gold.yaml:3:5)"),
              std::string::npos)
        << explained(id);
  }
}

TEST_F(AskingTest, who_lacks_a_word_only_goes_before_who_is_denied) {
  lay_down("word", kWord);
  for (int i = 0; i < 4; ++i) join("low" + std::to_string(i), 200);
  join("middle", 500);
  for (const char* id : {"p", "q"}) {
    stage.submit(id, {"a"});
    EXPECT_EQ(parked(id), ParkReason::kApprovalRequired);
  }
}

// Told by hand, after changes of all kinds in any order.
TEST_F(AskingTest, nobody_ever_gets_what_the_rules_keep_from_them) {
  lay_down("gold", kGold);
  lay_down("tagged", kTagged);
  std::map<std::string, Worker> workers;
  std::map<std::string, bool> gold;
  Prng prng(7);
  size_t kept_back = 0;
  size_t given = 0;
  for (int step = 0; step < 600; ++step) {
    const std::string id = "m" + std::to_string(prng.below(6));
    const bool is_gold = prng.chance(1, 3);
    if (!workers.contains(id)) {
      workers[id] = join_as(id, is_gold ? "gold" : "iron");
      gold[id] = is_gold;
    } else if (prng.chance(1, 6)) {
      leave(workers[id]);
      workers.erase(id);
      gold.erase(id);
    } else if (prng.chance(1, 3)) {
      label(id, is_gold ? "gold" : "iron");
      gold[id] = is_gold;
    }
    const std::string to = taker(prng.chance(1, 2) ? Stage::Change(tagged) : Stage::Change());
    const bool somebody = std::any_of(gold.begin(), gold.end(), [this](const auto& one) {
      return one.second && stage.load(one.first) < kSteady.max_load;
    });
    if (to.empty()) {
      EXPECT_FALSE(somebody) << "in step " << step;
      ++kept_back;
      stage.order(Order::kCancel, "p" + std::to_string(step + 1));
    } else {
      EXPECT_TRUE(gold.at(to)) << to << " in step " << step;
      ++given;
      stage.own(workers.at(to), Call::kComplete, "p" + std::to_string(step + 1), 1);
    }
  }
  EXPECT_GT(kept_back, 30U);
  EXPECT_GT(given, 200U);
}

}  // namespace
}  // namespace phoenix
