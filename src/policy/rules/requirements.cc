#include <fmt/format.h>

#include "policy/rules/source.h"

namespace phoenix::policy {
namespace {

// A text as a literal of an expression.
std::string quoted(std::string_view text) {
  std::string literal = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') literal.push_back('\\');
    if (c == '\n') {
      literal += "\\n";
    } else if (c == '\r') {
      literal += "\\r";
    } else {
      literal.push_back(c);
    }
  }
  return literal + "'";
}

// A number as a literal of a double.
std::string number(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

class Requirement {
 public:
  Requirement(const Requirements& requirements, Point point)
      : place_(requirements.place), who_(point == Point::kHandoff ? "target" : "member") {}

  void deny(std::string name, std::string condition, std::string reason) {
    RuleSource rule;
    rule.name = std::move(name);
    rule.condition = std::move(condition);
    rule.reason = std::move(reason);
    rule.place = place_;
    rule.condition_place = place_;
    rules_.push_back(std::move(rule));
  }

  void minimum_trust(double least) {
    deny("minimumTrustScore", fmt::format("{}.trustScore < {}", who_, number(least)),
         fmt::format("the trust score of the {} is below {}", who_, least));
  }

  void restricted(const RestrictedTag& restricted) {
    place_ = restricted.place;
    const std::string tagged = quoted(restricted.tag) + " in packet.policyTags";
    for (const std::string& needed : restricted.required_compliance) {
      deny("restrictedTags." + restricted.tag,
           fmt::format("{} && !({} in {}.compliance)", tagged, quoted(needed), who_),
           fmt::format("the {} lacks compliance {}, which packets tagged {} require", who_, needed,
                       restricted.tag));
    }
    if (restricted.minimum_trust) {
      deny("restrictedTags." + restricted.tag,
           fmt::format("{} && {}.trustScore < {}", tagged, who_, number(*restricted.minimum_trust)),
           fmt::format("the trust score of the {} is below {}, which packets tagged {} require",
                       who_, *restricted.minimum_trust, restricted.tag));
    }
  }

  const std::string& who() const { return who_; }
  std::vector<RuleSource> take() { return std::move(rules_); }

 private:
  Place place_;
  std::string who_;
  std::vector<RuleSource> rules_;
};

}  // namespace

std::string place_text(const Place& place) {
  if (place.line == 0) return place.file;
  if (place.column == 0) return fmt::format("{}:{}", place.file, place.line);
  return fmt::format("{}:{}:{}", place.file, place.line, place.column);
}

std::vector<RuleSource> rules_of(const Requirements& requirements, Point point) {
  if (!requirements.any()) return {};
  Requirement made(requirements, point);
  const std::string& who = made.who();
  if (requirements.minimum_trust) made.minimum_trust(*requirements.minimum_trust);
  if (requirements.some_capability) {
    made.deny("requireCapabilities", fmt::format("size({}.capabilities) == 0", who),
              fmt::format("the {} has no capabilities", who));
  }
  if (requirements.same_namespace) {
    made.deny("namespace", fmt::format("{}.namespace != packet.namespace", who),
              fmt::format("the {} and the packet are of different namespaces", who));
  }
  if (requirements.capability_match) {
    made.deny(
        "requireCapabilityMatch",
        fmt::format("packet.capabilityMatch == 'any' ? size(packet.requiredCapabilities) > 0 && "
                    "!packet.requiredCapabilities.exists(c, c in {0}.capabilities) : "
                    "!packet.requiredCapabilities.all(c, c in {0}.capabilities)",
                    who),
        fmt::format("the {} lacks capabilities that the packet requires", who));
  }
  if (requirements.room) {
    made.deny("maxLoadRequired", fmt::format("{0}.load >= {0}.maxLoad", who),
              fmt::format("the {} is at its capacity", who));
  }
  for (const RestrictedTag& restricted : requirements.restricted) made.restricted(restricted);
  std::vector<RuleSource> rules = made.take();
  RuleSource met;
  met.name = "requirements";
  met.verdict = Verdict::kAllow;
  met.reason = "all requirements are met";
  met.place = requirements.place;
  rules.push_back(std::move(met));
  return rules;
}

}  // namespace phoenix::policy
