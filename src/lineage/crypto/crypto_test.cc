// Keys, digests, texts and envelopes against published vectors, and against whoever alters them.
#include <gtest/gtest.h>

#include "base/bytes_text.h"
#include "lineage/crypto/dsse.h"
#include "lineage/crypto/key.h"
#include "lineage/crypto/key_file.h"
#include "lineage/crypto/sha256.h"

namespace phoenix::lineage {
namespace {

Seed seed_of(uint8_t first) {
  Seed seed{};
  for (size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<uint8_t>(first + i);
  return seed;
}

KeyFinder only(const KeyPair& pair) {
  return [&pair](std::string_view id) { return id == pair.id() ? &pair.public_key() : nullptr; };
}

// The seed, key and signature of the empty message of RFC 8032, section 7.1, test 1.
TEST(Key, SignsAsRfc8032) {
  const Seed seed = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
                     0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
                     0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
  const KeyPair pair = KeyPair::from_seed(seed);
  EXPECT_EQ(hex_text(pair.public_key().view()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  const Signature signature = pair.sign("");
  EXPECT_EQ(hex_text({reinterpret_cast<const char*>(signature.data()), signature.size()}),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
            "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
  EXPECT_TRUE(verify(pair.public_key(), "", signature));
  EXPECT_FALSE(verify(pair.public_key(), "x", signature));
  EXPECT_EQ(pair.seed(), seed);
}

TEST(Key, IdIsTheStartOfItsDigest) {
  const KeyPair pair = KeyPair::from_seed(seed_of(1));
  EXPECT_EQ(pair.id(), hex(sha256(pair.public_key().view())).substr(0, 16));
  EXPECT_TRUE(valid_key_id(pair.id()));
  EXPECT_FALSE(valid_key_id("0123456789ABCDEF"));
  EXPECT_FALSE(valid_key_id("0123456789abcde"));
}

TEST(Sha256, IsThatOfFips180) {
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(hex(sha256("abc")), abc);
  EXPECT_EQ(hex(sha256("a", "bc")), abc);
  EXPECT_EQ(hex(sha256("a", "", "bc")), abc);
  EXPECT_EQ(hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Base64, HasOneFormForEveryText) {
  const std::pair<std::string_view, std::string_view> known[] = {{"", ""},
                                                                 {"f", "Zg=="},
                                                                 {"fo", "Zm8="},
                                                                 {"foo", "Zm9v"},
                                                                 {"foob", "Zm9vYg=="},
                                                                 {"fooba", "Zm9vYmE="},
                                                                 {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : known) {
    EXPECT_EQ(base64_text(bytes), text);
    EXPECT_EQ(base64_bytes(text), std::string(bytes));
  }
  for (const std::string_view wrong :
       {"Zg", "Zg=", "Zh==", "Zm9=", "Zm 8", "Zm8=Zm8=", "====", "Z===", "Zm8-", "Zm8=\n"}) {
    EXPECT_FALSE(base64_bytes(wrong)) << wrong;
  }
}

TEST(Dsse, SignsTypeAndPayloadWithTheirLengths) {
  EXPECT_EQ(pre_authentication_encoding("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

TEST(Dsse, OpensWhatItSealedForThatTypeAndKeyAlone) {
  const KeyPair pair = KeyPair::from_seed(seed_of(1));
  const KeyPair other = KeyPair::from_seed(seed_of(2));
  const std::string bytes = seal_bytes(pair, "t/a", "payload");
  const auto opened = open_envelope(bytes, "t/a", only(pair));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->payload, "payload");
  EXPECT_EQ(open_envelope(bytes, "t/b", only(pair)).error().reason_code, "wrong-type");
  EXPECT_EQ(open_envelope(bytes, "t/a", only(other)).error().reason_code, "unknown-key");
  // Under the right id, but another key.
  const auto wrong_key = [&other](std::string_view) { return &other.public_key(); };
  EXPECT_EQ(open_envelope(bytes, "t/a", wrong_key).error().reason_code, "bad-signature");
  Envelope relabelled = *opened;
  relabelled.type = "t/b";
  EXPECT_EQ(open_envelope(encode_envelope(relabelled), "t/b", only(pair)).error().reason_code,
            "bad-signature");
}

TEST(Dsse, NoByteOfAnEnvelopeCanBeAltered) {
  const KeyPair pair = KeyPair::from_seed(seed_of(1));
  const std::string bytes = seal_bytes(pair, "t/a", "payload");
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : {1, 0x80}) {
      std::string altered = bytes;
      altered[i] = static_cast<char>(altered[i] ^ flip);
      EXPECT_FALSE(open_envelope(altered, "t/a", only(pair))) << "byte " << i;
    }
    EXPECT_FALSE(open_envelope(bytes.substr(0, i), "t/a", only(pair)));
  }
  EXPECT_FALSE(open_envelope(bytes + "x", "t/a", only(pair)));
}

// What a stranger wrote there is told back to it, in a document of JSON.
TEST(Dsse, TypesAreWrittenAsMediaTypesAre) {
  Envelope envelope = seal(KeyPair::from_seed(seed_of(1)), "application/a.b-c+d", "payload");
  EXPECT_TRUE(decode_envelope(encode_envelope(envelope)));
  for (const char* type : {"", "a b", "a\n", "\xff", "\xc3\xa4", "a\"b", "a;b=c"}) {
    envelope.type = type;
    EXPECT_EQ(decode_envelope(encode_envelope(envelope)).error().reason_code, "bad-envelope")
        << type;
  }
}

TEST(KeyFile, ComesBackAsItWas) {
  const KeyPair pair = KeyPair::from_seed(seed_of(9));
  for (const auto& [role, name] : {std::pair{KeyRole::kRoot, "demo"},
                                   {KeyRole::kHost, "h1"},
                                   {KeyRole::kMember, "default/ocr-1"}}) {
    const std::string open = render_public({role, name, pair.public_key()});
    const auto key = parse_public(open);
    ASSERT_TRUE(key) << open;
    EXPECT_EQ(*key, (NamedKey{role, name, pair.public_key()}));
    const std::string secret = render_secret({role, name, pair});
    const auto again = parse_secret(secret);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->pair.seed(), pair.seed());
    EXPECT_EQ(again->name, name);
    // Neither is taken for the other.
    EXPECT_FALSE(parse_public(secret));
    EXPECT_FALSE(parse_secret(open));
  }
}

TEST(KeyFile, NothingElseIsTaken) {
  const KeyPair pair = KeyPair::from_seed(seed_of(9));
  const std::string text = render_public({KeyRole::kHost, "h1", pair.public_key()});
  for (size_t i = 0; i < text.size(); ++i) {
    std::string altered = text;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    const auto key = parse_public(altered);
    // Another name is another key file; every other byte follows from the key, or is fixed.
    EXPECT_TRUE(!key || key->name != "h1") << "byte " << i;
    EXPECT_FALSE(parse_public(text.substr(0, i)));
  }
  EXPECT_FALSE(parse_public(text + "\n"));
  EXPECT_FALSE(parse_public(render_public({KeyRole::kMember, "no-namespace", pair.public_key()})));
}

}  // namespace
}  // namespace phoenix::lineage
