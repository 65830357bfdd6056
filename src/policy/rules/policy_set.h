// All policies of a fleet, compiled: what they decide, why, and what of it may be kept.
//
// At a point, every rule of every policy is asked. A rule that denies wins; else one that requires
// approval; else one that allows; where none holds, the strictest default of the point's policies.
// A rule that fails to evaluate denies. A point without a policy allows.
//
// The rules of a point are asked in two parts: those whose conditions read nothing but what is the
// same for a packet class and a revision of a member, then the others, each part in the order of
// the documents. So what the first part found may be kept (decision_cache.h), and the reason given
// is the same with and without.
//
// Immutable once compiled; any number of threads may read it, each with a Scratch of its own.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "base/digest.h"
#include "policy/cel/program.h"
#include "policy/rules/input.h"
#include "policy/rules/source.h"

namespace phoenix::policy {

inline constexpr size_t kMostPolicies = 64;  // at one point
inline constexpr size_t kMostRules = 256;    // at one point
inline constexpr uint64_t kMostPointCost = 1'000'000;

struct Rule {
  std::string policy;
  std::string name;
  std::string reason;
  Verdict verdict = Verdict::kDeny;
  bool always = false;     // it has no condition
  bool otherwise = false;  // asked last, and only if no other rule of its policy held
  uint16_t policy_index = 0;
  cel::Program condition;
  std::vector<Obligation> obligations;
  Approval approval;
  Place place;
};

// What asking rules has found so far. Numbers of rules at their point; -1: none.
struct Tally {
  int16_t denies = -1;
  int16_t approves = -1;
  int16_t allows = -1;
  bool failed = false;  // the rule that denies could not be evaluated
  uint32_t at = 0;      // of that error
  cel::Fault fault = cel::Fault::kNoOverload;
  uint64_t matched = 0;  // of which policies a rule held
  uint64_t obliged = 0;  // of the rules that bring obligations, which held
};

enum class Cause : uint8_t { kNoPolicy, kRule, kDefault, kError };

struct Decision {
  Verdict verdict = Verdict::kAllow;
  Cause cause = Cause::kNoPolicy;
  const Rule* rule = nullptr;  // of kRule and kError; lives as long as the policy set
  Tally tally;
};

// A decision in words, for answers and for the record.
struct Explanation {
  Verdict verdict = Verdict::kAllow;
  std::string reason_code;  // "denied-by-rule", "approval-required", "denied-by-default", …
  std::string reason;
  std::string policy;  // empty if no rule decided
  std::string rule;
  Place place;
  Digest digest{};
};

struct PolicyProblem {
  Place place;
  std::string what;
  std::string field;  // of the rule: "condition", "obligations"; empty: the policy as a whole
  bool operator==(const PolicyProblem&) const = default;
};

class PolicySet {
 public:
  // SHA-256, which this folder does not have.
  using Hash = Digest (*)(std::string_view bytes);

  // All faults of all policies, or the set.
  static tl::expected<PolicySet, std::vector<PolicyProblem>> compile(
      std::span<const PolicySource> sources, Hash hash);

  bool has_policy(Point point) const { return !at(point).defaults.empty(); }
  // Whether what a class and a revision say settles every decision at that point.
  bool is_stable(Point point) const { return at(point).stable == at(point).asked; }
  std::span<const Rule> rules(Point point) const { return at(point).rules; }
  const Digest& digest() const { return digest_; }

  Decision decide(Point point, const Input& input, cel::Scratch& scratch) const;
  // The two parts of it, for who keeps the first.
  Tally ask_stable(Point point, const Input& input, cel::Scratch& scratch) const;
  Decision finish(Point point, const Tally& stable, const Input& input,
                  cel::Scratch& scratch) const;
  // Of a tally to which the rules that are not stable can add nothing: there are none, or it
  // denies.
  bool is_settled(Point point, const Tally& tally) const {
    return tally.denies >= 0 || is_stable(point);
  }
  Decision conclude(Point point, const Tally& tally) const;

  Explanation explain(Point point, const Decision& decision) const;
  // Whether rules of that point bring obligations.
  bool obliges(Point point) const { return !at(point).obliging.empty(); }
  // Of these: those that held, in their order. Of a denial those that want it logged.
  std::vector<const Rule*> obliging(Point point, const Decision& decision) const;
  // What goes along with it, each once, in the order of the rules. None of a denial but kLog.
  std::vector<Obligation> obligations(Point point, const Decision& decision) const;

 private:
  friend class PolicySetCompiler;
  struct AtPoint {
    std::vector<Rule> rules;  // stable ones first, then the others, then those of kind otherwise
    size_t stable = 0;        // how many of them
    size_t asked = 0;         // how many are not of kind otherwise, which ask for nothing
    std::vector<Verdict> defaults;   // of each policy
    std::vector<uint16_t> obliging;  // rules with obligations, by the number of their bit
  };
  const AtPoint& at(Point point) const { return points_[static_cast<size_t>(point)]; }
  void ask(const AtPoint& here, size_t from, size_t to, const Input& input, cel::Scratch& scratch,
           Tally& tally) const;
  static void count(const AtPoint& here, size_t rule, Tally& tally);

  std::array<AtPoint, kPoints> points_;
  Digest digest_{};
};

}  // namespace phoenix::policy
