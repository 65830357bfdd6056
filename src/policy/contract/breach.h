// What a handoff or a completion can do against its contract or its meaning, each with a code of
// its own: the one list of them, for answers, the record and tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace phoenix::policy {

enum class Breach : uint8_t {
  // Who gives and who takes.
  kGiverNotAllowed,     // the contract names another giver
  kReceiverNotAllowed,  // or another receiver
  kNoReceiver,          // nobody is there to be held to it
  kCrossNamespace,      // the packet or the receiver is outside of the namespaces allowed
  kMissingCapability,   // of the receiver
  kMissingCompliance,   // likewise
  kBelowTrustFloor,     // likewise
  kChainTooLong,        // it has been handed over too often
  // What travels.
  kMissingContextKey,  // what must travel does not
  kUnredactedKey,      // what must not travel does
  kNotSummarized,      // what may travel in short does so at length
  kContextTooLarge,
  kContextNotJson,  // bytes, where the contract speaks of keys
  kSchemaViolated,
  // What the receiver may do.
  kWidenedScope,   // more than the giver holds
  kUnlistedScope,  // more than the contract knows
  kApprovalRequired,
  // What the work means.
  kChangedProtectedField,
  kDroppedConstraint,
  kWidenedAuthority,
  kMissingEvidence,  // of a completion
  kUnknownContract,  // none of that name or digest is in force
};
inline constexpr int kBreaches = static_cast<int>(Breach::kUnknownContract) + 1;

// "widened-scope": the reason code of the refusal.
std::string_view breach_code(Breach breach);

struct Refusal {
  Breach breach = Breach::kUnknownContract;
  std::string detail;  // names what was met and what is allowed; no full stop
  bool operator==(const Refusal&) const = default;
};

}  // namespace phoenix::policy
