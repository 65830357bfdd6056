// Row 5: what it costs that a member joins or leaves, all that the placement does for it included,
// and what lookups suffer from a thousand such changes a second in their thread.

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <memory>

#include "bench/ring/our_ring.h"
#include "bench/ring/rows.h"
#include "bench/ring/timing.h"
#include "ring/placement.h"

namespace phoenix::bench {
namespace {

constexpr uint32_t kWeight = 100;  // 128 v-nodes

struct Size {
  size_t members;
  size_t quick_members;
  double bar_micros;
};
constexpr std::array<Size, 3> kSizes = {{
    {1'000, 100, 50},
    {100'000, 200, 100},
    {1'000'000, 400, 150},
}};

// A pool whose members come and go: each change is a new name's join, then the leave of anyone.
class Pool {
 public:
  explicit Pool(size_t members) : prng_(members) {
    for (; joined_ < members; ++joined_) {
      present_.push_back(placement_.join(bench_member(joined_, kWeight)));
    }
    placement_.owner(0);
  }

  void join() {
    const RingMember member = bench_member(joined_++, kWeight);
    const Duration begin = thread_clock();
    const MemberIndex index = placement_.join(member);
    // What a change leaves to do for the next who asks is part of it.
    keep(placement_.owner(0));
    joins_.push_back(in_micros(thread_clock() - begin));
    present_.push_back(index);
  }
  void leave() {
    std::swap(present_[prng_.below(present_.size())], present_.back());
    const Duration begin = thread_clock();
    placement_.leave(present_.back());
    keep(placement_.owner(0));
    leaves_.push_back(in_micros(thread_clock() - begin));
    present_.pop_back();
  }
  void start_round() {
    joins_.clear();
    leaves_.clear();
  }
  const std::vector<double>& joins() const { return joins_; }
  const std::vector<double>& leaves() const { return leaves_; }

  // Lookups a second, while each millisecond brings `changes` changes.
  double lookups(Duration length, bool changes) {
    constexpr Duration kEach = milliseconds(1);
    constexpr size_t kBetween = 256;
    uint64_t state = 0;
    uint64_t sum = 0;
    size_t done = 0;
    bool joins = true;
    const Duration begin = thread_clock();
    Duration next = begin + kEach;
    Duration now = begin;
    for (; now - begin < length; now = thread_clock()) {
      if (now >= next) {
        next = next + kEach;
        if (changes) joins ? join() : leave();
        joins = !joins;
      }
      for (size_t i = 0; i < kBetween; ++i) sum += placement_.owner(position_of(next_key(state)));
      done += kBetween;
    }
    keep(sum);
    return static_cast<double>(done) / in_seconds(now - begin);
  }

 private:
  Placement placement_{bench_key(1)};
  std::vector<MemberIndex> present_;
  std::vector<double> joins_;
  std::vector<double> leaves_;
  size_t joined_ = 0;
  Prng prng_;
};

struct Taken {
  std::vector<double> medians;  // of each round
  std::vector<double> all;

  void add(const std::vector<double>& round) {
    medians.push_back(median(round));
    all.insert(all.end(), round.begin(), round.end());
  }
};

struct Measured {
  std::string size;
  double bar_micros = 0;
  std::unique_ptr<Pool> pool;
  Taken joins;
  Taken leaves;
  std::vector<double> undisturbed;
  std::vector<double> disturbed;
};

void judge(const Measured& one, Figures& figures) {
  for (const auto& [what, taken] : {std::pair{"a join", &one.joins}, {"a leave", &one.leaves}}) {
    figures.push_back({.row = 5,
                       .what = fmt::format("{}, {}, median", what, one.size),
                       .value = median(taken->medians),
                       .unit = "µs",
                       .bar = {Bar::Op::kAtMost, one.bar_micros},
                       .beside = {{"p99, µs", quantile(taken->all, 0.99)},
                                  {"largest, µs", quantile(taken->all, 1)}}});
  }
  figures.push_back({.row = 5,
                     .what = fmt::format("lookups, {}, 1,000 changes/s / none", one.size),
                     .value = median_ratio(one.disturbed, one.undisturbed),
                     .unit = "ratio",
                     .bar = {Bar::Op::kAtLeast, 0.8},
                     .beside = {{"with changes, million/s", median(one.disturbed) / 1e6},
                                {"with none, million/s", median(one.undisturbed) / 1e6}}});
}

}  // namespace

Result<bool> ring_changes(const RingOptions& options, Figures& figures) {
  pin_thread();
  std::vector<Measured> sizes;
  for (const Size& size : kSizes) {
    const size_t members = options.quick ? size.quick_members : size.members;
    fmt::print(stderr, "bench: {} members\n", members);
    sizes.push_back({.size = size_text(members),
                     .bar_micros = size.bar_micros,
                     .pool = std::make_unique<Pool>(members),
                     .joins = {},
                     .leaves = {},
                     .undisturbed = {},
                     .disturbed = {}});
  }
  const int times = options.quick ? 20 : 500;
  const Duration length = milliseconds(options.quick ? 10 : 400);
  for (int round = 0; round < kRounds; ++round) {
    for (Measured& one : sizes) {
      Pool& pool = *one.pool;
      pool.start_round();
      for (int i = 0; i < times; ++i) {
        pool.join();
        pool.leave();
      }
      one.joins.add(pool.joins());
      one.leaves.add(pool.leaves());
      one.undisturbed.push_back(pool.lookups(length, false));
      one.disturbed.push_back(pool.lookups(length, true));
    }
  }
  for (const Measured& one : sizes) judge(one, figures);
  return true;
}

}  // namespace phoenix::bench
