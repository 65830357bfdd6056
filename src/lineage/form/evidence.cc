#include "lineage/form/evidence.h"

#include "lineage/crypto/refusal.h"
#include "lineage/tree/frontier.h"

namespace phoenix::lineage {
namespace {

std::vector<Digest> leaves_of(const std::vector<std::string>& payloads) {
  std::vector<Digest> leaves;
  leaves.reserve(payloads.size());
  for (const std::string& payload : payloads) leaves.push_back(leaf_hash(payload));
  return leaves;
}

std::vector<Evidence> evidence_of(const std::string& envelope, const std::vector<Digest>& leaves) {
  std::vector<Evidence> all;
  all.reserve(leaves.size());
  std::vector<Proof> paths = paths_in(leaves);
  for (size_t i = 0; i < leaves.size(); ++i) all.push_back({envelope, i, std::move(paths[i])});
  return all;
}

Result<std::vector<Evidence>> laid_out(std::string envelope, const Batch& said,
                                       std::string_view pool, std::string_view type,
                                       const std::vector<std::string>& payloads) {
  const std::vector<Digest> leaves = leaves_of(payloads);
  const Batch wanted{std::string(pool), std::string(type), leaves.size(), root_of(leaves)};
  if (!(said == wanted)) {
    return refuse("wrong-root", "the batch signs " + std::to_string(said.count) +
                                    " statements whose root is not that of these " +
                                    std::to_string(leaves.size()));
  }
  return evidence_of(envelope, leaves);
}

}  // namespace

std::vector<Evidence> sign_batch(const KeyPair& signer, std::string_view pool,
                                 std::string_view type, const std::vector<std::string>& payloads) {
  const std::vector<Digest> leaves = leaves_of(payloads);
  const Batch batch{std::string(pool), std::string(type), leaves.size(), root_of(leaves)};
  return evidence_of(sign(signer, batch), leaves);
}

Result<std::vector<Evidence>> split_batch(std::string_view envelope, std::string_view pool,
                                          std::string_view type,
                                          const std::vector<std::string>& payloads,
                                          const KeyFinder& find) {
  const auto batch = open<Batch>(envelope, find);
  if (!batch) return tl::unexpected(batch.error());
  return laid_out(std::string(envelope), batch->statement, pool, type, payloads);
}

Result<std::vector<Evidence>> lay_out_batch(std::string envelope, std::string_view pool,
                                            std::string_view type,
                                            const std::vector<std::string>& payloads) {
  const auto form = decode_envelope(envelope);
  if (!form) return tl::unexpected(form.error());
  if (form->type != Batch::kType) return refuse("wrong-type", "a batch is signed as a batch");
  const auto batch = decode<Batch>(form->payload);
  if (!batch) return refuse("bad-envelope", batch.error().detail);
  return laid_out(std::move(envelope), *batch, pool, type, payloads);
}

Result<std::string> check_evidence(const Evidence& evidence, std::string_view pool,
                                   std::string_view type, std::string_view payload,
                                   const KeyFinder& find) {
  const auto kind = decode_envelope(evidence.envelope);
  if (!kind) return tl::unexpected(kind.error());
  if (kind->type != Batch::kType) {
    auto alone = open_envelope(evidence.envelope, type, find);
    if (!alone) return tl::unexpected(alone.error());
    if (alone->payload != payload || evidence.position != 0 || !evidence.path.empty()) {
      return refuse("wrong-statement", "what key " + alone->key_id + " signed says something else");
    }
    return alone->key_id;
  }
  const auto batch = open<Batch>(evidence.envelope, find);
  if (!batch) return tl::unexpected(batch.error());
  return check_in_batch(evidence, *batch, pool, type, payload);
}

Result<std::string> check_in_batch(const Evidence& evidence, const Signed<Batch>& batch,
                                   std::string_view pool, std::string_view type,
                                   std::string_view payload) {
  const Batch& said = batch.statement;
  if (said.pool != pool || said.type != type ||
      !verify_inclusion(leaf_hash(payload), evidence.position, said.count, evidence.path,
                        said.root)) {
    return refuse("wrong-statement",
                  "the batch that key " + batch.key_id + " signed does not hold this statement");
  }
  return batch.key_id;
}

}  // namespace phoenix::lineage
