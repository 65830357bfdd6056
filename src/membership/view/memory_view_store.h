// The view and its heartbeats in memory: the store of simulations and tests, and the rules that a
// durable one keeps to. A pure state machine; the caller brings the store's clock and decides when
// requests arrive and answers come back.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "membership/view/view.h"

namespace phoenix::gossip {

class MemoryViewStore {
 public:
  // `lapse`: how old a heartbeat may be.
  explicit MemoryViewStore(Duration lapse = seconds(5)) : lapse_(lapse) {}

  // Hosts cannot do without it: those that have lapsed are unrenewed to whoever has not had a break
  // himself.
  void set_vital() { vital_ = true; }

  // Takes the request of host `name` at once. `now` is the store's clock.
  ViewAnswer apply(std::string_view name, const ViewRequest& request, Instant now);

  const View& view() const;
  const ViewRef& ref() const { return newest_; }

 private:
  Duration lapse_;
  ViewRef newest_ = make_view({});
  std::vector<Instant>
      heartbeats_;  // of the view's hosts, in its order; who enters begins with one
  bool vital_ = false;
  std::map<std::string, Instant, std::less<>> steady_since_;  // of those that came without a break
};

}  // namespace phoenix::gossip
