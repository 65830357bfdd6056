// The lifecycle's table, held to the picture in its header, and what every transition keeps.
#include "packet/lifecycle.h"

// rapidcheck needs gtest before it.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace phoenix {
namespace {

constexpr WallMs kNow = 1'800'000'000'000;

std::vector<std::optional<Status>> states() {
  std::vector<std::optional<Status>> all = {std::nullopt};
  for (int i = 0; i < kStatuses; ++i) all.emplace_back(static_cast<Status>(i));
  return all;
}

// What the header's picture says, written down a second time: where an event leads.
std::optional<Status> pictured(std::optional<Status> from, Event event, bool grants) {
  if (!from) {
    if (event != Event::kCreate) return std::nullopt;
    return grants ? Status::kAssigned : Status::kPending;
  }
  const bool pending = from == Status::kPending;
  const bool owned = from == Status::kAssigned || from == Status::kRunning;
  const bool dead =
      from == Status::kFailed || from == Status::kCanceled || from == Status::kExpired;
  const auto only = [&](bool possible, Status to) {
    return possible && !grants ? std::optional(to) : std::nullopt;
  };
  switch (event) {
    case Event::kCreate:
      return std::nullopt;
    case Event::kGrant:
      return pending && grants ? std::optional(Status::kAssigned) : std::nullopt;
    case Event::kStart:
    case Event::kCheckpoint:
      return only(owned, Status::kRunning);
    case Event::kComplete:
      return only(owned, Status::kCompleted);
    case Event::kFail:
    case Event::kRelease:
    case Event::kTimeout:
      return only(owned, Status::kPending);
    case Event::kGiveUp:
    case Event::kLoseForGood:
    case Event::kTimeoutForGood:
      return only(owned, Status::kFailed);
    case Event::kHandoff:
    case Event::kLose:
    case Event::kEvict:
      if (!owned) return std::nullopt;
      return grants ? Status::kAssigned : Status::kPending;
    case Event::kCancel:
      return only(pending || owned, Status::kCanceled);
    case Event::kExpire:
      return only(pending || owned, Status::kExpired);
    case Event::kReject:
      return only(pending, Status::kRejected);
    case Event::kTicket:
      return owned && !grants ? from : std::nullopt;
    case Event::kRetry:
      return only(dead, Status::kPending);
  }
  return std::nullopt;
}

TEST(Lifecycle, EveryStateAndEventIsARowOrRefusedAsPictured) {
  size_t rows = 0;
  std::set<size_t> seen;
  for (const auto& from : states()) {
    for (int event = 0; event < kEvents; ++event) {
      for (const bool grants : {false, true}) {
        const auto row = lifecycle_row(from, static_cast<Event>(event), grants);
        const auto to = pictured(from, static_cast<Event>(event), grants);
        const std::string where = (from ? std::string(status_name(*from)) : "none") + " " +
                                  std::string(event_name(static_cast<Event>(event))) +
                                  (grants ? " with a next owner" : "");
        ASSERT_EQ(row.has_value(), to.has_value()) << where;
        if (!row) continue;
        ++rows;
        EXPECT_TRUE(seen.insert(*row).second) << where;
        const LifecycleRow& entry = lifecycle_table()[*row];
        EXPECT_EQ(entry.from, from) << where;
        EXPECT_EQ(entry.event, static_cast<Event>(event)) << where;
        EXPECT_EQ(entry.grants, grants) << where;
        EXPECT_EQ(entry.to, *to) << where;
      }
    }
  }
  EXPECT_EQ(rows, kLifecycleRows);
  EXPECT_EQ(lifecycle_table().size(), kLifecycleRows);
}

TEST(Lifecycle, EveryEventHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int event = 0; event < kEvents; ++event) names.insert(event_name(static_cast<Event>(event)));
  EXPECT_EQ(names.size(), static_cast<size_t>(kEvents));
}

TEST(Lifecycle, BackoffsDoubleUpToAMinute) {
  EXPECT_EQ(attempt_backoff_ms(1), 1000);
  EXPECT_EQ(attempt_backoff_ms(2), 2000);
  EXPECT_EQ(attempt_backoff_ms(6), 32'000);
  EXPECT_EQ(attempt_backoff_ms(7), 60'000);
  EXPECT_EQ(attempt_backoff_ms(4'000'000'000U), 60'000);
  EXPECT_EQ(loss_backoff_ms(0), 0);
  EXPECT_EQ(loss_backoff_ms(2), 0);
  EXPECT_EQ(loss_backoff_ms(3), 1000);
  EXPECT_EQ(loss_backoff_ms(4), 2000);
  EXPECT_EQ(loss_backoff_ms(9), 60'000);
  EXPECT_EQ(loss_backoff_ms(4'000'000'000U), 60'000);
}

Packet draft() {
  Packet packet;
  packet.key = PacketKey("default", "p");
  packet.spec = std::make_shared<const PacketSpec>();
  packet.required = {"a"};
  return packet;
}

// A change that its row can take, drawn.
Change drawn_change(const LifecycleRow& row) {
  Change change;
  change.event = row.event;
  if (row.grants) {
    const auto id = *rc::gen::inRange(1, 4);
    change.to = Owner{"w" + std::to_string(id), static_cast<uint64_t>(*rc::gen::inRange(1, 3))};
  } else if (row.to == Status::kPending) {
    change.parked = Parked{ParkReason::kBackoff, kNow, kNow + 1000};
  }
  change.charge_loss = *rc::gen::arbitrary<bool>();
  switch (row.event) {
    case Event::kComplete:
      change.kept_call = Call::kComplete;
      break;
    case Event::kFail:
    case Event::kGiveUp:
      change.kept_call = Call::kFail;
      break;
    case Event::kRelease:
      change.kept_call = Call::kRelease;
      break;
    case Event::kHandoff:
      change.kept_call = Call::kHandoff;
      break;
    default:
      break;
  }
  return change;
}

// Steps that some state of the packet can take.
std::vector<LifecycleRow> possible(Status from) {
  std::vector<LifecycleRow> rows;
  for (const LifecycleRow& row : lifecycle_table()) {
    if (row.from == from && row.event != Event::kStart) rows.push_back(row);
  }
  return rows;
}

void check_step(const Packet& before, const Change& change, const LifecycleRow& row,
                const Packet& after) {
  RC_ASSERT(after.key == before.key);
  RC_ASSERT(after.spec == before.spec);
  RC_ASSERT(after.point == before.point);
  RC_ASSERT(after.created_at == before.created_at);
  RC_ASSERT(after.revision == before.revision + 1);
  RC_ASSERT(after.epoch == before.epoch + (row.grants ? 1 : 0));
  // Running is soft; owner and parked go with the state.
  RC_ASSERT(after.status == (row.to == Status::kRunning ? Status::kAssigned : row.to));
  RC_ASSERT(after.owner.has_value() == (after.status == Status::kAssigned));
  RC_ASSERT(after.parked.has_value() == (after.status == Status::kPending));
  RC_ASSERT((after.ended_at != kNoWall) == is_terminal(after.status));
  if (row.grants) RC_ASSERT(after.owner == change.to);
  if (row.event == Event::kCheckpoint) RC_ASSERT(after.owner == before.owner);
  const bool attempt = row.event == Event::kFail || row.event == Event::kGiveUp ||
                       row.event == Event::kTimeout || row.event == Event::kTimeoutForGood;
  const bool loss = (row.event == Event::kLose || row.event == Event::kLoseForGood);
  if (row.event == Event::kRetry) {
    RC_ASSERT(after.attempts == 0U);
    RC_ASSERT(after.losses == 0U);
  } else {
    RC_ASSERT(after.attempts == before.attempts + (attempt ? 1 : 0));
    if (row.event == Event::kCheckpoint) {
      RC_ASSERT(after.losses == 0U);
    } else {
      RC_ASSERT(after.losses == before.losses + (loss && change.charge_loss ? 1 : 0));
    }
  }
  RC_ASSERT(after.kept.size() <= kKeptAnswers);
  if (change.kept_call) {
    RC_ASSERT(after.kept.back().epoch == before.epoch);
    RC_ASSERT(after.kept.back().revision == after.revision);
    RC_ASSERT(after.kept.back().member == before.owner->id);
    RC_ASSERT(after.kept.back().status == after.status);
  }
}

RC_GTEST_PROP(Lifecycle, counters_only_grow_and_owner_goes_with_the_state, ()) {
  Change first;
  first.event = Event::kCreate;
  if (*rc::gen::arbitrary<bool>()) {
    first.to = Owner{"w1", 1};
  } else {
    first.parked = Parked{ParkReason::kNoCapableMember, kNow, kNoWall};
  }
  Transition now = create(draft(), first, kNow);
  RC_ASSERT(now.head->revision == 1U);
  RC_ASSERT(now.head->epoch == (first.to ? 1U : 0U));
  const int steps = *rc::gen::inRange(1, 60);
  for (int i = 0; i < steps; ++i) {
    Status status = now.head->status;
    if (status == Status::kAssigned && *rc::gen::arbitrary<bool>()) status = Status::kRunning;
    const std::vector<LifecycleRow> rows = possible(status);
    if (rows.empty()) break;
    const LifecycleRow row = rows[*rc::gen::inRange<size_t>(0, rows.size())];
    const Change change = drawn_change(row);
    const PacketPtr before = now.head;
    auto next = transition(*before, status, change, kNow + i);
    RC_ASSERT(next.has_value());
    check_step(*before, change, row, *next->head);
    RC_ASSERT(next->entry.revision == next->head->revision);
    RC_ASSERT(next->entry.epoch == next->head->epoch);
    RC_ASSERT(next->entry.event == event_name(row.event));
    now = std::move(*next);
  }
}

TEST(Lifecycle, WhatTheTableLacksHappensToNobody) {
  Change change;
  change.event = Event::kComplete;
  Transition parked = create(
      draft(),
      [] {
        Change first;
        first.event = Event::kCreate;
        first.parked = Parked{};
        return first;
      }(),
      kNow);
  EXPECT_FALSE(transition(*parked.head, Status::kPending, change, kNow));
  EXPECT_FALSE(transition(*parked.head, Status::kCompleted, change, kNow));
}

}  // namespace
}  // namespace phoenix
