#include "manifest/bundle/bundle.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "manifest/bundle/json_tree.h"
#include "manifest/bundle/signature.h"
#include "manifest/bundle/unpack.h"
#include "manifest/yaml/scalar.h"

namespace phoenix::manifest {
namespace {

namespace fs = std::filesystem;

BundleParts shop() {
  BundleParts parts;
  parts.info.name = "shop";
  parts.info.version = "1.2.0";
  parts.phoenix_file = "apiVersion: phoenixflight.io/v1\n";
  parts.agents = {{"agents/b.yaml", "b\n"}, {"agents/a.yaml", "a\n"}};
  parts.packets = {{"packets/p.yaml", "p\n"}};
  parts.policies = {{"policies/can-assign.yaml", "name: can-assign\n"}};
  parts.contracts = {{"contracts/c.yaml", "c\n"}};
  parts.others = {{"src/app.py", "print('hello \"you\"')\n"}, {"runtime/.keep", ""}};
  parts.outputs = {"phoenix-bundle"};
  parts.warnings = {"a \"warning\"\nof two lines"};
  return parts;
}

std::string content_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

TEST(Bundles, what_is_written_is_read_and_verifies) {
  const auto archive = write_bundle(shop());
  ASSERT_TRUE(archive) << archive.error().detail;
  const auto bundle = open_bundle(*archive);
  ASSERT_TRUE(bundle) << bundle.error().detail;
  EXPECT_EQ(bundle->info.name, "shop");
  EXPECT_EQ(bundle->info.version, "1.2.0");
  EXPECT_EQ(bundle->info.bundle_id.size(), 24U);
  EXPECT_TRUE(bundle->valid);
  EXPECT_EQ(bundle->files.size(), 11U);
  EXPECT_EQ(bundle->find("src/app.py")->bytes, "print('hello \"you\"')\n");
  EXPECT_EQ(bundle->find("nothing"), nullptr);
}

TEST(Bundles, the_same_parts_make_the_same_bytes_and_others_another_id) {
  BundleParts parts = shop();
  const std::string first = *write_bundle(parts);
  EXPECT_EQ(first, *write_bundle(parts));
  parts.agents[0].bytes = "changed\n";
  const std::string second = *write_bundle(parts);
  EXPECT_NE(open_bundle(first)->info.bundle_id, open_bundle(second)->info.bundle_id);
}

TEST(Bundles, paths_that_clash_or_lead_out_are_not_written) {
  BundleParts parts = shop();
  parts.agents.push_back({"agents/A.yaml", ""});
  EXPECT_EQ(write_bundle(parts).error().detail,
            "agents/a.yaml and agents/A.yaml differ in case alone");
  parts.agents.back().path = "../a.yaml";
  EXPECT_EQ(write_bundle(parts).error().detail, "the path ../a.yaml has a segment \"..\"");
}

TEST(Bundles, unpacking_puts_every_file_in_its_place) {
  std::string pattern = fs::temp_directory_path() / "phoenix-bundle-XXXXXX";
  const fs::path root = mkdtemp(pattern.data());
  const auto bundle = open_bundle(*write_bundle(shop()));
  ASSERT_TRUE(bundle);
  fs::create_directory(root / "empty");
  for (const char* folder : {"new", "empty", "slash/"}) {
    const auto done = unpack_bundle(*bundle, (root / folder).string());
    ASSERT_TRUE(done) << done.error().detail;
    for (const ArchiveFile& file : bundle->files) {
      EXPECT_EQ(content_of(root / folder / file.path), file.bytes) << file.path;
    }
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(root), fs::directory_iterator()), 3);
  fs::remove_all(root);
}

TEST(Bundles, a_signature_is_of_one_bundle_by_one_key) {
  const auto key = lineage::KeyPair::from_seed(std::array<uint8_t, 32>{1});
  const auto other = lineage::KeyPair::from_seed(std::array<uint8_t, 32>{2});
  const std::string archive = *write_bundle(shop());
  const std::string signature = sign_bundle(key, archive);
  const lineage::PublicKey trusted = key.public_key();
  const auto find = [&trusted](std::string_view id) {
    return id == trusted.id() ? &trusted : nullptr;
  };
  EXPECT_EQ(verify_signature(signature, archive, find).value_or("none"), trusted.id());
  EXPECT_EQ(verify_signature(signature, archive + " ", find).error().reason_code, "other-bundle");
  EXPECT_EQ(verify_signature(sign_bundle(other, archive), archive, find).error().reason_code,
            "unknown-key");
  EXPECT_EQ(verify_signature("?", archive, find).error().reason_code, "bad-envelope");
}

TEST(JsonTrees, are_strict) {
  EXPECT_TRUE(parse_json_tree(R"( {"a": [1, -2.5e3, true, null, "\u00e9\ud83d\ude00\n"]} )"));
  for (const char* bad :
       {"", "{", R"({"a":1,"a":2})", "[1,]", "01", "1 2", "\"\xff\"", R"("\ud800")", R"("\x")",
        "nul", "[1", "\"\n\"", "{\"a\" 1}", "+1", "1."}) {
    EXPECT_FALSE(parse_json_tree(bad)) << bad;
  }
  EXPECT_TRUE(parse_json_tree(std::string(60, '[') + std::string(60, ']')));
  EXPECT_FALSE(parse_json_tree(std::string(70, '[') + std::string(70, ']')));
  const auto zeros = [](size_t count) {
    std::string list = "[0";
    while (--count > 0) list += ",0";
    return list + "]";
  };
  EXPECT_TRUE(parse_json_tree(zeros(99'999)));
  EXPECT_FALSE(parse_json_tree(zeros(100'000)));
  EXPECT_EQ((*parse_json_tree(R"({"a":{"b":"c"}})"))["a"]["b"].text, "c");
  EXPECT_EQ(quote("a\"\\\n"), "\"a\\\"\\\\\\u000a\"");
}

}  // namespace
}  // namespace phoenix::manifest
