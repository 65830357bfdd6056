#include "net/address.h"

#include <gtest/gtest.h>

namespace phoenix {
namespace {

TEST(Address, reads_what_people_write_and_writes_it_back) {
  for (const char* text : {"127.0.0.1:7400", "[::1]:7400", "localhost:0", "a-b.example_1:65535"}) {
    const auto address = parse_address(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_EQ(to_string(*address), text);
  }
  EXPECT_EQ(parse_address("[::1]:80")->host, "::1");
  EXPECT_EQ(parse_address("[::1]:80")->port, 80);
}

TEST(Address, refuses_everything_else_and_says_why) {
  for (const char* text :
       {"", ":", ":80", "host", "host:", "host:-1", "host:65536", "host:80x", "host: 80", "::1:80",
        "[::1]", "[::1:80", "[host]:80", "ho st:80", "h\n:80", "http://host:80"}) {
    const auto address = parse_address(text);
    ASSERT_FALSE(address.has_value()) << text;
    EXPECT_EQ(address.error().kind, ErrorKind::kInvalidRequest);
    EXPECT_NE(address.error().detail.find("HOST:PORT"), std::string::npos);
  }
}

TEST(Address, resolves_names_and_literals) {
  const auto literal = resolve({"127.0.0.1", 9});
  ASSERT_TRUE(literal.has_value());
  EXPECT_EQ(literal->front(), (Address{"127.0.0.1", 9}));
  const auto name = resolve({"localhost", 9});
  ASSERT_TRUE(name.has_value());
  EXPECT_TRUE(is_loopback(name->front().host));
  EXPECT_FALSE(resolve({"no-such-host.invalid", 9}).has_value());
}

TEST(Address, knows_loopback) {
  for (const char* host : {"127.0.0.1", "127.255.0.3", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const char* host : {"0.0.0.0", "128.0.0.1", "::", "::ffff:10.0.0.1", "localhost", ""}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
  EXPECT_TRUE(is_literal("::1"));
  EXPECT_FALSE(is_literal("localhost"));
}

}  // namespace
}  // namespace phoenix
