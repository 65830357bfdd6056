#include "policy/cel/functions.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

#include "base/key.h"
#include "policy/cel/time_text.h"

namespace phoenix::cel {
namespace {

constexpr Overload method(std::string_view name, Function function, Kind first, Kind result) {
  return {name, function, true, 1, first, Kind::kDyn, result};
}
constexpr Overload text_method(std::string_view name, Function function) {
  return {name, function, true, 2, Kind::kString, Kind::kString, Kind::kBool};
}
constexpr Overload conversion(std::string_view name, Function function, Kind from, Kind result) {
  return {name, function, false, 1, from, Kind::kDyn, result};
}

std::vector<Overload> make_overloads() {
  std::vector<Overload> table;
  for (const Kind kind : {Kind::kString, Kind::kBytes, Kind::kList, Kind::kMap}) {
    table.push_back(method("size", Function::kSize, kind, Kind::kInt));
    table.push_back(conversion("size", Function::kSize, kind, Kind::kInt));
  }
  table.push_back(text_method("contains", Function::kContains));
  table.push_back(text_method("startsWith", Function::kStartsWith));
  table.push_back(text_method("endsWith", Function::kEndsWith));
  table.push_back(text_method("matches", Function::kMatches));
  table.push_back(
      {"matches", Function::kMatches, false, 2, Kind::kString, Kind::kString, Kind::kBool});
  const auto convert = [&table](std::string_view name, Function function, Kind result,
                                std::initializer_list<Kind> from) {
    for (const Kind kind : from) table.push_back(conversion(name, function, kind, result));
  };
  convert("int", Function::kToInt, Kind::kInt,
          {Kind::kInt, Kind::kUint, Kind::kDouble, Kind::kString, Kind::kTimestamp});
  convert("uint", Function::kToUint, Kind::kUint,
          {Kind::kUint, Kind::kInt, Kind::kDouble, Kind::kString});
  convert("double", Function::kToDouble, Kind::kDouble,
          {Kind::kDouble, Kind::kInt, Kind::kUint, Kind::kString});
  convert("string", Function::kToString, Kind::kString,
          {Kind::kString, Kind::kBool, Kind::kInt, Kind::kUint, Kind::kDouble, Kind::kBytes,
           Kind::kTimestamp, Kind::kDuration});
  convert("bytes", Function::kToBytes, Kind::kBytes, {Kind::kBytes, Kind::kString});
  convert("bool", Function::kToBool, Kind::kBool, {Kind::kBool, Kind::kString});
  convert("timestamp", Function::kToTimestamp, Kind::kTimestamp,
          {Kind::kTimestamp, Kind::kString, Kind::kInt});
  convert("duration", Function::kToDuration, Kind::kDuration, {Kind::kDuration, Kind::kString});
  convert("type", Function::kTypeOf, Kind::kType, {Kind::kDyn});
  convert("dyn", Function::kDyn, Kind::kDyn, {Kind::kDyn});
  static constexpr std::array<std::pair<std::string_view, Function>, 10> kGetters = {{
      {"getFullYear", Function::kFullYear},
      {"getMonth", Function::kMonth},
      {"getDate", Function::kDate},
      {"getDayOfMonth", Function::kDayOfMonth},
      {"getDayOfWeek", Function::kDayOfWeek},
      {"getDayOfYear", Function::kDayOfYear},
      {"getHours", Function::kHours},
      {"getMinutes", Function::kMinutes},
      {"getSeconds", Function::kSeconds},
      {"getMilliseconds", Function::kMilliseconds},
  }};
  for (const auto& [name, function] : kGetters) {
    table.push_back(method(name, function, Kind::kTimestamp, Kind::kInt));
    table.push_back({name, function, true, 2, Kind::kTimestamp, Kind::kString, Kind::kInt});
    if (function >= Function::kHours) {
      table.push_back(method(name, function, Kind::kDuration, Kind::kInt));
    }
  }
  return table;
}

Value size_of(const Value& value, uint32_t at) {
  switch (value.kind) {
    case Kind::kString:
      return int_value(code_points(value.view()));
    case Kind::kBytes:
      return int_value(value.size);
    case Kind::kList:
      return int_value(value.list->count);
    case Kind::kMap:
      return int_value(value.map->count);
    default:
      return error_value(Fault::kNoOverload, at);
  }
}

template <class T>
std::optional<T> read_number(std::string_view text) {
  T number{};
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

Value to_int(const Value& value, uint32_t at) {
  switch (value.kind) {
    case Kind::kInt:
      return value;
    case Kind::kTimestamp:
      return int_value(value.integer);
    case Kind::kUint:
      if (value.natural > INT64_MAX) return error_value(Fault::kOverflow, at);
      return int_value(static_cast<int64_t>(value.natural));
    case Kind::kDouble:
      // The ends are left out: as doubles they stand for numbers beyond them, too.
      if (!(value.real > -0x1p63 && value.real < 0x1p63)) return error_value(Fault::kOverflow, at);
      return int_value(static_cast<int64_t>(value.real));
    case Kind::kString: {
      const auto number = read_number<int64_t>(value.view());
      return number ? int_value(*number) : error_value(Fault::kBadText, at);
    }
    default:
      return error_value(Fault::kNoOverload, at);
  }
}

Value to_uint(const Value& value, uint32_t at) {
  switch (value.kind) {
    case Kind::kUint:
      return value;
    case Kind::kInt:
      if (value.integer < 0) return error_value(Fault::kOverflow, at);
      return uint_value(static_cast<uint64_t>(value.integer));
    case Kind::kDouble:
      if (!(value.real > -1 && value.real < 0x1p64)) return error_value(Fault::kOverflow, at);
      return uint_value(static_cast<uint64_t>(value.real));
    case Kind::kString: {
      const auto number = read_number<uint64_t>(value.view());
      return number ? uint_value(*number) : error_value(Fault::kBadText, at);
    }
    default:
      return error_value(Fault::kNoOverload, at);
  }
}

Value to_double(const Value& value, uint32_t at) {
  switch (value.kind) {
    case Kind::kDouble:
      return value;
    case Kind::kInt:
      return double_value(static_cast<double>(value.integer));
    case Kind::kUint:
      return double_value(static_cast<double>(value.natural));
    case Kind::kString: {
      const auto number = read_number<double>(value.view());
      return number ? double_value(*number) : error_value(Fault::kBadText, at);
    }
    default:
      return error_value(Fault::kNoOverload, at);
  }
}

Value to_string(const Value& value, Scratch& scratch, uint32_t at) {
  switch (value.kind) {
    case Kind::kString:
      return value;
    case Kind::kBool:
      return string_value(value.boolean ? "true" : "false");
    case Kind::kInt:
      return make_string(fmt::format("{}", value.integer), scratch, at);
    case Kind::kUint:
      return make_string(fmt::format("{}", value.natural), scratch, at);
    case Kind::kTimestamp:
      return make_string(timestamp_text(value), scratch, at);
    case Kind::kDuration:
      return make_string(duration_text(value), scratch, at);
    case Kind::kDouble: {
      if (std::isnan(value.real)) return string_value("NaN");
      if (std::isinf(value.real)) return string_value(value.real > 0 ? "+Inf" : "-Inf");
      std::array<char, 64> text{};
      const auto end = std::to_chars(text.data(), text.data() + text.size(), value.real);
      return make_string({text.data(), static_cast<size_t>(end.ptr - text.data())}, scratch, at);
    }
    case Kind::kBytes:
      if (!valid_utf8(value.view())) return error_value(Fault::kBadText, at);
      return string_value(value.view());
    default:
      return error_value(Fault::kNoOverload, at);
  }
}

Value to_bool(const Value& value, uint32_t at) {
  if (value.is(Kind::kBool)) return value;
  if (!value.is(Kind::kString)) return error_value(Fault::kNoOverload, at);
  for (const std::string_view word : {"true", "True", "TRUE", "t", "1"}) {
    if (value.view() == word) return bool_value(true);
  }
  for (const std::string_view word : {"false", "False", "FALSE", "f", "0"}) {
    if (value.view() == word) return bool_value(false);
  }
  return error_value(Fault::kBadText, at);
}

Value to_timestamp(const Value& value, uint32_t at) {
  if (value.is(Kind::kTimestamp)) return value;
  if (value.is(Kind::kInt)) {
    return timestamp_in_range(value.integer, 0).value_or(error_value(Fault::kOverflow, at));
  }
  if (!value.is(Kind::kString)) return error_value(Fault::kNoOverload, at);
  return parse_timestamp(value.view()).value_or(error_value(Fault::kBadText, at));
}

Value to_duration(const Value& value, uint32_t at) {
  if (value.is(Kind::kDuration)) return value;
  if (!value.is(Kind::kString)) return error_value(Fault::kNoOverload, at);
  return parse_duration(value.view()).value_or(error_value(Fault::kBadText, at));
}

// Of a duration: how many whole hours, minutes or seconds it is; of milliseconds the part below a
// second.
Value part_of_duration(Function function, const Value& duration, uint32_t at) {
  switch (function) {
    case Function::kHours:
      return int_value(duration.integer / 3600);
    case Function::kMinutes:
      return int_value(duration.integer / 60);
    case Function::kSeconds:
      return int_value(duration.integer);
    case Function::kMilliseconds:
      return int_value(duration.nanos() / 1'000'000);
    default:
      return error_value(Fault::kNoOverload, at);
  }
}

Value part_of_time(Function function, const Value* args, size_t count, uint32_t at) {
  if (args[0].is(Kind::kDuration) && count == 1) return part_of_duration(function, args[0], at);
  if (!args[0].is(Kind::kTimestamp)) return error_value(Fault::kNoOverload, at);
  int32_t offset = 0;
  if (count == 2) {
    if (!args[1].is(Kind::kString)) return error_value(Fault::kNoOverload, at);
    const auto zone = parse_zone(args[1].view());
    if (!zone) return error_value(Fault::kBadText, at);
    offset = *zone;
  }
  const CalendarTime time = calendar_time(args[0].integer + offset);
  switch (function) {
    case Function::kFullYear:
      return int_value(time.year);
    case Function::kMonth:
      return int_value(time.month - 1);
    case Function::kDate:
      return int_value(time.day);
    case Function::kDayOfMonth:
      return int_value(time.day - 1);
    case Function::kDayOfWeek:
      return int_value(time.day_of_week);
    case Function::kDayOfYear:
      return int_value(time.day_of_year - 1);
    case Function::kHours:
      return int_value(time.hour);
    case Function::kMinutes:
      return int_value(time.minute);
    case Function::kSeconds:
      return int_value(time.second);
    case Function::kMilliseconds:
      return int_value(args[0].nanos() / 1'000'000);
    default:
      return error_value(Fault::kNoOverload, at);
  }
}

Value on_texts(Function function, const Value& text, const Value& part, uint32_t at) {
  if (!text.is(Kind::kString) || !part.is(Kind::kString)) {
    return error_value(Fault::kNoOverload, at);
  }
  if (function == Function::kContains) {
    return bool_value(text.view().find(part.view()) != std::string_view::npos);
  }
  return bool_value(function == Function::kStartsWith ? text.view().starts_with(part.view())
                                                      : text.view().ends_with(part.view()));
}

Value add_lists(const List& left, const List& right, Scratch& scratch, uint32_t at) {
  auto* list = scratch.make<List>(1);
  auto* items = scratch.make<Value>(size_t{left.count} + right.count);
  if (list == nullptr || items == nullptr) return error_value(Fault::kTooLarge, at);
  std::copy(left.items, left.items + left.count, items);
  std::copy(right.items, right.items + right.count, items + left.count);
  *list = {items, left.count + right.count};
  return list_value(list);
}

Value add_texts(const Value& left, const Value& right, Scratch& scratch, uint32_t at) {
  const size_t size = size_t{left.size} + right.size;
  auto* memory = static_cast<char*>(scratch.allocate(size));
  if (memory == nullptr) return error_value(Fault::kTooLarge, at);
  std::copy(left.view().begin(), left.view().end(), memory);
  std::copy(right.view().begin(), right.view().end(), memory + left.size);
  Value made = string_value({memory, size});
  made.kind = left.kind;
  return made;
}

Value sum_of_times(const Value& left, const Value& right, int sign, Kind result, uint32_t at) {
  const int64_t seconds = left.integer + sign * right.integer;
  const int64_t nanos = int64_t{left.nanos()} + sign * int64_t{right.nanos()};
  const auto sum = result == Kind::kTimestamp ? timestamp_in_range(seconds, nanos)
                                              : duration_in_range(seconds, nanos);
  return sum.value_or(error_value(Fault::kOverflow, at));
}

}  // namespace

std::span<const Overload> overloads() {
  static const std::vector<Overload> table = make_overloads();
  return table;
}

Value call(Function function, const Value* args, size_t count, Scratch& scratch, uint32_t at) {
  for (size_t index = 0; index < count; ++index) {
    if (args[index].is_error()) return args[index];
  }
  switch (function) {
    case Function::kSize:
      return size_of(args[0], at);
    case Function::kContains:
    case Function::kStartsWith:
    case Function::kEndsWith:
      return on_texts(function, args[0], args[1], at);
    case Function::kMatches:
      return error_value(Fault::kNoOverload, at);
    case Function::kToInt:
      return to_int(args[0], at);
    case Function::kToUint:
      return to_uint(args[0], at);
    case Function::kToDouble:
      return to_double(args[0], at);
    case Function::kToString:
      return to_string(args[0], scratch, at);
    case Function::kToBytes:
      if (args[0].is(Kind::kString)) return bytes_value(args[0].view());
      return args[0].is(Kind::kBytes) ? args[0] : error_value(Fault::kNoOverload, at);
    case Function::kToBool:
      return to_bool(args[0], at);
    case Function::kToTimestamp:
      return to_timestamp(args[0], at);
    case Function::kToDuration:
      return to_duration(args[0], at);
    case Function::kTypeOf:
      return type_value(args[0].kind);
    case Function::kDyn:
      return args[0];
    default:
      return part_of_time(function, args, count, at);
  }
}

Value add(const Value& left, const Value& right, Scratch& scratch, uint32_t at) {
  if (left.kind == right.kind) {
    switch (left.kind) {
      case Kind::kInt: {
        int64_t sum = 0;
        if (__builtin_add_overflow(left.integer, right.integer, &sum)) break;
        return int_value(sum);
      }
      case Kind::kUint: {
        uint64_t sum = 0;
        if (__builtin_add_overflow(left.natural, right.natural, &sum)) break;
        return uint_value(sum);
      }
      case Kind::kDouble:
        return double_value(left.real + right.real);
      case Kind::kString:
      case Kind::kBytes:
        return add_texts(left, right, scratch, at);
      case Kind::kList:
        return add_lists(*left.list, *right.list, scratch, at);
      case Kind::kDuration:
        return sum_of_times(left, right, 1, Kind::kDuration, at);
      default:
        return error_value(Fault::kNoOverload, at);
    }
    return error_value(Fault::kOverflow, at);
  }
  const bool times = (left.is(Kind::kTimestamp) && right.is(Kind::kDuration)) ||
                     (left.is(Kind::kDuration) && right.is(Kind::kTimestamp));
  return times ? sum_of_times(left, right, 1, Kind::kTimestamp, at)
               : error_value(Fault::kNoOverload, at);
}

Value subtract(const Value& left, const Value& right, uint32_t at) {
  if (left.is(Kind::kTimestamp) && right.is(Kind::kDuration)) {
    return sum_of_times(left, right, -1, Kind::kTimestamp, at);
  }
  if (left.kind != right.kind) return error_value(Fault::kNoOverload, at);
  switch (left.kind) {
    case Kind::kInt: {
      int64_t rest = 0;
      if (__builtin_sub_overflow(left.integer, right.integer, &rest)) break;
      return int_value(rest);
    }
    case Kind::kUint: {
      uint64_t rest = 0;
      if (__builtin_sub_overflow(left.natural, right.natural, &rest)) break;
      return uint_value(rest);
    }
    case Kind::kDouble:
      return double_value(left.real - right.real);
    case Kind::kTimestamp:
    case Kind::kDuration:
      return sum_of_times(left, right, -1, Kind::kDuration, at);
    default:
      return error_value(Fault::kNoOverload, at);
  }
  return error_value(Fault::kOverflow, at);
}

Value multiply(const Value& left, const Value& right, uint32_t at) {
  if (left.kind != right.kind) return error_value(Fault::kNoOverload, at);
  if (left.is(Kind::kInt)) {
    int64_t product = 0;
    if (__builtin_mul_overflow(left.integer, right.integer, &product)) {
      return error_value(Fault::kOverflow, at);
    }
    return int_value(product);
  }
  if (left.is(Kind::kUint)) {
    uint64_t product = 0;
    if (__builtin_mul_overflow(left.natural, right.natural, &product)) {
      return error_value(Fault::kOverflow, at);
    }
    return uint_value(product);
  }
  if (left.is(Kind::kDouble)) return double_value(left.real * right.real);
  return error_value(Fault::kNoOverload, at);
}

Value divide(const Value& left, const Value& right, uint32_t at) {
  if (left.kind != right.kind) return error_value(Fault::kNoOverload, at);
  if (left.is(Kind::kDouble)) {
    // By IEEE 754, whose division by zero is defined and which C++ leaves open.
    if (right.real != 0) return double_value(left.real / right.real);
    if (left.real == 0 || std::isnan(left.real)) return double_value(NAN);
    return double_value(std::signbit(left.real) == std::signbit(right.real) ? INFINITY : -INFINITY);
  }
  if (!left.is(Kind::kInt) && !left.is(Kind::kUint)) return error_value(Fault::kNoOverload, at);
  if (right.natural == 0) return error_value(Fault::kDivisionByZero, at);
  if (left.is(Kind::kUint)) return uint_value(left.natural / right.natural);
  if (right.integer == -1 && left.integer == INT64_MIN) return error_value(Fault::kOverflow, at);
  return int_value(left.integer / right.integer);
}

Value modulo(const Value& left, const Value& right, uint32_t at) {
  if (left.kind != right.kind || (!left.is(Kind::kInt) && !left.is(Kind::kUint))) {
    return error_value(Fault::kNoOverload, at);
  }
  if (right.natural == 0) return error_value(Fault::kDivisionByZero, at);
  if (left.is(Kind::kUint)) return uint_value(left.natural % right.natural);
  if (right.integer == -1) {
    return left.integer == INT64_MIN ? error_value(Fault::kOverflow, at) : int_value(0);
  }
  return int_value(left.integer % right.integer);
}

Value negate(const Value& value, uint32_t at) {
  if (value.is(Kind::kDouble)) return double_value(-value.real);
  if (!value.is(Kind::kInt)) return error_value(Fault::kNoOverload, at);
  if (value.integer == INT64_MIN) return error_value(Fault::kOverflow, at);
  return int_value(-value.integer);
}

}  // namespace phoenix::cel
