#include "sim/gossip/view_desk.h"

namespace phoenix::hostsim {

void ViewDesk::set_reach(uint32_t host, bool reaches) {
  if (reaches) {
    cut_.erase(host);
  } else {
    cut_.insert(host);
  }
}

gossip::ViewAnswer ViewDesk::answer(const std::string& host, const gossip::ViewRequest& request,
                                    Instant now) {
  gossip::ViewAnswer answer = store_.apply(host, request, now);
  if (store_.view().number > changes_.size()) changes_.push_back(now);
  return answer;
}

}  // namespace phoenix::hostsim
