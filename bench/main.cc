// `phoenix_bench host [--json FILE] [--quick] [--row N]…`: the table of bars of one host.

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "bench/rows.h"

namespace phoenix::bench {
namespace {

constexpr const char* kUsage =
    "phoenix_bench host [--json FILE] [--quick] [--row N]... [--disk DIR] [--tmpfs DIR]\n"
    "\n"
    "Measures one host against the bars of docs/benchmarks.md and prints a table.\n"
    "  --json FILE   the figures as JSON too\n"
    "  --quick       small sizes: shows that it works, the figures prove nothing\n"
    "  --row N       only this row of the table (1..6); may be repeated\n"
    "  --disk DIR    where the data folder on a disk is made (default: beside this program)\n"
    "  --tmpfs DIR   where the one on tmpfs is made (default: /dev/shm)\n"
    "Exit 1 if something could not be measured; a bar that is not met is no failure.\n";

struct Row {
  int number;
  const char* what;
  Result<bool> (*run)(const BenchOptions&, Figures&);
};
// Those that want a quiet machine come first.
constexpr std::array<Row, 6> kRows = {{
    {4, "the core alone", bench_core},
    {6, "memory", bench_memory},
    {1, "keeper and store in process", bench_store},
    {2, "over REST", bench_rest},
    {3, "one packet at a time", bench_latency},
    {5, "killed and frozen workers", bench_recovery},
}};

struct CommandLine {
  BenchOptions options;
  std::string json;
  std::set<int> rows;
};

int wrong_use(const std::string& what) {
  fmt::print(stderr, "phoenix_bench: {}\nsee: phoenix_bench --help\n", what);
  return 2;
}

std::string own_folder() {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  const std::string exe(path.data(), size > 0 ? static_cast<size_t>(size) : 0);
  return exe.substr(0, exe.rfind('/'));
}

// Empty if all is well, else what is wrong.
std::string parse(const std::vector<std::string>& words, CommandLine& line) {
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--quick") {
      line.options.quick = true;
      continue;
    }
    if (word != "--json" && word != "--row" && word != "--disk" && word != "--tmpfs") {
      return "unknown argument '" + word + "'";
    }
    if (i + 1 == words.size()) return word + " needs a value";
    const std::string& value = words[++i];
    if (word == "--json") line.json = value;
    if (word == "--disk") line.options.disk_folder = value;
    if (word == "--tmpfs") line.options.tmpfs_folder = value;
    if (word != "--row") continue;
    if (value.size() != 1 || value[0] < '1' || value[0] > '6') {
      return "--row: '" + value + "' is none of 1..6";
    }
    line.rows.insert(value[0] - '0');
  }
  return {};
}

int run(CommandLine line) {
  line.options.program = PHOENIX_PROGRAM;
  if (line.options.disk_folder.empty()) line.options.disk_folder = own_folder();
  if (line.options.tmpfs_folder.empty()) line.options.tmpfs_folder = "/dev/shm";
  Figures figures;
  int failures = 0;
  for (const Row& row : kRows) {
    if (!line.rows.empty() && !line.rows.contains(row.number)) continue;
    fmt::print(stderr, "bench: row {}, {}\n", row.number, row.what);
    if (const auto done = row.run(line.options, figures); !done) {
      fmt::print(stderr, "bench: row {} could not be measured: {}\n", row.number,
                 done.error().detail);
      ++failures;
    }
  }
  fmt::print("{}", to_table(figures));
  if (line.options.quick) fmt::print("--quick: these figures prove nothing\n");
  if (!line.json.empty()) {
    std::ofstream out(line.json);
    out << to_json("host", figures);
    if (!out.flush()) {
      fmt::print(stderr, "bench: cannot write {}\n", line.json);
      ++failures;
    }
  }
  return failures > 0 ? 1 : 0;
}

int main_of(const std::vector<std::string>& words) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h") {
    fmt::print("{}", kUsage);
    return words.empty() ? 2 : 0;
  }
  if (words[0] != "host") return wrong_use("no benchmark '" + words[0] + "'; there is: host");
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (!rest.empty() && (rest[0] == "--help" || rest[0] == "-h")) {
    fmt::print("{}", kUsage);
    return 0;
  }
  CommandLine line;
  if (const std::string wrong = parse(rest, line); !wrong.empty()) return wrong_use(wrong);
  return run(std::move(line));
}

}  // namespace
}  // namespace phoenix::bench

int main(int argc, char** argv) {
  return phoenix::bench::main_of(std::vector<std::string>(argv + 1, argv + argc));
}
