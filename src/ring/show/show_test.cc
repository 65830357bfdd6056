// Shares of the circle and the told walk, against the naive ring of `ring/naive_ring.h`.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"
#include "ring/naive_ring.h"
#include "ring/placement.h"
#include "ring/show/shares.h"
#include "ring/show/walk.h"

namespace phoenix {
namespace {

RingKey key_of(uint64_t seed) {
  RingKey key;
  for (uint8_t& byte : key.bytes) byte = static_cast<uint8_t>(splitmix64(seed));
  return key;
}

// A few members in two namespaces, the same on both rings.
struct Pair {
  Pair(uint64_t seed, Position mask) : prng(seed), real(key_of(seed), {.position_mask = mask}) {
    naive.key = key_of(seed);
    naive.mask = mask;
  }
  MemberIndex join(const std::string& ns, const std::string& id) {
    RingMember record;
    record.ns = ns;
    record.id = id;
    record.weight = static_cast<uint32_t>(1 + prng.below(6));
    record.max_load = static_cast<uint32_t>(1 + prng.below(3));
    record.trust = prng.chance(1, 2) ? 1000 : 700;
    if (prng.chance(2, 3)) record.capabilities = {"a"};
    const MemberIndex index = real.join(record);
    naive.members[index].record = record;
    return index;
  }
  void join_some() {
    const uint64_t count = 1 + prng.below(8);
    for (uint64_t i = 0; i < count; ++i) join("default", "m" + std::to_string(i));
    if (prng.chance(1, 2)) join("other", "m0");
  }
  MemberIndex any() {
    auto at = naive.members.begin();
    std::advance(at, prng.below(naive.members.size()));
    return at->first;
  }

  Prng prng;
  Placement real;
  NaiveRing naive;
};

// By its definition: who is first at or after each position of a coarse circle. Requires: the mask
// leaves only the top 8 bits, so that all v-nodes stand on 256 positions.
constexpr Position kCoarse = 0xff000000;
std::map<MemberIndex, uint64_t> naive_shares(const NaiveRing& ring, const std::string& ns) {
  std::map<MemberIndex, uint64_t> result;
  const auto points = ring.points();
  for (uint32_t at = 0; at < 256; ++at) {
    MemberIndex owner = kNoMember;
    for (int turn = 0; turn < 2 && owner == kNoMember; ++turn) {
      for (const auto& [position, point_ns, id, replica, index] : points) {
        if (point_ns != ns || (turn == 0 && position >> 24 < at)) continue;
        owner = index;
        break;
      }
    }
    // Position at << 24 alone belongs to a v-node there; those behind it to the next one.
    if (owner != kNoMember) result[owner] += uint64_t{1} << 24;
  }
  return result;
}

TEST(Shares, are_the_arcs_of_each_namespace) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Pair pair(seed, kCoarse);
    pair.join_some();
    const std::vector<uint64_t> real = shares(pair.real);
    for (const std::string ns : {"default", "other"}) {
      const auto expected = naive_shares(pair.naive, ns);
      uint64_t sum = 0;
      for (const auto& [index, entry] : pair.naive.members) {
        if (entry.record.ns != ns) continue;
        sum += real[index];
        const auto found = expected.find(index);
        EXPECT_EQ(real[index], found == expected.end() ? 0 : found->second) << "seed " << seed;
      }
      EXPECT_EQ(sum, expected.empty() ? 0 : kWholeCircle);
    }
  }
}

// Slots are the top 12 bits: each arc of a coarse position is 16 whole slots.
TEST(Shares, change_by_a_leave_as_they_do_when_it_is_done) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Pair pair(seed, seed % 3 == 0 ? ~Position{0} : kCoarse);
    pair.join_some();
    const MemberIndex leaver = pair.any();
    const std::string ns = pair.naive.members[leaver].record.ns;
    const auto before = shares(pair.real);
    const RingChange change =
        without(pair.real, ns, [leaver](Position, MemberIndex member) { return member == leaver; });
    const RingMember record = pair.naive.members[leaver].record;
    pair.real.leave(leaver);
    auto after = shares(pair.real);
    after.resize(before.size(), 0);
    after[leaver] = 0;
    for (MemberIndex member = 0; member < before.size(); ++member) {
      const auto found = change.members.find(member);
      if (found == change.members.end()) {
        EXPECT_EQ(before[member], after[member]) << "seed " << seed;
        continue;
      }
      EXPECT_EQ(found->second.before, before[member]) << "seed " << seed;
      EXPECT_EQ(found->second.after, after[member]) << "seed " << seed;
    }
    EXPECT_EQ(change.positions, before[leaver]) << "seed " << seed;
    EXPECT_GE(change.slots.count() * (kWholeCircle / kSlots), change.positions);
  }
}

TEST(Shares, change_by_a_weight_as_they_do_when_it_is_done) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Pair pair(seed, ~Position{0});
    pair.join_some();
    const MemberIndex member = pair.any();
    RingMember record = pair.naive.members[member].record;
    const uint32_t more = record.weight;
    const uint32_t less = 1 + static_cast<uint32_t>(pair.prng.below(more));
    const auto before = shares(pair.real);
    const TailOf tail(pair.real, member, more, vnode_count(less));
    const RingChange change = without(pair.real, record.ns, tail);
    record.weight = less;
    pair.real.update(member, record);
    const auto after = shares(pair.real);
    uint64_t lost = 0;
    for (MemberIndex other = 0; other < before.size(); ++other) {
      if (after[other] < before[other]) lost += before[other] - after[other];
      const auto found = change.members.find(other);
      const ShareChange expected = {before[other], after[other]};
      EXPECT_EQ(found != change.members.end(), expected.before != expected.after);
      if (found == change.members.end()) continue;
      EXPECT_EQ(found->second.before, expected.before) << "seed " << seed;
      EXPECT_EQ(found->second.after, expected.after) << "seed " << seed;
    }
    EXPECT_EQ(change.positions, lost);
  }
}

TEST(Shares, name_the_slots_that_change_hands) {
  Pair pair(1, kCoarse);
  pair.join("default", "one");
  const MemberIndex two = pair.join("default", "two");
  const RingChange change =
      without(pair.real, "default", [two](Position, MemberIndex member) { return member == two; });
  // A coarse position and those behind the one before it belong to the same member: 17 slots, of
  // the first of which all but the very first position.
  constexpr uint32_t kEach = kSlots / 256;
  const RingMember anyone = {.ns = "default", .id = "", .capabilities = {}};
  std::bitset<kSlots> expected;
  for (uint32_t at = 0; at < 256; ++at) {
    if (pair.naive.walk(at << 24, anyone, Match::kAll).front().first != two) continue;
    for (uint32_t back = 0; back <= kEach; ++back) {
      expected.set((at * kEach + kSlots - back) % kSlots);
    }
  }
  EXPECT_EQ(change.slots, expected);
  EXPECT_TRUE(change.slots.any());
  EXPECT_FALSE(change.slots.all());
}

TEST(Shares, of_the_last_member_go_to_nobody) {
  Pair pair(1, ~Position{0});
  const MemberIndex only = pair.join("default", "only");
  const RingChange change =
      without(pair.real, "default", [](Position, MemberIndex) { return true; });
  EXPECT_EQ(change.positions, kWholeCircle);
  EXPECT_EQ(change.slots.count(), kSlots);
  ASSERT_EQ(change.members.size(), 1U);
  EXPECT_EQ(change.members.at(only).before, kWholeCircle);
  EXPECT_EQ(change.members.at(only).after, 0U);
  EXPECT_EQ(reversed(change).members.at(only).after, kWholeCircle);
}

TEST(Shares, of_nobody_are_none) {
  const Placement placement(key_of(1));
  EXPECT_TRUE(shares(placement).empty());
  const RingChange change =
      without(placement, "default", [](Position, MemberIndex) { return true; });
  EXPECT_EQ(change.positions, 0U);
  EXPECT_TRUE(change.members.empty());
}

TEST(Walk, shows_everybody_up_to_the_last_of_the_window_and_the_owner_placed) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Pair pair(seed, seed % 2 == 0 ? ~Position{0} : kCoarse);
    pair.join_some();
    for (auto& [index, entry] : pair.naive.members) {
      entry.load = static_cast<uint32_t>(pair.prng.below(4));
      pair.real.add_load(index, entry.load);
      entry.open = pair.prng.chance(4, 5);
      pair.real.set_open(index, entry.open);
    }
    const RingMember wanted = {.ns = "default", .id = "", .capabilities = {"a"}};
    PlaceQuery query;
    query.cls = pair.real.intern(wanted.ns, wanted.capabilities, Match::kAll);
    query.point = static_cast<Position>(pair.prng.next());
    query.k = static_cast<uint32_t>(1 + pair.prng.below(4));
    query.nearest_first = pair.prng.chance(1, 4);
    if (pair.prng.chance(1, 3)) query.avoid = pair.any();
    const Walk walk = explain(pair.real, query, 100);
    const auto expected = pair.naive.place(query, wanted, Match::kAll);
    EXPECT_EQ(walk.owner, expected) << "seed " << seed;
    EXPECT_EQ(walk.decided_by == DecidedBy::kNobody, !expected.has_value());
    EXPECT_TRUE(walk.complete);
    const auto met = pair.naive.walk(query.point, wanted, Match::kAll);
    ASSERT_LE(walk.met.size(), met.size());
    size_t eligible = 0;
    for (size_t i = 0; i < walk.met.size(); ++i) {
      EXPECT_EQ(walk.met[i].member, met[i].first) << "seed " << seed;
      EXPECT_EQ(walk.met[i].vnode, met[i].second) << "seed " << seed;
      if (walk.met[i].eligible) ++eligible;
    }
    const size_t k = query.nearest_first ? 1 : query.k;
    EXPECT_TRUE(eligible == k || walk.met.size() == met.size()) << "seed " << seed;
    const bool shown =
        !expected || std::any_of(walk.met.begin(), walk.met.end(), [&](const Candidate& candidate) {
          return candidate.member == *expected && candidate.eligible;
        });
    EXPECT_TRUE(shown) << "seed " << seed;
  }
}

struct Trio {
  Trio() : placement(key_of(3)) {
    for (const char* id : {"a", "b", "c"}) {
      RingMember record;
      record.ns = "default";
      record.id = id;
      record.max_load = 4;
      members.push_back(placement.join(record));
    }
    query.cls = placement.intern("default", {}, Match::kAll);
  }
  Placement placement;
  std::vector<MemberIndex> members;
  PlaceQuery query;
};

TEST(Walk, says_by_what_the_owner_won) {
  Trio trio;
  EXPECT_EQ(explain(trio.placement, trio.query, 9).decided_by, DecidedBy::kId);
  trio.placement.add_load(trio.members[0], 1);
  trio.placement.add_load(trio.members[1], 2);
  EXPECT_EQ(explain(trio.placement, trio.query, 9).decided_by, DecidedBy::kScore);
  EXPECT_EQ(explain(trio.placement, trio.query, 9).owner, trio.members[2]);
  trio.query.nearest_first = true;
  EXPECT_EQ(explain(trio.placement, trio.query, 9).decided_by, DecidedBy::kNearest);
  trio.query.nearest_first = false;
  trio.placement.add_load(trio.members[0], 3);
  trio.placement.add_load(trio.members[1], 2);
  EXPECT_EQ(explain(trio.placement, trio.query, 9).decided_by, DecidedBy::kOnly);
  trio.query.avoid = trio.members[2];
  EXPECT_EQ(explain(trio.placement, trio.query, 9).decided_by, DecidedBy::kLastResort);
  trio.placement.set_open(trio.members[2], false);
  EXPECT_EQ(explain(trio.placement, trio.query, 9).decided_by, DecidedBy::kNobody);
}

TEST(Walk, counts_those_walked_over_that_it_does_not_list) {
  Trio trio;
  for (const MemberIndex member : trio.members) trio.placement.add_load(member, 4);
  const Walk walk = explain(trio.placement, trio.query, 1);
  EXPECT_EQ(walk.met.size(), 1U);
  EXPECT_EQ(walk.met[0].reason, "full");
  EXPECT_EQ(walk.omitted, 2U);
}

}  // namespace
}  // namespace phoenix
