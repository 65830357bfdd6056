// How long a host's loop should wait for its next task at once: so briefly that it watches rather
// than sleeps (EventLoop::run_one_for), or longer. It watches while a commit for few callers is at
// the store, and while an offer is at another host, whose receiver is often code that answers in
// less time than going to sleep and waking up take from it; the giver waits all the while.
//
// Watching costs a processor. So an offer is watched for a short time and alone (several are each
// other's company), and where that was in vain, but for a try now and then no more.
#pragma once

#include <algorithm>
#include <chrono>
#include <span>
#include <variant>

#include "base/time.h"
#include "cluster/cluster.h"

namespace phoenix {

class Patience {
 public:
  static constexpr std::chrono::microseconds kSleeps{20'000};
  static constexpr std::chrono::microseconds kWatches{200};  // and is asked again
  static constexpr Duration kOfAnOffer = microseconds(500);  // at most

  // These leave now.
  void sent(Instant now, std::span<const PeerMessageOut> messages) {
    for (const PeerMessageOut& out : messages) {
      const auto* said = std::get_if<NodeMessage>(&out.message);
      if (said != nullptr && std::holds_alternative<Offered>(*said)) offered(now);
    }
  }
  // Something was: most likely the handoff that was offered.
  void committed() {
    if (until_ == Instant{}) return;
    until_ = {};
    in_vain_ = 0;
  }
  std::chrono::microseconds at(Instant now, bool committing) {
    if (committing) return kWatches;
    const Duration left = left_at(now);
    if (left == Duration{}) return kSleeps;
    return std::min(kWatches, std::chrono::microseconds(left.ns / 1'000 + 1));
  }

 private:
  static constexpr uint32_t kTries = 4;
  static constexpr uint32_t kTryEvery = 16;

  Duration left_at(Instant now) {
    if (until_ == Instant{}) return {};
    if (now < until_) return until_ - now;
    until_ = {};
    ++in_vain_;
    return {};
  }
  void offered(Instant now) {
    const bool alone = left_at(now) == Duration{};
    const bool hopeful = in_vain_ < kTries || ++skipped_ % kTryEvery == 0;
    until_ = alone && hopeful ? now + kOfAnOffer : Instant{};
  }

  Instant until_{};       // it watches for an offer; 0: it does not
  uint32_t in_vain_ = 0;  // one after the other
  uint32_t skipped_ = 0;
};

}  // namespace phoenix
