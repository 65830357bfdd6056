// Between JSON documents and the values of expressions.
#pragma once

#include <string>

#include "cli/json.h"
#include "policy/cel/value.h"

namespace phoenix::cli {

// A number without fraction and exponent is an int, or a uint where it is too large for one; all
// others are doubles. Texts of the value point into `json`, lists and maps into the scratch; an
// error of kTooLarge if that is full.
cel::Value value_of_json(const Json& json, cel::Scratch& scratch);

// Timestamps and durations become their text, bytes base64, types their name; of doubles those that
// JSON cannot write "NaN", "Infinity" and "-Infinity"; keys of maps their text.
Json json_of_value(const cel::Value& value);

// "int", "list", "timestamp": the type as expressions convert to it; null is "null_type".
std::string type_of_value(const cel::Value& value);

}  // namespace phoenix::cli
