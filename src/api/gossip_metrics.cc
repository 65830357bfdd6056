#include "api/gossip_metrics.h"

namespace phoenix {
namespace {

using gossip::MembershipStats;

void write_hosts(MetricsText& text, const MembershipStats& stats) {
  text.family("phoenix_gossip_hosts", "gauge", "Hosts of the pool as gossip sees them, by status.");
  const auto hosts = [&text](std::string_view status, uint64_t count) {
    text.sample(count, MetricsText::label("status", status));
  };
  hosts("ALIVE", stats.alive);
  hosts("SUSPECT", stats.suspect);
  hosts("FAILED", stats.failed);
  hosts("LEFT", stats.left);
  text.single("phoenix_gossip_health_score", "gauge",
              "How far this host doubts its own timing; 0 is best.", stats.health);
}

void write_both_ways(MetricsText& text, std::string_view name, std::string_view help, uint64_t in,
                     uint64_t out) {
  text.family(name, "counter", help);
  text.sample(in, MetricsText::label("direction", "in"));
  text.sample(out, MetricsText::label("direction", "out"));
}

void write_traffic(MetricsText& text, const MembershipStats& stats, const GossipTraffic& traffic) {
  write_both_ways(text, "phoenix_gossip_packets_total", "Datagrams.", stats.packets_in,
                  stats.packets_out);
  write_both_ways(text, "phoenix_gossip_bytes_total", "Bytes of datagrams and streams.",
                  stats.bytes_in, stats.bytes_out);
  write_both_ways(text, "phoenix_gossip_streams_total", "Streams: push/pull and TCP pings.",
                  stats.streams_in, stats.streams_out);
  text.family("phoenix_gossip_dropped_total", "counter",
              "What arrived and was dropped, by reason.");
  for (size_t i = 1; i < gossip::kDrops; ++i) {
    text.sample(stats.dropped[i],
                MetricsText::label("reason", drop_name(static_cast<gossip::Drop>(i))));
  }
  const auto counter = [&text](std::string_view name, std::string_view help, uint64_t value) {
    text.single(name, "counter", help, value);
  };
  counter("phoenix_gossip_claims_refused_total",
          "Claims about hosts with an incarnation, version or address that cannot be.",
          stats.claims_refused);
  counter("phoenix_gossip_packets_not_sent_total", "Datagrams that the system did not take.",
          traffic.packets_not_sent);
  counter("phoenix_gossip_packets_refused_total", "Datagrams to where nobody listened.",
          traffic.packets_refused);
  counter("phoenix_gossip_streams_evicted_total", "Streams closed because too much was open.",
          traffic.streams_evicted);
  counter("phoenix_gossip_streams_timed_out_total", "Streams closed at their deadline.",
          traffic.streams_timed_out);
  counter("phoenix_gossip_streams_cut_total", "Streams that a peer closed before it had said all.",
          traffic.streams_cut);
  text.single("phoenix_gossip_streams_open", "gauge", "Streams open now, both ways.",
              traffic.streams_open);
}

void write_protocol(MetricsText& text, const MembershipStats& stats) {
  const auto counter = [&text](std::string_view name, std::string_view help, uint64_t value) {
    text.single(name, "counter", help, value);
  };
  counter("phoenix_gossip_probes_total", "Probes of other hosts.", stats.probes);
  counter("phoenix_gossip_probes_failed_total", "Probes that nobody answered.",
          stats.probes_failed);
  counter("phoenix_gossip_suspicions_total", "Hosts that came under suspicion.", stats.suspicions);
  counter("phoenix_gossip_refutations_total", "Accusations of this host that it refuted.",
          stats.refutations);
  counter("phoenix_gossip_user_events_total", "User events that were heard.", stats.events);
  counter("phoenix_gossip_queries_total", "Queries that were heard.", stats.queries);
  text.family("phoenix_gossip_queue", "gauge", "Messages that wait to be gossiped, by queue.");
  const auto queue = [&text](std::string_view name, uint64_t depth) {
    text.sample(depth, MetricsText::label("queue", name));
  };
  queue("claims", stats.queued_system);
  queue("intents", stats.queued_intent);
  queue("events", stats.queued_event);
  queue("queries", stats.queued_query);
  counter("phoenix_gossip_queue_dropped_total", "Messages that a full queue dropped.",
          stats.queue_dropped);
}

void write_view(MetricsText& text, const MembershipStats& stats, const GossipTraffic& traffic,
                size_t hosts, size_t unstable) {
  text.single("phoenix_view_number", "gauge", "Number of the newest view that this host knows.",
              stats.view_number);
  text.single("phoenix_view_hosts", "gauge", "Hosts in that view.", hosts);
  text.single("phoenix_view_unstable_hosts", "gauge",
              "Hosts in it that some observers miss and others reach.", unstable);
  text.single("phoenix_view_proposals_total", "counter", "Views that this host proposed.",
              stats.view_proposals);
  text.single("phoenix_view_conflicts_total", "counter", "Proposals that came too late.",
              stats.view_conflicts);
  text.single("phoenix_view_unreachable_total", "counter",
              "Requests that the view's store did not answer.", traffic.view_unreachable);
  write_both_ways(text, "phoenix_view_alerts_total", "Messages of observers.", stats.alerts_in,
                  stats.alerts_out);
}

}  // namespace

void write_gossip_metrics(MetricsText& text, const Hosts* hosts) {
  const MembershipStats stats = hosts == nullptr ? MembershipStats{} : hosts->stats();
  const GossipTraffic traffic = hosts == nullptr ? GossipTraffic{} : hosts->traffic();
  write_hosts(text, stats);
  write_traffic(text, stats, traffic);
  write_protocol(text, stats);
  write_view(text, stats, traffic, hosts == nullptr ? 0 : hosts->view().hosts.size(),
             hosts == nullptr ? 0 : hosts->unstable().size());
}

}  // namespace phoenix
