// Where the view lives: one per pool, reached by every phoenix host, with a clock of its own that
// dates heartbeats. Requests go in, answers come later, in any order and on whatever thread the
// implementation answers from; the driver hands them to its Membership.
//
// What every implementation does with a request of host `name` is `apply` of memory_view_store.h:
// it dates the host's heartbeat, compares `expected`, swaps, and answers. A request whose answer is
// lost may have been carried out; asking again is always safe.
#pragma once

#include <functional>
#include <string_view>

#include "membership/view/view.h"

namespace phoenix::gossip {

class ViewStore {
 public:
  using Done = std::function<void(ViewAnswer)>;

  virtual ~ViewStore() = default;
  // Calls `done` exactly once, with the request's id; kUnreachable within a bound of the
  // implementation's choice, at most 5 s.
  virtual void submit(std::string_view name, ViewRequest request, Done done) = 0;
};

}  // namespace phoenix::gossip
