// What a benchmark has found: figures, each beside its bar, as a table for people and as JSON for
// machines. Whether a bar is met is computed here and typed nowhere.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace phoenix::bench {

struct Bar {
  enum class Op { kAtLeast, kAtMost };
  Op op = Op::kAtLeast;
  double value = 0;
};

struct Figure {
  int row = 0;       // number in the table of bars
  std::string what;  // one line
  double value = 0;
  std::string unit;
  Bar bar;
  std::vector<std::pair<std::string, double>> beside;  // measured in the same run, without a bar
  // What charts are drawn from: stands in the JSON among the others, but is too much for a table.
  std::vector<std::pair<std::string, double>> drawn = {};
};

bool met(const Figure& figure);
// By row, then in the order given.
std::string to_table(const std::vector<Figure>& figures);
std::string to_json(const std::string& bench, const std::vector<Figure>& figures);

// Of the middle two, the mean; 0 of nothing.
double median(std::vector<double> values);
// The smallest value that at least `share` (0..1) of all are not above; 0 of nothing.
double quantile(std::vector<double> values, double share);
// The median of a[i] / b[i]. Requires: as many of both.
double median_ratio(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace phoenix::bench
