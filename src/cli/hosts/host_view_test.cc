#include "cli/hosts/host_view.h"

#include <gtest/gtest.h>

namespace phoenix::cli {
namespace {

const Json& own_host() {
  static const Json host = *Json::parse(
      R"({"name":"host-a","self":true,"status":"ALIVE","view":"in-view","viewWhy":null,)"
      R"("incarnation":1795838400,"weight":100,"version":"0.1.0","api":"127.0.0.1:7400",)"
      R"("peer":null,"gossip":"127.0.0.1:7946","tags":{"api":"127.0.0.1:7400","phx":"1"},)"
      R"("since":"2026-01-01T00:00:00.000Z","ready":true,"livePackets":7})");
  return host;
}

const Json& foreign_host() {
  static const Json host = *Json::parse(
      R"({"name":"serf\u001b-1","self":false,"status":"FAILED","view":"foreign","viewWhy":null,)"
      R"("incarnation":4,"weight":null,"version":null,"api":null,"peer":null,)"
      R"("gossip":"10.0.0.9:7946","tags":{},"since":"2026-01-01T00:04:00.000Z"})");
  return host;
}

const int64_t kNow = parse_time("2026-01-01T00:05:00.000Z");

std::string table_of(const std::vector<Json>& hosts, bool wide) {
  Table table(host_columns());
  for (const Json& host : hosts) table.add(host_row(host, kNow));
  return table.render(wide, false);
}

TEST(HostView, EveryHostHasItsTwoColumns) {
  EXPECT_EQ(table_of({own_host(), foreign_host()}, false),
            "HOST        STATUS  VIEW     GOSSIP          API\n"
            "host-a      ALIVE   in-view  127.0.0.1:7946  127.0.0.1:7400\n"
            "serf\\x1b-1  FAILED  foreign  10.0.0.9:7946   -\n");
}

TEST(HostView, WideSaysSinceWhenAndWhy) {
  Json other = own_host();
  other.set("view", Json::string("incompatible"));
  other.set("viewWhy", Json::string("pool: ours p1, theirs p2"));
  EXPECT_EQ(table_of({other}, true),
            "HOST    STATUS  VIEW          GOSSIP          API             WEIGHT  VERSION  "
            "INCARNATION  SINCE  WHY\n"
            "host-a  ALIVE   incompatible  127.0.0.1:7946  127.0.0.1:7400     100  0.1.0     "
            "1795838400     5m  pool: ours p1, theirs p2\n");
}

TEST(HostView, TheSheetHasAllThatIsThere) {
  EXPECT_EQ(host_sheet(own_host(), kNow, false),
            "Name:          host-a\n"
            "Self:          true\n"
            "Status:        ALIVE\n"
            "View:          in-view\n"
            "Incarnation:   1795838400\n"
            "Weight:        100\n"
            "Version:       0.1.0\n"
            "Api:           127.0.0.1:7400\n"
            "Gossip:        127.0.0.1:7946\n"
            "Tags:\n"
            "  api=127.0.0.1:7400\n"
            "  phx=1\n"
            "Since:         2026-01-01T00:00:00.000Z (5m)\n"
            "Ready:         true\n"
            "Live packets:  7\n");
  const std::string foreign = host_sheet(foreign_host(), kNow, false);
  EXPECT_NE(foreign.find("Name:         serf\\x1b-1\n"), std::string::npos) << foreign;
  EXPECT_EQ(foreign.find("Self"), std::string::npos);
  EXPECT_EQ(foreign.find("Tags"), std::string::npos);
}

TEST(HostView, WhatChangesIsShownAgain) {
  Json later = own_host();
  EXPECT_EQ(host_fingerprint(later), host_fingerprint(own_host()));
  later.set("view", Json::string("unstable"));
  EXPECT_NE(host_fingerprint(later), host_fingerprint(own_host()));
}

}  // namespace
}  // namespace phoenix::cli
