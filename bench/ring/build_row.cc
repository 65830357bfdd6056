// Row 6: building the circle from pairs of position and member, beside sorting the same pairs.

#include <fmt/format.h>

#include <optional>

#include "bench/ring/our_ring.h"
#include "bench/ring/peers/huge_pages.h"
#include "bench/ring/rows.h"
#include "bench/ring/timing.h"
#include "ring/circle/line_array.h"

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

// What a circle has to do besides, whoever sorts: memory that nobody had before is written once, a
// line at a time in their order. The sort's own was touched before its time begins. The first time,
// a virtual machine may have to ask its host for it, which takes twenty times as long.
double seconds_of_fresh_memory(size_t bytes) {
  return seconds_of([bytes] {
    const ring::ZeroedMemory memory(bytes);
    auto* const words = static_cast<uint64_t*>(memory.data());
    for (size_t line = 0; line < bytes / sizeof(ring::Line); ++line) words[line * 8] = line;
    keep(words[0]);
  });
}

// And each v-node's member is asked what it can do, in the order of the ring, which is none for it.
double seconds_of_questions(const Points& sorted, size_t members) {
  const std::vector<uint64_t> signatures(members, 1);
  return seconds_of([&] {
    uint64_t all = 0;
    for (const Point& point : sorted) all |= signatures[point.member];
    keep(all);
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
  std::vector<double> memories;
  std::vector<double> questions;
  const size_t fresh = ours.line_bytes() + ours.line_bytes() / 8;
  const double first_time = seconds_of_fresh_memory(fresh);
  HugeVector<ring::Vnode> vnodes;
  vnodes.reserve(points.size());
  for (const Point& point : points) vnodes.push_back({point.position, point.member});
  Points sorted = points;
  Points spare(points.size());
  radix_sort(sorted, spare);
  for (int round = 0; round < kRounds; ++round) {
    // A host takes back what its guest has left free for seconds: so that the build measures what
    // it does, and not that, as much is written and freed first. The guest clears it again either
    // way.
    seconds_of_fresh_memory(fresh);
    memories.push_back(seconds_of_fresh_memory(fresh));
    std::optional<BuiltCircle> circle;
    builds.push_back(seconds_of([&] {
      circle.emplace(ours, vnodes);
      keep(circle->size());
    }));
    circle.reset();
    sorts.push_back(seconds_of_sort(points, radix_sort));
    streamings.push_back(seconds_of_sort(points, streaming_radix_sort));
    hashings.push_back(seconds_of([&] { keep(ours.points().size()); }));
    questions.push_back(seconds_of_questions(sorted, members));
  }
  const auto with = [](std::vector<double> times, const std::vector<double>& more) {
    for (size_t i = 0; i < times.size(); ++i) times[i] += more[i];
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
                   median_ratio(with(builds, hashings), with(sorts, hashings))},
                  {"its memory written for the first time, s", median(memories)},
                  {"the same as the process's first request, s", first_time},
                  {"each v-node's member asked, s", median(questions)},
                  {"ratio to the sort with these",
                   median_ratio(builds, with(with(sorts, memories), questions))}}});
  return true;
}

}  // namespace phoenix::bench
