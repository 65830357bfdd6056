// Row 4: the same work over REST as row 2 of the bench `host`, on PostgreSQL: eight connections,
// each a member that creates by the hundred, polls for what it is given and completes it, at one
// host and spread over three. Beside it, in the same minute and with the batches that the hosts
// reached, the bare loop over the same rows, as many of them at once as there are hosts. Told
// besides is the processor time of a packet, ours and the raw loop's.

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <span>
#include <thread>
#include <utility>

#include "bench/clock.h"
#include "bench/cluster/host_pool.h"
#include "bench/cluster/processor_time.h"
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
  ProcessorTime spent;
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

Result<Run> drive(HostPool& pool, size_t packets) {
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
  const ProcessorTime before = ProcessorTime::now();
  const Duration begin = wall_clock();
  for (Lane& lane : lanes) lane.begin(job);
  while (job.completed < job.wanted && job.failed.empty()) {
    if (::poll(watched.data(), watched.size(), 10'000) <= 0) job.failed = "the hosts fell silent";
    for (size_t i = 0; i < kLanes; ++i) {
      if (watched[i].revents != 0) lanes[i].on_readable(job);
    }
  }
  if (!job.failed.empty()) return fail(ErrorKind::kInternal, job.failed);
  const double took = in_seconds(wall_clock() - begin);
  return Run{.packets_per_second = static_cast<double>(packets) / took,
             .spent = ProcessorTime::now().since(before)};
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
  auto run = drive(pool, packets);
  if (!run) return run;
  const auto granted = pool.metric_sum("phoenix_ownerships_granted_total");
  const auto submitted = pool.metric_sum("phoenix_packets_submitted_total");
  if (!granted || !submitted || *granted <= 0) {
    return fail(ErrorKind::kInternal, "the hosts do not tell what they placed");
  }
  pool.stop_hosts();
  const auto commits = batches(pool.database());
  if (!commits) return tl::unexpected(commits.error());
  run->mean_batch = 2 * static_cast<double>(packets) / *commits;
  // Nobody was lost and nothing handed on: whatever was granted once more had been refused by the
  // home that it was meant for.
  run->refused_percent = 100 * (*granted - *submitted) / *granted;
  return run;
}

// As many loops at once as there are hosts, for these write at once too.
Result<Run> run_raw(const std::string& database, const std::vector<PacketLife>& lives, size_t hosts,
                    double batch) {
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
  const ProcessorTime before = ProcessorTime::now();
  const Duration begin = wall_clock();
  for (size_t i = 0; i < hosts; ++i) {
    threads.emplace_back([&loops, &took, i] { took[i] = loops[i].run(); });
  }
  for (std::thread& thread : threads) thread.join();
  const double elapsed = in_seconds(wall_clock() - begin);
  for (const auto& one : took) {
    if (!one) return tl::unexpected(one.error());
  }
  return Run{.packets_per_second = static_cast<double>(lives.size()) / elapsed,
             .mean_batch = batch,
             .spent = ProcessorTime::now().since(before)};
}

std::vector<double> each(const std::vector<Run>& runs, double Run::* what) {
  std::vector<double> values;
  for (const Run& run : runs) values.push_back(run.*what);
  return values;
}

double median_us(const std::vector<Run>& runs, double ProcessorTime::* part, size_t packets) {
  std::vector<double> values;
  for (const Run& run : runs) values.push_back(1e6 * run.spent.*part);
  return median(std::move(values)) / static_cast<double>(packets);
}

Result<bool> measure(const ClusterBench& options, size_t hosts, Figures& figures) {
  const size_t packets = options.quick ? 2 * kLanes * kPerCall : 20'000;
  const std::vector<PacketLife> lives = packet_lives(packets, kPayload);
  std::vector<Run> ours, raw;
  for (int pair = 0; pair < (options.quick ? 1 : 3); ++pair) {
    auto pool = HostPool::start(options.program, options.disk_folder, hosts);
    if (!pool) return tl::unexpected(pool.error());
    const auto mine = run_ours(**pool, packets);
    if (!mine) return tl::unexpected(mine.error());
    const auto theirs = run_raw((*pool)->database(), lives, hosts, mine->mean_batch);
    if (!theirs) return tl::unexpected(theirs.error());
    ours.push_back(*mine);
    raw.push_back(*theirs);
  }
  const auto our_rates = each(ours, &Run::packets_per_second);
  const auto raw_rates = each(raw, &Run::packets_per_second);
  using Time = ProcessorTime;
  figures.push_back(
      {.row = 4,
       .what = fmt::format("over REST, PostgreSQL, {} host{}, 100 a call: ours / raw", hosts,
                           hosts == 1 ? "" : "s"),
       .value = median_ratio(our_rates, raw_rates),
       .unit = "x raw",
       .bar = {Bar::Op::kAtLeast, 0.6},
       .beside = {
           {"ours, packets/s", median(our_rates)},
           {"raw, packets/s", median(raw_rates)},
           {"mean batch reached", median(each(ours, &Run::mean_batch))},
           {"processor time of the hosts, us a packet", median_us(ours, &Time::hosts, packets)},
           {"of PostgreSQL", median_us(ours, &Time::database, packets)},
           {"of the clients", median_us(ours, &Time::clients, packets)},
           {"of PostgreSQL in the raw loop", median_us(raw, &Time::database, packets)}}});
  for (const auto& [whose, rates] :
       {std::pair("over REST", &our_rates), std::pair("raw loop", &raw_rates)}) {
    figures.back().drawn.emplace_back(fmt::format("throughput/{}, {} host{}/packets a second",
                                                  whose, hosts, hosts == 1 ? "" : "s"),
                                      median(*rates));
  }
  if (hosts == 1) return true;
  figures.push_back(
      {.row = 4,
       .what = fmt::format("refused deliveries of all placements, {} hosts", hosts),
       .value = median(each(ours, &Run::refused_percent)),
       .unit = "%",
       .bar = {Bar::Op::kAtMost, 2},
       .beside = {{"most of a run, %", quantile(each(ours, &Run::refused_percent), 1)}}});
  return true;
}

}  // namespace

Result<bool> cluster_throughput(const ClusterBench& options, Figures& figures) {
  const auto done = measure(options, 1, figures);
  return done ? measure(options, 3, figures) : done;
}

}  // namespace phoenix::bench
