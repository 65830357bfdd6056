#include "bench/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>

namespace phoenix::bench {
namespace {

// 0 if it is none of 1..limit.
int row_number(const std::string& text, int limit) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && number >= 1 && number <= limit ? number : 0;
}

}  // namespace

std::string parse(const std::vector<std::string>& words, int rows,
                  const std::vector<std::string_view>& flags, CommandLine& line) {
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--quick") {
      line.quick = true;
      continue;
    }
    const bool own = std::find(flags.begin(), flags.end(), word) != flags.end();
    if (word != "--json" && word != "--row" && !own) return "unknown argument '" + word + "'";
    if (i + 1 == words.size()) return word + " needs a value";
    const std::string& value = words[++i];
    if (own) line.values[word] = value;
    if (word == "--json") line.json = value;
    if (word != "--row") continue;
    const int number = row_number(value, rows);
    if (number == 0) return fmt::format("--row: '{}' is none of 1..{}", value, rows);
    line.rows.insert(number);
  }
  return {};
}

int run_rows(const std::string& bench, const CommandLine& line, const std::vector<Row>& rows) {
  Figures figures;
  int failures = 0;
  for (const Row& row : rows) {
    if (!line.rows.empty() && !line.rows.contains(row.number)) continue;
    fmt::print(stderr, "bench: row {}, {}\n", row.number, row.what);
    if (const auto done = row.run(figures); !done) {
      fmt::print(stderr, "bench: row {} could not be measured: {}\n", row.number,
                 done.error().detail);
      ++failures;
    }
  }
  fmt::print("{}", to_table(figures));
  if (line.quick) fmt::print("--quick: these figures prove nothing\n");
  if (!line.json.empty()) {
    std::ofstream out(line.json);
    out << to_json(bench, figures);
    if (!out.flush()) {
      fmt::print(stderr, "bench: cannot write {}\n", line.json);
      ++failures;
    }
  }
  return failures > 0 ? 1 : 0;
}

}  // namespace phoenix::bench
