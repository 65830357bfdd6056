// What all benchmarks have in common: the words of a command line, the rows that it asks for one
// after the other, and where their figures go.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "bench/figures.h"

namespace phoenix::bench {

using Figures = std::vector<Figure>;

struct CommandLine {
  bool quick = false;
  std::string json;                                        // a file; empty: none
  std::set<int> rows;                                      // empty: all
  std::map<std::string, std::string, std::less<>> values;  // of the flags that only one bench has
};

// --quick, --json FILE, --row N for 1..rows, and `flags`, each with a value. Empty if all is well,
// else what is wrong.
std::string parse(const std::vector<std::string>& words, int rows,
                  const std::vector<std::string_view>& flags, CommandLine& line);

struct Row {
  int number;
  const char* what;
  std::function<Result<bool>(Figures&)> run;
};

// Runs those asked for in the order given, prints the table, writes the JSON. The exit code.
int run_rows(const std::string& bench, const CommandLine& line, const std::vector<Row>& rows);

}  // namespace phoenix::bench
