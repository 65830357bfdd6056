// The tables themselves, the values' forms, and the JSON Schema made of the tables.
#include <gtest/gtest.h>

#include <set>

#include "manifest/kinds/json_schema.h"
#include "manifest/kinds/shape.h"
#include "manifest/kinds/values.h"

namespace phoenix::manifest {
namespace {

// Every object of a table, with its path.
void walk(const Shape& shape, const std::string& path,
          const std::function<void(const Shape&, const std::string&)>& visit) {
  if (shape.type == Type::kObject) visit(shape, path);
  for (const Field& field : shape.fields) {
    walk(field.shape, path + "." + field.name, visit);
    for (const Shape& other : field.alpha_shape) walk(other, path + "." + field.name, visit);
  }
  for (const Shape& item : shape.item) walk(item, path + "[]", visit);
}

TEST(Tables, NoNameStandsForTwoFields) {
  for (const KindTable& kind : all_kinds()) {
    walk(kind.shape, kind.kind, [](const Shape& shape, const std::string& path) {
      std::set<std::string> names;
      for (const Field& field : shape.fields) {
        EXPECT_TRUE(names.insert(field.name).second) << path << "." << field.name;
        EXPECT_FALSE(field.help.empty()) << path << "." << field.name;
        EXPECT_EQ(field.required & ~field.known, 0) << path << "." << field.name;
        for (const std::string& other : field.spellings) {
          EXPECT_TRUE(names.insert(other).second) << path << "." << other;
        }
      }
    });
  }
}

TEST(Tables, EverySchemaNamesEveryFieldOfItsVersion) {
  for (const KindTable& kind : all_kinds()) {
    for (const ApiVersion version : {ApiVersion::kAlpha, ApiVersion::kV1}) {
      const std::string schema = json_schema(kind, version);
      for (const Field& field : kind.shape.fields) {
        const bool there = schema.find("\"" + field.name + "\": {") != std::string::npos;
        EXPECT_EQ(there, includes(field.known, version)) << kind.kind << "." << field.name;
      }
    }
  }
  const std::string agent = json_schema(*find_kind("Agent"), ApiVersion::kV1);
  EXPECT_NE(agent.find("\"const\": \"phoenixflight.io/v1\""), std::string::npos);
  EXPECT_NE(agent.find("\"additionalProperties\": false"), std::string::npos);
  EXPECT_EQ(agent.find("skills"), std::string::npos);
  EXPECT_NE(json_schema(*find_kind("Agent"), ApiVersion::kAlpha).find("\"skills\""),
            std::string::npos);
}

TEST(Values, Durations) {
  EXPECT_EQ(read_duration_ms("1500ms"), 1500);
  EXPECT_EQ(read_duration_ms("2m"), 120'000);
  EXPECT_EQ(read_duration_ms("7d"), 604'800'000);
  for (const char* text :
       {"", "5", "s", "-1s", "1.5s", "1 s", "1m30s", "99999999999999999999s", "9999999999d"}) {
    EXPECT_FALSE(read_duration_ms(text)) << text;
  }
}

TEST(Values, Times) {
  EXPECT_EQ(read_time_ms("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(read_time_ms("2026-11-28T22:00:00.5Z"), 1'795'903'200'500);
  EXPECT_EQ(read_time_ms("2026-11-28T23:00:00+01:00"), 1'795'903'200'000);
  EXPECT_EQ(read_time_ms("2024-02-29T00:00:00Z"), 1'709'164'800'000);
  for (const char* text : {"2026-02-29T00:00:00Z", "2026-11-28", "2026-11-28T22:00Z",
                           "2026-11-28T24:00:00Z", "2026-11-28T22:00:00", "2026-11-28T22:00:00.Z",
                           "2026-11-28T22:00:00+1:00", "1969-12-31T23:59:59Z"}) {
    EXPECT_FALSE(read_time_ms(text)) << text;
  }
}

}  // namespace
}  // namespace phoenix::manifest
