// The pool's root key: who gets a key signed, by which token, and what a host may do without.
#include "runtime/recorder/root_desk.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "lineage/crypto/sha256.h"
#include "runtime/recorder/host_key.h"
#include "runtime/recorder/join_token.h"
#include "store/testing.h"

namespace phoenix {
namespace {

using lineage::KeyRole;

constexpr WallMs kAt = 1'790'000'000'000;

lineage::KeyPair pair_of(std::string_view name) {
  const Digest digest = lineage::sha256("key of ", name);
  lineage::Seed seed;
  std::copy(digest.begin(), digest.end(), seed.begin());
  return lineage::KeyPair::from_seed(seed);
}

class RootDeskTest : public ::testing::Test {
 protected:
  RootDeskTest() { folder_.emplace(*DataFolder::open(path_)); }

  void keep_root(const std::string& pool = "demo") {
    const lineage::NamedKeyPair root{KeyRole::kRoot, pool, pair_of("root")};
    ASSERT_TRUE(folder_->write_file(kRootKeyFile, lineage::render_secret(root)));
    ASSERT_TRUE(folder_->write_file(kRootPublicKeyFile, root_text(pool)));
  }
  static std::string root_text(const std::string& pool = "demo", const char* name = "root") {
    return lineage::render_public({KeyRole::kRoot, pool, pair_of(name).public_key()});
  }
  JoinToken token_for(const std::string& host, WallMs now = kAt) {
    const auto made = desk().make_token(host, seconds(60), now);
    EXPECT_TRUE(made) << made.error().detail;
    const auto token = JoinToken::parse(made->token);
    EXPECT_TRUE(token);
    EXPECT_EQ(token->text(), made->token);
    return *token;
  }
  RootDesk desk() const { return {*folder_, pool_}; }
  std::string ask(const JoinToken& token, const std::string& host, const char* key,
                  WallMs now = kAt + 1) {
    const auto granted = desk().grant(host, make_key_request(token, host, pair_of(key)), now);
    return granted ? "granted" : granted.error().reason_code;
  }
  static lineage::NamedKeyPair host_key(const char* key = "b") {
    return {KeyRole::kHost, "host-b", pair_of(key)};
  }

  const testing_store::TempFolder temporary_;
  const std::string path_ = temporary_.path() + "/data";
  std::string pool_ = "demo";
  std::optional<DataFolder> folder_;
};

TEST_F(RootDeskTest, SignsTheKeyOfWhoComesWithAToken) {
  keep_root();
  const JoinToken token = token_for("host-b");
  EXPECT_EQ(token.pool, "demo");
  EXPECT_EQ(token.root, fingerprint_of_key(pair_of("root").public_key()));
  const auto granted =
      desk().grant("host-b", make_key_request(token, "host-b", pair_of("b")), kAt + 5);
  ASSERT_TRUE(granted) << granted.error().detail;
  EXPECT_EQ(granted->root.name, "demo");
  const auto root = pair_of("root").public_key();
  const auto opened =
      lineage::open<lineage::KeyGrant>(granted->grant, [&](std::string_view) { return &root; });
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->statement,
            (lineage::KeyGrant{"demo", "host-b", pair_of("b").public_key(), kAt + 5}));
  EXPECT_EQ(*parse_grant(render_grant(granted->grant)), granted->grant);
}

TEST_F(RootDeskTest, ATokenIsForOneHostOneKeyAndItsTime) {
  keep_root();
  const JoinToken token = token_for("host-b");
  EXPECT_EQ(ask(token, "host-c", "b"), "wrong-host");
  EXPECT_EQ(ask(token, "host-b", "b"), "granted");
  EXPECT_EQ(ask(token, "host-b", "b"), "granted") << "the answer may have been lost";
  EXPECT_EQ(ask(token, "host-b", "thief"), "token-used");
  EXPECT_EQ(ask(token, "host-b", "b", kAt + 60'000), "unknown-token") << "its time is over";
  JoinToken other = token;
  other.secret[0] ^= 1;
  EXPECT_EQ(ask(other, "host-b", "b"), "unknown-token");
  JoinToken foreign = token_for("host-b");
  foreign.pool = "other";
  EXPECT_EQ(ask(foreign, "host-b", "b"), "unknown-token");
}

// Who has listened to a request cannot ask for a key of his own, nor under another name.
TEST_F(RootDeskTest, WhatIsOnTheWireIsOfNoUseToOthers) {
  keep_root();
  const JoinToken token = token_for("host-b");
  const std::string heard = make_key_request(token, "host-b", pair_of("b"));
  EXPECT_EQ(heard.find(std::string(token.secret.begin(), token.secret.end())), std::string::npos);
  lineage::KeyRequest request =
      *lineage::decode<lineage::KeyRequest>(lineage::decode_envelope(heard)->payload);
  request.key = pair_of("thief").public_key();
  auto refused = desk().grant("host-b", lineage::sign(pair_of("thief"), request), kAt + 1);
  EXPECT_EQ(refused.error().reason_code, "unknown-token");
  // Under the key that it names, but signed by another one.
  request.key = pair_of("b").public_key();
  refused = desk().grant("host-b", lineage::sign(pair_of("thief"), request), kAt + 1);
  EXPECT_FALSE(refused);
  for (const std::string& garbage : {std::string(), std::string("\xff\x00x", 3), heard + "x"}) {
    EXPECT_EQ(desk().grant("host-b", garbage, kAt + 1).error().kind, ErrorKind::kInvalidRequest);
  }
  EXPECT_EQ(ask(token, "host-b", "b"), "granted") << "none of that has used it up";
}

TEST_F(RootDeskTest, TokensOutlastTheProcessAndAreBounded) {
  keep_root();
  const JoinToken token = token_for("host-b");
  EXPECT_EQ(ask(token, "host-b", "b"), "granted");
  EXPECT_EQ(std::filesystem::status(path_ + "/join-tokens").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const std::string pool = "demo";
  const RootDesk again(*folder_, pool);
  EXPECT_EQ(again.grant("host-b", make_key_request(token, "host-b", pair_of("x")), kAt + 2)
                .error()
                .reason_code,
            "token-used");
  for (size_t i = 1; i < RootDesk::kMostTokens; ++i) {
    ASSERT_TRUE(again.make_token("host-c", seconds(1), kAt));
  }
  EXPECT_EQ(again.make_token("host-c", seconds(1), kAt).error().kind, ErrorKind::kTooManyRequests);
  EXPECT_TRUE(again.make_token("host-c", seconds(1), kAt + 1'000)) << "those are over";
  std::ofstream(path_ + "/join-tokens") << "17 host-b\n";
  EXPECT_EQ(again.make_token("host-c", seconds(1), kAt).error().kind, ErrorKind::kStoreUnreachable);
}

TEST_F(RootDeskTest, WithoutTheRootsKeyNobodyIsSigned) {
  EXPECT_EQ(desk().make_token("host-b", seconds(60), kAt).error().kind, ErrorKind::kWrongState);
  keep_root("other");
  EXPECT_EQ(desk().make_token("host-b", seconds(60), kAt).error().kind, ErrorKind::kWrongState);
  EXPECT_EQ(desk().make_token("a/b", seconds(60), kAt).error().kind, ErrorKind::kInvalidRequest);
}

TEST_F(RootDeskTest, APoolWithoutARootAsksForNoGrant) {
  const auto standing = take_standing(*folder_, host_key(), "demo", std::nullopt, kAt);
  ASSERT_TRUE(standing);
  EXPECT_FALSE(standing->root);
  EXPECT_EQ(standing->grant, "");
}

TEST_F(RootDeskTest, WhereTheRootIsKeptAHostSignsItsOwnKey) {
  keep_root();
  const auto first = take_standing(*folder_, host_key(), "demo", std::nullopt, kAt);
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(first->root->key, pair_of("root").public_key());
  EXPECT_FALSE(first->grant.empty());
  EXPECT_EQ(take_standing(*folder_, host_key(), "demo", root_text(), kAt + 9)->grant, first->grant);
  // A new key of the host is signed anew.
  const auto next = take_standing(*folder_, host_key("b-2"), "demo", root_text(), kAt + 9);
  ASSERT_TRUE(next);
  EXPECT_NE(next->grant, first->grant);
}

// Killed between the two files, or cleaned up by somebody: the public half is made again, of the
// key that is there.
TEST_F(RootDeskTest, AHostsPublicKeyIsThatOfItsSecretOne) {
  const auto key = take_host_key(*folder_, "host-b");
  ASSERT_TRUE(key) << key.error().detail;
  const std::string path = folder_->file(kHostPublicKeyFile);
  const auto read = [&path] {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const std::string text = read();
  EXPECT_EQ(lineage::parse_public(text)->key, key->pair.public_key());
  folder_->remove_file(kHostPublicKeyFile);
  EXPECT_EQ(take_host_key(*folder_, "host-b")->pair.id(), key->pair.id());
  EXPECT_EQ(read(), text);
  ASSERT_TRUE(folder_->write_file(kHostPublicKeyFile, root_text()));
  EXPECT_EQ(take_host_key(*folder_, "host-b")->pair.id(), key->pair.id());
  EXPECT_EQ(read(), text);
  // A secret one that is cut is no key, and is left for somebody to look at.
  std::string secret;
  {
    std::ifstream in(folder_->file(kHostKeyFile));
    secret.assign(std::istreambuf_iterator<char>(in), {});
  }
  ASSERT_TRUE(folder_->write_file(kHostKeyFile, secret.substr(0, secret.size() / 2)));
  EXPECT_FALSE(take_host_key(*folder_, "host-b"));
  EXPECT_EQ(read(), text);
}

TEST_F(RootDeskTest, AHostWhoseKeyTheRootDoesNotKnowDoesNotStart) {
  const auto refused = [&](const lineage::NamedKeyPair& key, const std::string& known) {
    const auto standing = take_standing(*folder_, key, "demo", known, kAt);
    return standing ? std::string("taken") : std::string(kind_name(standing.error().kind));
  };
  EXPECT_EQ(refused(host_key(), root_text()), "wrong-state");
  const auto grant = [&](const char* root, const lineage::KeyGrant& said) {
    ASSERT_TRUE(
        folder_->write_file(kHostGrantFile, render_grant(lineage::sign(pair_of(root), said))));
  };
  const lineage::KeyGrant good{"demo", "host-b", pair_of("b").public_key(), kAt};
  grant("root", good);
  EXPECT_EQ(refused(host_key(), root_text()), "taken");
  EXPECT_EQ(refused(host_key("b-2"), root_text()), "wrong-state") << "another key";
  lineage::NamedKeyPair renamed = host_key();
  renamed.name = "host-c";
  EXPECT_EQ(refused(renamed, root_text()), "wrong-state") << "another name";
  EXPECT_EQ(refused(host_key(), root_text("demo", "thief")), "wrong-state") << "another root";
  grant("thief", good);
  EXPECT_EQ(refused(host_key(), root_text()), "wrong-state");
  ASSERT_TRUE(folder_->write_file(kHostGrantFile, "garbage\n"));
  EXPECT_EQ(refused(host_key(), root_text()), "wrong-state");
  // The folder and the pool do not agree on the root.
  grant("root", good);
  ASSERT_TRUE(folder_->write_file(kRootPublicKeyFile, root_text("demo", "thief")));
  EXPECT_EQ(refused(host_key(), root_text()), "wrong-state");
  ASSERT_TRUE(folder_->write_file(kRootPublicKeyFile, root_text("other")));
  EXPECT_EQ(refused(host_key(), root_text()), "wrong-state");
}

}  // namespace
}  // namespace phoenix
