// What must not last (I4, and the liveness half of I3): a session without calls, an assignment that
// nobody took, a drain, a deadline, an unanswered write, a parked packet while somebody could take
// it. Time counts only while the host is up, not paused, and its store works.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "node/node.h"
#include "sim/check/shadow.h"

namespace phoenix::sim {

class Bounds {
 public:
  Bounds(const Shadow& shadow, Complain complain)
      : shadow_(shadow), complain_(std::move(complain)) {}

  // The host or its store is in trouble, or has just come out of it.
  void disturb(Instant now) { calm_since_ = now; }
  // A session's call has arrived.
  void called(Instant now, const Caller& caller);
  void after_step(Instant now, WallMs wall, const Node& node);
  Instant calm_since() const { return calm_since_; }

 private:
  void sessions(Instant now);
  void packets(Instant now, WallMs wall);
  void drains(WallMs wall);
  void memory(const Node& node);
  void parked(Instant now, WallMs wall, const Node& node);
  bool somebody_could(const Packet& head, const std::vector<MemberView>& members) const;

  const Shadow& shadow_;
  Complain complain_;
  Instant calm_since_{0};
  Instant next_look_{0};
  std::map<std::string, Instant> last_call_;
  std::map<PacketKey, Instant> could_since_;
};

}  // namespace phoenix::sim
