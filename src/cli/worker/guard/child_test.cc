// Runs of real commands, driven by a real loop.
#include "cli/worker/guard/child.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace phoenix::worker {
namespace {

class ChildTest : public ::testing::Test {
 protected:
  // Runs one sh script until it has ended.
  RunEnd run(const char* script, RunInput input = {}, std::size_t max_result = 1024) {
    options_.max_result = max_result;
    std::string scratch = ::testing::TempDir() + "child-XXXXXX";
    EXPECT_NE(mkdtemp(scratch.data()), nullptr);
    auto guardian = Guardian::start({"sh", "-c", script}, scratch);
    EXPECT_TRUE(guardian);
    EventLoop loop;
    RunEnd result;
    ChildEvents events;
    events.ended = [&](uint64_t, const RunEnd& end) {
      result = end;
      loop.stop();
    };
    events.not_started = [&](uint64_t, bool, std::string_view why) {
      ADD_FAILURE() << why;
      loop.stop();
    };
    events.checkpoint = [&](uint64_t, std::string_view content) {
      checkpoints_.emplace_back(content);
    };
    events.guardian_lost = [&] { loop.stop(); };
    {
      Children children(loop, **guardian, options_, scratch, events);
      children.start(1, std::move(input));
      loop.run();
      EXPECT_FALSE(std::filesystem::exists(scratch + "/1")) << "its files are gone";
    }
    return result;
  }
  WorkerOptions options_;
  std::vector<std::string> checkpoints_;
};

TEST_F(ChildTest, StdinGoesInAndStdoutComesOut) {
  RunInput input;
  input.stdin_bytes = "b\na\n";
  const RunEnd end = run("sort", input);
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_EQ(end.output, "a\nb\n");
  EXPECT_FALSE(end.handoff);
}

TEST_F(ChildTest, GetsItsEnvironmentButNotTheWorkersToken) {
  setenv("PHOENIX_TOKEN", "secret", 1);
  RunInput input;
  input.env = {{"PHOENIX_PACKET_ID", "p 1"}};
  EXPECT_EQ(run("echo \"$PHOENIX_PACKET_ID/$PHOENIX_TOKEN/${PATH:+path}\"", input).output,
            "p 1//path\n");
  unsetenv("PHOENIX_TOKEN");
}

TEST_F(ChildTest, ReadsCheckpointAndContextFromFiles) {
  RunInput input;
  input.checkpoint = "state";
  EXPECT_EQ(run("cat $PHOENIX_CHECKPOINT_IN; echo ${PHOENIX_CONTEXT_IN-none}", input).output,
            "statenone\n");
}

TEST_F(ChildTest, ACheckpointCountsWhenItIsRenamed) {
  run("echo half > $PHOENIX_CHECKPOINT_OUT; rm $PHOENIX_CHECKPOINT_OUT;"
      "echo one > $PHOENIX_CHECKPOINT_OUT.new; mv $PHOENIX_CHECKPOINT_OUT.new "
      "$PHOENIX_CHECKPOINT_OUT");
  EXPECT_EQ(checkpoints_, std::vector<std::string>{"one\n"});
}

TEST_F(ChildTest, TheHandoffFileIsHandedOn) {
  EXPECT_EQ(run("echo '{}' > $PHOENIX_HANDOFF_OUT").handoff, "{}\n");
}

TEST_F(ChildTest, TooMuchStdoutIsKilled) {
  const RunEnd end = run("yes", {}, 100'000);
  EXPECT_TRUE(end.too_large);
  EXPECT_FALSE(end.exit_code);
  EXPECT_FALSE(run("head -c 100 /dev/zero", {}, 100).too_large);
}

TEST_F(ChildTest, KeepsTheEndOfStderr) {
  const RunEnd end = run("seq 5000 >&2; exit 4");
  EXPECT_EQ(end.exit_code, 4);
  EXPECT_EQ(end.error_tail.size(), 4096U);
  EXPECT_TRUE(end.error_tail.ends_with("4999\n5000\n"));
}

}  // namespace
}  // namespace phoenix::worker
