// All durations and multipliers of the protocol in one place, with the formulas that scale them.
// `n` counts live hosts only, this one included: dead entries that are not forgotten yet would
// otherwise stretch every timer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace phoenix::gossip {

struct Timing {
  // SWIM.
  Duration probe_interval = milliseconds(400);
  Duration probe_timeout = milliseconds(150);  // of the direct ping, before others are asked
  int indirect_checks = 3;
  int suspicion_multiplier = 3;
  // How many other hosts must share a suspicion until it lasts the shortest time. memberlist has
  // suspicion_multiplier - 2; but a short multiplier is no reason to believe a single witness.
  int confirmations = 3;
  int suspicion_max_multiplier = 6;  // the longest suspicion is so many times the shortest
  int retransmit_multiplier = 4;
  Duration gossip_interval = milliseconds(200);
  int gossip_nodes = 3;
  Duration gossip_to_the_dead = seconds(30);
  Duration push_pull_interval = seconds(30);
  Duration stream_timeout = seconds(10);
  int health_max = 8;  // the local health score stays below
  // Serf.
  Duration reap_interval = seconds(15);
  Duration reconnect_interval = seconds(30);
  Duration reconnect_timeout = seconds(int64_t{24} * 3600);  // a failed host is forgotten after
  Duration tombstone_timeout = seconds(int64_t{24} * 3600);  // a host that left is forgotten after
  Duration intent_timeout = seconds(int64_t{5} * 60);  // intents about unknown hosts are kept for
  Duration leave_propagation = seconds(1);
  // Ours.
  Duration holder_check = seconds(1);    // the old address of a name must be silent for so long
  Duration heal_interval = seconds(10);  // one remembered address that is no live host is tried
  Duration view_heartbeat = seconds(1);
  // SWIM as it was before Lifeguard, to compare with: suspicion_max_multiplier and health_max are
  // to be 1 then, and nothing is done about a suspect, or our own sleep, but what SWIM does.
  bool plain_swim = false;
};

// suspicion_multiplier x max(1, log10(n)) x probe_interval; the logarithm is cut to thousandths.
Duration shortest_suspicion(const Timing& timing, size_t n);
// How long a suspicion lasts in all once `confirmations` other hosts share it, of `expected`.
Duration suspicion_length(Duration shortest, Duration longest, int confirmations, int expected);
// retransmit_multiplier x ceil(log10(n + 1)); but a pool that is so small that everybody can be
// told (up to 8) gets n: chance would miss somebody there far too often.
int retransmit_limit(const Timing& timing, size_t n);
// push_pull_interval, doubled, tripled … per doubling of n beyond 32.
Duration push_pull_every(const Timing& timing, size_t n);

}  // namespace phoenix::gossip
