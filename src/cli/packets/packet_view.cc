#include "cli/packets/packet_view.h"

#include <fmt/format.h>

#include "cli/context.h"

namespace phoenix::cli {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

void add_field(Fields& fields, const std::string& name, const std::string& value) {
  if (!value.empty()) fields.emplace_back(name, harmless(value));
}

// A content as JSON text, or as its Base64 where it is bytes.
std::string content_of(const Json& packet, const std::string& name, size_t limit) {
  const Json& value = packet[name];
  const Json& bytes = packet[name + "Base64"];
  std::string text;
  if (!bytes.is_null()) {
    text = "base64 " + bytes.text();
  } else if (packet.has(name) && !value.is_null()) {
    text = value.dump();
  }
  if (text.size() > limit) {
    return fmt::format("{}… ({} characters; see all: -o json)", text.substr(0, limit), text.size());
  }
  return text;
}

std::string counted(const Json& packet, const std::string& count, const std::string& most) {
  if (!packet.has(count)) return "";
  return fmt::format("{} of {}", packet[count].text(), packet[most].text());
}

std::string first_line(const std::string& text, size_t limit) {
  std::string line = text.substr(0, text.find('\n'));
  return line.size() > limit ? line.substr(0, limit) + "…" : line;
}

std::string seconds_text(const Json& value) {
  return value.is_null() ? "" : short_number(value) + " s";
}

}  // namespace

bool packet_ended(const Json& packet) { return is_ended_state(packet["status"].text()); }

bool is_ended_state(std::string_view status) {
  return status == "COMPLETED" || status == "FAILED" || status == "CANCELED" ||
         status == "EXPIRED" || status == "REJECTED";
}

std::string packet_note(const Json& packet) {
  const Json& parked = packet["parked"];
  if (parked.is_object()) {
    const std::string missing = joined(parked["missing"]);
    return parked["reason"].text() + (missing.empty() ? "" : ": " + missing);
  }
  const Json& error = packet["lastError"];
  if (error.is_object()) return first_line(error["message"].text(), 60);
  return "";
}

std::vector<Table::Column> packet_columns(bool with_namespace) {
  std::vector<Table::Column> columns;
  if (with_namespace) columns.push_back({"NAMESPACE"});
  for (const char* title : {"PACKET", "NAME", "STATUS", "OWNER"}) columns.push_back({title});
  columns.push_back({"EPOCH", false, true});
  columns.push_back({"ATTEMPTS", true, true});
  columns.push_back({"LOSSES", true, true});
  columns.push_back({"PRIORITY", true, true});
  columns.push_back({"REQUIRES"});
  columns.push_back({"LABELS", true});
  columns.push_back({"AGE", false, true});
  columns.push_back({"CREATED", true});
  columns.push_back({"NOTE"});
  return columns;
}

std::vector<std::string> packet_row(const Json& packet, bool with_namespace, int64_t now_ms) {
  std::vector<std::string> row;
  if (with_namespace) row.push_back(packet["namespace"].text());
  const std::string& created = packet["createdAt"].text();
  for (std::string cell :
       {packet["id"].text(), packet["name"].text(), packet["status"].text(), packet["owner"].text(),
        packet["epoch"].text(), packet["attempts"].text(), packet["losses"].text(),
        packet["priority"].text(), joined(packet["requiredCapabilities"]), joined(packet["labels"]),
        age(created, now_ms), created, packet_note(packet)}) {
    row.push_back(std::move(cell));
  }
  return row;
}

std::string packet_sheet(const Json& packet, bool color, size_t content_limit) {
  Fields fields;
  add_field(fields, "Packet", packet["id"].text());
  add_field(fields, "Name", packet["name"].text());
  add_field(fields, "Namespace", packet["namespace"].text());
  fields.emplace_back("Status", colored_state(packet["status"].text(), color));
  const Json& parked = packet["parked"];
  if (parked.is_object()) {
    std::string until = parked["until"].text();
    add_field(fields, "Parked",
              packet_note(packet) + ", since " + parked["since"].text() +
                  (until.empty() ? "" : ", until " + until));
  }
  add_field(fields, "Owner", packet["owner"].text());
  add_field(fields, "Epoch", packet["epoch"].text());
  add_field(fields, "Revision", packet["revision"].text());
  std::string requires_text = joined(packet["requiredCapabilities"]);
  if (packet["capabilityMatch"].text() == "any") requires_text += " (any of them)";
  add_field(fields, "Requires", requires_text);
  add_field(fields, "Policy tags", joined(packet["policyTags"]));
  add_field(fields, "Labels", joined(packet["labels"]));
  add_field(fields, "Affinity", packet["affinityKey"].text());
  add_field(fields, "Spread", packet["spread"].text());
  add_field(fields, "Priority", packet["priority"].text());
  add_field(fields, "Load", packet["load"].text());
  add_field(fields, "Attempts", counted(packet, "attempts", "maxAttempts"));
  add_field(fields, "Losses", counted(packet, "losses", "maxLosses"));
  add_field(fields, "Not before", packet["notBefore"].text());
  add_field(fields, "Deadline", packet["deadline"].text());
  add_field(fields, "Attempt timeout", seconds_text(packet["attemptTimeoutSeconds"]));
  add_field(fields, "Kept after the end", seconds_text(packet["retainSeconds"]));
  add_field(fields, "Created", packet["createdAt"].text());
  add_field(fields, "Updated", packet["updatedAt"].text());
  add_field(fields, "Trace", packet["traceparent"].text());
  add_field(fields, "Content type", packet["contentType"].text());
  add_field(fields, "Payload", content_of(packet, "payload", content_limit));
  add_field(fields, "Checkpoint", content_of(packet, "checkpoint", content_limit));
  add_field(fields, "Context", content_of(packet, "context", content_limit));
  add_field(fields, "Result", content_of(packet, "result", content_limit));
  const Json& error = packet["lastError"];
  if (error.is_object()) {
    std::string code = error["code"].text();
    add_field(fields, "Last error", (code.empty() ? "" : code + ": ") + error["message"].text());
  }
  return render_sheet(fields, color);
}

std::string history_table(const Json& history, bool color) {
  Table table({{"AT"},
               {"EPOCH", false, true},
               {"REV", false, true},
               {"EVENT"},
               {"OWNER"},
               {"FROM"},
               {"REASON"}});
  for (const Json& item : history["items"].items()) {
    table.add({item["at"].text(), item["epoch"].text(), item["revision"].text(),
               item["event"].text(), item["owner"].text(), item["from"].text(),
               item["reason"].text()});
  }
  return table.empty() ? "" : table.render(false, color);
}

std::string explanation(const Json& explain, bool color) {
  std::string out = harmless(explain["summary"].text()) + "\n";
  Fields fields;
  add_field(fields, "Rule", explain["rule"].text());
  add_field(fields, "Requires", joined(explain["requiredCapabilities"]));
  add_field(fields, "Point",
            fmt::format("{} in slot {}", explain["point"].text(), explain["slot"].text()));
  add_field(fields, "Would un-park it", explain["parked"]["wouldUnpark"].text());
  out += "\n" + render_sheet(fields, color);
  if (!explain["candidates"].items().empty()) {
    Table table(
        {{"CANDIDATE"}, {"ELIGIBLE"}, {"LOAD", false, true}, {"SCORE", false, true}, {"WHY NOT"}});
    for (const Json& item : explain["candidates"].items()) {
      table.add({item["member"].text(), item["eligible"].truth() ? "yes" : "no",
                 fmt::format("{}/{}", item["load"].text(), item["maxLoad"].text()),
                 short_number(item["score"]), item["why"].text()});
    }
    out += "\n" + table.render(false, color);
  }
  if (!explain["earlierOwners"].items().empty()) {
    Table table({{"EARLIER OWNER"}, {"LOST AT"}, {"EVENT"}, {"WHY"}});
    for (const Json& item : explain["earlierOwners"].items()) {
      table.add(
          {item["owner"].text(), item["lostAt"].text(), item["event"].text(), item["why"].text()});
    }
    out += "\n" + table.render(false, color);
  }
  return out;
}

}  // namespace phoenix::cli
