#include "manifest/kinds/schema_subset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/closest.h"
#include "manifest/yaml/scalar.h"
#include "policy/cel/regex.h"

namespace phoenix::manifest {
namespace {

const std::vector<std::string> kKeywords = {
    "type",    "properties",           "required", "enum",       "minimum", "maximum", "items",
    "pattern", "additionalProperties", "title",    "description"};
const std::vector<std::string> kTypes = {"object",  "array",   "string", "number",
                                         "integer", "boolean", "null"};

class SchemaChecker {
 public:
  SchemaChecker(ApiVersion version, Findings* findings)
      : alpha_(version == ApiVersion::kAlpha), findings_(findings) {}

  void schema(const Node& node, const std::string& path) {
    if (!node.is_map()) return error(node, path, "is not a schema: a mapping of keywords");
    for (size_t i = 0; i < node.items.size(); ++i) {
      const Node& key = node.keys[i];
      if (std::find(kKeywords.begin(), kKeywords.end(), key.text) == kKeywords.end()) {
        unknown(key, path);
        continue;
      }
      keyword(key.text, node.items[i], path + "." + key.text);
    }
    can_be_met(node, path);
  }

 private:
  YamlVersion yaml() const { return alpha_ ? YamlVersion::k11 : YamlVersion::k12; }
  void error(const Node& node, const std::string& path, std::string detail) {
    findings_->push_back(
        {Finding::Weight::kError, node.place, path, shown(node), std::move(detail)});
  }

  void unknown(const Node& key, const std::string& path) {
    std::string detail =
        fmt::format("the keyword \"{}\" is not checked here{}; there are {}", key.text,
                    did_you_mean(key.text, kKeywords), fmt::join(kKeywords, ", "));
    findings_->push_back({alpha_ ? Finding::Weight::kWarning : Finding::Weight::kError, key.place,
                          path, "", std::move(detail)});
  }

  void keyword(const std::string& name, const Node& node, const std::string& path) {
    if (name == "type") return types(node, path);
    if (name == "properties") return properties(node, path);
    if (name == "required") return required(node, path);
    if (name == "items") return schema(node, path);
    if (name == "pattern") return pattern(node, path);
    if (name == "enum") {
      if (!node.is_list() || node.items.empty()) error(node, path, "is not a list of values");
      to_json(node, yaml(), path, findings_);
    } else if (name == "minimum" || name == "maximum") {
      if (!node.is_scalar() || !read_scalar(node, yaml()).is_number()) {
        error(node, path, "is not a number");
      }
    } else if (name == "additionalProperties") {
      const bool truth = node.is_scalar() && read_scalar(node, yaml()).kind == Scalar::Kind::kBool;
      if (!truth && !node.is_map()) error(node, path, "is not true, false or a schema");
      if (node.is_map()) schema(node, path);
    }
  }

  void types(const Node& node, const std::string& path) {
    const auto one = [&](const Node& each) {
      if (!each.is_scalar() || std::find(kTypes.begin(), kTypes.end(), each.text) == kTypes.end()) {
        error(each, path, fmt::format("is not one of {}", fmt::join(kTypes, ", ")));
      }
    };
    if (!node.is_list()) return one(node);
    if (node.items.empty()) error(node, path, "is empty; give it at least one type");
    for (const Node& each : node.items) one(each);
  }

  void properties(const Node& node, const std::string& path) {
    if (!node.is_map()) return error(node, path, "is not a mapping of names to schemas");
    for (size_t i = 0; i < node.items.size(); ++i) {
      schema(node.items[i], path + "." + node.keys[i].text);
    }
  }

  void required(const Node& node, const std::string& path) {
    if (!node.is_list()) return error(node, path, "is not a list of names");
    for (size_t i = 0; i < node.items.size(); ++i) {
      if (!node.items[i].is_scalar()) {
        error(node.items[i], fmt::format("{}[{}]", path, i), "is not a name");
      }
    }
  }

  void pattern(const Node& node, const std::string& path) {
    if (!node.is_scalar()) return error(node, path, "is not a regular expression");
    const auto expression = cel::Regex::compile(node.text);
    if (!expression) error(node, path, "is not a regular expression: " + expression.error());
  }

  bool is_of(const Node& value, const std::string& type) const {
    if (value.is_map()) return type == "object";
    if (value.is_list()) return type == "array";
    const Scalar scalar = read_scalar(value, yaml());
    switch (scalar.kind) {
      case Scalar::Kind::kNull:
        return type == "null";
      case Scalar::Kind::kBool:
        return type == "boolean";
      case Scalar::Kind::kText:
        return type == "string";
      default:
        return type == "number" || (type == "integer" && scalar.real == std::floor(scalar.real));
    }
  }

  void enum_can_be_met(const Node& node, const std::string& path) {
    const Node* values = node.find("enum");
    const Node* type = node.find("type");
    if (values == nullptr || type == nullptr || !values->is_list() || values->items.empty()) return;
    std::vector<std::string> types;
    if (type->is_scalar()) types.push_back(type->text);
    for (const Node& each : type->items) types.push_back(each.text);
    const auto fits = [&](const Node& value) {
      return std::any_of(types.begin(), types.end(),
                         [&](const auto& name) { return is_of(value, name); });
    };
    if (std::any_of(values->items.begin(), values->items.end(), fits)) return;
    never(*values, path + ".enum",
          fmt::format("has nothing of type {}: no value can meet this", fmt::join(types, ", ")));
  }

  // What no value can satisfy.
  void can_be_met(const Node& node, const std::string& path) {
    enum_can_be_met(node, path);
    const Node* least = node.find("minimum");
    const Node* most = node.find("maximum");
    if (least != nullptr && most != nullptr && least->is_scalar() && most->is_scalar()) {
      const Scalar low = read_scalar(*least, yaml());
      const Scalar high = read_scalar(*most, yaml());
      if (low.is_number() && high.is_number() && low.real > high.real) {
        never(*least, path + ".minimum", "is above maximum: no value can meet this");
      }
    }
    const Node* closed = node.find("additionalProperties");
    const Node* needed = node.find("required");
    const Node* known = node.find("properties");
    const bool shut = closed != nullptr && closed->is_scalar() && closed->text == "false";
    if (!shut || needed == nullptr || !needed->is_list()) return;
    for (size_t i = 0; i < needed->items.size(); ++i) {
      const Node& name = needed->items[i];
      if (!name.is_scalar() || (known != nullptr && known->find(name.text) != nullptr)) continue;
      never(name, fmt::format("{}.required[{}]", path, i),
            "is required and, by additionalProperties: false, not allowed: no value can meet "
            "this");
    }
  }

  void never(const Node& node, const std::string& path, std::string detail) {
    findings_->push_back({alpha_ ? Finding::Weight::kWarning : Finding::Weight::kError, node.place,
                          path, shown(node), std::move(detail)});
  }

  bool alpha_;
  Findings* findings_;
};

}  // namespace

Node known_keywords(const Node& schema) {
  if (!schema.is_map()) return schema;
  Node out = schema;
  out.keys.clear();
  out.items.clear();
  for (size_t i = 0; i < schema.keys.size(); ++i) {
    const std::string& key = schema.keys[i].text;
    if (std::find(kKeywords.begin(), kKeywords.end(), key) == kKeywords.end()) continue;
    Node value = schema.items[i];
    if (key == "properties" && value.is_map()) {
      for (Node& each : value.items) each = known_keywords(each);
    } else if (key == "items" || key == "additionalProperties") {
      value = known_keywords(value);
    }
    out.keys.push_back(schema.keys[i]);
    out.items.push_back(std::move(value));
  }
  return out;
}

void check_schema(const Node& node, ApiVersion version, const std::string& path,
                  Findings* findings) {
  SchemaChecker(version, findings).schema(node, path);
}

}  // namespace phoenix::manifest
