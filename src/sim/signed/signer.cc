#include "sim/signed/signer.h"

#include <fmt/format.h>

#include <utility>

#include "lineage/crypto/sha256.h"

namespace phoenix::sim {

Signer::Signer(std::string name, Prng prng) : name_(std::move(name)), prng_(prng) {}

lineage::KeyPair Signer::key(uint64_t generation) const {
  lineage::Seed seed;
  const Digest digest = lineage::sha256(fmt::format("key {} of {}", generation, name_));
  std::copy(digest.begin(), digest.end(), seed.begin());
  return lineage::KeyPair::from_seed(seed);
}

lineage::KeyPair Signer::signing_key() {
  const bool old = generation_ > 1 && prng_.chance(1, 4);
  return key(old ? generation_ - 1 : generation_);
}

std::string Signer::proof(const MemberRecord& member) const {
  return lineage::sign(key(), lineage::RegistrationProof{kPool, std::string(member.key.ns()),
                                                         std::string(member.key.id()),
                                                         key().public_key(), Digest{}});
}

std::string Signer::next_public_key() const {
  return std::string(key(generation_ + 1).public_key().view());
}

bool Signer::step_back() {
  if (generation_ == 1) return false;
  --generation_;
  return true;
}

void Signer::sign_results(OwnerCalls& calls, const std::vector<std::string>& members) {
  const lineage::KeyPair signer = signing_key();
  std::vector<std::string> payloads;
  for (size_t i = 0; i < calls.items.size(); ++i) {
    const OwnerCall& call = *calls.items[i];
    const bool fails = call.call == Call::kFail;
    payloads.push_back(lineage::encode(lineage::Completion{
        kPool, std::string(call.key.ns()), std::string(call.key.id()), call.epoch, members[i],
        fails ? lineage::End::kFailed : lineage::End::kCompleted,
        call.content ? std::optional(lineage::sha256(call.content->data)) : std::nullopt}));
  }
  if (payloads.size() == 1) {
    calls.items[0]->evidence = lineage::Evidence{
        lineage::seal_bytes(signer, lineage::Completion::kType, payloads[0]), 0, {}};
    return;
  }
  auto all = lineage::sign_batch(signer, kPool, lineage::Completion::kType, payloads);
  for (size_t i = 0; i < all.size(); ++i) calls.items[i]->evidence = std::move(all[i]);
}

void Signer::sign_offer(OwnerCall& call, const lineage::Party& giver,
                        const std::optional<Digest>& contract, WallMs expires_at) {
  lineage::HandoffOffer said;
  said.pool = kPool;
  said.ns = call.key.ns();
  said.packet = call.key.id();
  said.epoch = call.epoch;
  said.offer = fmt::format("offer-{}", prng_.below(1'000'000'000));
  said.giver = giver;
  said.receiver = call.to;
  if (call.required) said.selector = *call.required;
  said.expires_at = expires_at;
  said.context = lineage::sha256(call.content->data);
  said.contract = contract;
  call.statement = lineage::sign(signing_key(), said);
}

std::string Signer::acceptance(const Offered& offered, const lineage::Party& receiver, WallMs now) {
  // Whose key the giver's is, its host has checked, or does so now; what it says is read here.
  const auto envelope = lineage::decode_envelope(offered.offer);
  if (!envelope) return {};
  const auto said = lineage::decode<lineage::HandoffOffer>(envelope->payload);
  if (!said || said->packet != offered.packet.id() || said->epoch != offered.epoch) return {};
  const auto context =
      offered.context ? std::optional(lineage::sha256(offered.context->data)) : std::nullopt;
  if (said->context != context) return {};
  return lineage::sign(
      signing_key(),
      lineage::HandoffAcceptance{said->pool, said->ns, said->packet, said->epoch,
                                 lineage::sha256(envelope->payload), receiver, context, now});
}

bool refused_for_signature(const Error& error) {
  return error.kind == ErrorKind::kForbidden &&
         (error.reason_code == "revoked-key" || error.reason_code == "unknown-key" ||
          error.reason_code == "offer-expired");
}

}  // namespace phoenix::sim
