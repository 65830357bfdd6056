// One suite over every PoolStore: what pool_store.h promises, whatever is underneath. Here the
// view, fencing and holds; slots and reads in pool_slots_test.cc.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "store/pool_testing.h"

namespace phoenix {
namespace {

using namespace testing_pool;  // NOLINT: the words of the tests

// --- the view ---

TEST_P(PoolConformance, the_first_host_writes_the_first_view) {
  const Beat before = beat(kA);
  EXPECT_TRUE(before.fenced) << "it has no row yet";
  EXPECT_EQ(before.newest.number, 0u);
  EXPECT_TRUE(before.ages.empty());
  const SwapAnswer answer = swap(kA, 0, {kA}, {}, std::string("v\0\xff", 3));
  EXPECT_EQ(answer.outcome, SwapOutcome::kDone);
  EXPECT_EQ(answer.newest.number, 1u);
  EXPECT_EQ(answer.newest.bytes, std::string("v\0\xff", 3));
  const Beat after = beat(kA);
  EXPECT_FALSE(after.fenced);
  EXPECT_EQ(after.newest.number, 1u);
  EXPECT_EQ(after.newest.bytes, std::string("v\0\xff", 3));
  EXPECT_TRUE(beat(kA, 1).newest.bytes.empty()) << "it is known already";
  EXPECT_EQ(beat(kA, 1).newest.number, 1u);
}

TEST_P(PoolConformance, a_view_changes_only_from_the_number_that_was_expected) {
  enter_all();
  EXPECT_EQ(swap(kB, 1, {}, {}, "two").outcome, SwapOutcome::kDone);
  const SwapAnswer late = swap(kC, 1, {kA2}, {kA}, "other two");
  EXPECT_EQ(late.outcome, SwapOutcome::kBehind);
  EXPECT_EQ(late.newest.number, 2u);
  EXPECT_EQ(late.newest.bytes, "two");
  EXPECT_EQ(swap(kC, 7, {}, {}, "eight").outcome, SwapOutcome::kBehind) << "nor from a later one";
  EXPECT_FALSE(beat(kA).fenced) << "nothing of it has happened";
  EXPECT_TRUE(beat(kA2).fenced);
  EXPECT_EQ(beat(kA).newest.number, 2u);
}

TEST_P(PoolConformance, a_swap_may_be_asked_again_when_its_answer_was_lost) {
  enter_all();
  EXPECT_EQ(swap(kA, 1, {}, {kB}, "two").outcome, SwapOutcome::kDone);
  const SwapAnswer again = swap(kA, 1, {}, {kB}, "two");
  EXPECT_EQ(again.outcome, SwapOutcome::kBehind);
  EXPECT_EQ(again.newest.bytes, "two");
}

TEST_P(PoolConformance, one_that_has_no_row_changes_nothing_unless_it_enters) {
  EXPECT_EQ(swap(kA, 0, {}).outcome, SwapOutcome::kFenced);
  EXPECT_EQ(swap(kA, 0, {kB}).outcome, SwapOutcome::kFenced);
  EXPECT_TRUE(beat(kB).fenced);
  EXPECT_EQ(swap(kA, 3, {kA}).outcome, SwapOutcome::kBehind);
  EXPECT_TRUE(beat(kA).fenced) << "it has not entered";
  EXPECT_EQ(beat(kA).newest.number, 0u);
}

TEST_P(PoolConformance, who_leaves_is_fenced_and_can_change_nothing_any_more) {
  enter_all();
  EXPECT_EQ(swap(kA, 1, {}, {kB, kA2}).outcome, SwapOutcome::kDone) << "a2 has no row";
  EXPECT_TRUE(beat(kB).fenced);
  const SwapAnswer answer = swap(kB, 2, {}, {kA});
  EXPECT_EQ(answer.outcome, SwapOutcome::kFenced);
  EXPECT_EQ(answer.newest.number, 2u);
  EXPECT_EQ(swap(kB, 2, {kB}).outcome, SwapOutcome::kFenced) << "nor come back";
  EXPECT_EQ(swap(kB, 1, {}, {kA}).outcome, SwapOutcome::kFenced);
  EXPECT_FALSE(beat(kA).fenced);
}

TEST_P(PoolConformance, a_fenced_life_is_brought_back_by_nobody) {
  enter_all();
  ASSERT_EQ(swap(kA, 1, {}, {kB}, "two").outcome, SwapOutcome::kDone);
  const auto answer = pool_->swap_view({kA, 2, "three", {kA2, kB}, {kC}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kWrongState);
  EXPECT_NE(answer.error().detail.find("\"b\""), std::string::npos) << answer.error().detail;
  EXPECT_TRUE(beat(kB).fenced);
  EXPECT_TRUE(beat(kA2).fenced);
  EXPECT_FALSE(beat(kC).fenced);
  EXPECT_EQ(beat(kA).newest.bytes, "two");
}

TEST_P(PoolConformance, a_host_leaves_by_its_own_proposal) {
  enter_all();
  EXPECT_EQ(swap(kB, 1, {}, {kB}).outcome, SwapOutcome::kDone);
  EXPECT_TRUE(beat(kB).fenced);
  EXPECT_EQ(outcome(kB, {create(head("p"))}), Outcome::kRefused);
}

TEST_P(PoolConformance, a_new_life_replaces_the_old_one_in_one_step) {
  enter_all();
  EXPECT_EQ(swap(kA2, 1, {kA2}, {kA}).outcome, SwapOutcome::kDone);
  EXPECT_TRUE(beat(kA).fenced);
  EXPECT_FALSE(beat(kA2).fenced);
}

// --- fencing ---

TEST_P(PoolConformance, a_fenced_or_unknown_life_commits_nothing) {
  enter_all();
  EXPECT_EQ(outcome(kB, {create(head("p"))}), Outcome::kCommitted);
  EXPECT_FALSE(commit(kB, {create(head("q"))}).fenced);
  ASSERT_EQ(swap(kA, 1, {}, {kB}).outcome, SwapOutcome::kDone);
  const CommitResult late = commit(kB, {create(head("late"))});
  EXPECT_EQ(late.outcomes, std::vector<Outcome>{Outcome::kRefused});
  EXPECT_TRUE(late.fenced);
  EXPECT_FALSE(late.why.empty());
  EXPECT_TRUE(commit(kA2, {create(head("late"))}).fenced) << "without a row";
  EXPECT_EQ(outcome(kA, {create(head("late"))}), Outcome::kCommitted) << "nothing was written";
}

TEST_P(PoolConformance, after_two_changes_of_the_view_the_first_keeper_is_fenced_too) {
  enter_all();
  ASSERT_EQ(claim(kA, {1, 2}).slots, (Slots{1, 2}));
  ASSERT_EQ(swap(kB, 1, {}, {kA}).outcome, SwapOutcome::kDone);
  // b should hold them now, but goes before it claims anything.
  ASSERT_EQ(swap(kC, 2, {}, {kB}).outcome, SwapOutcome::kDone);
  EXPECT_EQ(claim(kC, {1, 2}).slots, (Slots{1, 2}));
  EXPECT_TRUE(commit(kA, {create(in_slot(1, "deposed"))}).fenced);
  EXPECT_TRUE(commit(kB, {create(in_slot(1, "never"))}).fenced);
  EXPECT_EQ(outcome(kC, {create(in_slot(1, "deposed"))}), Outcome::kCommitted);
}

TEST_P(PoolConformance, batches_are_told_apart_by_life) {
  enter_all();
  const std::vector<Group> one = {{1, {create(head("one"))}}};
  const std::vector<Group> two = {{1, {create(head("two"))}}};
  EXPECT_EQ(server_->store(kA)->resolve(5), Resolution::kNotApplied);
  EXPECT_EQ(server_->store(kB)->commit(5, one).outcomes.at(0), Outcome::kCommitted);
  EXPECT_EQ(server_->store(kB)->resolve(5), Resolution::kApplied);
  EXPECT_EQ(server_->store(kA)->resolve(5), Resolution::kNotApplied);
  EXPECT_EQ(server_->store(kA)->commit(5, two).outcomes.at(0), Outcome::kRefused);
}

TEST_P(PoolConformance, a_fenced_life_still_learns_what_became_of_its_batches) {
  enter_all();
  const std::vector<Group> one = {{1, {create(head("one"))}}};
  ASSERT_EQ(server_->store(kB)->commit(7, one).outcomes.at(0), Outcome::kCommitted);
  ASSERT_EQ(swap(kA, 1, {}, {kB}).outcome, SwapOutcome::kDone);
  EXPECT_EQ(server_->store(kB)->resolve(7), Resolution::kApplied);
  EXPECT_EQ(server_->store(kB)->resolve(8), Resolution::kNotApplied);
}

// --- holds ---

TEST_P(PoolConformance, a_beat_renews_the_own_hold_and_tells_the_age_of_all) {
  enter_all();
  server_->age(seconds(10));
  const Beat first = beat(kA);
  ASSERT_EQ(first.ages.size(), 3u);
  EXPECT_LT(age_of(first, kA)->age, seconds(5));
  EXPECT_GE(age_of(first, kB)->age, seconds(10));
  EXPECT_LT(age_of(first, kB)->age, seconds(15));
  EXPECT_FALSE(age_of(first, kB)->fenced);
  server_->age(seconds(20));
  beat(kB);
  const Beat second = beat(kA);
  EXPECT_LT(age_of(second, kB)->age, seconds(5));
  EXPECT_GE(age_of(second, kC)->age, seconds(30));
}

TEST_P(PoolConformance, a_fenced_hold_is_not_renewed_and_forgotten_after_an_hour) {
  enter_all();
  server_->age(seconds(10));
  beat(kA);
  ASSERT_EQ(swap(kA, 1, {}, {kB}).outcome, SwapOutcome::kDone);
  EXPECT_TRUE(beat(kB).fenced);
  const Beat seen = beat(kA);
  ASSERT_NE(age_of(seen, kB), nullptr);
  EXPECT_TRUE(age_of(seen, kB)->fenced);
  EXPECT_GE(age_of(seen, kB)->age, seconds(10)) << "since its last renewal, not since its end";
  server_->age(seconds(3590));
  EXPECT_NE(age_of(beat(kA), kB), nullptr);
  server_->age(seconds(20));
  EXPECT_EQ(age_of(beat(kA), kB), nullptr);
  EXPECT_NE(age_of(beat(kA), kC), nullptr) << "not fenced, however old";
}

TEST_P(PoolConformance, who_enters_has_a_fresh_hold) {
  enter_all();
  server_->age(seconds(10));
  ASSERT_EQ(swap(kA, 1, {kA2, kB}).outcome, SwapOutcome::kDone);
  const Beat seen = beat(kC);
  EXPECT_LT(age_of(seen, kA2)->age, seconds(5));
  EXPECT_LT(age_of(seen, kB)->age, seconds(5)) << "also one that is in already";
  EXPECT_GE(age_of(seen, kA)->age, seconds(10));
}

// --- what left a home ---

TEST_P(PoolConformance, a_home_is_told_once_of_sessions_that_moved_away) {
  enter_all();
  auto of_a = server_->pool();
  ASSERT_EQ(outcome(kA, {PutSession{at(kA, "s"), 0}, PutSession{at(kA, "t"), 0}}),
            Outcome::kCommitted);
  EXPECT_TRUE(beat(*of_a, kA).left.empty()) << "its own writes are no news";
  ASSERT_EQ(outcome(kB, {PutSession{at(kB, "s", 2), 1}}), Outcome::kCommitted);
  const Beat told = beat(*of_a, kA);
  ASSERT_EQ(ids(told.left), Ids{"s"});
  EXPECT_EQ(told.left[0].home, kB);
  EXPECT_EQ(told.left[0].revision, 2u);
  EXPECT_TRUE(beat(*of_a, kA).left.empty());
  EXPECT_TRUE(beat(kB).left.empty());
}

TEST_P(PoolConformance, a_home_is_told_of_sessions_that_others_ended) {
  enter_all();
  auto of_a = server_->pool();
  ASSERT_EQ(outcome(kA, {PutSession{at(kA, "s"), 0}}), Outcome::kCommitted);
  auto ended = at(kA, "s", 2);
  ended->state = SessionState::kReplaced;
  ASSERT_EQ(outcome(kC, {PutSession{ended, 1}}), Outcome::kCommitted);
  const Beat told = beat(*of_a, kA);
  ASSERT_EQ(ids(told.left), Ids{"s"});
  EXPECT_EQ(told.left[0].state, SessionState::kReplaced);
  EXPECT_TRUE(beat(*of_a, kA).left.empty());
}

TEST_P(PoolConformance, what_left_is_told_again_by_a_handle_that_has_not_told_it) {
  enter_all();
  ASSERT_EQ(outcome(kA, {PutSession{at(kA, "s"), 0}}), Outcome::kCommitted);
  ASSERT_EQ(outcome(kB, {PutSession{at(kB, "s", 2), 1}}), Outcome::kCommitted);
  EXPECT_EQ(ids(beat(*server_->pool(), kA).left), Ids{"s"}) << "as if this answer were lost";
  auto of_a = server_->pool();
  EXPECT_EQ(ids(beat(*of_a, kA).left), Ids{"s"});
  EXPECT_TRUE(beat(*of_a, kA).left.empty());
  EXPECT_TRUE(beat(*server_->pool(), kA).left.empty()) << "now it is settled for all";
}

TEST_P(PoolConformance, a_session_that_left_twice_is_told_twice) {
  enter_all();
  auto of_a = server_->pool();
  ASSERT_EQ(outcome(kA, {PutSession{at(kA, "s"), 0}}), Outcome::kCommitted);
  ASSERT_EQ(outcome(kB, {PutSession{at(kB, "s", 2), 1}}), Outcome::kCommitted);
  ASSERT_EQ(ids(beat(*of_a, kA).left), Ids{"s"});
  ASSERT_EQ(outcome(kA, {PutSession{at(kA, "s", 3), 2}}), Outcome::kCommitted);
  ASSERT_EQ(outcome(kC, {PutSession{at(kC, "s", 4), 3}}), Outcome::kCommitted);
  const Beat told = beat(*of_a, kA);
  ASSERT_EQ(ids(told.left), Ids{"s"});
  EXPECT_EQ(told.left[0].home, kC);
  EXPECT_TRUE(beat(*of_a, kA).left.empty());
}

TEST_P(PoolConformance, a_session_that_came_back_has_not_left) {
  enter_all();
  ASSERT_EQ(outcome(kA, {PutSession{at(kA, "s"), 0}}), Outcome::kCommitted);
  ASSERT_EQ(outcome(kB, {PutSession{at(kB, "s", 2), 1}}), Outcome::kCommitted);
  ASSERT_EQ(outcome(kA, {PutSession{at(kA, "s", 3), 2}}), Outcome::kCommitted);
  auto of_a = server_->pool();
  EXPECT_TRUE(beat(*of_a, kA).left.empty());
  EXPECT_EQ(ids(beat(*server_->pool(), kB).left), Ids{"s"}) << "but it left b";
}

TEST_P(PoolConformance, a_move_that_failed_is_no_news) {
  enter_all();
  ASSERT_EQ(outcome(kA, {PutSession{at(kA, "s"), 0}}), Outcome::kCommitted);
  EXPECT_EQ(outcome(kB, {PutSession{at(kB, "s", 2), 1}, create(head("p")), create(head("p"))}),
            Outcome::kConflict);
  EXPECT_TRUE(beat(kA).left.empty());
}

// --- documents ---

TEST_P(PoolConformance, a_beat_tells_how_often_documents_have_changed) {
  enter_all();
  const uint64_t before = beat(kA).documents;
  EXPECT_EQ(beat(kB).documents, before);
  Document document;
  document.key = {DocumentKind::kPolicy, "ns", "p"};
  document.revision = 1;
  document.text = "{}";
  const auto put = [&] { return PutDocument{std::make_shared<Document>(document), 0, "applied"}; };
  ASSERT_EQ(outcome(kA, {put()}), Outcome::kCommitted);
  EXPECT_EQ(beat(kB).documents, before + 1);
  ASSERT_EQ(outcome(kB, {put()}), Outcome::kConflict);
  EXPECT_EQ(beat(kA).documents, before + 1);
  const auto all = server_->pool()->documents();
  ASSERT_TRUE(all) << all.error().detail;
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ(all->at(0), document);
}

INSTANTIATE_TEST_SUITE_P(
    All, PoolConformance,
    testing::Values(Engine{"memory", [] { return std::make_unique<MemoryServer>(); }},
                    Engine{"postgres", [] { return std::make_unique<PostgresServer>(); }}),
    [](const auto& engine) { return std::string(engine.param.name); });

}  // namespace
}  // namespace phoenix
