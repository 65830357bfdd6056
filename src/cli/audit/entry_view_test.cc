#include "cli/audit/entry_view.h"

#include <gtest/gtest.h>

#include <set>

#include "lineage/audit/test_pool.h"
#include "lineage/crypto/sha256.h"
#include "lineage/tree/frontier.h"

namespace phoenix::cli {
namespace {

// Every entry of a pool in which all that there is has happened.
std::vector<ShownEntry> entries() {
  lineage::TestPool pool;
  lineage::fill(pool);
  std::vector<ShownEntry> all;
  for (const auto& [log, state] : pool.logs()) {
    for (size_t i = 0; i < state.entries.size(); ++i) {
      all.push_back({log, i + 1, lineage::decode<lineage::Entry>(state.entries[i]).value(),
                     lineage::leaf_hash(state.entries[i])});
    }
  }
  return all;
}

TEST(EntryView, IsOneLineOfJsonThatNamesTheEntryAndItsHash) {
  std::set<std::string> seen;
  for (const ShownEntry& shown : entries()) {
    const std::string line = entry_json(shown).dump();
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const Json json = Json::parse(line).value();
    EXPECT_EQ(json["log"].integer(), shown.log);
    EXPECT_EQ(json["position"].integer(), static_cast<int64_t>(shown.position));
    EXPECT_EQ(json["hash"].text(), lineage::hex(shown.leaf));
    EXPECT_EQ(json["event"].text(), shown.entry.event);
    EXPECT_TRUE(seen.insert(json["hash"].text()).second);
    const Json& leg = json["leg"];
    if (!shown.entry.leg) continue;
    EXPECT_EQ(leg["to"].text(), party_text(shown.entry.leg->to));
    EXPECT_EQ(leg["previous"].text(), lineage::hex(shown.entry.leg->previous));
    if (!shown.entry.leg->handoff) continue;
    const std::string& offer = shown.entry.leg->handoff->offer;
    EXPECT_EQ(leg["handoff"]["offeredBy"].text(), lineage::decode_envelope(offer)->key_id);
  }
  EXPECT_EQ(seen.size(), 50U);
}

TEST(EntryView, SaysWhatADecisionRestsOn) {
  ShownEntry shown;
  shown.entry.event = "assigned";
  shown.entry.policy = lineage::sha256("rules");
  lineage::Leg& leg = shown.entry.leg.emplace();
  leg.placement = lineage::Placement{17, lineage::sha256("candidates")};
  leg.contract = lineage::sha256("contract");
  leg.attested_by = {"h1"};
  const Json json = entry_json(shown);
  EXPECT_EQ(json["policy"].text(), "sha256:" + lineage::hex(lineage::sha256("rules")));
  EXPECT_EQ(json["leg"]["placement"]["point"].integer(), 17);
  EXPECT_EQ(json["leg"]["placement"]["inputs"].text(),
            "sha256:" + lineage::hex(lineage::sha256("candidates")));
  EXPECT_EQ(json["leg"]["contract"].text(), "sha256:" + lineage::hex(lineage::sha256("contract")));
  EXPECT_EQ(json["leg"]["attestedBy"].items().at(0).text(), "h1");
  EXPECT_EQ(json["leg"]["from"].text(), "");
}

TEST(EntryView, AsACloudEventHasAllThatOneMustHave) {
  std::set<std::string> ids;
  for (const ShownEntry& shown : entries()) {
    const Json event = cloud_event(shown, "demo");
    EXPECT_EQ(event["specversion"].text(), "1.0");
    EXPECT_TRUE(ids.insert(event["source"].text() + " " + event["id"].text()).second);
    EXPECT_TRUE(event["type"].text().starts_with("io.phoenixflight.audit."));
    EXPECT_EQ(event["data"]["hash"].text(), lineage::hex(shown.leaf));
    EXPECT_FALSE(event["time"].text().empty());
    if (shown.entry.kind == lineage::EntryKind::kPacket) {
      EXPECT_EQ(event["subject"].text(), "packets/" + shown.entry.ns + "/" + shown.entry.subject);
    }
  }
}

}  // namespace
}  // namespace phoenix::cli
