// The kinds of documents as data: which fields each has, what stands in them and since which
// apiVersion. The check of a document (check.h), its reading (fields.h) and the JSON Schema for
// editors (json_schema.h) all come from these tables, so they cannot differ.
//
// v1alpha1 is the original's language and v1 ours. What a field's table says of the versions is a
// set of them; `spellings` are other names that v1alpha1 takes for the same field.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace phoenix::manifest {

enum class ApiVersion : uint8_t { kAlpha = 1, kV1 = 2 };

inline constexpr std::string_view kAlphaText = "phoenixflight.io/v1alpha1";
inline constexpr std::string_view kV1Text = "phoenixflight.io/v1";
std::string_view api_version_text(ApiVersion version);

using Versions = uint8_t;
inline constexpr Versions kNever = 0;
inline constexpr Versions kAlpha = 1;
inline constexpr Versions kV1 = 2;
inline constexpr Versions kBoth = 3;
constexpr bool includes(Versions set, ApiVersion version) {
  return (set & static_cast<Versions>(version)) != 0;
}

// The lists of a PhoenixApp's semanticAssets.
inline constexpr std::array<std::string_view, 11> kAssetLists = {
    "schemas",          "vocabularies",  "rulePacks",    "policyPacks",         "validators",
    "compilerAdapters", "modelAdapters", "toolAdapters", "knowledgeConnectors", "benchmarkCases",
    "goldenFixtures"};

enum class Type : uint8_t {
  kAny,       // any value, kept as it stands
  kFilled,    // anything but nothing: the original looked no closer
  kText,      // `least` to `most` bytes; `choices` if there are any
  kName,      // likewise, without control characters
  kVariable,  // of an environment: `least` to `most` bytes without "=" or control characters
  kId,        // [A-Za-z0-9][A-Za-z0-9._-]{0,127}
  kBool,      //
  kInteger,   // `least` to `most`
  kNumber,    // likewise
  kDuration,  // "1500ms", "25s", "2m", "1h", "7d": `least` to `most` milliseconds
  kMoment,    // a duration from now, or RFC 3339
  kPath,      // of a file within the app's folder
  kList,      // `least` to `most` of item[0]
  kObject,    // `fields`
  kMap,       // at most `most` keys of the user's choice (each a key[0], if any), each an item[0]
  kSchema,    // a schema in the subset of JSON Schema of schema_subset.h
};

struct Field;

struct Shape {
  Type type = Type::kAny;
  double least = 0;
  double most = 0;
  std::vector<std::string> choices;
  std::vector<Field> fields;
  std::vector<Shape> item;
  std::vector<Shape> key;
};

struct Field {
  std::string name;
  std::string help;  // what it is, for editors and complaints; no full stop
  Shape shape;
  Versions known = kBoth;
  Versions required = kNever;
  std::vector<std::string> spellings;
  std::vector<Shape> alpha_shape;  // none or one: what v1alpha1 takes instead

  const Shape& shape_in(ApiVersion version) const {
    return version == ApiVersion::kAlpha && !alpha_shape.empty() ? alpha_shape[0] : shape;
  }
};

// What follows changes a copy, so that a table reads as one expression.
Field field(std::string name, Shape shape, std::string help);
Field only(Versions versions, Field field);
Field required(Field field, Versions versions = kBoth);
Field spelled(Field field, std::vector<std::string> spellings);
Field in_alpha(Field field, Shape shape);

Shape any();
Shape filled();
Shape text(double most = 255);
Shape name(double least = 1);
Shape variable();
Shape choice(std::vector<std::string> choices);
Shape id();
Shape boolean();
Shape integer(double least, double most);
Shape number(double least, double most);
Shape duration(double least_ms, double most_ms);
Shape moment();
Shape path();
Shape list(Shape item, double least = 0, double most = 10'000);
Shape object(std::vector<Field> fields);
Shape map(Shape item, double most = 1'000);
Shape map(Shape key, Shape item, double most);
Shape schema();

struct KindTable {
  std::string kind;
  std::string help;
  Shape shape;  // an object
};

// What an agent may be: "agent", "human" and so on.
const std::vector<std::string>& member_kinds();

// PhoenixApp, Agent, FlightPacket, HandoffContract, Policy, PolicyRules, which is the original's
// policy file without a kind, and PolicyTest. Lives as long as the program.
const std::vector<KindTable>& all_kinds();
// Null: no such kind.
const KindTable* find_kind(std::string_view kind);

// The field of that name, or of that spelling where `version` takes it; null if there is none.
const Field* find_field(const std::vector<Field>& fields, std::string_view name,
                        ApiVersion version);

}  // namespace phoenix::manifest
