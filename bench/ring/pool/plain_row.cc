// Row 10: the ring and nothing else (k = 1, nothing required, nobody full). The arcs are exact,
// read off the v-nodes, and so is what a change moves: owners before and after are asked at every
// v-node, between which neither changes.

#include <fmt/format.h>

#include <cmath>

#include "bench/ring/our_ring.h"
#include "bench/ring/rows.h"
#include "ring/placement.h"

namespace phoenix::bench {
namespace {

struct Arcs {
  std::vector<Position> ends;    // in order
  std::vector<uint64_t> widths;  // from the end before it to this one; of equal ends the first
};

Arcs arcs_of(const std::vector<Placement::VnodeRef>& vnodes) {
  Arcs arcs;
  Position last = vnodes.back().position;
  for (const Placement::VnodeRef& vnode : vnodes) {
    arcs.ends.push_back(vnode.position);
    arcs.widths.push_back(static_cast<Position>(vnode.position - last));
    last = vnode.position;
  }
  if (vnodes.front().position == vnodes.back().position) arcs.widths.front() = uint64_t{1} << 32;
  return arcs;
}

std::vector<MemberIndex> owners_at(const Placement& ring, const std::vector<Position>& ends) {
  std::vector<MemberIndex> owners(ends.size());
  ring.owners(ends, owners);
  return owners;
}

double sigma_of_shares(const Placement& ring, const std::vector<Placement::VnodeRef>& vnodes) {
  const Arcs arcs = arcs_of(vnodes);
  std::vector<double> shares(ring.members());
  for (size_t i = 0; i < vnodes.size(); ++i) {
    shares[vnodes[i].member] += static_cast<double>(arcs.widths[i]);
  }
  const double mean = std::ldexp(1.0, 32) / static_cast<double>(shares.size());
  double squares = 0;
  for (const double share : shares) squares += (share - mean) * (share - mean);
  return std::sqrt(squares / static_cast<double>(shares.size())) / mean;
}

struct Excess {
  uint64_t moved = 0;   // positions that changed their owner when one left and came again
  uint64_t excess = 0;  // of these, neither from nor to that one
};

Excess excess_of(Placement& ring, const std::vector<Placement::VnodeRef>& vnodes, size_t number,
                 uint32_t weight) {
  const Arcs arcs = arcs_of(vnodes);
  const auto leaver = static_cast<MemberIndex>(number);
  const std::vector<MemberIndex> with = owners_at(ring, arcs.ends);
  ring.leave(leaver);
  const std::vector<MemberIndex> without = owners_at(ring, arcs.ends);
  const MemberIndex again = ring.join(bench_member(number, weight));
  const std::vector<MemberIndex> with_again = owners_at(ring, arcs.ends);
  Excess result;
  for (size_t i = 0; i < with.size(); ++i) {
    if (with[i] != without[i]) {
      result.moved += arcs.widths[i];
      if (with[i] != leaver) result.excess += arcs.widths[i];
    } else if (with[i] == leaver) {
      result.excess += arcs.widths[i];  // left and still there
    }
    if (without[i] != with_again[i]) {
      result.moved += arcs.widths[i];
      if (with_again[i] != again) result.excess += arcs.widths[i];
    }
  }
  return result;
}

void measure(uint32_t weight, size_t members, int keys, Figures& figures) {
  const double vnodes_each = vnode_count(weight);
  double sigma = 0;
  double moved = 0;
  Excess total;
  for (int key = 1; key <= keys; ++key) {
    Placement ring(bench_key(key));
    for (size_t i = 0; i < members; ++i) ring.join(bench_member(i, weight));
    const std::vector<Placement::VnodeRef> vnodes = ring.all_vnodes();
    sigma += sigma_of_shares(ring, vnodes) / keys;
    const Excess one = excess_of(ring, vnodes, members / 2 + key, weight);
    total.excess += one.excess;
    moved += std::ldexp(static_cast<double>(one.moved), -33) * static_cast<double>(members) / keys;
  }
  const std::string name = fmt::format("plain ring, V = {:.0f}", vnodes_each);
  Figure even = {.row = 10,
                 .what = name + ", sigma / mean x sqrt(V)",
                 .value = sigma * std::sqrt(vnodes_each),
                 .unit = "ratio",
                 .bar = {Bar::Op::kAtMost, 1.05},
                 .beside = {}};
  even.beside.emplace_back("sigma / mean", sigma);
  even.beside.emplace_back("members", static_cast<double>(members));
  even.beside.emplace_back("ring keys", keys);
  figures.push_back(std::move(even));
  Figure excess = {.row = 10,
                   .what = name + ", moved beyond the member's own arcs",
                   .value = static_cast<double>(total.excess),
                   .unit = "positions",
                   .bar = {Bar::Op::kAtMost, 0},
                   .beside = {}};
  excess.beside.emplace_back("moved by a leave or join, x members", moved);
  figures.push_back(std::move(excess));
}

}  // namespace

Result<bool> ring_plain(const RingOptions& options, Figures& figures) {
  const size_t members = options.quick ? 100 : 10'000;
  for (const uint32_t weight : {50U, 100U, 200U}) {
    measure(weight, members, options.quick ? 2 : 5, figures);
  }
  return true;
}

}  // namespace phoenix::bench
