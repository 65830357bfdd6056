#include "membership/view/host_tags.h"

#include <gtest/gtest.h>

#include <vector>

namespace phoenix::gossip {
namespace {

HostTags usual() {
  HostTags out;
  out.api = "10.0.0.1:7400";
  out.peer = "10.0.0.1:7401";
  out.version = "0.1.0";
  out.weight = 250;
  out.boot = 0x1234;
  out.identity = {"pool_a", "00ff00ff00ff00ff", 128, "str_a"};
  return out;
}

TEST(HostTags, ReadWhatTheyWrote) {
  const HostTags host = usual();
  const TagMap tags = *make_tags(host);
  EXPECT_EQ(tags.at("boot"), "0000000000001234");
  EXPECT_EQ(tags.at("weight"), "250");
  const auto back = parse_tags(tags);
  ASSERT_TRUE(back && *back);
  EXPECT_EQ((*back)->messages, 1u);
  EXPECT_EQ((*back)->api, host.api);
  EXPECT_EQ((*back)->peer, host.peer);
  EXPECT_EQ((*back)->version, host.version);
  EXPECT_EQ((*back)->weight, 250u);
  EXPECT_EQ((*back)->boot, 0x1234u);
  EXPECT_EQ((*back)->identity, host.identity);
}

TEST(HostTags, AreReadTheSameWhereTheyStand) {
  TagMap tags = *make_tags(usual());
  tags["zone"] = "a user's own";
  const std::vector<std::pair<std::string_view, std::string_view>> views(tags.begin(), tags.end());
  const auto back = parse_tags(TagSpan(views));
  ASSERT_TRUE(back && *back);
  EXPECT_EQ(*make_tags(**back), *make_tags(usual()));
  EXPECT_FALSE(*parse_tags(TagSpan()));
}

TEST(HostTags, AreAbsentOfAForeigner) {
  const auto back = parse_tags({{"role", "web"}, {"weight", "heavy"}});
  ASSERT_TRUE(back);
  EXPECT_FALSE(*back);
}

TEST(HostTags, NeverGrowBeyondTheirShare) {
  HostTags host = usual();
  host.messages = host.weight = host.identity.vnode_factor = UINT32_MAX;
  host.boot = UINT64_MAX;
  host.api = host.peer = std::string(64, 'x');
  host.version = std::string(32, 'v');
  host.identity.pool = host.identity.store = host.identity.ring_fingerprint =
      std::string(1'000, 'i');
  const TagMap tags = *make_tags(host);
  EXPECT_LE(encoded_size(tags), kMaxHostTags);
  const auto back = parse_tags(tags);
  ASSERT_TRUE(back && *back);
  EXPECT_EQ(difference(host.identity, (*back)->identity), "");
}

TEST(HostTags, RefuseWhatIsTooLongOrNoProcess) {
  HostTags host = usual();
  host.api = std::string(65, 'x');
  EXPECT_EQ(make_tags(host).error().fields[0].pointer, "tag:api");
  host = usual();
  host.version = std::string(33, 'v');
  EXPECT_EQ(make_tags(host).error().fields[0].pointer, "tag:ver");
  host = usual();
  host.boot = 0;
  EXPECT_FALSE(make_tags(host));
}

TEST(HostTags, NameTheTagThatIsWrong) {
  const TagMap good = *make_tags(usual());
  for (const auto& [name, value] : {std::pair<std::string, std::string>{"phx", "0"},
                                    {"phx", "one"},
                                    {"weight", ""},
                                    {"weight", "-1"},
                                    {"weight", "4294967296"},
                                    {"vnf", "128x"},
                                    {"boot", "1234"},
                                    {"boot", "0000000000000000"},
                                    {"boot", "000000000000123g"}}) {
    TagMap tags = good;
    tags[name] = value;
    const auto back = parse_tags(tags);
    ASSERT_FALSE(back) << name << "=" << value;
    EXPECT_EQ(back.error().fields[0].pointer, "tag:" + name);
  }
  TagMap tags = good;
  tags.erase("vnf");
  EXPECT_FALSE(parse_tags(tags));
}

TEST(HostTags, KnowTheirNames) {
  const TagMap tags = *make_tags(usual());
  for (const auto& [name, value] : tags) EXPECT_TRUE(is_host_tag(name)) << name;
  EXPECT_FALSE(is_host_tag("role"));
}

TEST(HostTags, CountBytesAsSerfEncodesThem) {
  EXPECT_EQ(encoded_size({}), 2u);
  EXPECT_EQ(encoded_size({{"a", "b"}}), 2u + 2 + 2);
  EXPECT_EQ(encoded_size({{"a", std::string(32, 'b')}}), 2u + 2 + 3 + 32);
  TagMap many;
  for (int i = 10; i < 26; ++i) many[std::to_string(i)] = "";
  EXPECT_EQ(encoded_size(many), 1u + 3 + 16 * (3 + 1));
}

TEST(PoolIdentity, SaysWhatDiffers) {
  const PoolIdentity ours = usual().identity;
  PoolIdentity theirs = ours;
  EXPECT_EQ(difference(ours, theirs), "");
  theirs.store = "str_b";
  EXPECT_EQ(difference(ours, theirs), "store: ours str_a, theirs str_b");
  theirs.vnode_factor = 64;
  theirs.pool = "";
  EXPECT_EQ(difference(ours, theirs),
            "pool: ours pool_a, theirs none; v-node factor: ours 128, theirs 64; "
            "store: ours str_a, theirs str_b");
}

TEST(PoolIdentity, TellsLongIdsApartInWhateverTheyDiffer) {
  PoolIdentity ours, theirs;
  ours.pool = std::string(200, 'p') + "1";
  theirs.pool = std::string(200, 'p') + "2";
  EXPECT_NE(difference(ours, theirs), "");
  EXPECT_EQ(tag_text(ours.pool).size(), kMaxTagText);
  EXPECT_EQ(tag_text(std::string(kMaxTagText, 'p')), std::string(kMaxTagText, 'p'));
}

}  // namespace
}  // namespace phoenix::gossip
