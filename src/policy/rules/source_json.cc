#include "policy/rules/source_json.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/json/json_writer.h"

namespace phoenix::policy {
namespace {

using json::Faults;
using json::Field;
using json::Path;
using json::Value;

constexpr size_t kMostNames = 256;
constexpr size_t kMostObligations = 64;
constexpr size_t kMostText = 4'096;
constexpr int64_t kLongestApproval = 366LL * 86'400;

// --- writing: the keys of each object in the order of their bytes ---------------------------

void write_place(json::Writer& out, std::string_view key, const Place& place) {
  if (place != Place()) out.field(key, place_text(place));
}

void write_approval(json::Writer& out, const Approval& approval) {
  out.key("approval");
  out.begin_object();
  out.number("expiresSeconds", approval.expires_seconds);
  out.field("onExpiry", verdict_name(approval.on_expiry));
  out.field("role", approval.role);
  out.end_object();
}

void write_obligation(json::Writer& out, const Obligation& one) {
  out.begin_object();
  switch (one.kind) {
    case Obligation::Kind::kLog:
      out.flag("log", true);
      break;
    case Obligation::Kind::kRedact:
      out.strings("redact", one.names);
      break;
    case Obligation::Kind::kNarrowScopes:
      out.strings("narrowScopes", one.names);
      break;
  }
  out.end_object();
}

void write_rule(json::Writer& out, const RuleSource& rule) {
  out.begin_object();
  if (rule.approval != Approval()) write_approval(out, rule.approval);
  write_place(out, "at", rule.place);
  if (!rule.condition.empty()) out.field("condition", rule.condition);
  write_place(out, "conditionAt", rule.condition_place);
  out.field("decision", verdict_name(rule.verdict));
  if (!rule.name.empty()) out.field("name", rule.name);
  if (!rule.obligations.empty()) {
    out.key("obligations");
    out.begin_array();
    for (const Obligation& one : rule.obligations) write_obligation(out, one);
    out.end_array();
  }
  if (rule.otherwise) out.flag("otherwise", true);
  if (!rule.reason.empty()) out.field("reason", rule.reason);
  out.end_object();
}

void write_score(json::Writer& out, std::string_view key, const std::optional<double>& score) {
  if (!score) return;
  out.key(key);
  out.raw(fmt::format("{}", *score));
}

void write_restricted(json::Writer& out, const RestrictedTag& tag) {
  out.begin_object();
  write_place(out, "at", tag.place);
  write_score(out, "minimumTrustScore", tag.minimum_trust);
  if (!tag.required_compliance.empty()) out.strings("requiredCompliance", tag.required_compliance);
  out.field("tag", tag.tag);
  out.end_object();
}

// --- reading --------------------------------------------------------------------------------

std::string read_text(const Value& value, const Path& path, Faults& faults) {
  auto text = json::read_string(value, path, faults).value_or("");
  if (text.size() > kMostText) {
    faults.add(path, fmt::format("is longer than {} bytes", kMostText));
  }
  return text;
}

Place read_place(const Value& value, const Path& path, Faults& faults) {
  return place_of_text(read_text(value, path, faults));
}

std::optional<double> read_share(const Value& value, const Path& path, Faults& faults) {
  double score = 0;
  const std::string_view text = value.raw();
  if (value.kind() == json::Kind::kNumber) {
    const auto read = std::from_chars(text.data(), text.data() + text.size(), score);
    if (read.ec == std::errc() && score >= 0 && score <= 1) return score;
  }
  faults.add(path, json::shown(value) + " is not allowed: a number from 0 to 1");
  return std::nullopt;
}

Verdict read_verdict(const Value& value, const Path& path, Faults& faults) {
  const auto chosen = json::read_choice(value, path, faults, {"allow", "require-approval", "deny"});
  return static_cast<Verdict>(chosen.value_or(static_cast<size_t>(Verdict::kDeny)));
}

// Every item of an array, `read(item, path)`.
template <class Read>
void read_items(const Value& value, const Path& path, Faults& faults, size_t most, Read read) {
  if (value.kind() != json::Kind::kArray) {
    return faults.add(path, "must be an array, not " + json::shown(value));
  }
  size_t index = 0;
  for (auto items = value.children(); !items.done(); ++index) {
    const Value item = items.take();
    if (index == most) return faults.add(path, fmt::format("holds more than {} entries", most));
    const std::string step = std::to_string(index);
    read(item, Path{&path, step});
  }
}

// In the order that they have.
std::vector<std::string> read_words(const Value& value, const Path& path, Faults& faults) {
  std::vector<std::string> words;
  read_items(value, path, faults, kMostNames, [&](const Value& item, const Path& here) {
    if (auto name = json::read_name(item, here, faults)) words.push_back(std::move(*name));
  });
  return words;
}

constexpr Field<Approval> kApprovalFields[] = {
    {"expiresSeconds",
     [](Approval& draft, const Value& value, const Path& path, Faults& faults) {
       draft.expires_seconds = static_cast<uint32_t>(
           json::read_integer(value, path, faults, 1, kLongestApproval).value_or(1));
     }},
    {"onExpiry",
     [](Approval& draft, const Value& value, const Path& path, Faults& faults) {
       const auto chosen = json::read_choice(value, path, faults, {"allow", "deny"});
       draft.on_expiry = chosen == size_t{0} ? Verdict::kAllow : Verdict::kDeny;
     }},
    {"role",
     [](Approval& draft, const Value& value, const Path& path, Faults& faults) {
       draft.role = json::read_name(value, path, faults).value_or("");
     }},
};

using Obligations = std::vector<Obligation>;
constexpr Field<Obligations> kObligationFields[] = {
    {"log",
     [](Obligations& draft, const Value& value, const Path& path, Faults& faults) {
       if (json::read_bool(value, path, faults).value_or(false)) draft.emplace_back();
     }},
    {"redact",
     [](Obligations& draft, const Value& value, const Path& path, Faults& faults) {
       draft.push_back({Obligation::Kind::kRedact, read_words(value, path, faults)});
     }},
    {"narrowScopes",
     [](Obligations& draft, const Value& value, const Path& path, Faults& faults) {
       draft.push_back({Obligation::Kind::kNarrowScopes, read_words(value, path, faults)});
     }},
};

constexpr Field<RuleSource> kRuleFields[] = {
    {"approval",
     [](RuleSource& draft, const Value& value, const Path& path, Faults& faults) {
       json::read_object(kApprovalFields, draft.approval, value, path, faults);
     }},
    {"at", [](RuleSource& draft, const Value& value, const Path& path,
              Faults& faults) { draft.place = read_place(value, path, faults); }},
    {"condition",
     [](RuleSource& draft, const Value& value, const Path& path, Faults& faults) {
       draft.condition = read_text(value, path, faults);
       const bool empty = value.kind() == json::Kind::kString && draft.condition.empty();
       if (empty) faults.add(path, "is empty: leave it out to hold always");
     }},
    {"conditionAt",
     [](RuleSource& draft, const Value& value, const Path& path, Faults& faults) {
       draft.condition_place = read_place(value, path, faults);
     }},
    {"decision", [](RuleSource& draft, const Value& value, const Path& path,
                    Faults& faults) { draft.verdict = read_verdict(value, path, faults); }},
    {"name",
     [](RuleSource& draft, const Value& value, const Path& path, Faults& faults) {
       draft.name = json::read_name(value, path, faults).value_or("");
     }},
    {"obligations",
     [](RuleSource& draft, const Value& value, const Path& path, Faults& faults) {
       read_items(value, path, faults, kMostObligations, [&](const Value& item, const Path& here) {
         json::read_object(kObligationFields, draft.obligations, item, here, faults);
       });
     }},
    {"otherwise",
     [](RuleSource& draft, const Value& value, const Path& path, Faults& faults) {
       draft.otherwise = json::read_bool(value, path, faults).value_or(false);
     }},
    {"reason", [](RuleSource& draft, const Value& value, const Path& path,
                  Faults& faults) { draft.reason = read_text(value, path, faults); }},
};

constexpr Field<RestrictedTag> kTagFields[] = {
    {"at", [](RestrictedTag& draft, const Value& value, const Path& path,
              Faults& faults) { draft.place = read_place(value, path, faults); }},
    {"minimumTrustScore",
     [](RestrictedTag& draft, const Value& value, const Path& path, Faults& faults) {
       draft.minimum_trust = read_share(value, path, faults);
     }},
    {"requiredCompliance",
     [](RestrictedTag& draft, const Value& value, const Path& path, Faults& faults) {
       draft.required_compliance = read_words(value, path, faults);
     }},
    {"tag", [](RestrictedTag& draft, const Value& value, const Path& path,
               Faults& faults) { draft.tag = json::read_name(value, path, faults).value_or(""); }},
};

struct Draft {
  PolicySource made;
  bool has_target = false;
};

constexpr Field<Draft> kPolicyFields[] = {
    {"at",
     [](Draft& draft, const Value& value, const Path& path, Faults& faults) {
       draft.made.place = read_place(value, path, faults);
       draft.made.requirements.place = draft.made.place;
     }},
    {"defaultDecision",
     [](Draft& draft, const Value& value, const Path& path, Faults& faults) {
       draft.made.otherwise = read_verdict(value, path, faults);
     }},
    {"maxLoadRequired",
     [](Draft& draft, const Value& value, const Path& path, Faults& faults) {
       draft.made.requirements.room = json::read_bool(value, path, faults).value_or(false);
     }},
    {"minimumTrustScore",
     [](Draft& draft, const Value& value, const Path& path, Faults& faults) {
       draft.made.requirements.minimum_trust = read_share(value, path, faults);
     }},
    {"older",
     [](Draft& draft, const Value& value, const Path& path, Faults& faults) {
       draft.made.older = json::read_bool(value, path, faults).value_or(false);
     }},
    {"requireCapabilities",
     [](Draft& draft, const Value& value, const Path& path, Faults& faults) {
       draft.made.requirements.some_capability =
           json::read_bool(value, path, faults).value_or(false);
     }},
    {"requireCapabilityMatch",
     [](Draft& draft, const Value& value, const Path& path, Faults& faults) {
       draft.made.requirements.capability_match =
           json::read_bool(value, path, faults).value_or(false);
     }},
    {"restrictedTags",
     [](Draft& draft, const Value& value, const Path& path, Faults& faults) {
       read_items(value, path, faults, kMostNames, [&](const Value& item, const Path& here) {
         RestrictedTag tag;
         json::read_object(kTagFields, tag, item, here, faults);
         if (tag.tag.empty()) faults.add(here, "needs a \"tag\"");
         draft.made.requirements.restricted.push_back(std::move(tag));
       });
     }},
    {"rules",
     [](Draft& draft, const Value& value, const Path& path, Faults& faults) {
       read_items(value, path, faults, kMostJsonRules, [&](const Value& item, const Path& here) {
         RuleSource rule;
         json::read_object(kRuleFields, rule, item, here, faults);
         if (rule.otherwise && !rule.condition.empty()) {
           faults.add(here, "a rule that is \"otherwise\" has no condition");
         }
         draft.made.rules.push_back(std::move(rule));
       });
     }},
    {"sameNamespace",
     [](Draft& draft, const Value& value, const Path& path, Faults& faults) {
       draft.made.requirements.same_namespace =
           json::read_bool(value, path, faults).value_or(false);
     }},
    {"target",
     [](Draft& draft, const Value& value, const Path& path, Faults& faults) {
       const auto chosen = json::read_choice(
           value, path, faults, {"can-register", "can-assign", "can-handoff", "can-retire"});
       draft.made.point = static_cast<Point>(chosen.value_or(0));
       draft.has_target = true;
     }},
};

// The digits behind the last colon, taken off; 0 if there are none.
uint32_t take_last_number(std::string_view& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return 0;
  uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + colon + 1, end, number);
  if (read.ec != std::errc() || read.ptr != end) return 0;
  text = text.substr(0, colon);
  return number;
}

}  // namespace

Place place_of_text(std::string_view text) {
  Place place;
  const uint32_t last = take_last_number(text);
  const uint32_t before = last == 0 ? 0 : take_last_number(text);
  place.line = before == 0 ? last : before;
  place.column = before == 0 ? 0 : last;
  place.file = text;
  return place;
}

std::string policy_json(const PolicySource& source) {
  std::string text;
  json::Writer out(text);
  const Requirements& needed = source.requirements;
  const auto flag = [&out](std::string_view key, bool value) {
    if (value) out.flag(key, true);
  };
  out.begin_object();
  write_place(out, "at", source.place);
  if (source.otherwise) out.field("defaultDecision", verdict_name(*source.otherwise));
  flag("maxLoadRequired", needed.room);
  write_score(out, "minimumTrustScore", needed.minimum_trust);
  flag("older", source.older);
  flag("requireCapabilities", needed.some_capability);
  flag("requireCapabilityMatch", needed.capability_match);
  if (!needed.restricted.empty()) {
    out.key("restrictedTags");
    out.begin_array();
    for (const RestrictedTag& tag : needed.restricted) write_restricted(out, tag);
    out.end_array();
  }
  if (!source.rules.empty()) {
    out.key("rules");
    out.begin_array();
    for (const RuleSource& rule : source.rules) write_rule(out, rule);
    out.end_array();
  }
  flag("sameNamespace", needed.same_namespace);
  out.field("target", point_name(source.point));
  out.end_object();
  return text;
}

PolicySource read_policy(std::string_view name, const Value& value, const Path& path,
                         Faults& faults) {
  Draft draft;
  draft.made.name = name;
  json::read_object(kPolicyFields, draft, value, path, faults);
  if (!draft.has_target && value.kind() == json::Kind::kObject) {
    faults.add(path,
               "needs a \"target\", the point that it decides: can-register, can-assign, "
               "can-handoff or can-retire");
  }
  return std::move(draft.made);
}

Result<PolicySource> policy_of_json(std::string_view name, std::string_view text) {
  const auto document = json::Document::parse(text);
  if (!document) return tl::unexpected(document.error());
  Faults faults;
  PolicySource source = read_policy(name, document->root(), Path{}, faults);
  if (faults.any()) return tl::unexpected(faults.error());
  return source;
}

}  // namespace phoenix::policy
