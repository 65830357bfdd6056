// What is taken out of contents, and that nothing else changes.
#include "packet/redaction.h"

#include <gtest/gtest.h>

namespace phoenix {
namespace {

TEST(Redaction, replaces_what_stands_at_the_paths_and_nothing_else) {
  EXPECT_EQ(redacted_json(R"({"a": 1, "b": {"c": [1, 2], "d": "x"}, "e": 2})", {"b.c", "e"}),
            R"({"a": 1, "b": {"c": "[redacted]", "d": "x"}, "e": "[redacted]"})");
}

TEST(Redaction, a_whole_value_goes_whatever_it_is) {
  EXPECT_EQ(redacted_json(R"({"b":{"c":1}})", {"b", "b.c"}), R"({"b":"[redacted]"})");
  EXPECT_EQ(redacted_json(R"({"b":null})", {"b"}), R"({"b":"[redacted]"})");
}

TEST(Redaction, goes_through_the_items_of_arrays) {
  EXPECT_EQ(redacted_json(R"([{"iban":1},[{"iban":2,"name":"x"}],3])", {"iban"}),
            R"([{"iban":"[redacted]"},[{"iban":"[redacted]","name":"x"}],3])");
}

TEST(Redaction, keys_are_compared_as_they_are_meant_not_as_they_are_spelled) {
  EXPECT_EQ(redacted_json(R"({"ib\u0061n":1,"iban2":2,"x":{"iban":3}})", {"iban"}),
            R"({"ib\u0061n":"[redacted]","iban2":2,"x":{"iban":3}})");
}

TEST(Redaction, of_what_is_no_json_nothing_is_shown) {
  const auto bytes = std::make_shared<const Content>(Content{false, "image/png", "iban"});
  EXPECT_EQ(redacted_content(bytes, {"iban"}), nullptr);
  EXPECT_EQ(redacted_content(bytes, {}), bytes);
  const auto broken = std::make_shared<const Content>(Content{true, "", "{"});
  EXPECT_EQ(redacted_content(broken, {"iban"}), nullptr);
}

TEST(Redaction, what_has_nothing_to_hide_is_the_very_content) {
  const auto plain = std::make_shared<const Content>(Content{true, "", R"({"a":1})"});
  EXPECT_EQ(redacted_content(plain, {"b"}), plain);
  EXPECT_EQ(redacted_content(nullptr, {"b"}), nullptr);
}

}  // namespace
}  // namespace phoenix
