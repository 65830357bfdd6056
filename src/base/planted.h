// Known bugs that one extra build can plant into the core, to prove that the simulator finds them.
// In every other build planted() is false at compile time, so its branches vanish. Which bug it is
// is chosen once, before the first Node is made; not for anything but the simulator.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace phoenix {

enum class PlantedBug : uint8_t {
  kNone,
  kEpochNotCompared,         // an owner's call is taken whatever epoch it shows
  kEvictionForgetsOne,       // a session's end leaves one of its packets with the dead owner
  kAcknowledgeBeforeSync,    // an answer leaves before its write is durable
  kDeliverBeforeGrant,       // a delivery leaves before the grant is durable
  kLeaseRenewedByStale,      // a call of an ended generation renews the lease
  kWakeUpLost,               // a parked packet is not woken when a member becomes eligible
  kHeartbeatPassesDelivery,  // a heartbeat's `next` acknowledges a delivery it did not carry
  kHeldNotRedelivered,       // what `held` listed is not delivered again after attaching
  // Of several hosts.
  kDeposedCreates,         // a host that is out of the view may still create packets
  kTakerFences,            // who leaves the view is fenced only when a slot of his is taken over
  kReleaseForgotten,       // a view returns a slot that is being given up: nobody releases it
  kTombstoneTakenForReal,  // a batch id that stands already counts as committed
  kSessionEndNotCompared,  // a session ends though it was attached elsewhere meanwhile
  kReleasedInFlight,       // a slot is handed over while a write of it is under way
  kOlderRecordWins,        // news of a member or session that arrive late undo newer ones
  kUnknownTakenForFailed,  // a commit without an answer counts as one that did not happen
  kUnknownTakenForDone,    // or as one that did
  kOneIdTwice,             // two hosts may register one id at once
  kLeaseWithoutHold,       // a home promises a whole lease whatever is left of its own hold
  kNotDeliveredAgain,      // a link that comes up again says nothing of what was lost with it
  kAdoptedAtOnce,          // a dead home's sessions end without waiting for their leases
  kWithdrawalNotTold,      // a keeper does not tell the home that an epoch is over
  kAnswerNotKept,          // what a call in parts came to leaves though it could not be kept
  // Of tickets.
  kTicketNotWaitedFor,      // a lost owner's packet is placed while its ticket is good
  kTicketPromiseForgotten,  // who takes a packet over knows of no ticket
  // Of signed handoffs.
  kOldKeyTaken,         // what was signed with a key that was replaced is taken
  kTermsNotAskedAgain,  // what binds a handoff is not asked again when it is committed
  // Of certificates.
  kRecordsNotReadAgain,  // who enters the view goes by what it read of members before
  kStoreNotLookedAt,     // what a dead keeper has left with the leaver is not looked for
  // Of policies.
  kDecisionKeptTooLong,  // what they said of a member is still taken when it has changed
};

inline constexpr std::array<std::string_view, 31> kPlantedBugNames = {
    "none",
    "epoch-not-compared",
    "eviction-forgets-one",
    "acknowledge-before-sync",
    "deliver-before-grant",
    "lease-renewed-by-stale",
    "wake-up-lost",
    "heartbeat-passes-delivery",
    "held-not-redelivered",
    "deposed-creates",
    "taker-fences",
    "release-forgotten",
    "tombstone-taken-for-real",
    "session-end-not-compared",
    "released-in-flight",
    "older-record-wins",
    "unknown-taken-for-failed",
    "unknown-taken-for-done",
    "one-id-twice",
    "lease-without-hold",
    "not-delivered-again",
    "adopted-at-once",
    "withdrawal-not-told",
    "answer-not-kept",
    "ticket-not-waited-for",
    "ticket-promise-forgotten",
    "old-key-taken",
    "terms-not-asked-again",
    "records-not-read-again",
    "store-not-looked-at",
    "decision-kept-too-long",
};

constexpr std::string_view planted_bug_name(PlantedBug bug) {
  return kPlantedBugNames[static_cast<size_t>(bug)];
}

constexpr std::optional<PlantedBug> planted_bug_from_name(std::string_view name) {
  for (size_t i = 0; i < kPlantedBugNames.size(); ++i) {
    if (kPlantedBugNames[i] == name) return static_cast<PlantedBug>(i);
  }
  return std::nullopt;
}

#ifdef PHOENIX_PLANTED_BUGS
inline PlantedBug chosen_bug = PlantedBug::kNone;
inline bool planted(PlantedBug bug) { return chosen_bug == bug; }
// True: the bug is planted from now on. Requires: no Node exists.
inline bool plant(PlantedBug bug) {
  chosen_bug = bug;
  return true;
}
#else
constexpr bool planted(PlantedBug) { return false; }
// False if it would be another than kNone: this build has none.
constexpr bool plant(PlantedBug bug) { return bug == PlantedBug::kNone; }
#endif

}  // namespace phoenix
