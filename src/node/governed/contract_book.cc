#include "node/governed/contract_book.h"

#include <algorithm>

#include "lineage/crypto/sha256.h"

namespace phoenix {
namespace {

using policy::Breach;
using policy::Refusal;

std::string_view named(const Packet& head) {
  return head.governed ? std::string_view(head.governed->contract) : std::string_view();
}

Refusal unknown(const Packet& head) {
  return {Breach::kUnknownContract, "contract " + std::string(named(head)) +
                                        " is not in force in namespace " +
                                        std::string(head.key.ns())};
}

bool requires_all(const Packet& head, const std::vector<std::string>& capabilities) {
  return !capabilities.empty() &&
         std::all_of(capabilities.begin(), capabilities.end(), [&head](const std::string& name) {
           return std::binary_search(head.required.begin(), head.required.end(), name);
         });
}

}  // namespace

void ContractBook::change(const Document& document) {
  const DocumentKey& key = document.key;
  if (document.deleted) {
    const auto ns = namespaces_.find(key.ns);
    if (ns == namespaces_.end()) return;
    ns->second.erase(key.name);
    if (ns->second.empty()) namespaces_.erase(ns);
    return;
  }
  InForce made;
  made.name = key.name;
  made.digest = lineage::sha256(document.text);
  auto source = policy::contract_from_json(document.text);
  if (source) {
    auto contract = policy::Contract::compile(*std::move(source));
    if (contract) made.contract = *std::move(contract);
  }
  namespaces_[key.ns].insert_or_assign(key.name, std::move(made));
}

const ContractBook::InForce* ContractBook::find(std::string_view ns, std::string_view name) const {
  const auto in = namespaces_.find(ns);
  if (in == namespaces_.end()) return nullptr;
  const auto it = in->second.find(name);
  return it == in->second.end() ? nullptr : &it->second;
}

std::optional<std::vector<const ContractBook::InForce*>> ContractBook::of(
    const Packet& head) const {
  std::vector<const InForce*> found;
  const std::string_view name = named(head);
  if (!name.empty() && find(head.key.ns(), name) == nullptr) return std::nullopt;
  const auto in = namespaces_.find(head.key.ns());
  if (in == namespaces_.end()) return found;
  for (const auto& [own, contract] : in->second) {
    // One that cannot be read might be bound to it: it is named by nobody, so nobody notices.
    const bool bound =
        contract.contract && requires_all(head, contract.contract->source().bound_capabilities);
    if (own == name || bound) found.push_back(&contract);
  }
  return found;
}

tl::expected<std::optional<Digest>, Refusal> ContractBook::digest_of(const Packet& head) const {
  const auto all = of(head);
  if (!all) return tl::unexpected(unknown(head));
  if (all->empty()) return std::nullopt;
  if (all->size() == 1) return all->front()->digest;
  std::string digests;
  for (const InForce* each : *all) {
    digests.append(bytes_of(each->digest));
  }
  return lineage::sha256(digests);
}

std::optional<ContractBook::Broken> ContractBook::check(const Packet& head,
                                                        policy::HandoffFacts facts,
                                                        const Approved& approved) const {
  auto all = of(head);
  if (!all) return Broken{unknown(head), nullptr};
  const auto in = namespaces_.find(head.key.ns());
  if (in != namespaces_.end()) {
    for (const auto& [name, contract] : in->second) {
      const bool between = contract.contract &&
                           contract.contract->source().bound_capabilities.empty() &&
                           name != named(head) && contract.contract->covers(facts);
      if (between) all->push_back(&contract);
    }
  }
  for (const InForce* each : *all) {
    if (!each->contract) {
      return Broken{{Breach::kUnknownContract,
                     "contract " + each->name + " says what this host cannot check"},
                    each};
    }
    facts.approved = each->contract->source().approval && approved(*each);
    if (auto refused = each->contract->check(facts)) {
      refused->detail += " (contract " + each->name + ")";
      return Broken{*std::move(refused), each};
    }
  }
  return std::nullopt;
}

Result<std::string> ContractBook::canonical(std::string_view text) {
  auto source = policy::contract_from_json(text);
  if (!source) return tl::unexpected(std::move(source.error()));
  auto contract = policy::Contract::compile(*std::move(source));
  if (!contract) return tl::unexpected(std::move(contract.error()));
  return policy::contract_json(contract->source());
}

}  // namespace phoenix
