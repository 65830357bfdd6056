// The runs of CMD as the workers tell of them: which began where and when, which were in vain, and
// how long after a signal the next owner began. Pure; times are the demo's own clock.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "cli/demo/ledger.h"

namespace phoenix::demo {

class Runs {
 public:
  void begins(const std::string& worker, const std::string& packet, uint64_t epoch, Instant at);
  void ends(const std::string& worker, const std::string& packet, uint64_t epoch, Instant at);
  // Killed or frozen: work that the worker has in hand counts as done until then.
  void hit(const std::string& worker, Instant at);

  // Whether CMD runs for it, as far as its worker has told.
  bool running(const std::string& packet, uint64_t epoch) const;
  uint64_t begun() const { return runs_.size(); }
  // Runs beyond the one that each accepted result or handoff took. Requires: all packets ended.
  uint64_t in_vain(const Ledger& ledger) const;
  // Time of these runs ÷ time of all runs; 0 if there was none.
  double wasted_share(const Ledger& ledger) const;
  // Per lost packet: signal to the next owner's run, in milliseconds.
  std::vector<double> recovery_ms(const Ledger& ledger) const;

 private:
  struct Run {
    std::string worker;
    std::string packet;
    uint64_t epoch = 0;
    Instant began;
    Instant ended = kNever;
  };
  Instant end_of(const Run& run) const;
  // Whether this run's outcome was accepted: the last one of an epoch that bore fruit.
  bool fruitful(size_t index, const Ledger& ledger) const;

  std::vector<Run> runs_;
  std::map<std::pair<std::string, uint64_t>, std::vector<size_t>> of_epoch_;
  std::map<std::string, Instant> hits_;
};

}  // namespace phoenix::demo
