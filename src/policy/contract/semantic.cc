#include "policy/contract/semantic.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/json/fields.h"
#include "policy/contract/path.h"
#include "policy/contract/schema.h"

namespace phoenix::policy {
namespace {

using json::Kind;
using json::Path;
using json::Value;

constexpr uint64_t kMostSteps = 1'000'000;
constexpr size_t kMostNames = 256;
constexpr std::array<std::string_view, 5> kLoose = {
    "authority", "constraints", "evidenceRequirements", "protectedFields", "roles"};

bool same(const Value& left, const Value& right) {
  uint64_t steps = kMostSteps;
  return same_json(left, right, steps);
}

bool same(const std::optional<Value>& left, const std::optional<Value>& right) {
  return left && right ? same(*left, *right) : left.has_value() == right.has_value();
}

std::vector<std::string> names_at(const Value& object, std::string_view key) {
  std::vector<std::string> names;
  const auto list = object.find(key);
  if (!list || list->kind() != Kind::kArray) return names;
  for (auto items = list->children(); !items.done();) {
    const Value item = items.take();
    if (item.kind() == Kind::kString) names.push_back(item.string());
  }
  return names;
}

// The first name of a list that the other one has not.
std::optional<std::string> gone(const Value& before, const Value& after, std::string_view key) {
  const auto left = names_at(after, key);
  for (std::string& name : names_at(before, key)) {
    if (std::find(left.begin(), left.end(), name) == left.end()) return std::move(name);
  }
  return std::nullopt;
}

Refusal refusal(Breach breach, std::string detail) { return {breach, std::move(detail)}; }

std::optional<Refusal> check_protected(const Value& before, const Value& after) {
  const auto loose = [](const std::string& key) {
    return std::find(kLoose.begin(), kLoose.end(), key) != kLoose.end();
  };
  const auto changed = [](const std::string& what) {
    return refusal(Breach::kChangedProtectedField, what + " must stay as it is");
  };
  for (const Value* side : {&before, &after}) {
    const Value& other = side == &before ? after : before;
    for (auto members = side->children(); !members.done();) {
      const std::string key = members.take().string();
      const Value value = members.take();
      if (!loose(key) && !same(std::optional(value), other.find(key))) return changed(key);
    }
  }
  for (const std::string& path : names_at(before, "protectedFields")) {
    if (!same(at_path(before, path), at_path(after, path))) return changed(path);
  }
  if (const auto name = gone(before, after, "protectedFields")) {
    return changed("protectedFields names " + *name + ", which");
  }
  if (const auto name = gone(before, after, "evidenceRequirements")) {
    return changed("evidenceRequirements names " + *name + ", which");
  }
  return std::nullopt;
}

std::optional<Refusal> check_constraints(const Value& before, const Value& after) {
  const auto had = before.find("constraints");
  if (!had) return std::nullopt;
  const auto has = after.find("constraints");
  for (auto members = had->children(); !members.done();) {
    const std::string key = members.take().string();
    const Value value = members.take();
    const auto now = has ? has->find(key) : std::nullopt;
    if (!now) return refusal(Breach::kDroppedConstraint, "constraint " + key + " is gone");
    if (!same(value, *now)) {
      return refusal(Breach::kDroppedConstraint, "constraint " + key + " says something else");
    }
  }
  return std::nullopt;
}

// Whether the one permits nothing that the other does not. JSON is at most 64 deep.
bool within(const Value& narrow, const Value& wide) {
  if (narrow.is_null() || (narrow.kind() == Kind::kBool && !narrow.is_true())) return true;
  if (narrow.kind() != wide.kind()) return false;
  switch (narrow.kind()) {
    case Kind::kNumber: {
      // A schema with that maximum says it without a second arithmetic.
      const auto limit = Schema::compile("{\"maximum\":" + std::string(wide.raw()) + "}");
      return limit && !limit->fault(narrow);
    }
    case Kind::kArray: {
      for (auto items = narrow.children(); !items.done();) {
        const Value item = items.take();
        bool found = false;
        for (auto others = wide.children(); !found && !others.done();) {
          found = same(item, others.take());
        }
        if (!found) return false;
      }
      return true;
    }
    case Kind::kObject: {
      for (auto members = narrow.children(); !members.done();) {
        const std::string key = members.take().string();
        const Value value = members.take();
        const auto other = wide.find(key);
        const bool nothing = value.is_null() || (value.kind() == Kind::kBool && !value.is_true());
        if (!nothing && (!other || !within(value, *other))) return false;
      }
      return true;
    }
    default:
      return same(narrow, wide);
  }
}

std::optional<Refusal> check_authority(const Value& before, const Value& after) {
  const auto has = after.find("authority");
  if (!has) return std::nullopt;
  const auto had = before.find("authority");
  if (!had) return refusal(Breach::kWidenedAuthority, "authority is given where there was none");
  for (auto members = has->children(); !members.done();) {
    const std::string key = members.take().string();
    const Value value = members.take();
    const auto was = had->find(key);
    const bool nothing = value.is_null() || (value.kind() == Kind::kBool && !value.is_true());
    if (!nothing && (!was || !within(value, *was))) {
      return refusal(Breach::kWidenedAuthority, "authority " + key + " permits more than before");
    }
  }
  return std::nullopt;
}

void want_object(const Value& section, std::string_view key, json::Faults& faults) {
  const auto value = section.find(key);
  const Path root;
  if (value && value->kind() != Kind::kObject) {
    faults.add({&root, key}, "must be an object, not " + std::string(kind_phrase(value->kind())));
  }
}

void want_names(const Value& section, std::string_view key, json::Faults& faults) {
  const auto value = section.find(key);
  const Path root;
  if (value) json::read_names(*value, {&root, key}, faults, kMostNames);
}

size_t values_in(const Value& value) {
  size_t count = 1;
  for (auto children = value.children(); !children.done();) count += values_in(children.take());
  return count;
}

// Whether something stands for a piece of evidence.
bool shows(const Value& value) {
  switch (value.kind()) {
    case Kind::kNull:
      return false;
    case Kind::kBool:
      return value.is_true();
    case Kind::kNumber:
      return true;
    case Kind::kString:
      return value.raw().size() > 2;
    default:
      return !value.children().done();
  }
}

bool is_shown(const std::optional<Value>& evidence, const std::string& name) {
  if (!evidence) return false;
  if (evidence->kind() == Kind::kObject) {
    const auto value = evidence->find(name);
    return value && shows(*value);
  }
  if (evidence->kind() != Kind::kArray) return false;
  for (auto items = evidence->children(); !items.done();) {
    const Value item = items.take();
    if (item.kind() == Kind::kString && item.string() == name) return true;
  }
  return false;
}

}  // namespace

Result<std::string> canonical_semantic(std::string_view text) {
  if (text.size() > kMostSemanticBytes) {
    return fail(ErrorKind::kTooLarge, "a semantic section has at most 65536 bytes");
  }
  const auto document = json::Document::parse(text);
  if (!document) return tl::unexpected(document.error());
  const Value section = document->root();
  if (section.kind() != Kind::kObject) return invalid("", "a semantic section is an object");
  if (values_in(section) > kMostSemanticValues) {
    return fail(ErrorKind::kTooLarge, "a semantic section has at most 2000 keys and values");
  }
  json::Faults faults;
  for (const std::string_view key : {"roles", "constraints", "authority"}) {
    want_object(section, key, faults);
  }
  for (const std::string_view key : {"evidenceRequirements", "protectedFields"}) {
    want_names(section, key, faults);
  }
  const Path root;
  if (const auto intent = section.find("intent")) {
    json::read_string(*intent, {&root, "intent"}, faults);
  }
  if (faults.any()) return tl::unexpected(faults.error());
  std::string canonical;
  json::append_canonical(canonical, section);
  return canonical;
}

std::optional<Refusal> check_semantic(std::string_view before, std::string_view after) {
  if (before.empty() || before == after) return std::nullopt;
  const auto was = json::Document::parse(before);
  const auto is = json::Document::parse(after.empty() ? "{}" : after);
  if (!was || !is || was->root().kind() != Kind::kObject || is->root().kind() != Kind::kObject) {
    return refusal(Breach::kChangedProtectedField, "the section is no object");
  }
  if (auto refused = check_constraints(was->root(), is->root())) return refused;
  if (auto refused = check_authority(was->root(), is->root())) return refused;
  return check_protected(was->root(), is->root());
}

std::optional<Refusal> check_evidence(std::string_view semantic, std::string_view result) {
  if (semantic.empty()) return std::nullopt;
  const auto section = json::Document::parse(semantic);
  if (!section || section->root().kind() != Kind::kObject) return std::nullopt;
  const auto wanted = names_at(section->root(), "evidenceRequirements");
  if (wanted.empty()) return std::nullopt;
  const auto document = json::Document::parse(result.empty() ? "null" : result);
  std::optional<Value> evidence;
  if (document && document->root().kind() == Kind::kObject) {
    evidence = document->root().find("evidence");
  }
  for (const std::string& name : wanted) {
    if (!is_shown(evidence, name)) {
      return refusal(Breach::kMissingEvidence,
                     "the result does not show " + name + " under its key evidence");
    }
  }
  return std::nullopt;
}

}  // namespace phoenix::policy
