// Both logs of what was heard of late: events and queries.
#include "membership/serf/event_log.h"

#include <gtest/gtest.h>

#include "membership/serf/query_log.h"

namespace phoenix::gossip {
namespace {

UserEvent event_of(LamportTime ltime, std::string_view name, std::string_view payload = {}) {
  return {ltime, name, payload, false};
}

TEST(EventLog, holds_512_times) {
  EventLog log;
  for (LamportTime t = 1; t <= 600; ++t) {
    EXPECT_EQ(log.add(event_of(t, "tick"), t + 1), Novelty::kNew) << t;
  }
  EXPECT_EQ(log.add(event_of(600, "tick"), 601), Novelty::kSeen);
  EXPECT_EQ(log.add(event_of(89, "tick"), 601), Novelty::kSeen);
  EXPECT_EQ(log.add(event_of(88, "tick"), 601), Novelty::kTooOld);
  EXPECT_EQ(log.list().size(), 512u);
}

TEST(EventLog, takes_so_many_events_of_one_time_and_no_more) {
  EventLog log;
  for (size_t i = 0; i < EventLog::kMostAtOnce; ++i) {
    EXPECT_EQ(log.add(event_of(7, "e", std::to_string(i)), 8), Novelty::kNew);
  }
  EXPECT_EQ(log.add(event_of(7, "e", "more"), 8), Novelty::kNoRoom);
  EXPECT_EQ(log.add(event_of(7, "e", "3"), 8), Novelty::kSeen);
  EXPECT_EQ(log.add(event_of(8, "e", "more"), 9), Novelty::kNew);
}

TEST(EventLog, lets_the_oldest_go_for_want_of_bytes_and_never_takes_them_again) {
  EventLog log;
  const std::string payload(8'000, 'x');
  for (LamportTime t = 1; t <= 300; ++t) {
    EXPECT_EQ(log.add(event_of(t, "big", payload), t + 1), Novelty::kNew);
    EXPECT_LE(log.bytes(), EventLog::kMostBytes);
  }
  EXPECT_EQ(log.add(event_of(1, "big", payload), 301), Novelty::kTooOld);
  EXPECT_EQ(log.add(event_of(300, "big", payload), 301), Novelty::kSeen);
  EXPECT_GT(log.list().size(), 100u);
}

TEST(EventLog, does_not_let_newer_ones_go_for_an_older_one) {
  EventLog log;
  const std::string payload(8'000, 'x');
  for (int i = 0; log.bytes() + 8'100 < EventLog::kMostBytes; ++i) {
    ASSERT_EQ(log.add(event_of(100, std::to_string(i), payload), 101), Novelty::kNew);
  }
  EXPECT_EQ(log.add(event_of(50, "old", payload), 101), Novelty::kNoRoom);
  EXPECT_EQ(log.add(event_of(101, "new", payload), 102), Novelty::kNew);
  EXPECT_EQ(log.list().size(), 1u);
}

TEST(EventLog, refuses_what_is_too_long_and_what_no_clock_has_shown) {
  EventLog log;
  EXPECT_EQ(log.add(event_of(1, "e", std::string(EventLog::kLongest, 'x')), 2), Novelty::kNoRoom);
  EXPECT_EQ(log.add(event_of(0, "e"), 1), Novelty::kTooOld);
  EXPECT_EQ(log.bytes(), 0u);
}

TEST(QueryLog, takes_each_query_once) {
  QueryLog log;
  EXPECT_EQ(log.add(0, 1, 1), Novelty::kTooOld);
  EXPECT_EQ(log.add(600, 1, 601), Novelty::kNew);
  EXPECT_EQ(log.add(600, 1, 601), Novelty::kSeen);
  EXPECT_EQ(log.add(600, 2, 601), Novelty::kNew);
  EXPECT_EQ(log.add(599, 1, 601), Novelty::kNew);
  EXPECT_EQ(log.add(88, 1, 601), Novelty::kTooOld);
  EXPECT_EQ(log.add(89, 1, 601), Novelty::kNew);
  log.ignore_before(200);
  EXPECT_EQ(log.add(199, 1, 601), Novelty::kTooOld);
  EXPECT_EQ(log.add(200, 1, 601), Novelty::kNew);
}

TEST(QueryLog, takes_so_many_of_one_time_and_no_more) {
  QueryLog log;
  for (uint32_t id = 0; id < QueryLog::kMostAtOnce; ++id) {
    EXPECT_EQ(log.add(7, id, 8), Novelty::kNew);
  }
  EXPECT_EQ(log.add(7, 1'000, 8), Novelty::kNoRoom);
  EXPECT_EQ(log.add(7, 3, 8), Novelty::kSeen);
}

}  // namespace
}  // namespace phoenix::gossip
