// What the original keeps in its folder .phoenixflight, read strictly: a file that is cut off is an
// error here, not an empty one. Files that are not there say that there is nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/import/audit_chain.h"
#include "cli/json.h"
#include "cli/output.h"

namespace phoenix::cli {

struct OriginalMember {
  std::string id;
  std::string ns;
  std::string kind;    // as hosts know it
  std::string status;  // "ACTIVE", "RETIRED"
  std::vector<std::string> capabilities;
  std::vector<std::string> compliance;
  std::string trust = "0";  // digits
  std::string reliability = "0";
  int64_t max_load = 1;
};

struct OriginalPacket {
  std::string id;
  std::string name;
  std::string ns;
  std::string status;  // "PENDING", "CHECKPOINTED"
  std::string owner;   // empty: nobody
  std::vector<std::string> required;
  std::vector<std::string> policy_tags;
  Json payload;
  int64_t max_attempts = 3;

  bool ended() const { return status == "COMPLETED" || status == "FAILED"; }
  // What it has saved; null: nothing.
  const Json& checkpoint() const { return payload["checkpoint"]; }
};

struct OriginalState {
  std::string folder;                   // that holds the files
  std::vector<OriginalMember> members;  // by id
  std::vector<OriginalPacket> packets;
  AuditChain audit;
};

// `folder`: .phoenixflight, or the folder that it stands in. A Failure names the file and what of
// it cannot be read.
Outcome<OriginalState> read_original_state(const std::string& folder, const std::string& what);

}  // namespace phoenix::cli
