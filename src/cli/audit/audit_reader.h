// The flight recorder of a host, as the verbs read it: logs, entries, checkpoints, in bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/api.h"
#include "cli/context.h"
#include "lineage/form/statements.h"
#include "lineage/tree/proof.h"

namespace phoenix::cli {

struct AuditLog {
  uint32_t log = 0;
  std::string host;  // empty: the only one
  uint64_t size = 0;
  uint64_t first_kept = 0;  // position, from 1; 0: none
};

struct AuditEntry {
  uint64_t position = 0;  // from 1
  std::string bytes;
};

struct AuditCheckpoint {
  std::string envelope;
  lineage::Checkpoint statement;  // as the envelope has it; its signature is not looked at here
};

// A log whose beginning is gone.
struct AuditPrefix {
  uint32_t log = 0;
  uint64_t before = 0;            // rows before the first entry that there ever was
  uint64_t size = 0;              // entries that are gone
  std::string prefix;             // a lineage::LogPrefix
  std::vector<std::string> kept;  // lineage::KeptEntry
};

// Each failure begins with `what`.
Outcome<std::vector<AuditLog>> read_logs(Context& context, const std::string& what);
Outcome<std::vector<AuditPrefix>> read_pruned(Context& context, const std::string& what);
Outcome<AuditCheckpoint> read_checkpoint(Context& context, const std::string& what);
// The hashes that GET /v1/audit/proof answers with.
Outcome<lineage::Proof> read_proof(Context& context, const std::string& what, const Target& target);
// Entries after the position, in order, until the log ends or `take` answers false.
Outcome<bool> read_entries(Context& context, const std::string& what, uint32_t log, uint64_t after,
                           const std::function<bool(AuditEntry)>& take);

}  // namespace phoenix::cli
