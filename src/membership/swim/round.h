// Whose turn it is: every live host once a round, in an order that is shuffled anew, and those who
// come meanwhile somewhere among the rest. Nobody waits longer than one and a half rounds from one
// turn to the next, and nobody is forgotten, as random draws would forget somebody.
#pragma once

#include <cstddef>
#include <vector>

#include "base/prng.h"
#include "membership/swim/host_table.h"

namespace phoenix::gossip {

class Round {
 public:
  // kNone: nobody is live.
  HostNumber next(const HostTable& hosts, Prng& prng);
  void add(HostNumber host, Prng& prng);

 private:
  void begin(const HostTable& hosts, Prng& prng);

  std::vector<HostNumber> order_;
  size_t at_ = 0;
};

}  // namespace phoenix::gossip
