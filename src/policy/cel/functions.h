// The functions of the language, as one table of their overloads and one function that computes
// them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "policy/cel/value.h"

namespace phoenix::cel {

enum class Function : uint8_t {
  kSize,
  kContains,
  kStartsWith,
  kEndsWith,
  kMatches,  // by the program, which holds the compiled pattern
  kToInt,
  kToUint,
  kToDouble,
  kToString,
  kToBytes,
  kToBool,
  kToTimestamp,
  kToDuration,
  kTypeOf,
  kDyn,
  kFullYear,
  kMonth,
  kDate,
  kDayOfMonth,
  kDayOfWeek,
  kDayOfYear,
  kHours,
  kMinutes,
  kSeconds,
  kMilliseconds,
};

struct Overload {
  std::string_view name;
  Function function;
  bool method;   // x.name(…); its receiver is the first argument
  uint8_t args;  // 1 or 2
  Kind first;    // kDyn: any
  Kind second;
  Kind result;
};
std::span<const Overload> overloads();

// An argument that is an error is the answer; arguments of wrong types are answered by kNoOverload.
Value call(Function function, const Value* args, size_t count, Scratch& scratch, uint32_t at);

// Operators on two values, neither of them an error.
Value add(const Value& left, const Value& right, Scratch& scratch, uint32_t at);
Value subtract(const Value& left, const Value& right, uint32_t at);
Value multiply(const Value& left, const Value& right, uint32_t at);
Value divide(const Value& left, const Value& right, uint32_t at);
Value modulo(const Value& left, const Value& right, uint32_t at);
Value negate(const Value& value, uint32_t at);

}  // namespace phoenix::cel
