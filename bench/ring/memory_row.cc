// Row 4: bytes that the ring takes for each v-node: the circle, its index included, and what stands
// beside it for capabilities. What the ring says of itself is held against what the process has
// resident more than before.

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "bench/ring/our_ring.h"
#include "bench/ring/rows.h"
#include "bench/workload.h"
#include "ring/placement.h"

namespace phoenix::bench {
namespace {

constexpr uint32_t kWeight = 100;  // 128 v-nodes

double resident_bytes() {
  ::malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  size_t pages = 0;
  size_t resident = 0;
  statm >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double per_vnode(double bytes, size_t vnodes) { return bytes / static_cast<double>(vnodes); }

// The circle's bytes a v-node at their worst while it grows and while it shrinks again.
struct Worst {
  double bytes = 0;
  size_t members = 0;
};
struct Worsts {
  Worst growing;
  Worst shrinking;
};
Worsts while_changing(size_t from, size_t to) {
  OurRing ring(from, kWeight);
  Worsts worst;
  const auto look = [&](Worst& seen, size_t members) {
    ring.settle();
    const double bytes = per_vnode(static_cast<double>(ring.bytes()), ring.vnodes());
    if (bytes > seen.bytes) seen = {bytes, members};
  };
  // Looked at so often that no step of growth is missed by more than a hundredth.
  const auto looked_at = [](size_t members) { return members / 100 + 1; };
  size_t last = from;
  for (size_t members = from; members < to;) {
    ring.join(members++, kWeight);
    if (members - last < looked_at(members)) continue;
    look(worst.growing, members);
    last = members;
  }
  last = to;
  for (size_t members = to; members > from;) {
    ring.leave(static_cast<MemberIndex>(--members));
    if (last - members < looked_at(members)) continue;
    look(worst.shrinking, members);
    last = members;
  }
  return worst;
}

// Members as in workload A, and what its packets leave in a placement that has chosen for all.
class Placed {
 public:
  Placed(size_t members, size_t packets, bool capable) : workload_(8) {
    for (size_t i = 0; i < members; ++i) {
      RingMember member = bench_member(i, kWeight);
      member.max_load = 1'000'000;
      if (capable) member.capabilities = workload_.member_capabilities();
      placement_.join(member);
    }
    for (uint64_t i = 0; i < packets; ++i) place(i);
  }
  const Placement& placement() const { return placement_; }

 private:
  void place(uint64_t number) {
    const std::vector<std::string> required = workload_.required();
    PlaceQuery query;
    // Held as long as its packet lives, and all of them do.
    query.cls = placement_.intern(kNamespace, required, Match::kAll);
    query.point = packet_position(placement_.key(), kNamespace, required, std::to_string(number));
    if (const auto owner = placement_.place(query)) placement_.add_load(*owner, 1);
  }

  WorkloadA workload_;
  Placement placement_{bench_key(1)};
};

void measure_capabilities(const RingOptions& options, Figures& figures) {
  const size_t members = options.quick ? 100 : 1'000;
  const size_t packets = options.quick ? 2'000 : 1'000'000;
  const OurRing circle(members, kWeight);
  const Placed plain(members, 0, false);
  const Placed placed(members, packets, true);
  const auto bytes = static_cast<double>(placed.placement().vnode_bytes() - circle.bytes());
  const auto all = static_cast<double>(placed.placement().bytes()) -
                   static_cast<double>(plain.placement().bytes());
  const size_t vnodes = placed.placement().vnodes();
  figures.push_back({.row = 4,
                     .what = "v-nodes and indexes of capabilities, workload A",
                     .value = per_vnode(bytes, vnodes),
                     .unit = "B/v-node",
                     .bar = {Bar::Op::kAtMost, 20},
                     .beside = {{"names, holders and interned sets besides, B/v-node",
                                 per_vnode(all - bytes, vnodes)},
                                {"members", static_cast<double>(members)},
                                {"packets", static_cast<double>(packets)}}});
}

}  // namespace

Result<bool> ring_memory(const RingOptions& options, Figures& figures) {
  Figure figure = {.row = 4,
                   .what = "positions and index, the worst of all sizes",
                   .unit = "B/v-node",
                   .bar = {Bar::Op::kAtMost, 22},
                   .beside = {}};
  std::vector<size_t> sizes = {1'000, 10'000, 100'000};
  if (options.quick) sizes = {100, 1'000};
  for (const size_t members : sizes) {
    const double before = resident_bytes();
    const OurRing ring(members, kWeight);
    const double after = resident_bytes();
    const double told = per_vnode(static_cast<double>(ring.bytes()), ring.vnodes());
    figure.value = std::max(figure.value, told);
    figure.beside.emplace_back(fmt::format("{} members, B/v-node", members), told);
    if (members != sizes.back()) continue;
    figure.beside.emplace_back("resident more for these, all members' records included",
                               per_vnode(after - before, ring.vnodes()));
    figure.beside.emplace_back("of that the records, as told",
                               per_vnode(static_cast<double>(ring.record_bytes()), ring.vnodes()));
  }
  const size_t times = options.quick ? 3 : 100;
  const Worsts worst = while_changing(sizes[0], sizes[0] * times);
  figure.value = std::max(figure.value, worst.growing.bytes);
  for (const auto& [what, seen] :
       {std::pair{"growing", worst.growing}, {"shrinking again", worst.shrinking}}) {
    figure.beside.emplace_back(fmt::format("{} {} times, worst", what, times), seen.bytes);
    figure.beside.emplace_back("  at so many members", static_cast<double>(seen.members));
  }
  figures.push_back(std::move(figure));
  measure_capabilities(options, figures);
  return true;
}

}  // namespace phoenix::bench
