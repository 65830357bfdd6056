#include "cli/worker/core_harness.h"

namespace phoenix::worker {
namespace {

class Hand : public ::testing::Test {
 protected:
  Hand() { h.attach(); }
  // One packet delivered, its start taken; returns its run.
  uint64_t begin(const std::string& packet, int epoch = 1, const std::string& more = "") {
    h.deliver(packet, epoch, more);
    h.start_taken(packet);
    return h.runs.back().run;
  }
  CoreHarness h;
};

TEST_F(Hand, GivesCmdItsPacket) {
  h.deliver(
      "p", 3,
      R"(,"deadline":"2026-01-01T00:00:00.000Z","traceparent":"00-a","checkpoint":{"n":1.0},"contextBase64":"AAE=")");
  const RunInput& input = h.runs.at(0).input;
  EXPECT_EQ(input.stdin_bytes, "in");
  EXPECT_EQ(input.checkpoint, R"({"n":1.0})");
  EXPECT_EQ(input.context, std::string("\0\x01", 2));
  const std::vector<std::pair<std::string, std::string>> want = {
      {"PHOENIX_PACKET_ID", "p"},
      {"PHOENIX_EPOCH", "3"},
      {"PHOENIX_ATTEMPT", "1"},
      {"PHOENIX_NAMESPACE", "default"},
      {"PHOENIX_DEADLINE", "2026-01-01T00:00:00.000Z"},
      {"TRACEPARENT", "00-a"}};
  EXPECT_EQ(input.env, want);
}

TEST_F(Hand, ActsOnceOnADelivery) {
  begin("p");
  h.deliver("p", 1);
  EXPECT_EQ(h.runs.size(), 1U);
}

TEST_F(Hand, RunsUpToMaxLoadAtATime) {
  begin("p");
  begin("q");
  h.deliver("r", 1);
  EXPECT_EQ(h.runs.size(), 2U);
  h.end_run(h.runs[0].run, 0);
  EXPECT_EQ(h.runs.size(), 3U);
}

TEST_F(Hand, CompletesWithStdoutAsText) {
  h.end_run(begin("p"), 0, "a \"b\"\n");
  const MakeCall call = h.last_call("/v1/packets/p/complete?namespace=default");
  EXPECT_EQ(call.call.body, R"({"epoch":1,"result":"a \"b\"\n"})");
  EXPECT_EQ(call.call.token, "tok-1");
}

TEST_F(Hand, CompletesWithBytesIfItIsNoText) {
  h.end_run(begin("p"), 0, "\xff\x01");
  EXPECT_EQ(h.last_call("/p/complete").call.body, R"({"epoch":1,"resultBase64":"/wE="})");
}

TEST_F(Hand, CompletesWithBytesIfQuotesMakeTheTextTooLong) {
  const std::string most(std::size_t{1} << 20, 'x');
  h.end_run(begin("p"), 0, most);
  EXPECT_TRUE(h.last_call("/p/complete").call.body.starts_with(R"({"epoch":1,"resultB)"));
  h.end_run(begin("q"), 0, most.substr(2));
  EXPECT_TRUE(h.last_call("/q/complete").call.body.starts_with(R"({"epoch":1,"result":)"));
}

TEST_F(Hand, Exit75ReleasesAndOthersFailWithStderr) {
  h.end_run(begin("p"), 75);
  EXPECT_EQ(h.last_call("/p/release").call.body, R"({"epoch":1})");
  h.end_run(begin("q"), 3);
  EXPECT_EQ(h.last_call("/q/fail").call.body,
            R"({"epoch":1,"error":{"message":"oops","code":"exit-status"}})");
}

TEST_F(Hand, HandsOffByFileAtExit0) {
  h.end_run(begin("p"), 0, "", R"({"to":"w2","context":{"a":1.50}})");
  EXPECT_EQ(h.last_call("/p/handoff").call.body, R"({"epoch":1,"to":"w2","context":{"a":1.50}})");
}

TEST_F(Hand, ARevokedOneIsStoppedAndSaysNothing) {
  const uint64_t run = begin("p");
  h.revoke("p", 1);
  EXPECT_TRUE(h.signaled(run, false));
  EXPECT_FALSE(h.signaled(run, true));
  h.keep_alive(seconds(5));
  EXPECT_TRUE(h.signaled(run, true));
  h.end_run(run, 0);
  EXPECT_EQ(h.find_call("/p/complete"), nullptr);
}

TEST_F(Hand, ARevocationHoldsForWhatArrivesAfterIt) {
  h.revoke("p", 2);
  h.deliver("p", 1);
  h.deliver("p", 2);
  EXPECT_TRUE(h.runs.empty());
  h.deliver("p", 3);
  EXPECT_EQ(h.runs.size(), 1U);
}

TEST_F(Hand, ANewerEpochWaitsForTheOldRunToBeGone) {
  const uint64_t old = begin("p", 1);
  h.deliver("p", 2);
  EXPECT_TRUE(h.signaled(old, false));
  EXPECT_EQ(h.runs.size(), 1U);
  h.end_by_signal(old, 15);
  ASSERT_EQ(h.runs.size(), 2U);
  EXPECT_EQ(h.find_call("/p/fail"), nullptr);
}

TEST_F(Hand, RepeatsAFinalCallUntilItIsAnswered) {
  h.end_run(begin("p"), 0);
  const std::string body = h.last_call("/p/complete").call.body;
  h.fail_call(h.last_call("/p/complete"), CallFault::kReset);
  h.keep_alive(seconds(1));
  h.answer(h.last_call("/p/complete"), problem_of(503, "draining"));
  h.keep_alive(seconds(1));
  h.answer(h.last_call("/p/complete"), problem_of(504, "timeout"));
  h.keep_alive(seconds(1));
  h.answer(h.last_call("/p/complete"), problem_of(409, "conflict", R"(,"retryAfterMs":500)"));
  h.keep_alive(seconds(2));
  EXPECT_EQ(h.last_call("/p/complete").call.body, body);
  h.answer(h.last_call("/p/complete"), answer_of(200, "{}"));
  h.keep_alive(seconds(5));
  EXPECT_EQ(h.find_call("/p/"), nullptr);
}

TEST_F(Hand, ASentFinalCallIsRepeatedAlsoAfterARevocation) {
  h.end_run(begin("p"), 0);
  h.revoke("p", 1);
  ASSERT_NE(h.find_call("/p/complete"), nullptr);
  h.fail_call(h.last_call("/p/complete"), CallFault::kTimedOut);
  h.keep_alive(seconds(1));
  EXPECT_NE(h.find_call("/p/complete"), nullptr);
}

TEST_F(Hand, ARefusedFinalCallFailsWithThatProblem) {
  h.end_run(begin("p"), 0);
  h.answer(h.last_call("/p/complete"), problem_of(413, "too-large"));
  EXPECT_EQ(h.last_call("/p/fail").call.body,
            R"({"epoch":1,"error":{"message":"the detail","code":"too-large"}})");
  h.answer(h.last_call("/p/fail"), problem_of(400, "invalid-request"));
  EXPECT_EQ(h.find_call("/p/"), nullptr);
}

TEST_F(Hand, ARefusalByTheFenceMeansStop) {
  for (const char* kind : {"stale-epoch", "not-owner", "wrong-state"}) {
    const uint64_t run = begin(kind);
    h.core.checkpoint_written(h.now, run, "state", 7);
    h.collect();
    h.answer(h.last_call("/checkpoint"), problem_of(409, kind));
    EXPECT_TRUE(h.signaled(run, false)) << kind;
    h.end_run(run, 0);
    EXPECT_EQ(h.find_call("/complete"), nullptr) << kind;
  }
}

TEST_F(Hand, CheckpointsKeepTheirOrderAndTheNewestWins) {
  const uint64_t run = begin("p");
  const auto write = [&](const char* text) {
    h.core.checkpoint_written(h.now, run, text, 100);
    h.collect();
  };
  write("one");
  write("two");
  write("three");
  EXPECT_EQ(h.last_call("/checkpoint").call.body, R"({"epoch":1,"checkpoint":"one","seq":100})");
  h.answer(h.last_call("/checkpoint"), answer_of(200, "{}"));
  EXPECT_EQ(h.last_call("/checkpoint").call.body, R"({"epoch":1,"checkpoint":"three","seq":102})");
}

TEST_F(Hand, TheLastCheckpointGoesBeforeAHandoff) {
  const uint64_t run = begin("p");
  h.core.checkpoint_written(h.now, run, "state", 1);
  h.collect();
  h.end_run(run, 0, "", R"({"to":"w2"})");
  EXPECT_EQ(h.find_call("/handoff"), nullptr);
  h.answer(h.last_call("/checkpoint"), answer_of(200, "{}"));
  EXPECT_NE(h.find_call("/handoff"), nullptr);
}

TEST_F(Hand, CmdThatCannotBeExecutedIsReleasedAndEndsTheWorkerWith1) {
  h.deliver("p", 1);
  h.start_taken("p");
  h.core.run_not_started(h.now, h.runs.at(0).run, true, "No such file or directory");
  h.collect();
  h.answer(h.last_call("/p/release"), answer_of(200, "{}"));
  h.answer(h.last_call("/drain?"), answer_of(202, "{}"));
  h.answer(h.last_call("/heartbeat"), problem_of(410, "gone"));
  EXPECT_EQ(h.exit_code, 1);
}

TEST(WorkerOptionsTest, TimeoutStopsAndFails) {
  WorkerOptions options = test_options();
  options.timeout = seconds(2);
  CoreHarness h(options);
  h.attach();
  h.deliver("p", 1);
  h.start_taken("p");
  h.keep_alive(seconds(2));
  const uint64_t run = h.runs.at(0).run;
  EXPECT_TRUE(h.signaled(run, false));
  h.end_run(run, 0);
  EXPECT_NE(h.last_call("/p/fail").call.body.find(R"("code":"timeout")"), std::string::npos);
}

TEST(WorkerOptionsTest, TheJsonCodecWantsOneValue) {
  WorkerOptions options = test_options();
  options.codec = WorkerCodec::kJson;
  CoreHarness h(options);
  h.attach();
  h.deliver("p", 1);
  h.start_taken("p");
  EXPECT_EQ(h.runs.at(0).input.stdin_bytes, R"("in")");
  h.end_run(h.runs.at(0).run, 0, " {\"n\": 1.0}\n");
  EXPECT_EQ(h.last_call("/p/complete").call.body, R"({"epoch":1,"result":{"n": 1.0}})");
  h.deliver("q", 1);
  h.start_taken("q");
  h.end_run(h.runs.at(1).run, 0, "1 2");
  EXPECT_NE(h.last_call("/q/fail").call.body.find("invalid-result"), std::string::npos);
}

}  // namespace
}  // namespace phoenix::worker
