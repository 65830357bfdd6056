// The suspicions that run: each ends after a time that is long while this host is alone with it,
// and the shorter the more other hosts share it (Lifeguard). Knows hosts by number only.
// Single-threaded; bounded by the number of hosts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "base/time.h"

namespace phoenix::gossip {

class Suspicions {
 public:
  static constexpr int kMostExpected = 8;  // confirmations; more are not waited for

  struct Suspicion {
    Instant started;
    Instant deadline;
    Duration shortest, longest;
    int expected = 0;
    int confirmed = 0;
    Instant checked;        // when the newest of these was made:
    int checks = 0;         // last pings that were made when it had run out
    bool answered = false;  // the suspect did answer a ping since (the newest check)
    std::array<uint64_t, kMostExpected + 1> from{};  // who holds it, by a hash; the first began it
  };

  // Requires: none runs about this host.
  void start(uint32_t host, uint64_t from, Duration shortest, Duration longest, int expected,
             Instant now);
  // True: somebody new, who was still expected.
  bool confirm(uint32_t host, uint64_t from, Instant now);
  void cancel(uint32_t host);
  // No more than so many confirmations can come any more, for any of them.
  void expect_at_most(int expected, Instant now);
  // It does not end before then.
  void postpone(uint32_t host, Instant until);
  // All deadlines and starts move: this host slept.
  void shift(Duration by);

  Suspicion* find(uint32_t host);
  size_t size() const { return running_.size(); }
  Instant next() const { return next_; }  // kNever: none runs
  // The hosts whose suspicion has run out; these go on running until they are cancelled.
  std::vector<uint32_t> due(Instant now) const;

 private:
  void set_deadline(Suspicion& suspicion);
  void find_next();

  std::map<uint32_t, Suspicion> running_;
  Instant next_ = kNever;
};

}  // namespace phoenix::gossip
