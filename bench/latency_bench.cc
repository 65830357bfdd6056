// Row 3: one packet at a time over one connection: create, then complete. Beside it what nobody
// could avoid: two synced commits of the raw loop, and two exchanges of the same client and host
// that do nothing (GET /livez).

#include "bench/child_process.h"
#include "bench/clock.h"
#include "bench/folder.h"
#include "bench/one_at_a_time.h"
#include "bench/raw_loop.h"
#include "bench/rows.h"
#include "bench/workload.h"

namespace phoenix::bench {
namespace {

constexpr size_t kPayload = 1024;

template <class Measure>
Result<double> p50(size_t times, const Measure& measure) {
  std::vector<double> values;
  for (size_t i = 0; i < times; ++i) {
    const double value = measure();
    if (value < 0) return fail(ErrorKind::kInternal, "the host refused a call");
    values.push_back(value);
  }
  return quantile(std::move(values), 0.5);
}

// All lives one by one, two commits each.
Result<double> raw_p50(const std::string& path, const std::vector<PacketLife>& lives) {
  auto raw = RawLoop::open(path);
  if (!raw) return tl::unexpected(raw.error());
  (*raw)->prepare(lives);
  const auto times = (*raw)->run(1);
  if (!times) return tl::unexpected(times.error());
  std::vector<double> micros;
  for (const Duration time : *times) micros.push_back(in_micros(time));
  return quantile(std::move(micros), 0.5);
}

}  // namespace

Result<bool> bench_latency(const BenchOptions& options, Figures& figures) {
  const size_t times = options.quick ? 20 : 300;
  const ScratchFolder folder(options.disk_folder);
  auto host = HostProcess::start(options.program, folder.file("data"));
  if (!host) return tl::unexpected(host.error());
  auto one = OneAtATime::open((*host)->url(), json_content(kPayload, 1)->data);
  if (!one) return tl::unexpected(one.error());
  const auto lives = packet_lives(times, kPayload);
  std::vector<double> excess;
  std::vector<double> ours;
  std::vector<double> raw;
  std::vector<double> livez;
  for (int pair = 0; pair < 5; ++pair) {
    const auto mine = p50(times, [&] { return one->packet_micros(); });
    if (!mine) return tl::unexpected(mine.error());
    const auto commits = raw_p50(folder.file("raw" + std::to_string(pair) + ".db"), lives);
    if (!commits) return tl::unexpected(commits.error());
    const auto nothing = p50(times, [&] { return one->livez_micros(); });
    if (!nothing) return tl::unexpected(nothing.error());
    ours.push_back(*mine);
    raw.push_back(*commits);
    livez.push_back(*nothing);
    excess.push_back(*mine - *commits - *nothing);
  }
  figures.push_back({.row = 3,
                     .what = "one at a time: p50 above two raw commits and two /livez",
                     .value = median(excess),
                     .unit = "us",
                     .bar = {Bar::Op::kAtMost, 150},
                     .beside = {{"create and complete, p50 us", median(ours)},
                                {"two raw synced commits, p50 us", median(raw)},
                                {"two GET /livez, p50 us", median(livez)}}});
  return true;
}

}  // namespace phoenix::bench
