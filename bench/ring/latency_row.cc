// Row 3: the time that one lookup takes from end to end, at 1,000 members.

#include "bench/ring/our_ring.h"
#include "bench/ring/peers/jump.h"
#include "bench/ring/rows.h"
#include "bench/ring/timing.h"

namespace phoenix::bench {

Result<bool> ring_latency(const RingOptions& options, Figures& figures) {
  pin_thread();
  const uint32_t members = options.quick ? 100 : 1'000;
  const OurRing ours(members, 100);
  Rounds rounds(kRounds, milliseconds(options.quick ? 1 : 100));
  rounds.add("ours", dependent([&](uint64_t key) { return ours.owner(position_of(key)); }));
  rounds.add("Jump", dependent([=](uint64_t key) { return jump_hash(key, members); }));
  rounds.add("bare loop", dependent([](uint64_t key) { return key & 1; }));
  rounds.run();
  Figure figure = {.row = 3,
                   .what = "dependent lookups, 1k x 128, ours / Jump",
                   .value = rounds.ratio("ours", "Jump"),
                   .unit = "ratio",
                   .bar = {Bar::Op::kAtMost, 0.6},
                   .beside = {}};
  for (const char* name : {"ours", "Jump", "bare loop"}) {
    figure.beside.emplace_back(std::string(name) + ", ns", rounds.ns(name));
  }
  figures.push_back(std::move(figure));
  return true;
}

}  // namespace phoenix::bench
