// JSON as values of expressions: what a policy reads of a payload or a context.
#pragma once

#include <string_view>

#include "base/json/json.h"
#include "policy/cel/value.h"

namespace phoenix::policy {

// A number that is a whole one as written is an int, or a uint where it is too large for one; all
// others are doubles. Texts point into the document's text where they need no unescaping; all else
// is made in the scratch. An error of kTooLarge if that is full.
cel::Value value_of(const json::Value& json, cel::Scratch& memory);

// Of a text; absent if it is no JSON. The text must outlive the value.
cel::Value value_of_text(std::string_view text, cel::Scratch& memory);

}  // namespace phoenix::policy
