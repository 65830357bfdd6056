#include "membership/swim/host_table.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/prng.h"
#include "membership/swim/remembered_hosts.h"

namespace phoenix::gossip {
namespace {

std::string name_of(uint64_t i) { return "host-" + std::to_string(i); }
Instant at(int64_t s) { return {seconds(s).ns}; }

TEST(HostTable, MakesRoomForThoseThatAreExpectedAndNoMore) {
  HostTable table(RingKey{}, 400);
  table.add("self", "", at(0));
  table.expect(300);
  const size_t room = table.room();
  EXPECT_GE(room, 300U);
  EXPECT_LT(room, 330U);
  for (uint64_t i = 1; i < 300; ++i) table.add(name_of(i), "", at(0));
  EXPECT_EQ(table.room(), room);
  table.expect(1'000'000);  // whatever somebody claims
  EXPECT_LE(table.room(), 400U);
}

// Against a map, through many thousand random changes.
TEST(HostTable, FindsWhoIsThereAndNobodyElse) {
  Prng prng(11);
  HostTable table(RingKey{}, 400);
  table.add("self", "", at(0));
  std::map<std::string, HostNumber> model;
  std::map<std::string, std::string> metas;
  for (int64_t step = 0; step < 60'000; ++step) {
    const std::string name = name_of(prng.below(600));
    const auto found = model.find(name);
    ASSERT_EQ(table.find(name), found == model.end() ? HostTable::kNone : found->second);
    if (found == model.end()) {
      if (table.full()) continue;
      metas[name] = std::string(prng.below(20), 'm');
      model[name] = table.add(name, metas[name], at(step));
    } else if (prng.chance(1, 3)) {
      table.remove(found->second);
      model.erase(found);
    } else if (prng.chance(1, 3)) {
      metas[name] = std::string(prng.below(500), 'n');
      table.set_meta(found->second, metas[name]);
    } else {
      table.set_state(found->second, static_cast<SwimState>(prng.below(4)), at(step));
    }
  }
  EXPECT_GT(model.size(), 250u);
  size_t live = 0, suspects = 0, gone = 0;
  for (const auto& [name, host] : model) {
    EXPECT_EQ(table.find(name), host);
    EXPECT_EQ(table.name(host), name);
    EXPECT_EQ(table.meta(host), metas[name]);
    (table[host].live() ? live : gone) += 1;
    suspects += table[host].state == SwimState::kSuspect;
  }
  EXPECT_EQ(table.known(), model.size() + 1);
  EXPECT_EQ(table.live().size(), live);
  EXPECT_EQ(table.suspects(), suspects);
  EXPECT_EQ(table.gone(), gone);
  EXPECT_LE(table.limit(), 400u);
  // Out they go, those first who went first.
  Instant last = at(-1);
  while (table.longest_gone() != HostTable::kNone) {
    EXPECT_LE(last, table[table.longest_gone()].since);
    last = table[table.longest_gone()].since;
    table.remove(table.longest_gone());
  }
  EXPECT_EQ(table.gone(), 0u);
  EXPECT_EQ(table.known(), live + 1);
}

TEST(HostTable, ANumberThatIsUsedAgainIsAnotherLife) {
  HostTable table(RingKey{}, 10);
  table.add("self", "", at(0));
  const HostNumber a = table.add("a", "", at(0));
  const uint32_t life = table[a].life;
  EXPECT_TRUE(table.same(a, life));
  table.remove(a);
  EXPECT_FALSE(table.same(a, life));
  EXPECT_EQ(table.add("b", "", at(0)), a);
  EXPECT_FALSE(table.same(a, life));
  EXPECT_TRUE(table.same(a, table[a].life));
}

TEST(HostTable, AHostIsSmall) { EXPECT_LE(sizeof(HostTable::Host), 88u); }

Endpoint place(uint64_t i) {
  const char ip[4] = {10, static_cast<char>(i >> 16), static_cast<char>(i >> 8),
                      static_cast<char>(i)};
  return endpoint_of({ip, 4}, 7946);
}

TEST(RememberedHosts, KeepsThoseThatLivedLongest) {
  RememberedHosts hosts;
  for (uint64_t i = 0; i < RememberedHosts::kMost; ++i) {
    EXPECT_TRUE(hosts.answered(name_of(i), place(i), 1'000));
  }
  // The first hundred go on living, then a thousand newcomers pass by.
  for (uint64_t i = 0; i < 100; ++i) EXPECT_FALSE(hosts.answered(name_of(i), place(i), 9'000));
  for (uint64_t i = 0; i < 1'000; ++i) {
    EXPECT_TRUE(hosts.answered("new-" + std::to_string(i), place(1 << 20 | i), 9'000 + i));
  }
  EXPECT_EQ(hosts.size(), RememberedHosts::kMost);
  const auto list = hosts.list();
  for (uint64_t i = 0; i < 100; ++i) EXPECT_EQ(list[i].last_seen - list[i].first_seen, 8'000);
  RememberedHosts next;
  next.load(list);
  EXPECT_EQ(next.size(), RememberedHosts::kMost);
}

TEST(RememberedHosts, FollowsAHostToAnotherAddressAndForgetsWhoLeft) {
  RememberedHosts hosts;
  EXPECT_TRUE(hosts.answered("a", place(1), 1));
  EXPECT_TRUE(hosts.answered("b", place(2), 1));
  EXPECT_FALSE(hosts.answered("a", place(1), 2));
  EXPECT_TRUE(hosts.answered("a", place(3), 3));
  EXPECT_TRUE(hosts.forget("b"));
  EXPECT_FALSE(hosts.forget("b"));
  Prng prng(1);
  EXPECT_EQ(hosts.any(prng).endpoint, place(3));
}

}  // namespace
}  // namespace phoenix::gossip
