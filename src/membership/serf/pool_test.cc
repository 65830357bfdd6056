// What push/pulls carry, and several layers beside each other: rumours that arrive in any order,
// more than once or not at all, leave everybody with the same picture, and everything that goes
// around does so once.
#include <gtest/gtest.h>

#include <memory>

#include "membership/serf/serf.h"
#include "membership/serf/test_hosts.h"

namespace phoenix::gossip {
namespace {

using test::make_failed;
using test::make_leaving;
using test::Rig;

SerfState state_of(const std::string& bytes) {
  SerfState state;
  EXPECT_EQ(bytes[0], static_cast<char>(SerfType::kPushPull));
  EXPECT_TRUE(decode(std::string_view(bytes).substr(1), state));
  return state;
}

SerfState state_with(LamportTime event_ltime, const SerfState::EventsAt& events) {
  SerfState state;
  state.event_ltime = event_ltime;
  state.events = {events};
  return state;
}

TEST(PushPull, carries_clocks_statuses_and_who_left) {
  Rig rig;
  rig.join("a");
  rig.receive(JoinIntent{5, "a"});
  rig.serf.host_gone(make_leaving(rig, "b", 7), false, rig.now, rig.out);
  make_failed(rig, "c");
  rig.receive(UserEvent{44, "deploy", "v1", false});
  rig.receive(test::query_at(50));

  const std::string bytes = rig.serf.local_state();
  const SerfState state = state_of(bytes);
  EXPECT_EQ(state.ltime, 8u);
  EXPECT_EQ(state.event_ltime, 45u);
  EXPECT_EQ(state.query_ltime, 51u);
  std::map<std::string_view, LamportTime> times(state.status_ltimes.begin(),
                                                state.status_ltimes.end());
  const std::map<std::string_view, LamportTime> expected{{"me", 0}, {"a", 5}, {"b", 7}, {"c", 0}};
  EXPECT_EQ(times, expected);
  EXPECT_EQ(state.left_members, std::vector<std::string_view>{"b"});
  ASSERT_EQ(state.events.size(), 1u);
  EXPECT_EQ(state.events[0].ltime, 44u);
  EXPECT_EQ(state.events[0].events[0].payload, "v1");
}

TEST(PushPull, is_merged_as_intents_and_events_would_be) {
  Rig rig;
  rig.join("test");
  rig.join("foo");
  rig.receive(JoinIntent{3, "foo"});
  rig.out.clear();
  rig.merge({.ltime = 42,
             .status_ltimes = {{"test", 20}, {"foo", 15}, {"new", 22}, {"never", 0}},
             .left_members = {"foo"},
             .event_ltime = 50,
             .events = {{45, {{"test", "first"}}}, {46, {{"test", "second"}, {"x", ""}}}},
             .query_ltime = 100});
  EXPECT_EQ(rig.serf.clock(), 41u) << "nothing was sent with their time yet";
  EXPECT_EQ(rig.serf.event_clock(), 49u);
  EXPECT_EQ(rig.serf.query_clock(), 99u);
  EXPECT_EQ(rig.status_time("test"), 20u);
  EXPECT_EQ(rig.status("foo"), HostStatus::kLeaving);
  EXPECT_EQ(rig.status_time("foo"), 15u);
  ASSERT_EQ(rig.out.events.size(), 3u);
  EXPECT_EQ(rig.out.events[1].payload, "second");
  EXPECT_TRUE(rig.out.rumours.empty()) << "the others have push/pulls of their own";

  rig.join("new");
  EXPECT_EQ(rig.status_time("new"), 22u);
  rig.join("never");
  EXPECT_EQ(rig.status("never"), HostStatus::kAlive);
}

// Serf's state has one time for each host, be it of a join or of a leave. The leave itself may
// still be on its way.
TEST(PushPull, does_not_outrun_the_leave_that_its_time_is_of) {
  Rig rig;
  const HostNumber a = rig.join("a");
  SerfState state;
  state.ltime = 20;
  state.status_ltimes = {{"a", 15}, {"b", 16}};
  rig.merge(state);
  EXPECT_TRUE(rig.receive(LeaveIntent{15, "a", false}));
  EXPECT_TRUE(rig.receive(LeaveIntent{16, "b", false}));
  EXPECT_EQ(rig.status("a"), HostStatus::kLeaving);
  rig.join("b");
  EXPECT_EQ(rig.status("b"), HostStatus::kLeaving);
  rig.serf.host_gone(a, false, rig.now, rig.out);
  EXPECT_EQ(rig.status("a"), HostStatus::kLeft);
}

TEST(PushPull, tells_of_leaves_by_intent_and_of_no_others) {
  Rig rig;
  make_leaving(rig, "leaving", 7);
  rig.serf.host_gone(rig.join("by-swim-alone"), true, rig.now, rig.out);
  rig.serf.host_gone(make_leaving(rig, "coming-back", 8), false, rig.now, rig.out);
  EXPECT_TRUE(rig.receive(JoinIntent{9, "coming-back"}));
  const std::string bytes = rig.serf.local_state();
  EXPECT_EQ(state_of(bytes).left_members, std::vector<std::string_view>{"leaving"});

  Rig other;
  other.join("leaving");
  other.serf.merge(bytes, false, other.now, other.out);
  EXPECT_EQ(other.status("leaving"), HostStatus::kLeaving);
}

TEST(PushPull, that_thinks_this_host_has_left_is_contradicted) {
  Rig rig;
  SerfState state;
  state.ltime = 20;
  state.status_ltimes = {{"me", 15}};
  state.left_members = {"me"};
  rig.merge(state);
  EXPECT_EQ(rig.status("me"), HostStatus::kAlive);
  EXPECT_GT(rig.status_time("me"), 15u);
  EXPECT_EQ(rig.out.rumours.size(), 1u);
}

TEST(PushPull, twice_shows_events_once) {
  Rig rig;
  const SerfState state = state_with(50, {45, {{"deploy", "v1"}}});
  rig.merge(state);
  rig.merge(state);
  EXPECT_FALSE(rig.receive(UserEvent{45, "deploy", "v1", false}));
  EXPECT_EQ(rig.out.events.size(), 1u);
}

TEST(PushPull, of_our_own_join_does_not_show_what_happened_before_it) {
  Rig rig;
  rig.merge(state_with(50, {45, {{"old", ""}}}), true);
  EXPECT_TRUE(rig.out.events.empty());
  EXPECT_TRUE(rig.receive(UserEvent{50, "new", "", false}));
  EXPECT_EQ(rig.out.events.size(), 1u);
}

TEST(PushPull, that_is_malformed_or_beyond_reason_changes_nothing) {
  Rig rig;
  rig.join("a");
  rig.serf.merge("", false, rig.now, rig.out);
  EXPECT_EQ(rig.serf.stats().malformed, 0u) << "memberlist without Serf sends nothing";
  rig.serf.merge("\x02\xc1", false, rig.now, rig.out);
  rig.serf.merge("\x01\x80", false, rig.now, rig.out);
  EXPECT_EQ(rig.serf.stats().malformed, 2u);
  SerfState state;
  state.ltime = UINT64_MAX;
  state.status_ltimes = {{"a", 5}};
  rig.merge(state);
  EXPECT_EQ(rig.serf.clock(), 0u);
  EXPECT_EQ(rig.status_time("a"), 0u);
  state.ltime = 9;
  state.status_ltimes = {{"a", UINT64_MAX}};
  rig.merge(state);
  EXPECT_EQ(rig.status_time("a"), 0u);
  EXPECT_EQ(rig.serf.stats().malformed, 4u);
}

// Hosts h0, h1, … that all know each other, each number being the same everywhere but its own,
// which is 0 at home.
class Pool {
 public:
  Pool(size_t size, uint64_t seed) : prng_(seed), heard_(size) {
    for (size_t i = 0; i < size; ++i) {
      rigs_.push_back(std::make_unique<Rig>(Serf::Options{name(i)}));
      for (size_t j = 0; j < size; ++j) {
        if (j != i) rigs_[i]->join(name(j));
      }
      rigs_[i]->out.clear();
    }
  }
  static std::string name(size_t i) { return "h" + std::to_string(i); }
  size_t size() const { return rigs_.size(); }
  Rig& at(size_t i) { return *rigs_[i]; }
  Prng& prng() { return prng_; }

  // Puts what host `i` wants to tell on its way to everybody.
  void collect(size_t i) {
    Rig& rig = at(i);
    for (const Serf::Rumour& rumour : rig.out.rumours) {
      ++passed_on_[rumour.message];
      for (size_t to = 0; to < size(); ++to) {
        if (to != i) under_way_.push_back({to, rumour.message});
      }
    }
    for (Serf::Heard& event : rig.out.events) heard_[i].push_back(event.name + event.payload);
    rig.out.clear();
  }
  // Delivers one message, any. Some come twice, `lost` percent never.
  bool step(uint64_t lost) {
    if (under_way_.empty()) return false;
    std::swap(under_way_[prng_.below(under_way_.size())], under_way_.back());
    const auto [to, message] = under_way_.back();
    if (!prng_.chance(10, 100)) under_way_.pop_back();
    if (prng_.chance(lost, 100)) return true;
    at(to).serf.receive(message, at(to).now, at(to).out);
    collect(to);
    return true;
  }
  void push_pull(size_t i, size_t j) {
    const std::string ours = at(i).serf.local_state();
    at(i).serf.merge(at(j).serf.local_state(), false, at(i).now, at(i).out);
    at(j).serf.merge(ours, false, at(j).now, at(j).out);
    collect(i);
    collect(j);
  }

  // What each host believes of each, by name.
  std::map<std::string, std::pair<HostStatus, LamportTime>> picture(size_t i) {
    std::map<std::string, std::pair<HostStatus, LamportTime>> all;
    for (size_t j = 0; j < size(); ++j) {
      all[name(j)] = {at(i).status(name(j)), at(i).status_time(name(j))};
    }
    return all;
  }
  // How often the message was passed on that was so most often.
  size_t most_passed_on() const {
    size_t most = 0;
    for (const auto& [message, times] : passed_on_) most = std::max(most, times);
    return most;
  }
  std::vector<std::string> heard(size_t i) const {
    std::vector<std::string> sorted = heard_[i];
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

 private:
  struct UnderWay {
    size_t to;
    std::string message;
  };
  Prng prng_;
  std::vector<std::unique_ptr<Rig>> rigs_;
  std::vector<UnderWay> under_way_;
  std::map<std::string, size_t> passed_on_;
  std::vector<std::vector<std::string>> heard_;
};

// Somebody announces itself, tells an event, or is thought to have left.
void stir(Pool& pool) {
  const size_t i = pool.prng().below(pool.size());
  Rig& rig = pool.at(i);
  switch (pool.prng().below(4)) {
    case 0:
      rig.serf.announce(rig.now, rig.out);
      break;
    case 1: {
      const std::string payload = std::to_string(pool.prng().below(1'000'000));
      ASSERT_TRUE(rig.serf.user_event("e", payload, false, rig.now, rig.out));
      break;
    }
    case 2: {
      // An operator elsewhere, who sees less than all.
      const std::string name = Pool::name(pool.prng().below(pool.size()));
      rig.receive(LeaveIntent{rig.serf.clock() + 1, name, false});
      break;
    }
    default: {
      const size_t j = pool.prng().below(pool.size());
      if (j != i) pool.push_pull(i, j);
      break;
    }
  }
  pool.collect(i);
}

void expect_one_picture(Pool& pool, uint64_t seed) {
  const auto expected = pool.picture(0);
  for (size_t i = 0; i < pool.size(); ++i) {
    EXPECT_EQ(pool.picture(i), expected) << "host " << i << ", seed " << seed;
    EXPECT_EQ(pool.heard(i), pool.heard(0)) << "host " << i << ", seed " << seed;
    // All are there, so whoever was thought to have left has said that it is not so.
    EXPECT_EQ(expected.at(Pool::name(i)).first, HostStatus::kAlive) << "seed " << seed;
  }
}

TEST(SerfPool, agrees_whatever_the_order_of_messages) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Pool pool(6, seed);
    for (int i = 0; i < 25; ++i) {
      stir(pool);
      for (uint64_t steps = pool.prng().below(20); steps > 0 && pool.step(0); --steps) {
      }
    }
    while (pool.step(0)) {
    }
    expect_one_picture(pool, seed);
    EXPECT_LE(pool.most_passed_on(), pool.size()) << "seed " << seed;
  }
}

TEST(SerfPool, agrees_after_a_push_pull_with_everybody_when_most_messages_are_lost) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Pool pool(6, seed);
    for (int i = 0; i < 25; ++i) {
      stir(pool);
      while (pool.step(70)) {
      }
    }
    for (int round = 0; round < 3; ++round) {
      for (size_t i = 1; i < pool.size(); ++i) pool.push_pull(0, i);
      while (pool.step(0)) {
      }
    }
    for (size_t i = 1; i < pool.size(); ++i) pool.push_pull(0, i);
    while (pool.step(0)) {
    }
    expect_one_picture(pool, seed);
  }
}

TEST(SerfPool, does_the_same_for_the_same_seed) {
  std::vector<std::vector<std::string>> runs;
  for (int run = 0; run < 2; ++run) {
    Pool pool(5, 9);
    for (int i = 0; i < 40; ++i) {
      stir(pool);
      pool.step(30);
    }
    std::vector<std::string> states;
    for (size_t i = 0; i < pool.size(); ++i) states.push_back(pool.at(i).serf.local_state());
    runs.push_back(states);
  }
  EXPECT_EQ(runs[0], runs[1]);
}

}  // namespace
}  // namespace phoenix::gossip
