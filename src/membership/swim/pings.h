// The pings that are under way, each with its number, whom it asked and why, and until when its
// answer counts. Bounded. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

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
  Instant next() const { return deadlines_.empty() ? kNever : deadlines_.begin()->first; }
  uint32_t next_seq() const { return deadlines_.begin()->second; }  // requires: next() != kNever
  // The first one to that address after `seq`, 0: none (any more).
  uint32_t next_to(const Endpoint& to, uint32_t seq) const;

 private:
  size_t most_;
  uint32_t next_seq_;
  std::map<uint32_t, PingUnderWay> pings_;
  std::set<std::pair<Instant, uint32_t>> deadlines_;
};

}  // namespace phoenix::gossip
