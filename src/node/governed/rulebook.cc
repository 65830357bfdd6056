#include "node/governed/rulebook.h"

#include <algorithm>

#include "base/planted.h"
#include "lineage/crypto/sha256.h"
#include "policy/rules/source_json.h"

namespace phoenix {
namespace {

using policy::PolicySet;
using policy::PolicySource;

constexpr size_t kKeptDecisions = 1 << 14;

Digest hash(std::string_view bytes) { return lineage::sha256(bytes); }

// Denies at every point, and says why.
PolicySet refusal(const std::string& why) {
  std::vector<PolicySource> sources;
  for (int point = 0; point < policy::kPoints; ++point) {
    PolicySource& source = sources.emplace_back();
    source.name = "unreadable";
    source.point = static_cast<policy::Point>(point);
    policy::RuleSource rule;
    rule.name = "unreadable";
    rule.reason = why;
    source.rules.push_back(std::move(rule));
  }
  return std::move(*PolicySet::compile(sources, hash));
}

PolicySet compile(const std::vector<DocumentPtr>& documents) {
  std::vector<PolicySource> sources;
  for (const DocumentPtr& document : documents) {
    auto source = policy::policy_of_json(document->key.name, document->text);
    if (!source) {
      return refusal("the policy " + document->key.name +
                     " cannot be read: " + source.error().detail);
    }
    sources.push_back(std::move(*source));
  }
  auto set = PolicySet::compile(sources, hash);
  if (set) return std::move(*set);
  return refusal("the policies cannot be compiled: " + set.error().front().what);
}

bool reads_payload(const PolicySet& set, policy::Point point) {
  static constexpr auto kSlot =
      static_cast<uint16_t>(policy::kPacketSlot + uint16_t(policy::PacketField::kPayload));
  const auto rules = set.rules(point);
  return std::any_of(rules.begin(), rules.end(), [](const policy::Rule& rule) {
    const auto& slots = rule.condition.slots;
    return std::find(slots.begin(), slots.end(), kSlot) != slots.end();
  });
}

}  // namespace

void Rulebook::change(const DocumentPtr& document) {
  last_ = nullptr;
  const DocumentKey& key = document->key;
  const auto it = namespaces_.try_emplace(key.ns).first;
  Namespace& space = it->second;
  space.rules.reset();
  if (document->deleted) {
    space.documents.erase(key.name);
  } else {
    space.documents[key.name] = document;
  }
  if (space.documents.empty()) namespaces_.erase(it);
}

RuleSet* Rulebook::find(std::string_view ns) {
  if (namespaces_.empty()) return nullptr;
  const auto it = namespaces_.find(ns);
  if (it == namespaces_.end()) return nullptr;
  Namespace& space = it->second;
  if (!space.rules) space.rules = compiled(space);
  last_name_ = it->first;
  last_ = space.rules.get();
  return last_;
}

std::unique_ptr<RuleSet> Rulebook::compiled(const Namespace& space) {
  std::vector<DocumentPtr> documents;
  for (const auto& [name, document] : space.documents) documents.push_back(document);
  const auto set = std::make_shared<const PolicySet>(compile(documents));
  auto rules =
      std::make_unique<RuleSet>(RuleSet{set, policy::DecisionCache(set, kKeptDecisions), {}, {}});
  rules->obliges_owner =
      set->obliges(policy::Point::kAssign) || set->obliges(policy::Point::kHandoff);
  const auto assigning = set->rules(policy::Point::kAssign);
  rules->asks_for_words = std::any_of(
      assigning.begin(), assigning.end(),
      [](const policy::Rule& rule) { return rule.verdict == policy::Verdict::kRequireApproval; });
  for (int point = 0; point < policy::kPoints; ++point) {
    const auto index = static_cast<size_t>(point);
    rules->reads_payload[index] = reads_payload(*set, static_cast<policy::Point>(point));
  }
  return rules;
}

void Rulebook::forget_decisions() {
  for (auto& [ns, space] : namespaces_) {
    if (!space.rules) continue;
    space.rules->kept.replace(space.rules->set);
    space.rules->known.forget_all();
  }
}

void Rulebook::forget_decisions(std::string_view ns, MemberIndex member) {
  if (namespaces_.empty() || planted(PlantedBug::kDecisionKeptTooLong)) return;
  const auto it = namespaces_.find(ns);
  if (it != namespaces_.end() && it->second.rules) it->second.rules->known.forget(member);
}

std::vector<Rulebook::Fault> Rulebook::check(const std::vector<DocumentPtr>& documents) {
  std::vector<Fault> faults;
  std::vector<PolicySource> sources;
  for (const DocumentPtr& document : documents) {
    auto source = policy::policy_of_json(document->key.name, document->text);
    if (source) {
      sources.push_back(std::move(*source));
    } else {
      faults.push_back({document->key.name, source.error().detail});
    }
  }
  if (!faults.empty()) return faults;
  // One by one, so that each fault is told of the document that it is in.
  for (const PolicySource& source : sources) {
    const auto set = PolicySet::compile(std::span(&source, 1), hash);
    if (set) continue;
    for (const policy::PolicyProblem& problem : set.error()) {
      const std::string place = policy::place_text(problem.place);
      faults.push_back({source.name, (place.empty() ? "" : place + ": ") + problem.what});
    }
  }
  if (!faults.empty()) return faults;
  const auto all = PolicySet::compile(sources, hash);
  if (all) return faults;
  for (const policy::PolicyProblem& problem : all.error()) faults.push_back({"", problem.what});
  return faults;
}

}  // namespace phoenix
