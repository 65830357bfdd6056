#include "cli/commands/status_view.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "cli/context.h"
#include "cli/table.h"

namespace phoenix::cli {
namespace {

constexpr std::array kPacketStates = {"PENDING", "ASSIGNED", "RUNNING", "COMPLETED",
                                      "FAILED",  "CANCELED", "EXPIRED", "REJECTED"};
constexpr std::array kMemberStates = {"ACTIVE", "DRAINING", "DETACHED", "RETIRED"};
constexpr std::array kHostStates = {"ALIVE", "SUSPECT", "LEAVING", "FAILED"};
constexpr size_t kMostRemarks = 8;

// Every state with its count, zeros included and dimmed, four to a line.
template <size_t N>
std::string counts(const Json& by_state, const std::array<const char*, N>& states, bool color) {
  std::string out;
  for (size_t i = 0; i < N; ++i) {
    const std::string number = by_state.has(states[i]) ? by_state[states[i]].text() : "0";
    const std::string cell = fmt::format("{:>9} {:<10}", number, states[i]);
    out += number == "0" ? dimmed(cell, color) : cell;
    if (i % 4 == 3) {
      out.erase(out.find_last_not_of(' ') + 1);
      out += "\n";
    }
  }
  return out;
}

// A host that has not measured yet says null: that is shown as such, not as zero.
std::string measured(const Json& value, std::string_view unit = "") {
  if (value.is_null()) return "–";
  return short_number(value) + std::string(unit);
}

// The medians of a handoff's parts, of those that there were.
std::string phases_of(const Json& handoff) {
  std::string parts;
  for (const char* phase : {"policy", "sign", "serialize", "transmit", "verify", "commit"}) {
    const Json& times = handoff["phases"][phase];
    if (times["count"].integer().value_or(0) == 0) continue;
    parts +=
        fmt::format("{}{} {}", parts.empty() ? "" : " · ", phase, measured(times["p50"], " ms"));
  }
  return parts.empty() ? "" : "    of it (p50)  " + parts + "\n";
}

std::string metrics(const Json& dma) {
  const Json& load = dma["load"];
  const Json& moved = dma["rebalancing"];
  std::string out;
  out += fmt::format("  load           σ {}, max/mean {}\n", measured(load["stddev"]),
                     measured(load["maxOverMean"]));
  out += fmt::format("  rebalancing    ratio {} ({} moved, {} had to)\n", measured(moved["ratio"]),
                     measured(moved["moved"]), measured(moved["minimum"]));
  for (const auto& [title, key] :
       {std::pair("handoff", "handoffMs"), std::pair("ownership gap", "ownershipGapMs")}) {
    const Json& times = dma[key];
    out += fmt::format("  {:<14} p50 {}, p99 {}, max {}\n", title, measured(times["p50"], " ms"),
                       measured(times["p99"], " ms"), measured(times["max"], " ms"));
    out += phases_of(times);
  }
  return out;
}

// All of them counted, and the one that answers by name. Who left is no host of the pool.
std::string hosts_part(const StatusFacts& facts, bool color) {
  std::map<std::string, int64_t> by_status;
  std::string own;
  for (const Json& host : facts.hosts["items"].items()) {
    ++by_status[host["status"].text()];
    if (!host["self"].truth()) continue;
    const std::string up = age(host["startedAt"].text(), facts.now_ms);
    const std::string version = host["version"].text();
    own += fmt::format("  {}  {}{}{}\n", harmless(host["name"].text()),
                       colored_state(host["ready"].truth() ? "ready" : "not ready", color),
                       version.empty() ? "" : "  version " + harmless(version),
                       up.empty() ? "" : "  up " + up);
  }
  if (own.empty()) {
    own = "  " + colored_state(facts.is_ready ? "ready" : "not ready", color) + "\n";
  }
  Json counted = Json::object();
  for (const auto& [status, count] : by_status) counted.set(status, Json::number(count));
  return counts(counted, kHostStates, color) + own;
}

void note_hosts(const StatusFacts& facts, std::vector<std::string>& notes) {
  for (const Json& host : facts.hosts["items"].items()) {
    const std::string& name = host["name"].text();
    const std::string& view = host["view"].text();
    const std::string why = host["viewWhy"].text().empty() ? "" : ": " + host["viewWhy"].text();
    std::string note;
    if (host["status"].text() == "FAILED") {
      note = fmt::format("host {} is FAILED since {}; gone for good? phoenix host remove {}", name,
                         host["since"].text(), name);
    } else if (view == "incompatible" || view == "unstable" ||
               (view == "outside" && host["status"].text() == "ALIVE" && !why.empty())) {
      note = fmt::format("host {} is {}{}", name, view, why);
    } else {
      continue;
    }
    if (notes.size() == kMostRemarks) {
      notes.push_back("… see: phoenix host list -o wide");
      return;
    }
    notes.push_back(std::move(note));
  }
}

void note_readiness(const StatusFacts& facts, std::vector<std::string>& notes) {
  const std::string& unsigned_for = facts.ready["flightRecorder"].text();
  if (!unsigned_for.empty()) notes.push_back("the flight recorder signs nothing: " + unsigned_for);
  if (facts.is_ready) return;
  std::string note = "the host does not accept work: " + facts.ready["detail"].text();
  if (!facts.ready["since"].text().empty()) note += ", since " + facts.ready["since"].text();
  notes.push_back(std::move(note));
}

void note_members(const StatusFacts& facts, std::vector<std::string>& notes) {
  for (const Json& member : facts.members["items"].items()) {
    const std::string& status = member["status"].text();
    if (status != "DETACHED" && status != "DRAINING") continue;
    if (notes.size() >= kMostRemarks) {
      notes.push_back("… see: phoenix member list --status DETACHED,DRAINING");
      return;
    }
    std::string note = fmt::format("member {} is {}", member["id"].text(), status);
    if (!member["reason"].text().empty()) note += ": " + member["reason"].text();
    notes.push_back(note);
  }
}

std::string packets_text(int64_t count) {
  return fmt::format("{} packet{}", count, count == 1 ? "" : "s");
}

std::vector<std::string> attention(const StatusFacts& facts) {
  std::vector<std::string> notes;
  note_readiness(facts, notes);
  note_hosts(facts, notes);
  const Json& packets = facts.dma["packets"];
  const auto count = [&packets](const char* state) { return packets[state].integer().value_or(0); };
  if (const int64_t failed = count("FAILED"); failed > 0) {
    notes.push_back(
        fmt::format("{} FAILED: phoenix packet list --status FAILED", packets_text(failed)));
  }
  if (const int64_t expired = count("EXPIRED"); expired > 0) {
    notes.push_back(
        fmt::format("{} EXPIRED: phoenix packet list --status EXPIRED", packets_text(expired)));
  }
  const int64_t pending = count("PENDING");
  if (pending > 0 && facts.dma["members"]["ACTIVE"].integer().value_or(0) == 0) {
    notes.push_back(fmt::format("{} waiting, no member is ACTIVE: phoenix worker start",
                                packets_text(pending)));
  } else if (pending > 0) {
    notes.push_back(
        fmt::format("{} waiting: phoenix packet list --status PENDING", packets_text(pending)));
  }
  note_members(facts, notes);
  return notes;
}

}  // namespace

std::string status_screen(const StatusFacts& facts, bool color) {
  std::string out = bold("Hosts", color) + "  " + facts.url + "\n" + hosts_part(facts, color);
  out += bold("Members", color) + "\n" + counts(facts.dma["members"], kMemberStates, color);
  out += bold("Packets", color) + "\n" + counts(facts.dma["packets"], kPacketStates, color);
  // Of all the above this alone is one host's own.
  const bool one_of_many = facts.hosts["items"].items().size() > 1;
  const std::string whose = one_of_many ? "  of host " + harmless(facts.dma["host"].text()) : "";
  out += bold("Metrics", color) + whose + "\n" + metrics(facts.dma);
  const auto refused = measured(facts.dma["staleEpochRejections"]);
  const auto wasted = measured(facts.dma["wastedWorkSeconds"], " s");
  out +=
      fmt::format("  fence          {} late calls refused, {} of work wasted\n", refused, wasted);
  out += bold("Attention", color) + "\n";
  const auto notes = attention(facts);
  if (notes.empty()) out += "  nothing\n";
  for (const std::string& note : notes) out += "  " + harmless(note) + "\n";
  return out;
}

}  // namespace phoenix::cli
