// Where this host is in the network, as a point whose distances to other hosts' points are round
// trip times (Dabek et al.: "Vivaldi: a decentralized network coordinate system"), with Serf's
// additions: a height for the access link, a moving average of what the space cannot express, and
// a slight pull to the origin against drift. Hosts tell it in acks, so that `serf rtt` works. Not
// used for anything else.
//
// Serf's figures: 8 dimensions, both gains 0.25, error at most 1.5, 20 adjustments, height at least
// 10 microseconds, the median of 3 samples of a host, gravity 150. All in seconds.
#pragma once

#include <array>
#include <cstddef>

#include "base/prng.h"
#include "base/time.h"
#include "membership/wire/serf_messages.h"

namespace phoenix::gossip {

// The last round trips to one host: single ones are often far off. Negative: none yet.
class RttSamples {
 public:
  // The median of the last three, this one included; of two, the longer.
  double add(double rtt_seconds);

 private:
  std::array<float, 3> samples_{-1, -1, -1};
};

class Vivaldi {
 public:
  static constexpr Duration kLongestRtt = seconds(10);

  // The random numbers tell hosts at the same point which way to part.
  explicit Vivaldi(Prng prng) : prng_(prng) {}

  // False, and nothing changed: the time is out of range, or a coordinate that no host can have.
  bool update(const Coordinate& other, RttSamples& samples, Duration rtt);
  const Coordinate& coordinate() const { return own_; }

 private:
  static constexpr size_t kAdjustments = 20;

  void move(const Coordinate& other, double rtt);
  void adjust(const Coordinate& other, double rtt);
  void pull_to_origin();
  void push(const Coordinate& from, double force);

  Prng prng_;
  Coordinate own_;
  std::array<double, kAdjustments> adjustments_{};
  size_t next_adjustment_ = 0;
};

// How long a round trip takes by these coordinates.
double estimated_rtt(const Coordinate& a, const Coordinate& b);

}  // namespace phoenix::gossip
