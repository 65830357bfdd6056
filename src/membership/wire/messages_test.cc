// Vectors: written by memberlist 0.2.2 with go-msgpack 0.5.5 and by memberlist 0.5.2 with
// go-msgpack 2.1.2. Where the two differ both are read, and the older one is written.
#include "membership/wire/messages.h"

#include <gtest/gtest.h>

#include <optional>

#include "membership/wire/go_msgpack.h"
#include "membership/wire/test_hex.h"

namespace phoenix::gossip {
namespace {

constexpr std::string_view kLongName = "0123456789012345678901234567890123456789";

// Encodes to exactly these bytes, and they decode to what encodes to them again.
template <typename Message>
void expect_vector(const Message& message, std::string_view hex) {
  const std::string bytes = encode(message);
  EXPECT_EQ(to_hex(bytes), hex);
  const std::string golden = from_hex(hex);
  Message decoded;
  ASSERT_TRUE(decode(std::string_view(golden).substr(1), decoded)) << hex;
  EXPECT_EQ(to_hex(encode(decoded)), hex);
  // Nothing that was cut off decodes.
  for (size_t size = 1; size < golden.size(); ++size) {
    EXPECT_FALSE(decode(std::string_view(golden).substr(1, size - 1), decoded)) << hex << size;
  }
}

TEST(Messages, PingVectors) {
  Ping ping;
  ping.seq_no = 1;
  ping.node = "b";
  expect_vector(ping, "0082a44e6f6465a162a55365714e6f01");
  ping.seq_no = 4242;
  ping.node = "n11";
  expect_vector(ping, "0082a44e6f6465a36e3131a55365714e6fcd1092");
  ping.seq_no = UINT32_MAX;
  ping.node = kLongName;
  expect_vector(
      ping,
      "0082a44e6f6465da0028303132333435363738393031323334353637383930313233343536373839303"
      "13233343536373839a55365714e6fceffffffff");
  const std::string address = from_hex("7f00000b");
  ping = {300, "n11", {address, 7946, "n12"}};
  expect_vector(
      ping,
      "0085a44e6f6465a36e3131a55365714e6fcd012caa536f7572636541646472a47f00000baa536f75726"
      "3654e6f6465a36e3132aa536f75726365506f7274cd1f0a");
}

TEST(Messages, IndirectPingVectors) {
  const std::string target = from_hex("0a000001");
  expect_vector(
      IndirectPing{7, target, 7946, "t", true, {}},
      "0185a44e61636bc3a44e6f6465a174a4506f7274cd1f0aa55365714e6f07a6546172676574a40a00000"
      "1");
  const std::string target6 = from_hex("00000000000000000000000000000001");
  const std::string source = from_hex("0a000002");
  expect_vector(
      IndirectPing{70'000, target6, 80, "t", false, {source, 7947, "s"}},
      "0188a44e61636bc2a44e6f6465a174a4506f727450a55365714e6fce00011170aa536f7572636541646"
      "472a40a000002aa536f757263654e6f6465a173aa536f75726365506f7274cd1f0ba654617267657"
      "4b000000000000000000000000000000001");
}

TEST(Messages, AnswerVectors) {
  expect_vector(Ack{70'000, ""}, "0282a75061796c6f6164c0a55365714e6fce00011170");
  expect_vector(Ack{5, "xyz"}, "0282a75061796c6f6164a378797aa55365714e6f05");
  expect_vector(Nack{200}, "0b81a55365714e6fccc8");
  expect_vector(ErrorMessage{"bad"}, "0d81a54572726f72a3626164");
}

TEST(Messages, ClaimVectors) {
  expect_vector(Suspect{128, "n", "f"},
                "0383a446726f6da166ab496e6361726e6174696f6ecc80a44e6f6465a16e");
  expect_vector(Dead{4'294'901'760, "n", "n"},
                "0583a446726f6da16eab496e6361726e6174696f6eceffff0000a44e6f6465a16e");
  expect_vector(Dead{1, "py1", "py1"},
                "0583a446726f6da3707931ab496e6361726e6174696f6e01a44e6f6465a3707931");
  const std::string address = from_hex("0a000001");
  const std::string versions = from_hex("010502020505");
  expect_vector(
      Alive{3, "n", address, 80, "", versions},
      "0486a441646472a40a000001ab496e6361726e6174696f6e03a44d657461c0a44e6f6465a16ea4506f7"
      "27450a356736ea6010502020505");
  const std::string address6 = from_hex("fe800000000000000000000000000001");
  const std::string meta(40, 'm');
  expect_vector(Alive{65'536, kLongName, address6, 7946, meta, versions},
                "0486a441646472b0fe800000000000000000000000000001ab496e6361726e6174696f6ece000100"
                "00a44d657461da00286d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d"
                "6d6d6d6d6d6d6d6d6da44e6f6465da00283031323334353637383930313233343536373839303132"
                "3334353637383930313233343536373839a4506f7274cd1f0aa356736ea6010502020505");
}

TEST(Messages, PushPullVector) {
  const std::string a = from_hex("0a000001"), b = from_hex("0a000002"), meta = from_hex("ff80");
  const std::string versions = from_hex("010502020505");
  PushPull message;
  message.join = true;
  message.nodes = {{"a", a, 80, "", 1, SwimState::kAlive, versions},
                   {"b", b, 7946, meta, 300, SwimState::kLeft, versions}};
  message.user_state = "user";
  expect_vector(
      message,
      "0683a44a6f696ec3a54e6f64657302ac5573657253746174654c656e0487a441646472a40a000001ab4"
      "96e6361726e6174696f6e01a44d657461c0a44e616d65a161a4506f727450a5537461746500a3567"
      "36ea601050202050587a441646472a40a000002ab496e6361726e6174696f6ecd012ca44d657461a"
      "2ff80a44e616d65a162a4506f7274cd1f0aa5537461746503a356736ea601050202050575736572");
}

TEST(Messages, BothGenerationsOfCountsAreRead) {
  for (const std::string_view hex :
       {"83a44a6f696ec3a54e6f646573ccc8ac5573657253746174654c656ece00011170",
        "83a44a6f696ec3a54e6f646573d100c8ac5573657253746174654c656ed200011170"}) {
    const std::string bytes = from_hex(hex);
    GoReader in(bytes);
    PushPullHeader header;
    ASSERT_TRUE(decode_header(in, header)) << hex;
    EXPECT_TRUE(header.join);
    EXPECT_EQ(header.nodes, 200U);
    EXPECT_EQ(header.user_state_bytes, 70'000U);
  }
}

TEST(Messages, CountsOutOfRangeAreRefused) {
  PushPull message;
  // Negative, huge, and more than there is, of hosts and of user state.
  for (const std::string_view counts :
       {"ff 00", "00 ff", "d3ffffffffffffff00 00", "ce00020001 00", "cf7fffffffffffffff 00",
        "00 ce01400001", "01 00", "00 01"}) {
    const std::string body =
        from_hex("93") + from_hex(counts) + from_hex("c3");  // Nodes, UserStateLen, Join
    EXPECT_FALSE(decode(body, message)) << counts;
    EXPECT_LE(message.nodes.capacity(), 4U);
  }
  EXPECT_TRUE(decode(from_hex("93 00 00 c2"), message));
}

TEST(Messages, APushPullNeedsNamesAndKnownStates) {
  PushPull message;
  const std::string header = from_hex("93 01 00 c2");
  EXPECT_TRUE(decode(header + from_hex("97 a161 c0 00 c0 01 03 c0"), message));
  EXPECT_EQ(message.nodes.at(0).state, SwimState::kLeft);
  EXPECT_FALSE(decode(header + from_hex("97 a161 c0 00 c0 01 04 c0"), message));
  EXPECT_FALSE(decode(header + from_hex("97 a161 c0 00 c0 01 ff c0"), message));
  EXPECT_FALSE(decode(header + from_hex("97 a0 c0 00 c0 01 00 c0"), message));
  EXPECT_FALSE(decode(header + from_hex("80"), message));
  EXPECT_FALSE(decode(header + from_hex("c0"), message));
}

TEST(Messages, TheArrayFormFollowsTheDeclaration) {
  Ping ping;
  const std::string ping_bytes = from_hex("95 07 a162 a40a000001 50 a173");
  EXPECT_TRUE(decode(ping_bytes, ping));
  EXPECT_EQ(ping.seq_no, 7U);
  EXPECT_EQ(ping.node, "b");
  EXPECT_EQ(ping.source.port, 80);
  EXPECT_EQ(ping.source.node, "s");
  const std::string indirect_bytes = from_hex("98 07 a40a000001 50 a174 c3 a40a000002 51 a173");
  IndirectPing indirect;
  EXPECT_TRUE(decode(indirect_bytes, indirect));
  EXPECT_EQ(to_hex(indirect.target), "0a000001");
  EXPECT_EQ(indirect.port, 80);
  EXPECT_EQ(indirect.node, "t");
  EXPECT_TRUE(indirect.nack);
  EXPECT_EQ(indirect.source.port, 81);
  EXPECT_EQ(indirect.source.node, "s");
  Alive alive;
  const std::string alive_bytes = from_hex("96 03 a16e a40a000001 50 a16d a6010502020505");
  EXPECT_TRUE(decode(alive_bytes, alive));
  EXPECT_EQ(alive.incarnation, 3U);
  EXPECT_EQ(alive.node, "n");
  EXPECT_EQ(alive.port, 80);
  EXPECT_EQ(alive.meta, "m");
  EXPECT_EQ(to_hex(alive.versions), "010502020505");
  Dead dead;
  const std::string dead_bytes = from_hex("93 05 a16e a166");
  EXPECT_TRUE(decode(dead_bytes, dead));
  EXPECT_EQ(dead.node, "n");
  EXPECT_EQ(dead.from, "f");
  Ack ack;
  const std::string ack_bytes = from_hex("92 05 c40178");
  EXPECT_TRUE(decode(ack_bytes, ack));
  EXPECT_EQ(ack.payload, "x");
}

TEST(Messages, NumbersMustFitTheirFields) {
  Ping ping;
  EXPECT_TRUE(decode(from_hex("81 a55365714e6f ceffffffff"), ping));
  EXPECT_FALSE(decode(from_hex("81 a55365714e6f cf0000000100000000"), ping));
  EXPECT_FALSE(decode(from_hex("81 a55365714e6f ff"), ping));
  EXPECT_FALSE(decode(from_hex("81 a55365714e6f cb3ff0000000000000"), ping));
  EXPECT_TRUE(decode(from_hex("81 aa536f75726365506f7274 cdffff"), ping));
  EXPECT_FALSE(decode(from_hex("81 aa536f75726365506f7274 ce00010000"), ping));
  Suspect suspect;
  EXPECT_FALSE(decode(from_hex("81 ab496e6361726e6174696f6e a131"), suspect));
}

TEST(Messages, VersionsMustBeSixInOrder) {
  Versions versions;
  EXPECT_TRUE(decode(from_hex("010502020505"), versions));
  EXPECT_EQ(versions, Versions{});
  const auto bytes = encode(versions);
  EXPECT_EQ(to_hex({bytes.data(), bytes.size()}), "010502020505");
  for (const std::string_view hex :
       {"", "01050202", "0105020205", "01050202050505", "010500020505", "010506020505",
        "020501020505", "010502020501", "010502020506", "050102020505"}) {
    EXPECT_FALSE(decode(from_hex(hex), versions)) << hex;
  }
}

TEST(Messages, UserMessages) {
  EXPECT_EQ(to_hex(encode_user_packet("abc")), "08616263");
  EXPECT_EQ(to_hex(encode_user_packet("")), "08");
  EXPECT_EQ(to_hex(encode_user_stream("abc")), "0881aa557365724d73674c656e03616263");
  std::string_view payload;
  EXPECT_TRUE(decode_user_stream(from_hex("81aa557365724d73674c656ed10003616263"), payload));
  const std::string bytes = from_hex("81aa557365724d73674c656e03616263ff");
  EXPECT_TRUE(decode_user_stream(bytes, payload));
  EXPECT_EQ(payload, "abc");
  for (const std::string_view length : {"04", "ff", "cf7fffffffffffffff", "ce01400001"}) {
    EXPECT_FALSE(decode_user_stream(from_hex("81aa557365724d73674c656e") + from_hex(length) + "abc",
                                    payload))
        << length;
  }
}

TEST(Messages, CompoundVector) {
  const std::string ping = from_hex("0080"), nack = from_hex("0b80");
  EXPECT_EQ(to_hex(encode_compound({ping,
                                    "\x08"
                                    "ab",
                                    nack})),
            "070300020003000200800861620b80");
}

TEST(Messages, CompoundsBeyond127PartsNest) {
  const std::vector<std::string_view> parts(300, "\x0b\x80");
  const std::string bytes = encode_compound(parts);
  ASSERT_EQ(bytes[0], '\x07');
  ASSERT_EQ(bytes[1], 3);
  EXPECT_EQ(to_hex(bytes.substr(2, 6)), "01fe01fe00ba");  // 127 + 127 + 46 parts of four bytes
  EXPECT_EQ(to_hex(bytes.substr(8, 4)), "077f0002");
  EXPECT_EQ(encode_compound({parts.begin(), parts.begin() + 127})[1], 127);
  EXPECT_EQ(encode_compound({parts.begin(), parts.begin() + 128})[1], 2);
}

}  // namespace
}  // namespace phoenix::gossip
