#include "manifest/kinds/json_schema.h"

#include <fmt/format.h>

#include "manifest/yaml/scalar.h"

namespace phoenix::manifest {
namespace {

constexpr std::string_view kDurationPattern = "^[0-9]+(ms|s|m|h|d)$";
constexpr std::string_view kMomentPattern =
    "^([0-9]+(ms|s|m|h|d)|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+)$";
constexpr std::string_view kNamePattern = R"(^[^\x00-\x1f\x7f]*$)";
constexpr std::string_view kVariablePattern = R"(^[^=\x00-\x1f\x7f]+$)";
constexpr std::string_view kIdPattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$";

// Writes members of objects one a line; what it is given as a value is JSON already.
class Writer {
 public:
  explicit Writer(std::string* out) : out_(out) {}

  void open(char bracket) {
    out_->push_back(bracket);
    ++depth_;
    first_ = true;
  }
  void close(char bracket) {
    --depth_;
    if (!first_) line();
    out_->push_back(bracket);
    first_ = false;
  }
  void key(std::string_view name) {
    item();
    *out_ += quote(name) + ": ";
  }
  void member(std::string_view name, std::string_view json) {
    key(name);
    *out_ += json;
  }
  void item() {
    if (!first_) out_->push_back(',');
    line();
    first_ = false;
  }
  void raw(std::string_view json) { *out_ += json; }

 private:
  void line() { *out_ += "\n" + std::string(2 * static_cast<size_t>(depth_), ' '); }

  std::string* out_;
  int depth_ = 0;
  bool first_ = true;
};

std::string strings(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() > 1 ? ", " : "") + quote(text);
  return out + "]";
}

class SchemaText {
 public:
  SchemaText(ApiVersion version, std::string* out) : version_(version), writer_(out) {}

  void document(const KindTable& kind) {
    writer_.open('{');
    writer_.member("$schema", quote("https://json-schema.org/draft/2020-12/schema"));
    writer_.member("title", quote(kind.kind));
    writer_.member("description", quote(kind.help + "."));
    if (kind.shape.fields.empty()) return writer_.close('}');
    object_members(kind.shape, kind.kind);
    writer_.close('}');
  }

 private:
  bool alpha() const { return version_ == ApiVersion::kAlpha; }

  void shape(const Shape& shape, const std::string& help) {
    writer_.open('{');
    if (!help.empty()) writer_.member("description", quote(help));
    members(shape);
    writer_.close('}');
  }

  void members(const Shape& shape) {
    switch (shape.type) {
      case Type::kAny:
      case Type::kFilled:
        return;
      case Type::kBool:
        return writer_.member("type", quote("boolean"));
      case Type::kInteger:
      case Type::kNumber:
        writer_.member("type", quote(shape.type == Type::kNumber ? "number" : "integer"));
        writer_.member("minimum", fmt::format("{}", shape.least));
        return writer_.member("maximum", fmt::format("{}", shape.most));
      case Type::kList:
        writer_.member("type", quote("array"));
        if (shape.least > 0) writer_.member("minItems", fmt::format("{}", shape.least));
        writer_.member("maxItems", fmt::format("{}", shape.most));
        writer_.key("items");
        return this->shape(shape.item[0], "");
      case Type::kMap:
        writer_.member("type", quote("object"));
        writer_.member("maxProperties", fmt::format("{}", shape.most));
        if (!shape.key.empty()) {
          writer_.key("propertyNames");
          this->shape(shape.key[0], "");
        }
        writer_.key("additionalProperties");
        return this->shape(shape.item[0], "");
      case Type::kObject:
        return object_members(shape, "");
      case Type::kSchema:
        return writer_.member("type", quote("object"));
      default:
        return text_members(shape);
    }
  }

  void text_members(const Shape& shape) {
    const bool lenient = shape.type == Type::kText || shape.type == Type::kName;
    if (alpha() && shape.choices.empty() && lenient) {
      writer_.member("type", "[\"string\", \"number\", \"boolean\"]");
    } else {
      writer_.member("type", quote("string"));
    }
    if (!shape.choices.empty()) return writer_.member("enum", strings(shape.choices));
    if (shape.type == Type::kId) return writer_.member("pattern", quote(kIdPattern));
    if (shape.type == Type::kDuration) return writer_.member("pattern", quote(kDurationPattern));
    if (shape.type == Type::kMoment) return writer_.member("pattern", quote(kMomentPattern));
    // In characters, of which the loader counts the bytes.
    if (shape.least > 0) writer_.member("minLength", fmt::format("{}", shape.least));
    writer_.member("maxLength", fmt::format("{}", shape.most));
    if (shape.type == Type::kName) writer_.member("pattern", quote(kNamePattern));
    if (shape.type == Type::kVariable) writer_.member("pattern", quote(kVariablePattern));
  }

  // `kind`: of a document, else empty.
  void object_members(const Shape& shape, const std::string& kind) {
    writer_.member("type", quote("object"));
    writer_.key("properties");
    writer_.open('{');
    for (const Field& field : shape.fields) {
      if (includes(field.known, version_)) property(field, kind);
    }
    writer_.close('}');
    requirements(shape);
    // v1alpha1 warns of what it does not know.
    if (!alpha()) writer_.member("additionalProperties", "false");
  }

  void property(const Field& field, const std::string& kind) {
    writer_.key(field.name);
    if (!kind.empty() && (field.name == "apiVersion" || field.name == "kind")) {
      const std::string_view only =
          field.name == "kind" ? std::string_view(kind) : api_version_text(version_);
      writer_.open('{');
      writer_.member("description", quote(field.help));
      writer_.member("const", quote(only));
      return writer_.close('}');
    }
    shape(field.shape_in(version_), field.help);
    if (!alpha()) return;
    for (const std::string& other : field.spellings) {
      writer_.key(other);
      shape(field.shape_in(version_), "another spelling of " + field.name);
    }
  }

  void requirements(const Shape& shape) {
    std::vector<std::string> all;
    std::vector<const Field*> spelled;
    for (const Field& field : shape.fields) {
      if (!includes(field.required, version_) || !includes(field.known, version_)) continue;
      if (alpha() && !field.spellings.empty()) {
        spelled.push_back(&field);
      } else {
        all.push_back(field.name);
      }
    }
    if (!all.empty()) writer_.member("required", strings(all));
    if (spelled.empty()) return;
    writer_.key("allOf");
    writer_.open('[');
    for (const Field* field : spelled) {
      std::string any = fmt::format("{{\"anyOf\": [{{\"required\": {}}}", strings({field->name}));
      for (const std::string& other : field->spellings) {
        any += fmt::format(", {{\"required\": {}}}", strings({other}));
      }
      writer_.item();
      writer_.raw(any + "]}");
    }
    writer_.close(']');
  }

  ApiVersion version_;
  Writer writer_;
};

}  // namespace

std::string json_schema(const KindTable& kind, ApiVersion version) {
  std::string out;
  SchemaText(version, &out).document(kind);
  return out + "\n";
}

}  // namespace phoenix::manifest
