#include "membership/serf/intents.h"

#include <gtest/gtest.h>

namespace phoenix::gossip {
namespace {

using Verdict = Intents::Verdict;

TEST(Intents, keep_the_newest_of_each_name) {
  Intents intents;
  EXPECT_EQ(intents.add("a", {5, Word::kJoin}, Instant{1}), Verdict::kNew);
  EXPECT_EQ(intents.add("a", {5, Word::kLeave}, Instant{2}), Verdict::kOld);
  EXPECT_EQ(intents.add("a", {4, Word::kLeave}, Instant{2}), Verdict::kOld);
  EXPECT_EQ(intents.add("a", {6, Word::kLeave}, Instant{3}), Verdict::kNew);
  const auto intent = intents.take("a");
  ASSERT_TRUE(intent);
  EXPECT_EQ(intent->ltime, 6u);
  EXPECT_EQ(intent->word, Word::kLeave);
  EXPECT_FALSE(intents.take("a"));
  EXPECT_EQ(intents.size(), 0u);
}

TEST(Intents, of_one_time_count_by_who_said_it) {
  Intents intents;
  EXPECT_EQ(intents.add("a", {5, Word::kHearsay}, Instant{1}), Verdict::kNew);
  EXPECT_EQ(intents.add("a", {5, Word::kLeave}, Instant{1}), Verdict::kNew);
  EXPECT_EQ(intents.add("a", {5, Word::kHearsay}, Instant{1}), Verdict::kOld);
  EXPECT_EQ(intents.add("a", {5, Word::kJoin}, Instant{1}), Verdict::kNew);
  EXPECT_EQ(intents.add("a", {5, Word::kLeave}, Instant{1}), Verdict::kOld);
  EXPECT_EQ(intents.add("a", {6, Word::kHearsay}, Instant{1}), Verdict::kNew);
}

TEST(Intents, expire_by_the_time_of_the_newest_of_a_name) {
  Intents intents;
  intents.add("a", {5, Word::kJoin}, Instant{1});
  intents.add("b", {5, Word::kJoin}, Instant{2});
  intents.add("a", {6, Word::kJoin}, Instant{3});
  EXPECT_EQ(intents.oldest(), Instant{2});
  intents.expire(Instant{2});
  EXPECT_EQ(intents.size(), 1u);
  EXPECT_EQ(intents.oldest(), Instant{3});
  EXPECT_TRUE(intents.take("a"));
  EXPECT_EQ(intents.oldest(), kNever);
}

TEST(Intents, refuse_new_names_when_full_and_names_that_are_too_long) {
  Intents intents;
  EXPECT_EQ(intents.add(std::string(256, 'x'), {1, Word::kJoin}, Instant{1}), Verdict::kNoRoom);
  for (size_t i = 0; i < Intents::kMost; ++i) {
    EXPECT_EQ(intents.add(std::to_string(i), {1, Word::kJoin}, Instant{1}), Verdict::kNew);
  }
  EXPECT_EQ(intents.add("one more", {1, Word::kJoin}, Instant{2}), Verdict::kNoRoom);
  EXPECT_EQ(intents.add("17", {2, Word::kJoin}, Instant{2}), Verdict::kNew) << "known names go on";
  intents.expire(Instant{1});
  EXPECT_EQ(intents.size(), 1u);
  EXPECT_EQ(intents.add("one more", {1, Word::kJoin}, Instant{3}), Verdict::kNew);
}

}  // namespace
}  // namespace phoenix::gossip
