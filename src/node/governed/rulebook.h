// The policies in force, compiled: one set for each namespace that has any, made of its documents
// in the order of their names when it is first asked for, and again when one of them has changed.
// Pure memory; single-threaded.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "directory/document.h"
#include "policy/rules/decision_cache.h"
#include "policy/rules/known_verdicts.h"
#include "ring/placement.h"

namespace phoenix {

struct RuleSet {
  std::shared_ptr<const policy::PolicySet> set;
  policy::DecisionCache kept;
  policy::KnownVerdicts known;  // of can-assign, by number on the ring
  // Whether rules of that point read a payload.
  std::array<bool, policy::kPoints> reads_payload{};
  bool obliges_owner = false;   // rules of who may have a packet bring obligations
  bool asks_for_words = false;  // somebody may have to say that a member may have it

  bool has(policy::Point point) const { return set->has_policy(point); }
};

class Rulebook {
 public:
  // Requires: it is of kind policy.
  void change(const DocumentPtr& document);
  // No namespace has a policy.
  bool empty() const { return namespaces_.empty(); }
  // Null: that namespace has none. Valid until the next change. Documents that cannot be read or
  // compiled deny everything, for who laid them down meant something by them.
  RuleSet* of(std::string_view ns) {
    return last_ != nullptr && ns == last_name_ ? last_ : find(ns);
  }
  // What was kept of decisions is forgotten: numbers of members are given anew.
  void forget_decisions();
  // What was kept under that number on the ring: it is given to a member of that namespace, or its
  // member has changed.
  void forget_decisions(std::string_view ns, MemberIndex member);

  // What is wrong with these policies together; empty if nothing is.
  struct Fault {
    std::string name;  // of the document, as far as it is one's
    std::string detail;
  };
  static std::vector<Fault> check(const std::vector<DocumentPtr>& documents);

 private:
  struct Namespace {
    std::map<std::string, DocumentPtr, std::less<>> documents;  // none deleted, never empty
    std::unique_ptr<RuleSet> rules;                             // null: to be made
  };
  RuleSet* find(std::string_view ns);
  static std::unique_ptr<RuleSet> compiled(const Namespace& space);

  std::map<std::string, Namespace, std::less<>> namespaces_;
  // Asked for last: a packet's life asks several times, for the same one.
  std::string_view last_name_;
  RuleSet* last_ = nullptr;
};

}  // namespace phoenix
