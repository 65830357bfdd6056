#include "membership/swim/broadcasts.h"

#include <gtest/gtest.h>

namespace phoenix::gossip {
namespace {

// The messages of one packet, as they were then.
std::vector<std::string> packet(Broadcasts& queue, size_t room, int limit, size_t overhead = 2) {
  std::vector<std::string_view> taken;
  const size_t used = queue.take(room, overhead, limit, taken);
  std::vector<std::string> messages;
  size_t sum = 0;
  for (const std::string_view m : taken) {
    messages.emplace_back(m);
    sum += m.size() + overhead;
  }
  EXPECT_EQ(used, sum);
  EXPECT_LE(used, room);
  return messages;
}

using Messages = std::vector<std::string>;

TEST(Broadcasts, LongestFirstThenNewestAndThoseSentLessOftenBeforeAll) {
  Broadcasts queue(10, 100);
  queue.put("a", "one");
  queue.put("b", "three");
  queue.put("c", "two");
  EXPECT_EQ(packet(queue, 7, 9), (Messages{"three"}));
  EXPECT_EQ(packet(queue, 10, 9), (Messages{"two", "one"}));
  // All were sent once; a newcomer goes before them.
  queue.put("d", "x");
  EXPECT_EQ(packet(queue, 100, 9), (Messages{"x", "three", "two", "one"}));
}

TEST(Broadcasts, WhatIsShortFillsTheRoomBehindWhatIsLong) {
  Broadcasts queue(10, 100);
  queue.put("", std::string(40, 'l'));
  queue.put("", std::string(30, 'm'));
  queue.put("", std::string(8, 's'));
  const Messages first = packet(queue, 55, 9);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].size(), 40u);
  EXPECT_EQ(first[1].size(), 8u);
  EXPECT_EQ(packet(queue, 1, 9), Messages{});
}

TEST(Broadcasts, EachMessageLeavesALimitedNumberOfTimes) {
  Broadcasts queue(10, 100);
  queue.put("a", "message");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(packet(queue, 100, 3), Messages{"message"});
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(packet(queue, 100, 3), Messages{});
  queue.put("a", "again");  // its subject is free
  EXPECT_EQ(packet(queue, 100, 1), Messages{"again"});
  EXPECT_TRUE(queue.empty());
}

TEST(Broadcasts, TheLimitIsThatOfTheMomentOfSending) {
  Broadcasts queue(10, 100);
  queue.put("a", "message");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(packet(queue, 100, 8).size(), 1u);
  EXPECT_EQ(packet(queue, 100, 4).size(), 1u);  // the pool has shrunk
  EXPECT_TRUE(queue.empty());
}

TEST(Broadcasts, ANewMessageReplacesTheOldOneOfItsSubject) {
  Broadcasts queue(10, 100);
  queue.put("a", "suspect");
  queue.put("", "event");
  queue.put("", "event");
  packet(queue, 100, 9);
  queue.put("a", "alive");
  EXPECT_EQ(queue.depth(), 3u);
  EXPECT_EQ(packet(queue, 7, 9), Messages{"alive"});
  queue.remove("a");
  queue.remove("never heard of");
  EXPECT_EQ(packet(queue, 100, 9), (Messages{"event", "event"}));
}

TEST(Broadcasts, BeyondItsDepthTheMostSentMakesRoom) {
  Broadcasts queue(3, 100);
  queue.put("a", "aaaa");
  packet(queue, 100, 9);
  queue.put("b", "bbb");
  queue.put("c", "cc");
  queue.put("d", "d");
  EXPECT_EQ(queue.depth(), 3u);
  EXPECT_EQ(queue.dropped(), 1u);
  EXPECT_EQ(packet(queue, 100, 9), (Messages{"bbb", "cc", "d"}));
  for (int i = 0; i < 1'000'000; ++i) queue.put("", "x");
  EXPECT_EQ(queue.depth(), 3u);
}

TEST(Broadcasts, WhatCouldNeverLeaveIsNotTaken) {
  Broadcasts queue(3, 10);
  queue.put("a", "short");
  queue.put("a", std::string(11, 'x'));
  EXPECT_EQ(queue.dropped(), 1u);
  EXPECT_EQ(packet(queue, 100, 9), Messages{"short"});
  queue.clear();
  EXPECT_EQ(queue.depth(), 0u);
}

TEST(Broadcasts, WhatWasHandedOutStaysUntilTheNextCall) {
  Broadcasts queue(100, 100);
  for (int i = 0; i < 50; ++i)
    queue.put("", "a message that is too long for its own string " + std::to_string(100 + i));
  std::vector<std::string_view> taken;
  queue.take(100'000, 2, 1, taken);
  ASSERT_EQ(taken.size(), 50u);
  for (size_t i = 0; i < 50; ++i) EXPECT_EQ(taken[i].substr(46), std::to_string(149 - i));
}

}  // namespace
}  // namespace phoenix::gossip
