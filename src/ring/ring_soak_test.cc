// A large ring against a sorted array: 20,000 members of 128 v-nodes, or as many as the environment
// says in PHOENIX_SOAK_MEMBERS. With a million (some 6 GiB, a few minutes) nearly two million
// v-nodes lie where another one lies already.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/prng.h"
#include "ring/placement.h"

namespace phoenix {
namespace {

RingKey test_key() {
  RingKey key;
  for (uint8_t i = 0; i < 16; ++i) key.bytes[i] = i;
  return key;
}

uint32_t members_wanted() {
  const char* text = std::getenv("PHOENIX_SOAK_MEMBERS");
  return text == nullptr ? 20'000 : static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
}

// Numbers of one length, so that the order of the ids is that of the numbers.
std::string id_of(uint32_t number) {
  std::string digits = std::to_string(number);
  return "m" + std::string(9 - digits.size(), '0') + digits;
}

// All v-nodes as position << 32 | number, sorted: by position, then by id.
class SortedArray {
 public:
  void add(uint32_t number, uint32_t weight) {
    for (uint32_t replica = 0; replica < vnode_count(weight); ++replica) {
      const Position position = vnode_position(key_, "default", id_of(number), replica);
      fresh_.push_back(uint64_t{position} << 32 | number);
    }
  }
  void remove(const std::vector<bool>& numbers) {
    const auto goes = [&](uint64_t point) { return numbers[point & 0xffffffff]; };
    std::erase_if(points_, goes);
    std::erase_if(fresh_, goes);
  }
  void settle() {
    std::sort(fresh_.begin(), fresh_.end());
    std::vector<uint64_t> all(points_.size() + fresh_.size());
    std::merge(points_.begin(), points_.end(), fresh_.begin(), fresh_.end(), all.begin());
    points_ = std::move(all);
    fresh_ = {};
  }
  const std::vector<uint64_t>& points() const { return points_; }
  uint32_t owner(Position position) const {
    const auto at = std::lower_bound(points_.begin(), points_.end(), uint64_t{position} << 32);
    return static_cast<uint32_t>(at == points_.end() ? points_.front() : *at);
  }
  size_t collisions() const {
    size_t count = 0;
    for (size_t i = 1; i < points_.size(); ++i) count += points_[i] >> 32 == points_[i - 1] >> 32;
    return count;
  }

 private:
  RingKey key_ = test_key();
  std::vector<uint64_t> points_;
  std::vector<uint64_t> fresh_;
};

class RingSoak : public testing::Test {
 protected:
  void join(uint32_t number, uint32_t weight) {
    if (number >= indexes_.size()) indexes_.resize(number + 1, kNoMember);
    RingMember record;
    record.ns = "default";
    record.id = id_of(number);
    record.weight = weight;
    indexes_[number] = ring_.join(record);
    sorted_.add(number, weight);
  }
  // The array follows with settle().
  void leave(uint32_t number) {
    ring_.leave(indexes_[number]);
    indexes_[number] = kNoMember;
    gone_[number] = true;
  }
  void reweigh(uint32_t number, uint32_t weight) {
    RingMember record;
    record.ns = "default";
    record.id = id_of(number);
    record.weight = weight;
    ring_.update(indexes_[number], record);
    gone_[number] = true;
    again_.emplace_back(number, weight);
  }
  void settle() {
    sorted_.remove(gone_);
    for (const auto& [number, weight] : again_) sorted_.add(number, weight);
    again_.clear();
    gone_.assign(gone_.size(), false);
    sorted_.settle();
    ASSERT_EQ(ring_.vnodes(), sorted_.points().size());
  }

  // At v-nodes, beside them, and anywhere; above all where two v-nodes have one position.
  void check_lookups(uint64_t seed) {
    Prng prng(seed);
    const auto& points = sorted_.points();
    std::vector<Position> positions = {0, ~Position{0}};
    for (int i = 0; i < 100'000; ++i) {
      const auto at = static_cast<Position>(points[prng.below(points.size())] >> 32);
      positions.insert(positions.end(), {at, at - 1, at + 1, static_cast<Position>(prng.next())});
    }
    for (size_t i = 1; i < points.size() && positions.size() < 1'000'000; ++i) {
      const auto at = static_cast<Position>(points[i] >> 32);
      if (at == points[i - 1] >> 32) positions.insert(positions.end(), {at, at - 1, at + 1});
    }
    std::vector<MemberIndex> owners(positions.size());
    ring_.owners(positions, owners);
    for (size_t i = 0; i < positions.size(); ++i) {
      const MemberIndex expected = indexes_[sorted_.owner(positions[i])];
      ASSERT_EQ(owners[i], expected) << positions[i];
      ASSERT_EQ(ring_.owner(positions[i]), expected) << positions[i];
    }
  }

  Placement ring_{test_key()};
  SortedArray sorted_;
  std::vector<MemberIndex> indexes_;  // by number
  std::vector<bool> gone_;
  std::vector<std::pair<uint32_t, uint32_t>> again_;  // with a new weight
};

TEST_F(RingSoak, agrees_with_a_sorted_array_through_joins_leaves_and_weights) {
  const uint32_t count = members_wanted();
  for (uint32_t number = 0; number < count; ++number) join(number, 100);
  gone_.assign(2 * size_t{count}, false);
  sorted_.settle();
  check_lookups(1);

  // As many as chance brings about.
  const double pairs = std::pow(static_cast<double>(sorted_.points().size()), 2) / 2;
  const double expected = pairs / 4294967296.0;
  const size_t collisions = sorted_.collisions();
  std::printf("%zu v-nodes, %zu of them where one lies already\n", sorted_.points().size(),
              collisions);
  EXPECT_NEAR(static_cast<double>(collisions), expected, 4 * std::sqrt(expected) + expected / 50);

  Prng prng(2);
  for (uint64_t round = 0; round < 4; ++round) {
    for (uint32_t i = 0; i < count / 50; ++i) {
      const auto number = static_cast<uint32_t>(prng.below(indexes_.size()));
      if (indexes_[number] == kNoMember || gone_[number]) continue;
      if (prng.chance(1, 2)) {
        leave(number);
      } else {
        reweigh(number, static_cast<uint32_t>(1 + prng.below(300)));
      }
      // Those who come are not held up by those who go.
      if (prng.chance(1, 4)) join(static_cast<uint32_t>(indexes_.size()), 100);
    }
    settle();
    check_lookups(3 + round);
    if (HasFatalFailure()) return;
  }

  const size_t bytes = ring_.bytes();
  for (uint32_t number = 0; number < indexes_.size(); ++number) {
    if (indexes_[number] == kNoMember) continue;
    leave(number);
    if (number != indexes_.size() * 3 / 4) continue;
    settle();
    check_lookups(9);
    EXPECT_LT(ring_.bytes(), bytes / 2);  // what is not needed is given back
  }
  EXPECT_EQ(ring_.vnodes(), 0u);
  EXPECT_EQ(ring_.owner(0), kNoMember);
}

}  // namespace
}  // namespace phoenix
