// Vectors: a push/pull that memberlist 0.5.2 wrote, and sealed with and without a label.
#include <gtest/gtest.h>

#include "membership/wire/lzw.h"
#include "membership/wire/messages.h"
#include "membership/wire/packet.h"
#include "membership/wire/test_hex.h"

namespace phoenix::gossip {
namespace {

constexpr std::string_view kKey = "0123456789abcdef";
const std::string kPushPull = from_hex(
    "0683a44a6f696ec3a54e6f64657302ac5573657253746174654c656e0487a441646472a40a000001"
    "ab496e6361726e6174696f6e01a44d657461c0a44e616d65a161a4506f727450a5537461746500a3"
    "56736ea601050202050587a441646472a40a000002ab496e6361726e6174696f6ecd012ca44d6574"
    "61a2ff80a44e616d65a162a4506f7274cd1f0aa5537461746503a356736ea6010502020505757365"
    "72");
// Compressed, then sealed under the label "pool1".
const std::string kSealedForPool1 = from_hex(
    "0a000000c2013e3b34109e0d39506f1d2ee6916420fdd5ba8a3ae14e672ca67f373d547dced302d8"
    "8fff25ca96de1cc643fa3998075d74227fdea1a021549f26e24f90392474de423c68eea449e40c7c"
    "0e1de399e16bde4300ec7b9eb161004288105406dea01d359420d1c6286fbdd3a917851ece825e6f"
    "a6b7f9b5bdf6c14c2d8588ee98d57a77e50df3707f44c7e6089c2c8544909194989af5b44fb68372"
    "9462951b8981bad3ef88066c53282939003b136a2234a69e5b055eb753a394cb030746171707b2");
const std::string kSealed = from_hex(
    "0a000000be01ebf2f09245d44edb5425bd78d3e658f02bd1007d1569ad2538a80c1938f8057f7c4d"
    "6a6e52f7f25e9fdc559a3da307d596108b481e83456c82b3cbe794acbcbd83a67dfae2e9e4e36976"
    "3c3e799c3b114a09aa3f99c52361108f0d9e2afadd8fdfb07205304ce3a5edafe611e19de0ae546c"
    "5b0313a6fff430ef567a4e857b63a9a057fd446347172c48e41cfb39eac561dfe3bdc5cbc6846ff0"
    "36690b9c00a3cf7ca205bc18124e345ac1b47b1a9be6d3c3febc3323a04d6e2a6ba82d");

struct Outcome {
  StreamReader::State state;
  Drop why;
  std::string message;
  bool operator==(const Outcome&) const = default;
};

class Streams : public testing::Test {
 protected:
  void use_key() { ASSERT_TRUE(keyring_.install(kKey)); }
  void label(std::string_view label) { options_.label = label; }

  static Outcome outcome(const StreamReader& reader, StreamReader::State state) {
    return {state, reader.why(), std::string(reader.message())};
  }

  // At once, and byte by byte: both must come to the same end.
  Outcome read(std::string_view bytes, bool labelled = true) const {
    StreamReader at_once(options_, keyring_, labelled);
    const Outcome whole = outcome(at_once, at_once.feed(bytes));
    StreamReader piecewise(options_, keyring_, labelled);
    StreamReader::State state = StreamReader::State::kMore;
    for (const char& c : bytes) {
      state = piecewise.feed({&c, 1});
      if (state != StreamReader::State::kMore) break;
    }
    EXPECT_EQ(whole, outcome(piecewise, state));
    return whole;
  }

  void expect_message(std::string_view bytes, std::string_view message, bool labelled = true) {
    const Outcome got = read(bytes, labelled);
    EXPECT_EQ(got.state, StreamReader::State::kDone) << drop_name(got.why);
    EXPECT_EQ(to_hex(got.message), to_hex(message));
    // No sooner than with its last byte.
    const Outcome cut = read(bytes.substr(0, bytes.size() - 1), labelled);
    EXPECT_EQ(cut.state, StreamReader::State::kMore);
  }
  void expect_refused(std::string_view bytes, Drop why, bool labelled = true) {
    const Outcome got = read(bytes, labelled);
    EXPECT_EQ(got.state, StreamReader::State::kRefused);
    EXPECT_EQ(drop_name(got.why), drop_name(why));
    EXPECT_EQ(got.message, "");
  }

  FrameOptions options_;
  Keyring keyring_;
  Nonces nonces_{{1, 2, 3, 4, 5, 6, 7, 8}};
};

TEST_F(Streams, PlainMessagesEndWhereTheySay) {
  expect_message(kPushPull, kPushPull);
  expect_message(encode(Ping{1, "b", {}}), encode(Ping{1, "b", {}}));
  expect_message(encode(Ack{1, "payload"}), encode(Ack{1, "payload"}));
  expect_message(encode(ErrorMessage{"why"}), encode(ErrorMessage{"why"}));
  expect_message(encode_user_stream("abc"), encode_user_stream("abc"));
  expect_message(encode(PushPull{}), encode(PushPull{}));
}

TEST_F(Streams, WhatFollowsTheMessageIsCutOff) {
  for (const std::string& message :
       {kPushPull, encode(Ping{1, "b", {}}), encode_user_stream("abc")}) {
    const Outcome got = read(message + "more");
    EXPECT_EQ(got.state, StreamReader::State::kDone);
    EXPECT_EQ(to_hex(got.message), to_hex(message));
  }
}

TEST_F(Streams, CompressedMessagesAreUnpacked) { expect_message(compress(kPushPull), kPushPull); }

TEST_F(Streams, TheFirstEndIsTheEnd) {
  StreamReader reader(options_, keyring_, true);
  EXPECT_EQ(reader.feed(kPushPull), StreamReader::State::kDone);
  EXPECT_EQ(reader.feed("more"), StreamReader::State::kDone);
  EXPECT_EQ(reader.message(), kPushPull);
}

TEST_F(Streams, OpensWhatMemberlistSealed) {
  use_key();
  expect_message(kSealed, kPushPull);
  label("pool1");
  expect_message(from_hex("f405") + "pool1" + kSealedForPool1, kPushPull);
  expect_message(kSealedForPool1, kPushPull, /*labelled=*/false);
}

TEST_F(Streams, ReadsWhatItSeals) {
  for (const bool keyed : {false, true}) {
    if (keyed) use_key();
    for (const std::string_view name : {"", "pool1"}) {
      label(name);
      for (const bool packed : {false, true}) {
        options_.compress = packed;
        for (const bool labelled : {false, true}) {
          expect_message(seal_stream(kPushPull, options_, keyring_, nonces_, labelled), kPushPull,
                         labelled);
        }
      }
    }
  }
}

TEST_F(Streams, LabelsMustBeTheRightOnes) {
  const std::string ping = encode(Ping{1, "b", {}});
  expect_refused(from_hex("f405") + "pool1" + ping, Drop::kLabel);
  label("pool1");
  expect_message(from_hex("f405") + "pool1" + ping, ping);
  expect_message(ping, ping, /*labelled=*/false);
  expect_refused(ping, Drop::kLabel);
  expect_refused(from_hex("f405") + "pool2" + ping, Drop::kLabel);
  expect_refused(from_hex("f404") + "pool" + ping, Drop::kLabel);
  expect_refused(from_hex("f406") + "pool12" + ping, Drop::kLabel);
  expect_refused(from_hex("f400") + ping, Drop::kLabel);
  expect_refused(from_hex("f405") + "pool1" + ping, Drop::kUnknownType, /*labelled=*/false);
}

TEST_F(Streams, KeysMustBeTheRightOnes) {
  expect_refused(kSealed, Drop::kKey);
  ASSERT_TRUE(keyring_.install("fedcba9876543210"));
  expect_refused(kSealed, Drop::kKey);
  expect_refused(kPushPull, Drop::kPlain);
  options_.verify_incoming = false;
  expect_message(kPushPull, kPushPull);
  use_key();
  expect_message(kSealed, kPushPull);
  std::string tampered = kSealed;
  tampered[40] = static_cast<char>(tampered[40] ^ 1);
  expect_refused(tampered, Drop::kKey);
  // The length is authenticated, and so is the label.
  label("pool1");
  expect_refused(kSealed, Drop::kKey, /*labelled=*/false);
}

TEST_F(Streams, OutgoingEncryptionCanWait) {
  use_key();
  options_.verify_outgoing = false;
  options_.verify_incoming = false;
  const std::string bytes = seal_stream(kPushPull, options_, keyring_, nonces_);
  EXPECT_EQ(bytes[0], '\x09');
  expect_message(bytes, kPushPull);
}

TEST_F(Streams, OtherTypesAreRefusedAtTheirFirstByte) {
  for (const int type : {1, 3, 4, 5, 7, 11, 12, 14, 99, 255}) {
    expect_refused(std::string(1, static_cast<char>(type)), Drop::kUnknownType);
  }
}

TEST_F(Streams, CountsOutOfRangeAreRefusedBeforeAnythingIsKept) {
  for (const std::string_view counts :
       {"ff 00", "00 ff", "ce00020001 00", "00 ce01400001", "cf7fffffffffffffff 00"}) {
    expect_refused(from_hex("06 93") + from_hex(counts) + from_hex("c3"), Drop::kMalformed);
  }
  expect_refused(from_hex("08 91 ff"), Drop::kMalformed);
  expect_refused(from_hex("08 91 ce01400001"), Drop::kMalformed);
  expect_refused(from_hex("06 c1"), Drop::kMalformed);
  expect_refused(from_hex("06") + std::string(20, '\x91'), Drop::kMalformed);
}

TEST_F(Streams, EncryptedLengthsAreBounded) {
  use_key();
  expect_refused(from_hex("0a 01400001"), Drop::kOversized);
  expect_refused(from_hex("0a ffffffff"), Drop::kOversized);
  expect_refused(from_hex("0a 00000000"), Drop::kKey);
}

// What is behind the cipher is as little trusted as anything else.
TEST_F(Streams, TheInsideMustBeWhole) {
  use_key();
  const auto sealed = [&](std::string_view inside) {
    FrameOptions plain = options_;
    plain.compress = false;
    return seal_stream(inside, plain, keyring_, nonces_);
  };
  expect_message(sealed(kPushPull + "more"), kPushPull);
  expect_message(sealed(compress(kPushPull + "more")), kPushPull);
  expect_refused(sealed(""), Drop::kTruncated);
  expect_refused(sealed(kPushPull.substr(0, kPushPull.size() - 1)), Drop::kTruncated);
  expect_refused(sealed(from_hex("0c0000000000")), Drop::kUnknownType);
  expect_refused(sealed(compress(compress(kPushPull))), Drop::kNested);
  expect_refused(sealed(compress(kPushPull.substr(0, 20))), Drop::kTruncated);
  expect_refused(sealed(from_hex("09 92 01 a3000302")), Drop::kCompression);  // no such algorithm
  expect_refused(sealed(from_hex("09 92 00 a3ffffff")), Drop::kCompression);
  expect_refused(sealed(from_hex("09 92 00 a3000302")), Drop::kTruncated);
}

TEST_F(Streams, BombsStopAtTheirBound) {
  expect_refused(compress(encode_user_stream(std::string(kMaxUnpackedStream, 'x'))),
                 Drop::kCompression);
}

TEST_F(Streams, EndlessMessagesStopAtTheirBound) {
  // A key that announces four gigabytes: there is nothing to refuse it for, until there is.
  StreamReader reader(options_, keyring_, true);
  ASSERT_EQ(reader.feed(from_hex("0081dbffffffff")), StreamReader::State::kMore);
  const std::string portion(1 << 16, 'x');
  size_t fed = 0;
  while (reader.feed(portion) == StreamReader::State::kMore) fed += portion.size();
  EXPECT_EQ(reader.why(), Drop::kOversized);
  EXPECT_LE(fed, kMaxStream + portion.size());
  EXPECT_EQ(reader.feed("x"), StreamReader::State::kRefused);
}

}  // namespace
}  // namespace phoenix::gossip
