#include "runtime/gossip/file_view_store.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "runtime/files.h"

namespace phoenix::gossip {
namespace {

using Status = ViewAnswer::Status;

class FileViewStoreTest : public ::testing::Test {
 protected:
  FileViewStoreTest() {
    std::string name = "/tmp/phoenix-view-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~FileViewStoreTest() override { std::filesystem::remove_all(path_); }

  FileViewStore store(const std::string& host, uint64_t life = 1) const {
    return FileViewStore({.folder = path_, .host = host, .life = life, .lapse = seconds(5)});
  }
  // As of a host that knows no view yet, so that the answer always brings it.
  static ViewRequest heartbeat() {
    ViewRequest request;
    request.expected = UINT64_MAX;
    return request;
  }
  static ViewRequest proposal(uint64_t expected, std::vector<ViewHost> hosts) {
    ViewRequest request;
    request.propose = true;
    request.expected = expected;
    request.proposed.number = expected + 1;
    request.proposed.hosts = std::move(hosts);
    return request;
  }
  // With no complaint.
  static FileViewAnswer apply(FileViewStore& store, const ViewRequest& request, int second = 0) {
    FileViewAnswer answer = store.apply(request, Instant{seconds(second).ns});
    EXPECT_EQ(answer.why, "");
    EXPECT_TRUE(answer.newest);
    if (!answer.newest) answer.newest.emplace();
    return answer;
  }
  static std::string complaint(FileViewStore& store, const ViewRequest& request) {
    const FileViewAnswer answer = store.apply(request, {});
    EXPECT_EQ(answer.status, Status::kUnreachable);
    EXPECT_FALSE(answer.newest);
    return answer.why;
  }
  std::string path_;
};

TEST_F(FileViewStoreTest, begins_at_nothing_and_counts_each_change) {
  FileViewStore a = store("a");
  EXPECT_EQ(*apply(a, heartbeat()).newest, View{});
  const FileViewAnswer first = apply(a, proposal(0, {{"b", 2, 0, 5}, {"a", 1, 100, 4}}));
  EXPECT_EQ(first.status, Status::kOk);
  EXPECT_EQ(first.newest->number, 1U);
  EXPECT_EQ(first.newest->hosts, (std::vector<ViewHost>{{"a", 1, 100, 4}, {"b", 2, 0, 5}}));
  FileViewStore b = store("b");
  EXPECT_EQ(apply(b, heartbeat()).newest, first.newest);
  const FileViewAnswer late = apply(b, proposal(0, {{"b", 2, 0, 5}}));
  EXPECT_EQ(late.status, Status::kConflict);
  EXPECT_EQ(late.newest, first.newest);
  EXPECT_EQ(apply(b, proposal(1, {{"b", 2, 0, 5}})).newest->number, 2U);
}

TEST_F(FileViewStoreTest, a_heartbeat_of_who_has_the_newest_view_brings_none) {
  FileViewStore a = store("a");
  FileViewStore b = store("b");
  ViewRequest beat;
  EXPECT_FALSE(a.apply(beat, {}).newest);
  apply(b, proposal(0, {{"b", 1, 1, 1}}));
  EXPECT_EQ(a.apply(beat, {}).newest->number, 1U);
  beat.expected = 1;
  EXPECT_FALSE(a.apply(beat, {}).newest);
}

TEST_F(FileViewStoreTest, of_several_processes_each_change_is_one_process_s) {
  constexpr int kProcesses = 4;
  constexpr uint32_t kChanges = 25;
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t pid = fork();
    if (pid == 0) {
      FileViewStore own = store("p" + std::to_string(i));
      View view = *own.apply(heartbeat(), {}).newest;
      for (uint32_t done = 0; done < kChanges;) {
        // The first host's incarnation counts the changes: one lost would be missing there.
        std::vector<ViewHost> next = view.hosts;
        if (next.empty()) next.push_back({"sum", 0, 1, 1});
        ++next[0].incarnation;
        const FileViewAnswer answer = own.apply(proposal(view.number, next), {});
        if (answer.status == Status::kUnreachable) continue;  // others held the lock for long
        if (answer.status == Status::kOk) ++done;
        view = *answer.newest;
      }
      _exit(0);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_EQ(status, 0);
  }
  FileViewStore reader = store("reader");
  const View end = *apply(reader, heartbeat()).newest;
  EXPECT_EQ(end.number, kProcesses * kChanges);
  EXPECT_EQ(end.hosts.at(0).incarnation, kProcesses * kChanges);
}

TEST_F(FileViewStoreTest, a_host_that_stands_still_lapses_and_comes_back_with_its_next_beat) {
  FileViewStore a = store("a");
  FileViewStore b = store("b");
  apply(a, proposal(0, {{"a", 1, 1, 1}, {"b", 1, 1, 1}}));
  apply(b, heartbeat());
  for (int second = 0; second < 5; ++second) {
    EXPECT_TRUE(apply(a, heartbeat(), second).lapsed.empty()) << second;
  }
  EXPECT_EQ(apply(a, heartbeat(), 5).lapsed, std::vector<std::string>{"b"});
  apply(b, heartbeat());
  EXPECT_TRUE(apply(a, heartbeat(), 6).lapsed.empty());
  // Another life that begins to count anew is a sign of life too.
  FileViewStore again = store("b", 2);
  apply(again, heartbeat());
  EXPECT_TRUE(apply(a, heartbeat(), 12).lapsed.empty());
}

TEST_F(FileViewStoreTest, one_who_was_frozen_itself_accuses_nobody) {
  FileViewStore a = store("a");
  apply(a, proposal(0, {{"a", 1, 1, 1}, {"b", 1, 1, 1}}), 0);
  EXPECT_TRUE(apply(a, heartbeat(), 3'600).lapsed.empty());
}

TEST_F(FileViewStoreTest, a_broken_file_is_told_kept_and_no_end) {
  FileViewStore a = store("a");
  apply(a, proposal(0, {{"a", 1, 1, 1}}));
  std::ofstream(path_ + "/view.json") << "{\"number\":1,\"ho";
  for (const ViewRequest& request : {heartbeat(), proposal(1, {{"a", 2, 1, 1}})}) {
    const std::string why = complaint(a, request);
    EXPECT_NE(why.find("view.json is broken"), std::string::npos) << why;
  }
  EXPECT_EQ(**read_whole(path_ + "/view.json", 100), "{\"number\":1,\"ho");
  std::ofstream(path_ + "/view.json") << R"({"number":1,"removed":[],"hosts":[]})";
  EXPECT_EQ(apply(a, heartbeat()).newest->number, 1U);
}

TEST_F(FileViewStoreTest, a_number_that_goes_back_is_refused) {
  FileViewStore a = store("a");
  apply(a, proposal(0, {{"a", 1, 1, 1}}));
  std::filesystem::remove(path_ + "/view.json");
  const std::string why = complaint(a, proposal(0, {{"a", 1, 1, 1}}));
  EXPECT_NE(why.find("went back from number 1 to 0"), std::string::npos) << why;
}

TEST_F(FileViewStoreTest, a_folder_that_takes_no_file_is_told) {
  FileViewStore a({.folder = path_ + "/none", .host = "a"});
  const std::string why = complaint(a, heartbeat());
  EXPECT_NE(why.find("cannot write " + path_ + "/none"), std::string::npos) << why;
}

TEST_F(FileViewStoreTest, a_lock_that_a_frozen_process_holds_does_not_stop_heartbeats) {
  FileViewStore a = store("a");
  apply(a, proposal(0, {{"a", 1, 1, 1}}));
  const auto lock = FileLock::take(path_ + "/view.lock", 0);
  ASSERT_TRUE(lock);
  EXPECT_EQ(apply(a, heartbeat()).status, Status::kOk);
  const std::string why = complaint(a, proposal(1, {{"a", 2, 1, 1}}));
  EXPECT_NE(why.find("does not let go"), std::string::npos) << why;
}

TEST_F(FileViewStoreTest, names_may_hold_anything_and_be_long) {
  const std::string odd = "../x y\n" + std::string(120, 'z');
  FileViewStore a = store(odd);
  EXPECT_EQ(apply(a, proposal(0, {{odd, 1, 1, 1}})).newest->hosts.at(0).name, odd);
  FileViewStore b = store("b");
  EXPECT_EQ(apply(b, heartbeat()).newest->hosts.at(0).name, odd);
}

}  // namespace
}  // namespace phoenix::gossip
