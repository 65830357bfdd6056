// Row 6: building the circle from pairs of position and member, beside sorting the same pairs.

#include <fmt/format.h>

#include <optional>

#include "bench/ring/our_ring.h"
#include "bench/ring/rows.h"
#include "bench/ring/timing.h"

namespace phoenix::bench {
namespace {

template <class Work>
double seconds_of(const Work& work) {
  const Duration begin = thread_clock();
  work();
  return in_seconds(thread_clock() - begin);
}

double seconds_of_sort(Points points, void (*sort)(Points&, Points&)) {
  Points spare(points.size());
  return seconds_of([&] {
    sort(points, spare);
    keep(points[0].member);
  });
}

}  // namespace

Result<bool> ring_build(const RingOptions& options, Figures& figures) {
  pin_thread();
  const size_t members = options.quick ? 200 : 100'000;
  const OurRing ours(members, 100);
  const Points points = ours.points();
  std::vector<double> builds;
  std::vector<double> sorts;
  std::vector<double> streamings;
  std::vector<double> hashings;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<ring::Vnode> vnodes;
    vnodes.reserve(points.size());
    for (const Point& point : points) vnodes.push_back({point.position, point.member});
    std::optional<BuiltCircle> circle;
    builds.push_back(seconds_of([&] {
      circle.emplace(ours, std::move(vnodes));
      keep(circle->size());
    }));
    sorts.push_back(seconds_of_sort(points, radix_sort));
    streamings.push_back(seconds_of_sort(points, streaming_radix_sort));
    hashings.push_back(seconds_of([&] { keep(ours.points().size()); }));
  }
  const auto with_hashing = [&hashings](std::vector<double> times) {
    for (size_t i = 0; i < times.size(); ++i) times[i] += hashings[i];
    return times;
  };
  figures.push_back(
      {.row = 6,
       .what = fmt::format("build, {}, from pairs / radix sort of them", size_text(members)),
       .value = median_ratio(builds, sorts),
       .unit = "ratio",
       .bar = {Bar::Op::kAtMost, 1.8},
       .beside = {{"build, s", median(builds)},
                  {"radix sort, three passes of 11 bits, s", median(sorts)},
                  {"hashing of the pairs, s", median(hashings)},
                  {"the same past the caches, s", median(streamings)},
                  {"ratio to that", median_ratio(builds, streamings)},
                  {"ratio with hashing on both sides",
                   median_ratio(with_hashing(builds), with_hashing(sorts))}}});
  return true;
}

}  // namespace phoenix::bench
