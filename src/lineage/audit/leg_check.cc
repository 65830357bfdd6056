#include "lineage/audit/leg_check.h"

#include "lineage/crypto/sha256.h"

namespace phoenix::lineage {
namespace {

// Batches come one after the other; more than a few at a time are not in use.
constexpr size_t kBatchesKept = 64;

}  // namespace

struct LegCheck::Context {
  const Entry& entry;
  const Leg& leg;
  const Place& place;
  std::set<std::string> attesters;  // hosts that signed
  std::string signer_host;          // of the signature at hand; empty: the member's own
  bool unknown_key = false;
  bool host_for_keyed_member = false;

  Fault fault(const char* code, std::string detail) const {
    return {code, std::move(detail), place};
  }
  Fault fault(const char* what, const Error& error) const {
    return {error.reason_code, std::string(what) + ": " + error.detail, place};
  }
};

// The member's key of that id, or that of a host in its stead.
const PublicKey* LegCheck::find(Context& context, const std::string& member,
                                std::string_view key_id) {
  context.signer_host.clear();
  const std::string& ns = context.entry.ns;
  if (const PublicKey* key = keys_.member_key(ns, member, key_id, context.place)) return key;
  const KeyBook::HostKey* const host = keys_.host_key(key_id, context.place);
  if (host == nullptr) {
    context.unknown_key = true;
    return nullptr;
  }
  if (keys_.has_key(ns, member, context.place)) {
    context.host_for_keyed_member = true;
    return nullptr;
  }
  context.signer_host = host->host;
  return &host->key;
}

template <class S>
Result<Signed<S>> LegCheck::open_of(Context& context, std::string_view envelope,
                                    const std::string& member) {
  auto opened =
      open<S>(envelope, [&](std::string_view key_id) { return find(context, member, key_id); });
  if (opened && !context.signer_host.empty()) context.attesters.insert(context.signer_host);
  return opened;
}

Result<std::string> LegCheck::owner_signed(Context& context, const Evidence& evidence,
                                           const std::string& payload, const std::string& member) {
  const auto finder = [&](std::string_view key_id) { return find(context, member, key_id); };
  const auto form = decode_envelope(evidence.envelope);
  if (!form) return tl::unexpected(form.error());
  Result<std::string> signer = std::string();
  if (form->type != Batch::kType) {
    signer = check_evidence(evidence, pool_, Completion::kType, payload, finder);
  } else {
    const PublicKey* const key = finder(form->key_id);
    std::string name = key == nullptr ? "" : std::string(key->view()) + evidence.envelope;
    auto known = batches_.find(name);
    if (known == batches_.end()) {
      auto opened = open<Batch>(evidence.envelope, finder);
      if (!opened) return tl::unexpected(opened.error());
      if (batches_.size() >= kBatchesKept) batches_.clear();
      known = batches_.emplace(std::move(name), *std::move(opened)).first;
    }
    signer = check_in_batch(evidence, known->second, pool_, Completion::kType, payload);
  }
  if (signer && !context.signer_host.empty()) context.attesters.insert(context.signer_host);
  return signer;
}

Finding LegCheck::check_acceptance(Context& context, const HandoffOffer& offer,
                                   const Digest& offered) {
  const Leg& leg = context.leg;
  const auto acceptance = open_of<HandoffAcceptance>(context, leg.handoff->acceptance, leg.to->id);
  if (!acceptance) return context.fault("the acceptance", acceptance.error());
  const HandoffAcceptance& said = acceptance->statement;
  if (said.pool != pool_ || said.ns != context.entry.ns || said.packet != context.entry.subject ||
      said.epoch != offer.epoch || said.offer != offered || said.receiver != leg.to ||
      said.context != leg.context) {
    return context.fault("wrong-acceptance", "the receiver accepted something else");
  }
  return std::nullopt;
}

Finding LegCheck::check_approval(Context& context, const HandoffOffer& offer,
                                 const Digest& offered) {
  // Whose key is good depends on who is said to sign, so that is read first, and believed only
  // under that very member's key.
  const std::string& envelope = context.leg.handoff->approval;
  const auto form = decode_envelope(envelope);
  const auto claim =
      form ? decode<Approval>(form->payload) : Result<Approval>(tl::unexpected(form.error()));
  if (!claim) return context.fault("the approval", claim.error());
  const auto approval = open_of<Approval>(context, envelope, claim->approver);
  if (!approval) return context.fault("the approval", approval.error());
  const Approval& said = approval->statement;
  if (said.pool != pool_ || said.ns != offer.ns || said.packet != offer.packet ||
      said.epoch != offer.epoch || said.offer != offered || !said.approved) {
    return context.fault("wrong-approval", "what was approved is something else");
  }
  const bool receives = context.leg.to && said.approver == context.leg.to->id;
  if (said.approver == offer.giver.id || receives) {
    return context.fault("self-approval", said.approver + " approved its own handoff");
  }
  return std::nullopt;
}

Finding LegCheck::check_handoff(Context& context) {
  const Leg& leg = context.leg;
  if (!leg.handoff) {
    ++counts_.unsigned_handoffs;
    return std::nullopt;
  }
  const auto offer = open_of<HandoffOffer>(context, leg.handoff->offer, leg.from->id);
  if (!offer) return context.fault("the offer", offer.error());
  const HandoffOffer& said = offer->statement;
  const uint64_t epoch = context.entry.epoch - (leg.to ? 1 : 0);
  if (said.pool != pool_ || said.ns != context.entry.ns || said.packet != context.entry.subject ||
      said.epoch != epoch || said.giver != leg.from || said.context != leg.context ||
      said.contract != leg.contract ||
      (!said.receiver.empty() && leg.to && said.receiver != leg.to->id)) {
    return context.fault("wrong-offer", "the giver offered something else");
  }
  const Digest offered = sha256(offer->payload);
  if (leg.to) {
    if (Finding fault = check_acceptance(context, said, offered)) return fault;
  }
  if (!leg.handoff->approval.empty()) {
    if (Finding fault = check_approval(context, said, offered)) return fault;
  }
  ++counts_.handoffs;
  return std::nullopt;
}

Finding LegCheck::check_terminal(Context& context) {
  const TerminalEvidence& terminal = *context.leg.terminal;
  if (!terminal.signature) {
    const bool by_owner = terminal.end == End::kCompleted || terminal.end == End::kFailed;
    if (by_owner && context.leg.from) ++counts_.unsigned_results;
    return std::nullopt;
  }
  if (!context.leg.from) return context.fault("wrong-owner", "nobody owned what was signed");
  const std::string& owner = context.leg.from->id;
  const std::string said =
      encode(Completion{pool_, context.entry.ns, context.entry.subject, context.entry.epoch, owner,
                        terminal.end, terminal.result});
  const auto signer = owner_signed(context, *terminal.signature, said, owner);
  if (!signer) return context.fault("the result", signer.error());
  ++counts_.results;
  return std::nullopt;
}

Finding LegCheck::check(const Entry& entry, const Place& place, bool& unknown_key) {
  Context context{entry, *entry.leg, place, {}, {}, false, false};
  Finding fault;
  if (context.leg.cause == Cause::kHandoff) fault = check_handoff(context);
  if (context.leg.cause == Cause::kTerminal) fault = check_terminal(context);
  if (fault && context.host_for_keyed_member) {
    fault = context.fault("wrong-attester", "a host signed for a member that has a key");
  }
  unknown_key = fault && context.unknown_key;
  if (fault) return fault;
  const std::set<std::string> named(context.leg.attested_by.begin(), context.leg.attested_by.end());
  if (named != context.attesters) {
    return context.fault("wrong-attester",
                         "the leg does not name the hosts that signed for others");
  }
  counts_.attested += named.empty() ? 0 : 1;
  return std::nullopt;
}

}  // namespace phoenix::lineage
