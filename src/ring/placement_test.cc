#include "ring/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/prng.h"

namespace phoenix {
namespace {

RingKey test_key(uint8_t first) {
  RingKey key;
  for (size_t i = 0; i < key.bytes.size(); ++i) key.bytes[i] = static_cast<uint8_t>(first + i);
  return key;
}

RingMember make_member(const std::string& id, std::vector<std::string> capabilities,
                       uint32_t max_load = 10) {
  RingMember member;
  member.ns = "default";
  member.id = id;
  member.max_load = max_load;
  member.capabilities = std::move(capabilities);
  return member;
}

// Draws ranks 0..count-1, rank r with weight 1/(r+1), in whole numbers.
class Zipf {
 public:
  explicit Zipf(uint64_t count) {
    for (uint64_t rank = 1; rank <= count; ++rank) {
      sums_.push_back((sums_.empty() ? 0 : sums_.back()) + 1'000'000'000 / rank);
    }
  }
  size_t draw(Prng& prng) const {
    const uint64_t at = prng.below(sums_.back());
    return static_cast<size_t>(std::upper_bound(sums_.begin(), sums_.end(), at) - sums_.begin());
  }

 private:
  std::vector<uint64_t> sums_;
};

std::vector<std::string> draw_capabilities(const Zipf& zipf, Prng& prng, uint64_t count) {
  std::set<std::string> drawn;
  while (drawn.size() < count) drawn.insert("cap-" + std::to_string(zipf.draw(prng)));
  return {drawn.begin(), drawn.end()};
}

TEST(VnodeCount, follows_the_weight_with_a_constant_factor_and_is_never_zero) {
  EXPECT_EQ(vnode_count(1), 1u);
  EXPECT_EQ(vnode_count(2), 3u);
  EXPECT_EQ(vnode_count(100), 128u);
  EXPECT_EQ(vnode_count(137), 175u);
  EXPECT_EQ(vnode_count(10000), 12800u);
}

TEST(PacketPosition, keeps_apart_what_a_plain_join_would_confuse) {
  const RingKey key = test_key(1);
  const std::vector<std::string> one = {"ab"}, two = {"a", "b"}, none;
  const Position a = packet_position(key, "n", one, "");
  EXPECT_NE(a, packet_position(key, "n", two, ""));
  EXPECT_NE(a, packet_position(key, "na", std::vector<std::string>{"b"}, ""));
  EXPECT_NE(packet_position(key, "n", none, "ab"), a);
  // Longer than what fits on the stack.
  const std::vector<std::string> many(64, std::string(255, 'x'));
  EXPECT_NE(packet_position(key, "n", many, "1"), packet_position(key, "n", many, "2"));
}

TEST(Placement, says_nobody_on_an_empty_ring_and_for_a_class_that_nobody_matches) {
  Placement placement(test_key(0));
  const std::vector<std::string> wanted = {"ocr", "pdf"};
  const ClassId cls = placement.intern("default", wanted, Match::kAll);
  EXPECT_FALSE(placement.place({.cls = cls}).has_value());
  EXPECT_TRUE(placement.window({.cls = cls}).empty());
  EXPECT_EQ(placement.missing(cls), wanted);
  const MemberIndex other = placement.join(make_member("m", {"pdf"}));
  EXPECT_FALSE(placement.place({.cls = cls}).has_value());
  EXPECT_EQ(placement.missing(cls), std::vector<std::string>{"ocr"});
  EXPECT_EQ(placement.why_not(other, cls, 1), "not-capable");
}

TEST(Placement, judges_all_when_the_window_is_wider_than_the_class) {
  Placement placement(test_key(0));
  const MemberIndex a = placement.join(make_member("a", {}));
  const MemberIndex b = placement.join(make_member("b", {}));
  const ClassId cls = placement.intern("default", {}, Match::kAll);
  EXPECT_EQ(placement.place({.cls = cls, .k = 1000}), a);  // a tie goes to the smaller id
  placement.add_load(a, 1);
  EXPECT_EQ(placement.place({.cls = cls, .k = 1000}), b);
  EXPECT_EQ(placement.place({.cls = cls, .k = 1000, .avoid = b}), a);
  placement.set_open(a, false);
  EXPECT_EQ(placement.place({.cls = cls, .k = 1000, .avoid = b}), b);
  EXPECT_EQ(placement.why_not(a, cls, 1), "closed");
  EXPECT_EQ(placement.why_not(b, cls, 11), "full");
}

TEST(Placement, gives_everything_to_the_only_member) {
  Placement placement(test_key(9));
  EXPECT_EQ(placement.owner(0), kNoMember);
  for (const uint32_t weight : {1u, 10'000u}) {
    RingMember member = make_member("only", {}, 1'000'000);
    member.weight = weight;
    const MemberIndex only = placement.join(member);
    EXPECT_EQ(placement.vnodes(), vnode_count(weight));
    const ClassId cls = placement.intern("default", {}, Match::kAll);
    std::vector<Position> positions = {0, 1, ~Position{0}, Position{1} << 31};
    for (const auto& vnode : placement.all_vnodes()) positions.push_back(vnode.position + 1);
    std::vector<MemberIndex> owners(positions.size(), kNoMember);
    placement.owners(positions, owners);
    EXPECT_EQ(owners, std::vector<MemberIndex>(positions.size(), only));
    for (const Position at : {Position{0}, ~Position{0}}) {
      EXPECT_EQ(placement.owner(at), only);
      EXPECT_EQ(placement.place({.point = at, .cls = cls, .k = 64}), only);
      EXPECT_EQ(placement.window({.point = at, .cls = cls, .k = 64}).size(), 1u);
    }
    placement.release(cls);
    placement.leave(only);
    EXPECT_EQ(placement.owner(0), kNoMember);
    placement.owners(positions, owners);
    EXPECT_EQ(owners, std::vector<MemberIndex>(positions.size(), kNoMember));
  }
}

// As many as a member may have, and as many as a packet may require.
TEST(Placement, finds_the_member_with_thousands_of_capabilities) {
  PlacementOptions options;
  options.idle_classes = 0;
  Placement placement(test_key(2), options);
  const auto named = [](int first, int last) {
    std::set<std::string> names;
    for (int i = first; i < last; ++i) names.insert("cap-" + std::to_string(i));
    return std::vector<std::string>(names.begin(), names.end());
  };
  for (int i = 0; i < 50; ++i)
    placement.join(make_member("other-" + std::to_string(i), named(0, 63)));
  const MemberIndex able = placement.join(make_member("able", named(0, 4096)));
  for (const auto& wanted : {named(0, 64), named(4032, 4096), named(63, 64)}) {
    const ClassId cls = placement.intern("default", wanted, Match::kAll);
    EXPECT_EQ(placement.place({.point = 7, .cls = cls}), able);
    EXPECT_EQ(placement.capable(cls), 1u);
    placement.release(cls);
  }
  const size_t bytes = placement.bytes();
  placement.leave(able);
  const ClassId cls = placement.intern("default", named(60, 70), Match::kAll);
  EXPECT_EQ(placement.missing(cls).size(), 7u);
  // The room of names that nobody has any more is used for others.
  for (int first = 5000; first < 50'000; first += 5000) {
    placement.leave(placement.join(make_member("able", named(first, first + 4096))));
  }
  EXPECT_LT(placement.bytes(), bytes + bytes / 4);
}

TEST(Placement, prefers_merit_until_load_outweighs_it) {
  Placement placement(test_key(0));
  RingMember good = make_member("z-good", {}, 1000);
  RingMember fair = make_member("a-fair", {}, 1000);
  fair.trust = 800;
  const MemberIndex better = placement.join(good);
  const MemberIndex worse = placement.join(fair);
  const ClassId cls = placement.intern("default", {}, Match::kAll);
  placement.add_load(better, 249);  // 1000 / 1.249 > 800
  EXPECT_EQ(placement.place({.cls = cls}), better);
  placement.add_load(better, 1);  // equal: the smaller id
  EXPECT_EQ(placement.place({.cls = cls}), worse);
}

TEST(Placement, keeps_a_class_known_only_by_its_users_and_forgets_the_oldest_idle_ones) {
  Placement placement(test_key(0));
  placement.join(make_member("m", {"cap"}));
  const std::vector<std::string> wanted = {"cap"};
  const ClassId cls = placement.intern("default", wanted, Match::kAll);
  EXPECT_EQ(placement.intern("default", wanted, Match::kAll), cls);
  EXPECT_NE(placement.intern("default", wanted, Match::kAny), cls);
  EXPECT_NE(placement.intern("other", wanted, Match::kAll), cls);
  size_t bytes = 0;
  for (int i = 0; i < 100000; ++i) {
    const std::vector<std::string> once = {"cap", "rare-" + std::to_string(i)};
    placement.release(placement.intern("default", once, Match::kAll));
    if (i == 50000) bytes = placement.bytes();
  }
  EXPECT_LT(placement.bytes(), bytes + bytes / 4);
  placement.retain(cls);
  placement.release(cls);
  placement.release(cls);
  EXPECT_EQ(placement.capable(cls), 1u);  // one user is left
}

// A class whose members are all full must not cost a whole turn of the circle.
TEST(Placement, finds_the_only_one_with_room_among_many_full) {
  Placement placement(test_key(4));
  std::vector<MemberIndex> members;
  for (int i = 0; i < 2000; ++i) {
    members.push_back(placement.join(make_member("m" + std::to_string(i), {"cap"}, 1)));
    placement.add_load(members.back(), 1);
  }
  const ClassId cls = placement.intern("default", std::vector<std::string>{"cap"}, Match::kAll);
  Prng prng(1);
  for (int i = 0; i < 500; ++i) {
    const MemberIndex free = members[prng.below(members.size())];
    placement.add_load(free, -1);
    const Position point = static_cast<Position>(prng.next());
    ASSERT_EQ(placement.place({.point = point, .cls = cls}), free);
    ASSERT_EQ(placement.place({.point = point, .cls = cls, .nearest_first = true}), free);
    placement.add_load(free, 1);
    ASSERT_FALSE(placement.place({.point = point, .cls = cls}).has_value());
  }
}

// On the plain ring (k = 1) a leave moves only what the leaver owned, and its return moves back
// exactly that. Excess movement is not small, it is zero.
TEST(Placement, moves_only_the_leavers_packets_on_the_plain_ring) {
  Placement placement(test_key(7));
  std::vector<MemberIndex> members;
  for (int i = 0; i < 200; ++i) {
    members.push_back(placement.join(make_member("m" + std::to_string(i), {}, 1000000)));
  }
  const ClassId cls = placement.intern("default", {}, Match::kAll);
  Prng prng(21);
  std::vector<Position> points(20000);
  for (Position& point : points) point = static_cast<Position>(prng.next());
  const auto owners = [&] {
    std::vector<std::string> ids;
    for (const Position point : points) {
      const auto owner = placement.place({.point = point, .cls = cls, .k = 1});
      ids.emplace_back(placement.id(*owner));
    }
    return ids;
  };
  const auto before = owners();
  for (int round = 0; round < 10; ++round) {
    const size_t at = prng.below(members.size());
    const std::string id(placement.id(members[at]));
    placement.leave(members[at]);
    const auto without = owners();
    size_t moved = 0;
    for (size_t i = 0; i < points.size(); ++i) {
      if (before[i] == id) {
        ASSERT_NE(without[i], id);
        ++moved;
      } else {
        ASSERT_EQ(without[i], before[i]);
      }
    }
    EXPECT_GT(moved, 0u);
    members[at] = placement.join(make_member(id, {}, 1000000));
    ASSERT_EQ(owners(), before);
  }
}

// Every v-node's own position and the one after it, on the whole circle (no class has a ring). Over
// many keys, some buckets lie so unevenly that the first look goes past the place on either side.
TEST(Placement, finds_the_owner_at_and_after_every_vnode_of_the_circle) {
  PlacementOptions options;
  options.cache_bytes = 0;
  for (uint8_t key = 0; key < 30; ++key) {
    Placement placement(test_key(key), options);
    for (int i = 0; i < 128; ++i) placement.join(make_member("m" + std::to_string(i), {}));
    const ClassId cls = placement.intern("default", {}, Match::kAll);
    const auto circle = placement.all_vnodes();
    for (size_t at = 0; at < circle.size();) {
      const Position position = circle[at].position;
      size_t next = at;
      while (next < circle.size() && circle[next].position == position) ++next;
      ASSERT_EQ(placement.place({.point = position, .cls = cls, .k = 1}), circle[at].member);
      ASSERT_EQ(placement.place({.point = position + 1, .cls = cls, .k = 1}),
                circle[next % circle.size()].member);
      at = next;
    }
  }
}

// More capabilities than a signature has bits, so that several share one.
TEST(Placement, tells_capabilities_apart_whose_signatures_are_equal) {
  PlacementOptions options;
  options.cache_bytes = 0;
  Placement placement(test_key(5), options);
  const auto name = [](int number) { return "cap-" + std::to_string(number); };
  for (int i = 0; i < 400; ++i)
    placement.join(make_member("m" + std::to_string(i), {name(i % 200)}));
  Prng prng(4);
  for (int wanted = 0; wanted < 200; ++wanted) {
    const ClassId cls = placement.intern("default", std::vector{name(wanted)}, Match::kAll);
    const Position point = static_cast<Position>(prng.next());
    const auto owner = placement.place({.point = point, .cls = cls, .k = 1});
    ASSERT_TRUE(owner);
    const std::string_view id = placement.id(*owner);
    EXPECT_TRUE(id == "m" + std::to_string(wanted) || id == "m" + std::to_string(wanted + 200))
        << id;
  }
}

// 1,000 members with 1 to 8 of 64 capabilities, packets that need 1 (half of them), 2 (30 %) or 3
// (20 %), both drawn by Zipf's law: equal merit, k = 8.
TEST(Placement, balances_a_mixed_workload_within_five_percent) {
  for (const uint64_t seed : {1u, 2u}) {
    Prng prng(seed);
    const Zipf zipf(64);
    Placement placement(test_key(static_cast<uint8_t>(seed)));
    std::vector<MemberIndex> members;
    for (int i = 0; i < 1000; ++i) {
      const auto capabilities = draw_capabilities(zipf, prng, 1 + prng.below(8));
      members.push_back(
          placement.join(make_member("member-" + std::to_string(i), capabilities, 4000)));
    }
    uint64_t placed = 0;
    std::map<std::vector<std::string>, ClassId> classes;
    for (int i = 0; i < 400000; ++i) {
      const uint64_t kind = prng.below(10);
      const auto wanted = draw_capabilities(zipf, prng, kind < 5 ? 1 : kind < 8 ? 2 : 3);
      auto [at, fresh] = classes.try_emplace(wanted, 0);
      if (fresh) at->second = placement.intern("default", wanted, Match::kAll);
      const auto owner =
          placement.place({.point = static_cast<Position>(prng.next()), .cls = at->second});
      if (!owner) continue;
      placement.add_load(*owner, 1);
      ++placed;
    }
    uint64_t most = 0;
    for (const MemberIndex member : members)
      most = std::max<uint64_t>(most, placement.load(member));
    EXPECT_LE(most * members.size() * 100, placed * 105) << "seed " << seed;
  }
}

TEST(Placement, stays_within_its_cache_and_its_memory_per_vnode) {
  PlacementOptions options;
  options.cache_bytes = 200000;
  Placement placement(test_key(9), options);
  for (int i = 0; i < 2000; ++i) placement.join(make_member("m" + std::to_string(i), {"a", "b"}));
  const ClassId cls = placement.intern("default", std::vector<std::string>{"a"}, Match::kAll);
  Prng prng(2);
  for (int i = 0; i < 20000; ++i) {
    ASSERT_TRUE(placement.place({.point = static_cast<Position>(prng.next()), .cls = cls}));
  }
  // 400 bytes a member, 22 a v-node, and the cache.
  EXPECT_LE(placement.bytes(), 2000u * 400 + placement.vnodes() * 22 + 200000);
}

}  // namespace
}  // namespace phoenix
