// What must hold of all hosts together, looked at now and then: who drives a slot has its row (I1),
// a driver's memory says what the store says, and, once all has been well for a while, that nothing
// outlives its bound (I3, I4): a slot without a driver, a packet that is left with an owner who is
// gone or parked while somebody could take it, a session without calls, a wait, and what a host
// believes of members, their sessions and their load when it is not so (any more).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/check/shadow.h"
#include "sim/cluster/machine.h"
#include "sim/cluster/pool_rows.h"

namespace phoenix::sim {

class PoolBounds {
 public:
  PoolBounds(const Shadow& shadow, const PoolRows& rows,
             const std::vector<std::unique_ptr<Machine>>& machines, Complain complain)
      : shadow_(shadow), rows_(rows), machines_(machines), complain_(std::move(complain)) {}

  // A session's call has arrived at some host.
  void called(Instant now, const Caller& caller);
  // calm_since: since when all has been well; kNever if it is not.
  void look(Instant now, WallMs wall, Instant calm_since);

 private:
  void drivers();
  void memory(const Machine& machine);
  void every_slot(Instant now, Instant calm_since);
  void waits(const Machine& machine);
  void packets(Instant now, WallMs wall, Instant calm_since);
  void owned(Instant now, Instant calm_since, const Shadow::Track& track);
  void parked(Instant now, WallMs wall, Instant calm_since, const Shadow::Track& track,
              const std::map<MemberKey, uint64_t>& loads);
  void sessions(Instant now, Instant calm_since);
  void beliefs(Instant now, Instant calm_since);
  std::string wrong_belief(const Machine& machine, const MemberRecord& stored, uint64_t held) const;
  std::map<MemberKey, uint64_t> loads() const;
  bool could_take(const Packet& head, const MemberRecord& member, Instant calm_since,
                  const std::map<MemberKey, uint64_t>& loads) const;

  const Shadow& shadow_;
  const PoolRows& rows_;
  const std::vector<std::unique_ptr<Machine>>& machines_;
  Complain complain_;
  std::map<std::string, Instant> last_call_;
  std::map<PacketKey, Instant> could_since_;
  std::map<std::pair<PacketKey, uint64_t>, Instant> gone_since_;  // the owner of that epoch
  struct Wrong {
    std::string belief;
    Instant since;
  };
  std::map<std::pair<std::string, MemberKey>, Wrong> wrong_;  // by host
  Instant beliefs_due_{0};
};

}  // namespace phoenix::sim
