// The tests of an app's policies, from their documents to questions that a policy set can be asked.
// A case names a point, who and what is asked about, and the decision that is expected.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "manifest/app/model.h"
#include "policy/rules/policy_set.h"

namespace phoenix::manifest {

// What a case is about, as it is kept; a view of it is what policies see. The views point into
// these.
struct CaseMember {
  std::string id;
  std::string ns;
  std::string kind = "agent";
  std::string status = "ACTIVE";
  std::string registered_by;
  std::vector<std::string> capabilities;
  std::vector<std::string> compliance;
  Pairs labels;
  double trust = 1;
  double reliability = 1;
  int64_t weight = 100;
  int64_t load = 0;
  int64_t max_load = 1;
  std::optional<int64_t> joined_at;  // milliseconds since 1970

  policy::MemberView view() const;
};

struct CasePacket {
  std::string id;
  std::string name;
  std::string ns;
  std::string affinity_key;
  std::vector<std::string> required;
  bool any = false;
  std::vector<std::string> policy_tags;
  Pairs labels;
  int64_t priority = 0;
  int64_t load = 1;
  int64_t attempts = 0;
  int64_t losses = 0;
  int64_t epoch = 0;
  std::optional<int64_t> created_at;
  std::optional<int64_t> deadline;
  std::string payload = "null";  // JSON

  policy::PacketView view() const;  // without the payload, which is a value of the caller's making
};

struct PolicyCase {
  Place place;
  std::string test;  // the document's name
  std::string name;
  policy::Point point = policy::Point::kAssign;
  CaseMember subject;  // member, or at a handoff the target
  std::optional<CaseMember> source;
  std::optional<CasePacket> packet;
  int64_t now_ms = 0;
  std::string context = "{}";  // JSON
  policy::Verdict expect = policy::Verdict::kAllow;
  std::string rule;    // NAME or POLICY/NAME, "default"; empty: whichever
  std::string reason;  // part of it; empty: whichever
};

// What is declared as a case that names it with `from` has it.
CaseMember case_member(const Agent& agent);
CasePacket case_packet(const Packet& packet);

inline constexpr std::string_view kDefaultRule = "default";

// Whether a rule's name in a case means that rule.
bool names_rule(const std::string& name, const policy::Rule& rule);

// All cases of the app's tests, in their order. Findings: what is asked about and is not declared,
// who a point does not ask about or lacks, a rule that no policy of the point has.
std::vector<PolicyCase> policy_cases(const App& app, const policy::PolicySet& policies,
                                     Findings* findings);

}  // namespace phoenix::manifest
