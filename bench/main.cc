// `phoenix_bench NAME [ARG…]`: the tables of bars of docs/benchmarks.md.

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/cluster/rows.h"
#include "bench/command_line.h"
#include "bench/lineage/rows.h"
#include "bench/membership/rows.h"
#include "bench/peer/rows.h"
#include "bench/policy/rows.h"
#include "bench/ring/rows.h"
#include "bench/rows.h"

namespace phoenix::bench {
namespace {

constexpr const char* kUsage =
    "phoenix_bench host [--json FILE] [--quick] [--row N]... [--disk DIR] [--tmpfs DIR]\n"
    "phoenix_bench ring [--json FILE] [--quick] [--row N]...\n"
    "phoenix_bench membership [--json FILE] [--quick] [--row N]... [--part N|K/N|none] [--runs "
    "FILE]\n"
    "phoenix_bench link [--json FILE] [--quick] [--row N]...\n"
    "phoenix_bench cluster [--json FILE] [--quick] [--row N]... [--disk DIR] "
    "[--pool HxM]\n"
    "phoenix_bench handoff [--json FILE] [--quick] [--row N]... [--disk DIR]\n"
    "phoenix_bench policy [--json FILE] [--quick] [--row N]...\n"
    "\n"
    "Measures one host, the ring alone, the membership of hosts, the links between them,\n"
    "several hosts as one system, the signed lineage or policies against the bars of\n"
    "docs/benchmarks.md and prints a table.\n"
    "  --json FILE   the figures as JSON too\n"
    "  --quick       small sizes: shows that it works, the figures prove nothing\n"
    "  --row N       only this row of the table (host: 1..6, ring: 1..11,\n"
    "                membership: 1..10, link: 1..2, cluster: 1..8,\n"
    "                handoff: 1..8, policy: 4); may be repeated\n"
    "  --disk DIR    where the data folder on a disk is made (default: beside this program)\n"
    "  --tmpfs DIR   where the one on tmpfs is made (default: /dev/shm)\n"
    "  --pool HxM    row 8: the memory of so many simulated hosts and members, 1000x100000 say,\n"
    "                after five virtual minutes, in place of the hour of 100 hosts\n"
    "  --part K/N    the Kth of N shares of the experiments of row 4 and of the seeds of\n"
    "                row 5 (N: the first of N; none: only what --runs has; default: 1, all of\n"
    "                them, hours of processor time)\n"
    "  --runs FILE   keep each of these runs there as soon as it is done, and do none again\n"
    "                that stands there; several such files are put together with cat\n"
    "Exit 1 if something could not be measured; a bar that is not met is no failure.\n";

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

std::string value_of(const CommandLine& line, std::string_view flag, const std::string& otherwise) {
  const auto found = line.values.find(flag);
  return found == line.values.end() ? otherwise : found->second;
}

int host(const std::vector<std::string>& words) {
  CommandLine line;
  if (const auto wrong = parse(words, 6, {"--disk", "--tmpfs"}, line); !wrong.empty()) {
    return wrong_use(wrong);
  }
  BenchOptions options;
  options.quick = line.quick;
  options.program = PHOENIX_PROGRAM;
  options.disk_folder = value_of(line, "--disk", own_folder());
  options.tmpfs_folder = value_of(line, "--tmpfs", "/dev/shm");
  const auto row = [&options](auto* run) {
    return [&options, run](Figures& figures) { return run(options, figures); };
  };
  // Those that want a quiet machine come first.
  return run_rows("host", line,
                  {{4, "the core alone", row(bench_core)},
                   {6, "memory", row(bench_memory)},
                   {1, "keeper and store in process", row(bench_store)},
                   {2, "over REST", row(bench_rest)},
                   {3, "one packet at a time", row(bench_latency)},
                   {5, "killed and frozen workers", row(bench_recovery)}});
}

int ring(const std::vector<std::string>& words) {
  CommandLine line;
  if (const auto wrong = parse(words, 11, {}, line); !wrong.empty()) return wrong_use(wrong);
  RingOptions options;
  options.quick = line.quick;
  options.program_folder = own_folder();
  return run_rows("ring", line, ring_rows(options));
}

int membership(const std::vector<std::string>& words) {
  CommandLine line;
  if (const auto wrong = parse(words, 10, {"--part", "--runs"}, line); !wrong.empty()) {
    return wrong_use(wrong);
  }
  MembershipBench options;
  const std::string part = value_of(line, "--part", "1");
  if (!parse_share(part, options.share)) {
    return wrong_use("--part takes N, K/N with K from 1 to N and N from 1 to 1000, or none, not '" +
                     part + "'");
  }
  std::unique_ptr<RunFile> runs;
  if (const std::string path = value_of(line, "--runs", ""); !path.empty()) {
    auto opened = RunFile::open(path);
    if (!opened) return wrong_use(opened.error().detail);
    runs = std::move(*opened);
    options.runs = runs.get();
  }
  options.quick = line.quick;
  options.program = PHOENIX_PROGRAM;
  options.program_folder = own_folder();
  return run_rows("membership", line, membership_rows(options));
}

int link(const std::vector<std::string>& words) {
  CommandLine line;
  if (const auto wrong = parse(words, 2, {}, line); !wrong.empty()) return wrong_use(wrong);
  return run_rows("link", line, link_rows(line.quick));
}

int cluster(const std::vector<std::string>& words) {
  CommandLine line;
  if (const auto wrong = parse(words, 8, {"--disk", "--pool"}, line); !wrong.empty()) {
    return wrong_use(wrong);
  }
  ClusterBench options;
  const std::string pool = value_of(line, "--pool", "");
  if (!pool.empty() && !parse_pool(pool, options)) {
    return wrong_use("--pool takes HOSTSxMEMBERS, as 1000x100000, not '" + pool + "'");
  }
  options.quick = line.quick;
  options.program = PHOENIX_PROGRAM;
  options.disk_folder = value_of(line, "--disk", own_folder());
  return run_rows("cluster", line, cluster_rows(options));
}

int handoff(const std::vector<std::string>& words) {
  CommandLine line;
  if (const auto wrong = parse(words, 8, {"--disk"}, line); !wrong.empty()) return wrong_use(wrong);
  LineageBench options;
  options.quick = line.quick;
  options.program = PHOENIX_PROGRAM;
  options.disk_folder = value_of(line, "--disk", own_folder());
  return run_rows("handoff", line, lineage_rows(options));
}

int policy_table(const std::vector<std::string>& words) {
  CommandLine line;
  if (const auto wrong = parse(words, 4, {}, line); !wrong.empty()) return wrong_use(wrong);
  return run_rows("policy", line, policy_rows(line.quick));
}

int main_of(const std::vector<std::string>& words) {
  const auto wants_help = [](const std::string& word) { return word == "--help" || word == "-h"; };
  if (words.empty() || wants_help(words[0]) || (words.size() > 1 && wants_help(words[1]))) {
    fmt::print("{}", kUsage);
    return words.empty() ? 2 : 0;
  }
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // as `phoenix serve`, for the hosts in this process
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  if (words[0] == "host") return host(rest);
  if (words[0] == "ring") return ring(rest);
  if (words[0] == "membership") return membership(rest);
  if (words[0] == "link") return link(rest);
  if (words[0] == "cluster") return cluster(rest);
  if (words[0] == "handoff") return handoff(rest);
  if (words[0] == "policy") return policy_table(rest);
  return wrong_use("no benchmark '" + words[0] +
                   "'; there are: host, ring, membership, link, cluster, handoff, policy");
}

}  // namespace
}  // namespace phoenix::bench

int main(int argc, char** argv) {
  return phoenix::bench::main_of(std::vector<std::string>(argv + 1, argv + argc));
}
