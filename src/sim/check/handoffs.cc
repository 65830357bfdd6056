#include "sim/check/handoffs.h"

#include <fmt/format.h>

#include "lineage/crypto/sha256.h"
#include "lineage/form/entry.h"
#include "sim/signed/signer.h"
#include "sim/signed/terms.h"

namespace phoenix::sim {
namespace {

using lineage::PublicKey;

// The keys of one member, as a verifier finds them.
class Keys {
 public:
  explicit Keys(const Signers& signers) {
    for (const std::string& bytes : signers.keys) {
      PublicKey key;
      if (PublicKey::from_bytes(bytes, key)) keys_.push_back(key);
    }
  }
  lineage::KeyFinder finder() const {
    return [this](std::string_view id) -> const PublicKey* {
      for (const PublicKey& key : keys_) {
        if (key.id() == id) return &key;
      }
      return nullptr;
    };
  }

 private:
  std::vector<PublicKey> keys_;
};

MemberKey member_of(const PutPacket& put, const lineage::Party& party) {
  return MemberKey(put.head->key.ns(), party.id);
}

std::string fault_of_result(const PutPacket& put, const lineage::Leg& leg, const Packet& before,
                            const SignerOf& signer_of) {
  const lineage::End end = leg.terminal->end;
  if ((end != lineage::End::kCompleted && end != lineage::End::kFailed) || !leg.from) return {};
  const Signers signers = signer_of(member_of(put, *leg.from));
  const auto& signature = leg.terminal->signature;
  if (!signature) {
    // A failure may be the host's own finding: time is over, or owners were lost too often.
    const bool missing = end == lineage::End::kCompleted && signers.has_keys;
    return missing ? " was completed without its owner's word" : "";
  }
  const lineage::Completion said{kPool,
                                 std::string(put.head->key.ns()),
                                 std::string(put.head->key.id()),
                                 before.epoch,
                                 leg.from->id,
                                 end,
                                 leg.terminal->result};
  const Keys keys(signers);
  const auto signer = lineage::check_evidence(*signature, kPool, lineage::Completion::kType,
                                              lineage::encode(said), keys.finder());
  return signer ? "" : " ended with a word that is not good: " + signer.error().detail;
}

std::string fault_of_offer(const PutPacket& put, const lineage::Leg& leg, const Packet& before,
                           const SignerOf& signer_of) {
  const Signers givers = signer_of(member_of(put, *leg.from));
  if (!leg.handoff) return givers.has_keys ? " was handed on without its owner's word" : "";
  const Keys giver(givers);
  const auto offer = lineage::open<lineage::HandoffOffer>(leg.handoff->offer, giver.finder());
  if (!offer) return " was handed on with an offer that is not good: " + offer.error().detail;
  const lineage::HandoffOffer& said = offer->statement;
  if (said.packet != put.head->key.id() || said.epoch != before.epoch || said.giver != *leg.from) {
    return " was handed on with an offer of something else";
  }
  if (said.context != leg.context) return " was handed on with another context than offered";
  if (said.contract != leg.contract) return " was handed on under another contract than offered";
  if (!leg.to || !leg.attested_by.empty()) return {};
  const Keys receiver(signer_of(member_of(put, *leg.to)));
  const auto acceptance =
      lineage::open<lineage::HandoffAcceptance>(leg.handoff->acceptance, receiver.finder());
  if (!acceptance)
    return " was accepted with a word that is not good: " + acceptance.error().detail;
  const bool same = acceptance->statement.offer == lineage::sha256(offer->payload) &&
                    acceptance->statement.receiver == *leg.to;
  return same ? "" : " was accepted as something else";
}

}  // namespace

std::string fault_of_signatures(const Packet& before, const PutPacket& put,
                                const SignerOf& signer_of) {
  const auto entry = lineage::decode<lineage::Entry>(put.entry.recorded);
  if (!entry || !entry->leg) return {};  // others look at its form
  const lineage::Leg& leg = *entry->leg;
  if (leg.terminal) return fault_of_result(put, leg, before, signer_of);
  if (leg.cause != lineage::Cause::kHandoff || !leg.from) return {};
  return fault_of_offer(put, leg, before, signer_of);
}

void count(const PutPacket& put, HandoffCounts& counts) {
  const auto entry = lineage::decode<lineage::Entry>(put.entry.recorded);
  if (!entry || !entry->leg || !entry->leg->handoff || !entry->leg->to) return;
  ++(entry->leg->attested_by.empty() ? counts.accepted : counts.attested);
}

std::string fault_of_terms(const Node& node, const PutPacket& put) {
  const SimTerms* terms = terms_among(node.documents(DocumentKind::kContract, put.head->key.ns()));
  // What it required before counts: a handoff may replace that.
  const auto before = node.find(put.head->key);
  if (terms == nullptr || !put.head->owner || !before) return {};
  bool bound = false;
  for (const std::string& capability : before->head->required.list()) bound |= capability == "a";
  const auto receiver = node.find_member(MemberKey(put.head->key.ns(), put.head->owner->id));
  if (!bound || !receiver || receiver->record->trust >= terms->trust) return {};
  return fmt::format(" was handed to {}, who is trusted with {} where the contract asks for {}",
                     put.head->owner->id, receiver->record->trust, terms->trust);
}

}  // namespace phoenix::sim
