// Members' keys, and what is signed with them. An id is bound to its key: under another one it is
// refused until an operator has allowed that. All is checked here, where it is decided and not
// where it came in, so that no way into a host leads past it; checking is as pure as all the rest.
// A signature costs about 55 us, one over a batch as much for all of it.

#include <utility>

#include "lineage/crypto/sha256.h"
#include "node/parts/impl.h"
#include "node/signed/signer_keys.h"

namespace phoenix {
namespace {

std::optional<Error> check_proof(const std::string& pool, const MemberRecord& wanted,
                                 std::string_view proof) {
  const auto opened = lineage::open<lineage::RegistrationProof>(proof, SignerKeys(wanted).finder());
  const std::string who(wanted.key.id());
  if (!opened) {
    return forbidden("bad-proof", "/proof: " + who + " has not shown that it holds the key: " +
                                      opened.error().detail);
  }
  const lineage::RegistrationProof& said = opened->statement;
  if (said.pool == pool && said.ns == wanted.key.ns() && said.member == who &&
      said.key.view() == wanted.public_key) {
    return std::nullopt;
  }
  return forbidden("bad-proof", "/proof: it is of another member, key or pool");
}

}  // namespace

// Why this one may not register with the key that it names, or without one.
std::optional<Error> Node::Impl::key_refusal(const MemberRecord& wanted,
                                             std::string_view proof) const {
  const std::string id(wanted.key.id());
  const MemberNo no = directory.find_member(wanted.key);
  const MemberRecord* const known = no == kNobody ? nullptr : directory.member(no).record.get();
  const bool bound = known != nullptr && known->has_keys();
  if (wanted.public_key.empty()) {
    if (!bound && !config.require_keys) return std::nullopt;
    return forbidden("key-required", bound ? "/publicKey: " + id + " has a key; register with it"
                                           : "/publicKey: this host takes no member without a key");
  }
  if (bound && wanted.public_key != known->public_key && wanted.public_key != known->next_key) {
    const bool former = wanted.public_key == known->former_key;
    return forbidden(former ? "revoked-key" : "other-key",
                     "/publicKey: " + id +
                         (former ? " is not to use that key any more" : " has another key") +
                         "; choose another id, or let an operator allow this key by `phoenix "
                         "member rotate-key`");
  }
  return check_proof(config.pool, wanted, proof);
}

// The record is of who registers now, with its key.
void Node::Impl::take_keys(MemberRecord& record, const MemberRecord* before) const {
  record.next_key.clear();
  record.former_key.clear();
  if (before == nullptr) return;
  const bool same = before->public_key == record.public_key;
  if (before->next_key != record.public_key) record.next_key = before->next_key;
  if (same || before->public_key.empty()) {
    record.former_key = before->former_key;
  } else {
    record.former_key = before->public_key;
  }
}

std::optional<Error> Node::Impl::patch_keys(const PatchMember& wanted, const Caller& caller,
                                            MemberRecord& next) const {
  if (!wanted.next_key && !wanted.revoke_key) return std::nullopt;
  if (!caller.is_operator) {
    return forbidden("operator-only", "only an operator may change which key a member has");
  }
  if (wanted.next_key) next.next_key = *wanted.next_key;
  if (next.next_key == next.public_key) next.next_key.clear();
  if (wanted.revoke_key && !next.public_key.empty()) {
    next.former_key = std::exchange(next.public_key, {});
  }
  return std::nullopt;
}

Result<std::string> Node::Impl::signer_of(const lineage::Evidence& evidence,
                                          std::string_view payload, const MemberRecord& owner,
                                          const lineage::KeyFinder& find) {
  const bool known = checked_batch && checked_batch->public_key == owner.public_key &&
                     checked_batch->envelope == evidence.envelope;
  if (!known) {
    auto batch = lineage::open<lineage::Batch>(evidence.envelope, find);
    if (!batch) {
      // Not of a batch: alone, or nothing at all.
      return lineage::check_evidence(evidence, config.pool, lineage::Completion::kType, payload,
                                     find);
    }
    checked_batch = CheckedBatch{owner.public_key, evidence.envelope, std::move(*batch)};
  }
  return lineage::check_in_batch(evidence, checked_batch->batch, config.pool,
                                 lineage::Completion::kType, payload);
}

// That the owner signed exactly this end, if it has a key: its result, or the error with which it
// gives up. Whether that ends the packet is not the owner's to know, so it signs every failure.
std::optional<Error> Node::Impl::check_result(const OwnerCall& call, const MemberRecord& owner) {
  const std::string id(owner.key.id());
  if (!call.evidence) {
    if (!owner.has_keys()) return std::nullopt;
    return forbidden("signature-required", "/signature: " + id + " has a key, so it has to sign");
  }
  const lineage::Completion wanted{
      config.pool,
      std::string(call.key.ns()),
      std::string(call.key.id()),
      call.epoch,
      id,
      call.call == Call::kFail ? lineage::End::kFailed : lineage::End::kCompleted,
      call.content ? std::optional(lineage::sha256(call.content->data)) : std::nullopt};
  SignerKeys keys(owner);
  const auto signer = signer_of(*call.evidence, lineage::encode(wanted), owner, keys.finder());
  if (signer) return std::nullopt;
  return keys.refusal(signer.error());
}

}  // namespace phoenix
