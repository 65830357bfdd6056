#include "membership/serf/serf.h"

#include <gtest/gtest.h>

#include "membership/serf/test_hosts.h"

namespace phoenix::gossip {
namespace {

using test::make_failed;
using test::make_leaving;
using test::Rig;

TEST(LamportClock, starts_at_one_and_is_always_ahead_of_what_it_saw) {
  LamportClock clock;
  EXPECT_EQ(clock.time(), 1u);
  EXPECT_EQ(clock.seen(), 0u);
  EXPECT_EQ(clock.next(), 1u);
  EXPECT_EQ(clock.time(), 2u);
  EXPECT_TRUE(clock.witness(41));
  EXPECT_EQ(clock.time(), 42u);
  EXPECT_TRUE(clock.witness(41));
  EXPECT_TRUE(clock.witness(30));
  EXPECT_EQ(clock.time(), 42u);
  EXPECT_TRUE(clock.witness(42));
  EXPECT_EQ(clock.time(), 43u);
}

TEST(LamportClock, does_not_wrap) {
  LamportClock clock;
  EXPECT_FALSE(clock.witness(UINT64_MAX));
  EXPECT_FALSE(clock.witness(LamportClock::kLatest + 1));
  EXPECT_EQ(clock.time(), 1u);
  EXPECT_TRUE(clock.witness(LamportClock::kLatest));
  EXPECT_EQ(clock.time(), LamportClock::kLatest + 1);
}

TEST(SerfStatus, follows_what_swim_found_out) {
  Rig rig;
  const HostNumber a = rig.join("a");
  EXPECT_EQ(rig.status("a"), HostStatus::kAlive);
  rig.serf.host_gone(a, false, rig.now, rig.out);
  EXPECT_EQ(rig.status("a"), HostStatus::kFailed);
  rig.serf.host_joined(a, rig.now, rig.out);
  EXPECT_EQ(rig.status("a"), HostStatus::kAlive);
  rig.serf.host_gone(a, true, rig.now, rig.out);
  EXPECT_EQ(rig.status("a"), HostStatus::kLeft);
  ASSERT_EQ(rig.out.changes.size(), 4u);
  EXPECT_EQ(rig.out.changes[0].from, HostStatus::kNone);
  EXPECT_EQ(rig.out.changes[3].from, HostStatus::kAlive);
  EXPECT_EQ(rig.out.changes[3].to, HostStatus::kLeft);

  rig.serf.host_forgotten(a);
  EXPECT_EQ(rig.serf.status(a), HostStatus::kNone);
}

TEST(SerfStatus, a_failure_that_turns_out_to_have_been_a_leave_becomes_one) {
  Rig rig;
  const HostNumber a = make_failed(rig, "a");
  rig.serf.host_gone(a, true, rig.now, rig.out);
  EXPECT_EQ(rig.status("a"), HostStatus::kLeft);
}

TEST(SerfStatus, of_a_number_nobody_has_is_none) {
  Rig rig;
  EXPECT_EQ(rig.serf.status(7), HostStatus::kNone);
  EXPECT_EQ(rig.serf.status(kNoHost), HostStatus::kNone);
  rig.serf.host_gone(7, false, rig.now, rig.out);
  rig.serf.host_forgotten(7);
  EXPECT_TRUE(rig.out.changes.empty());
}

TEST(LeaveIntents, make_the_death_that_follows_a_leave) {
  Rig rig;
  const HostNumber a = make_leaving(rig, "a", 9);
  rig.serf.host_gone(a, false, rig.now, rig.out);
  EXPECT_EQ(rig.status("a"), HostStatus::kLeft);
  EXPECT_EQ(rig.status_time("a"), 9u);
}

TEST(LeaveIntents, about_an_unknown_name_wait_for_it) {
  Rig rig;
  EXPECT_TRUE(rig.receive(LeaveIntent{10, "late", false}));
  EXPECT_FALSE(rig.receive(LeaveIntent{10, "late", false})) << "seen before";
  EXPECT_EQ(rig.serf.clock(), 10u);
  rig.join("late");
  EXPECT_EQ(rig.status("late"), HostStatus::kLeaving);
  EXPECT_EQ(rig.status_time("late"), 10u);
}

TEST(LeaveIntents, that_are_old_change_nothing) {
  Rig rig;
  rig.join("a");
  EXPECT_TRUE(rig.receive(JoinIntent{10, "a"}));
  EXPECT_FALSE(rig.receive(LeaveIntent{10, "a", false}));
  EXPECT_FALSE(rig.receive(LeaveIntent{9, "a", false}));
  EXPECT_EQ(rig.status("a"), HostStatus::kAlive);
  EXPECT_EQ(rig.status_time("a"), 10u);
}

TEST(LeaveIntents, that_are_newer_are_taken_and_passed_on) {
  Rig rig;
  rig.join("a");
  EXPECT_TRUE(rig.receive(JoinIntent{10, "a"}));
  EXPECT_TRUE(rig.receive(LeaveIntent{14, "a", false}));
  EXPECT_EQ(rig.status("a"), HostStatus::kLeaving);
  EXPECT_EQ(rig.serf.clock(), 14u);
  EXPECT_EQ(rig.out.rumours.back().kind, RumourKind::kIntent);
  EXPECT_EQ(rig.out.rumours.back().subject, "a");
}

// What is taken is passed on, so whatever status a host has, a repetition must not be taken.
TEST(LeaveIntents, go_around_the_pool_once_whatever_the_status) {
  for (const HostStatus status : {HostStatus::kAlive, HostStatus::kLeaving, HostStatus::kFailed,
                                  HostStatus::kLeft, HostStatus::kNone}) {
    Rig rig;
    if (status == HostStatus::kAlive) rig.join("a");
    if (status == HostStatus::kLeaving) make_leaving(rig, "a", 2);
    if (status == HostStatus::kFailed) make_failed(rig, "a");
    if (status == HostStatus::kLeft)
      rig.serf.host_gone(make_leaving(rig, "a", 2), false, rig.now, rig.out);
    for (const bool prune : {false, true}) {
      const LamportTime ltime = prune ? 12 : 11;
      EXPECT_TRUE(rig.receive(LeaveIntent{ltime, "a", prune})) << status_name(status);
      EXPECT_FALSE(rig.receive(LeaveIntent{ltime, "a", prune})) << status_name(status);
    }
  }
}

TEST(LeaveIntents, about_this_host_are_contradicted_while_it_stays) {
  Rig rig;
  rig.serf.announce(rig.now, rig.out);
  rig.out.clear();
  EXPECT_FALSE(rig.receive(LeaveIntent{20, "me", false}));
  EXPECT_EQ(rig.status("me"), HostStatus::kAlive);
  ASSERT_EQ(rig.out.rumours.size(), 1u);
  JoinIntent refutation;
  ASSERT_EQ(rig.out.rumours[0].message[0], static_cast<char>(SerfType::kJoin));
  ASSERT_TRUE(decode(std::string_view(rig.out.rumours[0].message).substr(1), refutation));
  EXPECT_EQ(refutation.node, "me");
  EXPECT_GT(refutation.ltime, 20u);
  EXPECT_EQ(rig.serf.stats().refutations, 1u);

  // Once: the same leave again is older than the answer.
  rig.receive(LeaveIntent{20, "me", false});
  EXPECT_EQ(rig.out.rumours.size(), 1u);
}

TEST(LeaveIntents, about_this_host_with_the_time_of_its_join_are_contradicted) {
  Rig rig;
  rig.serf.announce(rig.now, rig.out);
  rig.receive(LeaveIntent{rig.status_time("me"), "me", false});
  EXPECT_EQ(rig.serf.stats().refutations, 1u);
}

// Bytes as a Serf agent took them.
TEST(LeaveIntents, of_our_own_are_encoded_as_serf_does_it) {
  Rig rig({.name = "py1", .clock = 8});
  rig.serf.leave(rig.now, rig.out);
  ASSERT_EQ(rig.out.rumours.size(), 1u);
  const std::string_view expected("\x00\x83\xa5LTime\x09\xa4Node\xa3py1\xa5Prune\xc2", 25);
  EXPECT_EQ(rig.out.rumours[0].message, expected);
}

TEST(LeaveIntents, about_this_host_are_let_stand_once_it_leaves) {
  Rig rig;
  rig.serf.leave(rig.now, rig.out);
  EXPECT_EQ(rig.status("me"), HostStatus::kLeaving);
  ASSERT_EQ(rig.out.rumours.size(), 1u);
  rig.serf.leave(rig.now, rig.out);
  EXPECT_EQ(rig.out.rumours.size(), 1u) << "said once";
  EXPECT_TRUE(rig.receive(LeaveIntent{20, "me", false}));
  EXPECT_EQ(rig.serf.stats().refutations, 0u);
}

TEST(JoinIntents, about_an_unknown_name_wait_for_it) {
  Rig rig;
  EXPECT_TRUE(rig.receive(JoinIntent{10, "late"}));
  EXPECT_FALSE(rig.receive(JoinIntent{10, "late"}));
  rig.join("late");
  EXPECT_EQ(rig.status("late"), HostStatus::kAlive);
  EXPECT_EQ(rig.status_time("late"), 10u);
}

TEST(JoinIntents, that_are_old_change_nothing) {
  Rig rig;
  make_leaving(rig, "a", 12);
  EXPECT_FALSE(rig.receive(JoinIntent{11, "a"}));
  EXPECT_EQ(rig.status("a"), HostStatus::kLeaving);
}

TEST(JoinIntents, that_are_newer_undo_a_leave) {
  Rig rig;
  make_leaving(rig, "a", 12);
  EXPECT_TRUE(rig.receive(JoinIntent{13, "a"}));
  EXPECT_EQ(rig.status("a"), HostStatus::kAlive);
  EXPECT_EQ(rig.status_time("a"), 13u);
  rig.serf.host_gone(rig.hosts.find("a"), false, rig.now, rig.out);
  EXPECT_EQ(rig.status("a"), HostStatus::kFailed);
}

// A leave that an operator elsewhere made up while the host was announcing itself.
TEST(JoinIntents, of_the_same_time_as_a_leave_beat_it_in_any_order) {
  for (const bool join_first : {false, true}) {
    Rig rig;
    rig.join("a");
    if (join_first) EXPECT_TRUE(rig.receive(JoinIntent{12, "a"}));
    EXPECT_EQ(rig.receive(LeaveIntent{12, "a", false}), !join_first);
    if (!join_first) EXPECT_TRUE(rig.receive(JoinIntent{12, "a"}));
    EXPECT_EQ(rig.status("a"), HostStatus::kAlive);
    EXPECT_FALSE(rig.receive(LeaveIntent{12, "a", false})) << "each went around once";
    EXPECT_FALSE(rig.receive(JoinIntent{12, "a"}));
  }
}

TEST(JoinIntents, of_the_newest_of_several_that_wait_one_counts) {
  for (const bool leave_last : {false, true}) {
    Rig rig;
    rig.receive(JoinIntent{leave_last ? LamportTime{5} : LamportTime{6}, "late"});
    rig.receive(LeaveIntent{leave_last ? LamportTime{6} : LamportTime{5}, "late", false});
    rig.join("late");
    EXPECT_EQ(rig.status("late"), leave_last ? HostStatus::kLeaving : HostStatus::kAlive);
    EXPECT_EQ(rig.status_time("late"), 6u);
  }
}

TEST(BufferedIntents, are_kept_for_five_minutes) {
  Rig rig;
  EXPECT_EQ(rig.serf.next_wake(), kNever);
  rig.receive(LeaveIntent{10, "a", false});
  const Instant due = rig.now.mono + seconds(300);
  EXPECT_EQ(rig.serf.next_wake(), due);
  rig.now.mono = due - Duration{1};
  rig.serf.tick(rig.now);
  EXPECT_EQ(rig.serf.next_wake(), due);
  rig.now.mono = due;
  rig.serf.tick(rig.now);
  EXPECT_EQ(rig.serf.next_wake(), kNever);
  rig.join("a");
  EXPECT_EQ(rig.status("a"), HostStatus::kAlive);
}

TEST(BufferedIntents, of_a_million_invented_names_take_bounded_room_and_do_not_go_around) {
  Rig rig;
  size_t passed_on = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const std::string name = "ghost-" + std::to_string(i);
    rig.serf.receive(encode(JoinIntent{7, name}), rig.now, rig.out);
    passed_on += rig.out.rumours.size();
    rig.out.clear();
  }
  EXPECT_EQ(passed_on, Intents::kMost);
  EXPECT_EQ(rig.serf.stats().no_room, 1'000'000 - Intents::kMost);
}

TEST(ForceLeave, of_a_failed_host_makes_it_left_everywhere) {
  Rig rig;
  rig.receive(JoinIntent{41, "somebody"});
  make_failed(rig, "a");
  rig.out.clear();
  ASSERT_TRUE(rig.serf.force_leave("a", false, rig.now, rig.out));
  EXPECT_EQ(rig.status("a"), HostStatus::kLeft);
  EXPECT_TRUE(rig.out.forget.empty());
  ASSERT_EQ(rig.out.rumours.size(), 1u);

  Rig other;
  make_failed(other, "a");
  EXPECT_TRUE(other.receive_bytes(rig.out.rumours[0].message));
  EXPECT_EQ(other.status("a"), HostStatus::kLeft);
  EXPECT_EQ(other.out.changes.back().from, HostStatus::kFailed);
}

TEST(ForceLeave, prunes_failed_and_left_hosts_at_once_and_leaving_ones_when_they_are_gone) {
  Rig failed;
  const HostNumber a = make_failed(failed, "a");
  ASSERT_TRUE(failed.serf.force_leave("a", true, failed.now, failed.out));
  EXPECT_EQ(failed.out.forget, std::vector{a});

  Rig left;
  const HostNumber b = make_leaving(left, "b", 3);
  left.serf.host_gone(b, false, left.now, left.out);
  ASSERT_TRUE(left.serf.force_leave("b", true, left.now, left.out));
  EXPECT_EQ(left.out.forget, std::vector{b});

  Rig leaving;
  const HostNumber c = make_leaving(leaving, "c", 3);
  ASSERT_TRUE(leaving.serf.force_leave("c", true, leaving.now, leaving.out));
  EXPECT_TRUE(leaving.out.forget.empty());
  leaving.serf.host_gone(c, false, leaving.now, leaving.out);
  EXPECT_EQ(leaving.out.forget, std::vector{c});
}

TEST(ForceLeave, spares_a_host_that_comes_back_before_it_is_gone) {
  Rig rig;
  const HostNumber c = make_leaving(rig, "c", 3);
  ASSERT_TRUE(rig.serf.force_leave("c", true, rig.now, rig.out));
  EXPECT_TRUE(rig.receive(JoinIntent{50, "c"}));
  EXPECT_TRUE(rig.receive(LeaveIntent{51, "c", false}));
  rig.serf.host_gone(c, false, rig.now, rig.out);
  EXPECT_EQ(rig.status("c"), HostStatus::kLeft);
  EXPECT_TRUE(rig.out.forget.empty());
}

TEST(ForceLeave, refuses_the_unknown_the_living_and_itself) {
  Rig rig;
  rig.join("a");
  EXPECT_EQ(rig.serf.force_leave("nobody", false, rig.now, rig.out).error().kind,
            ErrorKind::kNotFound);
  EXPECT_EQ(rig.serf.force_leave("a", false, rig.now, rig.out).error().kind,
            ErrorKind::kWrongState);
  EXPECT_EQ(rig.serf.force_leave("me", true, rig.now, rig.out).error().kind,
            ErrorKind::kWrongState);
  EXPECT_TRUE(rig.out.rumours.empty());
  EXPECT_EQ(rig.status("a"), HostStatus::kAlive);
}

// A life that left with some time comes back; the others must not hold its old leave against it.
TEST(Announce, is_newer_than_what_the_pool_holds_of_an_earlier_life) {
  Rig other;
  other.serf.host_gone(make_leaving(other, "me", 30), false, other.now, other.out);
  other.serf.host_joined(other.hosts.find("me"), other.now, other.out);

  Rig rig;
  rig.join("other");
  rig.serf.merge(other.serf.local_state(), true, rig.now, rig.out);
  rig.out.clear();
  rig.serf.announce(rig.now, rig.out);
  ASSERT_EQ(rig.out.rumours.size(), 1u);
  EXPECT_TRUE(other.receive_bytes(rig.out.rumours[0].message));
  EXPECT_GT(other.status_time("me"), 30u);
  EXPECT_FALSE(other.receive(LeaveIntent{30, "me", false}));
}

TEST(UserEvents, are_shown_once_and_passed_on_once) {
  Rig rig;
  EXPECT_TRUE(rig.receive(UserEvent{10, "deploy", "v1", true}));
  EXPECT_FALSE(rig.receive(UserEvent{10, "deploy", "v1", true}));
  ASSERT_EQ(rig.out.events.size(), 1u);
  EXPECT_EQ(rig.out.events[0].name, "deploy");
  EXPECT_EQ(rig.out.events[0].payload, "v1");
  EXPECT_TRUE(rig.out.events[0].coalesce);
  EXPECT_EQ(rig.out.rumours.back().kind, RumourKind::kEvent);
  EXPECT_EQ(rig.serf.event_clock(), 10u);
}

TEST(UserEvents, of_one_time_differ_by_name_and_payload) {
  Rig rig;
  EXPECT_TRUE(rig.receive(UserEvent{10, "deploy", "v1", false}));
  EXPECT_TRUE(rig.receive(UserEvent{10, "deploy", "v2", false}));
  EXPECT_TRUE(rig.receive(UserEvent{10, "deplo", "yv1", false}));
  EXPECT_EQ(rig.out.events.size(), 3u);
}

TEST(UserEvents, older_than_the_last_512_are_dropped) {
  Rig rig;
  EXPECT_TRUE(rig.receive(UserEvent{600, "a", "", false}));
  EXPECT_FALSE(rig.receive(UserEvent{88, "b", "", false}));
  EXPECT_TRUE(rig.receive(UserEvent{89, "c", "", false}));
  EXPECT_EQ(rig.serf.stats().too_old, 1u);
}

TEST(UserEvents, of_earlier_lives_are_not_shown_again) {
  Rig rig({.name = "me", .event_clock = 99});
  EXPECT_FALSE(rig.receive(UserEvent{99, "a", "", false}));
  EXPECT_TRUE(rig.receive(UserEvent{100, "b", "", false}));
}

TEST(UserEvents, of_our_own_carry_the_next_time_and_are_shown_here_too) {
  Rig rig;
  rig.receive(UserEvent{10, "a", "", false});
  rig.out.clear();
  ASSERT_TRUE(rig.serf.user_event("deploy", "v1", true, rig.now, rig.out));
  ASSERT_EQ(rig.out.events.size(), 1u);
  EXPECT_EQ(rig.out.events[0].ltime, 11u);
  ASSERT_EQ(rig.out.rumours.size(), 1u);

  Rig other;
  EXPECT_TRUE(other.receive_bytes(rig.out.rumours[0].message));
  EXPECT_EQ(other.out.events[0].payload, "v1");
  EXPECT_FALSE(rig.receive_bytes(rig.out.rumours[0].message)) << "our own comes back";
}

TEST(UserEvents, have_limits_of_size) {
  Rig rig;
  const std::string payload(508, 'x');
  EXPECT_TRUE(rig.serf.user_event("four", payload, false, rig.now, rig.out));
  EXPECT_EQ(rig.serf.user_event("five5", payload, false, rig.now, rig.out).error().kind,
            ErrorKind::kTooLarge);
  EXPECT_EQ(rig.serf.user_event("", "x", false, rig.now, rig.out).error().kind,
            ErrorKind::kInvalidRequest);
  EXPECT_EQ(rig.serf.event_clock(), 1u);

  // Others may be set to more than we send ourselves; it is shown, but fits into no packet.
  rig.out.clear();
  EXPECT_FALSE(rig.receive(UserEvent{5, "big", std::string(9'000, 'x'), false}));
  EXPECT_EQ(rig.out.events.size(), 1u);
  EXPECT_FALSE(rig.receive(UserEvent{5, "big", std::string(9'214, 'x'), false}));
  EXPECT_EQ(rig.out.events.size(), 1u);
  EXPECT_EQ(rig.serf.stats().too_large, 2u);
}

TEST(Messages, that_are_empty_unknown_or_malformed_are_counted_and_dropped) {
  Rig rig;
  rig.receive_bytes("");
  rig.receive_bytes("\x03\xc1");
  rig.receive_bytes(std::string_view("\0\x82", 2));
  rig.receive_bytes("\x04");
  rig.receive_bytes("\x05\x01");
  rig.receive_bytes("\x09\xff");
  EXPECT_EQ(rig.serf.stats().malformed, 6u);
  rig.receive_bytes("\x02\x80");
  rig.receive_bytes("\x0a\x80");
  rig.receive_bytes("\xe0");
  EXPECT_EQ(rig.serf.stats().unknown_type, 3u);
  EXPECT_TRUE(rig.out.rumours.empty());
  EXPECT_TRUE(rig.out.sends.empty());
}

TEST(Messages, with_impossible_times_move_no_clock) {
  Rig rig;
  rig.join("a");
  EXPECT_FALSE(rig.receive(LeaveIntent{UINT64_MAX, "a", false}));
  EXPECT_FALSE(rig.receive(JoinIntent{UINT64_MAX, "nobody"}));
  EXPECT_FALSE(rig.receive(UserEvent{UINT64_MAX, "e", "", false}));
  EXPECT_FALSE(rig.receive(test::query_at(UINT64_MAX)));
  EXPECT_EQ(rig.serf.clock(), 0u);
  EXPECT_EQ(rig.serf.event_clock(), 0u);
  EXPECT_EQ(rig.serf.query_clock(), 0u);
  EXPECT_EQ(rig.status("a"), HostStatus::kAlive);
}

}  // namespace
}  // namespace phoenix::gossip
