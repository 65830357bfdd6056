// The next view from the newest one and what is to change in it; and what did change between two.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "membership/view/observer_rings.h"
#include "membership/view/view_filter.h"

namespace phoenix::gossip {

struct ViewChanges {
  // Cut, each with the highest incarnation seen of it.
  std::vector<std::pair<HostIndex, uint32_t>> cut;
  std::vector<HostIndex> leave;      // of their own accord: nothing is held against them
  std::vector<ViewHost> enter;       // new ones, and new entries for those that are in it
  std::vector<std::string> forgive;  // removed long enough ago
  bool empty() const { return cut.empty() && leave.empty() && enter.empty(); }
};

// Requires: indices of `base`; nobody both leaves and enters.
View next_view(const RankedView& base, const ViewChanges& changes);

// Since when this host knows of the removals in its view: clocks of hosts cannot be compared, so
// each counts the hour until a removal is forgotten by itself, and who proposes next drops it.
class RemovalMemory {
 public:
  void adopt(const View& before, const View& after, Instant now);
  std::vector<std::string> forgiven(const View& view, Instant now) const;

 private:
  std::vector<Instant> since_;  // by place in View::removed
};

// Who came, went or changed; views between the two may have been missed.
void tell_changes(const View& before, const View& after, std::vector<ViewEvent>& out);

}  // namespace phoenix::gossip
