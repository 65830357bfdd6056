#include "manifest/bundle/pack.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "manifest/app/load.h"
#include "manifest/app/test_folder.h"
#include "manifest/bundle/unpack.h"

namespace phoenix::manifest {
namespace {

namespace fs = std::filesystem;

const std::string kHead = "apiVersion: phoenixflight.io/v1\n";

void write_shop(const TestFolder& folder) {
  folder.write("PhoenixFile", kHead +
                                  "kind: PhoenixApp\nmetadata: {name: shop, version: 1.0.0}\n"
                                  "dataPlane: {agents: [agents/a.yaml], packets: [p.yaml]}\n");
  folder.write("agents/a.yaml", kHead +
                                    "kind: Agent\nmetadata: {name: a}\nspec: {capabilities: [x],"
                                    " exec: {command: [./src/run.sh]}}\n");
  folder.write("p.yaml", kHead +
                             "kind: FlightPacket\nmetadata: {name: p}\n"
                             "spec: {requiredCapabilities: [x]}\n");
  folder.write("src/run.sh", "#!/bin/sh\ncat\n");
  chmod(folder.path("src/run.sh").c_str(), 0755);
}

Result<BundleParts> pack(const TestFolder& folder) {
  const Loaded loaded = load_app({folder.path("PhoenixFile"), false});
  for (const Finding& finding : loaded.findings) EXPECT_FALSE(finding.is_error()) << finding.text();
  return pack_app(loaded.app);
}

std::vector<std::string> packed(const TestFolder& folder) {
  const auto parts = pack(folder);
  if (!parts) return {parts.error().detail};
  const auto bundle = open_bundle(*write_bundle(*parts));
  if (!bundle) return {bundle.error().detail};
  std::vector<std::string> paths;
  for (const ArchiveFile& file : bundle->files) paths.push_back(file.path);
  paths.resize(paths.size() - 3);  // the descriptions, which are there always
  return paths;
}

using Paths = std::vector<std::string>;
const Paths kShop = {"PhoenixFile", "agents/a.yaml", "p.yaml", "src/run.sh"};

TEST(Packing, takes_what_the_app_names_by_its_kind_and_all_else_beside_it) {
  const TestFolder folder;
  write_shop(folder);
  EXPECT_EQ(packed(folder), kShop);
  const auto parts = pack(folder);
  ASSERT_EQ(parts->agents.size(), 1U);
  EXPECT_EQ(parts->packets.at(0).path, "p.yaml");
  EXPECT_EQ(parts->info.version, "1.0.0");
}

TEST(Packing, leaves_out_what_is_no_part_of_an_app) {
  const TestFolder folder;
  write_shop(folder);
  for (const char* path :
       {".phoenixflight/store.db", ".env", "src/.hidden", "src/__pycache__/a.pyc", "dist/x.txt",
        "old.pflight", "old.pflight.sig", "manifest.json", "notes.tmp", "venv/lib/a.py"}) {
    folder.write(path, "x");
  }
  folder.write(".phoenixignore", "# mine\n*.tmp\nvenv/\nsrc/draft-?.py\n");
  folder.write("src/draft-1.py", "");
  EXPECT_EQ(packed(folder), kShop);
  folder.write("src/draft-10.py", "");
  EXPECT_EQ(packed(folder).size(), kShop.size() + 1);
}

TEST(Packing, never_leaves_out_what_the_app_names) {
  const TestFolder folder;
  write_shop(folder);
  folder.write(".phoenixignore", "agents\n*.yaml\n");
  EXPECT_EQ(packed(folder), kShop);
}

TEST(Packing, keeps_dist_where_the_app_runs_from_there) {
  const TestFolder folder;
  write_shop(folder);
  folder.write("dist/main.js", "x");
  EXPECT_EQ(packed(folder), kShop);
  folder.write("agents/a.yaml", kHead +
                                    "kind: Agent\nmetadata: {name: a}\nspec: {capabilities: [x],"
                                    " exec: {command: [node, dist/main.js]}}\n");
  EXPECT_EQ(packed(folder).at(2), "dist/main.js");
}

TEST(Packing, refuses_what_a_bundle_cannot_or_must_not_hold) {
  for (const auto& [target, why] : {std::pair("/etc/passwd", "link: leads out"),
                                    {"agents", "link: is a link to a folder"},
                                    {"nowhere", "link: does not exist"}}) {
    const TestFolder folder;
    write_shop(folder);
    fs::create_symlink(target, folder.path("link"));
    EXPECT_EQ(packed(folder).at(0).substr(0, std::string(why).size()), why);
  }
  const TestFolder folder;
  write_shop(folder);
  folder.write("tls/key.pem", "of mine\n-----BEGIN EC PRIVATE KEY-----\nAA\n");
  EXPECT_EQ(packed(folder).at(0).substr(0, 34), "tls/key.pem: holds a private key, ");
  folder.write("tls/key.pem", "-----BEGIN CERTIFICATE-----\nAA\n");
  EXPECT_EQ(packed(folder).size(), kShop.size() + 1);
  mkfifo(folder.path("pipe").c_str(), 0600);
  EXPECT_EQ(packed(folder).at(0), "pipe: is no file");
}

TEST(Packing, refuses_a_command_that_nobody_could_execute_after_unpacking) {
  const TestFolder folder;
  write_shop(folder);
  folder.write("src/run.sh", "cat\n");
  EXPECT_EQ(packed(folder).at(0),
            "src/run.sh: agent a executes it, and it begins with no #!: nobody could execute it "
            "after unpacking");
}

TEST(Packing, a_link_within_the_folder_is_packed_as_what_it_leads_to) {
  const TestFolder folder;
  write_shop(folder);
  fs::rename(folder.path("agents/a.yaml"), folder.path("agents/b.yaml"));
  fs::create_symlink("b.yaml", folder.path("agents/a.yaml"));
  const auto parts = pack(folder);
  ASSERT_TRUE(parts) << parts.error().detail;
  EXPECT_EQ(parts->agents.at(0).path, "agents/a.yaml");
  EXPECT_EQ(parts->agents.at(0).bytes, folder.read("agents/b.yaml"));
}

TEST(Packing, says_the_same_of_the_same_app_in_another_folder) {
  std::string archives[2];
  for (std::string& archive : archives) {
    const TestFolder folder;
    write_shop(folder);
    folder.write("p.yaml",
                 "apiVersion: phoenixflight.io/v1alpha1\nkind: FlightPacket\nmetadata: {name: p}\n"
                 "spec: {requiredCapabilities: [y], colour: red}\n");
    const auto parts = pack(folder);
    ASSERT_TRUE(parts) << parts.error().detail;
    EXPECT_EQ(parts->warnings.size(), 2U);
    archive = *write_bundle(*parts);
  }
  EXPECT_EQ(archives[0], archives[1]);
}

TEST(Packing, programs_may_be_executed_after_unpacking) {
  const TestFolder folder;
  write_shop(folder);
  const auto bundle = open_bundle(*write_bundle(*pack(folder)));
  ASSERT_TRUE(bundle);
  ASSERT_TRUE(unpack_bundle(*bundle, folder.path("there")));
  EXPECT_EQ(access(folder.path("there/src/run.sh").c_str(), X_OK), 0);
  struct stat plain = {};
  ASSERT_EQ(stat(folder.path("there/p.yaml").c_str(), &plain), 0);
  EXPECT_EQ(plain.st_mode & 0111, 0U);
}

TEST(Pack, RefusesAssetsThatAreMissingAndTakesThemWhateverTheirNames) {
  TestFolder folder;
  write_shop(folder);
  folder.write("PhoenixFile", kHead +
                                  "kind: PhoenixApp\nmetadata: {name: shop, version: 1.0.0}\n"
                                  "dataPlane: {agents: [agents/a.yaml], packets: [p.yaml]}\n"
                                  "semanticAssets:\n  schemas: [.assets/s.json, gone.json]\n"
                                  "  validators: [src]\n");
  folder.write(".assets/s.json", "{}");
  const auto refused = pack(folder);
  ASSERT_FALSE(refused);
  const std::string& why = refused.error().detail;
  EXPECT_NE(why.find("PhoenixFile:6:29: semanticAssets.schemas names \"gone.json\""),
            std::string::npos)
      << why;
  EXPECT_NE(why.find("semanticAssets.validators names \"src\""), std::string::npos) << why;
  EXPECT_EQ(why.find("s.json\""), std::string::npos) << why;
  folder.write("gone.json", "{}");
  folder.write("PhoenixFile", kHead +
                                  "kind: PhoenixApp\nmetadata: {name: shop, version: 1.0.0}\n"
                                  "dataPlane: {agents: [agents/a.yaml], packets: [p.yaml]}\n"
                                  "semanticAssets: {schemas: [.assets/s.json, gone.json]}\n");
  const auto names = packed(folder);
  EXPECT_NE(std::find(names.begin(), names.end(), ".assets/s.json"), names.end());
}

}  // namespace
}  // namespace phoenix::manifest
