#include "manifest/kinds/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/closest.h"
#include "base/key.h"
#include "manifest/kinds/schema_subset.h"
#include "manifest/kinds/values.h"
#include "manifest/yaml/scalar.h"

namespace phoenix::manifest {
namespace {

class Checker {
 public:
  Checker(ApiVersion version, Findings* findings) : version_(version), findings_(findings) {}

  // `key`: of which `node` is the value; null within a list and for the document.
  void value(const Node& node, const Shape& shape, const std::string& path,
             const Node* key = nullptr) {
    switch (shape.type) {
      case Type::kAny: {
        to_json(node, yaml(), path, findings_);  // for what it finds
        return;
      }
      case Type::kFilled:
        return filled(node, path);
      case Type::kList:
        return list(node, shape, path);
      case Type::kObject:
        return object(node, shape, path, key == nullptr ? node : *key);
      case Type::kMap:
        return map(node, shape, path);
      case Type::kSchema:
        return check_schema(node, version_, path, findings_);
      default:
        return scalar(node, shape, path);
    }
  }

 private:
  bool alpha() const { return version_ == ApiVersion::kAlpha; }
  YamlVersion yaml() const { return alpha() ? YamlVersion::k11 : YamlVersion::k12; }

  void say(Finding::Weight weight, const Node& node, const std::string& path, std::string value,
           std::string detail) {
    findings_->push_back({weight, node.place, path, std::move(value), std::move(detail)});
  }
  void error(const Node& node, const std::string& path, std::string detail) {
    say(Finding::Weight::kError, node, path, shown(node), std::move(detail));
  }
  void not_allowed(const Node& node, const Shape& shape, const std::string& path) {
    error(node, path, "is not " + allowed(shape));
  }

  void filled(const Node& node, const std::string& path) {
    if (node.is_scalar()) {
      const Scalar scalar = read_scalar(node, yaml());
      const bool nothing = scalar.kind == Scalar::Kind::kNull ||
                           (scalar.kind == Scalar::Kind::kBool && !scalar.truth) ||
                           (scalar.is_number() && scalar.real == 0) || node.text.empty();
      if (nothing) error(node, path, "says nothing; give it a value");
      return;
    }
    if (node.items.empty()) return error(node, path, "says nothing; give it a value");
    say(Finding::Weight::kWarning, node, path, shown(node),
        "is not text; a placeholder like {NAME} that nobody filled in?");
  }

  void list(const Node& node, const Shape& shape, const std::string& path) {
    if (!node.is_list()) return not_allowed(node, shape, path);
    if (static_cast<double>(node.items.size()) < shape.least) {
      return error(node, path, "is empty; give it at least one item");
    }
    if (static_cast<double>(node.items.size()) > shape.most) {
      error(node, path,
            fmt::format("has {} items; at most {} are allowed", node.items.size(), shape.most));
    }
    for (size_t i = 0; i < node.items.size(); ++i) {
      value(node.items[i], shape.item[0], fmt::format("{}[{}]", path, i));
    }
  }

  void map(const Node& node, const Shape& shape, const std::string& path) {
    if (!node.is_map()) return not_allowed(node, shape, path);
    if (static_cast<double>(node.items.size()) > shape.most) {
      error(node, path,
            fmt::format("has {} keys; at most {} are allowed", node.items.size(), shape.most));
    }
    for (size_t i = 0; i < node.items.size(); ++i) {
      const Node& key = node.keys[i];
      if (!shape.key.empty() && !well_formed(key.text, shape.key[0])) {
        error(key, path, fmt::format("is a key that is not {}", allowed(shape.key[0])));
      }
      value(node.items[i], shape.item[0], path + "." + key.text, &key);
    }
  }

  void object(const Node& node, const Shape& shape, const std::string& path, const Node& where) {
    if (!node.is_map()) return not_allowed(node, shape, path);
    std::vector<const Field*> given;
    std::vector<std::string> meant;  // by unknown keys
    for (size_t i = 0; i < node.items.size(); ++i) {
      const Node& key = node.keys[i];
      const std::string below = path.empty() ? key.text : path + "." + key.text;
      const Field* field = find_field(shape.fields, key.text, version_);
      if (field == nullptr) {
        meant.push_back(unknown(key, shape, path));
        continue;
      }
      if (std::find(given.begin(), given.end(), field) != given.end()) {
        error(key, path, fmt::format("says {} a second time, under another name", field->name));
        continue;
      }
      const bool none = node.items[i].is_null();
      if (!none || includes(field->required, version_)) given.push_back(field);
      if (none && nothing_stands(key, *field, below)) continue;
      value(node.items[i], field->shape_in(version_), below, &key);
    }
    for (const Field& field : shape.fields) {
      const bool lacks = includes(field.required, version_) && includes(field.known, version_) &&
                         std::find(given.begin(), given.end(), &field) == given.end() &&
                         std::find(meant.begin(), meant.end(), field.name) == meant.end();
      if (!lacks) continue;
      say(Finding::Weight::kError, where, path, "",
          fmt::format("lacks \"{}\": {}", field.name, described(field)));
    }
  }

  // A key without a value: true if that is all there is to say of it.
  bool nothing_stands(const Node& key, const Field& field, const std::string& path) {
    const Shape& shape = field.shape_in(version_);
    if (shape.type == Type::kAny) return true;
    if (!includes(field.required, version_)) {
      // An empty list of the original's is no list, there too.
      const bool harmless = alpha() && shape.type != Type::kList;
      say(harmless ? Finding::Weight::kWarning : Finding::Weight::kError, key, path, "",
          fmt::format("has no value; give it {}, or leave the key out", allowed(shape)));
      return true;
    }
    say(Finding::Weight::kError, key, path, "",
        fmt::format("has no value; give it {}", allowed(shape)));
    return true;
  }

  std::string described(const Field& field) const {
    const std::string what = allowed(field.shape_in(version_));
    return field.help.empty() ? what : field.help + " (" + what + ")";
  }

  // Answers what was meant, if that can be told.
  std::string unknown(const Node& key, const Shape& shape, const std::string& path) {
    std::vector<std::string> names;
    for (const Field& field : shape.fields) {
      if (!includes(field.known, version_)) continue;
      names.push_back(field.name);
      if (alpha()) names.insert(names.end(), field.spellings.begin(), field.spellings.end());
    }
    std::string near = closest(key.text, names);
    // What v1alpha1 calls it is the likeliest reason for an unknown key of v1.
    if (const Field* other = find_field(shape.fields, key.text, ApiVersion::kAlpha)) {
      if (includes(other->known, version_)) near = other->name;
    }
    const std::string allowed_keys = fmt::format("{}", fmt::join(names, ", "));
    std::string detail =
        key.text == "<<" ? kMergeKey
        : near.empty()   ? fmt::format("unknown key \"{}\"; known are {}", key.text, allowed_keys)
                         : fmt::format("unknown key \"{}\", did you mean \"{}\"?", key.text, near);
    if (alpha() && key.text != "<<") detail += near.empty() ? ". It is ignored" : " It is ignored";
    const bool warning = alpha() && key.text != "<<";
    say(warning ? Finding::Weight::kWarning : Finding::Weight::kError, key, path, "",
        std::move(detail));
    return warning ? std::string() : near;
  }

  void scalar(const Node& node, const Shape& shape, const std::string& path) {
    if (!node.is_scalar()) return not_allowed(node, shape, path);
    const Scalar scalar = read_scalar(node, yaml());
    const bool wants_number = shape.type == Type::kInteger || shape.type == Type::kNumber;
    if (scalar.ambiguous && !alpha() && wants_number && !scalar.is_number()) {
      return not_allowed(node, shape, path);
    }
    if (scalar.ambiguous) {
      say(alpha() ? Finding::Weight::kWarning : Finding::Weight::kError, node, path, shown(node),
          ambiguity(node, yaml()));
      if (!alpha()) return;
    }
    const bool number = scalar.is_number();
    const bool whole = number && scalar.real == std::floor(scalar.real);
    const bool in_range = scalar.real >= shape.least && scalar.real <= shape.most;
    bool good = false;
    switch (shape.type) {
      case Type::kBool:
        good = scalar.kind == Scalar::Kind::kBool;
        break;
      case Type::kInteger:
        good = number && whole && in_range;
        break;
      case Type::kNumber:
        good = number && in_range;
        break;
      default:
        return text(node, scalar, shape, path);
    }
    if (!good) not_allowed(node, shape, path);
  }

  void text(const Node& node, const Scalar& scalar, const Shape& shape, const std::string& path) {
    const bool is_text = scalar.kind == Scalar::Kind::kText;
    const bool needs_quotes = !is_text && shape.choices.empty() && shape.type != Type::kDuration &&
                              shape.type != Type::kMoment;
    if (needs_quotes && !alpha() && scalar.kind != Scalar::Kind::kNull) {
      return error(node, path, "is a number or truth value here; put quotes around it");
    }
    if (scalar.kind == Scalar::Kind::kNull && node.plain) return not_allowed(node, shape, path);
    if (!well_formed(node.text, shape)) not_allowed(node, shape, path);
  }

  static bool well_formed(const std::string& text, const Shape& shape) {
    const auto size = static_cast<double>(text.size());
    const auto& choices = shape.choices;
    switch (shape.type) {
      case Type::kId:
        return valid_id(text);
      case Type::kDuration: {
        const auto ms = read_duration_ms(text);
        const auto value = static_cast<double>(ms.value_or(0));
        return ms && value >= shape.least && value <= shape.most;
      }
      case Type::kMoment:
        return read_duration_ms(text) || read_time_ms(text);
      case Type::kName:
        return size >= shape.least && size <= shape.most && (text.empty() || valid_name(text));
      case Type::kVariable:
        return size <= shape.most && valid_name(text) && text.find('=') == std::string::npos;
      case Type::kPath:
        return !text.empty() && size <= shape.most && text.find('\n') == std::string::npos &&
               text.find('\0') == std::string::npos;
      default:
        if (!choices.empty()) {
          return std::find(choices.begin(), choices.end(), text) != choices.end();
        }
        return size >= shape.least && size <= shape.most;
    }
  }

  ApiVersion version_;
  Findings* findings_;
};

}  // namespace

void check(const Node& document, const KindTable& kind, ApiVersion version, Findings* findings) {
  Checker(version, findings).value(document, kind.shape, "");
}

}  // namespace phoenix::manifest
