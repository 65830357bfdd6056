// The pings that are under way, each with its number, whom it asked and why, and until when its
// answer counts. Bounded. Single-threaded.
//
// Mostly a dozen, so they stand in one piece and are gone through; beyond that the bound keeps it
// cheap enough.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "membership/endpoint.h"

namespace phoenix::gossip {

enum class PingKind : uint8_t {
  kProbe,   // of the round; `host` is probed
  kRelay,   // for another host, which waits for the answer at `back`
  kHolder,  // of a name's old address, before it is taken by a new one
  kLast,    // of a suspect, before it is declared dead
  kAsked,   // by our own upper layers
};

struct PingUnderWay {
  PingKind kind = PingKind::kProbe;
  bool nack = false;  // kRelay: the other one wants to hear that there was no answer
  bool over = false;  // the deadline has passed, only a late answer is waited for
  int owed = 0;       // kProbe, over: nacks that did not come in time, and cost us health
  uint32_t host = UINT32_MAX;
  uint32_t life = 0;      // of the host
  uint32_t back_seq = 0;  // kRelay: the other one's number
  Endpoint to;
  Endpoint back;
  Instant sent;
  Instant deadline;  // what happens then is the owner's to say
};

class Pings {
 public:
  Pings(size_t most, uint32_t first) : most_(most), next_seq_(first) {}
  // Its number, never 0; 0: too many.
  uint32_t add(const PingUnderWay& ping);
  PingUnderWay* find(uint32_t seq);
  void set_deadline(uint32_t seq, Instant deadline);
  void remove(uint32_t seq);
  void shift(Duration by);  // all deadlines
  size_t size() const { return pings_.size(); }
  Instant next() const { return keys_.empty() ? kNever : keys_[next_].deadline; }
  uint32_t next_seq() const { return keys_[next_].seq; }  // requires: next() != kNever
  // Those to that address, in the order in which they were added.
  std::vector<uint32_t> all_to(const Endpoint& to) const;
  // For who knows that this one is used soon: what it will touch.
  void prefetch() const;

 private:
  struct Key {
    Instant deadline;
    uint32_t seq = 0;
    auto operator<=>(const Key&) const = default;
  };
  size_t place_of(uint32_t seq) const;  // size(): nowhere
  void find_next();

  size_t most_;
  uint32_t next_seq_;
  // Side by side, in no order.
  std::vector<Key> keys_;
  std::vector<PingUnderWay> pings_;
  size_t next_ = 0;  // the place of the first that is due
};

}  // namespace phoenix::gossip
