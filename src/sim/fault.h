// The kinds of faults that a run can inject, and how often each was.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace phoenix::sim {

enum class Fault : uint8_t {
  kRequestLost,
  kAnswerLost,
  kMessageLate,  // a request or an answer is overtaken by later ones
  kPartition,    // nothing of one process comes through for a while
  kStreamCut,
  kKill,            // a process is gone; another takes its place under another id
  kRestartSaved,    // a process is gone and comes back with its saved token
  kRestartReplace,  // a process is gone and takes its own ids over
  kFreeze,          // a process stands still for longer than its lease, then goes on
  kTwin,            // a frozen process comes back while its successor used its token and died
  kSlow,            // a process answers and works slowly for a while
  kDrain,
  kRetire,
  kPatch,          // capabilities, weight or maxLoad change under way
  kHostCrash,      // what was not synced is lost
  kHostRestart,    // orderly: shutdown, then a new run
  kHostPause,      // no input and no tick for a while
  kClockJump,      // the host\'s wall clock is set, forward or back
  kStoreRefuse,    // a full disk
  kStoreConflict,  // somebody else wrote
  kStoreUnknownApplied,
  kStoreUnknownLost,
  kStoreHeld,  // a sync that takes very long
  // Only where members sign.
  kKeyChange,    // a process comes back with another key, which an operator has allowed
  kTermsChange,  // the contract in force becomes another one
};
inline constexpr size_t kFaults = 25;
inline constexpr size_t kUnsignedFaults = 23;

inline constexpr std::array<std::string_view, kFaults> kFaultNames = {"request-lost",
                                                                      "answer-lost",
                                                                      "message-late",
                                                                      "partition",
                                                                      "stream-cut",
                                                                      "kill",
                                                                      "restart-saved",
                                                                      "restart-replace",
                                                                      "freeze",
                                                                      "twin",
                                                                      "slow",
                                                                      "drain",
                                                                      "retire",
                                                                      "patch",
                                                                      "host-crash",
                                                                      "host-restart",
                                                                      "host-pause",
                                                                      "clock-jump",
                                                                      "store-refuse",
                                                                      "store-conflict",
                                                                      "store-unknown-applied",
                                                                      "store-unknown-lost",
                                                                      "store-held",
                                                                      "key-change",
                                                                      "terms-change"};

struct FaultCounts {
  std::array<uint64_t, kFaults> of{};
  void add(Fault fault) { ++of[static_cast<size_t>(fault)]; }
  void add(const FaultCounts& other) {
    for (size_t i = 0; i < kFaults; ++i) of[i] += other.of[i];
  }
  uint64_t total() const {
    uint64_t sum = 0;
    for (uint64_t count : of) sum += count;
    return sum;
  }
};

// Of several hosts, beside those of the network between them and their callers.
enum class PoolFault : uint8_t {
  kHostCrash,      // a process is gone with its memory; its sockets are closed
  kHostSilent,     // the same, and nothing says so: the machine is gone too
  kHostFreeze,     // stands still, then goes on, deposed without knowing
  kHostLeave,      // orderly, and comes back later
  kSuspicion,      // a host that lives is taken out of the view
  kClockJump,      // one host's wall clock is set
  kLinkReset,      // a connection between two hosts breaks
  kPeerCut,        // two hosts do not reach each other
  kOneWay,         // one does not reach the other
  kSplit,          // the hosts are two groups that do not reach each other
  kStoreCut,       // one host does not reach the store
  kStoreSlow,      // it takes long for one host
  kStoreRefuse,    // it falls over, comes back and refuses everybody: a full disk
  kWriteLost,      // one commit never arrives, and its sender cannot know
  kWriteUntold,    // one commit is taken, and its sender cannot know
  kWriteLate,      // one commit arrives long after its sender has given it up
  kWriteConflict,  // one part of a commit is refused, as if somebody else had written
  kWorkerKill,     // a process is gone; another takes its place under another id
  kWorkerRestart,  // and comes back, with its token or taking its own ids over
  kWorkerFreeze,   // stands still for longer than its lease
  kWorkerCut,      // nothing of it comes through for a while
  kWorkerDrain,
  kWorkerRetire,
  kPatch,  // capabilities, weight or maxLoad change under way
};
inline constexpr size_t kPoolFaults = 24;

inline constexpr std::array<std::string_view, kPoolFaults> kPoolFaultNames = {
    "host-crash", "host-silent",    "host-freeze",   "host-leave",     "suspicion",
    "clock-jump", "link-reset",     "peer-cut",      "one-way",        "split",
    "store-cut",  "store-slow",     "store-refuse",  "write-lost",     "write-untold",
    "write-late", "write-conflict", "worker-kill",   "worker-restart", "worker-freeze",
    "worker-cut", "worker-drain",   "worker-retire", "patch"};

struct PoolFaultCounts {
  std::array<uint64_t, kPoolFaults> of{};
  void add(PoolFault fault) { ++of[static_cast<size_t>(fault)]; }
  void add(const PoolFaultCounts& other) {
    for (size_t i = 0; i < kPoolFaults; ++i) of[i] += other.of[i];
  }
  uint64_t total() const {
    uint64_t sum = 0;
    for (uint64_t count : of) sum += count;
    return sum;
  }
};

}  // namespace phoenix::sim
