// What is read of YAML and what is refused, apart from the faults in tests/manifest/broken.txt.
#include <gtest/gtest.h>

#include "manifest/yaml/reader.h"
#include "manifest/yaml/scalar.h"

namespace phoenix::manifest {
namespace {

std::string told(const YamlFile& file) {
  std::string out;
  for (const Finding& finding : file.findings) out += finding.text() + "\n";
  return out;
}

std::string json(const std::string& text, YamlVersion version = YamlVersion::k12) {
  const YamlFile file = read_yaml(text, "t");
  EXPECT_EQ(told(file), "");
  std::string out;
  Findings findings;
  for (const Node& document : file.documents) out += to_json(document, version, "", &findings);
  return out;
}

Scalar plain(const std::string& text, YamlVersion version = YamlVersion::k12) {
  Node node;
  node.text = text;
  return read_scalar(node, version);
}

TEST(Yaml, ReadsSeveralDocumentsWithPlaces) {
  const YamlFile file = read_yaml("a: 1\n---\nb:\n  - x\n  - {c: \"y\"}\n", "t");
  EXPECT_EQ(told(file), "");
  ASSERT_EQ(file.documents.size(), 2u);
  const Node* list = file.documents[1].find("b");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items.size(), 2u);
  const Node* y = list->items[1].find("c");
  ASSERT_NE(y, nullptr);
  EXPECT_EQ(y->place.text(), "t:5:9");
  EXPECT_FALSE(y->plain);
  EXPECT_EQ(file.documents[1].keys.at(0).place.line, 3);
}

TEST(Yaml, AliasesAreCopiesAndTextStaysText) {
  EXPECT_EQ(json("a: &x [1, two]\nb: *x\n"), R"({"a":[1,"two"],"b":[1,"two"]})");
  EXPECT_EQ(json("a: |\n  x: \"\n  'y\nb: >-\n  one\n  two\n"),
            R"({"a":"x: \"\u000a'y\u000a","b":"one two"})");
  EXPECT_EQ(json("a: \"1\"\nb: '~'\nc:\nd: ~\ne: !!str 5\n"),
            R"({"a":"1","b":"~","c":null,"d":null,"e":"5"})");
  EXPECT_EQ(json("\xEF\xBB\xBF"
                 "a: \xC3\xA4\n"),
            "{\"a\":\"\xC3\xA4\"}");
}

TEST(Yaml, BoundsHold) {
  YamlBounds bounds;
  bounds.nodes = 10;
  EXPECT_EQ(told(read_yaml("[1,2,3,4,5,6,7,8,9,10,11]", "t", bounds)),
            "t:1:1: holds more than 10 values\n");
  EXPECT_TRUE(read_yaml("[1,2,3,4,5,6,7,8,9,10,11]", "t", bounds).documents.empty());
  bounds = {};
  bounds.bytes = 3;
  EXPECT_EQ(told(read_yaml("abcd", "t", bounds)), "t: has 4 bytes; at most 3 are read\n");
  bounds = {};
  bounds.documents = 2;
  EXPECT_EQ(told(read_yaml("a\n---\nb\n---\nc\n---\nd\n", "t", bounds)),
            "t:1:1: holds more than 2 documents\n");
  const YamlFile deep = read_yaml(std::string(5'000, '['), "t");
  EXPECT_EQ(told(deep), "t:1:1025: opens more than 1024 brackets and closes none\n");
  bounds = {};
  bounds.copied = 5;
  EXPECT_NE(told(read_yaml("a: &x [1,2,3]\nb: [*x, *x]\n", "t", bounds)).find("unfold"),
            std::string::npos);
  bounds = {};
  bounds.nodes = 20;
  EXPECT_EQ(told(read_yaml("&a [&b [&c [1,2,3,4,5]]]", "t", bounds)),
            "t:1:1: anchors within anchors hold more than 20 values in this file\n");
  EXPECT_EQ(told(read_yaml("[&a [1,2,3,4], &b [1,2,3,4]]", "t", bounds)), "");
}

TEST(Yaml, PointsToWhereAFaultIsNotToWhereItIsNoticed) {
  EXPECT_EQ(told(read_yaml("a: [1,\n  2\nb: 3\nc: 4\n", "t")), "t:1:4: this [ is never closed\n");
  EXPECT_EQ(told(read_yaml("a: \"x\nb: y\n", "t")), "t:1:4: this quote is never closed\n");
  EXPECT_EQ(told(read_yaml("a: 1\nb 2\nc: 3\n", "t")),
            "t:2:1: is no \"key: value\": the colon is missing\n");
  // Quotes and brackets within text are none.
  EXPECT_EQ(told(read_yaml("a: it's [here\nb: |\n  \"\n  [\nc: 'don''t'\n# it's\n", "t")), "");
}

TEST(Scalars, FollowTheCoreSchemaOfYaml12) {
  EXPECT_EQ(plain("0x1f").integer, 31);
  EXPECT_EQ(plain("-17").integer, -17);
  EXPECT_EQ(plain("+3").integer, 3);
  EXPECT_EQ(plain("1e3").real, 1000.0);
  EXPECT_EQ(plain(".5").real, 0.5);
  EXPECT_EQ(plain("5.").real, 5.0);
  EXPECT_TRUE(plain("TRUE").truth);
  EXPECT_EQ(plain("Null").kind, Scalar::Kind::kNull);
  for (const char* text : {"tRUE", "1.2.3", "1e", "e3", ".", "-", "0xg", "2026-11-28", "y", "n"}) {
    EXPECT_EQ(plain(text).kind, Scalar::Kind::kText) << text;
    EXPECT_FALSE(plain(text).ambiguous) << text;
  }
  EXPECT_EQ(plain("9223372036854775808").kind, Scalar::Kind::kReal);
}

TEST(Scalars, SayWhereTheOlderYamlDiffers) {
  struct Case {
    const char* text;
    double number;  // by 1.1; booleans count as 0 and 1
  };
  for (const Case& each : {Case{"yes", 1}, Case{"Off", 0}, Case{"010", 8}, Case{"-017", -15},
                           Case{"1_000", 1000}, Case{"1:30", 90}, Case{"0b11", 3}}) {
    EXPECT_TRUE(plain(each.text).ambiguous) << each.text;
    const Scalar old = plain(each.text, YamlVersion::k11);
    EXPECT_EQ(old.kind == Scalar::Kind::kBool ? old.truth : old.real, each.number) << each.text;
  }
  EXPECT_EQ(plain("0o17").integer, 15);
  EXPECT_EQ(plain("0o17", YamlVersion::k11).kind, Scalar::Kind::kText);
  Node quoted;
  quoted.plain = false;
  quoted.text = "yes";
  EXPECT_FALSE(read_scalar(quoted, YamlVersion::k12).ambiguous);
}

TEST(Scalars, JsonTellsWhatItCannotHold) {
  const YamlFile file = read_yaml("a: .nan\nb: [yes]\n", "t");
  Findings findings;
  to_json(file.documents.at(0), YamlVersion::k12, "p", &findings);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].path, "p.a");
  EXPECT_EQ(findings[1].path, "p.b[0]");
  EXPECT_TRUE(findings[1].is_error());
  findings.clear();
  EXPECT_EQ(to_json(file.documents[0].items[1], YamlVersion::k11, "p", &findings), "[true]");
  EXPECT_FALSE(has_errors(findings));
}

}  // namespace
}  // namespace phoenix::manifest
