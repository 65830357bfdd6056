// Row 2: the same work over REST: `phoenix serve` as a process of its own, eight connections, each
// a member that creates by the hundred, polls for what it is given and completes it, 100 a call.

#include <fmt/format.h>
#include <poll.h>

#include "bench/child_process.h"
#include "bench/clock.h"
#include "bench/folder.h"
#include "bench/lane.h"
#include "bench/raw_loop.h"
#include "bench/rows.h"
#include "bench/workload.h"
#include "store/sqlite/open.h"

namespace phoenix::bench {
namespace {

constexpr size_t kPayload = 1024;
constexpr size_t kLanes = 8;
constexpr size_t kPerCall = 100;

std::string create_body(size_t packets) {
  const auto payload = json_content(kPayload, 1);
  std::string body = "[";
  for (size_t i = 0; i < packets; ++i) {
    if (i > 0) body += ',';
    body += "{\"requiredCapabilities\":[\"work\"],\"payload\":" + payload->data + "}";
  }
  return body + "]";
}

struct Ours {
  double packets_per_second = 0;
  double mean_batch = 0;
};

// The host numbers its batches one after the other from run << 40.
Result<double> mean_batch(const std::string& database, size_t writes) {
  auto db = sqlite::open_reader(database, {});
  if (!db) return tl::unexpected(db.error());
  const auto last = db->pragma("SELECT max(id) FROM batch");
  if (!last) return tl::unexpected(last.error());
  const int64_t commits = (*last & ((int64_t{1} << 40) - 1)) + 1;
  return static_cast<double>(writes) / static_cast<double>(commits);
}

Result<Ours> run_ours(const BenchOptions& options, const std::string& folder, size_t packets) {
  auto host = HostProcess::start(options.program, folder + "/data");
  if (!host) return tl::unexpected(host.error());
  std::vector<Lane> lanes;
  std::vector<pollfd> watched;
  for (size_t i = 0; i < kLanes; ++i) {
    auto lane = Lane::open((*host)->url(), "worker-" + std::to_string(i));
    if (!lane) return tl::unexpected(lane.error());
    watched.push_back({.fd = lane->socket(), .events = POLLIN, .revents = 0});
    lanes.push_back(std::move(*lane));
  }
  Job job;
  job.create_body = create_body(kPerCall);
  job.per_call = kPerCall;
  job.wanted = packets;
  const Duration begin = wall_clock();
  for (Lane& lane : lanes) lane.begin(job);
  while (job.completed < job.wanted && job.failed.empty()) {
    if (::poll(watched.data(), watched.size(), 10'000) <= 0) job.failed = "the host fell silent";
    for (size_t i = 0; i < kLanes; ++i) {
      if (watched[i].revents != 0) lanes[i].on_readable(job);
    }
  }
  const Duration took = wall_clock() - begin;
  if (!job.failed.empty()) return fail(ErrorKind::kInternal, job.failed);
  (*host)->stop();
  const auto batch = mean_batch(folder + "/data/phoenix.db", 2 * packets);
  if (!batch) return tl::unexpected(batch.error());
  return Ours{.packets_per_second = static_cast<double>(packets) / in_seconds(took),
              .mean_batch = *batch};
}

Result<double> run_raw(const std::string& folder, const std::vector<PacketLife>& lives,
                       double batch) {
  auto raw = RawLoop::open(folder + "/raw.db");
  if (!raw) return tl::unexpected(raw.error());
  (*raw)->prepare(lives);
  const auto times = (*raw)->run(static_cast<size_t>(batch + 0.5));
  if (!times) return tl::unexpected(times.error());
  Duration sum;
  for (const Duration time : *times) sum = sum + time;
  return static_cast<double>(lives.size()) / in_seconds(sum);
}

Result<bool> measure(const BenchOptions& options, const std::string& place,
                     const std::string& parent, double bar, Figures& figures) {
  const size_t packets = options.quick ? 2 * kLanes * kPerCall : 40'000;
  const std::vector<PacketLife> lives = packet_lives(packets, kPayload);
  std::vector<double> ours;
  std::vector<double> raw;
  std::vector<double> batches;
  for (int pair = 0; pair < 5; ++pair) {
    const ScratchFolder folder(parent);
    if (folder.path().empty()) {
      return fail(ErrorKind::kInvalidRequest, "cannot make a folder in " + parent);
    }
    const auto mine = run_ours(options, folder.path(), packets);
    if (!mine) return tl::unexpected(mine.error());
    const auto theirs = run_raw(folder.path(), lives, mine->mean_batch);
    if (!theirs) return tl::unexpected(theirs.error());
    ours.push_back(mine->packets_per_second);
    batches.push_back(mine->mean_batch);
    raw.push_back(*theirs);
  }
  figures.push_back(
      {.row = 2,
       .what = fmt::format("over REST, 8 connections, 100 a call, on {}: ours / raw", place),
       .value = median_ratio(ours, raw),
       .unit = "x raw",
       .bar = {Bar::Op::kAtLeast, bar},
       .beside = {{"ours, packets/s", median(ours)},
                  {"raw, packets/s", median(raw)},
                  {"mean batch reached", median(batches)}}});
  return true;
}

}  // namespace

Result<bool> bench_rest(const BenchOptions& options, Figures& figures) {
  auto done = measure(options, "disk", options.disk_folder, 0.4, figures);
  if (done) done = measure(options, "tmpfs", options.tmpfs_folder, 0.3, figures);
  return done;
}

}  // namespace phoenix::bench
