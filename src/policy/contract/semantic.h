// What a packet's work means, apart from its payload: a JSON object of intent, roles, constraints,
// authority, successConditions, evidenceRequirements and whatever else its creator put there. It is
// kept in one canonical form and goes with the packet; a handoff may make it stricter, never laxer:
//
//   constraints           none may go or change; more may come
//   authority             what is permitted may shrink, and nothing may come
//   evidenceRequirements  none may go; more may come
//   protectedFields       paths that must stay as they are; none may go, more may come
//   roles                 may change, where no protected field says otherwise
//   everything else       stays as it is
//
// Authority shrinks where a truth becomes false, a number smaller, a list loses items, or what is
// below does the same.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "policy/contract/breach.h"

namespace phoenix::policy {

// Comparing two takes time with the product of their values.
inline constexpr size_t kMostSemanticBytes = 64 * 1024;
inline constexpr size_t kMostSemanticValues = 2'000;

// Sorted keys, no spaces; refuses what is no such object.
Result<std::string> canonical_semantic(std::string_view json);

// Both canonical. Empty `before`: there was none, and anything may come. Empty `after`: all is
// gone.
std::optional<Refusal> check_semantic(std::string_view before, std::string_view after);

// Whether a result shows what its completion must show: under `evidence`, a list that names it or
// an object with a value for it other than null, false and empty. `result` is JSON; empty: none.
std::optional<Refusal> check_evidence(std::string_view semantic, std::string_view result);

}  // namespace phoenix::policy
