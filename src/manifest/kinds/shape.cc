#include "manifest/kinds/shape.h"

#include <algorithm>
#include <utility>

namespace phoenix::manifest {
namespace {

Shape of(Type type, double least = 0, double most = 0) {
  Shape shape;
  shape.type = type;
  shape.least = least;
  shape.most = most;
  return shape;
}

}  // namespace

std::string_view api_version_text(ApiVersion version) {
  return version == ApiVersion::kAlpha ? kAlphaText : kV1Text;
}

Field field(std::string name, Shape shape, std::string help) {
  Field out;
  out.name = std::move(name);
  out.help = std::move(help);
  out.shape = std::move(shape);
  return out;
}

Field only(Versions versions, Field field) {
  field.known = versions;
  return field;
}

Field required(Field field, Versions versions) {
  field.required = versions;
  return field;
}

Field spelled(Field field, std::vector<std::string> spellings) {
  field.spellings = std::move(spellings);
  return field;
}

Field in_alpha(Field field, Shape shape) {
  field.alpha_shape = {std::move(shape)};
  return field;
}

Shape any() { return of(Type::kAny); }
Shape filled() { return of(Type::kFilled); }
Shape text(double most) { return of(Type::kText, 1, most); }
Shape name(double least) { return of(Type::kName, least, 255); }
Shape variable() { return of(Type::kVariable, 1, 255); }
Shape choice(std::vector<std::string> choices) {
  Shape shape = text();
  shape.choices = std::move(choices);
  return shape;
}
Shape id() { return of(Type::kId, 1, 128); }
Shape boolean() { return of(Type::kBool); }
Shape integer(double least, double most) { return of(Type::kInteger, least, most); }
Shape number(double least, double most) { return of(Type::kNumber, least, most); }
Shape duration(double least_ms, double most_ms) { return of(Type::kDuration, least_ms, most_ms); }
Shape moment() { return of(Type::kMoment); }
Shape path() { return of(Type::kPath, 1, 1'024); }
Shape list(Shape item, double least, double most) {
  Shape shape = of(Type::kList, least, most);
  shape.item = {std::move(item)};
  return shape;
}
Shape object(std::vector<Field> fields) {
  Shape shape = of(Type::kObject);
  shape.fields = std::move(fields);
  return shape;
}
Shape map(Shape item, double most) {
  Shape shape = of(Type::kMap, 0, most);
  shape.item = {std::move(item)};
  return shape;
}
Shape map(Shape key, Shape item, double most) {
  Shape shape = map(std::move(item), most);
  shape.key = {std::move(key)};
  return shape;
}
Shape schema() { return of(Type::kSchema); }

const KindTable* find_kind(std::string_view kind) {
  for (const KindTable& table : all_kinds()) {
    if (table.kind == kind) return &table;
  }
  return nullptr;
}

const Field* find_field(const std::vector<Field>& fields, std::string_view name,
                        ApiVersion version) {
  for (const Field& field : fields) {
    if (!includes(field.known, version)) continue;
    if (field.name == name) return &field;
    const auto& others = field.spellings;
    if (version == ApiVersion::kAlpha &&
        std::find(others.begin(), others.end(), name) != others.end()) {
      return &field;
    }
  }
  return nullptr;
}

}  // namespace phoenix::manifest
