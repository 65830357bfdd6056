#include "manifest/policies/cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/closest.h"
#include "manifest/kinds/fields.h"
#include "manifest/kinds/values.h"
#include "manifest/yaml/scalar.h"

namespace phoenix::manifest {
namespace {

using policy::Point;

// When a case that names no time is asked: a fixed one, so that it is answered the same each day.
constexpr int64_t kNow = 1'767'225'600'000;  // 2026-01-01T00:00:00Z

uint32_t thousandths(double score) {
  return static_cast<uint32_t>(std::floor(score * 1'000 + 1e-9));
}

// Takes what a mapping says over what is there.
void take(const Fields& from, std::string_view name, std::string* into) {
  if (const auto text = from.text(name)) *into = *text;
}
void take(const Fields& from, std::string_view name, int64_t* into) {
  if (const auto number = from.integer(name)) *into = *number;
}
void take(const Fields& from, std::string_view name, double* into) {
  if (const auto number = from.number(name)) *into = *number;
}
void take(const Fields& from, std::string_view name, std::vector<std::string>* into) {
  if (from.get(name) != nullptr) *into = from.texts(name);
}
void take(const Fields& from, std::string_view name, Pairs* into) {
  if (from.get(name) != nullptr) *into = from.pairs(name);
}
// A duration counts from `now_ms`.
void take(const Fields& from, std::string_view name, int64_t now_ms, std::optional<int64_t>* into) {
  const auto text = from.text(name);
  if (!text) return;
  if (const auto ms = read_duration_ms(*text)) {
    *into = now_ms + *ms;
  } else {
    *into = read_time_ms(*text);
  }
}

class Reader {
 public:
  Reader(const App& app, const policy::PolicySet& policies, Findings* findings)
      : app_(app), policies_(policies), findings_(findings) {}

  std::vector<PolicyCase> run() {
    for (const PolicyTest& test : app_.tests) {
      const Fields spec =
          Fields(&test.root, find_kind("PolicyTest")->shape, test.version).object("spec");
      const std::vector<Fields> cases = spec.objects("cases");
      for (size_t at = 0; at < cases.size(); ++at) {
        path_ = fmt::format("spec.cases[{}]", at);
        read(test.name, cases[at]);
      }
    }
    return std::move(cases_);
  }

 private:
  void error(const Place& place, const std::string& field, std::string value, std::string detail) {
    findings_->push_back({Finding::Weight::kError, place,
                          field.empty() ? path_ : path_ + "." + field, std::move(value),
                          std::move(detail)});
  }

  void read(const std::string& test, const Fields& fields) {
    const auto point = policy::point_from_name(fields.text("at").value_or(""));
    const auto expect = policy::verdict_from_name(fields.text("expect").value_or(""));
    if (!point || !expect) return;  // told by the check already
    PolicyCase made;
    made.place = fields.node()->place;
    made.test = test;
    made.name = fields.text("name").value_or("");
    made.point = *point;
    made.expect = *expect;
    std::optional<int64_t> now;
    take(fields, "now", kNow, &now);
    made.now_ms = now.value_or(kNow);
    Findings told;  // by the check already
    if (const Node* context = fields.get("context")) {
      made.context = to_json(*context, fields.yaml(), "", &told);
    }
    take(fields, "reason", &made.reason);
    parties(fields, &made);
    rule(fields, &made);
    cases_.push_back(std::move(made));
  }

  // Each point asks about its own.
  void parties(const Fields& fields, PolicyCase* made) {
    const bool handoff = made->point == Point::kHandoff;
    const bool work = handoff || made->point == Point::kAssign;
    const std::string subject = handoff ? "target" : "member";
    const std::set<std::string> asked = handoff
                                            ? std::set<std::string>{"source", "target", "packet"}
                                        : work ? std::set<std::string>{"member", "packet"}
                                               : std::set<std::string>{"member"};
    for (const char* name : {"member", "source", "target", "packet"}) {
      const Node* node = fields.get(name);
      if (node != nullptr && !asked.contains(name)) {
        error(node->place, name, "",
              fmt::format("is nobody that {} asks about", policy::point_name(made->point)));
      }
      if (node == nullptr && asked.contains(name)) {
        error(made->place, "", "",
              fmt::format("lacks \"{}\", which {} asks about; {{}} is one with nothing special",
                          name, policy::point_name(made->point)));
      }
    }
    made->subject = member(fields, subject, made->now_ms);
    if (handoff) made->source = member(fields, "source", made->now_ms);
    if (work) made->packet = packet(fields, made->now_ms);
  }

  CaseMember member(const Fields& fields, const std::string& name, int64_t now_ms) {
    const Fields from = fields.object(name);
    CaseMember made;
    made.id = name;
    made.ns = app_.ns;
    if (const Agent* agent = declared(from, name, app_.agents, "Agent")) made = case_member(*agent);
    take(from, "id", &made.id);
    take(from, "namespace", &made.ns);
    take(from, "kind", &made.kind);
    take(from, "status", &made.status);
    take(from, "registeredBy", &made.registered_by);
    take(from, "capabilities", &made.capabilities);
    take(from, "compliance", &made.compliance);
    take(from, "labels", &made.labels);
    take(from, "trustScore", &made.trust);
    take(from, "reliability", &made.reliability);
    take(from, "weight", &made.weight);
    take(from, "load", &made.load);
    take(from, "maxLoad", &made.max_load);
    take(from, "joinedAt", now_ms, &made.joined_at);
    return made;
  }

  CasePacket packet(const Fields& fields, int64_t now_ms) {
    const Fields from = fields.object("packet");
    CasePacket made;
    made.id = "packet";
    made.ns = app_.ns;
    if (const Packet* named = declared(from, "packet", app_.packets, "FlightPacket")) {
      made = case_packet(*named);
    }
    take(from, "id", &made.id);
    take(from, "name", &made.name);
    take(from, "namespace", &made.ns);
    take(from, "affinityKey", &made.affinity_key);
    take(from, "requiredCapabilities", &made.required);
    if (const auto match = from.text("capabilityMatch")) made.any = *match == "any";
    take(from, "policyTags", &made.policy_tags);
    take(from, "labels", &made.labels);
    take(from, "priority", &made.priority);
    take(from, "load", &made.load);
    take(from, "attempts", &made.attempts);
    take(from, "losses", &made.losses);
    take(from, "epoch", &made.epoch);
    take(from, "createdAt", now_ms, &made.created_at);
    take(from, "deadline", now_ms, &made.deadline);
    Findings told;  // by the check already
    if (const Node* payload = from.get("payload")) {
      made.payload = to_json(*payload, from.yaml(), "", &told);
    }
    return made;
  }

  // What `from` names; null if it names nothing, or (told) nothing that is declared.
  template <class Thing>
  const Thing* declared(const Fields& fields, const std::string& name,
                        const std::vector<Thing>& things, const char* kind) {
    const Node* node = fields.get("from");
    if (node == nullptr || !node->is_scalar()) return nullptr;
    std::vector<std::string> names;
    for (const Thing& thing : things) {
      if (thing.name == node->text) return &thing;
      names.push_back(thing.name);
    }
    error(node->place, name + ".from", fmt::format("\"{}\"", node->text),
          fmt::format("is no {} of the app{}", kind, did_you_mean(node->text, names)));
    return nullptr;
  }

  void rule(const Fields& fields, PolicyCase* made) {
    const Node* node = fields.get("rule");
    if (node == nullptr || !node->is_scalar()) return;
    made->rule = node->text;
    if (made->rule == kDefaultRule) return;
    std::vector<std::string> names = {std::string(kDefaultRule)};
    for (const policy::Rule& rule : policies_.rules(made->point)) {
      if (names_rule(made->rule, rule)) return;
      names.push_back(rule.name);
    }
    error(node->place, "rule", fmt::format("\"{}\"", made->rule),
          fmt::format("is no rule at {}{}", policy::point_name(made->point),
                      did_you_mean(made->rule, names)));
  }

  const App& app_;
  const policy::PolicySet& policies_;
  Findings* findings_;
  std::string path_;
  std::vector<PolicyCase> cases_;
};

}  // namespace

CasePacket case_packet(const Packet& packet) {
  CasePacket made;
  made.id = made.name = packet.name;
  made.ns = packet.ns;
  made.affinity_key = packet.affinity_key;
  made.required = packet.required;
  made.any = packet.any;
  made.policy_tags = packet.policy_tags;
  made.labels = packet.labels;
  made.priority = packet.priority;
  made.load = packet.load;
  made.payload = packet.payload;
  return made;
}

CaseMember case_member(const Agent& agent) {
  CaseMember made;
  made.id = agent.name;
  made.ns = agent.ns;
  made.kind = agent.kind;
  made.capabilities = agent.capabilities;
  made.compliance = agent.compliance;
  made.labels = agent.labels;
  made.trust = agent.trust.value_or(1);
  made.reliability = agent.reliability.value_or(1);
  made.weight = agent.weight;
  made.max_load = std::max<int64_t>(1, agent.max_load);
  return made;
}

policy::MemberView CaseMember::view() const {
  policy::MemberView out;
  out.id = id;
  out.name_space = ns;
  out.kind = kind;
  out.status = status;
  out.registered_by = registered_by;
  out.capabilities = capabilities;
  out.compliance = compliance;
  out.labels = labels;
  out.trust = thousandths(trust);
  out.reliability = thousandths(reliability);
  out.weight = static_cast<uint32_t>(weight);
  out.load = static_cast<uint32_t>(load);
  out.max_load = static_cast<uint32_t>(max_load);
  out.joined_at = joined_at.value_or(kNoWall);
  return out;
}

policy::PacketView CasePacket::view() const {
  policy::PacketView out;
  out.id = id;
  out.name = name;
  out.name_space = ns;
  out.affinity_key = affinity_key;
  out.required_capabilities = required;
  out.any_capability = any;
  out.policy_tags = policy_tags;
  out.labels = labels;
  out.priority = static_cast<int32_t>(priority);
  out.load = static_cast<uint32_t>(load);
  out.attempts = static_cast<uint32_t>(attempts);
  out.losses = static_cast<uint32_t>(losses);
  out.epoch = static_cast<uint64_t>(epoch);
  out.created_at = created_at.value_or(kNoWall);
  out.deadline = deadline.value_or(kNoWall);
  return out;
}

bool names_rule(const std::string& name, const policy::Rule& rule) {
  return name == rule.name || name == rule.policy + "/" + rule.name;
}

std::vector<PolicyCase> policy_cases(const App& app, const policy::PolicySet& policies,
                                     Findings* findings) {
  return Reader(app, policies, findings).run();
}

}  // namespace phoenix::manifest
