#include "cli/worker/core_harness.h"

namespace phoenix::worker {
namespace {

TEST(WorkerSession, RegistersWithGraceAndAnIdempotencyKey) {
  CoreHarness h;
  h.core.start(h.now, "");
  h.collect();
  const MakeCall call = h.last_call("/v1/members?namespace=default");
  EXPECT_NE(call.call.body.find(R"("disconnectGraceMs":250)"), std::string::npos);
  EXPECT_NE(call.call.body.find(R"("leaseSeconds":3)"), std::string::npos);
  EXPECT_EQ(call.call.body.find("replace"), std::string::npos);
  ASSERT_EQ(call.call.headers.size(), 1U);
  EXPECT_EQ(call.call.headers[0].first, "Idempotency-Key");
}

TEST(WorkerSession, TakesItsOwnIdOverUnderAnotherKey) {
  CoreHarness h;
  h.core.start(h.now, "");
  h.collect();
  const MakeCall first = h.last_call("/v1/members?");
  h.answer(first, problem_of(409, "member-exists"));
  const MakeCall second = h.last_call("/v1/members?");
  EXPECT_NE(second.call.body.find(R"("replace":true)"), std::string::npos);
  EXPECT_NE(second.call.headers, first.call.headers);
}

TEST(WorkerSession, RepeatsALostRegisterUnderTheSameKey) {
  CoreHarness h;
  h.core.start(h.now, "");
  h.collect();
  const MakeCall first = h.last_call("/v1/members?");
  h.fail_call(first, CallFault::kReset);
  h.pass(seconds(1));
  EXPECT_EQ(h.last_call("/v1/members?").call.headers, first.call.headers);
}

TEST(WorkerSession, AKeptAnswerToRegisterCountsFromTheFirstSending) {
  CoreHarness h;
  const Instant first = h.now;
  h.core.start(h.now, "");
  h.collect();
  h.fail_call(h.last_call("/v1/members?"), CallFault::kReset);
  h.pass(seconds(1));
  Answer kept = answer_of(201, CoreHarness::registered("tok-1", "1"));
  kept.headers.emplace_back("idempotent-replayed", "true");
  h.answer(h.last_call("/v1/members?"), kept);
  EXPECT_EQ(h.held_until, first + seconds(3));
}

TEST(WorkerSession, EndsWith5WhenNoHostIsThere) {
  CoreHarness h;
  h.core.start(h.now, "");
  h.collect();
  for (int i = 0; i < 50 && !h.exit_code; ++i) {
    while (const MakeCall* call = h.find_call("/v1/members?")) {
      h.fail_call(MakeCall(*call), CallFault::kUnreachable);
    }
    h.pass(milliseconds(200));
  }
  EXPECT_EQ(h.exit_code, 5);
}

TEST(WorkerSession, ARefusedRegisterEndsIt) {
  CoreHarness h;
  h.core.start(h.now, "");
  h.collect();
  h.answer(h.last_call("/v1/members?"), problem_of(403, "forbidden"));
  EXPECT_EQ(h.exit_code, 1);
}

TEST(WorkerSession, ARegisterThatSomebodyHasToApproveIsAskedForAgain) {
  CoreHarness h;
  h.core.start(h.now, "");
  h.collect();
  const Answer waits =
      problem_of(403, "policy-denied", R"(,"reasonCode":"approval-required","retryAfterMs":1000)");
  h.answer(h.last_call("/v1/members?"), waits);
  EXPECT_FALSE(h.exit_code);
  h.pass(milliseconds(1'100));
  h.answer(h.last_call("/v1/members?"), waits);
  h.pass(milliseconds(1'100));
  h.answer(h.last_call("/v1/members?"),
           problem_of(403, "policy-denied", R"(,"reasonCode":"approval-refused")"));
  EXPECT_EQ(h.exit_code, 1);
}

TEST(WorkerSession, OpensTheStreamWithItsTokenAndSavesIt) {
  CoreHarness h;
  h.attach();
  EXPECT_EQ(h.stream.call.target, "/v1/members/w1/stream?namespace=default");
  EXPECT_EQ(h.stream.call.token, "tok-1");
  EXPECT_EQ(h.saved, "tok-1");
}

TEST(WorkerSession, BeatsEveryThirdAndAcknowledgesWhatTheStreamBrought) {
  CoreHarness h;
  h.attach();
  h.pass(milliseconds(999));
  EXPECT_EQ(h.find_call("/heartbeat"), nullptr);
  h.deliver("p", 1);
  h.pass(milliseconds(1));
  EXPECT_EQ(h.last_call("/heartbeat").call.body, R"({"after":"d1"})");
}

TEST(WorkerSession, AHeartbeatsPositionNeverTakesTheStreamsBack) {
  CoreHarness h;
  h.attach();
  h.pass(seconds(1));
  const MakeCall beat = h.last_call("/heartbeat");
  h.deliver("p", 1);
  h.answer(beat, answer_of(200, CoreHarness::beat("old")));
  h.pass(seconds(1));
  EXPECT_EQ(h.last_call("/heartbeat").call.body, R"({"after":"d1"})");
}

TEST(WorkerSession, TheLeaseCountsFromTheSendingNotFromTheAnswer) {
  CoreHarness h;
  h.attach();
  EXPECT_EQ(h.held_until, h.now + seconds(3));
  h.pass(seconds(1));
  const Instant sent = h.now;
  const MakeCall beat = h.last_call("/heartbeat");
  h.pass(milliseconds(700));
  h.answer(beat, answer_of(200, CoreHarness::beat("h")));
  EXPECT_EQ(h.held_until, sent + seconds(3));
}

TEST(WorkerSession, UnrenewedItAsksATenthBeforeTheEndAndKillsAtTheEnd) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  const uint64_t run = h.runs.at(0).run;
  h.pass(milliseconds(2699));
  EXPECT_FALSE(h.signaled(run, false));
  h.pass(milliseconds(1));
  EXPECT_TRUE(h.signaled(run, false));
  h.pass(milliseconds(299));
  EXPECT_FALSE(h.signaled(run, true));
  h.pass(milliseconds(1));
  EXPECT_TRUE(h.signaled(run, true));
}

TEST(WorkerSession, AfterTheEndFirstAttachesAndHasNoOtherSessionCallOpen) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  h.pass(seconds(3));
  ASSERT_NE(h.find_call("/session?"), nullptr);
  EXPECT_EQ(h.find_call("/heartbeat"), nullptr);
  EXPECT_EQ(h.stream.id, 0U);
  h.pass(seconds(1));
  EXPECT_EQ(h.find_call("/heartbeat"), nullptr);
}

TEST(WorkerSession, WhatItStoppedItselfItBeginsAgainWhenHeldListsIt) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  h.pass(seconds(3));
  h.end_by_signal(h.runs.at(0).run, 9);
  EXPECT_EQ(h.find_call("/p/fail"), nullptr) << "its output is dropped";
  h.answer(h.last_call("/session?"),
           answer_of(200, CoreHarness::attached("tok-1", R"({"id":"p","epoch":1})")));
  h.core.stream_opened(h.now, h.stream.id);
  h.collect();
  h.deliver("p", 1);
  EXPECT_EQ(h.runs.size(), 2U);
}

TEST(WorkerSession, WhatHeldDoesNotListIsStoppedAndStaysSo) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  h.deliver("q", 1);
  h.core.stream_event(h.now, h.stream.id, "revoked", "d9",
                      R"({"id":"x","epoch":1,"reason":"lease","run":2})");
  h.collect();
  h.answer(h.last_call("/session?"),
           answer_of(200, CoreHarness::attached("tok-1", R"({"id":"q","epoch":1})", "2")));
  EXPECT_TRUE(h.signaled(h.runs.at(0).run, false));
  EXPECT_FALSE(h.signaled(h.runs.at(1).run, false));
  h.deliver("p", 1);
  h.deliver("q", 1);
  EXPECT_EQ(h.runs.size(), 2U);
}

TEST(WorkerSession, AnAnswerOfAnotherRunRenewsNothing) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  const Instant end = h.held_until;
  h.pass(seconds(1));
  h.answer(h.last_call("/heartbeat"), answer_of(200, CoreHarness::beat("h", "2")));
  EXPECT_NE(h.find_call("/session?"), nullptr);
  EXPECT_LE(h.held_until, end);
  EXPECT_FALSE(h.signaled(h.runs.at(0).run, false)) << "the work in hand goes on meanwhile";
}

TEST(WorkerSession, ALateAnswerToAnOlderCallIsDroppedWhileAttaching) {
  CoreHarness h;
  h.attach();
  h.pass(seconds(1));
  const MakeCall beat = h.last_call("/heartbeat");
  h.pass(seconds(2));
  ASSERT_NE(h.find_call("/session?"), nullptr);
  const Instant end = h.held_until;
  h.core.call_answered(h.now, beat.id, answer_of(200, CoreHarness::beat("h")));
  h.collect();
  EXPECT_EQ(h.held_until, end);
}

TEST(WorkerSession, LapsedStopsEverythingAndAttaches) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  h.pass(seconds(1));
  h.answer(h.last_call("/heartbeat"), problem_of(409, "session-lapsed"));
  EXPECT_TRUE(h.signaled(h.runs.at(0).run, false));
  h.pass(milliseconds(1));
  EXPECT_TRUE(h.signaled(h.runs.at(0).run, true));
  h.answer(h.last_call("/session?"), answer_of(200, CoreHarness::attached("tok-2", "")));
  EXPECT_EQ(h.saved, "tok-2");
  EXPECT_EQ(h.stream.call.token, "tok-2");
}

TEST(WorkerSession, ReplacedEndsWith4AndGoneWith0) {
  CoreHarness replaced;
  replaced.attach();
  const Answer told = problem_of(409, "session-replaced");
  replaced.core.stream_closed(replaced.now, replaced.stream.id, &told, StreamEnd::kBroken);
  replaced.collect();
  EXPECT_EQ(replaced.exit_code, 4);
  CoreHarness gone;
  gone.attach();
  gone.pass(seconds(1));
  gone.answer(gone.last_call("/heartbeat"), problem_of(410, "gone"));
  EXPECT_EQ(gone.exit_code, 0);
}

TEST(WorkerSession, ABrokenStreamPutsTheGraceInTheLeasesPlace) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  const uint64_t run = h.runs.at(0).run;
  h.core.stream_closed(h.now, h.stream.id, nullptr, StreamEnd::kBroken);
  h.collect();
  EXPECT_EQ(h.held_until, h.now + milliseconds(250));
  EXPECT_EQ(h.streams, 2) << "a new one is opened at once";
  h.pass(milliseconds(249));
  EXPECT_FALSE(h.signaled(run, true));
  h.pass(milliseconds(1));
  EXPECT_TRUE(h.signaled(run, true));
}

TEST(WorkerSession, ANewStreamGivesTheLeaseBack) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  const Instant end = h.held_until;
  h.core.stream_closed(h.now, h.stream.id, nullptr, StreamEnd::kBroken);
  h.collect();
  h.pass(milliseconds(100));
  h.core.stream_opened(h.now, h.stream.id);
  h.collect();
  EXPECT_EQ(h.held_until, end);
}

TEST(WorkerSession, AHostThatIsGoneChargesNoGrace) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  const Instant end = h.held_until;
  h.core.stream_closed(h.now, h.stream.id, nullptr, StreamEnd::kBroken);
  h.collect();
  h.core.stream_closed(h.now, h.stream.id, nullptr, StreamEnd::kNobody);
  h.collect();
  EXPECT_EQ(h.held_until, end);
  h.pass(seconds(1));
  EXPECT_FALSE(h.signaled(h.runs.at(0).run, false));
}

TEST(WorkerSession, AStreamThatIsGivenUpUnansweredMayHaveBeenOpened) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  h.end_stream(StreamEnd::kBroken);
  h.end_stream(StreamEnd::kNobody);
  h.pass(milliseconds(100));
  ASSERT_EQ(h.streams, 3);
  h.end_stream(StreamEnd::kSilent);
  EXPECT_EQ(h.held_until, h.now + milliseconds(250)) << "the host may count its grace from now";
}

TEST(WorkerSession, AfterABreakNothingIsTakenBeforeItIsKnownWhoAnswers) {
  for (const char* run : {"1", "2"}) {
    CoreHarness h;
    h.attach();
    h.core.stream_closed(h.now, h.stream.id, nullptr, StreamEnd::kBroken);
    h.core.tick(h.now);
    h.collect();
    h.core.stream_opened(h.now, h.stream.id);
    h.collect();
    h.deliver("p", 1);
    EXPECT_TRUE(h.runs.empty());
    h.answer(h.last_call("/heartbeat"), answer_of(200, CoreHarness::beat("h", run)));
    EXPECT_EQ(h.runs.size(), *run == '1' ? 1U : 0U);
    EXPECT_EQ(h.find_call("/session?") != nullptr, *run == '2');
  }
}

TEST(WorkerSession, WithASavedTokenItAttachesBeforeAnythingElse) {
  CoreHarness h;
  h.core.start(h.now, "old");
  h.collect();
  EXPECT_EQ(h.calls.size(), 1U);
  EXPECT_EQ(h.last_call("/session?").call.token, "old");
  h.answer(h.last_call("/session?"),
           answer_of(200, CoreHarness::attached("old", R"({"id":"p","epoch":4})")));
  h.deliver("p", 4);
  EXPECT_EQ(h.runs.size(), 1U);
}

TEST(WorkerSession, AnUnknownSavedTokenRegistersInstead) {
  CoreHarness h;
  h.core.start(h.now, "old");
  h.collect();
  h.answer(h.last_call("/session?"), problem_of(404, "not-found"));
  EXPECT_NE(h.find_call("/v1/members?"), nullptr);
}

TEST(WorkerSession, FrozenBeyondItsLeaseItDropsWhatCmdPrinted) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  h.start_taken("p");
  h.freeze(seconds(4));
  h.end_run(h.runs.at(0).run, 0);
  EXPECT_EQ(h.find_call("/p/complete"), nullptr);
  EXPECT_NE(h.find_call("/session?"), nullptr);
}

TEST(WorkerSession, WithoutItsOwnCheckItSendsTheLateResult) {
  WorkerOptions options = test_options();
  options.no_self_check = true;
  CoreHarness h(options);
  h.attach();
  h.deliver("p", 1);
  h.start_taken("p");
  EXPECT_EQ(h.held_until, kNever);
  h.freeze(seconds(4));
  h.end_run(h.runs.at(0).run, 0);
  EXPECT_NE(h.find_call("/p/complete"), nullptr);
}

WorkerOptions watched_options() {
  WorkerOptions options = test_options();
  options.events = true;
  return options;
}

TEST(WorkerSession, TellsWhoWatchesWhatItStoppedItself) {
  CoreHarness h(watched_options());
  h.attach();
  h.deliver("p", 1);
  h.freeze(seconds(4));
  h.end_run(h.runs[0].run, 0);
  EXPECT_EQ(h.told, "registered \nbegins p\nstopped-itself \n");
}

TEST(WorkerSession, TellsWhoWatchesOfALateResultThatIsRefused) {
  WorkerOptions options = watched_options();
  options.no_self_check = true;
  CoreHarness h(options);
  h.attach();
  h.deliver("p", 1);
  h.start_taken("p");
  h.freeze(seconds(4));
  h.end_run(h.runs[0].run, 0);
  h.answer(h.last_call("/p/complete"), problem_of(409, "stale-epoch"));
  EXPECT_EQ(h.told, "registered \nbegins p\nends p complete\nrefused p complete stale-epoch\n");
}

TEST(WorkerSession, TellsNothingWhenNobodyWatches) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  EXPECT_EQ(h.told, "");
}

TEST(WorkerSession, DrainTellsTheHostAndEndsWhenItIsGone) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  h.start_taken("p");
  h.core.stop_requested(h.now);
  h.collect();
  const MakeCall drain = h.last_call("/drain?");
  EXPECT_EQ(drain.call.body, R"({"deadlineSeconds":25})");
  h.answer(drain, answer_of(202, "{}"));
  h.keep_alive(seconds(1));
  h.end_run(h.runs.at(0).run, 0);
  h.answer(h.last_call("/p/complete"), answer_of(200, "{}"));
  h.answer(h.last_call("/heartbeat"), problem_of(410, "gone"));
  EXPECT_EQ(h.exit_code, 0);
}

TEST(WorkerSession, ADrainThatRunsOutAsksCmdToEndAndReleases) {
  CoreHarness h;
  h.attach();
  h.deliver("p", 1);
  h.start_taken("p");
  h.core.stop_requested(h.now);
  h.collect();
  h.answer(h.last_call("/drain?"), answer_of(202, "{}"));
  h.keep_alive(seconds(20));
  EXPECT_TRUE(h.signaled(h.runs.at(0).run, false));
  EXPECT_FALSE(h.signaled(h.runs.at(0).run, true));
  h.end_by_signal(h.runs.at(0).run, 15);
  EXPECT_NE(h.find_call("/p/release"), nullptr);
}

TEST(WorkerSession, ASecondSignalEndsItAtOnce) {
  CoreHarness h;
  h.attach();
  h.core.stop_requested(h.now);
  h.core.stop_requested(h.now);
  h.collect();
  EXPECT_EQ(h.exit_code, 130);
}

}  // namespace
}  // namespace phoenix::worker
