// What a leg carries with it: that giver, receiver, approver and owner signed exactly what the leg
// says, each with a key that was good there. Hosts sign for members without a key, and only for
// those; the leg must name them.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>

#include "lineage/audit/fault.h"
#include "lineage/audit/key_book.h"
#include "lineage/form/entry.h"

namespace phoenix::lineage {

struct SignatureCounts {
  uint64_t handoffs = 0;           // with both signatures
  uint64_t unsigned_handoffs = 0;  // without any
  uint64_t results = 0;            // ends that the owner signed
  uint64_t unsigned_results = 0;   // COMPLETED or FAILED by an owner's word without a signature
  uint64_t attested = 0;           // legs in which a host signed for a member
};

class LegCheck {
 public:
  LegCheck(std::string pool, const KeyBook& keys) : pool_(std::move(pool)), keys_(keys) {}

  // `unknown_key`: the fault is that a key is not known there, which an entry yet to come may mend.
  Finding check(const Entry& entry, const Place& place, bool& unknown_key);
  const SignatureCounts& counts() const { return counts_; }

 private:
  struct Context;
  template <class S>
  Result<Signed<S>> open_of(Context& context, std::string_view envelope, const std::string& member);
  Result<std::string> owner_signed(Context& context, const Evidence& evidence,
                                   const std::string& payload, const std::string& member);
  const PublicKey* find(Context& context, const std::string& member, std::string_view key_id);
  Finding check_handoff(Context& context);
  Finding check_acceptance(Context& context, const HandoffOffer& offer, const Digest& offered);
  Finding check_approval(Context& context, const HandoffOffer& offer, const Digest& offered);
  Finding check_terminal(Context& context);

  std::string pool_;
  const KeyBook& keys_;
  SignatureCounts counts_;
  // One signature over a batch is checked once for all its legs: the envelopes whose signature
  // held, by (key, envelope).
  std::unordered_map<std::string, Signed<Batch>> batches_;
};

}  // namespace phoenix::lineage
