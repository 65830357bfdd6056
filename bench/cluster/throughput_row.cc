// Row 4: the same work over REST as row 2 of the bench `host`, on PostgreSQL: eight connections,
// each a member that creates by the hundred, polls for what it is given and completes it, at one
// host and spread over three. Beside it, in the same minute and with the batches that the hosts
// reached, the bare loop over the same rows, as many of them at once as there are hosts.

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <span>
#include <thread>
#include <utility>

#include "bench/clock.h"
#include "bench/cluster/host_pool.h"
#include "bench/cluster/rows.h"
#include "bench/cluster/unnest_loop.h"
#include "bench/lane.h"
#include "bench/workload.h"

namespace phoenix::bench {
namespace {

constexpr size_t kPayload = 1024;
constexpr size_t kLanes = 8;
constexpr size_t kPerCall = 100;
// Three times what a member asks for at once: several keepers fill the same members, and none of
// them knows of the others' at once.
constexpr size_t kRoom = 3 * kPerCall;

struct Run {
  double packets_per_second = 0;
  double mean_batch = 0;
  double refused_percent = 0;
};

std::string create_body() {
  const auto payload = json_content(kPayload, 1);
  std::string body = "[";
  for (size_t i = 0; i < kPerCall; ++i) {
    if (i > 0) body += ',';
    body += "{\"requiredCapabilities\":[\"work\"],\"payload\":" + payload->data + "}";
  }
  return body + "]";
}

Result<Duration> drive(HostPool& pool, size_t packets) {
  std::vector<Lane> lanes;
  std::vector<pollfd> watched;
  for (size_t i = 0; i < kLanes; ++i) {
    auto lane = Lane::open(pool.url(i % pool.size()), "worker-" + std::to_string(i), kRoom);
    if (!lane) return tl::unexpected(lane.error());
    watched.push_back({.fd = lane->socket(), .events = POLLIN, .revents = 0});
    lanes.push_back(std::move(*lane));
  }
  Job job;
  job.create_body = create_body();
  job.per_call = kPerCall;
  job.wanted = packets;
  const Duration begin = wall_clock();
  for (Lane& lane : lanes) lane.begin(job);
  while (job.completed < job.wanted && job.failed.empty()) {
    if (::poll(watched.data(), watched.size(), 10'000) <= 0) job.failed = "the hosts fell silent";
    for (size_t i = 0; i < kLanes; ++i) {
      if (watched[i].revents != 0) lanes[i].on_readable(job);
    }
  }
  if (!job.failed.empty()) return fail(ErrorKind::kInternal, job.failed);
  return wall_clock() - begin;
}

// Every life of a host numbers its batches one after the other from run << 40.
Result<double> batches(const std::string& database) {
  PostgresOptions options;
  options.url = database;
  auto connection = postgres::Connection::open_schema(options, "bench");
  if (!connection) return tl::unexpected(connection.error());
  const auto rows =
      (*connection)
          ->execute(
              "SELECT sum(last)::text FROM (SELECT (max(id) & ((1::bigint << 40) - 1))"
              " + 1 AS last FROM batch GROUP BY life) AS lives",
              seconds(10));
  if (!rows) return fail(ErrorKind::kInternal, "the batches cannot be counted");
  return std::strtod(std::string(rows->bytes(0, 0)).c_str(), nullptr);
}

Result<Run> run_ours(HostPool& pool, size_t packets) {
  const auto took = drive(pool, packets);
  if (!took) return tl::unexpected(took.error());
  const auto granted = pool.metric_sum("phoenix_ownerships_granted_total");
  const auto submitted = pool.metric_sum("phoenix_packets_submitted_total");
  if (!granted || !submitted || *granted <= 0) {
    return fail(ErrorKind::kInternal, "the hosts do not tell what they placed");
  }
  pool.stop_hosts();
  const auto commits = batches(pool.database());
  if (!commits) return tl::unexpected(commits.error());
  return Run{.packets_per_second = static_cast<double>(packets) / in_seconds(*took),
             .mean_batch = 2 * static_cast<double>(packets) / *commits,
             // Nobody was lost and nothing handed on: whatever was granted once more had been
             // refused by the home that it was meant for.
             .refused_percent = 100 * (*granted - *submitted) / *granted};
}

// As many loops at once as there are hosts, for these write at once too.
Result<double> run_raw(const std::string& database, const std::vector<PacketLife>& lives,
                       size_t hosts, double batch) {
  std::vector<UnnestLoop> loops;
  for (size_t i = 0; i < hosts; ++i) {
    auto loop = UnnestLoop::open(database, "raw" + std::to_string(i));
    if (!loop) return tl::unexpected(loop.error());
    const size_t first = lives.size() * i / hosts;
    const size_t last = lives.size() * (i + 1) / hosts;
    loop->prepare(std::span(lives).subspan(first, last - first),
                  std::max<size_t>(1, static_cast<size_t>(batch + 0.5)));
    loops.push_back(std::move(*loop));
  }
  std::vector<Result<Duration>> took(hosts, Duration{});
  std::vector<std::thread> threads;
  const Duration begin = wall_clock();
  for (size_t i = 0; i < hosts; ++i) {
    threads.emplace_back([&loops, &took, i] { took[i] = loops[i].run(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& one : took) {
    if (!one) return tl::unexpected(one.error());
  }
  return static_cast<double>(lives.size()) / in_seconds(wall_clock() - begin);
}

Result<bool> measure(const ClusterBench& options, size_t hosts, Figures& figures) {
  const size_t packets = options.quick ? 2 * kLanes * kPerCall : 20'000;
  const std::vector<PacketLife> lives = packet_lives(packets, kPayload);
  std::vector<double> ours, raw, mean_batches, refused;
  for (int pair = 0; pair < (options.quick ? 1 : 3); ++pair) {
    auto pool = HostPool::start(options.program, options.disk_folder, hosts);
    if (!pool) return tl::unexpected(pool.error());
    const auto mine = run_ours(**pool, packets);
    if (!mine) return tl::unexpected(mine.error());
    const auto theirs = run_raw((*pool)->database(), lives, hosts, mine->mean_batch);
    if (!theirs) return tl::unexpected(theirs.error());
    ours.push_back(mine->packets_per_second);
    mean_batches.push_back(mine->mean_batch);
    refused.push_back(mine->refused_percent);
    raw.push_back(*theirs);
  }
  figures.push_back({.row = 4,
                     .what = fmt::format("over REST, PostgreSQL, {} host{}, 100 a call: ours / raw",
                                         hosts, hosts == 1 ? "" : "s"),
                     .value = median_ratio(ours, raw),
                     .unit = "x raw",
                     .bar = {Bar::Op::kAtLeast, 0.6},
                     .beside = {{"ours, packets/s", median(ours)},
                                {"raw, packets/s", median(raw)},
                                {"mean batch reached", median(mean_batches)}}});
  for (const auto& [whose, rates] : {std::pair("over REST", &ours), std::pair("raw loop", &raw)}) {
    figures.back().drawn.emplace_back(fmt::format("throughput/{}, {} host{}/packets a second",
                                                  whose, hosts, hosts == 1 ? "" : "s"),
                                      median(*rates));
  }
  if (hosts == 1) return true;
  figures.push_back({.row = 4,
                     .what = fmt::format("refused deliveries of all placements, {} hosts", hosts),
                     .value = median(refused),
                     .unit = "%",
                     .bar = {Bar::Op::kAtMost, 2},
                     .beside = {{"most of a run, %", quantile(refused, 1)}}});
  return true;
}

}  // namespace

Result<bool> cluster_throughput(const ClusterBench& options, Figures& figures) {
  const auto done = measure(options, 1, figures);
  return done ? measure(options, 3, figures) : done;
}

}  // namespace phoenix::bench
