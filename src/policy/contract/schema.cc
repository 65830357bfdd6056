#include "policy/contract/schema.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <compare>

#include "base/json/fields.h"

namespace phoenix::policy {
namespace {

using json::Kind;
using json::Path;
using json::Value;

constexpr std::array<std::string_view, 7> kTypes = {"null",   "boolean", "string", "array",
                                                    "object", "number",  "integer"};
constexpr uint8_t kNumber = 1 << 5;
constexpr uint8_t kInteger = 1 << 6;

double real(std::string_view number) {
  double value = 0;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
  // Out of range: too large for a double, or too small to differ from 0.
  if (read.ec == std::errc::result_out_of_range) {
    const bool small = number.find("e-") != number.npos || number.find("E-") != number.npos;
    return small ? 0 : (number.front() == '-' ? -HUGE_VAL : HUGE_VAL);
  }
  return value;
}

// Exactly where both are whole numbers of 64 bits, else as doubles.
std::partial_ordering compare(std::string_view left, std::string_view right) {
  const auto whole_left = json::exact_integer(left);
  const auto whole_right = json::exact_integer(right);
  if (whole_left && whole_right) return *whole_left <=> *whole_right;
  return real(left) <=> real(right);
}

bool is_whole(std::string_view number) {
  if (json::exact_integer(number)) return true;
  const double value = real(number);
  return std::isfinite(value) && std::trunc(value) == value;
}

// The bits of all types that a value is of.
uint8_t types_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kNull:
      return 1 << 0;
    case Kind::kBool:
      return 1 << 1;
    case Kind::kString:
      return 1 << 2;
    case Kind::kArray:
      return 1 << 3;
    case Kind::kObject:
      return 1 << 4;
    case Kind::kNumber:
      return is_whole(value.raw()) ? kNumber | kInteger : kNumber;
  }
  return 0;
}

std::string types_text(uint8_t types) {
  std::string text;
  for (size_t type = 0; type < kTypes.size(); ++type) {
    if ((types & 1 << type) == 0) continue;
    if (!text.empty()) text += " or ";
    text += kTypes[type];
  }
  return text;
}

bool same_lists(const Value& left, const Value& right, uint64_t& steps) {
  auto others = right.children();
  for (auto items = left.children(); !items.done();) {
    if (others.done() || !same_json(items.take(), others.take(), steps)) return false;
  }
  return others.done();
}

bool same_objects(const Value& left, const Value& right, uint64_t& steps) {
  if (left.size() != right.size()) return false;
  const uint64_t passed = right.size();  // by a look for a key
  for (auto members = left.children(); !members.done();) {
    const std::string key = members.take().string();
    const Value value = members.take();
    const auto other = right.find(key);
    if (!other || steps <= passed) return false;
    steps -= passed;
    if (!same_json(value, *other, steps)) return false;
  }
  return true;
}

}  // namespace

bool same_json(const Value& left, const Value& right, uint64_t& steps) {
  if (steps == 0 || left.kind() != right.kind()) return false;
  --steps;
  switch (left.kind()) {
    case Kind::kNull:
      return true;
    case Kind::kBool:
      return left.is_true() == right.is_true();
    case Kind::kNumber:
      return compare(left.raw(), right.raw()) == std::partial_ordering::equivalent;
    case Kind::kString:
      return left.raw() == right.raw() || left.string() == right.string();
    case Kind::kArray:
      return same_lists(left, right, steps);
    case Kind::kObject:
      return same_objects(left, right, steps);
  }
  return false;
}

// --- compiling ------------------------------------------------------------------------------

class SchemaCompiler {
 public:
  explicit SchemaCompiler(json::Faults& faults) : faults_(faults) {}

  int schema(const Value& value, const Path& path, int depth);
  Schema take() { return std::move(made_); }

 private:
  struct Draft {
    SchemaCompiler* compiler = nullptr;
    Schema::Node node;
    int depth = 0;
  };

  static void types(Draft& draft, const Value& value, const Path& path, json::Faults& faults);
  static void properties(Draft& draft, const Value& value, const Path& path, json::Faults& faults);
  static void required(Draft& draft, const Value& value, const Path& path, json::Faults& faults);
  static void choices(Draft& draft, const Value& value, const Path& path, json::Faults& faults);
  static void others(Draft& draft, const Value& value, const Path& path, json::Faults& faults);
  static void pattern(Draft& draft, const Value& value, const Path& path, json::Faults& faults);
  static void bound(std::optional<std::string>& bound, const Value& value, const Path& path,
                    json::Faults& faults);
  static Schema::Member& member(Schema::Node& node, const std::string& name);

  Schema made_;
  json::Faults& faults_;
};

Schema::Member& SchemaCompiler::member(Schema::Node& node, const std::string& name) {
  const auto at =
      std::lower_bound(node.members.begin(), node.members.end(), name,
                       [](const Schema::Member& one, std::string_view n) { return one.name < n; });
  if (at != node.members.end() && at->name == name) return *at;
  return *node.members.insert(at, {name});
}

void SchemaCompiler::types(Draft& draft, const Value& value, const Path& path,
                           json::Faults& faults) {
  const auto one = [&](const Value& each, const Path& here) {
    const auto type = json::read_choice(each, here, faults, {kTypes.begin(), kTypes.end()});
    if (type) draft.node.types |= static_cast<uint8_t>(1 << *type);
  };
  if (value.kind() != Kind::kArray) return one(value, path);
  auto items = value.children();
  if (items.done()) faults.add(path, "is empty; give it at least one type");
  for (size_t i = 0; !items.done(); ++i) {
    const std::string index = std::to_string(i);
    one(items.take(), {&path, index});
  }
}

void SchemaCompiler::properties(Draft& draft, const Value& value, const Path& path,
                                json::Faults& faults) {
  if (value.kind() != Kind::kObject) {
    return faults.add(path, "must be an object of schemas by name");
  }
  for (auto members = value.children(); !members.done();) {
    const std::string name = members.take().string();
    const int schema = draft.compiler->schema(members.take(), {&path, name}, draft.depth + 1);
    member(draft.node, name).schema = schema;
  }
}

void SchemaCompiler::required(Draft& draft, const Value& value, const Path& path,
                              json::Faults& faults) {
  if (value.kind() != Kind::kArray) return faults.add(path, "must be a list of names");
  auto items = value.children();
  for (size_t i = 0; !items.done(); ++i) {
    const std::string index = std::to_string(i);
    const auto name = json::read_string(items.take(), {&path, index}, faults);
    if (name) member(draft.node, *name).required = true;
  }
}

void SchemaCompiler::choices(Draft& draft, const Value& value, const Path& path,
                             json::Faults& faults) {
  if (value.kind() != Kind::kArray || value.size() == 0) {
    return faults.add(path, "must be a list of at least one value");
  }
  auto made = std::make_shared<Schema::Choices>();
  made->text = std::string(value.raw());
  if (auto list = json::Document::parse(made->text)) made->list = std::move(*list);
  draft.node.choices = std::move(made);
}

void SchemaCompiler::others(Draft& draft, const Value& value, const Path& path,
                            json::Faults& faults) {
  if (value.kind() == Kind::kBool) {
    draft.node.closed = !value.is_true();
  } else if (value.kind() == Kind::kObject) {
    draft.node.others = draft.compiler->schema(value, path, draft.depth + 1);
  } else {
    faults.add(path, "must be true, false or a schema");
  }
}

void SchemaCompiler::pattern(Draft& draft, const Value& value, const Path& path,
                             json::Faults& faults) {
  const auto text = json::read_string(value, path, faults);
  if (!text) return;
  auto regex = cel::Regex::compile(*text);
  if (!regex) return faults.add(path, "is no regular expression: " + regex.error());
  std::vector<cel::Regex>& patterns = draft.compiler->made_.patterns_;
  if (patterns.size() == Schema::kMostPatterns) {
    return faults.add(path, "is one pattern too many; a schema has at most " +
                                std::to_string(Schema::kMostPatterns));
  }
  draft.node.pattern = static_cast<int>(patterns.size());
  draft.node.pattern_text = *text;
  patterns.push_back(std::move(*regex));
}

void SchemaCompiler::bound(std::optional<std::string>& bound, const Value& value, const Path& path,
                           json::Faults& faults) {
  if (value.kind() != Kind::kNumber) return faults.add(path, "must be a number");
  bound = std::string(value.raw());
}

int SchemaCompiler::schema(const Value& value, const Path& path, int depth) {
  if (depth > Schema::kMostDepth) {
    faults_.add(path, "is nested deeper than " + std::to_string(Schema::kMostDepth) + " schemas");
    return -1;
  }
  if (made_.nodes_.size() == Schema::kMostSchemas) {
    faults_.add(path, "is one schema too many; there may be " +
                          std::to_string(Schema::kMostSchemas) + " in one");
    return -1;
  }
  const size_t place = made_.nodes_.size();
  made_.nodes_.emplace_back();
  static constexpr json::Field<Draft> kKeywords[] = {
      {"type", types},
      {"properties", properties},
      {"required", required},
      {"enum", choices},
      {"additionalProperties", others},
      {"pattern", pattern},
      {"minimum", [](Draft& draft, const Value& v, const Path& p,
                     json::Faults& faults) { bound(draft.node.minimum, v, p, faults); }},
      {"maximum", [](Draft& draft, const Value& v, const Path& p,
                     json::Faults& faults) { bound(draft.node.maximum, v, p, faults); }},
      {"items",
       [](Draft& draft, const Value& v, const Path& p, json::Faults&) {
         draft.node.items = draft.compiler->schema(v, p, draft.depth + 1);
       }},
      {"title", [](Draft&, const Value&, const Path&, json::Faults&) {}},
      {"description", [](Draft&, const Value&, const Path&, json::Faults&) {}},
  };
  Draft draft{this, {}, depth};
  json::read_object(kKeywords, draft, value, path, faults_);
  Schema::Node& node = draft.node;
  for (const Schema::Member& one : node.members) node.required += one.required ? 1 : 0;
  if (node.minimum && node.maximum && compare(*node.minimum, *node.maximum) > 0) {
    faults_.add(path, "minimum is above maximum: no value can meet this");
  }
  made_.nodes_[place] = std::move(node);
  return static_cast<int>(place);
}

Result<Schema> Schema::compile(std::string_view text) {
  const auto document = json::Document::parse(text);
  if (!document) return tl::unexpected(document.error());
  json::Faults faults;
  SchemaCompiler compiler(faults);
  compiler.schema(document->root(), {}, 0);
  if (faults.any()) return tl::unexpected(faults.error());
  return compiler.take();
}

// --- checking -------------------------------------------------------------------------------

class SchemaCheck {
 public:
  explicit SchemaCheck(const Schema& schema) : schema_(schema) {}

  bool holds(const Value& value, int number, const Path& path) {
    const Schema::Node& node = schema_.nodes_[static_cast<size_t>(number)];
    if (node.types != 0 && (node.types & types_of(value)) == 0) {
      return fail(path, json::shown(value) + " is no " + types_text(node.types));
    }
    if (node.choices && !is_choice(value, node, path)) return false;
    switch (value.kind()) {
      case Kind::kNumber:
        return number_holds(value, node, path);
      case Kind::kString:
        return text_holds(value, node, path);
      case Kind::kArray:
        return node.items < 0 || list_holds(value, node, path);
      case Kind::kObject:
        return object_holds(value, node, path);
      default:
        return true;
    }
  }
  std::string take() { return std::move(fault_); }

 private:
  bool fail(const Path& path, const std::string& detail) {
    const std::string pointer = path.pointer();
    fault_ = (pointer.empty() ? "the whole" : pointer) + ": " + detail;
    return false;
  }

  bool is_choice(const Value& value, const Schema::Node& node, const Path& path) {
    for (auto all = node.choices->list->root().children(); !all.done();) {
      if (same_json(all.take(), value, steps_)) return true;
      if (steps_ == 0) return fail(path, "takes too many comparisons");
    }
    return fail(path, json::shown(value) + " is none of the values that are allowed");
  }

  bool number_holds(const Value& value, const Schema::Node& node, const Path& path) {
    if (node.minimum && compare(value.raw(), *node.minimum) < 0) {
      return fail(path, json::shown(value) + " is below " + *node.minimum);
    }
    if (node.maximum && compare(value.raw(), *node.maximum) > 0) {
      return fail(path, json::shown(value) + " is above " + *node.maximum);
    }
    return true;
  }

  bool text_holds(const Value& value, const Schema::Node& node, const Path& path) {
    if (node.pattern < 0) return true;
    if (schema_.patterns_[static_cast<size_t>(node.pattern)].matches(value.string())) return true;
    return fail(path, json::shown(value) + " does not match " + node.pattern_text);
  }

  bool list_holds(const Value& value, const Schema::Node& node, const Path& path) {
    auto items = value.children();
    for (size_t i = 0; !items.done(); ++i) {
      const std::string index = std::to_string(i);
      if (!holds(items.take(), node.items, {&path, index})) return false;
    }
    return true;
  }

  bool object_holds(const Value& value, const Schema::Node& node, const Path& path) {
    if (node.members.empty() && node.others < 0 && !node.closed) return true;
    size_t required = 0;
    for (auto members = value.children(); !members.done();) {
      const std::string name = members.take().string();
      const Value each = members.take();
      const Path here{&path, name};
      const auto at = std::lower_bound(
          node.members.begin(), node.members.end(), name,
          [](const Schema::Member& one, std::string_view n) { return one.name < n; });
      const bool known = at != node.members.end() && at->name == name;
      if (known && at->required) ++required;
      int schema = known ? at->schema : -1;
      if (schema < 0) {
        if (node.closed) return fail(here, "is not allowed");
        schema = node.others;
      }
      if (schema >= 0 && !holds(each, schema, here)) return false;
    }
    if (required == node.required) return true;
    for (const Schema::Member& one : node.members) {
      if (one.required && !value.find(one.name)) return fail({&path, one.name}, "is missing");
    }
    return true;
  }

  const Schema& schema_;
  uint64_t steps_ = Schema::kMostSteps;
  std::string fault_;
};

std::optional<std::string> Schema::fault(const Value& document) const {
  SchemaCheck check(*this);
  if (check.holds(document, 0, {})) return std::nullopt;
  return check.take();
}

}  // namespace phoenix::policy
