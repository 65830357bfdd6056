#include "bench/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace phoenix::bench {
namespace {

// Four significant digits, and no more zeros than that.
std::string number(double value) {
  if (!std::isfinite(value)) return "null";
  const double size = std::abs(value);
  if (size >= 1000) return fmt::format("{:.0f}", value);
  return fmt::format("{:.4g}", value);
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

const char* op_text(Bar::Op op) { return op == Bar::Op::kAtLeast ? ">=" : "<="; }

std::vector<const Figure*> by_row(const std::vector<Figure>& figures) {
  std::vector<const Figure*> order;
  for (const Figure& figure : figures) order.push_back(&figure);
  // All stand in one vector, so their addresses tell the order given.
  std::sort(order.begin(), order.end(), [](const Figure* a, const Figure* b) {
    return a->row != b->row ? a->row < b->row : a < b;
  });
  return order;
}

}  // namespace

bool met(const Figure& figure) {
  if (!std::isfinite(figure.value)) return false;
  return figure.bar.op == Bar::Op::kAtLeast ? figure.value >= figure.bar.value
                                            : figure.value <= figure.bar.value;
}

std::string to_table(const std::vector<Figure>& figures) {
  std::string out = fmt::format("{:<3} {:<58} {:>10} {:<10} {:<12} {}\n", "ROW", "WHAT", "VALUE",
                                "UNIT", "BAR", "MET");
  for (const Figure* figure : by_row(figures)) {
    const std::string bar = std::string(op_text(figure->bar.op)) + " " + number(figure->bar.value);
    out += fmt::format("{:<3} {:<58} {:>10} {:<10} {:<12} {}\n", figure->row, figure->what,
                       number(figure->value), figure->unit, bar, met(*figure) ? "yes" : "no");
    for (const auto& [what, value] : figure->beside) {
      out += fmt::format("      {:<55} {:>10}\n", what, number(value));
    }
  }
  return out;
}

std::string to_json(const std::string& bench, const std::vector<Figure>& figures) {
  std::string out = "[";
  for (const Figure* figure : by_row(figures)) {
    if (out.size() > 1) out += ',';
    out += fmt::format(
        "\n{{\"bench\":{},\"row\":{},\"what\":{},\"value\":{},\"unit\":{},"
        "\"bar\":{{\"op\":\"{}\",\"value\":{}}},\"met\":{},\"beside\":{{",
        quoted(bench), figure->row, quoted(figure->what), number(figure->value),
        quoted(figure->unit), op_text(figure->bar.op), number(figure->bar.value), met(*figure));
    const char* comma = "";
    for (const auto* list : {&figure->beside, &figure->drawn}) {
      for (const auto& [what, value] : *list) {
        out += fmt::format("{}{}:{}", comma, quoted(what), number(value));
        comma = ",";
      }
    }
    out += "}}";
  }
  return out + "\n]\n";
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto size = static_cast<double>(values.size());
  const double rank = std::clamp(std::ceil(share * size), 1.0, size);
  return values[static_cast<size_t>(rank) - 1];
}

double median_ratio(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios;
  for (size_t i = 0; i < a.size(); ++i) ratios.push_back(a[i] / b[i]);
  return median(std::move(ratios));
}

}  // namespace phoenix::bench
