// The queries of late by Lamport time and id, so that each is answered and passed on once. Slots as
// in EventLog; at most 256 queries of one time are remembered, and no more of that time are taken.
#pragma once

#include <cstddef>
#include <vector>

#include "membership/serf/event_log.h"

namespace phoenix::gossip {

class QueryLog {
 public:
  static constexpr size_t kSlots = 512;
  static constexpr size_t kMostAtOnce = 256;

  // `time` is the query clock, which has witnessed the query.
  Novelty add(LamportTime ltime, uint32_t id, LamportTime time);
  // Whatever is older than `floor` is too old from now on.
  void ignore_before(LamportTime floor);

 private:
  struct Slot {
    LamportTime ltime = 0;
    std::vector<uint32_t> ids;
  };
  std::vector<Slot> slots_;  // none before the first query
  LamportTime floor_ = 0;
};

}  // namespace phoenix::gossip
