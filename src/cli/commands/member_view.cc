#include "cli/commands/member_view.h"

#include <fmt/format.h>

#include "cli/context.h"

namespace phoenix::cli {
namespace {

std::string load_of(const Json& member) {
  return fmt::format("{}/{}", member["currentLoad"].text(), member["maxLoad"].text());
}

}  // namespace

std::vector<Table::Column> member_columns(bool with_namespace) {
  std::vector<Table::Column> columns;
  if (with_namespace) columns.push_back({"NAMESPACE"});
  columns.push_back({"MEMBER"});
  columns.push_back({"KIND"});
  columns.push_back({"STATUS"});
  columns.push_back({"LOAD", false, true});
  columns.push_back({"CAPABILITIES"});
  columns.push_back({"WEIGHT", true, true});
  columns.push_back({"TRUST", true, true});
  columns.push_back({"RELIABILITY", true, true});
  columns.push_back({"LIVENESS", true});
  columns.push_back({"INCARNATION", true, true});
  columns.push_back({"HOME", true});
  columns.push_back({"LABELS", true});
  columns.push_back({"AGE", false, true});
  columns.push_back({"SEEN", false, true});
  columns.push_back({"REASON"});
  return columns;
}

std::vector<std::string> member_row(const Json& member, bool with_namespace, int64_t now_ms) {
  std::vector<std::string> row;
  if (with_namespace) row.push_back(member["namespace"].text());
  for (std::string cell :
       {member["id"].text(), member["kind"].text(), member["status"].text(), load_of(member),
        joined(member["capabilities"]), member["weight"].text(), short_number(member["trustScore"]),
        short_number(member["reliability"]), member["liveness"].text(),
        member["incarnation"].text(), member["home"].text(), joined(member["labels"]),
        age(member["joinedAt"].text(), now_ms), age(member["lastSeenAt"].text(), now_ms),
        member["reason"].text()}) {
    row.push_back(std::move(cell));
  }
  return row;
}

std::string member_sheet(const Json& member, bool color) {
  std::vector<std::pair<std::string, std::string>> fields;
  const auto add = [&fields](const std::string& name, const std::string& value) {
    if (!value.empty()) fields.emplace_back(name, harmless(value));
  };
  add("Member", member["id"].text());
  add("Namespace", member["namespace"].text());
  add("Kind", member["kind"].text());
  fields.emplace_back("Status", colored_state(member["status"].text(), color));
  add("Reason", member["reason"].text());
  add("Load", load_of(member));
  add("Capabilities", joined(member["capabilities"], ", "));
  add("Weight", member["weight"].text());
  add("Trust", short_number(member["trustScore"]));
  add("Reliability", short_number(member["reliability"]));
  add("Compliance", joined(member["compliance"], ", "));
  add("Labels", joined(member["labels"], ", "));
  add("Liveness", member["liveness"].text());
  if (member["liveness"].text() != "manual") {
    add("Lease", member["leaseSeconds"].text() + " s");
    const std::string grace = member["disconnectGraceMs"].text();
    add("Disconnect grace", grace.empty() ? "" : grace + " ms");
  }
  add("Incarnation", member["incarnation"].text());
  add("Revision", member["revision"].text());
  add("Public key", member["publicKey"].text());
  add("Next key", member["nextKey"].text());
  add("Home", member["home"].text());
  add("Joined", member["joinedAt"].text());
  add("Last seen", member["lastSeenAt"].text());
  return render_sheet(fields, color);
}

Flag score_flag(std::string name, std::string* into) {
  Flag flag = text_flag(std::move(name), "0..1", into, "score in choosing an owner (1)");
  flag.set = [into](std::string_view text) -> Complaint {
    const auto value = Json::parse(text);
    const auto real = value ? value->real() : std::nullopt;
    if (!real || *real < 0 || *real > 1) {
      return fmt::format("\"{}\" is no number from 0 to 1", text);
    }
    *into = text;
    return std::nullopt;
  };
  return flag;
}

}  // namespace phoenix::cli
