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
};

inline constexpr std::array<std::string_view, 9> kPlantedBugNames = {
    "none",
    "epoch-not-compared",
    "eviction-forgets-one",
    "acknowledge-before-sync",
    "deliver-before-grant",
    "lease-renewed-by-stale",
    "wake-up-lost",
    "heartbeat-passes-delivery",
    "held-not-redelivered",
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
