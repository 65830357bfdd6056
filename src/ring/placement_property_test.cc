// Random sequences of every operation on the real ring and on the naive one, which must agree after
// each step. Positions are cut to a few bits in some runs, so that most of them collide, and the
// cache of class rings has from no room to plenty.
#include <gtest/gtest.h>
// rapidcheck needs gtest before it.
#include <rapidcheck/gtest.h>

#include "base/prng.h"
#include "ring/test_comparison.h"

namespace phoenix {
namespace {

RC_GTEST_PROP(Placement, agrees_with_the_naive_ring_after_any_sequence_of_changes, ()) {
  // The size is for the length; a byte takes all its values from size 100 on.
  const auto byte = rc::gen::resize(100, rc::gen::arbitrary<uint8_t>());
  const auto bytes = *rc::gen::resize(8000, rc::gen::container<std::vector<uint8_t>>(byte));
  const Effort effort{.vnodes = 200'000, .most_weight = 10'000};
  run_comparison(bytes, effort, [](const std::string& what) { RC_FAIL(what); });
}

// Several placements may keep their v-nodes in one catalogue; what each of them answers is what it
// would by itself.
RC_GTEST_PROP(Placement, agrees_with_the_naive_ring_whatever_others_on_its_catalogue_do, ()) {
  const auto byte = rc::gen::resize(100, rc::gen::arbitrary<uint8_t>());
  const auto bytes = *rc::gen::resize(8000, rc::gen::container<std::vector<uint8_t>>(byte));
  const Effort effort{.vnodes = 200'000, .most_weight = 10'000};
  run_comparison(bytes, effort, [](const std::string& what) { RC_FAIL(what); }, true);
}

// A pool where nearly all are full: the few others are found without a walk, or after one that did
// not go on, and must be those that the walk would have met, equal positions included.
TEST(Placement, agrees_with_the_naive_ring_where_few_have_room) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    Prng prng(seed);
    RingKey key;
    for (uint8_t& byte : key.bytes) byte = static_cast<uint8_t>(prng.next());
    PlacementOptions options;
    options.position_mask = std::array<Position, 3>{~Position{0}, 0xf0000000, 0xc0000000}[seed % 3];
    options.longest_walk = std::array<uint64_t, 2>{0, 8192}[seed % 2];
    Placement real(key, options);
    NaiveRing naive{.key = key, .mask = options.position_mask};
    RingMember record;
    record.ns = "default";
    const uint64_t count = 60 + prng.below(100);
    for (uint64_t i = 0; i < count; ++i) {
      record.id = (seed % 5 < 3 ? "m" : "a-longer-name-") + std::to_string(i);
      record.weight = static_cast<uint32_t>(1 + prng.below(3));
      record.trust = prng.chance(1, 2) ? 1000 : 900;
      record.capabilities.assign(prng.below(2), "a");
      const MemberIndex index = real.join(record);
      real.add_load(index, 1);
      naive.members[index] = {record, 1, true};
    }
    std::vector<MemberIndex> free(1 + prng.below(6));
    for (MemberIndex& index : free) {
      index = static_cast<MemberIndex>(prng.below(naive.members.size()));
      if (naive.members[index].load == 0) continue;
      real.add_load(index, -1);
      naive.members[index].load = 0;
    }
    RingMember wanted;
    wanted.ns = "default";
    wanted.capabilities.assign(seed % 4 == 0 ? 1 : 0, "a");
    const ClassId cls = real.intern(wanted.ns, wanted.capabilities, Match::kAll);
    for (int i = 0; i < 100; ++i) {
      PlaceQuery query{.point = static_cast<Position>(prng.next()), .cls = cls};
      query.k = static_cast<uint32_t>(1 + prng.below(4));
      query.nearest_first = prng.chance(1, 4);
      if (prng.chance(1, 4)) query.avoid = free[0];
      ASSERT_EQ(real.place(query), naive.place(query, wanted, Match::kAll)) << seed << " " << i;
    }
  }
}

// Whom a number's bits leave out. Of some who are let through it is known before anybody asks.
class Denies final : public Permit {
 public:
  Denies(uint64_t bits, std::span<const uint64_t> known) : bits_(bits) { take_known(known); }

 private:
  bool ask(MemberIndex member) const override { return (bits_ >> member % 61 & 1) == 0; }

  uint64_t bits_;
};

// Whoever may not have a packet is walked over as if it were full, on every way to an owner: few or
// many match, many or few are full, the walk goes on or is given up.
TEST(Placement, agrees_with_the_naive_ring_where_not_everybody_may) {
  for (uint64_t seed = 0; seed < 80; ++seed) {
    Prng prng(seed);
    RingKey key;
    for (uint8_t& byte : key.bytes) byte = static_cast<uint8_t>(prng.next());
    PlacementOptions options;
    options.longest_walk = std::array<uint64_t, 2>{0, 8192}[seed % 2];
    Placement real(key, options);
    NaiveRing naive{.key = key, .mask = options.position_mask};
    RingMember record;
    record.ns = "default";
    const uint64_t count = 3 + prng.below(90);
    const uint64_t full = prng.below(10);
    for (uint64_t i = 0; i < count; ++i) {
      record.id = "m" + std::to_string(i);
      record.trust = prng.chance(1, 2) ? 1000 : 900;
      record.capabilities.assign(prng.below(2), "a");
      const MemberIndex index = real.join(record);
      const uint32_t load = prng.chance(full, 10) ? 1 : 0;
      real.add_load(index, load);
      naive.members[index] = {record, load, true};
    }
    RingMember wanted;
    wanted.ns = "default";
    wanted.capabilities.assign(seed % 3 == 0 ? 1 : 0, "a");
    const ClassId cls = real.intern(wanted.ns, wanted.capabilities, Match::kAll);
    for (int i = 0; i < 60; ++i) {
      const uint64_t denied = i % 4 == 0 ? ~uint64_t{0} << prng.below(62) : prng.next();
      // Below 61 a member's own bit says whether it may.
      const uint64_t known = prng.next() & ~denied & ((uint64_t{1} << 61) - 1);
      const Denies permit(denied, std::span(&known, i % 3 == 0 ? 0 : 1));
      PlaceQuery query{.point = static_cast<Position>(prng.next()), .cls = cls};
      query.k = static_cast<uint32_t>(1 + prng.below(8));
      query.nearest_first = prng.chance(1, 4);
      if (prng.chance(1, 4)) query.avoid = static_cast<MemberIndex>(prng.below(count));
      query.permit = &permit;
      const auto chosen = real.place(query);
      ASSERT_EQ(chosen, naive.place(query, wanted, Match::kAll)) << seed << " " << i;
      if (chosen) ASSERT_TRUE(permit.may(*chosen)) << seed << " " << i;
    }
  }
}

}  // namespace
}  // namespace phoenix
