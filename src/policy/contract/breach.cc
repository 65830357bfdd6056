#include "policy/contract/breach.h"

#include <array>

namespace phoenix::policy {

std::string_view breach_code(Breach breach) {
  static constexpr std::array<std::string_view, kBreaches> kCodes = {
      "giver-not-allowed",   "receiver-not-allowed",    "no-receiver",        "cross-namespace",
      "missing-capability",  "missing-compliance",      "below-trust-floor",  "chain-too-long",
      "missing-context-key", "unredacted-key",          "not-summarized",     "context-too-large",
      "context-not-json",    "schema-violated",         "widened-scope",      "unlisted-scope",
      "approval-required",   "changed-protected-field", "dropped-constraint", "widened-authority",
      "missing-evidence",    "unknown-contract",
  };
  return kCodes[static_cast<size_t>(breach)];
}

}  // namespace phoenix::policy
