// A worker among several hosts: which one it turns to when one dies, hangs, leaves or is cut off.
#include "cli/worker/core_harness.h"

namespace phoenix::worker {
namespace {

const std::string kA = "http://10.0.0.1:7400";
const std::string kB = "http://10.0.0.2:7400";

WorkerOptions two_hosts() {
  WorkerOptions options = test_options();
  options.urls = {kA, kB};
  return options;
}

class TwoHosts : public ::testing::Test {
 protected:
  TwoHosts() : h(two_hosts()) {}

  // Attached at A with one packet begun.
  void work_at_a() {
    h.attach();
    h.deliver("p", 1);
    h.start_taken("p");
    ASSERT_EQ(h.runs.size(), 1U);
  }
  void expect_attach_at(const std::string& url) {
    const MakeCall* attach = h.find_call("/session?");
    ASSERT_NE(attach, nullptr);
    EXPECT_EQ(attach->call.url, url);
    EXPECT_EQ(attach->call.token, "tok-1");
    EXPECT_EQ(h.find_call("/heartbeat"), nullptr) << "no two session calls at once";
    EXPECT_EQ(h.stream.id, 0U) << "nor a stream";
  }
  void attached_in_time() {
    h.answer(h.last_call("/session?"),
             answer_of(200, CoreHarness::attached("tok-1", R"({"id":"p","epoch":1})", "9")));
    h.core.stream_opened(h.now, h.stream.id);
    h.collect();
  }

  CoreHarness h;
};

TEST_F(TwoHosts, AHostThatDiedIsLeftAtOnceAndTheWorkGoesOn) {
  work_at_a();
  h.end_stream(StreamEnd::kBroken);
  EXPECT_EQ(h.stream.call.url, kA) << "it may only have closed the stream";
  h.end_stream(StreamEnd::kNobody);
  expect_attach_at(kB);
  const Instant end = h.held_until;
  h.pass(milliseconds(600));
  EXPECT_EQ(h.held_until, end) << "nobody is there who could count a grace";
  attached_in_time();
  EXPECT_EQ(h.stream.call.url, kB);
  EXPECT_TRUE(h.signals.empty());
  h.end_run(h.runs.at(0).run, 0);
  const MakeCall complete = h.last_call("/p/complete");
  EXPECT_EQ(complete.call.url, kB);
  EXPECT_EQ(complete.call.token, "tok-1");
}

TEST_F(TwoHosts, ARefusedHeartbeatIsEnoughToLeave) {
  work_at_a();
  h.pass(seconds(1));
  h.fail_call(h.last_call("/heartbeat"), CallFault::kUnreachable, "Connection refused");
  expect_attach_at(kB);
}

TEST_F(TwoHosts, ADeadHostCountsNoGraceWhicheverRefusalComesFirst) {
  work_at_a();
  h.end_stream(StreamEnd::kBroken);
  h.pass(milliseconds(1));
  h.fail_call(h.last_call("/heartbeat"), CallFault::kUnreachable, "Connection refused");
  expect_attach_at(kB);
  h.pass(milliseconds(600));
  attached_in_time();
  EXPECT_TRUE(h.signals.empty()) << "its work goes on";
}

TEST_F(TwoHosts, AResetHeartbeatIsSentAgainBeforeTheHostIsLeft) {
  work_at_a();
  h.pass(seconds(1));
  h.fail_call(h.last_call("/heartbeat"), CallFault::kReset, "connection reset");
  h.pass(milliseconds(1));
  EXPECT_EQ(h.last_call("/heartbeat").call.url, kA);
  EXPECT_EQ(h.find_call("/session?"), nullptr);
  h.fail_call(h.last_call("/heartbeat"), CallFault::kUnreachable, "Connection refused");
  expect_attach_at(kB);
  h.pass(milliseconds(600));
  attached_in_time();
  EXPECT_TRUE(h.signals.empty()) << "its work goes on";
}

TEST_F(TwoHosts, AStreamThatOnlyBrokeIsOpenedAgainAtItsHost) {
  work_at_a();
  h.end_stream(StreamEnd::kBroken);
  h.core.stream_opened(h.now, h.stream.id);
  h.collect();
  EXPECT_EQ(h.find_call("/session?"), nullptr);
  EXPECT_EQ(h.last_call("/heartbeat").call.url, kA);
}

TEST_F(TwoHosts, AHostThatSwallowsCallsIsLeftWithinTwoThirdsOfTheLease) {
  work_at_a();
  h.pass(seconds(1));
  const MakeCall beat = h.last_call("/heartbeat");
  EXPECT_EQ(beat.call.timeout, seconds(1));
  h.pass(milliseconds(990));
  h.fail_call(beat, CallFault::kTimedOut);
  const MakeCall probe = h.last_call("/readyz");
  EXPECT_EQ(probe.call.url, kB);
  EXPECT_EQ(probe.call.token, "");
  EXPECT_NE(h.stream.id, 0U) << "not before another one is known to be ready";
  h.answer(probe, answer_of(200, "{}"));
  expect_attach_at(kB);
  attached_in_time();
  EXPECT_TRUE(h.signals.empty());
}

TEST_F(TwoHosts, WhenNoOtherIsReadyTheHomeIsKept) {
  work_at_a();
  h.pass(seconds(1));
  h.answer(h.last_call("/heartbeat"), problem_of(503, "store-unreachable"));
  h.answer(h.last_call("/readyz"), problem_of(503, "store-unreachable"));
  EXPECT_EQ(h.find_call("/session?"), nullptr);
  EXPECT_EQ(h.find_call("/readyz"), nullptr);
  EXPECT_NE(h.stream.id, 0U);
  // The next refusal asks again.
  h.pass(milliseconds(100));
  h.answer(h.last_call("/heartbeat"), problem_of(503, "store-unreachable"));
  h.answer(h.last_call("/readyz"), answer_of(200, "{}"));
  expect_attach_at(kB);
}

TEST_F(TwoHosts, AnAnswerOfTheHomeEndsTheSearch) {
  work_at_a();
  h.pass(seconds(1));
  h.answer(h.last_call("/heartbeat"), problem_of(503, "store-unreachable"));
  ASSERT_NE(h.find_call("/readyz"), nullptr);
  h.pass(milliseconds(100));
  h.answer(h.last_call("/heartbeat"), answer_of(200, CoreHarness::beat("h")));
  EXPECT_EQ(h.find_call("/readyz"), nullptr);
  EXPECT_EQ(h.find_call("/session?"), nullptr);
}

TEST_F(TwoHosts, FollowsALeavingHostAndChargesNoGraceForIt) {
  for (const bool by_stream : {true, false}) {
    CoreHarness w(two_hosts());
    w.attach();
    w.deliver("p", 1);
    const Instant end = w.held_until;
    const std::string c = "http://10.0.0.3:7400";
    if (by_stream) {
      w.core.stream_event(w.now, w.stream.id, "move", "d9", R"({"moveTo":")" + c + R"(","run":1})");
      w.collect();
    } else {
      w.pass(seconds(1));
      std::string beat = CoreHarness::beat("h");
      beat.insert(1, R"("moveTo":")" + c + R"(",)");
      w.answer(w.last_call("/heartbeat"), answer_of(200, beat));
    }
    const MakeCall attach = w.last_call("/session?");
    EXPECT_EQ(attach.call.url, c);
    EXPECT_GE(w.held_until, end);
    w.pass(milliseconds(600));
    EXPECT_TRUE(w.signals.empty());
  }
}

TEST_F(TwoHosts, IsNotRunBetweenTwoHostsThatBothLeave) {
  work_at_a();
  const auto told = [&](const std::string& url) {
    h.core.stream_event(h.now, h.stream.id, "move", "d9", R"({"moveTo":")" + url + R"("})");
    h.collect();
  };
  told(kB);
  attached_in_time();
  told(kA);
  EXPECT_EQ(h.find_call("/session?"), nullptr);
  h.pass(milliseconds(500));
  told(kA);
  expect_attach_at(kA);
}

TEST(BehindAGateway, AttachesAgainThereWhenItNamesItself) {
  for (const bool by_stream : {true, false}) {
    CoreHarness w;
    w.attach();
    w.deliver("p", 1);
    const Instant end = w.held_until;
    const Answer refused =
        problem_of(503, "draining", R"(,"moveTo":")" + test_options().urls.front() + "\"");
    w.end_stream(StreamEnd::kBroken);
    if (by_stream) {
      w.end_stream(StreamEnd::kBroken, &refused);
    } else {
      w.pass({});
      w.answer(w.last_call("/heartbeat"), refused);
    }
    EXPECT_EQ(w.last_call("/session?").call.url, test_options().urls.front());
    EXPECT_EQ(w.stream.id, 0U);
    EXPECT_EQ(w.held_until, end);
    w.pass(milliseconds(600));
    EXPECT_TRUE(w.signals.empty()) << "nobody counts a grace there";
  }
}

TEST_F(TwoHosts, OneHostUnderTwoNamesGoesOnCountingItsGrace) {
  work_at_a();
  h.pass(seconds(1));
  h.fail_call(h.last_call("/heartbeat"), CallFault::kTimedOut);
  h.answer(h.last_call("/readyz"), answer_of(200, "{}"));
  const Instant closed = h.now;
  h.pass(milliseconds(100));
  h.answer(h.last_call("/session?"),
           answer_of(200, CoreHarness::attached("tok-1", R"({"id":"p","epoch":1})", "1")));
  EXPECT_LE(h.held_until, closed + milliseconds(250)) << "it is the host whose stream was closed";
}

TEST_F(TwoHosts, WhatIsOpenAtTheOldHostIsAskedOfTheNewOne) {
  work_at_a();
  h.end_run(h.runs.at(0).run, 0);
  const MakeCall old = h.last_call("/p/complete");
  EXPECT_EQ(old.call.url, kA);
  h.end_stream(StreamEnd::kBroken);
  h.end_stream(StreamEnd::kNobody);
  attached_in_time();
  const MakeCall again = h.last_call("/p/complete");
  EXPECT_NE(again.id, old.id);
  EXPECT_EQ(again.call.url, kB);
  EXPECT_EQ(again.call.body, old.call.body);
  const auto open = std::count_if(h.calls.begin(), h.calls.end(), [](const MakeCall& call) {
    return call.call.target.find("/complete") != std::string::npos;
  });
  EXPECT_EQ(open, 1);
}

TEST_F(TwoHosts, AttachesAtEachHostAtOnceAndThenWithPauses) {
  work_at_a();
  h.end_stream(StreamEnd::kBroken);
  h.end_stream(StreamEnd::kNobody);
  expect_attach_at(kB);
  EXPECT_EQ(h.last_call("/session?").call.timeout, seconds(1));
  h.answer(h.last_call("/session?"), problem_of(503, "draining", R"(,"retryAfterMs":5000)"));
  expect_attach_at(kA);
  h.fail_call(h.last_call("/session?"), CallFault::kUnreachable, "Connection refused");
  EXPECT_EQ(h.find_call("/session?"), nullptr);
  h.pass(seconds(1));
  expect_attach_at(kB);
  EXPECT_EQ(h.last_call("/session?").call.timeout, seconds(3)) << "it may be slow, not dead";
}

TEST_F(TwoHosts, RegistersAtTheNextHostUnderTheSameKey) {
  h.core.start(h.now, "");
  h.collect();
  const MakeCall first = h.last_call("/v1/members?");
  EXPECT_EQ(first.call.url, kA);
  h.fail_call(first, CallFault::kUnreachable, "Connection refused");
  const MakeCall second = h.last_call("/v1/members?");
  EXPECT_EQ(second.call.url, kB);
  EXPECT_EQ(second.call.headers, first.call.headers);
  h.answer(second, problem_of(503, "draining"));
  h.pass(milliseconds(200));
  EXPECT_EQ(h.last_call("/v1/members?").call.url, kA);
}

TEST_F(TwoHosts, GoesToHostsItWasToldOf) {
  CoreHarness w;
  w.core.start(w.now, "");
  w.collect();
  std::string registered = CoreHarness::registered("tok-1", "1");
  registered.insert(1, R"("hosts":["http://127.0.0.1:7400","http://10.0.0.7:7400"],)");
  w.answer(w.last_call("/v1/members?"), answer_of(201, registered));
  w.core.stream_opened(w.now, w.stream.id);
  w.end_stream(StreamEnd::kBroken);
  w.end_stream(StreamEnd::kNobody);
  EXPECT_EQ(w.last_call("/session?").call.url, "http://10.0.0.7:7400");
}

TEST_F(TwoHosts, AfterItsLeaseItStopsAndLooksEverywhere) {
  work_at_a();
  h.pass(seconds(3));
  expect_attach_at(kA);
  EXPECT_TRUE(h.signaled(h.runs.at(0).run, true));
  h.fail_call(h.last_call("/session?"), CallFault::kTimedOut);
  expect_attach_at(kB);
}

}  // namespace
}  // namespace phoenix::worker
