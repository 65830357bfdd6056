// What newcomers draw, against placing everything anew on a second ring.
// rapidcheck needs gtest before it.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "keeper/draw.h"

namespace phoenix {
namespace {

RingMember member(const std::string& id, std::vector<std::string> capabilities, uint32_t max_load) {
  RingMember record;
  record.ns = "default";
  record.id = id;
  record.max_load = max_load;
  record.capabilities = std::move(capabilities);
  return record;
}

// Packets that need one capability of a few, placed one by one on members that have some.
struct Pool {
  Placement ring{RingKey{}};
  std::vector<MemberIndex> members;
  std::vector<ClassId> classes;
  std::vector<Drawable> packets;

  explicit Pool(uint64_t capabilities) {
    for (uint64_t i = 0; i < capabilities; ++i) {
      const std::vector<std::string> required = {std::to_string(i)};
      classes.push_back(ring.intern("default", required, Match::kAll));
    }
  }
  MemberIndex join(Prng& prng, uint32_t max_load) {
    std::vector<std::string> held;
    for (size_t i = 0; i < classes.size(); ++i) {
      if (i == 0 || prng.chance(1, 2)) held.push_back(std::to_string(i));
    }
    members.push_back(ring.join(member("m" + std::to_string(members.size()), held, max_load)));
    return members.back();
  }
  void submit(Prng& prng, uint32_t load) {
    PlaceQuery query;
    query.point = static_cast<Position>(prng.next());
    query.cls = classes[prng.below(classes.size())];
    query.load = load;
    const auto owner = ring.place(query);
    if (!owner) return;
    ring.add_load(*owner, load);
    packets.push_back({*owner, query});
  }
  std::vector<uint32_t> loads() const {
    std::vector<uint32_t> all;
    for (const MemberIndex index : members) all.push_back(ring.load(index));
    return all;
  }
};

std::vector<std::pair<size_t, MemberIndex>> pairs(const std::vector<Drawn>& drawn) {
  std::vector<std::pair<size_t, MemberIndex>> all;
  for (const Drawn& one : drawn) all.emplace_back(one.packet, one.to);
  return all;
}
std::vector<Drawn> drawn_by_one(Pool& pool, MemberIndex newcomer) {
  return drawn_by(pool.ring, {&newcomer, 1}, pool.packets);
}

RC_GTEST_PROP(Draw, is_what_placing_everything_anew_gives_them, ()) {
  const auto size = *rc::gen::inRange<size_t>(1, 20);
  Prng prng(*rc::gen::arbitrary<uint64_t>());
  Pool pool(1 + prng.below(3));
  for (size_t i = 0; i < size; ++i) pool.join(prng, 1 + static_cast<uint32_t>(prng.below(60)));
  for (size_t i = 0; i < 20 * size; ++i) pool.submit(prng, 1 + static_cast<uint32_t>(i % 3));
  // Some are handed out: they count at their owners and are not shown.
  std::vector<Drawable> movable;
  for (const Drawable& packet : pool.packets) {
    if (prng.chance(2, 3)) movable.push_back(packet);
  }
  const auto joining = *rc::gen::inRange<size_t>(1, 4);
  std::vector<MemberIndex> newcomers;
  for (size_t i = 0; i < joining; ++i) {
    newcomers.push_back(pool.join(prng, 1 + static_cast<uint32_t>(prng.below(60))));
  }
  std::sort(newcomers.begin(), newcomers.end());
  const std::vector<uint32_t> before = pool.loads();
  const auto drawn = pairs(drawn_by(pool.ring, newcomers, movable));
  RC_ASSERT(pool.loads() == before);

  std::vector<std::pair<size_t, MemberIndex>> expected;
  for (const Drawable& packet : movable) {
    pool.ring.add_load(packet.owner, -int64_t{packet.query.load});
  }
  for (size_t i = 0; i < movable.size(); ++i) {
    const auto owner = pool.ring.place(movable[i].query);
    if (!owner) continue;  // room in pieces too small for it
    pool.ring.add_load(*owner, movable[i].query.load);
    if (std::find(newcomers.begin(), newcomers.end(), *owner) != newcomers.end()) {
      expected.emplace_back(i, *owner);
    }
  }
  RC_ASSERT(drawn == expected);
}

TEST(Draw, IsAnEvenShareOfEachOwner) {
  Prng prng(1);
  Pool pool(1);
  for (int i = 0; i < 3; ++i) pool.join(prng, 1'000);
  for (int i = 0; i < 900; ++i) pool.submit(prng, 1);
  // Shown owner by owner, as sessions show their outboxes.
  std::sort(pool.packets.begin(), pool.packets.end(), [](const Drawable& a, const Drawable& b) {
    return std::tie(a.owner, a.query.point) < std::tie(b.owner, b.query.point);
  });
  const MemberIndex newcomer = pool.join(prng, 1'000);
  const std::vector<Drawn> drawn = drawn_by_one(pool, newcomer);
  EXPECT_NEAR(static_cast<double>(drawn.size()), 225, 5);
  std::map<MemberIndex, int> taken;
  for (const Drawn& one : drawn) ++taken[pool.packets[one.packet].owner];
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(taken[pool.members[i]], 75, 10);
}

TEST(Draw, IsNothingForWhoCannotTakeIt) {
  Prng prng(1);
  Pool pool(1);
  for (int i = 0; i < 3; ++i) pool.join(prng, 1'000);
  for (int i = 0; i < 30; ++i) pool.submit(prng, 1);
  const MemberIndex other = pool.ring.join(member("other", {"x"}, 1'000));
  EXPECT_TRUE(drawn_by_one(pool, other).empty());
  const MemberIndex shut = pool.join(prng, 1'000);
  pool.ring.set_open(shut, false);
  EXPECT_TRUE(drawn_by_one(pool, shut).empty());
}

TEST(Draw, KeepsWithinTheRoomOfTheNewcomer) {
  Prng prng(1);
  Pool pool(1);
  for (int i = 0; i < 3; ++i) pool.join(prng, 300);
  for (int i = 0; i < 900; ++i) pool.submit(prng, 1);
  const size_t drawn = drawn_by_one(pool, pool.join(prng, 7)).size();
  EXPECT_GE(drawn, 6U);
  EXPECT_LE(drawn, 7U);
}

}  // namespace
}  // namespace phoenix
