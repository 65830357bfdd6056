#include "membership/swim/broadcasts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "base/prng.h"

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

// The same rules, looked up one message after the other.
class Plain {
 public:
  explicit Plain(size_t most) : most_(most) {}

  void put(const std::string& subject, const std::string& message) {
    remove(subject);
    while (all_.size() >= most_) all_.erase(std::ranges::max_element(all_, before));
    all_.push_back({0, message.size(), ++numbers_, subject, message});
  }
  void remove(const std::string& subject) {
    std::erase_if(all_, [&](const One& one) { return !subject.empty() && one.subject == subject; });
  }
  std::vector<std::string> take(size_t room, size_t overhead, int limit) {
    std::ranges::sort(all_, before);
    std::vector<std::string> out;
    size_t used = 0;
    for (One& one : all_) {
      if (used + overhead + one.length > room || used + overhead >= room) continue;
      used += one.length + overhead;
      ++one.sendings;
      out.push_back(one.message);
    }
    std::erase_if(all_, [&](const One& one) { return one.sendings >= limit; });
    return out;
  }
  size_t size() const { return all_.size(); }

 private:
  struct One {
    int sendings = 0;
    size_t length = 0;
    uint64_t number = 0;
    std::string subject, message;
  };
  static bool before(const One& a, const One& b) {
    return std::tuple(a.sendings, b.length, b.number) < std::tuple(b.sendings, a.length, a.number);
  }
  size_t most_;
  uint64_t numbers_ = 0;
  std::vector<One> all_;
};

TEST(Broadcasts, KeepsItsOrderThroughManyThousandChanges) {
  for (const size_t most : {size_t{5}, size_t{700}}) {
    Prng prng(most);
    Broadcasts queue(most, 300);
    Plain plain(most);
    size_t deepest = 0;
    for (int step = 0; step < 6'000; ++step) {
      const std::string subject =
          prng.chance(1, 5) ? "" : "host-" + std::to_string(prng.below(2 * most));
      if (prng.chance(9, 10)) {
        const std::string message(1 + prng.below(200), static_cast<char>('a' + prng.below(26)));
        queue.put(subject, message);
        plain.put(subject, message);
      } else if (prng.chance(1, 3)) {
        queue.remove(subject);
        plain.remove(subject);
      } else {
        const size_t room = prng.below(1'400);
        // Long pauses, in which the queue fills.
        const int limit = step % 2'000 < 1'400 ? 6 : 2;
        ASSERT_EQ(packet(queue, room, limit), plain.take(room, 2, limit)) << step;
      }
      ASSERT_EQ(queue.depth(), plain.size());
      deepest = std::max(deepest, queue.depth());
    }
    EXPECT_GE(deepest, std::min<size_t>(most, 400));
  }
}

}  // namespace
}  // namespace phoenix::gossip
