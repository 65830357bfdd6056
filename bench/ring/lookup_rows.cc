// Rows 1 to 3: the owner of one position, of positions in batches, and from end to end, beside the
// peers. Row 1 also gives the chart of lookup against size for all methods.

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <memory>

#include "bench/ring/floor.h"
#include "bench/ring/our_ring.h"
#include "bench/ring/peers/anchor.h"
#include "bench/ring/peers/jump.h"
#include "bench/ring/peers/ketama.h"
#include "bench/ring/peers/maglev.h"
#include "bench/ring/peers/map_ring.h"
#include "bench/ring/peers/rendezvous.h"
#include "bench/ring/peers/sorted_ring.h"
#include "bench/ring/rows.h"
#include "bench/ring/timing.h"

namespace phoenix::bench {
namespace {

constexpr uint32_t kWeight = 100;  // 128 v-nodes
constexpr size_t kBatch = 16;

constexpr const char* kOurs = "ring";
constexpr const char* kOursInBatches = "ring, batches of 16";
constexpr const char* kMap = "std::map ring";
constexpr const char* kSorted = "sorted array";
constexpr const char* kKetama = "ketama";
constexpr const char* kRendezvous = "rendezvous";
constexpr const char* kJump = "Jump";
constexpr const char* kAnchor = "AnchorHash, 2N";
constexpr const char* kFullAnchor = "AnchorHash, N";
constexpr const char* kMaglev = "Maglev 65537";
constexpr const char* kBare = "bare loop";
constexpr const char* kLine = "a line alone";
constexpr const char* kComparison = "a line and a comparison alone";

Duration time_of_round(const RingOptions& options) { return milliseconds(options.quick ? 1 : 60); }

Loop ours_in_batches(const OurRing& ours) {
  return [&ours](size_t times) {
    uint64_t state = 0;
    uint64_t sum = 0;
    std::array<Position, kBatch> at{};
    std::array<MemberIndex, kBatch> owners{};
    for (size_t i = 0; i < times; i += kBatch) {
      for (Position& one : at) one = position_of(next_key(state));
      ours.owners(at, owners);
      for (const MemberIndex owner : owners) sum += owner;
    }
    keep(sum);
  };
}

// The methods that need something built first. What would take minutes or gigabytes at a size, or
// cannot be there at all, is left out.
struct Peers {
  Peers(const OurRing& ours, uint32_t members) {
    std::vector<std::string> names;
    for (uint32_t i = 0; i < members; ++i) names.push_back(bench_id(i));
    if (members <= 1'000) maglev = std::make_unique<Maglev>(names);
    if (members <= 100'000) {
      ketama = std::make_unique<Ketama>(names);
      rendezvous = std::make_unique<Rendezvous>(names);
    }
    Points points = ours.points();
    if (members <= 100'000) map = std::make_unique<MapRing>(points);
    Points spare(points.size());
    radix_sort(points, spare);
    sorted = std::make_unique<SortedRing>(std::move(points));
    anchor = std::make_unique<AnchorHash>(2 * members, members);
    full_anchor = std::make_unique<AnchorHash>(members, members);
  }

  std::unique_ptr<MapRing> map;
  std::unique_ptr<SortedRing> sorted;
  std::unique_ptr<Ketama> ketama;
  std::unique_ptr<Rendezvous> rendezvous;
  std::unique_ptr<Maglev> maglev;
  std::unique_ptr<AnchorHash> anchor;
  std::unique_ptr<AnchorHash> full_anchor;
};

template <class Method>
void add_ring(Rounds& rounds, const char* name, const std::unique_ptr<Method>& method) {
  if (!method) return;
  const Method& ring = *method;
  rounds.add(name, independent([&ring](uint64_t key) { return ring.owner(position_of(key)); }));
}
template <class Method>
void add_hash(Rounds& rounds, const char* name, const std::unique_ptr<Method>& method) {
  if (!method) return;
  const Method& hash = *method;
  rounds.add(name, independent([&hash](uint64_t key) { return hash.owner(key); }));
}

// Returns what the lines take, in MB.
double lookup_all(uint32_t members, Rounds& rounds) {
  const OurRing ours(members, kWeight);
  const Peers peers(ours, members);
  const Lines lines(ours.line_bytes());
  rounds.add(kBare, independent([](uint64_t key) { return position_of(key); }));
  rounds.add(kLine, independent_lines(lines));
  rounds.add(kComparison, independent_comparisons(lines));
  rounds.add(kOurs, independent([&](uint64_t key) { return ours.owner(position_of(key)); }));
  rounds.add(kOursInBatches, ours_in_batches(ours));
  rounds.add(kJump, independent([=](uint64_t key) { return jump_hash(key, members); }));
  add_hash(rounds, kAnchor, peers.anchor);
  add_hash(rounds, kFullAnchor, peers.full_anchor);
  add_hash(rounds, kMaglev, peers.maglev);
  add_hash(rounds, kRendezvous, peers.rendezvous);
  add_ring(rounds, kMap, peers.map);
  add_ring(rounds, kSorted, peers.sorted);
  add_ring(rounds, kKetama, peers.ketama);
  rounds.run();
  return static_cast<double>(ours.line_bytes()) / 1e6;
}

struct SizeBars {
  uint32_t members;
  uint32_t quick_members;
  double jump;    // at most so much of its time
  double anchor;  // the same
  double map;     // at least so often as fast
};
constexpr std::array<SizeBars, 3> kBars = {{
    {1'000, 100, 0.10, 0.35, 60},
    {10'000, 200, 0.25, 1.0, 60},
    {100'000, 400, 0.25, 1.1, 120},
}};

// What a lookup can be at best is told as the same ratio, of the read of one line of as much
// memory, and of that with the comparison that finds the owner in it.
void judge(const Rounds& rounds, uint32_t members, double megabytes, const SizeBars& bars,
           Figures& figures) {
  // The ratio if ours were something else.
  const auto ratio_with = [&](const char* least, const char* above, const char* below) {
    const auto name = [least](const char* own) { return own == kOurs ? least : own; };
    return rounds.ratio(name(above), name(below));
  };
  const auto figure = [&](const char* above, const char* below, Bar bar) {
    figures.push_back(
        {.row = 1,
         .what = fmt::format("lookup, {}, {} / {}", size_text(members), above, below),
         .value = rounds.ratio(above, below),
         .unit = "ratio",
         .bar = bar,
         .beside = {
             {fmt::format("{}, ns", above), rounds.ns(above)},
             {fmt::format("{}, ns", below), rounds.ns(below)},
             {fmt::format("one random line of {:.1f} MB, ns", megabytes), rounds.ns(kLine)},
             {"lines read a lookup, at least", 1},
             {"the ratio if a lookup were that read alone", ratio_with(kLine, above, below)},
             {"the line and a comparison in it alone, ns", rounds.ns(kComparison)},
             {"the ratio if a lookup were these alone", ratio_with(kComparison, above, below)}}});
  };
  figure(kOurs, kJump, {Bar::Op::kAtMost, bars.jump});
  figure(kOurs, kAnchor, {Bar::Op::kAtMost, bars.anchor});
  figure(kMap, kOurs, {Bar::Op::kAtLeast, bars.map});
}

}  // namespace

Result<bool> ring_lookup(const RingOptions& options, Figures& figures) {
  pin_thread();
  std::vector<uint32_t> sizes = {10, 100, 1'000, 10'000, 100'000, 1'000'000};
  if (options.quick) sizes = {100, 200, 400};
  std::vector<std::pair<std::string, double>> drawn;
  for (const uint32_t members : sizes) {
    fmt::print(stderr, "bench: {} members\n", members);
    Rounds rounds(kRounds, time_of_round(options));
    const double megabytes = lookup_all(members, rounds);
    for (const std::string& name : rounds.names()) {
      drawn.emplace_back(fmt::format("lookup/{}/{}", name, members), rounds.ns(name));
    }
    for (const SizeBars& bars : kBars) {
      if (members != (options.quick ? bars.quick_members : bars.members)) continue;
      judge(rounds, members, megabytes, bars, figures);
    }
  }
  figures.back().drawn = std::move(drawn);
  return true;
}

Result<bool> ring_batches(const RingOptions& options, Figures& figures) {
  pin_thread();
  const uint32_t members = options.quick ? 400 : 100'000;
  const OurRing ours(members, kWeight);
  const AnchorHash anchor(2 * members, members);
  const Lines lines(ours.line_bytes());
  Rounds rounds(kRounds, time_of_round(options));
  rounds.add(kLine, lines_in_batches(lines));
  rounds.add(kComparison, comparisons_in_batches(lines));
  rounds.add(kOursInBatches, ours_in_batches(ours));
  rounds.add(kOurs, independent([&](uint64_t key) { return ours.owner(position_of(key)); }));
  rounds.add(kAnchor, independent([&](uint64_t key) { return anchor.owner(key); }));
  rounds.run();
  Figure figure = {.row = 2,
                   .what = fmt::format("batches of 16, {}, ours / {}", size_text(members), kAnchor),
                   .value = rounds.ratio(kOursInBatches, kAnchor),
                   .unit = "ratio",
                   .bar = {Bar::Op::kAtMost, 0.9},
                   .beside = {}};
  for (const std::string& name : rounds.names()) {
    figure.beside.emplace_back(name + ", ns", rounds.ns(name));
  }
  figure.beside.emplace_back("MB of lines", static_cast<double>(ours.line_bytes()) / 1e6);
  figure.beside.emplace_back("the ratio if a lookup were a line alone, in batches of 16",
                             rounds.ratio(kLine, kAnchor));
  figure.beside.emplace_back("the ratio if it were a line and a comparison alone, likewise",
                             rounds.ratio(kComparison, kAnchor));
  figures.push_back(std::move(figure));
  return true;
}

Result<bool> ring_latency(const RingOptions& options, Figures& figures) {
  pin_thread();
  const uint32_t members = options.quick ? 100 : 1'000;
  const OurRing ours(members, kWeight);
  const Peers peers(ours, members);
  const Lines lines(ours.line_bytes());
  Rounds rounds(kRounds, time_of_round(options));
  rounds.add(kLine, dependent_lines(lines));
  rounds.add(kBare, dependent([](uint64_t key) { return key & 1; }));
  rounds.add(kOurs, dependent([&](uint64_t key) { return ours.owner(position_of(key)); }));
  rounds.add(kJump, dependent([=](uint64_t key) { return jump_hash(key, members); }));
  rounds.add(kAnchor, dependent([&](uint64_t key) { return peers.anchor->owner(key); }));
  rounds.add(kMap, dependent([&](uint64_t key) { return peers.map->owner(position_of(key)); }));
  rounds.add(kSorted,
             dependent([&](uint64_t key) { return peers.sorted->owner(position_of(key)); }));
  rounds.run();
  Figure figure = {.row = 3,
                   .what = fmt::format("one after the other, {}, ours / Jump", size_text(members)),
                   .value = rounds.ratio(kOurs, kJump),
                   .unit = "ratio",
                   .bar = {Bar::Op::kAtMost, 0.6},
                   .beside = {}};
  for (const std::string& name : rounds.names()) {
    figure.beside.emplace_back(name + ", ns", rounds.ns(name));
  }
  figure.beside.emplace_back("MB of lines", static_cast<double>(ours.line_bytes()) / 1e6);
  figure.beside.emplace_back("the ratio if a lookup were a line alone", rounds.ratio(kLine, kJump));
  figures.push_back(std::move(figure));
  return true;
}

}  // namespace phoenix::bench
