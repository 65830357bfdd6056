// That a statement was signed, alone or as one of a batch. Alone: the envelope is its own, position
// 0 and an empty path. In a batch: the envelope is the batch's, and the path leads from the
// statement to the batch's root. The statement itself is not repeated where the reader can put it
// together.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lineage/crypto/dsse.h"
#include "lineage/form/statements.h"
#include "lineage/tree/proof.h"

namespace phoenix::lineage {

struct Evidence {
  std::string envelope;
  uint64_t position = 0;
  Proof path;
  bool operator==(const Evidence&) const = default;
};

// Signs payloads of one type with one signature; evidence i belongs to payload i. At least one.
std::vector<Evidence> sign_batch(const KeyPair& signer, std::string_view pool,
                                 std::string_view type, const std::vector<std::string>& payloads);

// What a member signed over all its items becomes evidence of each, once the root is the one that
// the items give. Refusal: "wrong-root", and those of open().
Result<std::vector<Evidence>> split_batch(std::string_view envelope, std::string_view pool,
                                          std::string_view type,
                                          const std::vector<std::string>& payloads,
                                          const KeyFinder& find);

// The same without a look at the signature, for who hands the evidence on to whoever checks it.
// Refusals: "bad-envelope", "wrong-type", "wrong-root".
Result<std::vector<Evidence>> lay_out_batch(std::string envelope, std::string_view pool,
                                            std::string_view type,
                                            const std::vector<std::string>& payloads);

// The key id whose signature covers exactly this payload, of this type, for this pool. Refusals are
// those of open(), and kForbidden "wrong-statement" if what was signed is something else.
Result<std::string> check_evidence(const Evidence& evidence, std::string_view pool,
                                   std::string_view type, std::string_view payload,
                                   const KeyFinder& find);

// The same of a batch whose own signature has been checked already.
Result<std::string> check_in_batch(const Evidence& evidence, const Signed<Batch>& batch,
                                   std::string_view pool, std::string_view type,
                                   std::string_view payload);

}  // namespace phoenix::lineage
