#include "policy/cel/value.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

namespace phoenix::cel {
namespace {

bool is_number(Kind kind) {
  return kind == Kind::kInt || kind == Kind::kUint || kind == Kind::kDouble;
}

template <class T>
Order order_of(T left, T right) {
  if (left < right) return Order::kLess;
  return left == right ? Order::kEqual : Order::kGreater;
}

Order flipped(Order order) {
  return order == Order::kNone ? order : static_cast<Order>(-static_cast<int>(order));
}

// As the specification has it: an integer is compared as the double nearest to it, so beyond 2^53
// neighbours are equal to one double.
Order compare_with_double(double left, double right) {
  return std::isnan(right) ? Order::kNone : order_of(left, right);
}

Order compare_numbers(const Value& left, const Value& right) {
  if (left.kind == Kind::kDouble) {
    if (right.kind != Kind::kDouble) return flipped(compare_numbers(right, left));
    if (std::isnan(left.real) || std::isnan(right.real)) return Order::kNone;
    return order_of(left.real, right.real);
  }
  if (right.kind == Kind::kDouble) {
    return compare_with_double(left.kind == Kind::kInt ? static_cast<double>(left.integer)
                                                       : static_cast<double>(left.natural),
                               right.real);
  }
  if (left.kind == right.kind) {
    return left.kind == Kind::kInt ? order_of(left.integer, right.integer)
                                   : order_of(left.natural, right.natural);
  }
  if (left.kind == Kind::kUint) return flipped(compare_numbers(right, left));
  if (left.integer < 0) return Order::kLess;
  return order_of(static_cast<uint64_t>(left.integer), right.natural);
}

Order compare_text(std::string_view left, std::string_view right) {
  return order_of(left.compare(right), 0);
}

Order compare_time(const Value& left, const Value& right) {
  const Order order = order_of(left.integer, right.integer);
  return order != Order::kEqual ? order : order_of(left.nanos(), right.nanos());
}

bool equal_lists(const List& left, const List& right) {
  return left.count == right.count &&
         std::equal(left.items, left.items + left.count, right.items, equal);
}

bool equal_maps(const Map& left, const Map& right) {
  return left.count == right.count &&
         std::all_of(left.entries, left.entries + left.count, [&right](const Entry& entry) {
           const Value* other = find(right, entry.key);
           return other != nullptr && equal(entry.value, *other);
         });
}

bool before(const Entry& left, const Entry& right) { return left.key.view() < right.key.view(); }

}  // namespace

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "null_type";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kUint:
      return "uint";
    case Kind::kDouble:
      return "double";
    case Kind::kString:
      return "string";
    case Kind::kBytes:
      return "bytes";
    case Kind::kList:
      return "list";
    case Kind::kMap:
      return "map";
    case Kind::kTimestamp:
      return "google.protobuf.Timestamp";
    case Kind::kDuration:
      return "google.protobuf.Duration";
    case Kind::kType:
      return "type";
    case Kind::kDyn:
      return "dyn";
    case Kind::kAbsent:
      return "absent";
    case Kind::kError:
      return "error";
  }
  return "";
}

std::string_view fault_text(Fault fault) {
  switch (fault) {
    case Fault::kNoOverload:
      return "the operator or function does not take values of these types";
    case Fault::kNotBool:
      return "a condition is neither true nor false";
    case Fault::kOverflow:
      return "a number or time is out of range";
    case Fault::kDivisionByZero:
      return "division by zero";
    case Fault::kNoSuchKey:
      return "the map has no such key";
    case Fault::kNoSuchField:
      return "the field is not there; ask with has() first";
    case Fault::kUnknownName:
      return "nobody knows this name";
    case Fault::kOutOfRange:
      return "the list has no element of that index";
    case Fault::kDuplicateKey:
      return "a key stands twice in one map";
    case Fault::kBadKey:
      return "a key of a map is a bool, int, uint or string";
    case Fault::kBadText:
      return "the text cannot be turned into that type";
    case Fault::kTooCostly:
      return "the evaluation takes too many steps";
    case Fault::kTooLarge:
      return "the evaluation makes values that are too large";
  }
  return "";
}

Value null_value() { return {}; }
Value bool_value(bool value) {
  Value made;
  made.kind = Kind::kBool;
  made.boolean = value;
  return made;
}
Value int_value(int64_t value) {
  Value made;
  made.kind = Kind::kInt;
  made.integer = value;
  return made;
}
Value uint_value(uint64_t value) {
  Value made;
  made.kind = Kind::kUint;
  made.natural = value;
  return made;
}
Value double_value(double value) {
  Value made;
  made.kind = Kind::kDouble;
  made.real = value;
  return made;
}
Value string_value(std::string_view text) {
  Value made;
  made.kind = Kind::kString;
  made.size = static_cast<uint32_t>(text.size());
  made.text = text.data();
  return made;
}
Value bytes_value(std::string_view bytes) {
  Value made = string_value(bytes);
  made.kind = Kind::kBytes;
  return made;
}
Value list_value(const List* list) {
  Value made;
  made.kind = Kind::kList;
  made.list = list;
  return made;
}
Value map_value(const Map* map) {
  Value made;
  made.kind = Kind::kMap;
  made.map = map;
  return made;
}
Value timestamp_value(int64_t seconds, int32_t nanos) {
  Value made = int_value(seconds);
  made.kind = Kind::kTimestamp;
  made.size = static_cast<uint32_t>(nanos);
  return made;
}
Value duration_value(int64_t seconds, int32_t nanos) {
  Value made = timestamp_value(seconds, nanos);
  made.kind = Kind::kDuration;
  return made;
}
Value type_value(Kind kind) {
  Value made;
  made.kind = Kind::kType;
  made.type = kind;
  return made;
}
Value absent_value() {
  Value made;
  made.kind = Kind::kAbsent;
  return made;
}
Value error_value(Fault fault, uint32_t at) {
  Value made;
  made.kind = Kind::kError;
  made.size = at;
  made.fault = fault;
  return made;
}

bool equal(const Value& left, const Value& right) {
  if (left.kind != right.kind) {
    return is_number(left.kind) && is_number(right.kind) &&
           compare_numbers(left, right) == Order::kEqual;
  }
  switch (left.kind) {
    case Kind::kNull:
      return true;
    case Kind::kBool:
      return left.boolean == right.boolean;
    case Kind::kInt:
    case Kind::kUint:
      return left.natural == right.natural;
    case Kind::kDouble:
      return compare_numbers(left, right) == Order::kEqual;
    case Kind::kString:
    case Kind::kBytes:
      return left.view() == right.view();
    case Kind::kList:
      return equal_lists(*left.list, *right.list);
    case Kind::kMap:
      return equal_maps(*left.map, *right.map);
    case Kind::kTimestamp:
    case Kind::kDuration:
      return compare_time(left, right) == Order::kEqual;
    case Kind::kType:
      return left.type == right.type;
    case Kind::kDyn:
    case Kind::kAbsent:
    case Kind::kError:
      return false;
  }
  return false;
}

bool comparable(const Value& left, const Value& right) {
  if (left.kind != right.kind) return is_number(left.kind) && is_number(right.kind);
  return is_number(left.kind) || left.kind == Kind::kBool || left.kind == Kind::kString ||
         left.kind == Kind::kBytes || left.kind == Kind::kTimestamp || left.kind == Kind::kDuration;
}

Order compare(const Value& left, const Value& right) {
  if (!comparable(left, right)) return Order::kNone;
  switch (left.kind) {
    case Kind::kBool:
      return order_of(int{left.boolean}, int{right.boolean});
    case Kind::kString:
    case Kind::kBytes:
      return compare_text(left.view(), right.view());
    case Kind::kTimestamp:
    case Kind::kDuration:
      return compare_time(left, right);
    default:
      return compare_numbers(left, right);
  }
}

const Value* find(const Map& map, const Value& key) {
  const Entry* end = map.entries + map.count;
  if (!map.sorted) {
    const Entry* found = std::find_if(map.entries, end,
                                      [&key](const Entry& entry) { return equal(entry.key, key); });
    return found == end ? nullptr : &found->value;
  }
  if (!key.is(Kind::kString)) return nullptr;
  const Entry* found = std::lower_bound(map.entries, end, Entry{key, {}}, before);
  return found == end || found->key.view() != key.view() ? nullptr : &found->value;
}

int64_t code_points(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char byte) { return (static_cast<uint8_t>(byte) & 0xC0) != 0x80; });
}

void* Scratch::allocate(size_t bytes) {
  bytes = (std::max<size_t>(bytes, 1) + alignof(Value) - 1) & ~(alignof(Value) - 1);
  if (bytes > limit_ - total_) return nullptr;
  while (chunk_ < chunks_.size() && chunks_[chunk_].bytes - used_ < bytes) {
    ++chunk_;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) {
    const size_t size = std::max(bytes, kChunkBytes);
    chunks_.push_back({std::make_unique<std::byte[]>(size), size});
  }
  void* memory = chunks_[chunk_].memory.get() + used_;
  used_ += bytes;
  total_ += bytes;
  return memory;
}

Value make_string(std::string_view text, Scratch& scratch, uint32_t at) {
  auto* memory = static_cast<char*>(scratch.allocate(text.size()));
  if (memory == nullptr) return error_value(Fault::kTooLarge, at);
  if (!text.empty()) std::memcpy(memory, text.data(), text.size());
  return string_value({memory, text.size()});
}

Value make_list(const Value* items, size_t count, Scratch& scratch, uint32_t at) {
  auto* list = scratch.make<List>(1);
  auto* copies = scratch.make<Value>(count);
  if (list == nullptr || copies == nullptr) return error_value(Fault::kTooLarge, at);
  std::copy(items, items + count, copies);
  *list = {copies, static_cast<uint32_t>(count)};
  return list_value(list);
}

Value make_map(const Entry* entries, size_t count, Scratch& scratch, uint32_t at) {
  auto* map = scratch.make<Map>(1);
  auto* copies = scratch.make<Entry>(count);
  if (map == nullptr || copies == nullptr) return error_value(Fault::kTooLarge, at);
  std::copy(entries, entries + count, copies);
  bool strings = true;
  for (size_t index = 0; index < count; ++index) {
    const Kind kind = copies[index].key.kind;
    if (kind != Kind::kBool && kind != Kind::kInt && kind != Kind::kUint && kind != Kind::kString) {
      return error_value(Fault::kBadKey, at);
    }
    strings = strings && kind == Kind::kString;
  }
  if (strings) std::sort(copies, copies + count, before);
  for (size_t index = 1; index < count; ++index) {
    // In order, equal keys are neighbours; a map of mixed keys is short (they are only literals).
    const size_t first = strings ? index - 1 : 0;
    for (size_t other = first; other < index; ++other) {
      if (equal(copies[other].key, copies[index].key)) return error_value(Fault::kDuplicateKey, at);
    }
  }
  *map = {copies, static_cast<uint32_t>(count), strings};
  return map_value(map);
}

}  // namespace phoenix::cel
