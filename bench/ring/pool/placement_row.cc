// Row 7: the cost of a placement, as a host makes them: choose among the k nearest, then count the
// load. Classes are interned beforehand, as those of live packets are, and have been used before.

#include <algorithm>
#include <string>

#include "bench/ring/floor.h"
#include "bench/ring/our_ring.h"
#include "bench/ring/pool/rare_pool.h"
#include "bench/ring/pool/workload_a.h"
#include "bench/ring/rows.h"
#include "bench/ring/timing.h"

namespace phoenix::bench {
namespace {

constexpr uint32_t kRoom = 1'000;  // of each member
constexpr size_t kAtOnce = 4'096;

// A ring whose members have different loads, and the classes that its packets come with.
class Station {
 public:
  Station(Placement& ring, std::vector<ClassId> packets)
      : ring_(ring), packets_(std::move(packets)) {}

  // Places so many, then takes all back, which is not counted. Returns the time of one in ns.
  double place(size_t times) {
    chosen_.clear();
    const Duration begin = thread_clock();
    for (size_t i = 0; i < times; ++i) {
      PlaceQuery query;
      query.point = position_of(next_key(state_));
      query.cls = packets_[next_];
      if (++next_ == packets_.size()) next_ = 0;
      const MemberIndex to = ring_.place(query).value_or(kNoMember);
      if (to == kNoMember) continue;
      ring_.add_load(to, 1);
      chosen_.push_back(to);
    }
    const auto taken = static_cast<double>((thread_clock() - begin).ns);
    for (const MemberIndex index : chosen_) ring_.add_load(index, -1);
    return taken / static_cast<double>(times);
  }

  // The same in slices, so that loads stay as they are.
  double round(size_t times) {
    double sum = 0;
    for (size_t done = 0; done < times; done += kAtOnce) sum += kAtOnce * place(kAtOnce);
    return sum / static_cast<double>(times);
  }

  double examined_each(size_t times) {
    const uint64_t before = ring_.counts().examined;
    for (size_t done = 0; done < times; done += kAtOnce) place(kAtOnce);
    return static_cast<double>(ring_.counts().examined - before) / static_cast<double>(times);
  }

 private:
  Placement& ring_;
  std::vector<ClassId> packets_;
  std::vector<MemberIndex> chosen_;
  size_t next_ = 0;
  uint64_t state_ = 0;
};

void load_unevenly(Placement& ring, size_t members) {
  Prng prng(7);
  for (MemberIndex index = 0; index < members; ++index) ring.add_load(index, prng.below(400));
}

Figure nanoseconds(const std::string& what, double value, double bar) {
  return {.row = 7,
          .what = what,
          .value = value,
          .unit = "ns",
          .bar = {Bar::Op::kAtMost, bar},
          .beside = {}};
}

struct Floors {
  double reads;       // ns
  double judgements;  // ns
};

// What as many reads cost as a placement makes at least: its line of the circle, and the standing
// of each member that it examines; and these with the least that is done with each.
Floors floors(const Placement& ring, double examined, bool quick) {
  constexpr size_t kStanding = 32;
  constexpr size_t kVnodesInLine = 5;
  const Lines circle(ring.vnodes() / kVnodesInLine * sizeof(ring::Line));
  Lines standings(ring.members() * kStanding);
  Rounds rounds(kRounds, milliseconds(quick ? 1 : 60));
  rounds.add("reads", placement_reads(circle, standings, static_cast<size_t>(examined)));
  rounds.add("judgements", placement_judgements(circle, standings, static_cast<size_t>(examined)));
  rounds.run();
  return {rounds.ns("reads"), rounds.ns("judgements")};
}

// Without a requirement, and with those of workload A, in turn.
void mixed(size_t members, uint32_t weight, const std::string& size, double bar, bool quick,
           Figures& figures) {
  WorkloadShape shape = workload_a(kWorkloadSeeds[0]);
  shape.members = members;
  if (quick) shape.packets = 20'000;
  const CapabilityWorkload workload(shape);
  Placement ring(bench_key(1));
  for (size_t i = 0; i < members; ++i) {
    RingMember member = pool_member(i, workload.members()[i], kRoom);
    member.weight = weight;
    ring.join(member);
  }
  load_unevenly(ring, members);
  std::vector<ClassId> classes;
  for (const CapabilityMask set : workload.sets()) {
    classes.push_back(ring.intern("default", capability_names(set), Match::kAll));
  }
  std::vector<ClassId> packets;
  for (const uint32_t set : workload.packets()) packets.push_back(classes[set]);
  Station free(ring, {ring.intern("default", {}, Match::kAll)});
  Station asking(ring, packets);
  const size_t times = quick ? 2 * kAtOnce : 64 * kAtOnce;
  free.round(times);
  // Twice all packets: by then, whatever is built for classes in use has been. A ring that takes
  // longer than this has no such state.
  const Duration begin = thread_clock();
  for (size_t done = 0; done < 2 * packets.size(); done += kAtOnce) {
    asking.place(kAtOnce);
    if (thread_clock() - begin > seconds(20)) break;
  }
  std::vector<double> plain;
  std::vector<double> filtered;
  for (int round = 0; round < kRounds; ++round) {
    plain.push_back(free.round(times));
    filtered.push_back(asking.round(times));
  }
  Figure one = nanoseconds("k=8, nothing required, " + size, median(plain), bar);
  const double examined = free.examined_each(times);
  const Floors least = floors(ring, examined, quick);
  one.beside.emplace_back("entries examined each", examined);
  one.beside.emplace_back("reading a line and as many members' standings alone, ns", least.reads);
  one.beside.emplace_back("the same, and judging each of them, ns", least.judgements);
  figures.push_back(std::move(one));
  Figure other =
      nanoseconds("workload A's mix of sets / that, " + size, median_ratio(filtered, plain), 4);
  other.unit = "ratio";
  other.beside.emplace_back("workload A's mix, ns", median(filtered));
  const double asked = asking.examined_each(times);
  const Floors asked_least = floors(ring, asked, quick);
  other.beside.emplace_back("entries examined each", asked);
  other.beside.emplace_back("reading a line and as many members' standings alone, ns",
                            asked_least.reads);
  other.beside.emplace_back("the ratio if both were these reads alone",
                            asked_least.reads / least.reads);
  other.beside.emplace_back("the ratio if both were reads and judgements",
                            asked_least.judgements / least.judgements);
  other.beside.emplace_back("different sets", static_cast<double>(classes.size()));
  other.beside.emplace_back("v-nodes' bytes / v-node", static_cast<double>(ring.vnode_bytes()) /
                                                           static_cast<double>(ring.vnodes()));
  figures.push_back(std::move(other));
}

// Few holders among a million: from 64 down to one.
void few_holders(RarePool& pool, const std::string& size, bool quick, Figures& figures) {
  const size_t times = quick ? 2 * kAtOnce : 16 * kAtOnce;
  std::vector<Station> stations;
  for (const size_t holders : RarePool::kFew) {
    stations.emplace_back(pool.ring(), std::vector<ClassId>{pool.held_by(holders)});
    stations.back().round(times);
  }
  std::vector<std::vector<double>> taken(stations.size());
  for (int round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < stations.size(); ++i) taken[i].push_back(stations[i].round(times));
  }
  std::vector<double> ns;
  for (const std::vector<double>& one : taken) ns.push_back(median(one));
  Figure figure = nanoseconds("a capability of at most 64 holders, " + size,
                              *std::max_element(ns.begin(), ns.end()), 300);
  for (size_t i = 0; i < ns.size(); ++i) {
    figure.beside.emplace_back(std::to_string(RarePool::kFew[i]) + " holders, ns", ns[i]);
  }
  figures.push_back(std::move(figure));
}

// The dearest of many placements. What a class needs is built at its first uses; such a placement
// is timed, the others are counted.
struct Dearest {
  double examined = 0;         // by one that built nothing
  double with_build = 0;       // by one that did
  double build_ms = 0;         // the longest with a build
  std::vector<double> all_ms;  // of each with a build
  double builds = 0;           // in one placement
  double all_builds = 0;
  size_t placements = 0;
  size_t placed = 0;
};

void place_one(Placement& ring, const std::vector<std::string>& required, Position point,
               Dearest& dearest) {
  const Placement::Counts before = ring.counts();
  const Duration begin = thread_clock();
  PlaceQuery query;
  query.cls = ring.intern("default", required, Match::kAll);
  query.point = point;
  if (ring.place(query)) ++dearest.placed;
  const auto ms = static_cast<double>((thread_clock() - begin).ns) / 1e6;
  ring.release(query.cls);
  const Placement::Counts after = ring.counts();
  ++dearest.placements;
  const auto examined = static_cast<double>(after.examined - before.examined);
  const auto builds = static_cast<double>(after.builds - before.builds);
  dearest.all_builds += builds;
  if (builds == 0) {
    dearest.examined = std::max(dearest.examined, examined);
    return;
  }
  dearest.with_build = std::max(dearest.with_build, examined);
  dearest.build_ms = std::max(dearest.build_ms, ms);
  dearest.all_ms.push_back(ms);
  dearest.builds = std::max(dearest.builds, builds);
}

void tell(const std::string& what, const Dearest& dearest, Figures& figures) {
  Figure counted = nanoseconds(what + ": most entries examined by one", dearest.examined, 16'384);
  counted.unit = "entries";
  counted.beside.emplace_back("placements", static_cast<double>(dearest.placements));
  counted.beside.emplace_back("of these, placed", static_cast<double>(dearest.placed));
  counted.beside.emplace_back("the most by one that built", dearest.with_build);
  figures.push_back(std::move(counted));
  Figure built = nanoseconds(what + ": the longest with a build", dearest.build_ms, 10);
  built.unit = "ms";
  built.beside.emplace_back("p99.9 of those with a build", quantile(dearest.all_ms, 0.999));
  built.beside.emplace_back("builds", dearest.all_builds);
  built.beside.emplace_back("the most builds in one", dearest.builds);
  figures.push_back(std::move(built));
}

void random_sets(RarePool& pool, const std::string& size, size_t times, Figures& figures) {
  Dearest dearest;
  Prng prng(11);
  for (size_t i = 0; i < times; ++i) {
    place_one(pool.ring(), pool.random_set(prng), static_cast<Position>(prng.next()), dearest);
  }
  tell("random sets, " + size, dearest, figures);
}

// All members but one in a thousand are full, or closed.
void hardly_any_room(RarePool& pool, const std::string& size, size_t times, bool closed,
                     Figures& figures) {
  Placement& ring = pool.ring();
  Prng prng(13);
  std::vector<std::pair<MemberIndex, uint32_t>> filled;
  for (MemberIndex index = 0; index < pool.members(); ++index) {
    if (prng.chance(1, 1'000)) continue;
    if (closed) {
      ring.set_open(index, false);
    } else {
      filled.emplace_back(index, ring.max_load(index) - ring.load(index));
      ring.add_load(index, filled.back().second);
    }
  }
  Dearest dearest;
  for (size_t i = 0; i < times; ++i) {
    const std::vector<std::string> required =
        i % 4 == 0 ? std::vector<std::string>{} : pool.random_set(prng);
    place_one(ring, required, static_cast<Position>(prng.next()), dearest);
  }
  tell(std::string("99.9 % ") + (closed ? "closed, " : "full, ") + size, dearest, figures);
  for (const auto& [index, load] : filled) ring.add_load(index, -int64_t{load});
  for (MemberIndex index = 0; closed && index < pool.members(); ++index) {
    ring.set_open(index, true);
  }
}

}  // namespace

Result<bool> ring_placement(const RingOptions& options, Figures& figures) {
  pin_thread();
  const bool quick = options.quick;
  mixed(quick ? 100 : 1'000, 100, "1k x 128", 60, quick, figures);
  mixed(quick ? 1'000 : 100'000, 50, "100k x 64", 300, quick, figures);
  const std::string size = "1M x 16";
  RarePool pool(quick ? 10'000 : 1'000'000, kRoom);
  few_holders(pool, size, quick, figures);
  random_sets(pool, size, quick ? 2'000 : 1'000'000, figures);
  for (const bool closed : {false, true}) {
    hardly_any_room(pool, size, quick ? 200 : 20'000, closed, figures);
  }
  return true;
}

}  // namespace phoenix::bench
