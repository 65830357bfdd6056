#include "membership/endpoint.h"

#include <gtest/gtest.h>

#include "membership/wire/test_hex.h"

namespace phoenix::gossip {
namespace {

std::string text(std::string_view hex, uint16_t port = 7946) {
  return to_string(endpoint_of(from_hex(hex), port));
}

TEST(Endpoint, ReadsAsPeopleWriteIt) {
  EXPECT_EQ(text("7f000001"), "127.0.0.1:7946");
  EXPECT_EQ(text("ffffffff", 1), "255.255.255.255:1");
  EXPECT_EQ(text("00000000000000000000000000000001"), "[::1]:7946");
  EXPECT_EQ(text("00000000000000000000000000000000"), "[::]:7946");
  EXPECT_EQ(text("fe800000000000000000000000000001"), "[fe80::1]:7946");
  EXPECT_EQ(text("20010db8000000000001000000000001"), "[2001:db8::1:0:0:1]:7946");
  EXPECT_EQ(text("20010db8000000010001000100010001"), "[2001:db8:0:1:1:1:1:1]:7946");
  EXPECT_EQ(text("00010002000300040005000600000000"), "[1:2:3:4:5:6::]:7946");
  EXPECT_EQ(text("00000000000300040005000600070008"), "[::3:4:5:6:7:8]:7946");
  EXPECT_EQ(to_string(Endpoint{}), "none");
}

TEST(Endpoint, AMappedAddressIsTheOneItMaps) {
  EXPECT_EQ(endpoint_of(from_hex("00000000000000000000ffff7f000001"), 80),
            endpoint_of(from_hex("7f000001"), 80));
}

TEST(Endpoint, WrongSizesAreNoAddress) {
  for (const std::string_view hex :
       {"", "7f", "7f0000", "7f00000101", "00112233445566778899aabbccddee",
        "00112233445566778899aabbccddeeff00"}) {
    const Endpoint endpoint = endpoint_of(from_hex(hex), 80);
    EXPECT_FALSE(endpoint.valid()) << hex;
    EXPECT_EQ(endpoint.bytes(), "") << hex;
    EXPECT_EQ(to_string(endpoint), "none");
  }
  EXPECT_FALSE(endpoint_of(from_hex("7f000001"), 0).valid());
  EXPECT_TRUE(endpoint_of(from_hex("7f000001"), 80).valid());
}

TEST(Endpoint, SomeAddressesAreOfNoHostOrOfMany) {
  for (const std::string_view hex :
       {"7f000001", "0a000001", "dfffffff", "000000ff", "00000000000000000000000000000001",
        "fe800000000000000000000000000001"}) {
    EXPECT_TRUE(of_one_host(endpoint_of(from_hex(hex), 80))) << hex;
  }
  for (const std::string_view hex :
       {"", "00000000", "e0000001", "ffffffff", "00000000000000000000000000000000",
        "ff020000000000000000000000000001"}) {
    EXPECT_FALSE(of_one_host(endpoint_of(from_hex(hex), 80))) << hex;
  }
}

}  // namespace
}  // namespace phoenix::gossip
