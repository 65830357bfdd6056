#include "cli/commands/ring_view.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "cli/context.h"
#include "cli/table.h"

namespace phoenix::cli {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

// "12.34%" of a share from 0 to 1.
std::string percent(const Json& share) {
  return fmt::format("{:.2f}%", share.real().value_or(0) * 100);
}

std::string definitions(const Json& answer, const RingStyle& style) {
  if (!style.definitions || answer["definitions"].members().empty()) return "";
  Fields fields;
  for (const auto& [name, text] : answer["definitions"].members()) {
    fields.emplace_back(name, harmless(text.text()));
  }
  return "\n" + render_sheet(fields, style.color);
}

std::string points_table(const Json& points, const RingStyle& style) {
  Table table(
      {{"POSITION", false, true}, {"NAMESPACE", true}, {"MEMBER"}, {"REPLICA", false, true}});
  for (const Json& point : points.items()) {
    table.add({point["position"].text(), point["namespace"].text(), point["member"].text(),
               point["replica"].text()});
  }
  return table.empty() ? "" : "\n" + table.render(style.wide, style.color);
}

std::string keepers(const Json& ring) {
  std::string text;
  for (const Json& keeper : ring["keepers"].items()) {
    text += fmt::format("{}{} ({} slots)", text.empty() ? "" : ", ",
                        harmless(keeper["host"].text()), keeper["slots"].text());
  }
  return text;
}

std::string moves_table(const Json& plan, const RingStyle& style) {
  Table table({{"PACKET"}, {"FROM"}, {"TO"}, {"WHY NOBODY"}, {"UNTIL", true}});
  for (const Json& packet : plan["packets"].items()) {
    const bool fails = packet["fails"].truth();
    table.add({packet["id"].text(), packet["from"].text(), packet["to"].text(),
               fails ? "FAILED: its owner was lost too often" : packet["parked"].text(),
               packet["until"].text()});
  }
  if (table.empty()) return "";
  std::string text = "\n" + table.render(style.wide, style.color);
  const std::string& omitted = plan["packetsOmitted"].text();
  if (omitted != "0") text += fmt::format("and {} more: --limit N lists them\n", omitted);
  return text;
}

std::string shares_table(const Json& plan, const RingStyle& style) {
  Table table({{"MEMBER"},
               {"SHARE NOW", false, true},
               {"THEN", false, true},
               {"POSITIONS NOW", true, true},
               {"THEN", true, true}});
  for (const Json& member : plan["ring"]["members"].items()) {
    table.add({member["id"].text(), percent(member["shareBefore"]), percent(member["shareAfter"]),
               member["positionsBefore"].text(), member["positionsAfter"].text()});
  }
  return table.empty() ? "" : "\n" + table.render(style.wide, style.color);
}

std::string change_line(const Json& plan) {
  const std::string& cause = plan["cause"].text();
  std::string text = fmt::format("{} of {}", plan["change"].text(), joined(plan["members"], ", "));
  if (cause == "lease") text += " (their session ends)";
  return text;
}

std::string decision(const Json& owner) {
  const std::string& by = owner["decidedBy"].text();
  if (by == "score") return "the best score of the eligible ones";
  if (by == "id") return "its id: others have the same score";
  if (by == "nearest") return "the nearest one that is eligible";
  if (by == "only-eligible") return "the only one that is eligible";
  if (by == "last-resort") return "to be passed over, but nobody else is eligible";
  return "nobody is eligible";
}

}  // namespace

std::string ring_text(const Json& ring, const RingStyle& style) {
  std::string out = render_sheet({{"Members", ring["memberCount"].text()},
                                  {"V-nodes", ring["vnodeCount"].text()},
                                  {"Slots", ring["slots"].text()},
                                  {"Keepers", keepers(ring)}},
                                 style.color);
  Table table({{"MEMBER"},
               {"NAMESPACE", true},
               {"STATUS"},
               {"WEIGHT", false, true},
               {"V-NODES", false, true},
               {"SHARE", false, true},
               {"POSITIONS", true, true},
               {"LOAD", false, true}});
  for (const Json& member : ring["members"].items()) {
    table.add({member["id"].text(), member["namespace"].text(), member["status"].text(),
               member["weight"].text(), member["vnodes"].text(), percent(member["share"]),
               member["positions"].text(),
               fmt::format("{}/{}", member["currentLoad"].text(), member["maxLoad"].text())});
  }
  if (!table.empty()) out += "\n" + table.render(style.wide, style.color);
  return out + points_table(ring["vnodes"], style) + definitions(ring, style);
}

std::string owner_text(const Json& owner, const RingStyle& style) {
  Fields fields = {
      {"Owner",
       owner["owner"].is_null() ? "nobody: it would be parked" : harmless(owner["owner"].text())},
      {"By", decision(owner)},
      {"Point", fmt::format("{} in slot {}, kept by {}", owner["point"].text(),
                            owner["slot"].text(), harmless(owner["keeper"].text()))},
      {"Capable", fmt::format("{} members; the score decides among the first {} eligible ones",
                              owner["capableMembers"].text(), owner["k"].text())}};
  if (!owner["missing"].items().empty()) {
    fields.emplace_back("Nobody has", harmless(joined(owner["missing"], ", ")));
  }
  std::string out = render_sheet(fields, style.color);
  Table table({{"CANDIDATE"},
               {"DISTANCE", false, true},
               {"V-NODE", true, true},
               {"ELIGIBLE"},
               {"LOAD", false, true},
               {"SCORE", false, true},
               {"AS FRACTION", true, true},
               {"WHY NOT"}});
  for (const Json& item : owner["candidates"].items()) {
    table.add({item["member"].text(), item["distance"].text(), item["vnode"].text(),
               item["eligible"].truth() ? "yes" : "no",
               fmt::format("{}/{}", item["load"].text(), item["maxLoad"].text()),
               short_number(item["score"]),
               item["scoreNumerator"].text() + "/" + item["scoreDenominator"].text(),
               item["why"].text()});
  }
  if (!table.empty()) out += "\n" + table.render(style.wide, style.color);
  const std::string& omitted = owner["candidatesOmitted"].text();
  if (!omitted.empty() && omitted != "0") {
    out += fmt::format("and {} more that are not eligible\n", omitted);
  }
  return out + definitions(owner, style);
}

std::string plan_text(const Json& plan, const RingStyle& style) {
  const Json& ring = plan["ring"];
  std::string out = render_sheet(
      {{"Change", harmless(change_line(plan))},
       {"Moved", fmt::format("{} (at least {} must): {} placed, {} parked, {} failed",
                             plan["moved"].text(), plan["minimum"].text(), plan["placed"].text(),
                             plan["parked"].text(), plan["failed"].text())},
       {"Woken", plan["woken"].text()},
       {"Kept", plan["kept"].text()},
       {"V-nodes",
        fmt::format("{} now, {} then", ring["vnodesBefore"].text(), ring["vnodesAfter"].text())},
       {"Ring", fmt::format("{} of it changes hands, in {} slots", percent(ring["shareMoved"]),
                            ring["slotCount"].text())},
       {"Exact", plan["exact"].truth() ? "yes, if nothing else happens before it"
                                       : fmt::format("no: {} writes are on their way; plan again",
                                                     plan["writesInFlight"].text())}},
      style.color);
  return out + moves_table(plan, style) + shares_table(plan, style) + definitions(plan, style);
}

}  // namespace phoenix::cli
