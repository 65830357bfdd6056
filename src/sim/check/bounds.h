// What must not last (I4, and the liveness half of I3): a session without calls, an assignment that
// nobody took, a drain, a deadline, an unanswered write, a parked packet while somebody could take
// it. Time counts only while the host is up, not paused, and its store works.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "node/node.h"
#include "sim/check/shadow.h"
#include "sim/governed/policy_check.h"

namespace phoenix::sim {

class Bounds {
 public:
  Bounds(const Shadow& shadow, const PolicyCheck& policies, Complain complain)
      : shadow_(shadow), policies_(policies), complain_(std::move(complain)) {}

  // The host or its store is in trouble, or has just come out of it.
  void disturb(Instant now) { calm_since_ = now; }
  // A new life of the host counts what is left of a wall clock's deadline anew.
  void restarted(Instant now) {
    disturb(now);
    drained_by_.clear();
  }
  // A session's call has arrived.
  void called(Instant now, const Caller& caller);
  void after_step(Instant now, WallMs wall, const Node& node);
  Instant calm_since() const { return calm_since_; }

 private:
  void sessions(Instant now);
  void packets(Instant now, WallMs wall);
  void drains(Instant now, WallMs wall);
  void memory(const Node& node);
  void parked(Instant now, WallMs wall, const Node& node);
  bool waits(Instant now, WallMs wall, const Packet& head) const;
  // Who could take it; null: nobody.
  const MemberRecord* taker(const Packet& head, const std::vector<MemberView>& members) const;

  const Shadow& shadow_;
  const PolicyCheck& policies_;
  Complain complain_;
  Instant calm_since_{0};
  Instant next_look_{0};
  std::map<std::string, Instant> last_call_;
  std::map<PacketKey, Instant> could_since_;
  std::map<MemberKey, Instant> drained_by_;  // the deadline on the monotonic clock
};

}  // namespace phoenix::sim
