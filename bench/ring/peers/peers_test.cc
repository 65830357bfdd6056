// Each peer keeps what its paper promises, or a comparison with it would prove nothing.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <utility>

#include "base/prng.h"
#include "bench/ring/our_ring.h"
#include "bench/ring/peers/anchor.h"
#include "bench/ring/peers/jump.h"
#include "bench/ring/peers/ketama.h"
#include "bench/ring/peers/maglev.h"
#include "bench/ring/peers/map_ring.h"
#include "bench/ring/peers/rendezvous.h"
#include "bench/ring/peers/sorted_ring.h"

namespace phoenix::bench {
namespace {

constexpr size_t kKeys = 200'000;

std::vector<std::string> names(size_t count) {
  std::vector<std::string> all;
  for (size_t i = 0; i < count; ++i) all.push_back(bench_id(i));
  return all;
}

std::vector<uint32_t> owners(const std::function<uint32_t(uint64_t)>& owner) {
  Prng prng(7);
  std::vector<uint32_t> all(kKeys);
  for (uint32_t& one : all) one = owner(prng.next());
  return all;
}

// Each of `count` owners has its share within five standard deviations of a fair draw.
void expect_even(const std::vector<uint32_t>& owned, const std::set<uint32_t>& members) {
  std::vector<size_t> loads(*members.rbegin() + 1);
  for (const uint32_t owner : owned) {
    ASSERT_TRUE(members.contains(owner)) << owner;
    ++loads[owner];
  }
  const double mean = static_cast<double>(owned.size()) / static_cast<double>(members.size());
  for (const uint32_t member : members) {
    EXPECT_NEAR(static_cast<double>(loads[member]), mean, 5 * std::sqrt(mean)) << member;
  }
}

// Nobody but those that had the leaver get another owner.
void expect_only_moved_from(uint32_t leaver, const std::vector<uint32_t>& before,
                            const std::vector<uint32_t>& after) {
  size_t moved = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i] == leaver) {
      EXPECT_NE(after[i], leaver);
      ++moved;
    } else {
      ASSERT_EQ(after[i], before[i]) << i;
    }
  }
  EXPECT_GT(moved, 0u);
}

std::set<uint32_t> first(uint32_t count) {
  std::set<uint32_t> all;
  for (uint32_t i = 0; i < count; ++i) all.insert(all.end(), i);
  return all;
}

TEST(Peers, JumpIsEvenAndGrowsIntoTheNewBucketOnly) {
  // Well known values of the published function.
  EXPECT_EQ(jump_hash(42, 57), 43u);
  EXPECT_EQ(jump_hash(0xDEAD10CC, 666), 361u);
  EXPECT_EQ(jump_hash(256, 1024), 520u);
  const auto at = [](uint32_t n) {
    return owners([n](uint64_t key) { return jump_hash(key, n); });
  };
  expect_even(at(100), first(100));
  expect_only_moved_from(100, at(101), at(100));
}

TEST(Peers, AnchorIsEvenAndMovesOnlyWhatItMust) {
  AnchorHash anchor(200, 100);
  const auto now = [&] { return owners([&](uint64_t key) { return anchor.owner(key); }); };
  expect_even(now(), first(100));
  std::set<uint32_t> members = first(100);
  std::vector<std::vector<uint32_t>> history = {now()};
  Prng prng(3);
  for (int i = 0; i < 30; ++i) {
    auto leaver = members.begin();
    std::advance(leaver, prng.below(members.size()));
    anchor.remove(*leaver);
    history.push_back(now());
    expect_only_moved_from(*leaver, history[history.size() - 2], history.back());
    members.erase(leaver);
  }
  expect_even(history.back(), members);
  // Who comes back gets just what it had, and the last that left is the first.
  while (history.size() > 1) {
    history.pop_back();
    members.insert(anchor.add());
    EXPECT_EQ(now(), history.back());
  }
  EXPECT_EQ(members, first(100));
  EXPECT_EQ(anchor.add(), 100u);
  expect_even(now(), first(101));
}

TEST(Peers, RendezvousIsEvenAndMovesOnlyTheLeaversKeys) {
  const std::vector<std::string> all = names(100);
  const Rendezvous full(all);
  const Rendezvous rest(std::vector<std::string>(all.begin(), all.end() - 1));
  const auto before = owners([&](uint64_t key) { return full.owner(key); });
  expect_even(before, first(100));
  expect_only_moved_from(99, before, owners([&](uint64_t key) { return rest.owner(key); }));
}

TEST(Peers, MaglevFillsItsTableByTurns) {
  const Maglev maglev(names(1000));
  std::vector<size_t> entries(1000);
  for (const uint32_t member : maglev.table()) ++entries.at(member);
  const auto [least, most] = std::minmax_element(entries.begin(), entries.end());
  EXPECT_EQ(*least, 65u);
  EXPECT_EQ(*most, 66u);
  EXPECT_EQ(maglev.owner(65'537 * uint64_t{5} + 3), maglev.table()[3]);
  // Most keep their owner when somebody leaves, as the paper says, though not all.
  const Maglev fewer(names(999));
  size_t kept = 0;
  for (size_t i = 0; i < maglev.table().size(); ++i) kept += maglev.table()[i] == fewer.table()[i];
  EXPECT_GT(kept, maglev.table().size() * 98 / 100);
}

TEST(Peers, KetamaHasItsPoints) {
  const Ketama ketama(names(50));
  EXPECT_EQ(ketama.points().size(), 50u * 160);
  const auto by_position = [](const Point& a, const Point& b) { return a.position < b.position; };
  EXPECT_TRUE(std::is_sorted(ketama.points().begin(), ketama.points().end(), by_position));
  // The four words, least byte first, of the MD5 of "worker-00000007-0".
  for (const Position position : {388540758u, 3196455557u, 3547455615u, 3940094347u}) {
    const bool there =
        std::any_of(ketama.points().begin(), ketama.points().end(),
                    [position](const Point& p) { return p.position == position && p.member == 7; });
    EXPECT_TRUE(there) << position;
  }
}

// The owner by looking at every point.
uint32_t naive_owner(const Points& sorted, Position position) {
  for (const Point& point : sorted) {
    if (point.position >= position) return point.member;
  }
  return sorted[0].member;
}

TEST(Peers, BothSortsAreStable) {
  Prng prng(5);
  for (const uint32_t size : {0u, 1u, 7u, 8u, 9u, 1'000u, 100'000u}) {
    // Many equal positions, and the lowest and highest among them.
    Points points;
    for (uint32_t i = 0; i < size; ++i) {
      const auto some = static_cast<Position>(prng.below(300));
      points.push_back({prng.chance(1, 2) ? some * 0x00deafed : ~some, i});
    }
    Points wanted = points;
    // Members tell the order that the points had.
    std::sort(wanted.begin(), wanted.end(), [](const Point& a, const Point& b) {
      return std::pair(a.position, a.member) < std::pair(b.position, b.member);
    });
    Points plain = points;
    Points spare(size);
    radix_sort(plain, spare);
    streaming_radix_sort(points, spare);
    for (uint32_t i = 0; i < size; ++i) {
      ASSERT_EQ(plain[i].member, wanted[i].member) << i << " of " << size;
      ASSERT_EQ(points[i].member, wanted[i].member) << i << " of " << size;
    }
  }
}

TEST(Peers, AllRingsAgreeWithALookAtEveryPoint) {
  const OurRing ours(40, 100);
  const Points joined = ours.points();
  ASSERT_EQ(joined.size(), 40u * 128);
  const MapRing map(joined);
  ASSERT_EQ(map.size(), joined.size()) << "a collision: take another key for this test";
  Points sorted = joined;
  Points spare(sorted.size());
  radix_sort(sorted, spare);
  const SortedRing array(sorted);
  const Ketama ketama(names(40));
  std::vector<Position> positions = {0, ~Position{0}};
  for (const Points* points : {&std::as_const(sorted), &ketama.points()}) {
    for (const Point& point : *points) {
      positions.insert(positions.end(), {point.position - 1, point.position, point.position + 1});
    }
  }
  for (const Position position : positions) {
    const uint32_t owner = naive_owner(sorted, position);
    ASSERT_EQ(map.owner(position), owner) << position;
    ASSERT_EQ(array.owner(position), owner) << position;
    ASSERT_EQ(ours.owner(position), owner) << position;
    ASSERT_EQ(ketama.owner(position), naive_owner(ketama.points(), position)) << position;
  }
}

TEST(Peers, TheSortedArrayAndOursKeepEqualPositionsInOneOrder) {
  const OurRing ours(3000, 100);
  Points sorted = ours.points();
  Points spare(sorted.size());
  radix_sort(sorted, spare);
  EXPECT_LT(MapRing(sorted).size(), sorted.size()) << "no collision: take another key";
  const SortedRing array(sorted);
  for (const Point& point : sorted) {
    ASSERT_EQ(ours.owner(point.position), array.owner(point.position)) << point.position;
  }
}

}  // namespace
}  // namespace phoenix::bench
