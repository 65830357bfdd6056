// An app's policy tests, asked of its policies; and what of the policies they never came to.
#pragma once

#include <string>
#include <vector>

#include "manifest/policies/cases.h"
#include "policy/rules/policy_set.h"

namespace phoenix::cli {

struct CaseRun {
  const manifest::PolicyCase* asked = nullptr;
  policy::Explanation got;
  std::string rule;   // POLICY/NAME of what decided, or "default"
  std::string wrong;  // how it differs from what the case expects; empty: not at all
};

// A rule, or a point's default, that decided no case.
struct Undecided {
  policy::Point point = policy::Point::kAssign;
  std::string rule;  // as in CaseRun
  policy::Place place;
};

struct CaseReport {
  std::vector<CaseRun> runs;  // in the order of the cases, which must outlive them
  std::vector<Undecided> undecided;
  size_t rules = 0;  // with the defaults
  size_t failed() const;
};

CaseReport run_cases(const policy::PolicySet& policies,
                     const std::vector<manifest::PolicyCase>& cases);

// Whether the point's default may ever decide: a rule that always holds leaves it nothing.
bool reaches_default(const policy::PolicySet& policies, policy::Point point);

// "invoices/personal-data".
std::string full_name(const policy::Rule& rule);

}  // namespace phoenix::cli
