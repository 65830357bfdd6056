// What decides in the demo: which work, which hit, what the event log means, what is reported.
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "cli/demo/churn.h"
#include "cli/demo/inputs.h"
#include "cli/demo/ledger.h"
#include "cli/demo/proc/fleet.h"
#include "cli/demo/report.h"
#include "cli/demo/runs.h"
#include "cli/demo/work.h"
#include "cli/json.h"

namespace phoenix::demo {
namespace {

Instant at_ms(int64_t ms) { return Instant{1} + milliseconds(ms); }

// --- work ---

TEST(Work, EveryFileMeetsEveryCapability) {
  std::set<std::pair<size_t, int>> met;
  for (uint64_t n = 0; n < 90; ++n) {
    const Task task = task_of(n, 10, 3);
    if (!task.second) met.insert({task.file, task.first});
  }
  EXPECT_EQ(met.size(), 30U);
}

TEST(Work, OneInTenIsHandedOffToACapabilityThatItsFirstOwnerLacks) {
  std::set<std::pair<int, int>> steps;
  int handoffs = 0;
  for (uint64_t n = 0; n < 600; ++n) {
    const Task task = task_of(n, 10, 3);
    if (!task.second) continue;
    ++handoffs;
    steps.insert({task.first, *task.second});
    const auto required = required_capabilities(task);
    for (int kind = 0; kind < 3; ++kind) {
      if (worker_capabilities(kind)[0] == skill_name(*task.second)) continue;
      if (worker_capabilities(kind)[1] == skill_name(*task.second)) continue;
      // The one kind that lacks the second step's capability has both that are asked for.
      EXPECT_EQ(
          std::set<std::string>(required.begin(), required.end()),
          (std::set<std::string>{worker_capabilities(kind)[0], worker_capabilities(kind)[1]}));
    }
  }
  EXPECT_EQ(handoffs, 60);
  EXPECT_EQ(steps.size(), 6U);  // each capability to each other one
}

TEST(Work, TwoWorkersCanDoAllOfIt) {
  for (uint64_t n = 0; n < 600; ++n) {
    const auto required = required_capabilities(task_of(n, 10, 2));
    bool possible = false;
    for (int kind = 0; kind < 2; ++kind) {
      const auto has = worker_capabilities(kind);
      size_t found = 0;
      for (const auto& wanted : required) found += wanted == has[0] || wanted == has[1] ? 1U : 0U;
      possible = possible || found == required.size();
    }
    EXPECT_TRUE(possible) << n;
  }
}

TEST(Work, IdsCarryTheStepsAndTheNumber) {
  EXPECT_EQ(packet_id({4, 0, std::nullopt}, "ab12", 17), "digest.ab12.17");
  EXPECT_EQ(packet_id({4, 2, 1}, "ab12", 19), "compress-words.ab12.19");
  EXPECT_EQ(packet_number("compress-words.ab12.19", "ab12"), 19U);
  EXPECT_EQ(packet_number("compress-words.ab12.19", "cd34"), std::nullopt);
  EXPECT_EQ(packet_number("digest.ab12.x", "ab12"), std::nullopt);
  EXPECT_EQ(expected_result({4, 2, 1}, "a\n", "b\n"), "a\nb\n");
  EXPECT_EQ(expected_result({4, 2, std::nullopt}, "a\n", ""), "a\n");
}

// --- churn ---

std::vector<Candidate> two_candidates() {
  return {{"w1", false, {{"p1", 1}}}, {"w2", true, {{"p2", 3}}}};
}

TEST(Churn, TheFirstHitsAreThreeOfEachKind) {
  ChurnPlan plan(7);
  std::array<int, kHits> drawn{};
  for (int i = 0; i < kHits * kHitsWanted; ++i) {
    EXPECT_FALSE(plan.satisfied());
    const Hit hit = plan.next_kind();
    ++drawn[static_cast<size_t>(hit)];
    plan.settle(hit, true);
  }
  EXPECT_EQ(drawn, (std::array<int, kHits>{3, 3, 3}));
  EXPECT_TRUE(plan.satisfied());
}

TEST(Churn, AHitThatDoesNotCountIsTriedAgain) {
  ChurnPlan plan(7);
  int drains = 0;
  for (int i = 0; i < 100 && !plan.satisfied(); ++i) {
    const Hit hit = plan.next_kind();
    const bool counts = hit != Hit::kDrain || ++drains % 2 == 0;
    plan.settle(hit, counts);
  }
  EXPECT_TRUE(plan.satisfied());
  EXPECT_EQ(plan.counted(Hit::kDrain), 3);
  EXPECT_EQ(drains, 6);
}

TEST(Churn, TheSeedDecides) {
  const auto draw = [](uint64_t seed) {
    ChurnPlan plan(seed);
    std::string out;
    for (int i = 0; i < 40; ++i) {
      const Hit hit = plan.next_kind();
      out += hit_name(hit);
      out += std::to_string(*plan.choose(hit, two_candidates()));
      plan.settle(hit, true);
    }
    return out;
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

TEST(Churn, FrozenAreInTurnWithAndWithoutTheirOwnCheck) {
  ChurnPlan plan(3);
  EXPECT_EQ(plan.choose(Hit::kFreeze, two_candidates()), 0U);
  EXPECT_EQ(plan.choose(Hit::kFreeze, two_candidates()), 1U);
  EXPECT_EQ(plan.choose(Hit::kFreeze, two_candidates()), 0U);
  EXPECT_EQ(plan.choose(Hit::kFreeze, {{"w2", true, {{"p2", 3}}}}), 0U);
  EXPECT_EQ(plan.choose(Hit::kFreeze, {}), std::nullopt);
}

TEST(Churn, HeldThroughoutMeansTheSameAssignment) {
  EXPECT_TRUE(held_throughout({{"p1", 1}, {"p2", 1}}, {{"p2", 1}}));
  EXPECT_FALSE(held_throughout({{"p1", 1}}, {{"p1", 2}}));
  EXPECT_FALSE(held_throughout({{"p1", 1}}, {}));
}

TEST(Churn, HostKillsAreSpreadOverTheRun) {
  EXPECT_EQ(host_kill_at(0, 1, 1000), 500U);
  EXPECT_EQ(host_kill_at(0, 4, 1000), 200U);
  EXPECT_EQ(host_kill_at(3, 4, 1000), 800U);
}

TEST(Churn, HostsAreStruckInEveryWayInTheOrderOfTheSeed) {
  const auto strikes = host_strikes(7, 4, 3);
  ASSERT_EQ(strikes.size(), 12U);
  std::map<HostHit, int> kinds;
  std::set<size_t> hosts;
  std::set<bool> restarts;
  for (const HostStrike& strike : strikes) {
    ++kinds[strike.hit];
    hosts.insert(strike.host);
    if (strike.hit == HostHit::kKill) restarts.insert(strike.at_once);
  }
  EXPECT_EQ(kinds, (std::map<HostHit, int>{
                       {HostHit::kKill, 4}, {HostHit::kFreeze, 4}, {HostHit::kLeave, 4}}));
  EXPECT_EQ(hosts, (std::set<size_t>{0, 1, 2}));
  EXPECT_EQ(restarts.size(), 2U);
  const auto order = [](const std::vector<HostStrike>& all) {
    std::string text;
    for (const HostStrike& one : all) {
      text += std::to_string(static_cast<int>(one.hit)) + std::to_string(one.host) + " ";
    }
    return text;
  };
  EXPECT_EQ(order(strikes), order(host_strikes(7, 4, 3)));
  EXPECT_NE(order(strikes), order(host_strikes(8, 4, 3)));
  EXPECT_TRUE(host_strikes(7, 0, 3).empty());
}

// --- ledger ---

struct Log {
  Ledger ledger;
  std::map<std::string, uint64_t> revisions;
  WallMs now = 0;  // a millisecond passes with each event

  void add(const std::string& id, const std::string& event, uint64_t epoch, const std::string& from,
           const std::string& to, WallMs at = 0, const std::string& reason = "") {
    now = at != 0 ? at : now + 1;
    ledger.packet_event({id, event, epoch, ++revisions[id], to, from, to, now, reason});
  }
  void member(const std::string& id, const std::string& event, const std::string& reason = "") {
    ledger.member_event({id, event, reason, ++now});
  }
};

TEST(Ledger, APlainLife) {
  Log log;
  log.add("p", "created", 1, "", "w1");
  EXPECT_EQ(log.ledger.owner("p"), "w1");
  log.add("p", "completed", 1, "w1", "");
  EXPECT_EQ(log.ledger.completed(), 1U);
  EXPECT_EQ(log.ledger.ended(), 1U);
  EXPECT_EQ(log.ledger.accepted_twice(), 0U);
  EXPECT_EQ(log.ledger.broken_sequences(), 0U);
  EXPECT_TRUE(log.ledger.fruitful("p", 1));
  EXPECT_EQ(log.ledger.moved(), 0U);
}

TEST(Ledger, ASecondResultIsSeen) {
  Log log;
  log.add("p", "created", 1, "", "w1");
  log.add("p", "completed", 1, "w1", "");
  log.add("p", "completed", 1, "w1", "");
  EXPECT_EQ(log.ledger.accepted_twice(), 1U);
  EXPECT_EQ(log.ledger.completed(), 1U);
}

TEST(Ledger, ASecondHandoffAndAChangeAfterTheEndAreSeen) {
  Log log;
  log.add("p", "created", 1, "", "w1");
  log.add("p", "handed-off", 2, "w1", "w2");
  log.add("p", "handed-off", 3, "w2", "w3");
  EXPECT_EQ(log.ledger.accepted_twice(), 1U);
  log.add("q", "created", 1, "", "w1");
  log.add("q", "completed", 1, "w1", "");
  log.add("q", "assigned", 2, "", "w2");
  EXPECT_EQ(log.ledger.accepted_twice(), 2U);
}

TEST(Ledger, AGapInTheRevisionsIsSeen) {
  Log log;
  log.add("p", "created", 1, "", "w1");
  ++log.revisions["p"];
  log.add("p", "completed", 1, "w1", "");
  EXPECT_EQ(log.ledger.broken_sequences(), 1U);
}

TEST(Ledger, OwnerChangesByWhatTheDemoDidToTheOwner) {
  Log log;
  log.ledger.hit("dead", Hit::kKill, 100);
  log.ledger.hit("frozen", Hit::kFreeze, 100);
  log.ledger.hit("leaver", Hit::kDrain, 100);
  for (const std::string worker : {"dead", "frozen", "leaver", "w4"}) {
    log.add("of-" + worker, "created", 1, "", worker, 50);
  }
  log.member("dead", "detached", "disconnected");
  log.add("of-dead", "owner-lost", 2, "dead", "w4");
  log.member("frozen", "detached", "lease");
  log.add("of-frozen", "owner-lost", 1, "frozen", "");
  log.member("leaver", "draining");
  log.add("of-leaver", "evicted", 2, "leaver", "w4");
  log.add("of-w4", "handed-off", 2, "w4", "w5");
  EXPECT_EQ(log.ledger.owner_changes(Cause::kDeath), 1U);
  EXPECT_EQ(log.ledger.owner_changes(Cause::kFreeze), 1U);
  EXPECT_EQ(log.ledger.owner_changes(Cause::kDrain), 1U);
  EXPECT_EQ(log.ledger.owner_changes(Cause::kHandoff), 1U);
  EXPECT_EQ(log.ledger.moved(), 3U);
  EXPECT_TRUE(log.ledger.needless().empty());
  EXPECT_EQ(log.ledger.losses().size(), 2U);
  EXPECT_EQ(log.ledger.losses_of("of-dead"), 1);
  EXPECT_EQ(log.ledger.losses_of("of-leaver"), 0);
}

TEST(Ledger, WhatMovesThoughItsOwnerStaysDidNotHaveTo) {
  Log log;
  log.member("w1", "registered");
  log.add("p", "created", 1, "", "w1");
  log.add("p", "evicted", 2, "w1", "w2");
  EXPECT_EQ(log.ledger.moved(), 1U);
  ASSERT_EQ(log.ledger.needless().size(), 1U);
  EXPECT_EQ(log.ledger.needless()[0].packet, "p");
}

TEST(Ledger, WhatAJoinerDrawsHadToMoveIfItWasPlacedBefore) {
  Log log;
  log.add("old", "created", 1, "", "w1");
  log.member("w2", "registered");
  log.add("new", "created", 1, "", "w1");
  log.add("old", "evicted", 2, "w1", "w2");
  EXPECT_TRUE(log.ledger.needless().empty());
  log.add("new", "evicted", 2, "w1", "w2");
  EXPECT_EQ(log.ledger.moved(), 2U);
  EXPECT_EQ(log.ledger.needless().size(), 1U);
  EXPECT_EQ(log.ledger.owner_changes(Cause::kDrain), 1U);
}

TEST(Ledger, WhatTheOwnersHostTurnsAwayIsNoMove) {
  Log log;
  log.add("p", "created", 1, "", "w1");
  log.add("p", "evicted", 2, "w1", "w2", 0, "its owner's host turned it away");
  EXPECT_EQ(log.ledger.turned_away(), 1U);
  EXPECT_EQ(log.ledger.placements(), 2U);
  EXPECT_EQ(log.ledger.moved(), 0U);
  EXPECT_EQ(log.ledger.owner("p"), "w2");
}

// Another host's log is read later than what followed from it.
TEST(Ledger, MovesAreJudgedByTimesAndNotByTheOrderOfLogs) {
  Log log;
  log.add("of-w1", "created", 1, "", "w1", 100);
  log.add("of-w2", "created", 1, "", "w2", 100);
  log.add("of-w1", "evicted", 2, "w1", "w3", 310);
  log.add("of-w2", "evicted", 2, "w2", "w4", 310);
  EXPECT_EQ(log.ledger.needless().size(), 2U);
  log.ledger.member_event({"w1", "draining", "", 310});
  log.ledger.member_event({"w4", "registered", "", 200});
  EXPECT_TRUE(log.ledger.needless().empty());
  // One that came back in time, and one that came later, explain nothing.
  log.add("of-w1", "owner-lost", 3, "w3", "w1", 500);
  log.ledger.member_event({"w3", "detached", "lease", 400});
  log.ledger.member_event({"w3", "attached", "", 450});
  EXPECT_EQ(log.ledger.needless().size(), 1U);
}

// --- runs ---

TEST(Runs, WorkOfALostOwnerIsWastedAndRecoveryCountsFromTheSignal) {
  Log log;
  Runs runs;
  log.add("p", "created", 1, "", "w1", 50);
  runs.begins("w1", "p", 1, at_ms(0));
  EXPECT_TRUE(runs.running("p", 1));
  runs.hit("w1", at_ms(100));
  log.ledger.hit("w1", Hit::kKill, 100);
  log.add("p", "owner-lost", 2, "w1", "w2", 600);
  runs.begins("w2", "p", 2, at_ms(700));
  runs.ends("w2", "p", 2, at_ms(1000));
  EXPECT_FALSE(runs.running("p", 2));
  log.add("p", "completed", 2, "w2", "");
  EXPECT_EQ(runs.in_vain(log.ledger), 1U);
  EXPECT_DOUBLE_EQ(runs.wasted_share(log.ledger), 0.25);
  EXPECT_EQ(runs.recovery_ms(log.ledger), std::vector<double>{600});
}

TEST(Runs, WhatAFrozenWorkerTellsLateCountsUntilTheSignal) {
  Log log;
  Runs runs;
  log.add("p", "created", 1, "", "w1", 50);
  runs.begins("w1", "p", 1, at_ms(0));
  runs.hit("w1", at_ms(100));
  runs.ends("w1", "p", 1, at_ms(9000));
  // After it came back it works as any other.
  runs.begins("w1", "q", 1, at_ms(9000));
  runs.ends("w1", "q", 1, at_ms(9300));
  log.add("q", "created", 1, "", "w1");
  log.add("q", "completed", 1, "w1", "");
  EXPECT_DOUBLE_EQ(runs.wasted_share(log.ledger), 0.25);
}

TEST(Runs, ASecondRunOfOneEpochIsInVain) {
  Log log;
  Runs runs;
  log.add("p", "created", 1, "", "w1");
  runs.begins("w1", "p", 1, at_ms(0));
  runs.begins("w1", "p", 1, at_ms(10));
  log.add("p", "completed", 1, "w1", "");
  EXPECT_EQ(runs.in_vain(log.ledger), 1U);
}

// --- what workers tell ---

TEST(WorkerNews, OneLineAnEvent) {
  const auto news = parse_news(R"({"event":"begins","packet":"p","epoch":3})");
  ASSERT_TRUE(news);
  EXPECT_EQ(news->event, "begins");
  EXPECT_EQ(news->packet, "p");
  EXPECT_EQ(news->epoch, 3U);
  EXPECT_FALSE(parse_news("no json"));
}

TEST(WorkerNews, OnlyAResultThatTheFenceRefusedIsALateWrite) {
  const auto refused = [](const std::string& detail) {
    return is_refused_result({"refused", "p", 1, detail});
  };
  EXPECT_TRUE(refused("complete stale-epoch"));
  EXPECT_TRUE(refused("handoff not-owner"));
  EXPECT_FALSE(refused("start stale-epoch"));
  EXPECT_FALSE(refused("complete unauthenticated"));
}

// --- report ---

Figures good_figures() {
  Figures f;
  f.seed = 11;
  f.submitted = f.completed = 3000;
  f.lost = 0;
  f.owner_changes = {40, 30, 20, 300};
  f.stale_refusals = 9;
  f.late_writes_refused = 4;
  f.self_stopped = 5;
  f.moved = f.had_to_move = 90;
  f.hits = {9, 8, 7};
  f.hits_sent = 24;
  f.frozen = f.frozen_back = 8;
  f.seconds = 30;
  f.handoff_ms = {1.5, 3.25, 7, 300};
  return f;
}

TEST(Report, NothingToComplainOf) {
  EXPECT_EQ(violations(good_figures()), std::vector<std::string>());
  EXPECT_NE(render_text(good_figures(), false).find("Nothing was lost"), std::string::npos);
}

TEST(Report, EachBrokenPromiseIsNamed) {
  const auto complaints = [](auto&& spoil) {
    Figures f = good_figures();
    spoil(f);
    return violations(f).size();
  };
  EXPECT_EQ(complaints([](Figures& f) { f.lost = 1, f.completed = 2999; }), 1U);
  EXPECT_EQ(complaints([](Figures& f) { f.lost.reset(); }), 1U);
  EXPECT_EQ(complaints([](Figures& f) { f.completed_twice = 1; }), 1U);
  EXPECT_EQ(complaints([](Figures& f) { f.failed = 1, f.completed = 2999; }), 1U);
  EXPECT_EQ(complaints([](Figures& f) { f.mismatched = 1; }), 1U);
  EXPECT_EQ(complaints([](Figures& f) { f.completed = 2999; }), 1U);
  EXPECT_EQ(complaints([](Figures& f) { f.broken_sequences = 1; }), 1U);
  EXPECT_EQ(complaints([](Figures& f) { f.had_to_move = 80; }), 1U);
  EXPECT_EQ(complaints([](Figures& f) { f.had_to_move = 88; }), 0U);
  EXPECT_EQ(complaints([](Figures& f) { f.late_writes_refused = 0; }), 1U);
  EXPECT_EQ(complaints([](Figures& f) { f.hits[1] = 2; }), 1U);
  EXPECT_EQ(complaints([](Figures& f) { f.frozen_back = 7; }), 1U);
  const auto of_audit = [&complaints](const std::function<void(AuditFigures&)>& change) {
    return complaints([&change](Figures& f) {
      f.audit.emplace().certificates = 1;
      change(*f.audit);
    });
  };
  EXPECT_EQ(of_audit([](AuditFigures&) {}), 0U);
  EXPECT_EQ(of_audit([](AuditFigures& audit) { audit.unsigned_results = 1; }), 1U);
  EXPECT_EQ(of_audit([](AuditFigures& audit) { audit.unsigned_handoffs = 1; }), 1U);
  EXPECT_EQ(of_audit([](AuditFigures& audit) { audit.certificates = 0; }), 1U);
  EXPECT_EQ(complaints([](Figures& f) { f.faults.emplace_back("it stalled"); }), 1U);
}

TEST(Report, TheJsonHasExactlyTheseKeys) {
  const auto json = cli::Json::parse(render_json(good_figures()));
  ASSERT_TRUE(json);
  std::string keys;
  for (const auto& [name, value] : json->members()) keys += name + " ";
  EXPECT_EQ(
      keys,
      "seed submitted completed failed lost completedTwice mismatched ownerChanges "
      "staleRefusals selfStopped reexecutions wastedWork hostKills load rebalancing handoffMs "
      "ownershipGapMs recoveryMs packetsPerSecond seconds ");
  EXPECT_EQ((*json)["ownerChanges"].dump(), R"({"death":40,"freeze":30,"drain":20,"handoff":300})");
  EXPECT_EQ((*json)["rebalancing"].dump(), R"({"moved":90,"minimum":90,"ratio":1.000})");
  EXPECT_EQ((*json)["handoffMs"].dump(),
            R"({"p50":1.500,"p99":3.250,"max":7.000,)"
            R"("phases":{"commit":{"p50":1.500,"p99":3.250,"max":7.000}}})");
  EXPECT_EQ((*json)["packetsPerSecond"].text(), "100.000");
}

TEST(Report, SeveralHostsAreTold) {
  Figures f = good_figures();
  f.hosts = 3;
  f.host_kills = 2;
  f.host_freezes = 1;
  f.host_leaves = 4;
  const auto json = cli::Json::parse(render_json(f));
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["hosts"].text() + (*json)["hostKills"].text() + (*json)["hostFreezes"].text() +
                (*json)["hostLeaves"].text(),
            "3214");
  EXPECT_NE(render_text(f, false).find("2 SIGKILLed · 1 frozen · 4 left"), std::string::npos);
}

TEST(Report, Quantiles) {
  std::vector<double> values;
  for (int i = 200; i >= 1; --i) values.push_back(i);
  const Quantiles q = quantiles(values);
  EXPECT_EQ(q.p50, 101);
  EXPECT_EQ(q.p99, 199);
  EXPECT_EQ(q.max, 200);
  EXPECT_EQ(quantiles({}).max, 0);
}

TEST(Report, LoadIsWeightedByTimeAndNotCountedWhileUnknown) {
  TimeWeighted load;
  load.add(at_ms(0), 1);
  load.add(at_ms(100), 3);
  load.add(at_ms(400), 9);
  EXPECT_DOUBLE_EQ(load.mean(), 2.5);
  load.interrupt();
  load.add(at_ms(9000), 9);
  EXPECT_DOUBLE_EQ(load.mean(), 2.5);
}

// --- inputs ---

TEST(Inputs, SpreadIsEven) {
  EXPECT_EQ(spread(10, 5), (std::vector<size_t>{0, 2, 4, 6, 8}));
  EXPECT_EQ(spread(3, 3), (std::vector<size_t>{0, 1, 2}));
}

TEST(Inputs, BytesThatAreNoTextGoAsBase64) {
  EXPECT_EQ(payload_member("a\n\"b\""), R"("payload":"a\n\"b\"")");
  EXPECT_EQ(payload_member("\xff\xfe"), R"("payloadBase64":"//4=")");
}

}  // namespace
}  // namespace phoenix::demo
