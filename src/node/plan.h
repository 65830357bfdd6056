// What a change of membership would move, told before it is done. A plan is made by the very code
// that carries the change out, and is exact as long as nothing else happens in between: no packet
// comes, is delivered, ends or fails, and no other member changes.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "directory/member.h"
#include "node/command.h"
#include "packet/packet.h"
#include "ring/point.h"

namespace phoenix {

// It goes without notice: retired by itself alone, or all members of its session when that ends.
struct PlanLeave {
  MemberKey key;
  bool whole_session = false;
};
struct PlanDrain {
  MemberKey key;
};
// key .. manual filled in, as for Register.
struct PlanJoin {
  MemberRecord member;
};
// Labels play no part.
struct PlanChange {
  PatchMember patch;
};
using PlanRequest = std::variant<PlanLeave, PlanDrain, PlanJoin, PlanChange>;

struct PlannedMove {
  std::string packet;            // id
  std::string from;              // owner now; empty: it is parked
  std::string to;                // owner then; empty: nobody
  std::optional<Parked> parked;  // why nobody, unless it fails
  bool fails = false;            // it lost its owner too often: FAILED
};
struct PlannedShare {
  std::string member;
  uint64_t before = 0;  // positions of 2^32 that belong to it by the plain ring of the namespace
  uint64_t after = 0;
};

struct Plan {
  std::vector<std::string> members;  // who leaves, joins, changes
  std::vector<PlannedMove> moves;    // in the order in which it happens; the first `most` of them
  uint64_t omitted = 0;              // moves beyond those
  // All of them, by what becomes of them. taken = placed + parked + failed.
  uint64_t taken = 0;    // from an owner
  uint64_t placed = 0;   // of these: to another owner at once
  uint64_t parked = 0;   // of these: to nobody, for now
  uint64_t failed = 0;   // of these: for good
  uint64_t woken = 0;    // were parked, get an owner
  uint64_t kept = 0;     // stay with the member (drain: until they end or the deadline comes)
  uint64_t minimum = 0;  // least number that has to be taken from an owner for this change
  // The ring of the namespace, when the change is over.
  uint64_t vnodes_before = 0;
  uint64_t vnodes_after = 0;
  uint64_t positions = 0;            // that change hands
  std::vector<PlannedShare> shares;  // whose share changes, by id
  std::bitset<kSlots> slots;         // with positions that change hands
  // Writes without an answer from the store: while there are some, packets are on their way.
  size_t writes_in_flight = 0;
};

}  // namespace phoenix
