// This host's dealings with the store: one request at a time, a heartbeat when nothing else is to
// be asked, backoff while the store does not answer.
#pragma once

#include <cstdint>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "membership/view/view.h"

namespace phoenix::gossip {

class StoreLink {
 public:
  StoreLink(Duration heartbeat, Prng prng) : heartbeat_(heartbeat), prng_(prng) {}

  // From now on.
  void start(Instant now) { next_ = now; }
  // The newest view is wanted soon; no effect while the store does not answer. However often it is
  // called, requests keep a distance.
  void hurry(Instant now);
  // We did not run: an answer may wait behind this call.
  void paused(Instant now);

  // Sends the heartbeat that is due, and gives up a request that had no answer in time.
  void tick(Instant now, uint64_t number, std::vector<ViewRequest>& out);
  // Whether a proposal may be sent now.
  bool ready(Instant now) const;
  // Requires: ready(). `proposed` is made from the view before its number.
  void propose(View proposed, Instant now, std::vector<ViewRequest>& out);
  // Before the answer's view is looked at.
  void answered(const ViewAnswer& answer, Instant now);

  bool answers() const { return answers_; }  // the last request was answered
  uint64_t last_id() const { return id_; }
  Instant next_wake() const { return waiting_ ? deadline_ : next_; }

  uint64_t proposals() const { return proposals_; }
  uint64_t conflicts() const { return conflicts_; }
  uint64_t unreachable() const { return unreachable_; }

 private:
  void failed(Instant now);
  void send(ViewRequest request, Instant now, std::vector<ViewRequest>& out);

  Duration heartbeat_;
  Prng prng_;
  Instant next_ = kNever;      // of the next request, unless one is under way
  Instant not_before_{};       // of the next proposal
  Instant sent_{};             // the last request
  Instant deadline_ = kNever;  // of the answer
  uint64_t id_ = 0;
  uint64_t proposed_ = 0;  // number of the view that the last request proposes; 0: none
  bool waiting_ = false, again_ = false, answers_ = false;
  int failures_ = 0;
  uint64_t proposals_ = 0, conflicts_ = 0, unreachable_ = 0;
};

}  // namespace phoenix::gossip
