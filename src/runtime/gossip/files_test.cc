// What a host keeps on disk about its pool: torn, foreign and absent files.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runtime/files.h"
#include "runtime/gossip/documents.h"
#include "runtime/gossip/key_file.h"
#include "runtime/gossip/pool_folder.h"

namespace phoenix::gossip {
namespace {

class FolderTest : public ::testing::Test {
 protected:
  FolderTest() {
    std::string name = "/tmp/phoenix-gossip-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~FolderTest() override { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string path_;
};

Remembered some() {
  Remembered out;
  out.incarnation = 4'000'000'000;
  out.clock = 7;
  out.event_clock = 8;
  out.query_clock = 18'446'744'073'709'551'615U;
  out.hosts.push_back(
      {"a \"b\"\n", endpoint_from("10.0.0.1:7946"), 1'700'000'000'000, 1'700'000'000'005});
  out.hosts.push_back({"h\xc3\xb6st", endpoint_from("[2001:db8::1]:1"), 0, 0});
  return out;
}

TEST(Documents, what_is_remembered_comes_back) {
  const auto read = parse_remembered(render(some()));
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->incarnation, some().incarnation);
  EXPECT_EQ(read->clock, 7U);
  EXPECT_EQ(read->event_clock, 8U);
  EXPECT_EQ(read->query_clock, some().query_clock);
  ASSERT_EQ(read->hosts.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read->hosts[i].name, some().hosts[i].name);
    EXPECT_EQ(read->hosts[i].endpoint, some().hosts[i].endpoint);
    EXPECT_EQ(read->hosts[i].first_seen, some().hosts[i].first_seen);
    EXPECT_EQ(read->hosts[i].last_seen, some().hosts[i].last_seen);
  }
}

TEST(Documents, a_name_that_is_no_text_is_left_out_and_its_address_kept) {
  Remembered odd = some();
  odd.hosts[0].name = "\xff\xfe";
  const auto read = parse_remembered(render(odd));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->hosts[0].name, "");
  EXPECT_EQ(read->hosts[0].endpoint, odd.hosts[0].endpoint);
}

TEST(Documents, torn_ones_are_refused_wherever_they_end) {
  const std::string remembered = render(some());
  for (size_t end = 0; end + 1 < remembered.size(); ++end) {
    EXPECT_FALSE(parse_remembered(remembered.substr(0, end))) << end;
  }
  View view;
  view.number = 3;
  view.hosts = {{"a", 1, 100, 18'446'744'073'709'551'615U}, {"b", 2, 0, 1}};
  view.removed = {{"b", 1, 2, 3}, {"c", 9, 1, 2}};
  const std::string text = render(view);
  EXPECT_EQ(*parse_view(text), view);
  for (size_t end = 0; end + 1 < text.size(); ++end) {
    EXPECT_FALSE(parse_view(text.substr(0, end))) << end;
  }
}

TEST(Documents, wrong_values_are_refused) {
  for (const char* text : {
           R"({"number":-1,"removed":[],"hosts":[]})",
           R"({"number":1.5,"removed":[],"hosts":[]})",
           R"({"number":1,"removed":[],"hosts":{}})",
           R"({"number":1,"hosts":[]})",
           R"({"number":1,"removed":[],"hosts":[{"name":""}]})",
           R"({"number":1,"removed":[],"hosts":[)"
           R"({"name":"a","incarnation":4294967296,"weight":1,"boot":"1"}]})",
           R"({"number":1,"removed":[],"hosts":[)"
           R"({"name":"a","incarnation":1,"weight":1,"boot":"x"}]})",
           R"({"number":1,"removed":[],"hosts":[)"
           R"({"name":"b","incarnation":1,"weight":1,"boot":"1"},)"
           R"({"name":"a","incarnation":1,"weight":1,"boot":"1"}]})",
           R"({"number":1,"hosts":[],"removed":[{"name":"a","incarnation":1}]})",
           R"([])",
           R"(null)",
           "",
       }) {
    EXPECT_FALSE(parse_view(text)) << text;
  }
  EXPECT_FALSE(parse_pool_names(R"({"pool":"","store":"s"})"));
  EXPECT_FALSE(parse_pool_names(R"({"pool":"p"})"));
  EXPECT_TRUE(parse_pool_names(R"({"pool":"p","store":"s"})"));
}

TEST(Keys, are_read_as_serf_prints_them_and_written_back) {
  // 32 and 16 bytes; the second one twice.
  const std::string text =
      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n  AAECAwQFBgcICQoLDA0ODw==\r\n"
      "AAECAwQFBgcICQoLDA0ODw==";
  const auto keys = parse_keys(text);
  ASSERT_TRUE(keys) << keys.error().detail;
  ASSERT_EQ(keys->size(), 2U);
  EXPECT_EQ((*keys)[0].size(), 32U);
  EXPECT_EQ((*keys)[0][31], '\x1f');
  EXPECT_EQ((*keys)[1].size(), 16U);
  EXPECT_EQ(*parse_keys(render_keys(*keys)), *keys);
  EXPECT_EQ(render_keys({(*keys)[1]}), "AAECAwQFBgcICQoLDA0ODw==\n");
}

TEST(Keys, faults_name_the_line_and_not_the_key) {
  for (const char* bad : {"AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0O", "not base64 at all!!!",
                          "AAECAwQFBgcICQoLDA0===="}) {
    const auto keys = parse_keys(std::string("AAECAwQFBgcICQoLDA0ODw==\n") + bad + "\n");
    ASSERT_FALSE(keys) << bad;
    EXPECT_TRUE(keys.error().detail.starts_with("line 2 is no key")) << keys.error().detail;
    EXPECT_EQ(keys.error().detail.find(bad), std::string::npos);
  }
  EXPECT_FALSE(parse_keys("\n \n"));
}

TEST_F(FolderTest, a_key_file_that_is_not_there_is_named) {
  const auto keys = read_key_file(file("none"));
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().detail, "there is no file " + file("none"));
}

TEST_F(FolderTest, files_are_replaced_whole_and_read_with_a_bound) {
  ASSERT_TRUE(replace_file(file("f"), "one"));
  ASSERT_TRUE(replace_file(file("f"), "two"));
  EXPECT_EQ(**read_whole(file("f"), 3), "two");
  EXPECT_FALSE(read_whole(file("f"), 2));
  EXPECT_FALSE(*read_whole(file("g"), 2));
  EXPECT_FALSE(replace_file(file("no/such/folder"), "x"));
}

TEST_F(FolderTest, a_lock_held_by_another_is_not_waited_for_for_ever) {
  const auto lock = FileLock::take(file("lock"), 0);
  ASSERT_TRUE(lock);
  EXPECT_FALSE(FileLock::take(file("lock"), 5));
}

TEST_F(FolderTest, hosts_that_come_first_together_agree_on_the_pool) {
  // Each child exits with a digest of what it found; all must be the same.
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t pid = fork();
    if (pid == 0) {
      const auto folder = open_pool_folder(path_);
      if (!folder) _exit(255);
      unsigned digest = 7;
      for (const char c : folder->names.pool + folder->names.store + folder->fingerprint()) {
        digest = digest * 31 + static_cast<unsigned char>(c);
      }
      _exit(static_cast<int>(digest % 255));
    }
    children.push_back(pid);
  }
  std::vector<int> codes;
  for (const pid_t pid : children) {
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFEXITED(status));
    codes.push_back(WEXITSTATUS(status));
  }
  EXPECT_NE(codes[0], 255);
  EXPECT_EQ(codes, std::vector<int>(codes.size(), codes[0]));
}

TEST_F(FolderTest, a_ring_key_that_was_there_stays_and_a_broken_file_is_never_replaced) {
  std::ofstream(file("ring.key"), std::ios::binary) << "0123456789abcdef";
  const auto folder = open_pool_folder(path_);
  ASSERT_TRUE(folder) << folder.error().detail;
  EXPECT_EQ(folder->ring_key.bytes[0], '0');
  EXPECT_EQ(folder->fingerprint().size(), 16U);
  EXPECT_EQ(open_pool_folder(path_)->names.pool, folder->names.pool);
  std::ofstream(file("pool.json")) << "{\"pool\":\"x";
  const auto broken = open_pool_folder(path_);
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().detail.find("pool.json is broken"), std::string::npos);
  EXPECT_EQ(**read_whole(file("pool.json"), 100), "{\"pool\":\"x");
  std::ofstream(file("ring.key"), std::ios::binary) << "short";
  EXPECT_FALSE(open_pool_folder(path_));
}

}  // namespace
}  // namespace phoenix::gossip
