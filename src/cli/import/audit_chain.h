// The audit of the original: one JSON object a line, each with the hash of the one before it.
// Without a key, so it shows damage, and not who could have written it anew.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace phoenix::cli {

struct AuditFault {
  size_t line = 0;    // from 1
  std::string event;  // its id, as it stands; may be empty
  std::string what;   // "its hash is not that of what it says"
};

struct AuditChain {
  size_t entries = 0;
  size_t unchained = 0;  // of a version that kept no hashes yet: the chain begins anew after them
  std::string first;     // hash of the first entry that has one; empty: none has
  std::string head;      // of the last one that was checked
  std::optional<AuditFault> fault;  // the first; nothing behind it was checked
};

AuditChain check_audit_chain(std::string_view text);

}  // namespace phoenix::cli
