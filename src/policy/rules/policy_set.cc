#include "policy/rules/policy_set.h"

#include <fmt/format.h>

#include <algorithm>

namespace phoenix::policy {

void PolicySet::count(const AtPoint& here, size_t rule, Tally& tally) {
  const Rule& held = here.rules[rule];
  int16_t& first = held.verdict == Verdict::kDeny    ? tally.denies
                   : held.verdict == Verdict::kAllow ? tally.allows
                                                     : tally.approves;
  if (first < 0) first = static_cast<int16_t>(rule);
  tally.matched |= uint64_t{1} << held.policy_index;
  const auto bit = std::find(here.obliging.begin(), here.obliging.end(), rule);
  if (bit != here.obliging.end()) tally.obliged |= uint64_t{1} << (bit - here.obliging.begin());
}

// Ends at the first that denies: nothing can outdo it.
void PolicySet::ask(const AtPoint& here, size_t from, size_t to, const Input& input,
                    cel::Scratch& scratch, Tally& tally) const {
  for (size_t index = from; index < to && tally.denies < 0; ++index) {
    const Rule& rule = here.rules[index];
    if (rule.always) {
      count(here, index, tally);
      continue;
    }
    const cel::Value held = cel::evaluate(rule.condition, input.values(), scratch);
    if (held.is_true()) {
      count(here, index, tally);
    } else if (!held.is_false()) {
      tally.denies = static_cast<int16_t>(index);
      tally.failed = true;
      tally.at = held.is_error() ? held.size : 0;
      tally.fault = held.is_error() ? held.fault : cel::Fault::kNotBool;
    }
  }
}

Tally PolicySet::ask_stable(Point point, const Input& input, cel::Scratch& scratch) const {
  Tally tally;
  ask(at(point), 0, at(point).stable, input, scratch, tally);
  return tally;
}

Decision PolicySet::finish(Point point, const Tally& stable, const Input& input,
                           cel::Scratch& scratch) const {
  const AtPoint& here = at(point);
  Tally tally = stable;
  ask(here, here.stable, here.asked, input, scratch, tally);
  return conclude(point, tally);
}

Decision PolicySet::decide(Point point, const Input& input, cel::Scratch& scratch) const {
  return finish(point, ask_stable(point, input, scratch), input, scratch);
}

Decision PolicySet::conclude(Point point, const Tally& before) const {
  const AtPoint& here = at(point);
  Decision decision;
  decision.tally = before;
  Tally& tally = decision.tally;
  if (here.defaults.empty()) return decision;
  const uint64_t matched = tally.matched;
  for (size_t index = here.asked; index < here.rules.size() && tally.denies < 0; ++index) {
    if ((matched >> here.rules[index].policy_index & 1) == 0) count(here, index, tally);
  }
  decision.cause = tally.failed ? Cause::kError : Cause::kRule;
  const auto decided = [&](Verdict verdict, int16_t rule) {
    decision.verdict = verdict;
    decision.rule = &here.rules[static_cast<size_t>(rule)];
  };
  if (tally.denies >= 0) {
    decided(Verdict::kDeny, tally.denies);
  } else if (tally.approves >= 0) {
    decided(Verdict::kRequireApproval, tally.approves);
  } else if (tally.allows >= 0) {
    decided(Verdict::kAllow, tally.allows);
  } else {
    decision.cause = Cause::kDefault;
    decision.verdict = *std::max_element(here.defaults.begin(), here.defaults.end());
  }
  return decision;
}

Explanation PolicySet::explain(Point point, const Decision& decision) const {
  Explanation told;
  told.verdict = decision.verdict;
  told.digest = digest_;
  const std::string_view asked = point_name(point);
  const std::string_view by = decision.cause == Cause::kDefault ? "default" : "rule";
  switch (decision.verdict) {
    case Verdict::kAllow:
      told.reason_code = fmt::format("allowed-by-{}", by);
      break;
    case Verdict::kDeny:
      told.reason_code = fmt::format("denied-by-{}", by);
      break;
    case Verdict::kRequireApproval:
      told.reason_code = "approval-required";
      break;
  }
  if (decision.rule != nullptr) {
    told.policy = decision.rule->policy;
    told.rule = decision.rule->name;
    told.place = decision.rule->place;
    told.reason = decision.rule->reason;
  }
  switch (decision.cause) {
    case Cause::kRule:
      break;
    case Cause::kNoPolicy:
      told.reason_code = "no-policy";
      told.reason = fmt::format("no policy has the target {}", asked);
      break;
    case Cause::kDefault:
      told.reason = fmt::format("no rule of {} holds, and its default is {}", asked,
                                verdict_name(decision.verdict));
      break;
    case Cause::kError:
      told.reason_code = "policy-error";
      told.reason =
          fmt::format("the condition could not be evaluated: {}",
                      cel::error_text(decision.rule->condition,
                                      cel::error_value(decision.tally.fault, decision.tally.at)));
      break;
  }
  return told;
}

std::vector<const Rule*> PolicySet::obliging(Point point, const Decision& decision) const {
  const AtPoint& here = at(point);
  std::vector<const Rule*> held;
  for (size_t bit = 0; bit < here.obliging.size(); ++bit) {
    if ((decision.tally.obliged >> bit & 1) == 0) continue;
    const Rule& rule = here.rules[here.obliging[bit]];
    const bool logs =
        std::any_of(rule.obligations.begin(), rule.obligations.end(),
                    [](const Obligation& one) { return one.kind == Obligation::Kind::kLog; });
    if (decision.verdict != Verdict::kDeny || logs) held.push_back(&rule);
  }
  return held;
}

std::vector<Obligation> PolicySet::obligations(Point point, const Decision& decision) const {
  std::vector<Obligation> owed;
  for (const Rule* rule : obliging(point, decision)) {
    for (const Obligation& one : rule->obligations) {
      if (decision.verdict == Verdict::kDeny && one.kind != Obligation::Kind::kLog) continue;
      if (std::find(owed.begin(), owed.end(), one) == owed.end()) owed.push_back(one);
    }
  }
  return owed;
}

}  // namespace phoenix::policy
