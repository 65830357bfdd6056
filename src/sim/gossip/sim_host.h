// What the pool keeps of one host, over all its lives.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "membership/membership.h"
#include "sim/gossip/agenda.h"

namespace phoenix::hostsim {

// What went over the host's wire, frames of the layers below not counted.
struct Traffic {
  uint64_t packets_out = 0, bytes_out = 0, packets_in = 0, bytes_in = 0;
  uint64_t streams_out = 0, stream_bytes_out = 0, stream_bytes_in = 0;
  uint64_t buffer_overruns = 0;  // datagrams for which the socket had no room
};

struct SimHost {
  uint32_t number = 0;
  uint32_t life = 0;
  uint32_t site = 0;
  uint64_t boot = 0;
  std::string name;
  std::unique_ptr<gossip::Membership> core;  // none: it is down
  gossip::Remembered disk;
  Duration clock_offset{0};  // of its monotonic clock; another one in each life
  int64_t wall_offset_ms = 0;
  bool paused = false;
  bool blocked = false;
  bool left = false;
  Instant wake = kNever;    // by the pool's time
  Instant queued = kNever;  // the earliest tick in the agenda
  Instant woken{};
  // While paused or blocked.
  std::deque<Entry> inbox;
  size_t inbox_bytes = 0;
  std::vector<gossip::PacketOut> outbox;
  std::vector<uint32_t> unsent_streams;
  Traffic traffic;
};

}  // namespace phoenix::hostsim
