#include "cli/demo/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/json.h"
#include "cli/table.h"

namespace phoenix::demo {
namespace {

using cli::Json;

constexpr double kMaxRatio = 1.05;

// Three digits behind the point say all that was measured.
Json real(double value) { return Json::raw_number(fmt::format("{:.3f}", value)); }
Json count(uint64_t value) { return Json::number(static_cast<int64_t>(value)); }

Json to_json(const Quantiles& values) {
  Json out = Json::object();
  out.set("p50", real(values.p50)).set("p99", real(values.p99)).set("max", real(values.max));
  return out;
}

// 1234567 as "1,234,567".
std::string grouped(uint64_t value) {
  std::string digits = std::to_string(value);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string in_ms(const Quantiles& values) {
  if (values.count == 0) return "none";
  const auto number = [](double ms) {
    return ms < 100 ? fmt::format("{:.1f}", ms) : grouped(static_cast<uint64_t>(ms + 0.5));
  };
  return fmt::format("p50 {} · p99 {} · max {} ms, of {}", number(values.p50), number(values.p99),
                     number(values.max), grouped(values.count));
}

std::string packets_line(const Figures& f) {
  return fmt::format("{} submitted · {} completed · {} failed · {} · {} completed twice",
                     grouped(f.submitted), grouped(f.completed), grouped(f.failed),
                     f.lost ? grouped(*f.lost) + " lost" : "lost: not known",
                     grouped(f.completed_twice));
}

std::string hits_line(const Figures& f) {
  const auto counted = static_cast<uint64_t>(f.hits[0] + f.hits[1] + f.hits[2]);
  const uint64_t others = f.hits_sent - std::min(f.hits_sent, counted);
  return fmt::format("{} SIGKILLed · {} frozen · {} drained, each with a started packet in hand{}",
                     f.hits[0], f.hits[1], f.hits[2],
                     others == 0 ? "" : fmt::format(" · {} more whose packet just ended", others));
}

std::string changes_line(const Figures& f) {
  const auto& changes = f.owner_changes;
  const uint64_t all = changes[0] + changes[1] + changes[2] + changes[3];
  return fmt::format("{}: {} by death · {} by freeze · {} by drain · {} by handoff", grouped(all),
                     grouped(changes[0]), grouped(changes[1]), grouped(changes[2]),
                     grouped(changes[3]));
}

std::string fence_line(const Figures& f) {
  return fmt::format("{} stale calls refused, {} of them late results of frozen workers",
                     grouped(f.stale_refusals), grouped(f.late_writes_refused));
}

std::string frozen_line(const Figures& f) {
  return fmt::format("{} of {} came back · {} stopped by their own lease check",
                     grouped(f.frozen_back), grouped(f.frozen), grouped(f.self_stopped));
}

std::string work_line(const Figures& f) {
  return fmt::format("{} runs · {} in vain · {:.1f} % of the work wasted", grouped(f.runs),
                     grouped(f.reexecutions), f.wasted_work * 100);
}

std::string audit_line(const Figures& f) {
  if (!f.audit) return "not verified";
  return fmt::format(
      "{} entries verified without a host · {} results and {} handoffs signed · {} leavers "
      "certified",
      grouped(f.audit->entries), grouped(f.audit->results), grouped(f.audit->handoffs),
      grouped(f.audit->certificates));
}

std::string hosts_line(const Figures& f) {
  if (f.hosts > 1) {
    return fmt::format("{} that share a store · {} SIGKILLed · {} frozen · {} left, all came back",
                       f.hosts, f.host_kills, f.host_freezes, f.host_leaves);
  }
  if (f.host_kills == 0) return "not killed (--kill-host N does that)";
  return "SIGKILLed and restarted " +
         (f.host_kills == 1 ? "once" : fmt::format("{} times", f.host_kills));
}

}  // namespace

Quantiles quantiles(std::vector<double> values) {
  Quantiles out;
  if (values.empty()) return out;
  std::sort(values.begin(), values.end());
  const auto at = [&](size_t per_mille) {
    return values[std::min(values.size() - 1, values.size() * per_mille / 1000)];
  };
  out = {at(500), at(990), values.back(), values.size()};
  return out;
}

void TimeWeighted::add(Instant at, double value) {
  if (last_) {
    const auto span = static_cast<double>((at - last_->first).ns);
    sum_ += span * last_->second;
    time_ += span;
  }
  last_ = {at, value};
}

double rebalancing_ratio(const Figures& figures) {
  if (figures.had_to_move == 0)
    return figures.moved == 0 ? 1.0 : static_cast<double>(figures.moved);
  return static_cast<double>(figures.moved) / static_cast<double>(figures.had_to_move);
}

double packets_per_second(const Figures& figures) {
  return figures.seconds > 0 ? static_cast<double>(figures.completed) / figures.seconds : 0;
}

std::vector<std::string> violations(const Figures& f) {
  std::vector<std::string> out = f.faults;
  const auto none = [&](uint64_t value, std::string_view what) {
    if (value > 0) out.push_back(fmt::format("{}: {}", what, grouped(value)));
  };
  if (f.lost) {
    none(*f.lost, "acknowledged packets that are lost");
  } else {
    out.emplace_back("whether a packet is lost is not known: they could not be listed at the end");
  }
  none(f.completed_twice, "packets with two accepted results or handoffs");
  none(f.failed, "packets that failed");
  none(f.mismatched, "results that differ from the same command run directly");
  out.insert(out.end(), f.differences.begin(), f.differences.end());
  none(f.broken_sequences, "packets with a gap in the event log");
  const uint64_t accounted = f.completed + f.failed + f.lost.value_or(0);
  none(f.submitted - std::min(f.submitted, accounted), "packets that never ended");
  if (rebalancing_ratio(f) > kMaxRatio) {
    out.push_back(fmt::format("rebalancing overhead ratio {:.3f} is above {}", rebalancing_ratio(f),
                              kMaxRatio));
  }
  if (f.late_writes_refused == 0) {
    out.emplace_back("no late result of a frozen worker was refused, so the fence was not tried");
  }
  for (int kind = 0; kind < kHits; ++kind) {
    const int hits = f.hits[static_cast<size_t>(kind)];
    if (hits >= kHitsWanted) continue;
    out.push_back(fmt::format("{} hit only {} workers with a started packet",
                              hit_name(static_cast<Hit>(kind)), hits));
  }
  none(f.frozen - f.frozen_back, "frozen workers that did not come back");
  if (f.audit) {
    none(f.audit->unsigned_results, "results that their members did not sign");
    none(f.audit->unsigned_handoffs, "handoffs that their members did not sign");
    const bool drained = f.hits[static_cast<size_t>(Hit::kDrain)] > 0;
    if (drained && f.audit->certificates == 0) {
      out.emplace_back("members were drained, and none of them has a certificate");
    }
  }
  return out;
}

std::string render_json(const Figures& f) {
  Json changes = Json::object();
  changes.set("death", count(f.owner_changes[0])).set("freeze", count(f.owner_changes[1]));
  changes.set("drain", count(f.owner_changes[2])).set("handoff", count(f.owner_changes[3]));
  Json load = Json::object();
  load.set("stddev", real(f.load_stddev)).set("maxOverMean", real(f.load_max_over_mean));
  Json rebalancing = Json::object();
  rebalancing.set("moved", count(f.moved)).set("minimum", count(f.had_to_move));
  rebalancing.set("ratio", real(rebalancing_ratio(f)));
  // One host and no signatures: the commit is all there is between call and end.
  Json phases = Json::object();
  phases.set("commit", to_json(f.handoff_ms));
  Json handoff = to_json(f.handoff_ms);
  handoff.set("phases", std::move(phases));
  Json out = Json::object();
  out.set("seed", count(f.seed)).set("submitted", count(f.submitted));
  out.set("completed", count(f.completed)).set("failed", count(f.failed));
  out.set("lost", f.lost ? count(*f.lost) : Json());
  out.set("completedTwice", count(f.completed_twice));
  out.set("mismatched", count(f.mismatched)).set("ownerChanges", std::move(changes));
  out.set("staleRefusals", count(f.stale_refusals)).set("selfStopped", count(f.self_stopped));
  out.set("reexecutions", count(f.reexecutions)).set("wastedWork", real(f.wasted_work));
  out.set("hostKills", count(f.host_kills));
  if (f.hosts > 1) {
    out.set("hosts", count(f.hosts)).set("hostFreezes", count(f.host_freezes));
    out.set("hostLeaves", count(f.host_leaves)).set("turnedAway", count(f.turned_away));
    out.set("placements", count(f.placements));
  }
  out.set("load", std::move(load));
  out.set("rebalancing", std::move(rebalancing)).set("handoffMs", std::move(handoff));
  out.set("ownershipGapMs", to_json(f.ownership_gap_ms));
  out.set("recoveryMs", to_json(f.recovery_ms));
  if (f.audit) {
    Json audit = Json::object();
    audit.set("entries", count(f.audit->entries)).set("resultsSigned", count(f.audit->results));
    audit.set("handoffsSigned", count(f.audit->handoffs));
    audit.set("drainCertificates", count(f.audit->certificates));
    out.set("audit", std::move(audit));
  }
  out.set("packetsPerSecond", real(packets_per_second(f))).set("seconds", real(f.seconds));
  return out.dump() + "\n";
}

std::string render_text(const Figures& f, bool color) {
  std::vector<std::pair<std::string, std::string>> lines = {
      {"run", fmt::format("seed {} · {} files · {} workers at a time, {} in all", f.seed,
                          grouped(f.files), grouped(f.workers), grouped(f.workers_started))},
      {"packets", packets_line(f)},
      {"results", fmt::format("{} compared with the same command run directly · {} differ",
                              grouped(f.completed), grouped(f.mismatched))},
      {"hits", hits_line(f)},
      {f.hosts > 1 ? "hosts" : "host", hosts_line(f)},
      {"owner changes", changes_line(f)},
      {"fence", fence_line(f)},
      {"frozen", frozen_line(f)},
      {"load", fmt::format("standard deviation {:.3f} · max/mean {:.2f}, over time", f.load_stddev,
                           f.load_max_over_mean)},
      {"rebalancing", fmt::format("{} packets moved, {} had to · ratio {:.3f}", grouped(f.moved),
                                  grouped(f.had_to_move), rebalancing_ratio(f))},
      {"turned away", fmt::format("{} of {} placements, by the owner's host",
                                  grouped(f.turned_away), grouped(f.placements))},
      {"handoff", in_ms(f.handoff_ms) + " (call to durable commit)"},
      {"ownership gap", in_ms(f.ownership_gap_ms) + " (last call to next owner's commit)"},
      {"recovery", in_ms(f.recovery_ms) + " (signal to next owner's start)"},
      {"work", work_line(f)},
      {"audit", audit_line(f)},
      {"speed", fmt::format("{:.1f} packets/s · {:.1f} s", packets_per_second(f), f.seconds)},
  };
  if (f.hosts == 1) {
    std::erase_if(lines, [](const auto& line) { return line.first == "turned away"; });
  }
  std::string out = cli::render_sheet(lines, color);
  const std::vector<std::string> wrong = violations(f);
  out += "\n";
  if (wrong.empty()) {
    out += cli::bold("Nothing was lost, nothing was accepted twice.", color) + "\n";
    if (f.audit && !f.audit->command.empty()) out += "verify it: " + f.audit->command + "\n";
    return out;
  }
  out += cli::bold("FAILED:", color) + "\n";
  for (const std::string& text : wrong) out += "  " + text + "\n";
  out += "repeat it: " + f.command + "\n";
  return out;
}

}  // namespace phoenix::demo
