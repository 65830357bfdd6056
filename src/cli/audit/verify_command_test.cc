// `phoenix audit verify` and `phoenix key`, as whole command lines over files of a temporary
// folder.
#include "cli/audit/verify_command.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/bytes_text.h"
#include "cli/context.h"
#include "cli/json.h"
#include "cli/keys/key_commands.h"
#include "cli/keys/key_files.h"
#include "cli/line/parse.h"
#include "lineage/audit/test_pool.h"

namespace phoenix::cli {
namespace {

struct Ran {
  int code = 0;
  std::string out;
  std::string err;
};

// As the program does it, over a table of these verbs alone.
int run_line(const std::vector<std::string>& args) {
  std::vector<Command> table;
  add_audit_verify(table);
  add_key_commands(table);
  Globals globals;
  const auto line = parse_line(args, table, &globals);
  Context context(globals, table);
  if (!line || line->command == nullptr) return kExitWrongUse;
  return line->command->run(context);
}

Ran run(const std::vector<std::string>& args) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Ran ran;
  ran.code = run_line(args);
  ran.out = testing::internal::GetCapturedStdout();
  ran.err = testing::internal::GetCapturedStderr();
  return ran;
}

class Folder : public testing::Test {
 protected:
  Folder() {
    std::string name = testing::TempDir() + "phoenix-audit-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() override { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
  }
  std::string path_;
};

class Export : public Folder {
 protected:
  Export() {
    const auto checkpoints = lineage::fill(pool_);
    std::filesystem::create_directory(file("keys"));
    write("keys/demo.pub", lineage::render_public(pool_.roots()[0]));
    for (size_t i = 0; i < checkpoints.size(); ++i) {
      write("c" + std::to_string(i), base64_text(checkpoints[i]) + "\n");
    }
    write("export", pool_.text());
  }
  Ran verify(const std::string& what, const std::string& checkpoint) const {
    return run({"audit", "verify", file(what), "--keys", file("keys"), "--checkpoint",
                file(checkpoint), "-o", "json"});
  }
  lineage::TestPool pool_;
};

TEST_F(Export, IsVerifiedByFilesAlone) {
  const Ran ran = verify("export", "c2");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json report = Json::parse(ran.out).value();
  EXPECT_TRUE(report["verified"].truth());
  EXPECT_EQ(report["pool"].text(), "demo");
  EXPECT_EQ(report["entriesAfter"].integer(), 0);
  EXPECT_EQ(report["handoffsSigned"].integer(), 5);
  const Json older = Json::parse(verify("export", "c0").out).value();
  EXPECT_GT(older["entriesAfter"].integer(), 0);
  const Ran text = run({"audit", "verify", file("export"), "--keys", file("keys"), "--checkpoint",
                        file("c2"), "--checkpoint", file("c1")});
  EXPECT_NE(text.out.find("pool demo, 50 entries of 2 logs"), std::string::npos) << text.out;
}

TEST_F(Export, ThatIsAlteredExitsWith6AndSaysWhere) {
  std::string altered = pool_.logs().at(3).entries[4];
  altered[altered.size() / 2] = static_cast<char>(altered[altered.size() / 2] ^ 1);
  std::string text = pool_.text();
  const std::string line =
      lineage::export_line(lineage::LineKind::kEntry, pool_.logs().at(3).entries[4]);
  text.replace(text.find(line), line.size(),
               lineage::export_line(lineage::LineKind::kEntry, altered));
  write("altered", text);
  const Ran ran = verify("altered", "c2");
  EXPECT_EQ(ran.code, 6);
  EXPECT_EQ(ran.out, "");
  const Json report = Json::parse(ran.err).value();
  EXPECT_FALSE(report["verified"].truth());
  EXPECT_EQ(report["fault"]["code"].text(), "altered");
  EXPECT_EQ(report["fault"]["log"].integer(), 3);
  EXPECT_EQ(report["fault"]["entry"].integer(), 5);
}

TEST_F(Export, ThatEndsEarlyOrWithoutALineFeedIsNotWhole) {
  const std::string text = pool_.text();
  write("cut", text.substr(0, text.size() - 1));
  EXPECT_EQ(verify("cut", "c2").code, 6);
  write("half", text.substr(0, text.size() / 2));
  EXPECT_EQ(verify("half", "c2").code, 6);
  write("empty", "");
  EXPECT_EQ(verify("empty", "c2").code, 6);
  write("long", std::string(lineage::kExportHeader) + "\n" + std::string(60'000'000, 'x'));
  EXPECT_EQ(verify("long", "c2").code, 6);
}

TEST_F(Export, IsNotJudgedByWhatIsNoKeyOrNoCheckpoint) {
  EXPECT_EQ(verify("export", "export").code, 2);
  EXPECT_EQ(verify("nothing", "c2").code, 2);
  write("keys/b.pub", "no key");
  EXPECT_EQ(verify("export", "c2").code, 2);
  std::filesystem::remove_all(file("keys"));
  std::filesystem::create_directory(file("keys"));
  EXPECT_EQ(verify("export", "c2").code, 2);
}

TEST_F(Folder, HoldsNewKeysForTheirOwnerAlone) {
  const Ran ran = run({"-n", "prod", "key", "new", "ocr-1", "--dir", file("keys"), "-o", "json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json made = Json::parse(ran.out).value();
  EXPECT_EQ(made["name"].text(), "prod/ocr-1");
  EXPECT_EQ(made["role"].text(), "member");
  struct stat status{};
  ASSERT_EQ(::stat(file("keys/ocr-1.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const auto secret = read_key(file("keys/ocr-1.key"));
  ASSERT_TRUE(secret);
  EXPECT_TRUE(secret->secret);
  EXPECT_EQ(secret->key.key.id(), made["id"].text());
  // A key is never written over.
  EXPECT_EQ(run({"-n", "prod", "key", "new", "ocr-1", "--dir", file("keys")}).code, 4);
  const auto again = read_key(file("keys/ocr-1.key"));
  EXPECT_EQ(again->key, secret->key);
  EXPECT_EQ(run({"key", "show", file("keys/ocr-1.pub"), "-o", "name"}).out,
            made["id"].text() + "\n");
  ASSERT_EQ(run({"key", "new", "demo", "--role", "root", "--dir", file("keys")}).code, 0);
  const Json list = Json::parse(run({"key", "list", file("keys"), "-o", "json"}).out).value();
  EXPECT_EQ(list["items"].items().size(), 4U);
}

}  // namespace
}  // namespace phoenix::cli
