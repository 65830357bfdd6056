// The view in the pool's shared store, and this life's beats there: what a request of the gossip
// comes to as calls of a PoolStore. A request is a beat; a proposal is a swap and then a beat.
//
// Who enters or leaves the store's list of lives is computed from the two views: a host's entry
// under another boot is one life that leaves and one that enters; another incarnation or weight
// alone is neither. Blocking: for a thread that may wait.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/host_life.h"
#include "base/time.h"
#include "membership/view/view.h"
#include "store/pool_store.h"

namespace phoenix {

// One beat that was answered.
struct PoolBeat {
  Instant sent;  // this host's monotonic clock, before the store was asked
  Beat beat;
  gossip::ViewRef view;  // not null: the newest one, which differs from that of the beat before
  // This life stood in the view, as far as this host saw, and does not any more.
  bool over = false;
};

// What one look at the store brought.
struct PoolLook {
  std::vector<PoolBeat> beats;  // those that were answered, in order, also if a later step failed
  gossip::ViewAnswer answer;    // its id is the request's
};

class PoolViews {
 public:
  // `clock` reads the monotonic clock of this host. `lapse`: how old a hold may be.
  PoolViews(PoolStore& store, HostLife self, std::function<Instant()> clock,
            Duration lapse = seconds(5));

  PoolLook apply(const gossip::ViewRequest& request);
  // A beat that nobody asked for.
  PoolLook beat() { return apply({}); }

  // The newest view seen.
  const gossip::View& view() const;

 private:
  Result<bool> take(const PoolView& newest);
  Result<bool> swap(const gossip::ViewRequest& request, gossip::ViewAnswer& answer);
  Result<bool> beat(PoolLook& look);

  PoolStore& store_;
  HostLife self_;
  std::function<Instant()> clock_;
  Duration lapse_;
  gossip::ViewRef view_;
  gossip::ViewRef told_;          // by the last beat
  std::vector<HostLife> fenced_;  // as the last beat told
  Instant beaten_ = kNever;       // the last answered beat was sent then
  Instant steady_since_;          // from then on beats were answered without a break
  bool stood_ = false;            // this life has been seen unfenced
};

}  // namespace phoenix
