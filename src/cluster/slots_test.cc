// One host's slots, step by step.
#include "cluster/slots.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "cluster/test_slot_rows.h"

namespace phoenix {
namespace {

using testing_cluster::SlotRows;

const HostLife kSelf{"a", 11};
const HostLife kOther{"b", 22};

RingKey test_key() {
  RingKey key;
  for (size_t i = 0; i < key.bytes.size(); ++i) key.bytes[i] = static_cast<uint8_t>(i + 1);
  return key;
}
ClusterView view_of(uint64_t number, std::vector<ClusterHost> hosts) {
  return {.number = number, .hosts = std::move(hosts)};
}
std::vector<SlotId> all_slots() {
  std::vector<SlotId> slots(kSlots);
  std::iota(slots.begin(), slots.end(), SlotId{0});
  return slots;
}
Instant at(int64_t ms) { return Instant{} + milliseconds(ms); }
tl::unexpected<Error> unreachable() { return fail(ErrorKind::kStoreUnreachable, "no answer"); }

// A host whose requests are answered at once, unless a test answers one by itself.
struct Stage {
  SlotRows rows;
  Slots slots;
  Instant now = at(1000);
  std::vector<SlotId> scans;    // sizes of scans so far
  std::vector<SlotId> to_stop;  // given up, not yet stopped
  std::vector<SlotId> freed;
  size_t reads = 0;

  explicit Stage(bool has_store = true, uint32_t portion = kSlots)
      : slots({.ring_key = test_key(),
               .self = kSelf,
               .has_store = has_store,
               .hand_over_portion = portion}) {
    rows.enter(kSelf);
    rows.enter(kOther);
  }
  void alone() { slots.view(now, view_of(1, {{kSelf, 100}})); }
  void both() { slots.view(now, view_of(2, {{kSelf, 100}, {kOther, 100}})); }

  void carry_out(const Slots::Output& out) {
    if (out.read) {
      ++reads;
      slots.rows(now, rows.read());
    }
    if (!out.claim.empty()) {
      slots.claimed(now, rows.claim(kSelf, rows.next_call(kSelf), out.claim));
    }
    if (!out.release.empty()) {
      rows.release(kSelf, rows.next_call(kSelf), out.release);
      slots.released(now, true);
    }
    if (!out.scan.empty()) {
      scans.push_back(static_cast<SlotId>(out.scan.size()));
      slots.scanned(now, true);
    }
    to_stop.insert(to_stop.end(), out.give_up.begin(), out.give_up.end());
    freed.insert(freed.end(), out.freed.begin(), out.freed.end());
  }
  // Until nothing more follows without the clock.
  void settle() {
    for (int i = 0; slots.has_output(); ++i) {
      ASSERT_LT(i, 1000) << "it asks again and again";
      carry_out(slots.take_output());
    }
  }
  // Until the next output that is not only a read, whose answer is up to the test.
  Slots::Output next_write() {
    for (;;) {
      Slots::Output out = slots.take_output();
      if (!out.read) return out;
      carry_out(out);
    }
  }
  // What the other one is to have is given up, and not yet stopped.
  void settle_alone_then_both() {
    alone();
    settle();
    both();
    settle();
  }
  void stop_all() { slots.given_up(now, std::exchange(to_stop, {})); }
  size_t held_by(const HostLife& life) const {
    size_t count = 0;
    for (uint32_t id = 0; id < kSlots; ++id) count += rows.holder(static_cast<SlotId>(id)) == life;
    return count;
  }
};

TEST(Slots, a_host_alone_reads_claims_scans_in_portions_and_drives_all) {
  Stage stage;
  EXPECT_FALSE(stage.slots.has_output()) << "before a view there is nothing to hold";
  stage.alone();
  const Slots::Output read = stage.slots.take_output();
  EXPECT_TRUE(read.read);
  EXPECT_TRUE(read.claim.empty()) << "rows are read before any is claimed";
  stage.carry_out(read);
  stage.settle();
  EXPECT_EQ(stage.slots.counts().drives, kSlots);
  EXPECT_EQ(stage.scans, std::vector<SlotId>(16, 256));
  EXPECT_EQ(stage.held_by(kSelf), kSlots);
  EXPECT_EQ(stage.slots.counts().oldest_wait, kNever);
  EXPECT_FALSE(stage.slots.holds_none());
}

TEST(Slots, what_another_that_lives_holds_is_waited_for_with_growing_pauses) {
  Stage stage;
  stage.rows.claim(kOther, stage.rows.next_call(kOther), all_slots());
  stage.alone();
  stage.settle();
  EXPECT_EQ(stage.slots.counts().drives, 0u);
  EXPECT_EQ(stage.slots.counts().claiming, kSlots);
  const Instant since = stage.now;
  for (const int64_t pause : {50, 100, 200, 400, 800, 1000, 1000}) {
    EXPECT_EQ(stage.slots.next_deadline(), stage.now + milliseconds(pause));
    stage.now = stage.slots.next_deadline();
    stage.slots.tick(stage.now);
    stage.settle();
  }
  EXPECT_EQ(stage.slots.counts().oldest_wait, since);
  stage.rows.fence(kOther);
  stage.now = stage.slots.next_deadline();
  stage.slots.tick(stage.now);
  stage.settle();
  EXPECT_EQ(stage.slots.counts().drives, kSlots);
}

TEST(Slots, pauses_stay_short_while_the_other_gives_slots_up) {
  Stage stage;
  stage.rows.claim(kOther, stage.rows.next_call(kOther), all_slots());
  stage.alone();
  stage.settle();
  for (SlotId slot = 0; slot < 5; ++slot) {
    EXPECT_EQ(stage.slots.next_deadline(), stage.now + milliseconds(50));
    const SlotId released[] = {slot};
    stage.rows.release(kOther, stage.rows.next_call(kOther), released);
    stage.now = stage.slots.next_deadline();
    stage.slots.tick(stage.now);
    stage.settle();
    EXPECT_TRUE(stage.slots.drives(slot));
  }
}

TEST(Slots, a_slot_that_moves_is_released_only_when_nothing_of_it_is_in_flight) {
  Stage stage;
  stage.settle_alone_then_both();
  const size_t moved = stage.to_stop.size();
  EXPECT_GT(moved, 1500u);
  EXPECT_EQ(stage.held_by(kSelf), kSlots) << "nothing is released while it may be in flight";
  EXPECT_EQ(stage.slots.counts().leaving, moved);
  for (const SlotId slot : stage.to_stop) {
    EXPECT_EQ(stage.slots.keeper(slot), kOther);
    EXPECT_FALSE(stage.slots.drives(slot));
  }
  const SlotId first[] = {stage.to_stop.front()};
  stage.slots.given_up(stage.now, first);
  stage.settle();
  EXPECT_EQ(stage.held_by(kSelf), kSlots - 1);
  stage.stop_all();
  stage.settle();
  EXPECT_EQ(stage.held_by(kSelf), kSlots - moved);
  EXPECT_EQ(stage.slots.counts().leaving, 0u);
}

TEST(Slots, a_view_that_returns_a_slot_while_it_is_given_up_has_it_driven_again) {
  Stage stage;
  stage.settle_alone_then_both();
  stage.slots.view(stage.now, view_of(3, {{kSelf, 100}}));
  stage.settle();
  EXPECT_LT(stage.slots.counts().drives, kSlots) << "the node has not stopped yet";
  stage.stop_all();
  stage.settle();
  EXPECT_EQ(stage.slots.counts().drives, kSlots);
  EXPECT_EQ(stage.held_by(kSelf), kSlots);
}

TEST(Slots, a_view_that_returns_a_slot_while_it_is_released_has_it_claimed_again) {
  Stage stage;
  stage.settle_alone_then_both();
  stage.stop_all();
  const Slots::Output out = stage.next_write();
  ASSERT_FALSE(out.release.empty());
  stage.slots.view(stage.now, view_of(3, {{kSelf, 100}}));
  EXPECT_FALSE(stage.slots.has_output()) << "the release is under way: nothing is read or claimed";
  stage.carry_out(out);
  stage.settle();
  EXPECT_EQ(stage.slots.counts().drives, kSlots);
}

TEST(Slots, a_slot_lost_while_it_is_scanned_is_released_and_not_driven) {
  Stage stage;
  stage.alone();
  const Slots::Output claim = stage.next_write();
  ASSERT_EQ(claim.claim.size(), kSlots);
  stage.slots.claimed(stage.now, stage.rows.claim(kSelf, stage.rows.next_call(kSelf), claim.claim));
  const Slots::Output scan = stage.slots.take_output();
  ASSERT_EQ(scan.scan.size(), 256u);
  EXPECT_FALSE(scan.read) << "it got all that it claimed";
  stage.slots.view(stage.now, view_of(2, {{kSelf, 0}, {kOther, 100}}));
  stage.settle();
  EXPECT_EQ(stage.held_by(kSelf), 256u) << "those of the scan wait for its end";
  EXPECT_TRUE(stage.slots.scanned(stage.now, true).empty());
  stage.settle();
  EXPECT_EQ(stage.held_by(kSelf), 0u);
  EXPECT_TRUE(stage.slots.holds_none());
}

TEST(Slots, a_claim_of_unknown_outcome_that_the_next_view_takes_away_is_released) {
  Stage stage;
  stage.alone();
  const Slots::Output out = stage.next_write();
  stage.rows.claim(kSelf, stage.rows.next_call(kSelf), out.claim);
  stage.slots.claimed(stage.now, unreachable());
  stage.slots.view(stage.now, view_of(2, {{kSelf, 0}, {kOther, 100}}));
  stage.settle();
  EXPECT_EQ(stage.held_by(kSelf), 0u);
  EXPECT_TRUE(stage.slots.holds_none());
}

TEST(Slots, a_late_claim_leaves_no_row_behind) {
  Stage stage;
  stage.alone();
  const Slots::Output out = stage.next_write();
  const uint64_t late = stage.rows.next_call(kSelf);
  stage.slots.claimed(stage.now, unreachable());
  stage.slots.view(stage.now, view_of(2, {{kSelf, 0}, {kOther, 100}}));
  const Slots::Output read = stage.slots.take_output();
  ASSERT_TRUE(read.read);
  stage.carry_out(read);  // shows nothing yet
  EXPECT_FALSE(stage.slots.holds_none());
  stage.settle();
  EXPECT_TRUE(stage.slots.holds_none());
  stage.rows.claim(kSelf, late, out.claim);
  EXPECT_EQ(stage.held_by(kSelf), 0u);
}

TEST(Slots, after_a_release_of_unknown_outcome_only_a_claim_makes_a_slot_driven) {
  Stage stage;
  stage.settle_alone_then_both();
  stage.stop_all();
  const Slots::Output out = stage.next_write();
  ASSERT_FALSE(out.release.empty());
  const uint64_t late = stage.rows.next_call(kSelf);
  stage.slots.released(stage.now, unreachable());
  stage.slots.view(stage.now, view_of(3, {{kSelf, 100}}));
  const Slots::Output claim = stage.next_write();  // the rows are still this host's
  EXPECT_FALSE(stage.slots.drives(out.release.front()));
  EXPECT_EQ(claim.claim, out.release);
  EXPECT_TRUE(claim.scan.empty());
  stage.carry_out(claim);
  stage.settle();
  EXPECT_EQ(stage.slots.counts().drives, kSlots);
  stage.rows.release(kSelf, late, out.release);
  EXPECT_EQ(stage.held_by(kSelf), kSlots) << "the claim has settled the release";
}

// The store fell over behind it, and says so to nobody.
TEST(Slots, a_release_that_was_lost_is_seen_once_something_later_is_durable) {
  Stage stage;
  stage.settle_alone_then_both();
  const size_t moved = stage.to_stop.size();
  stage.now = stage.now + milliseconds(1);
  stage.stop_all();
  stage.settle();
  ASSERT_EQ(stage.held_by(kSelf), kSlots - moved);
  EXPECT_EQ(stage.rows.crash(), moved);
  ASSERT_EQ(stage.held_by(kSelf), kSlots);
  const auto after = [&](Duration length) {
    stage.now = stage.now + length;
    stage.slots.tick(stage.now);
    stage.settle();
  };
  stage.slots.durable(stage.now, stage.now - milliseconds(1));
  after(seconds(5));
  EXPECT_EQ(stage.held_by(kSelf), kSlots) << "what was begun before it proves nothing";
  stage.slots.durable(stage.now, stage.now - milliseconds(20));
  after(seconds(1));
  EXPECT_EQ(stage.held_by(kSelf), kSlots - moved);
  EXPECT_EQ(stage.slots.counts().leaving, 0u);
  stage.rows.beat(kSelf);
  EXPECT_EQ(stage.rows.crash(), 0u);
  stage.slots.durable(stage.now, stage.now);
  after(seconds(1));
  EXPECT_GT(stage.slots.next_deadline(), stage.now + seconds(20)) << "it has been looked at once";
}

TEST(Slots, failures_are_tried_again_after_growing_pauses_and_never_at_once) {
  Stage stage;
  stage.alone();
  for (const int64_t pause : {50, 100, 200, 400, 800, 1000, 1000}) {
    ASSERT_TRUE(stage.slots.take_output().read);
    stage.slots.rows(stage.now, unreachable());
    EXPECT_FALSE(stage.slots.has_output());
    stage.now = stage.now + milliseconds(pause - 1);
    stage.slots.tick(stage.now);
    EXPECT_FALSE(stage.slots.has_output());
    stage.now = stage.now + milliseconds(1);
    stage.slots.tick(stage.now);
  }
  const Slots::Output claim = stage.next_write();
  ASSERT_FALSE(claim.claim.empty());
  stage.slots.claimed(stage.now, unreachable());
  const Slots::Output read = stage.slots.take_output();
  EXPECT_TRUE(read.read) << "rows and view are compared whenever a claim settles";
  stage.carry_out(read);
  EXPECT_FALSE(stage.slots.has_output());
  EXPECT_EQ(stage.slots.next_deadline(), stage.now + milliseconds(50));
  stage.now = stage.slots.next_deadline();
  stage.slots.tick(stage.now);
  stage.carry_out(stage.next_write());
  ASSERT_FALSE(stage.slots.take_output().scan.empty());
  EXPECT_TRUE(stage.slots.scanned(stage.now, false).empty());
  stage.settle();
  EXPECT_EQ(stage.slots.counts().drives, 0u);
  stage.now = stage.slots.next_deadline();
  stage.slots.tick(stage.now);
  stage.settle();
  EXPECT_EQ(stage.slots.counts().drives, kSlots);
}

TEST(Slots, a_row_that_it_does_not_remember_is_cleared_when_rows_are_next_compared) {
  Stage stage;
  stage.both();
  stage.settle();
  const size_t share = stage.slots.counts().drives;
  stage.rows.claim(kSelf, stage.rows.next_call(kSelf), all_slots());
  stage.now = stage.slots.next_deadline();
  stage.slots.tick(stage.now);
  stage.settle();
  EXPECT_EQ(stage.held_by(kSelf), share);
  EXPECT_EQ(stage.slots.counts().leaving, 0u);
}

TEST(Slots, a_driven_slot_whose_row_is_gone_is_stopped_and_claimed_anew) {
  Stage stage;
  stage.alone();
  stage.settle();
  const SlotId lost[] = {7};
  stage.rows.release(kSelf, stage.rows.next_call(kSelf), lost);
  stage.now = stage.slots.next_deadline();
  stage.slots.tick(stage.now);
  stage.settle();
  EXPECT_EQ(stage.to_stop, (std::vector<SlotId>{7}));
  EXPECT_FALSE(stage.slots.drives(7));
  stage.stop_all();
  stage.settle();
  EXPECT_TRUE(stage.slots.drives(7));
}

TEST(Slots, who_leaves_gives_all_up) {
  Stage stage;
  stage.alone();
  stage.settle();
  stage.slots.begin_leave(stage.now);
  stage.settle();
  EXPECT_TRUE(stage.to_stop.empty()) << "nobody else should drive them yet";
  stage.slots.view(stage.now, view_of(2, {{kSelf, 0}}));
  stage.settle();
  EXPECT_EQ(stage.to_stop.size(), kSlots) << "there is nobody to whom they could go one by one";
  EXPECT_FALSE(stage.slots.holds_none());
  stage.stop_all();
  stage.settle();
  EXPECT_EQ(stage.held_by(kSelf), 0u);
  EXPECT_TRUE(stage.slots.holds_none());
  EXPECT_EQ(stage.slots.counts().should, 0u);
}

TEST(Slots, who_leaves_and_sees_no_other_view_gives_all_up_after_a_while) {
  Stage stage;
  stage.both();
  stage.settle();
  const size_t share = stage.slots.counts().drives;
  stage.slots.begin_leave(stage.now);
  stage.settle();
  EXPECT_EQ(stage.slots.counts().drives, share);
  ASSERT_LE(stage.slots.next_deadline(), stage.now + milliseconds(1500));
  stage.now = stage.now + milliseconds(1500);
  stage.slots.tick(stage.now);
  stage.settle();
  EXPECT_EQ(stage.to_stop.size(), share);
}

TEST(Slots, slots_go_to_another_in_portions_each_after_the_one_before) {
  const size_t portion = 128;
  Stage stage(true, portion);
  stage.alone();
  stage.settle();
  stage.slots.view(stage.now, view_of(2, {{kSelf, 0}, {kOther, 100}}));
  stage.settle();
  EXPECT_EQ(stage.to_stop.size(), portion);
  EXPECT_EQ(stage.slots.counts().drives, kSlots - portion) << "the others are driven on";
  stage.stop_all();
  stage.settle();
  EXPECT_EQ(stage.freed.size(), portion);
  EXPECT_EQ(stage.to_stop.size(), portion);
  for (int i = 0; i < 100 && !stage.slots.holds_none(); ++i) {
    stage.stop_all();
    stage.settle();
  }
  EXPECT_TRUE(stage.slots.holds_none());
  EXPECT_EQ(stage.freed.size(), kSlots);
}

TEST(Slots, what_its_holder_says_is_free_is_claimed_at_once) {
  Stage stage;
  stage.rows.claim(kOther, stage.rows.next_call(kOther), all_slots());
  stage.alone();
  stage.settle();
  EXPECT_EQ(stage.slots.holder(7), kOther);
  const SlotId two[] = {7, 8};
  stage.rows.release(kOther, stage.rows.next_call(kOther), two);
  stage.slots.freed(stage.now, {"c", 33}, two);
  EXPECT_FALSE(stage.slots.has_output()) << "it never held them";
  stage.slots.freed(stage.now, kOther, two);
  EXPECT_TRUE(stage.slots.holder(7).empty());
  stage.settle();
  EXPECT_TRUE(stage.slots.drives(7));
  EXPECT_TRUE(stage.slots.drives(8));
  EXPECT_EQ(stage.slots.counts().drives, 2u);
}

// Reading all rows for each portion of another's slots would only keep the claims off.
TEST(Slots, while_another_says_what_it_released_the_rows_are_read_once_a_second) {
  Stage stage;
  stage.rows.claim(kOther, stage.rows.next_call(kOther), all_slots());
  stage.alone();
  stage.settle();
  const size_t before = stage.reads;
  const Instant end = stage.now + milliseconds(1900);
  for (SlotId slot = 0; stage.now < end; ++slot) {
    const SlotId one[] = {slot};
    stage.rows.release(kOther, stage.rows.next_call(kOther), one);
    stage.slots.freed(stage.now, kOther, one);
    stage.settle();
    ASSERT_TRUE(stage.slots.drives(slot)) << "claimed at once";
    stage.now = stage.now + milliseconds(30);
    stage.slots.tick(stage.now);
    stage.settle();
  }
  EXPECT_LE(stage.reads, before + 2);
  EXPECT_GE(stage.reads, before + 1) << "but not for ever on its word alone";
  // What it does not say any more is found within a second, and what follows soon.
  stage.rows.release(kOther, stage.rows.next_call(kOther), std::vector<SlotId>{4000});
  for (int i = 0; i < 100 && !stage.slots.drives(4000); ++i) {
    stage.now = stage.now + milliseconds(10);
    stage.slots.tick(stage.now);
    stage.settle();
  }
  EXPECT_TRUE(stage.slots.drives(4000));
}

// While another hands over, its word comes at any moment; reading the rows again for it each time
// would keep the claims off.
TEST(Slots, what_is_freed_while_the_rows_are_read_is_claimed_when_they_are) {
  Stage stage;
  stage.rows.claim(kOther, stage.rows.next_call(kOther), all_slots());
  stage.alone();
  stage.settle();
  stage.now = stage.slots.next_deadline();
  stage.slots.tick(stage.now);
  ASSERT_TRUE(stage.slots.take_output().read);
  const auto before = stage.rows.read();
  const std::vector<SlotId> two = {7, 8};
  stage.rows.release(kOther, stage.rows.next_call(kOther), two);
  stage.slots.freed(stage.now, kOther, two);
  stage.slots.freed(stage.now, {"c", 33}, std::vector<SlotId>{9});
  stage.slots.rows(stage.now, before);
  const Slots::Output out = stage.slots.take_output();
  EXPECT_FALSE(out.read);
  EXPECT_EQ(out.claim, two);
  stage.carry_out(out);
  stage.settle();
  EXPECT_TRUE(stage.slots.drives(7));
  EXPECT_EQ(stage.slots.counts().drives, 2u);
}

TEST(Slots, who_says_too_much_while_the_rows_are_read_has_them_read_again) {
  Stage stage;
  stage.rows.claim(kOther, stage.rows.next_call(kOther), all_slots());
  stage.alone();
  ASSERT_TRUE(stage.slots.take_output().read);
  const HostLife stranger = {"c", 33};
  stage.slots.freed(stage.now, stranger, all_slots());
  stage.slots.freed(stage.now, stranger, std::vector<SlotId>{7});
  stage.slots.rows(stage.now, stage.rows.read());
  EXPECT_TRUE(stage.slots.take_output().read);
  stage.slots.rows(stage.now, stage.rows.read());
  EXPECT_FALSE(stage.slots.has_output());
}

TEST(Slots, reads_and_claims_take_turns) {
  Stage stage;
  stage.alone();
  ASSERT_TRUE(stage.slots.take_output().read);
  stage.both();  // cause for another read
  stage.slots.rows(stage.now, stage.rows.read());
  const Slots::Output claim = stage.slots.take_output();
  EXPECT_FALSE(claim.read);
  ASSERT_FALSE(claim.claim.empty());
  stage.carry_out(claim);
  EXPECT_TRUE(stage.slots.take_output().read);
}

TEST(Slots, a_holder_that_is_wrongly_said_to_have_let_go_keeps_its_slot) {
  Stage stage;
  stage.rows.claim(kOther, stage.rows.next_call(kOther), all_slots());
  stage.alone();
  stage.settle();
  const SlotId one[] = {7};
  stage.slots.freed(stage.now, kOther, one);
  stage.settle();
  EXPECT_FALSE(stage.slots.drives(7));
  EXPECT_EQ(stage.held_by(kOther), kSlots);
}

TEST(Slots, who_is_fenced_asks_for_nothing_any_more) {
  Stage stage;
  stage.alone();
  const Slots::Output claim = stage.next_write();
  stage.rows.fence(kSelf);
  stage.carry_out(claim);
  EXPECT_TRUE(stage.slots.fenced());
  stage.slots.view(stage.now, view_of(2, {{kSelf, 100}}));
  EXPECT_FALSE(stage.slots.has_output());
  EXPECT_EQ(stage.slots.next_deadline(), kNever);

  Stage reader;
  reader.alone();
  reader.settle();
  reader.rows.fence(kSelf);
  reader.now = reader.slots.next_deadline();
  reader.slots.tick(reader.now);
  reader.settle();
  EXPECT_TRUE(reader.slots.fenced());
}

TEST(Slots, a_host_without_weight_or_store_and_an_earlier_life_hold_none) {
  Stage weightless;
  weightless.slots.view(weightless.now, view_of(1, {{kSelf, 0}, {kOther, 100}}));
  weightless.settle();
  EXPECT_EQ(weightless.slots.counts().should, 0u);
  EXPECT_EQ(weightless.slots.keeper(0), kOther);

  Stage gateway(false);
  gateway.both();
  EXPECT_FALSE(gateway.slots.has_output());
  EXPECT_FALSE(gateway.slots.keeper(0).empty()) << "it has to know who keeps a packet";

  Stage earlier;
  earlier.slots.view(earlier.now, view_of(1, {{{"a", 12}, 100}}));
  earlier.settle();
  EXPECT_EQ(earlier.slots.counts().should, 0u);
  EXPECT_EQ(earlier.held_by(kSelf), 0u);
}

TEST(Slots, older_views_are_ignored) {
  Stage stage;
  stage.both();
  stage.settle();
  const size_t share = stage.slots.counts().drives;
  stage.alone();
  stage.settle();
  EXPECT_EQ(stage.slots.view_number(), 2u);
  EXPECT_EQ(stage.slots.counts().drives, share);
}

}  // namespace
}  // namespace phoenix
