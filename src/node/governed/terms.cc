// What may be handed on, and how. Asked when a handoff is called for and again when it is
// committed, of signed and of unsigned ones.

#include "node/governed/terms.h"

#include "policy/contract/semantic.h"

namespace phoenix {
namespace {

using policy::Breach;
using policy::Refusal;
using policy::Scopes;

using NameList = std::vector<std::string>;

const Governed& governed(const Packet& head) {
  static const Governed kNothing;
  return head.governed ? *head.governed : kNothing;
}

Scopes view_of(const std::optional<NameList>& scopes) {
  return scopes ? Scopes(*scopes) : std::nullopt;
}

const std::optional<NameList>& given_scopes(const OwnerCall& call, const Packet& head) {
  return call.scopes ? call.scopes : governed(head).scopes;
}

// Nothing: none travels, or it is no JSON.
std::optional<json::Document> context_of(const OwnerCall& call) {
  if (!call.content || !call.content->is_json) return std::nullopt;
  auto parsed = json::Document::parse(call.content->data);
  if (!parsed) return std::nullopt;
  return std::move(*parsed);
}

}  // namespace

std::shared_ptr<const Governed> Node::Impl::Terms::handed_on(const OwnerCall& call,
                                                             const Packet& head) {
  auto next = std::make_shared<Governed>(governed(head));
  ++next->handoffs;
  next->scopes = given_scopes(call, head);
  if (call.semantic) next->semantic = *call.semantic;
  return next;
}

Error Node::Impl::Terms::breach(const Refusal& refusal) const {
  Error error = node_.packet_error(ErrorKind::kPolicyDenied, head_, present_, refusal.detail);
  error.reason_code = breach_code(refusal.breach);
  return error;
}

std::optional<Error> Node::Impl::Terms::name_receiver(OwnerCall& call) const {
  const size_t slash = call.to.find('/');
  if (slash == std::string::npos) return std::nullopt;
  if (std::string_view(call.to).substr(0, slash) == head_.key.ns()) {
    call.to.erase(0, slash + 1);
    return std::nullopt;
  }
  return breach({Breach::kCrossNamespace, "/to: " + call.to + " is not of namespace " +
                                              std::string(head_.key.ns()) + "; you keep it"});
}

std::optional<Error> Node::Impl::Terms::check_signed(OwnerCall& call,
                                                     const lineage::HandoffOffer& said) const {
  if (!call.scopes && !said.scopes.empty()) call.scopes = said.scopes;
  if (said.scopes != given_scopes(call, head_).value_or(NameList())) {
    return breach({Breach::kWidenedScope, "/signature: the offer is with other scopes"});
  }
  call.contract = said.contract;
  const auto digest = node_.governance.contracts.digest_of(head_);
  if (!digest || *digest == said.contract) return std::nullopt;
  return breach({Breach::kUnknownContract,
                 *digest
                     ? "/signature: the offer does not name the contract by which the packet "
                       "goes, as its delivery shows it"
                     : "/signature: the offer names a contract by which the packet does not go"});
}

std::optional<Error> Node::Impl::Terms::check_meaning(const OwnerCall& call) const {
  if (call.semantic) {
    if (auto refused = policy::check_semantic(governed(head_).semantic, *call.semantic)) {
      refused->detail.insert(0, "/semantic: ");
      return breach(*refused);
    }
  }
  auto wider =
      policy::check_narrower(view_of(governed(head_).scopes), view_of(given_scopes(call, head_)));
  if (!wider) return std::nullopt;
  wider->detail.insert(0, "/scopes: ");
  return breach(*wider);
}

std::optional<Error> Node::Impl::Terms::check_named(const OwnerCall& call) const {
  const auto digest = node_.governance.contracts.digest_of(head_);
  if (!digest) return breach(digest.error());
  if (!call.contract || call.contract == *digest) return std::nullopt;
  return breach({Breach::kUnknownContract, "/contract: the packet does not go by that contract"});
}

// Approvals that contracts ask for are those of a rule, named by the contract.
PolicyRefusal Node::Impl::Terms::word_for(const ContractBook::InForce& contract,
                                          MemberNo to) const {
  const policy::ContractApproval& wanted = *contract.contract->source().approval;
  PolicyRefusal refusal;
  refusal.point = policy::Point::kHandoff;
  refusal.member = to;
  refusal.why.verdict = policy::Verdict::kRequireApproval;
  refusal.why.reason_code = breach_code(Breach::kApprovalRequired);
  refusal.why.policy = contract.name;
  refusal.why.rule = "approval";
  refusal.why.digest = contract.digest;
  refusal.approval.role = wanted.role;
  refusal.approval.expires_seconds = wanted.expires_seconds;
  if (wanted.allow_on_expiry) refusal.approval.on_expiry = policy::Verdict::kAllow;
  return refusal;
}

std::optional<Node::Impl::Terms::Broken> Node::Impl::Terms::check(const OwnerCall& call,
                                                                  MemberNo to) const {
  if (auto refused = check_meaning(call)) return Broken{*std::move(refused), {}};
  const ContractBook& contracts = node_.governance.contracts;
  if (contracts.empty() && governed(head_).contract.empty() && !call.contract) return std::nullopt;
  if (auto refused = check_named(call)) return Broken{*std::move(refused), {}};
  policy::HandoffFacts facts;
  facts.ns = head_.key.ns();
  facts.requires_capabilities = head_.required.list();
  facts.giver = head_.owner->id;
  facts.chain = governed(head_).handoffs + 1;
  facts.held = view_of(governed(head_).scopes);
  facts.given = view_of(given_scopes(call, head_));
  if (to != kNobody) {
    const MemberRecord& receiver = *node_.directory.member(to).record;
    facts.receiver = receiver.key.id();
    facts.receiver_ns = receiver.key.ns();
    facts.capabilities = receiver.capabilities;
    facts.compliance = receiver.compliance;
    facts.trust = receiver.trust;
  }
  const auto context = context_of(call);
  if (context) facts.context = &*context;
  if (call.content) facts.context_bytes = call.content->data.size();
  auto broken = contracts.check(head_, facts, [&](const ContractBook::InForce& contract) {
    if (to == kNobody) return false;
    const auto& approvals = node_.governance.approvals;
    const auto form = approvals.find(node_.approval_key(word_for(contract, to), head_, to));
    return form != approvals.end() && form->second.allows();
  });
  if (!broken) return std::nullopt;
  Broken found;
  if (broken->refusal.breach == Breach::kApprovalRequired) {
    found.word = word_for(*broken->by, to);
    found.word->why.reason = broken->refusal.detail;
  }
  broken->refusal.detail += "; you keep it";
  found.error = breach(broken->refusal);
  return found;
}

std::optional<Error> Node::Impl::Terms::check_result(const OwnerCall& call) const {
  const std::string& semantic = governed(head_).semantic;
  if (semantic.empty()) return std::nullopt;
  const bool readable = call.content && call.content->is_json;
  auto missing = policy::check_evidence(
      semantic, readable ? std::string_view(call.content->data) : std::string_view());
  if (!missing) return std::nullopt;
  missing->detail.insert(0, "/result: ");
  return breach(*missing);
}

// What stands in its leg if it is handed on now, and what an offer of it has to name.
std::optional<Digest> Node::Impl::contract_of(const Packet& head) const {
  const auto digest = governance.contracts.digest_of(head);
  return digest ? *digest : std::nullopt;
}

}  // namespace phoenix
