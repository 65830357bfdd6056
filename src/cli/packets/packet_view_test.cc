#include "cli/packets/packet_view.h"

#include <gtest/gtest.h>

namespace phoenix::cli {
namespace {

constexpr const char* kRunning =
    R"({"id":"invoice-17","name":"Invoice","namespace":"default","labels":{"customer":"c9"},)"
    R"("requiredCapabilities":["ocr","pdf"],"capabilityMatch":"all","policyTags":[],)"
    R"("affinityKey":null,"spread":"id","priority":0,"load":1,"deadline":null,"maxAttempts":3,)"
    R"("maxLosses":10,"retainSeconds":604800,"payload":{"page":1},)"
    R"("contentType":"application/json","status":"RUNNING","owner":"ocr-1","epoch":2,)"
    R"("revision":5,"attempts":1,"losses":0,"parked":null,"result":null,)"
    R"("lastError":{"message":"page 3\nis blank","code":"blank"},)"
    R"("createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:07.000Z"})";
constexpr const char* kParked =
    R"({"id":"p2","namespace":"default","requiredCapabilities":["legal"],"status":"PENDING",)"
    R"("owner":null,"epoch":0,"parked":{"reason":"no-capable-member","missing":["legal"],)"
    R"("since":"2026-01-01T00:00:00.000Z","until":null},"createdAt":"2026-01-01T00:00:00.000Z"})";

Json json(const char* text) { return *Json::parse(text); }

TEST(PacketRows, FitTheirColumns) {
  Table table(packet_columns(false));
  const int64_t now = parse_time("2026-01-01T00:00:30.000Z");
  table.add(packet_row(json(kRunning), false, now));
  table.add(packet_row(json(kParked), false, now));
  EXPECT_EQ(
      table.render(false, false),
      "PACKET      NAME     STATUS   OWNER  EPOCH  REQUIRES  AGE  NOTE\n"
      "invoice-17  Invoice  RUNNING  ocr-1      2  ocr,pdf   30s  page 3\n"
      "p2          -        PENDING  -          0  legal     30s  no-capable-member: legal\n");
}

TEST(PacketRows, NameTheNamespaceWhereSeveralAreShown) {
  Table table(packet_columns(true));
  table.add(packet_row(json(kParked), true, 0));
  EXPECT_TRUE(table.render(false, false).starts_with("NAMESPACE  PACKET"));
}

TEST(PacketSheet, LeavesOutWhatIsNotThere) {
  EXPECT_EQ(packet_sheet(json(kRunning), false, 400),
            "Packet:              invoice-17\n"
            "Name:                Invoice\n"
            "Namespace:           default\n"
            "Status:              RUNNING\n"
            "Owner:               ocr-1\n"
            "Epoch:               2\n"
            "Revision:            5\n"
            "Requires:            ocr,pdf\n"
            "Labels:              customer=c9\n"
            "Spread:              id\n"
            "Priority:            0\n"
            "Load:                1\n"
            "Attempts:            1 of 3\n"
            "Losses:              0 of 10\n"
            "Kept after the end:  604800 s\n"
            "Created:             2026-01-01T00:00:00.000Z\n"
            "Updated:             2026-01-01T00:00:07.000Z\n"
            "Content type:        application/json\n"
            "Payload:             {\"page\":1}\n"
            "Last error:          blank: page 3\\x0ais blank\n");
}

TEST(PacketSheet, CutsLongContents) {
  Json packet = json(kRunning);
  packet.set("payload", Json::string(std::string(50, 'x')));
  const std::string sheet = packet_sheet(packet, false, 10);
  EXPECT_NE(sheet.find("\"xxxxxxxxx… (52 characters; see all: -o json)"), std::string::npos);
}

TEST(PacketEnds, AreTheTerminalStates) {
  for (const char* state : {"COMPLETED", "FAILED", "CANCELED", "EXPIRED", "REJECTED"}) {
    EXPECT_TRUE(packet_ended(Json::object().set("status", Json::string(state)))) << state;
  }
  for (const char* state : {"PENDING", "ASSIGNED", "RUNNING", ""}) {
    EXPECT_FALSE(packet_ended(Json::object().set("status", Json::string(state)))) << state;
  }
}

TEST(History, IsATable) {
  EXPECT_EQ(history_table(json(R"({"items":[{"at":"T1","epoch":1,"revision":1,"event":"created",)"
                               R"("owner":"a","from":null,"to":"a","reason":null}]})"),
                          false),
            "AT  EPOCH  REV  EVENT    OWNER  FROM  REASON\n"
            "T1      1    1  created  a      -     -\n");
}

TEST(Explanation, GivesWordsCandidatesAndEarlierOwners) {
  EXPECT_EQ(
      explanation(
          json(
              R"({"summary":"p2 is parked.","rule":"the nearest","requiredCapabilities":["legal"],)"
              R"("point":77,"slot":3,"parked":{"wouldUnpark":"register one"},"candidates":[)"
              R"({"member":"a","eligible":false,"why":"full","load":4,"maxLoad":4,"score":0.5}],)"
              R"("earlierOwners":[{"owner":"b","lostAt":"T1","event":"lost","why":"lease"}]})"),
          false),
      "p2 is parked.\n"
      "\n"
      "Rule:              the nearest\n"
      "Requires:          legal\n"
      "Point:             77 in slot 3\n"
      "Would un-park it:  register one\n"
      "\n"
      "CANDIDATE  ELIGIBLE  LOAD  SCORE  WHY NOT\n"
      "a          no         4/4    0.5  full\n"
      "\n"
      "EARLIER OWNER  LOST AT  EVENT  WHY\n"
      "b              T1       lost   lease\n");
}

}  // namespace
}  // namespace phoenix::cli
