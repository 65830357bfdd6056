#include "cli/policy/case_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "cli/json.h"
#include "cli/policy/json_values.h"

namespace phoenix::cli {
namespace {

using manifest::PolicyCase;
using policy::Point;

// Payloads and contexts stand in files of bounded size; a value takes more as such than as text.
constexpr size_t kMemory = 32 << 20;

// What a case is about, as values. The parts point into each other, so it stays where it is made.
class Asked {
 public:
  explicit Asked(const PolicyCase& asked) : subject_(asked.subject.view()) {
    input_.set_member(subject_);
    input_.set_now(asked.now_ms);
    if (asked.source) {
      source_ = std::make_unique<policy::MemberFacts>(asked.source->view());
      input_.set_source(*source_);
    }
    if (asked.packet) {
      policy::PacketView view = asked.packet->view();
      view.payload = value(asked.packet->payload, &payload_);
      packet_ = std::make_unique<policy::PacketFacts>(view);
      input_.set_packet(*packet_);
    }
    input_.set_context(value(asked.context, &context_));
  }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

  const policy::Input& input() const { return input_; }

 private:
  // Absent where there is none.
  cel::Value value(const std::string& text, Json* kept) {
    auto json = Json::parse(text);
    if (!json || json->is_null()) return cel::absent_value();
    *kept = std::move(*json);
    return value_of_json(*kept, memory_);
  }

  cel::Scratch memory_{kMemory};
  Json payload_;
  Json context_;
  policy::MemberFacts subject_;
  std::unique_ptr<policy::MemberFacts> source_;
  std::unique_ptr<policy::PacketFacts> packet_;
  policy::Input input_;
};

bool by_default(const policy::Decision& decision) { return decision.rule == nullptr; }

bool rule_as_expected(const PolicyCase& asked, const policy::Decision& decision) {
  if (asked.rule.empty()) return true;
  if (asked.rule == manifest::kDefaultRule && by_default(decision)) return true;
  return !by_default(decision) && manifest::names_rule(asked.rule, *decision.rule);
}

std::string difference(const PolicyCase& asked, const policy::Decision& decision,
                       const CaseRun& run) {
  const bool verdict = asked.expect == decision.verdict;
  const bool rule = rule_as_expected(asked, decision);
  const bool reason = run.got.reason.find(asked.reason) != std::string::npos;
  if (verdict && rule && reason) return "";
  std::string expected{policy::verdict_name(asked.expect)};
  if (!asked.rule.empty()) expected += " by " + asked.rule;
  if (!asked.reason.empty()) expected += fmt::format(" (\"{}\")", asked.reason);
  return fmt::format(
      "expected {}, got {} by {}{}: {}", expected, policy::verdict_name(decision.verdict), run.rule,
      run.got.place.line == 0 ? "" : " at " + policy::place_text(run.got.place), run.got.reason);
}

}  // namespace

size_t CaseReport::failed() const {
  return static_cast<size_t>(std::count_if(runs.begin(), runs.end(),
                                           [](const CaseRun& run) { return !run.wrong.empty(); }));
}

std::string full_name(const policy::Rule& rule) { return rule.policy + "/" + rule.name; }

bool reaches_default(const policy::PolicySet& policies, Point point) {
  const auto rules = policies.rules(point);
  return std::none_of(rules.begin(), rules.end(),
                      [](const policy::Rule& rule) { return rule.always || rule.otherwise; });
}

CaseReport run_cases(const policy::PolicySet& policies, const std::vector<PolicyCase>& cases) {
  CaseReport report;
  std::set<const policy::Rule*> decided;
  std::set<Point> defaults;
  cel::Scratch scratch;
  for (const PolicyCase& each : cases) {
    const Asked asked(each);
    const policy::Decision decision = policies.decide(each.point, asked.input(), scratch);
    CaseRun run;
    run.asked = &each;
    run.got = policies.explain(each.point, decision);
    run.rule =
        by_default(decision) ? std::string(manifest::kDefaultRule) : full_name(*decision.rule);
    run.wrong = difference(each, decision, run);
    report.runs.push_back(std::move(run));
    if (by_default(decision)) {
      defaults.insert(each.point);
    } else {
      decided.insert(decision.rule);
    }
  }
  for (int index = 0; index < policy::kPoints; ++index) {
    const auto point = static_cast<Point>(index);
    if (!policies.has_policy(point)) continue;
    for (const policy::Rule& rule : policies.rules(point)) {
      ++report.rules;
      if (!decided.contains(&rule))
        report.undecided.push_back({point, full_name(rule), rule.place});
    }
    if (!reaches_default(policies, point)) continue;
    ++report.rules;
    if (!defaults.contains(point)) {
      report.undecided.push_back({point, std::string(manifest::kDefaultRule), {}});
    }
  }
  return report;
}

}  // namespace phoenix::cli
