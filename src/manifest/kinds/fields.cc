#include "manifest/kinds/fields.h"

#include <cassert>
#include <cmath>

#include "manifest/kinds/values.h"

namespace phoenix::manifest {
namespace {

const Field& field_of(const Shape& shape, std::string_view name) {
  for (const Field& field : shape.fields) {
    if (field.name == name) return field;
  }
  assert(false && "the table has no such field");
  static const Field kNone;
  return kNone;
}

}  // namespace

const Node* Fields::get(std::string_view name) const {
  const Field& field = field_of(*shape_, name);
  if (map_ == nullptr || !map_->is_map() || !includes(field.known, version_)) return nullptr;
  const Node* found = map_->find(name);
  if (version_ == ApiVersion::kAlpha) {
    for (const std::string& other : field.spellings) {
      if (found == nullptr) found = map_->find(other);
    }
  }
  return found == nullptr || found->is_null() ? nullptr : found;
}

std::optional<Scalar> Fields::scalar(std::string_view name) const {
  const Node* node = get(name);
  if (node == nullptr || !node->is_scalar()) return std::nullopt;
  return read_scalar(*node, yaml());
}

// In v1 a number is no text, and has been refused.
bool Fields::is_text(const Node& node) const {
  if (!node.is_scalar()) return false;
  return version_ == ApiVersion::kAlpha || read_scalar(node, yaml()).kind == Scalar::Kind::kText;
}

std::optional<std::string> Fields::text(std::string_view name) const {
  const Node* node = get(name);
  if (node == nullptr || !is_text(*node)) return std::nullopt;
  return node->text;
}

std::optional<int64_t> Fields::integer(std::string_view name) const {
  const auto value = scalar(name);
  if (!value || !value->is_number() || value->real != std::floor(value->real)) return std::nullopt;
  return value->integer;
}

std::optional<double> Fields::number(std::string_view name) const {
  const auto value = scalar(name);
  if (!value || !value->is_number()) return std::nullopt;
  return value->real;
}

std::optional<bool> Fields::truth(std::string_view name) const {
  const auto value = scalar(name);
  if (!value || value->kind != Scalar::Kind::kBool) return std::nullopt;
  return value->truth;
}

std::optional<int64_t> Fields::duration_ms(std::string_view name) const {
  const auto value = text(name);
  return value ? read_duration_ms(*value) : std::nullopt;
}

std::vector<std::string> Fields::texts(std::string_view name) const {
  std::vector<std::string> out;
  const Node* node = get(name);
  if (node == nullptr || !node->is_list()) return out;
  for (const Node& item : node->items) {
    if (is_text(item)) out.push_back(item.text);
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> Fields::pairs(std::string_view name) const {
  std::vector<std::pair<std::string, std::string>> out;
  const Node* node = get(name);
  if (node == nullptr || !node->is_map()) return out;
  for (size_t i = 0; i < node->items.size(); ++i) {
    if (is_text(node->items[i])) out.emplace_back(node->keys[i].text, node->items[i].text);
  }
  return out;
}

Fields Fields::object(std::string_view name) const {
  return {get(name), field_of(*shape_, name).shape_in(version_), version_};
}

std::vector<Fields> Fields::objects(std::string_view name) const {
  std::vector<Fields> out;
  const Shape& shape = field_of(*shape_, name).shape_in(version_);
  const Node* node = get(name);
  const bool there =
      node != nullptr && (shape.type == Type::kList ? node->is_list() : node->is_map());
  if (!there) return out;
  for (const Node& item : node->items) out.push_back({&item, shape.item[0], version_});
  return out;
}

}  // namespace phoenix::manifest
