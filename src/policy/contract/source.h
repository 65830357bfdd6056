// A handoff contract as plain data: what must hold when work goes from one member to another. Who
// reads files or requests fills this; contract.h compiles and checks it.
//
// Its JSON form is the `spec` of a document of kind HandoffContract in phoenixflight.io/v1, and is
// canonical: keys sorted, no spaces, what is not given left out. Equal contracts have equal text,
// so the digest of that text names one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace phoenix::policy {

inline constexpr size_t kMostContractBytes = size_t{64} * 1024;  // of the JSON form
inline constexpr size_t kMostContractNames = 256;                // in one list

// A text or list that may travel in short only.
struct Summary {
  std::string path;
  uint32_t max_bytes = 0;  // of its JSON text, 2 at least
  bool operator==(const Summary&) const = default;
};

// Somebody has to say yes, where a number of the context is above a limit.
struct ContractApproval {
  std::string field;            // path of the number; empty: always
  std::optional<double> above;  // exactly with `field`
  std::string role = "approver";
  uint32_t expires_seconds = 86'400;
  bool allow_on_expiry = false;
  bool operator==(const ContractApproval&) const = default;
};

// Names in lists stand sorted and once. Paths are those of path.h, within the context.
struct ContractSource {
  // Which handoffs it is about, besides those of packets that name it: of packets that require all
  // of these. Where there are none, and a giver or receiver is named, those between them.
  std::vector<std::string> bound_capabilities;

  std::string giver;     // member id; empty: any
  std::string receiver;  // likewise
  std::vector<std::string> capabilities;
  bool any_capability = false;  // one of them is enough
  std::vector<std::string> compliance;
  std::optional<uint32_t> minimum_trust;  // thousandths
  std::vector<std::string> namespaces;    // empty: the packet's own
  std::optional<uint32_t> max_chain;      // handoffs in one life of a packet

  std::vector<std::string> required;  // paths that must travel
  std::vector<std::string> redacted;  // paths that must not: absent, null or kRedacted
  std::vector<Summary> summarized;    // sorted by path
  std::optional<uint64_t> max_bytes;  // of the context
  std::string schema;                 // JSON, in the subset of schema.h; empty: none

  std::optional<std::vector<std::string>> scopes;  // the most that may be passed on
  std::optional<ContractApproval> approval;

  bool operator==(const ContractSource&) const = default;
};

// Stands in place of a value that was taken out.
inline constexpr std::string_view kRedacted = "[redacted]";

std::string contract_json(const ContractSource& source);
// Takes any spelling of that JSON, and no unknown key. kInvalidRequest names all faults.
Result<ContractSource> contract_from_json(std::string_view text);

}  // namespace phoenix::policy
