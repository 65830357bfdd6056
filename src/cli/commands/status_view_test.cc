#include "cli/commands/status_view.h"

#include <gtest/gtest.h>

#include "cli/commands/member_view.h"

namespace phoenix::cli {
namespace {

Json json(const char* text) { return *Json::parse(text); }

StatusFacts calm() {
  StatusFacts facts;
  facts.url = "http://127.0.0.1:7400";
  facts.is_ready = true;
  facts.now_ms = parse_time("2026-01-01T00:05:00.000Z");
  facts.hosts = json(
      R"({"items":[{"name":"host-a","self":true,"status":"ALIVE","view":"in-view","ready":true,"version":"0.1.0","startedAt":"2026-01-01T00:00:00.000Z"}]})");
  facts.dma = json(R"({"load":{"stddev":0.25,"maxOverMean":1.5},)"
                   R"("rebalancing":{"moved":3,"minimum":3,"ratio":1.0},)"
                   R"("handoffMs":{"p50":0.41,"p99":2.5,"max":3,"count":7},)"
                   R"("ownershipGapMs":{"p50":null,"p99":null,"max":null},)"
                   R"("packets":{"PENDING":0,"RUNNING":2,"COMPLETED":120},"members":{"ACTIVE":3},)"
                   R"("staleEpochRejections":0,"wastedWorkSeconds":0})");
  return facts;
}

TEST(Status, ShowsEveryStateAndEveryMetric) {
  EXPECT_EQ(status_screen(calm(), false),
            "Hosts  http://127.0.0.1:7400\n"
            "        1 ALIVE             0 SUSPECT           0 LEAVING           0 FAILED\n"
            "  host-a  ready  version 0.1.0  up 5m\n"
            "Members\n"
            "        3 ACTIVE            0 DRAINING          0 DETACHED          0 RETIRED\n"
            "Packets\n"
            "        0 PENDING           0 ASSIGNED          2 RUNNING         120 COMPLETED\n"
            "        0 FAILED            0 CANCELED          0 EXPIRED           0 REJECTED\n"
            "Metrics\n"
            "  load           σ 0.25, max/mean 1.5\n"
            "  rebalancing    ratio 1 (3 moved, 3 had to)\n"
            "  handoff        p50 0.41 ms, p99 2.5 ms, max 3 ms\n"
            "  ownership gap  p50 –, p99 –, max –\n"
            "  fence          0 late calls refused, 0 s of work wasted\n"
            "Attention\n"
            "  nothing\n");
}

TEST(Status, ShowsWhatAHandoffIsMadeOf) {
  StatusFacts facts = calm();
  facts.dma.set("handoffMs", json(R"({"p50":0.41,"p99":2.5,"max":3,"count":7,"phases":{)"
                                  R"("commit":{"p50":0.2,"p99":1,"max":2,"count":7},)"
                                  R"("sign":{"p50":0,"p99":0,"max":0,"count":0},)"
                                  R"("verify":{"p50":0.11,"p99":0.2,"max":0.2,"count":3}}})"));
  EXPECT_NE(status_screen(facts, false)
                .find("  handoff        p50 0.41 ms, p99 2.5 ms, max 3 ms\n"
                      "    of it (p50)  verify 0.11 ms · commit 0.2 ms\n"),
            std::string::npos);
}

TEST(Status, OfSeveralHostsItSaysWhoseMetricsTheseAre) {
  StatusFacts facts = calm();
  facts.hosts = json(R"({"items":[{"name":"a","status":"ALIVE"},{"name":"b","status":"ALIVE"}]})");
  facts.dma.set("host", Json::string("b"));
  EXPECT_NE(status_screen(facts, false).find("\nMetrics  of host b\n"), std::string::npos);
}

TEST(Status, SaysWhatNeedsAttention) {
  StatusFacts facts = calm();
  facts.is_ready = false;
  facts.ready = json(R"({"detail":"the store is read-only","since":"T1"})");
  facts.dma.set("packets", json(R"({"PENDING":4,"FAILED":1})"));
  facts.dma.set("members", json(R"({"ACTIVE":0,"DETACHED":1})"));
  facts.members = json(R"({"items":[{"id":"ocr-1","status":"DETACHED","reason":"lease"}]})");
  const std::string screen = status_screen(facts, false);
  EXPECT_EQ(screen.substr(screen.find("Attention")),
            "Attention\n"
            "  the host does not accept work: the store is read-only, since T1\n"
            "  1 packet FAILED: phoenix packet list --status FAILED\n"
            "  4 packets waiting, no member is ACTIVE: phoenix worker start\n"
            "  member ocr-1 is DETACHED: lease\n");
}

TEST(Status, CountsAllHostsAndNamesThoseThatNeedAttention) {
  StatusFacts facts = calm();
  facts.hosts =
      json(R"({"items":[{"name":"a","self":true,"status":"ALIVE","view":"unstable","viewWhy":"w",)"
           R"("ready":true},{"name":"b","status":"FAILED","view":"outside","since":"T2"},)"
           R"({"name":"c","status":"LEFT","view":"foreign"},{"name":"d","status":"ALIVE",)"
           R"("view":"incompatible","viewWhy":"pool: ours p, theirs q"},{"name":"e",)"
           R"("status":"ALIVE","view":"outside","viewWhy":"removed; comes back"},)"
           R"({"name":"f","status":"ALIVE","view":"outside","viewWhy":null}]})");
  const std::string screen = status_screen(facts, false);
  EXPECT_NE(screen.find("        4 ALIVE             0 SUSPECT           0 LEAVING           "
                        "1 FAILED\n  a  ready\nMembers"),
            std::string::npos)
      << screen;
  EXPECT_EQ(screen.substr(screen.find("Attention")),
            "Attention\n"
            "  host a is unstable: w\n"
            "  host b is FAILED since T2; gone for good? phoenix host remove b\n"
            "  host d is incompatible: pool: ours p, theirs q\n"
            "  host e is outside: removed; comes back\n");
}

TEST(Members, RowsAndSheet) {
  const Json member =
      json(R"({"id":"ocr-1","namespace":"default","kind":"agent","capabilities":["ocr","pdf"],)"
           R"("weight":100,"maxLoad":4,"trustScore":0.90,"reliability":1,"compliance":["pii"],)"
           R"("labels":{"zone":"a"},"liveness":"session","leaseSeconds":3,"disconnectGraceMs":250,)"
           R"("status":"ACTIVE","reason":null,"incarnation":2,"revision":7,"home":"host-a",)"
           R"("currentLoad":1,"joinedAt":"2026-01-01T00:00:00.000Z",)"
           R"("lastSeenAt":"2026-01-01T00:04:59.000Z"})");
  Table table(member_columns(false));
  table.add(member_row(member, false, calm().now_ms));
  EXPECT_EQ(table.render(false, false),
            "MEMBER  KIND   STATUS  LOAD  CAPABILITIES  AGE  SEEN  REASON\n"
            "ocr-1   agent  ACTIVE   1/4  ocr,pdf        5m    1s  -\n");
  const std::string sheet = member_sheet(member, false);
  EXPECT_NE(sheet.find("Trust:             0.9\n"), std::string::npos);
  EXPECT_NE(sheet.find("Disconnect grace:  250 ms\n"), std::string::npos);
  EXPECT_EQ(sheet.find("Reason"), std::string::npos);
}

}  // namespace
}  // namespace phoenix::cli
