// Looks at the members' side: who has a session and calls is told what it was given and what it
// lost (D1), and an old owner that keeps to its lease has stopped before the next one starts (D2).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/check/shadow.h"
#include "sim/check/worker.h"

namespace phoenix::sim {

class Work {
 public:
  Work(const Shadow& shadow, Complain complain) : shadow_(shadow), complain_(std::move(complain)) {}

  void add(const Worker* worker) { workers_.push_back(worker); }
  void after_step(Instant now, Instant calm_since);
  // The packet has a next owner, because the session of the one before it has ended.
  void regranted(const PacketKey& key, uint64_t epoch);

 private:
  void told(Instant now, Instant calm_since, const Worker& worker);
  void given(Instant now, Instant calm_since);

  const Shadow& shadow_;
  Complain complain_;
  std::vector<const Worker*> workers_;
  Instant next_look_{0};
};

}  // namespace phoenix::sim
