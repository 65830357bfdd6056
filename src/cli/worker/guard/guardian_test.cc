// With real processes. Every process below CMD holds the writing end of a pipe, its stderr: when
// the reading end sees the end of file, all of them are dead. Nothing here sleeps.
#include "cli/worker/guard/guardian.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>

namespace phoenix::worker {
namespace {

constexpr int kPatienceMs = 20'000;

Instant boottime() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return Instant{now.tv_sec * 1'000'000'000 + now.tv_nsec};
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    in = ends[0];
    out = ends[1];
  }
  ~Pipe() {
    close(in);
    close_out();
  }
  void close_out() {
    if (out >= 0) close(out);
    out = -1;
  }
  // What comes until `end` bytes are there, or the end of file (false: neither in time).
  bool read_line(std::string& line) {
    for (;;) {
      pollfd ready{in, POLLIN, 0};
      if (poll(&ready, 1, kPatienceMs) != 1) return false;
      char c = 0;
      if (read(in, &c, 1) != 1 || c == '\n') return true;
      line.push_back(c);
    }
  }
  bool ended() {
    std::string rest;
    while (read_line(rest)) {
      if (rest.empty()) return true;
      rest.clear();
    }
    return false;
  }
  int in = -1;
  int out = -1;
};

// `script` is run by sh; it says "ready" on stderr when all its processes are there.
std::vector<std::string> shell(const char* script) { return {"sh", "-c", script}; }

void spawn_into(Guardian& guardian, uint64_t run, int err) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  Guardian::Spawn spawn;
  spawn.run = run;
  spawn.in = null;
  spawn.out = null;
  spawn.err = err;
  EXPECT_TRUE(guardian.spawn(spawn));
  close(null);
}

Guardian::Event await_event(Guardian& guardian) {
  for (;;) {
    if (const auto event = guardian.next()) return *event;
    pollfd ready{guardian.fd(), POLLIN, 0};
    if (guardian.lost() || poll(&ready, 1, kPatienceMs) != 1) break;
  }
  ADD_FAILURE() << "the guardian reports nothing";
  return {};
}

constexpr const char* kTrees[] = {
    "echo ready >&2; sleep 1000",
    "sh -c 'echo ready >&2; sleep 1000 | sleep 1000'",
    "setsid sh -c 'echo ready >&2; exec sleep 1000'",
    // Double fork: the parent of the last sleep is gone when it runs.
    "(setsid sh -c '(sleep 1000 & echo ready >&2) &' &); sleep 1000",
    "trap '' TERM INT HUP; echo ready >&2; sleep 1000 & wait; sleep 1000",
};

class Trees : public ::testing::TestWithParam<const char*> {};

TEST_P(Trees, DieWithAWorkerThatIsKilled) {
  Pipe witness;
  const pid_t worker = fork();
  ASSERT_GE(worker, 0);
  if (worker == 0) {
    auto guardian = Guardian::start(shell(GetParam()), "");
    if (!guardian) _exit(1);
    spawn_into(**guardian, 1, witness.out);
    witness.close_out();
    for (;;) pause();
  }
  witness.close_out();
  std::string line;
  ASSERT_TRUE(witness.read_line(line));
  EXPECT_EQ(line, "ready");
  kill(worker, SIGKILL);
  EXPECT_TRUE(witness.ended());
  waitpid(worker, nullptr, 0);
}

TEST_P(Trees, DieAtTheLeasesEndThoughTheWorkerIsFrozen) {
  Pipe witness;
  Pipe command;
  const pid_t worker = fork();
  ASSERT_GE(worker, 0);
  if (worker == 0) {
    auto guardian = Guardian::start(shell(GetParam()), "");
    if (!guardian) _exit(1);
    spawn_into(**guardian, 1, witness.out);
    witness.close_out();
    char go = 0;
    if (read(command.in, &go, 1) != 1) _exit(1);
    (*guardian)->hold(boottime() + milliseconds(200));
    raise(SIGSTOP);
    for (;;) pause();
  }
  witness.close_out();
  std::string line;
  ASSERT_TRUE(witness.read_line(line));
  EXPECT_EQ(line, "ready");
  ASSERT_EQ(write(command.out, "x", 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(worker, &status, WUNTRACED), worker);
  ASSERT_TRUE(WIFSTOPPED(status));
  EXPECT_TRUE(witness.ended());
  EXPECT_EQ(waitpid(worker, &status, WNOHANG), 0) << "it is frozen still";
  kill(worker, SIGKILL);
  waitpid(worker, nullptr, 0);
}

TEST_P(Trees, DieWhenTheirRunIsKilled) {
  Pipe witness;
  auto guardian = Guardian::start(shell(GetParam()), "");
  ASSERT_TRUE(guardian);
  spawn_into(**guardian, 5, witness.out);
  witness.close_out();
  std::string line;
  ASSERT_TRUE(witness.read_line(line));
  (*guardian)->signal(5, true);
  const Guardian::Event event = await_event(**guardian);
  EXPECT_EQ(event.kind, Guardian::EventKind::kEnded);
  EXPECT_EQ(event.run, 5U);
  EXPECT_TRUE(WIFSIGNALED(event.status));
  EXPECT_TRUE(witness.ended());
}

INSTANTIATE_TEST_SUITE_P(AllShapes, Trees, ::testing::ValuesIn(kTrees));

TEST(GuardianTest, WhatCmdLeavesBehindEndsWithCmd) {
  Pipe witness;
  auto guardian = Guardian::start(shell("setsid sleep 1000 & exit 3"), "");
  ASSERT_TRUE(guardian);
  spawn_into(**guardian, 1, witness.out);
  witness.close_out();
  const Guardian::Event event = await_event(**guardian);
  EXPECT_TRUE(WIFEXITED(event.status));
  EXPECT_EQ(WEXITSTATUS(event.status), 3);
  EXPECT_TRUE(witness.ended());
}

TEST(GuardianTest, OneRunsEndLeavesTheOthersAlone) {
  Pipe first;
  Pipe second;
  auto guardian = Guardian::start(shell("(setsid sleep 1000 &); echo ready >&2; sleep 1000"), "");
  ASSERT_TRUE(guardian);
  spawn_into(**guardian, 1, first.out);
  spawn_into(**guardian, 2, second.out);
  first.close_out();
  second.close_out();
  std::string line;
  ASSERT_TRUE(first.read_line(line));
  ASSERT_TRUE(second.read_line(line));
  (*guardian)->signal(1, true);
  EXPECT_EQ(await_event(**guardian).run, 1U);
  EXPECT_TRUE(first.ended());
  pollfd still{second.in, POLLIN, 0};
  EXPECT_EQ(poll(&still, 1, 0), 0);
  guardian->reset();
  EXPECT_TRUE(second.ended()) << "a guardian that is let go takes all with it";
}

TEST(GuardianTest, TermReachesAWholePipeline) {
  Pipe witness;
  auto guardian = Guardian::start(
      shell("trap 'exit 7' TERM; sh -c 'echo ready >&2; sleep 1000' | cat & wait"), "");
  ASSERT_TRUE(guardian);
  spawn_into(**guardian, 1, witness.out);
  witness.close_out();
  std::string line;
  ASSERT_TRUE(witness.read_line(line));
  (*guardian)->signal(1, false);
  const Guardian::Event event = await_event(**guardian);
  EXPECT_TRUE(WIFEXITED(event.status));
  EXPECT_EQ(WEXITSTATUS(event.status), 7);
  EXPECT_TRUE(witness.ended());
}

TEST(GuardianTest, SaysThatCmdCannotBeExecuted) {
  Pipe witness;
  auto guardian = Guardian::start({"/nowhere/to/be/found"}, "");
  ASSERT_TRUE(guardian);
  spawn_into(**guardian, 1, witness.out);
  const Guardian::Event event = await_event(**guardian);
  EXPECT_EQ(event.kind, Guardian::EventKind::kNotStarted);
  EXPECT_TRUE(event.by_exec);
  EXPECT_EQ(event.status, ENOENT);
}

TEST(GuardianTest, ARenewedLeaseLetsCmdFinish) {
  Pipe witness;
  auto guardian = Guardian::start(shell("sleep 0.4; exit 9"), "");
  ASSERT_TRUE(guardian);
  (*guardian)->hold(boottime() + milliseconds(200));
  spawn_into(**guardian, 1, witness.out);
  (*guardian)->hold(boottime() + seconds(60));
  EXPECT_EQ(WEXITSTATUS(await_event(**guardian).status), 9);
}

TEST(GuardianTest, NothingBeginsAfterTheLeasesEnd) {
  Pipe witness;
  auto guardian = Guardian::start(shell("echo ready >&2; sleep 1000"), "");
  ASSERT_TRUE(guardian);
  (*guardian)->hold(boottime() - milliseconds(1));
  spawn_into(**guardian, 1, witness.out);
  witness.close_out();
  EXPECT_EQ(WTERMSIG(await_event(**guardian).status), SIGKILL);
  std::string line;
  EXPECT_TRUE(witness.read_line(line));
  EXPECT_EQ(line, "") << "it never ran";
}

TEST(GuardianTest, AKilledWardenLosesNothing) {
  Pipe witness;
  auto guardian = Guardian::start(shell("(setsid sleep 1000 &); echo $PPID >&2; sleep 1000"), "");
  ASSERT_TRUE(guardian);
  spawn_into(**guardian, 1, witness.out);
  witness.close_out();
  std::string warden;
  ASSERT_TRUE(witness.read_line(warden));
  kill(std::stoi(warden), SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(await_event(**guardian).status));
  EXPECT_TRUE(witness.ended());
}

TEST(GuardianTest, RemovesTheScratchFolder) {
  std::string scratch = testing::TempDir() + "guardian-XXXXXX";
  ASSERT_NE(mkdtemp(scratch.data()), nullptr);
  std::ofstream(scratch + "/left") << "x";
  auto guardian = Guardian::start(shell("true"), scratch);
  ASSERT_TRUE(guardian);
  guardian->reset();
  EXPECT_FALSE(std::filesystem::exists(scratch));
}

}  // namespace
}  // namespace phoenix::worker
