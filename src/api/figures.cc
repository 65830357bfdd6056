#include "api/figures.h"

#include <algorithm>
#include <cmath>

#include "api/gossip_metrics.h"
#include "api/metrics_text.h"
#include "base/json/json_writer.h"

namespace phoenix {
namespace {

double in_ms(Duration value) { return static_cast<double>(value.ns) / 1e6; }
double in_seconds(Duration value) { return static_cast<double>(value.ns) / 1e9; }

// 1 is ideal, also where nothing had to move and nothing did.
double ratio_of(const Stats& stats) {
  if (stats.rebalance_minimum == 0) return stats.rebalance_moved == 0 ? 1.0 : 0.0;
  return static_cast<double>(stats.rebalance_moved) / static_cast<double>(stats.rebalance_minimum);
}

void write_samples(json::Writer& writer, const Samples& samples) {
  writer.real("p50", in_ms(samples.quantile(500)));
  writer.real("p99", in_ms(samples.quantile(990)));
  writer.real("max", in_ms(samples.max()));
  writer.number("count", samples.count());
}

void write_values(json::Writer& writer, const Samples& samples) {
  writer.key("values");
  writer.begin_array();
  for (const Duration value : samples.newest()) writer.real(in_ms(value));
  writer.end_array();
}

void write_times(json::Writer& writer, std::string_view name, const Samples& samples,
                 std::string_view definition, bool values) {
  writer.key(name);
  writer.begin_object();
  write_samples(writer, samples);
  writer.field("definition", definition);
  writer.field("window", "p50 and p99 of the newest 4096, max and count since the start");
  if (values) write_values(writer, samples);
  writer.end_object();
}

uint64_t packets_in(const Stats& stats, int status) {
  const auto index = static_cast<size_t>(status);
  if (!is_terminal(static_cast<Status>(status))) return stats.packets_now[index];
  return static_cast<uint64_t>(std::max<int64_t>(0, stats.packets_ended[index]));
}

void write_counts(json::Writer& writer, const Stats& stats, const Host::PacketCounts& packets) {
  writer.key("packets");
  writer.begin_object();
  for (int i = 0; i < kStatuses; ++i) {
    writer.number(status_name(static_cast<Status>(i)), packets[static_cast<size_t>(i)]);
  }
  writer.end_object();
  writer.key("members");
  writer.begin_object();
  for (int i = 0; i < kMemberStatuses; ++i) {
    writer.number(member_status_name(static_cast<MemberStatus>(i)),
                  stats.members_now[static_cast<size_t>(i)]);
  }
  writer.end_object();
  writer.key("moves");
  writer.begin_object();
  for (int i = 0; i < kMoveCauses; ++i) {
    writer.number(move_cause_name(static_cast<MoveCause>(i)), stats.moved[static_cast<size_t>(i)]);
  }
  writer.end_object();
}

std::string label(std::string_view name, std::string_view value) {
  return MetricsText::label(name, value);
}

void write_histogram(MetricsText& text, const Samples& samples, const std::string& labels = {}) {
  const std::string before = labels.empty() ? "" : labels + ",";
  uint64_t below = 0;
  for (size_t i = 0; i < Samples::kBucketMicros.size(); ++i) {
    below += samples.buckets()[i];
    std::string bound;
    json::Writer(bound).real(static_cast<double>(Samples::kBucketMicros[i]) / 1e6);
    text.sample(below, before + "le=\"" + bound + "\"", "_bucket");
  }
  text.sample(samples.count(), before + "le=\"+Inf\"", "_bucket");
  text.sample(in_seconds(samples.sum()), labels, "_sum");
  text.sample(samples.count(), labels, "_count");
}

void write_population(MetricsText& text, const Stats& stats) {
  text.family("phoenix_members", "gauge", "Members by status.");
  for (int i = 0; i < kMemberStatuses; ++i) {
    text.sample(stats.members_now[static_cast<size_t>(i)],
                label("status", member_status_name(static_cast<MemberStatus>(i))));
  }
  text.family("phoenix_packets", "gauge",
              "Live packets that this host keeps, and terminal ones that it knows of, by status.");
  for (int i = 0; i < kStatuses; ++i) {
    text.sample(packets_in(stats, i), label("status", status_name(static_cast<Status>(i))));
  }
  text.family("phoenix_placements_turned_away_total", "counter",
              "Placements of other hosts on members at home here that were sent back, by reason.");
  for (int i = 0; i < kTurnReasons; ++i) {
    text.sample(stats.turned_away[static_cast<size_t>(i)],
                label("reason", turn_reason_name(static_cast<TurnReason>(i))));
  }
  text.family("phoenix_owner_changes_total", "counter", "Changes of owner by cause.");
  for (int i = 0; i < kMoveCauses; ++i) {
    text.sample(stats.moved[static_cast<size_t>(i)],
                label("cause", move_cause_name(static_cast<MoveCause>(i))));
  }
}

void write_totals(MetricsText& text, const Stats& stats) {
  const auto counter = [&text](std::string_view name, std::string_view help, auto value) {
    text.single(name, "counter", help, value);
  };
  counter("phoenix_packets_submitted_total", "Packets created.", stats.submitted);
  counter("phoenix_ownerships_granted_total", "Ownerships granted.", stats.granted);
  counter("phoenix_deliveries_total", "Deliveries handed to members.", stats.deliveries);
  counter("phoenix_rebalance_moved_total", "Packets that changes of membership took from an owner.",
          stats.rebalance_moved);
  counter("phoenix_rebalance_minimum_total", "Packets that had to move for these changes.",
          stats.rebalance_minimum);
  counter("phoenix_stale_epoch_rejections_total", "Calls refused with an old epoch.",
          stats.stale_epoch);
  counter("phoenix_not_owner_rejections_total", "Calls refused from others than the owner.",
          stats.not_owner);
  counter("phoenix_refused_calls_total",
          "Calls of known callers refused for what they may do; the log has them.",
          stats.refused_callers);
  counter("phoenix_unauthenticated_calls_total", "Calls refused for want of a good token.",
          stats.refused_unknown);
  counter("phoenix_lost_sessions_total", "Sessions that ended by silence or a broken stream.",
          stats.lost_sessions);
  counter("phoenix_reexecutions_total", "Grants of packets that had been delivered before.",
          stats.reexecutions);
  counter("phoenix_work_seconds_total", "Time from delivery to the end of an ownership.",
          in_seconds(stats.work));
  counter("phoenix_wasted_work_seconds_total",
          "Of it, since delivery or the last checkpoint, of ownerships that were taken away.",
          in_seconds(stats.wasted_work));
  counter("phoenix_store_refusals_total", "Writes that the store refused.", stats.store_refusals);
}

}  // namespace

LoadFigures load_figures(const Node& node) {
  LoadFigures out;
  double sum = 0;
  double sum_of_squares = 0;
  double most = 0;
  for (const auto& view : node.members()) {
    if (view.record->status != MemberStatus::kActive) continue;
    const double load =
        static_cast<double>(view.current_load) / static_cast<double>(view.record->max_load);
    sum += load;
    sum_of_squares += load * load;
    most = std::max(most, load);
    ++out.members;
  }
  if (out.members == 0) return out;
  const auto count = static_cast<double>(out.members);
  const double mean = sum / count;
  out.stddev = std::sqrt(std::max(0.0, sum_of_squares / count - mean * mean));
  out.max_over_mean = mean > 0 ? most / mean : 0;
  return out;
}

std::string dma_json(const Host& host, const Host::PacketCounts& packets, bool values) {
  const Stats& stats = host.node().stats();
  const LoadFigures load = load_figures(host.node());
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.field("host", host.name());
  writer.key("load");
  writer.begin_object();
  writer.real("stddev", load.stddev);
  writer.real("maxOverMean", load.max_over_mean);
  writer.field("definition",
               "standard deviation, and maximum over mean, of load held / maxLoad over ACTIVE "
               "members");
  writer.field("window", "now");
  writer.end_object();
  writer.key("rebalancing");
  writer.begin_object();
  writer.number("moved", stats.rebalance_moved);
  writer.number("minimum", stats.rebalance_minimum);
  writer.real("ratio", ratio_of(stats));
  writer.field("definition",
               "packets that changes of membership moved / packets that had to move; 1 is ideal");
  writer.field("window", "since the start of the host");
  writer.end_object();
  writer.key("handoffMs");
  writer.begin_object();
  write_samples(writer, stats.handoff);
  writer.key("phases");
  writer.begin_object();
  for (int i = 0; i < kHandoffPhases; ++i) {
    const Samples& phase = stats.handoff_phases[static_cast<size_t>(i)];
    // What no handoff had is absent, not 0; a commit is part of every one.
    if (phase.count() == 0 && i != static_cast<int>(HandoffPhase::kCommit)) continue;
    writer.key(handoff_phase_name(static_cast<HandoffPhase>(i)));
    writer.begin_object();
    write_samples(writer, phase);
    writer.end_object();
  }
  writer.end_object();
  writer.field("definition",
               "handoff call received -> its commit durable; of its phases, transmit is the "
               "offer's way to a receiver that signs and back, and verify may go on meanwhile");
  writer.field("window", "p50 and p99 of the newest 4096, max and count since the start");
  if (values) write_values(writer, stats.handoff);
  writer.end_object();
  write_times(
      writer, "ownershipGapMs", stats.ownership_gap,
      "the old owner's last accepted call, or the end of its last ticket -> the commit that "
      "names the next one",
      values);
  write_times(writer, "recoveryMs", stats.recovery, "loss noticed -> delivery to the next owner",
              values);
  write_counts(writer, stats, packets);
  writer.number("staleEpochRejections", stats.stale_epoch);
  writer.number("notOwnerRejections", stats.not_owner);
  writer.number("reexecutions", stats.reexecutions);
  writer.real("workSeconds", in_seconds(stats.work));
  writer.real("wastedWorkSeconds", in_seconds(stats.wasted_work));
  writer.real("wastedWorkRatio", stats.work.ns > 0 ? static_cast<double>(stats.wasted_work.ns) /
                                                         static_cast<double>(stats.work.ns)
                                                   : 0.0);
  writer.number("lostSessions", stats.lost_sessions);
  writer.end_object();
  return body;
}

std::string metrics_text(Host& host, const Hosts* hosts, std::string_view version) {
  const Stats& stats = host.node().stats();
  const LoadFigures load = load_figures(host.node());
  const Health health = host.health();
  MetricsText text;
  text.family("phoenix_build_info", "gauge", "The running version.");
  text.sample(1, label("version", version));
  text.single("phoenix_ready", "gauge", "1 while the host accepts work.", health.ready ? 1 : 0);
  write_population(text, stats);
  text.single("phoenix_load_stddev", "gauge",
              "Standard deviation of load / maxLoad over active members.", load.stddev);
  text.single("phoenix_load_max_over_mean", "gauge",
              "Maximum over mean of load / maxLoad over active members.", load.max_over_mean);
  write_totals(text, stats);
  text.family("phoenix_handoff_latency_seconds", "histogram",
              "Handoff call received to commit durable.");
  write_histogram(text, stats.handoff);
  text.family("phoenix_handoff_seconds", "histogram", "The parts of a handoff's latency.");
  for (int i = 0; i < kHandoffPhases; ++i) {
    write_histogram(text, stats.handoff_phases[static_cast<size_t>(i)],
                    label("phase", handoff_phase_name(static_cast<HandoffPhase>(i))));
  }
  text.family(
      "phoenix_ownership_gap_seconds", "histogram",
      "Old owner's last accepted call, or the end of its last ticket, to the commit that names "
      "the next one.");
  write_histogram(text, stats.ownership_gap);
  text.family("phoenix_recovery_seconds", "histogram",
              "Loss noticed to the next owner's delivery.");
  write_histogram(text, stats.recovery);
  text.single("phoenix_writes_in_flight", "gauge", "Writes that the store has not answered yet.",
              health.writes_in_flight);
  text.single("phoenix_oldest_write_seconds", "gauge", "Age of the oldest of them.",
              in_seconds(health.oldest_write));
  write_gossip_metrics(text, hosts);
  return text.take();
}

}  // namespace phoenix
