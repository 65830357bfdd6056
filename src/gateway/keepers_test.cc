#include "gateway/keepers.h"

#include <gtest/gtest.h>

#include <set>

#include "membership/view/host_tags.h"

namespace phoenix::gateway {
namespace {

const Instant kNow{1'000'000'000};

gossip::HostRow row_of(const std::string& name, const std::string& api, uint32_t weight = 100,
                       const std::string& store = "str_1") {
  gossip::HostTags tags;
  tags.api = api;
  tags.weight = weight;
  tags.boot = 7;
  tags.identity = {.pool = "pool_1", .ring_fingerprint = "r", .store = store};
  gossip::HostRow row;
  row.name = name;
  row.tags = *gossip::make_tags(tags);
  row.endpoint = gossip::endpoint_of(std::string("\x0a\x00\x00\x05", 4), 7946);
  return row;
}

std::vector<gossip::HostRow> three() {
  return {row_of("a", "10.0.0.1:7400"), row_of("b", "10.0.0.2:7400"), row_of("c", "10.0.0.3:7400")};
}

std::string names(const Keepers& keepers, std::string_view key) {
  std::string out;
  for (const Keeper& keeper : keepers.order(key, kNow)) out += keeper.name;
  return out;
}

TEST(Keepers, AreTheHostsOfOnePoolWithAStoreAndAnApi) {
  auto rows = three();
  rows.push_back(row_of("g", "10.0.0.4:7400", 0, std::string(gossip::kNoStore)));
  rows.push_back(row_of("other", "10.0.0.5:7400", 100, "str_2"));
  rows.push_back(row_of("mute", ""));
  gossip::HostRow serf;
  serf.name = "serf";
  serf.tags = {{"role", "web"}};
  rows.push_back(serf);
  rows.push_back(row_of("dead", "10.0.0.6:7400"));
  rows.back().state = gossip::SwimState::kDead;
  Keepers keepers(false);
  keepers.update(rows);
  EXPECT_EQ(keepers.size(), 3u);
  EXPECT_EQ(keepers.well(kNow), 3u);
  EXPECT_EQ(keepers.order("k", kNow).front().url.url.substr(0, 13), "http://10.0.0");
  keepers.update({row_of("other", "10.0.0.5:7400", 100, "str_2")});
  EXPECT_EQ(keepers.size(), 0u) << "another pool stays another one, though it be the only one";
}

TEST(Keepers, EachKeyHasAnOrderOfItsOwnThatAMissingHostLeavesAsItIs) {
  Keepers keepers(false);
  keepers.update(three());
  std::set<char> firsts;
  for (int i = 0; i < 64; ++i) {
    const std::string key = "ses_" + std::to_string(i);
    const std::string before = names(keepers, key);
    firsts.insert(before.front());
    Keepers fewer(false);
    fewer.update({three()[0], three()[1]});
    std::string wanted = before;
    std::erase(wanted, 'c');
    EXPECT_EQ(names(fewer, key), wanted);
  }
  EXPECT_EQ(firsts.size(), 3u);
}

TEST(Keepers, WhoIsInTroubleSuspectedOrLeavingComesLast) {
  auto rows = three();
  rows[0].state = gossip::SwimState::kSuspect;
  Keepers keepers(false);
  keepers.update(rows);
  EXPECT_EQ(names(keepers, "k").back(), 'a');
  EXPECT_FALSE(keepers.good("a", kNow));
  keepers.trouble("b", kNow);
  EXPECT_EQ(names(keepers, "k"), "cba");
  EXPECT_FALSE(keepers.good("b", kNow));
  EXPECT_TRUE(keepers.good("c", kNow));
  EXPECT_EQ(keepers.well(kNow), 1u);
  EXPECT_TRUE(keepers.good("b", kNow + seconds(2))) << "trouble is forgotten";
  keepers.forget_trouble("b");
  EXPECT_TRUE(keepers.good("b", kNow));
  rows[2] = row_of("c", "10.0.0.3:7400", 0);
  keepers.update(rows);
  EXPECT_EQ(names(keepers, "k"), "bca") << "who gives up its slots may be leaving";
  EXPECT_FALSE(keepers.good("elsewhere", kNow));
}

TEST(Keepers, AllInTroubleAreAsGoodAsEachOther) {
  Keepers keepers(false);
  keepers.update({three()[0], three()[1]});
  keepers.trouble("a", kNow);
  keepers.trouble("b", kNow);
  EXPECT_TRUE(keepers.good("a", kNow));
  EXPECT_EQ(keepers.well(kNow), 0u);
}

TEST(Keepers, ANameIsDialledWhereItsHostGossips) {
  Keepers keepers(true);
  keepers.update({row_of("a", "a.example:7443")});
  const Keeper keeper = keepers.order("k", kNow).front();
  EXPECT_EQ(keeper.url.url, "https://10.0.0.5:7443");
  EXPECT_EQ(keeper.url.authority, "a.example:7443");
  EXPECT_EQ(keeper.tls_name, "a.example");
}

}  // namespace
}  // namespace phoenix::gateway
