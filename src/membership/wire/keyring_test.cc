// Vectors: sealed by memberlist 0.5.2, in both of its versions.
#include "membership/wire/keyring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "membership/wire/test_hex.h"

namespace phoenix::gossip {
namespace {

constexpr std::string_view kKeyBytes = "0123456789abcdef0123456789abcdef";
constexpr std::string_view kKey24 = "0123456789abcdef01234567";

std::string_view key_of(size_t size) { return size == 24 ? kKey24 : kKeyBytes.substr(0, size); }

Keyring ring_of(std::initializer_list<std::string_view> keys) {
  Keyring ring;
  for (const std::string_view key : keys) EXPECT_TRUE(ring.install(key));
  return ring;
}

struct Vector {
  int version;
  std::string_view aad;
  size_t key;
  std::string_view sealed;
};
constexpr std::array<Vector, 12> kVectors = {
    {{0, "", 16,
      "00fb993fd19bbc963a75c199263d9c5217b3d04579ff67e4f3725a158820d076d5c5fd49ccb5ee84"
      "1cf012305191e47898e4afac2a307809153094fdd4"},
     {0, "", 24,
      "00a3e2f0d6bce12878ef0a4a5d62200144166160fa7204829a5cbfb567f3def3c45b5af841a2cd8e"
      "b18041e5380a5a2d37820355b0ed02eec0f3f75194"},
     {0, "", 32,
      "008c29c68fa82408c7a9790ed3a5b0c5959c8159e8a1f4118bb7e12e6f52673b2d1a84ce7e73feec"
      "a460937c247c5c7ee232006b2e90bfe02edb19ab30"},
     {0, "pool1", 16,
      "003b83c23dccd0234797b3e44ce7e637f3d3b41f492cf37b14ff4fc7b817b6a5a73607e7572c9111"
      "0a2f699aa96212942d3ba2c2d24ceeb906be8f9982"},
     {0, "pool1", 24,
      "0015fd8b3ec6e47c999b3a186b7f6fb43ba616b4dbe9cddadce7af421a49f72f322fb613364aa3c8"
      "bb612b0828dcf6cba322e8e695b1b3704bd3aafc74"},
     {0, "pool1", 32,
      "00ef3b4b094b30342d5d83aeeb370277f824734b3696480b560ba87573709eb4889812d33674e4ce"
      "347d3299371963bd7320dc8b325d97129b459ef253"},
     {1, "", 16,
      "017e395a3e7897d630bac97c32be563cb54ed7b128060b5158fd5a23ae38297f2c3f996a5dad8d93"
      "0c7b1a77be"},
     {1, "", 24,
      "01d2f18a4799e6545d32ab0df0942a395f85c03c2be5c6dcda1fd36fbd84e5f70680685de4a255b1"
      "1a3a2ac4c9"},
     {1, "", 32,
      "01408d5087ae91daf4d9c0a5fe6bdbbfabfc18738c2da52e441f3b52d9b27f48502756ca5bd22962"
      "4f6d936095"},
     {1, "pool1", 16,
      "01b66934e63320fd31c23a5519c635142d9f13cbd05f1eb00908c5cd7f86f870f9313f90a46ff031"
      "7e04786372"},
     {1, "pool1", 24,
      "01ea6f35f04b7c8b7ea5b7e5b11e28ff60d550c5d9b1871f4febff8d2754f5984ea14e921dd6d9fe"
      "5b0402e948"},
     {1, "pool1", 32,
      "01eae8a70b6b9cfa4512b924d25891d953e1aa080441508f807b037321ce6cfa905bd53e2c09fafc"
      "d84a775fea"}}};
const std::string kPlain = from_hex("0082a44e6f6465a162a55365714e6f01");

TEST(Encryption, OpensWhatMemberlistSealed) {
  for (const Vector& v : kVectors) {
    std::string plain;
    EXPECT_TRUE(decrypt(from_hex(v.sealed), ring_of({key_of(v.key)}), v.aad, plain)) << v.sealed;
    EXPECT_EQ(to_hex(plain), to_hex(kPlain));
  }
}

TEST(Encryption, SealsByteForByteAsMemberlistDoes) {
  for (const Vector& v : kVectors) {
    if (v.version == 0) continue;
    const std::string sealed = from_hex(v.sealed);
    std::array<uint8_t, 12> nonce{};
    std::copy_n(sealed.begin() + 1, nonce.size(), nonce.begin());
    EXPECT_EQ(to_hex(encrypt(kPlain, key_of(v.key), v.aad, nonce)), v.sealed);
  }
}

TEST(Encryption, RefusesEveryChangedByte) {
  for (const Vector& v : kVectors) {
    const Keyring ring = ring_of({key_of(v.key)});
    const std::string sealed = from_hex(v.sealed);
    std::string plain;
    for (size_t i = 0; i < sealed.size(); ++i) {
      std::string tampered = sealed;
      tampered[i] = static_cast<char>(tampered[i] ^ 0x40);
      EXPECT_FALSE(decrypt(tampered, ring, v.aad, plain)) << v.sealed << " at " << i;
      EXPECT_EQ(plain, "");
      EXPECT_FALSE(decrypt(sealed.substr(0, i), ring, v.aad, plain)) << v.sealed << " to " << i;
    }
    EXPECT_FALSE(decrypt(sealed + "x", ring, v.aad, plain));
    EXPECT_FALSE(decrypt(sealed, ring, std::string(v.aad) + "x", plain));
    EXPECT_FALSE(decrypt(sealed, Keyring(), v.aad, plain));
    EXPECT_FALSE(decrypt(sealed, ring_of({"fedcba9876543210"}), v.aad, plain));
  }
}

TEST(Encryption, AnyKeyOfTheRingOpens) {
  for (const Vector& v : kVectors) {
    std::string plain;
    const Keyring ring = ring_of({"fedcba9876543210", "fedcba9876543210fedcba98", key_of(v.key)});
    EXPECT_TRUE(decrypt(from_hex(v.sealed), ring, v.aad, plain));
    EXPECT_EQ(to_hex(plain), to_hex(kPlain));
  }
}

TEST(Encryption, PaddingThatIsNoneIsRefused) {
  // Version 0 pads before it seals; what version 1 sealed, called version 0, has no padding.
  const std::array<uint8_t, 12> nonce{};
  const std::string_view key = key_of(16);
  for (const char last : {'\x00', '\x11', '\xff'}) {
    std::string sealed = encrypt(std::string(15, 'p') + last, key, "", nonce);
    sealed[0] = 0;
    std::string plain;
    EXPECT_FALSE(decrypt(sealed, ring_of({key}), "", plain));
    EXPECT_EQ(plain, "");
  }
  std::string sealed = encrypt(std::string(16, '\x10'), key, "", nonce);
  sealed[0] = 0;
  std::string plain = "before";
  EXPECT_TRUE(decrypt(sealed, ring_of({key}), "", plain));
  EXPECT_EQ(plain, "");
}

TEST(Encryption, NothingCanBeSealed) {
  const std::array<uint8_t, 12> nonce{};
  const std::string sealed = encrypt("", key_of(32), "", nonce);
  EXPECT_EQ(sealed.size(), kSealOverhead);
  std::string plain;
  EXPECT_TRUE(decrypt(sealed, ring_of({key_of(32)}), "", plain));
  EXPECT_EQ(plain, "");
}

TEST(Keyring, TheFirstKeyIsPrimary) {
  Keyring ring;
  EXPECT_TRUE(ring.empty());
  EXPECT_TRUE(ring.install("aaaaaaaaaaaaaaaa"));
  EXPECT_TRUE(ring.install("bbbbbbbbbbbbbbbb"));
  EXPECT_TRUE(ring.install("aaaaaaaaaaaaaaaa"));
  EXPECT_EQ(ring.keys(), (std::vector<std::string>{"aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"}));
  EXPECT_EQ(ring.primary(), "aaaaaaaaaaaaaaaa");
}

TEST(Keyring, UsingAKeyMovesItInFront) {
  Keyring ring = ring_of({"aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"});
  EXPECT_TRUE(ring.use("cccccccccccccccc"));
  EXPECT_EQ(ring.keys(),
            (std::vector<std::string>{"cccccccccccccccc", "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"}));
  const Result<void> unknown = ring.use("dddddddddddddddd");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::kNotFound);
}

TEST(Keyring, ThePrimaryKeyStays) {
  Keyring ring = ring_of({"aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"});
  const Result<void> primary = ring.remove("aaaaaaaaaaaaaaaa");
  ASSERT_FALSE(primary);
  EXPECT_EQ(primary.error().kind, ErrorKind::kWrongState);
  EXPECT_TRUE(ring.remove("dddddddddddddddd"));
  EXPECT_TRUE(ring.remove("bbbbbbbbbbbbbbbb"));
  EXPECT_EQ(ring.keys(), (std::vector<std::string>{"aaaaaaaaaaaaaaaa"}));
}

TEST(Keyring, RefusesOtherLengthsAndTooMany) {
  Keyring ring;
  for (const size_t size : {0, 1, 15, 17, 20, 31, 33, 64}) {
    const Result<void> installed = ring.install(std::string(size, 'k'));
    ASSERT_FALSE(installed) << size;
    EXPECT_EQ(installed.error().kind, ErrorKind::kInvalidRequest);
  }
  EXPECT_TRUE(ring.empty());
  for (char c = 'A'; c < 'A' + 32; ++c) EXPECT_TRUE(ring.install(std::string(16, c)));
  const Result<void> beyond = ring.install(std::string(16, '~'));
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().kind, ErrorKind::kTooLarge);
}

TEST(Nonces, NeverRepeatAndDependOnTheLife) {
  Nonces a({1, 2, 3, 4, 5, 6, 7, 8}), b({2, 2, 3, 4, 5, 6, 7, 8});
  std::set<std::array<uint8_t, 12>> seen;
  for (int i = 0; i < 1'000; ++i) {
    seen.insert(a.next());
    seen.insert(b.next());
  }
  EXPECT_EQ(seen.size(), 2'000U);
}

}  // namespace
}  // namespace phoenix::gossip
