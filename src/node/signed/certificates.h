// Who has left for good and is to be certified to own nothing. Soft: a host that goes meanwhile
// leaves its leavers without a certificate, and nothing else depends on one.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "base/host_life.h"
#include "base/key.h"

namespace phoenix {

// As its last home.
struct Leaver {
  MemberKey key;
  uint64_t incarnation = 0;
  std::set<HostLife> open;  // keepers that have not said yet that nothing is its
  uint64_t query = 0;       // Output.wanted_heads; 0: not asked yet
  std::string envelope;     // signed, and to be written
};
// As a keeper that was asked.
struct AskedParting {
  HostLife by;
  MemberKey key;
  uint64_t incarnation = 0;
};

struct Certificates {
  static constexpr size_t kMost = 4096;  // of each; more are left without
  std::deque<Leaver> leavers;
  std::deque<AskedParting> asked;
  uint64_t next_query = 0;
  bool empty() const { return leavers.empty() && asked.empty(); }
};

}  // namespace phoenix
