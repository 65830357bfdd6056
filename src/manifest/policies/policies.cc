#include "manifest/policies/policies.h"

#include <fmt/format.h>

#include "lineage/crypto/sha256.h"
#include "manifest/kinds/fields.h"

namespace phoenix::manifest {
namespace {

using policy::Obligation;
using policy::PolicySource;
using policy::RuleSource;

policy::Place place_of(const Place& place) {
  return {place.file ? *place.file : "", static_cast<uint32_t>(place.line),
          static_cast<uint32_t>(place.column)};
}

Place place_of(const policy::Place& place) {
  return {std::make_shared<const std::string>(place.file), static_cast<int>(place.line),
          static_cast<int>(place.column)};
}

class Decoder {
 public:
  Decoder(const PolicyDocument& document, Findings* findings)
      : document_(document), version_(document.version), findings_(findings) {}

  PolicySource run(policy::Point point) {
    made_.name = document_.name;
    made_.point = point;
    made_.older = version_ == ApiVersion::kAlpha;
    made_.place = place_of(document_.place);
    if (document_.bare) {
      bare();
    } else {
      whole();
    }
    return std::move(made_);
  }

 private:
  // The original's files: what they do not say has a value all the same.
  void bare() {
    const Fields all(&document_.root, find_kind("PolicyRules")->shape, version_);
    const Fields rules = all.object("rules");
    requirements(rules);
    policy::Requirements& needed = made_.requirements;
    const bool assigns = made_.point == policy::Point::kAssign;
    needed.same_namespace = assigns || made_.point == policy::Point::kHandoff;
    needed.capability_match = assigns && rules.truth("requireCapabilityMatch").value_or(true);
    needed.room = assigns && rules.truth("maxLoadRequired").value_or(true);
    if (!needed.any()) needed.minimum_trust = 0.0;  // asked for nothing, it allows
  }

  void whole() {
    const Fields spec =
        Fields(&document_.root, find_kind("Policy")->shape, version_).object("spec");
    requirements(spec);
    if (const auto otherwise = spec.text("defaultDecision")) {
      made_.otherwise = policy::verdict_from_name(*otherwise);
    }
    for (const Fields& each : spec.objects("rules")) rule(each);
  }

  void requirements(const Fields& from) {
    policy::Requirements& needed = made_.requirements;
    needed.place = made_.place;
    needed.minimum_trust = from.number("minimumTrustScore");
    needed.some_capability = from.truth("requireCapabilities").value_or(false);
    needed.capability_match = from.truth("requireCapabilityMatch").value_or(false);
    needed.room = from.truth("maxLoadRequired").value_or(false);
    const std::vector<Fields> tags = from.objects("restrictedTags");
    for (size_t at = 0; at < tags.size(); ++at) {
      const Node& key = from.get("restrictedTags")->keys[at];
      needed.restricted.push_back({key.text, tags[at].texts("requiredCompliance"),
                                   tags[at].number("minimumTrustScore"), place_of(key.place)});
    }
  }

  void rule(const Fields& fields) {
    RuleSource made;
    made.place = place_of(fields.node()->place);
    made.name = fields.text("name").value_or("");
    made.verdict = policy::verdict_from_name(fields.text("decision").value_or("deny"))
                       .value_or(policy::Verdict::kDeny);
    made.reason = fields.text("reason").value_or("");
    if (const Node* condition = fields.get("condition")) {
      made.condition = condition->text;
      made.condition_place = place_of(condition->place);
      if (!condition->plain) ++made.condition_place.column;
      for (const LineStart& line : condition->lines) {
        made.condition_lines.push_back({static_cast<uint32_t>(line.offset),
                                        static_cast<uint32_t>(line.line),
                                        static_cast<uint32_t>(line.column)});
      }
    }
    if (made_.older) older(made);
    obligations(fields, made);
    const Fields approval = fields.object("approval");
    if (const auto role = approval.text("role")) made.approval.role = *role;
    if (const auto expires = approval.duration_ms("expiresAfter")) {
      made.approval.expires_seconds = static_cast<uint32_t>(*expires / 1'000);
    }
    if (approval.text("onExpiry") == "allow") made.approval.on_expiry = policy::Verdict::kAllow;
    made_.rules.push_back(std::move(made));
  }

  void older(RuleSource& made) {
    if (made.condition == "default") {
      made.condition.clear();
      made.otherwise = true;
      return;
    }
    cel::CompileOptions options;
    options.result = cel::Kind::kBool;
    const auto program =
        cel::compile(made.condition, policy::input_schema(made_.point, true), options);
    if (program) return;
    const std::string what = program.error().front().what;
    findings_->push_back({Finding::Weight::kWarning, place_of(made.condition_place), "condition",
                          made.condition.substr(0, 40), what + "; it denies everything"});
    made.condition.clear();
    made.verdict = policy::Verdict::kDeny;
    made.reason = "its condition cannot be read: " + what;
  }

  static void obligations(const Fields& fields, RuleSource& made) {
    for (const Fields& one : fields.objects("obligations")) {
      const size_t before = made.obligations.size();
      if (one.truth("log").value_or(false)) made.obligations.push_back({});
      if (one.get("redact") != nullptr) {
        made.obligations.push_back({Obligation::Kind::kRedact, one.texts("redact")});
      }
      if (one.get("narrowScopes") != nullptr) {
        made.obligations.push_back({Obligation::Kind::kNarrowScopes, one.texts("narrowScopes")});
      }
      const size_t more = made.obligations.size() - before;
      made.obligation_places.insert(made.obligation_places.end(), more,
                                    place_of(one.node()->place));
    }
  }

  const PolicyDocument& document_;
  ApiVersion version_;
  Findings* findings_;
  PolicySource made_;
};

// It only denies: whoever has trust enough is still asked for what the policies say.
PolicySource governance(const App& app, policy::Point point) {
  RuleSource rule;
  rule.name = "minimumTrustScore";
  rule.condition =
      fmt::format("{}.trustScore < double({})",
                  point == policy::Point::kHandoff ? "target" : "member", *app.minimum_trust);
  rule.reason = fmt::format("the trust score is below the {} of governance.minimumTrustScore",
                            *app.minimum_trust);
  rule.place = place_of(app.place);
  rule.condition_place = rule.place;
  PolicySource made;
  made.name = "governance";
  made.point = point;
  made.otherwise = policy::Verdict::kAllow;
  made.rules.push_back(std::move(rule));
  made.place = place_of(app.place);
  return made;
}

}  // namespace

std::vector<PolicySource> policy_sources(const App& app, Findings* findings) {
  std::vector<PolicySource> sources;
  if (app.minimum_trust && app.enforce && *app.minimum_trust > 0) {
    for (const auto point :
         {policy::Point::kRegister, policy::Point::kAssign, policy::Point::kHandoff}) {
      sources.push_back(governance(app, point));
    }
  }
  for (const PolicyDocument& document : app.policies) {
    const auto point = policy::point_from_name(document.target);
    if (point) sources.push_back(Decoder(document, findings).run(*point));
  }
  return sources;
}

std::shared_ptr<const policy::PolicySet> compile_policies(const App& app, Findings* findings) {
  const auto hash = [](std::string_view bytes) { return lineage::sha256(bytes); };
  auto set = policy::PolicySet::compile(policy_sources(app, findings), hash);
  if (set) return std::make_shared<const policy::PolicySet>(std::move(*set));
  for (const policy::PolicyProblem& problem : set.error()) {
    findings->push_back(
        {Finding::Weight::kError, place_of(problem.place), problem.field, "", problem.what});
  }
  return nullptr;
}

}  // namespace phoenix::manifest
