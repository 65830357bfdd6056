#include "bench/figures.h"

#include <gtest/gtest.h>

#include <limits>

namespace phoenix::bench {
namespace {

Figure figure(double value, Bar bar) {
  return {.row = 4, .what = "w", .value = value, .unit = "u", .bar = bar, .beside = {}};
}

TEST(Figures, MedianOfOddEvenAndNone) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({}), 0);
}

TEST(Figures, QuantileIsAValueThatWasSeen) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  EXPECT_EQ(quantile(values, 0.99), 99);
  EXPECT_EQ(quantile(values, 0.5), 50);
  EXPECT_EQ(quantile(values, 1), 100);
  EXPECT_EQ(quantile({7, 5}, 0.99), 7);
}

TEST(Figures, RatiosAreTakenPairByPair) {
  // Ratio of the medians would be 2 / 20.
  EXPECT_EQ(median_ratio({1, 2, 30}, {10, 20, 30}), 0.1);
}

TEST(Figures, MetFollowsTheBar) {
  const Bar least = {Bar::Op::kAtLeast, 0.7};
  const Bar most = {Bar::Op::kAtMost, 0.7};
  EXPECT_TRUE(met(figure(0.7, least)));
  EXPECT_FALSE(met(figure(0.69, least)));
  EXPECT_TRUE(met(figure(0.7, most)));
  EXPECT_FALSE(met(figure(0.71, most)));
  EXPECT_FALSE(met(figure(std::numeric_limits<double>::quiet_NaN(), most)));
}

TEST(Figures, WhatChartsAreDrawnFromStandsInTheJsonAndNotInTheTable) {
  Figure some = figure(1, {Bar::Op::kAtLeast, 1});
  some.beside = {{"raw", 2}};
  some.drawn = {{"lookup/ring/1000", 5.5}};
  EXPECT_NE(to_json("ring", {some}).find(R"("beside":{"raw":2,"lookup/ring/1000":5.5}})"),
            std::string::npos);
  EXPECT_NE(to_table({some}).find("raw"), std::string::npos);
  EXPECT_EQ(to_table({some}).find("lookup/"), std::string::npos);
}

TEST(Figures, JsonHasOneEntryAFigureInTheOrderOfRows) {
  Figure second = figure(1.5, {Bar::Op::kAtMost, 2});
  Figure first = figure(600'000, {Bar::Op::kAtLeast, 500'000});
  first.row = 1;
  first.what = "say \"x\"";
  first.beside = {{"raw", 0.25}, {"ours", 3}};
  EXPECT_EQ(to_json("host", {second, first}),
            "[\n"
            R"({"bench":"host","row":1,"what":"say \"x\"","value":600000,"unit":"u",)"
            R"("bar":{"op":">=","value":500000},"met":true,"beside":{"raw":0.25,"ours":3}},)"
            "\n"
            R"({"bench":"host","row":4,"what":"w","value":1.5,"unit":"u",)"
            R"("bar":{"op":"<=","value":2},"met":true,"beside":{}})"
            "\n]\n");
}

}  // namespace
}  // namespace phoenix::bench
