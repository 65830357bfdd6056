#include "peer/hello.h"

#include <gtest/gtest.h>

#include "base/msgpack.h"

namespace phoenix::peer {
namespace {

Hello hello() {
  return {{"pool", "store", "ring", 128}, {"alpha", 7}, {"beta", 9}, kRelays, milliseconds(200)};
}

TEST(Hello, ComesBackAsItWas) {
  const auto read = decode_hello(encode(hello()));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->identity, hello().identity);
  EXPECT_EQ(read->self, hello().self);
  EXPECT_EQ(read->wanted, hello().wanted);
  EXPECT_EQ(read->features, kRelays);
  EXPECT_EQ(read->beat, milliseconds(200));
}

TEST(Hello, IsReadStrictly) {
  const std::string good = encode(hello());
  EXPECT_FALSE(decode_hello(good + "x"));
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(decode_hello(good.substr(0, size)));
  const auto refused = [](auto change) {
    Hello bad = hello();
    change(bad);
    return !decode_hello(encode(bad));
  };
  EXPECT_TRUE(refused([](Hello& h) { h.self.host = ""; }));
  EXPECT_TRUE(refused([](Hello& h) { h.self.life = 0; }));
  EXPECT_TRUE(refused([](Hello& h) { h.wanted.life = 0; }));
  EXPECT_TRUE(refused([](Hello& h) { h.identity.pool = std::string(256, 'p'); }));
  EXPECT_TRUE(refused([](Hello& h) { h.beat = {0}; }));
  EXPECT_TRUE(refused([](Hello& h) { h.beat = seconds(61); }));
  EXPECT_FALSE(refused([](Hello& h) { h.features = UINT64_MAX; }));
}

TEST(Opening, NamesItsVersionsAndNothingElseIsOne) {
  const auto read = decode_opening(encode(Opening{1, 3}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->oldest, 1);
  EXPECT_EQ(read->newest, 3);
  EXPECT_FALSE(decode_opening(encode(Opening{3, 1})));
  EXPECT_FALSE(decode_opening("PHXL"));
  EXPECT_TRUE(may_be_opening("PH"));
  EXPECT_FALSE(may_be_opening("PX"));
  EXPECT_EQ(common_protocol({1, 3}, {2, 9}), 3);
  EXPECT_EQ(common_protocol({1, 3}, {4, 9}), 0);
}

TEST(Refusal, IsReadFromTheOtherSide) {
  const Refusal sent{RefusalCode::kIdentity, {{"store", "str_a", "str_b"}}};
  const auto read = decode_refusal(encode(sent));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (Refusal{RefusalCode::kIdentity, {{"store", "str_b", "str_a"}}}));
  EXPECT_FALSE(decode_refusal(encode(sent) + "x"));
}

}  // namespace
}  // namespace phoenix::peer
