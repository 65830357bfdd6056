#include "membership/wire/packet.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "membership/wire/crc32.h"
#include "membership/wire/lzw.h"
#include "membership/wire/messages.h"
#include "membership/wire/test_hex.h"

namespace phoenix::gossip {
namespace {

constexpr std::string_view kKey = "0123456789abcdef";
const std::string kPing = from_hex("0082a44e6f6465a162a55365714e6f01");
const std::string kNack = from_hex("0b81a55365714e6fccc8");

std::string checked(std::string_view message, uint32_t damage = 0) {
  const uint32_t sum = crc32(message) ^ damage;
  std::string out = "\x0c";
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(sum >> shift));
  return out.append(message);
}

class Packets : public testing::Test {
 protected:
  void use_key() { ASSERT_TRUE(keyring_.install(kKey)); }
  std::string seal(const std::vector<std::string_view>& messages, bool checksum = true) {
    return seal_packet(messages, checksum, options_, keyring_, nonces_);
  }
  void expect(std::string_view datagram, const std::vector<std::string>& messages,
              Drop why = Drop::kNone) {
    const Drop got = open_packet(datagram, options_, keyring_, opened_);
    EXPECT_EQ(drop_name(got), drop_name(why)) << to_hex(datagram.substr(0, 40));
    const std::vector<std::string> found(opened_.messages.begin(), opened_.messages.end());
    EXPECT_EQ(found, messages) << to_hex(datagram.substr(0, 40));
  }

  FrameOptions options_;
  Keyring keyring_;
  Nonces nonces_{{1, 2, 3, 4, 5, 6, 7, 8}};
  OpenedPacket opened_;
};

TEST_F(Packets, OneMessageIsItself) {
  expect(kPing, {kPing});
  for (const char type : {'\0', '\1', '\2', '\3', '\4', '\5', '\x08', '\x0b'}) {
    const std::string message(1, type);
    expect(message, {message});
  }
}

TEST_F(Packets, EveryDropHasAName) {
  std::vector<std::string_view> names;
  for (size_t i = 0; i < kDrops; ++i) names.push_back(drop_name(static_cast<Drop>(i)));
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
  EXPECT_EQ(drop_name(Drop::kOversized), "oversized");
}

TEST_F(Packets, NothingIsEmpty) {
  expect("", {}, Drop::kEmpty);
  expect(checked(""), {}, Drop::kEmpty);
  expect(from_hex("0700"), {});
  expect(from_hex("070100000b"), {}, Drop::kEmpty);  // a part without a type
}

TEST_F(Packets, WhatIsNoMessageOfADatagramIsRefused) {
  for (const int type : {6, 10, 13, 14, 100, 224, 255}) {
    expect(std::string(1, static_cast<char>(type)) + "body", {}, Drop::kUnknownType);
  }
}

TEST_F(Packets, ChecksumsAreChecked) {
  expect(checked(kPing), {kPing});
  for (int bit = 0; bit < 32; ++bit) expect(checked(kPing, 1U << bit), {}, Drop::kChecksum);
  for (size_t size = 1; size < 5; ++size) {
    expect(checked(kPing).substr(0, size), {}, Drop::kChecksum);
  }
  // Nobody sends one within another layer.
  expect(checked(checked(kPing)), {}, Drop::kUnknownType);
}

TEST_F(Packets, CompoundsComeApart) {
  expect(from_hex("07030002000300 020080 086162 0b80"),
         {from_hex("0080"), from_hex("086162"), from_hex("0b80")});
  expect(encode_compound({kPing, kNack}) + "beyond", {kPing, kNack});
}

TEST_F(Packets, OfATruncatedCompoundTheWholePartsCount) {
  const std::string compound = encode_compound({kPing, kNack});
  const size_t first_end = 6 + kPing.size();
  for (size_t size = 1; size < compound.size(); ++size) {
    const std::vector<std::string> whole =
        size < first_end ? std::vector<std::string>() : std::vector<std::string>{kPing};
    expect(compound.substr(0, size), whole, Drop::kTruncated);
  }
  expect(from_hex("07ff") + std::string(509, '\0'), {}, Drop::kTruncated);
}

TEST_F(Packets, A255PartCompoundIsRead) {
  std::string compound = from_hex("07ff");
  std::vector<std::string> parts;
  for (int i = 0; i < 255; ++i) compound += from_hex("0002");
  for (int i = 0; i < 255; ++i) {
    parts.push_back(std::string("\x08") + static_cast<char>(i));
    compound += parts.back();
  }
  expect(compound, parts);
}

TEST_F(Packets, WhatIsSentBeyond127PartsIsReadAgain) {
  std::vector<std::string> parts;
  for (int i = 0; i < 1'000; ++i) parts.push_back("\x08" + std::to_string(i));
  expect(seal({parts.begin(), parts.end()}), parts);
}

TEST_F(Packets, NoDatagramHoldsMoreMessagesThanAllowed) {
  const std::vector<std::string_view> parts(kMaxMessages + 1, "\x08");
  expect(encode_compound(parts), std::vector<std::string>(kMaxMessages, "\x08"), Drop::kNested);
}

TEST_F(Packets, LayersNestAsDeepAsSensible) {
  std::string packet = kPing;
  for (int i = 0; i < kMaxDepth; ++i) {
    packet = i % 2 == 0 ? compress(packet) : encode_compound({packet});
  }
  expect(packet, {kPing});
  expect(compress(packet), {}, Drop::kNested);
  expect(encode_compound({packet, kNack}), {kNack}, Drop::kNested);
}

TEST_F(Packets, CompressedPartsAreUnpacked) {
  // As memberlist 0.5.2 compressed it.
  const std::string packed = from_hex(
      "0982a4416c676f00a3427566da002a00c3b04963a70c0881040d222c787020c3850a1d464cd89022c48a0f25629c"
      "98d1a2c68b203f8aa41810");
  std::string text;
  for (int i = 0; i < 20; ++i) text += "alive ";
  EXPECT_EQ(to_hex(compress(text)), to_hex(packed));
  std::string unpacked;
  EXPECT_TRUE(decompress(std::string_view(packed).substr(1), text.size(), unpacked));
  EXPECT_EQ(unpacked, text);
  expect(encode_compound({compress(kPing), compress(encode_compound({kNack, kPing}))}),
         {kPing, kNack, kPing});
}

TEST_F(Packets, MalformedCompressionIsRefused) {
  for (const std::string_view body :
       {"", "80", "9201a3000302", "9200a3ffffff", "9200", "92ffa3000302", "92cd0100a3000302"}) {
    const std::string packet = from_hex("09") + from_hex(body);
    expect(packet, {}, Drop::kCompression);
    expect(encode_compound({packet, kNack}), {kNack}, Drop::kCompression);
  }
  expect(from_hex("099200a3000302"), {}, Drop::kEmpty);
}

TEST_F(Packets, BombsStopAtTheirBound) {
  const std::string user = '\x08' + std::string(kMaxUnpackedDatagram - 1, 'x');
  expect(compress(user), {user});
  expect(compress(user + "x"), {}, Drop::kCompression);
  // The bound is one for all parts: also for those that failed.
  const std::string half = '\x08' + std::string(kMaxUnpackedDatagram / 2, 'x');
  expect(encode_compound({compress(half), compress(half)}), {half}, Drop::kCompression);
  const std::string bomb = compress(std::string(1'000'000, 'x'));
  const std::string small = compress('\x08' + noise(500, 256));
  expect(encode_compound({bomb, small}), {}, Drop::kCompression);
}

TEST_F(Packets, LabelsMustBeTheRightOnes) {
  // As memberlist 0.5.0 sent it.
  const std::string labelled = from_hex("f405706f6f6c310282a75061796c6f6164c0a55365714e6f05");
  const std::string inside = from_hex("0282a75061796c6f6164c0a55365714e6f05");
  expect(labelled, {}, Drop::kLabel);
  options_.label = "pool1";
  expect(labelled, {inside});
  EXPECT_EQ(to_hex(seal({inside}, /*checksum=*/false)), to_hex(labelled));
  expect(inside, {}, Drop::kLabel);
  expect(from_hex("f405") + "pool2" + inside, {}, Drop::kLabel);
  expect(from_hex("f404") + "pool" + inside, {}, Drop::kLabel);
  expect(from_hex("f406") + "pool1x" + inside, {}, Drop::kLabel);
  expect(from_hex("f400") + inside, {}, Drop::kLabel);
  expect(from_hex("f4"), {}, Drop::kLabel);
  expect(from_hex("f405") + "poo", {}, Drop::kLabel);
  expect(from_hex("f405") + "pool1", {}, Drop::kEmpty);
  expect(from_hex("f405") + "pool1" + labelled, {}, Drop::kUnknownType);
  options_.label = std::string(255, 'l');
  expect(seal({kPing}), {kPing});
}

TEST_F(Packets, KeysMustBeTheRightOnes) {
  // As memberlist 0.5.2 sealed it.
  const std::string sealed = from_hex(
      "017e395a3e7897d630bac97c32be563cb54ed7b128060b5158fd5a23ae38297f2c3f996a5dad8d930c7b1a77be");
  const std::string for_pool1 = from_hex(
      "01b66934e63320fd31c23a5519c635142d9f13cbd05f1eb00908c5cd7f86f870f9313f90a46ff0317e04786372");
  const std::string padded = from_hex(
      "00fb993fd19bbc963a75c199263d9c5217b3d04579ff67e4f3725a158820d076d5c5fd49ccb5ee841cf012305191"
      "e47898e4afac2a307809153094fdd4");
  use_key();
  expect(sealed, {kPing});
  expect(padded, {kPing});
  expect(for_pool1, {}, Drop::kKey);
  expect(kPing, {}, Drop::kPlain);
  // As long as something sealed, and with the same first byte.
  const std::string name(40, 'n');
  expect(encode(Ping{1, name, {}}), {}, Drop::kPlain);
  expect(encode(IndirectPing{1, "\x7f\x01\x01\x01", 80, name, true, {}}), {}, Drop::kPlain);
  expect(checked(kPing), {}, Drop::kPlain);
  options_.label = "pool1";
  expect(from_hex("f405") + "pool1" + for_pool1, {kPing});
  expect(from_hex("f405") + "pool1" + sealed, {}, Drop::kKey);
  options_.label.clear();
  keyring_ = {};
  ASSERT_TRUE(keyring_.install("fedcba9876543210"));
  expect(sealed, {}, Drop::kKey);
  use_key();  // as a second key
  expect(sealed, {kPing});
}

TEST_F(Packets, EncryptionCanBeTurnedOnHostByHost) {
  const std::string plain = seal({kPing});
  use_key();
  options_.verify_incoming = false;
  expect(plain, {kPing});
  const std::string sealed = seal({kPing});
  EXPECT_NE(to_hex(sealed).substr(0, 10), to_hex(plain).substr(0, 10));
  expect(sealed, {kPing});
  options_.verify_outgoing = false;
  EXPECT_EQ(to_hex(seal({kPing})), to_hex(plain));
}

TEST_F(Packets, EveryCombinationOfLayersIsReadAgain) {
  const std::string alive = encode(
      Alive{3, "n", "\x0a\x0a\x0a\x0a", 80, std::string(200, 'm'), from_hex("010502020505")});
  for (const bool keyed : {false, true}) {
    if (keyed) use_key();
    for (const std::string_view label : {"", "p", "pool1"}) {
      options_.label = label;
      for (const bool packed : {false, true}) {
        options_.compress = packed;
        for (const bool checksum : {false, true}) {
          expect(seal({alive}, checksum), {alive});
          expect(seal({kPing, alive, kNack}, checksum), {kPing, alive, kNack});
        }
      }
    }
  }
}

TEST_F(Packets, CompressesOnlyWhatGetsShorter) {
  const std::string dull = '\x08' + std::string(300, 'x');
  EXPECT_EQ(seal({dull}, false)[0], '\x09');
  EXPECT_LT(seal({dull}, false).size(), 100U);
  const std::string rich = '\x08' + noise(300, 256);
  EXPECT_EQ(to_hex(seal({rich}, false)), to_hex(rich));
  EXPECT_EQ(to_hex(seal({kPing}, false)), to_hex(kPing));
}

TEST_F(Packets, TheBudgetIsWhatFits) {
  options_.compress = false;
  for (const bool keyed : {false, true}) {
    if (keyed) use_key();
    for (const std::string_view label : {"", "pool1"}) {
      options_.label = label;
      size_t left = payload_budget(options_, keyring_);
      std::vector<std::string> parts;
      while (left > kPartOverhead) {
        const size_t size = std::min<size_t>(left - kPartOverhead, 100);
        parts.push_back('\x08' + noise(size - 1, 256));
        left -= size + kPartOverhead;
      }
      ASSERT_EQ(left, 0U);
      EXPECT_EQ(seal({parts.begin(), parts.end()}).size(), kMaxDatagram);
    }
  }
}

TEST_F(Packets, AnOpenedPacketIsUsedAgain) {
  expect(compress(kPing), {kPing});
  expect(kNack, {kNack});
  EXPECT_TRUE(opened_.unpacked.empty());
}

}  // namespace
}  // namespace phoenix::gossip
