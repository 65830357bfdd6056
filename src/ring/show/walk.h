// The walk of a placement, told: which members it met clockwise of the point, which of them it
// walked over and why, and whom it chose. Decides nothing: the owner is Placement::place()'s
// answer.
#pragma once

#include <optional>
#include <vector>

#include "ring/placement.h"

namespace phoenix {

// By what the owner was better than the other eligible members of its window.
enum class DecidedBy : uint8_t {
  kNobody,   // nobody is eligible
  kOnly,     // there is no other
  kNearest,  // affinity, or a window of one
  kScore,
  kId,          // equal scores: the first by (namespace, id) bytes
  kLastResort,  // it was to be passed over, and nobody else is eligible
};

struct Walk {
  // In the order in which they were met: all eligible ones, and of the others the first
  // `most_others`.
  std::vector<Candidate> met;
  uint64_t omitted = 0;  // others that were met and do not stand in `met`
  // Every member of the window was met. False: the walk would have gone on for too long.
  bool complete = true;
  std::optional<MemberIndex> owner;
  DecidedBy decided_by = DecidedBy::kNobody;
};

// Examines at most a million v-nodes.
Walk explain(const Placement& placement, const PlaceQuery& query, size_t most_others);

}  // namespace phoenix
