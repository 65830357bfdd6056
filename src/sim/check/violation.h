// What a run can find wrong: the invariant that was broken, and a sentence that says how.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace phoenix::sim {

enum class Invariant : uint8_t {
  kOneOwner,       // I1: at most one owner per epoch; epochs and revisions only grow
  kNothingLost,    // I2: nothing acknowledged is lost
  kOwnedOrParked,  // I3: every live packet is owned by somebody alive, or parked for a reason
  kBounded,        // I4: nothing outlives its bound
  kMovesLeast,     // I5: a membership change moves only what it must
  kLineage,        // I6: the legs of a packet are one chain
  kSameTrace,      // I7: the same seed gives the same trace
  kDelivery,       // a member with a session learns what it has and what it lost
  kExclusive,      // who keeps to its lease has stopped before the next owner starts
  kFence,          // no late call is accepted, no result twice, a repeat gets the same answer
  kGoverned,       // nobody is given what policies keep from them
  kNode,           // the node's own check
  kCrash,          // the program itself failed
};

constexpr std::string_view invariant_name(Invariant invariant) {
  constexpr std::string_view kNames[] = {"I1 one-owner",  "I2 nothing-lost", "I3 owned-or-parked",
                                         "I4 bounded",    "I5 moves-least",  "I6 lineage",
                                         "I7 same-trace", "D1 delivery",     "D2 exclusive",
                                         "F1 fence",      "P1 governed",     "N1 node-check",
                                         "C1 crash"};
  return kNames[static_cast<size_t>(invariant)];
}

struct Violation {
  Invariant invariant = Invariant::kNode;
  Instant at;
  std::string what;
};

// An object, or null. Sentences of violations are made of ids and plain words: nothing in them
// needs escaping.
std::string violation_json(const std::optional<Violation>& violation);

}  // namespace phoenix::sim
