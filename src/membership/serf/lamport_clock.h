// Lamport's logical clock: orders what hosts say without any of them agreeing on the time of day.
#pragma once

#include "membership/wire/serf_messages.h"

namespace phoenix::gossip {

class LamportClock {
 public:
  // No honest pool gets here in the life of a universe, and adding one to it does not wrap.
  static constexpr LamportTime kLatest = LamportTime{1} << 62;

  // What the next message is to carry.
  LamportTime time() const { return time_; }
  // The highest that was seen or sent; 0: none.
  LamportTime seen() const { return time_ - 1; }
  // The time of a new message of this host.
  LamportTime next() { return time_++; }
  // Another's time. False, and nothing happened: nobody can have counted that far.
  bool witness(LamportTime other) {
    if (other > kLatest) return false;
    if (other >= time_) time_ = other + 1;
    return true;
  }

 private:
  LamportTime time_ = 1;
};

}  // namespace phoenix::gossip
