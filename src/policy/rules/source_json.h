// The JSON form of a policy: what hosts take, keep and show. Reading is strict and finds all
// faults; writing is canonical, so two policies that are equal have the same text.
//
//   {"approval": …, "at": "policies/can-assign.yaml:7:15", "rules": [{…}], "target": "can-assign",
//   …}
//
// Its name is not in it. Places travel as text, so that a refusal still names file and line.
#pragma once

#include <string>
#include <string_view>

#include "base/json/fields.h"
#include "policy/rules/source.h"

namespace phoenix::policy {

inline constexpr size_t kMostJsonRules = 1'000;

std::string policy_json(const PolicySource& source);

// What is wrong is noted; then the answer is of no use.
PolicySource read_policy(std::string_view name, const json::Value& value, const json::Path& path,
                         json::Faults& faults);
// Of a text of its own.
Result<PolicySource> policy_of_json(std::string_view name, std::string_view text);

// "file:7:15", as place_text() writes it.
Place place_of_text(std::string_view text);

}  // namespace phoenix::policy
