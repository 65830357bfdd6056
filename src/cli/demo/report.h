// The figures of a run, what is wrong with them, and how they are shown. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/demo/churn.h"
#include "cli/demo/ledger.h"

namespace phoenix::demo {

// Of single values in milliseconds; all 0 without any.
struct Quantiles {
  double p50 = 0;
  double p99 = 0;
  double max = 0;
  uint64_t count = 0;
};
Quantiles quantiles(std::vector<double> values);

// Mean of values over time: each holds until the next one is known.
class TimeWeighted {
 public:
  void add(Instant at, double value);
  // What follows is not known: the host is down.
  void interrupt() { last_.reset(); }
  double mean() const { return time_ > 0 ? sum_ / time_ : 0; }

 private:
  std::optional<std::pair<Instant, double>> last_;
  double sum_ = 0;
  double time_ = 0;
};

// Of what the hosts have recorded, once it has been verified.
struct AuditFigures {
  uint64_t entries = 0;
  uint64_t results = 0;  // signed by their members
  uint64_t unsigned_results = 0;
  uint64_t handoffs = 0;
  uint64_t unsigned_handoffs = 0;
  uint64_t certificates = 0;  // of drained members and of hosts that left
  std::string command;        // that verifies it again; empty: it was not kept
};

struct Figures {
  uint64_t seed = 0;
  uint64_t submitted = 0;
  uint64_t completed = 0;
  uint64_t failed = 0;
  std::optional<uint64_t> lost;  // not known while not all could be listed at the end
  uint64_t completed_twice = 0;
  uint64_t mismatched = 0;
  std::array<uint64_t, kCauses> owner_changes{};
  uint64_t stale_refusals = 0;
  uint64_t self_stopped = 0;
  uint64_t late_writes_refused = 0;  // of frozen workers
  uint64_t reexecutions = 0;
  uint64_t runs = 0;
  double wasted_work = 0;  // share of all work
  uint64_t hosts = 1;
  uint64_t host_kills = 0;
  uint64_t host_freezes = 0;
  uint64_t host_leaves = 0;
  double load_stddev = 0;
  double load_max_over_mean = 0;
  uint64_t moved = 0;
  uint64_t had_to_move = 0;
  uint64_t placements = 0;
  uint64_t turned_away = 0;  // of these, by the owner's host, before the owner heard of them
  Quantiles handoff_ms;
  Quantiles ownership_gap_ms;
  Quantiles recovery_ms;
  double seconds = 0;
  std::array<int, kHits> hits{};  // those that count
  uint64_t hits_sent = 0;
  uint64_t workers = 0;  // at a time
  uint64_t workers_started = 0;
  uint64_t frozen = 0;
  uint64_t frozen_back = 0;
  std::size_t files = 0;
  uint64_t broken_sequences = 0;
  std::vector<std::string> differences;  // the first results that differ
  std::string command;                   // that makes such a run again
  std::optional<AuditFigures> audit;
  std::vector<std::string> faults;  // of the run itself: it stalled, a worker did not come back, …
};

double rebalancing_ratio(const Figures& figures);
double packets_per_second(const Figures& figures);

// A sentence for each promise that was not kept; empty: all were.
std::vector<std::string> violations(const Figures& figures);

// One JSON object on a line.
std::string render_json(const Figures& figures);
// Aligned text for people, its verdict last.
std::string render_text(const Figures& figures, bool color);

}  // namespace phoenix::demo
