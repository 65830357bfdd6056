// The flight recorder of a running host, as the faces see it: checkpoints and proofs over the logs
// of its store. Asked on the loop's thread; answers come there, never from within the call.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "lineage/audit/pruned_log.h"
#include "lineage/crypto/key_file.h"
#include "lineage/form/statements.h"
#include "lineage/tree/proof.h"

namespace phoenix {

struct SignedCheckpoint {
  std::string envelope;
  lineage::Checkpoint statement;
};

class FlightRecorder {
 public:
  virtual ~FlightRecorder() = default;

  // With which this host signs; checkpoints bear its name.
  virtual lineage::NamedKey key() const = 0;
  // Why nothing is signed any more; empty: all is well.
  virtual const std::string& trouble() const = 0;
  // Of all that is committed now.
  virtual void checkpoint(std::function<void(Result<SignedCheckpoint>)> done) = 0;
  // That the entry at the position is in that log's tree of `size` entries. Positions count from 0.
  virtual void inclusion(uint32_t log, uint64_t position, uint64_t size,
                         std::function<void(Result<lineage::Proof>)> done) = 0;
  // That the tree of `to` entries begins with that of `from`.
  virtual void consistency(uint32_t log, uint64_t from, uint64_t to,
                           std::function<void(Result<lineage::Proof>)> done) = 0;
  // What is left of the logs whose oldest entries are gone; see --retain-record.
  virtual void pruned(std::function<void(Result<std::vector<lineage::PrunedLog>>)> done) = 0;
};

}  // namespace phoenix
