// The verification of an export, line by line, by nothing but public keys and at least one
// checkpoint that was kept elsewhere. Stops at the first fault and says at which entry.
//
// It finds: any byte that differs, is missing or is too much; entries that were dropped, moved,
// added or taken from another log; a checkpoint that the entries do not give, and so a fork, when
// two checkpoints that hosts signed cannot both be true; a chain of legs with a gap, a wrong owner
// or a wrong epoch; statements that say something else than their leg, or are signed by a key that
// was not good there; an assignment to who was certified to be done.
//
// It trusts the roots and hosts whose keys it is given. Entries behind the given checkpoint are
// held to the checkpoints of the export itself, and counted: those a host could still have
// replaced.
//
// Memory follows the packets and members, not the entries. One thread; about 20,000 legs a second.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lineage/audit/drain_book.h"
#include "lineage/audit/export_format.h"
#include "lineage/audit/fault.h"
#include "lineage/audit/key_book.h"
#include "lineage/audit/leg_check.h"
#include "lineage/audit/packet_chains.h"

namespace phoenix::lineage {

struct AuditReport {
  Finding fault;
  uint64_t line = 0;  // of the export, from 1, at which the fault was found
  std::string pool;
  uint64_t checkpoints = 0;  // in the export
  uint64_t logs = 0;
  uint64_t entries = 0;
  uint64_t after = 0;  // of these, behind the newest given checkpoint
  uint64_t legs = 0;
  uint64_t certificates = 0;
  uint64_t certificates_unproved = 0;  // by hosts whose keys were not given
  PacketChains::Summary packets;
  SignatureCounts signatures;
};

class AuditVerifier {
 public:
  // `checkpoints`: envelopes, at least one. Refuses those that are none, or of several pools; their
  // signatures are checked with the rest, since the export may bring the keys.
  static Result<AuditVerifier> create(const std::vector<NamedKey>& trusted,
                                      const std::vector<std::string>& checkpoints);
  AuditVerifier(AuditVerifier&&) noexcept;
  AuditVerifier& operator=(AuditVerifier&&) noexcept;
  ~AuditVerifier();

  // The next line, without its line feed. False after the first fault: the rest needs no reading.
  bool line(std::string_view text);
  // Once, after the last line. `complete`: the text ended with a line feed.
  AuditReport finish(bool complete);

 private:
  class Impl;
  explicit AuditVerifier(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The whole of it, of text at hand.
Result<AuditReport> verify_export(std::string_view text, const std::vector<NamedKey>& trusted,
                                  const std::vector<std::string>& checkpoints);

}  // namespace phoenix::lineage
