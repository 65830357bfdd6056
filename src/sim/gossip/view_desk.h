// The view's store in the simulator: gossip's own in memory, some time away and perhaps out of
// reach for some hosts.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "membership/view/memory_view_store.h"

namespace phoenix::hostsim {

class ViewDesk {
 public:
  void set_delay(Duration each_way) { delay_ = each_way; }
  Duration delay() const { return delay_; }
  // From here on this host reaches the store, or does not.
  void set_reach(uint32_t host, bool reaches);
  bool reaches(uint32_t host) const { return !cut_.contains(host); }

  gossip::ViewAnswer answer(const std::string& host, const gossip::ViewRequest& request,
                            Instant now);
  const gossip::View& view() const { return store_.view(); }
  // When each number was written, from 1.
  const std::vector<Instant>& changes() const { return changes_; }

 private:
  gossip::MemoryViewStore store_;
  std::set<uint32_t> cut_;
  std::vector<Instant> changes_;
  Duration delay_ = milliseconds(1);
};

}  // namespace phoenix::hostsim
