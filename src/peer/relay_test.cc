#include "peer/relay.h"

#include <gtest/gtest.h>

namespace phoenix::peer {
namespace {

TEST(Relay, ComesBackAsItWasAndIsReadStrictly) {
  const RelayMessage sent{{"alpha", 1}, {"beta", 2}, 7, RelayOp::kData, 1'000'000, "bytes"};
  const std::string good = encode(sent);
  const auto read = decode_relay(good);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->from, sent.from);
  EXPECT_EQ(read->to, sent.to);
  EXPECT_EQ(read->circuit, 7u);
  EXPECT_EQ(read->op, RelayOp::kData);
  EXPECT_EQ(read->at, 1'000'000u);
  EXPECT_EQ(read->bytes, "bytes");
  EXPECT_FALSE(decode_relay(good + "x"));
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_relay(std::string_view(good).substr(0, size)));
  }
  RelayMessage bad = sent;
  bad.bytes = "";
  EXPECT_FALSE(decode_relay(encode(bad))) << "data without bytes";
  bad.op = RelayOp::kOpen;
  EXPECT_TRUE(decode_relay(encode(bad)));
  bad.bytes = "x";
  EXPECT_FALSE(decode_relay(encode(bad))) << "bytes where none belong";
  bad = sent;
  bad.from.life = 0;
  EXPECT_FALSE(decode_relay(encode(bad)));
}

}  // namespace
}  // namespace phoenix::peer
