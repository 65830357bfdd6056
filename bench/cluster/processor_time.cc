#include "bench/cluster/processor_time.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <string>

namespace phoenix::bench {
namespace {

struct Process {
  std::string program;
  int parent = 0;
  double alone = 0;     // seconds
  double children = 0;  // of those that have ended
};

// Nothing: it has ended meanwhile.
std::optional<Process> read_process(const std::filesystem::path& folder) {
  std::ifstream file(folder / "stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');  // names may have both
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  Process process{.program = text.substr(open + 1, close - open - 1)};
  std::istringstream rest(text.substr(close + 1));
  char state = 0;
  std::string skipped;
  rest >> state >> process.parent;
  for (int i = 0; i < 9; ++i) rest >> skipped;  // up to the page faults
  double user = 0, system = 0, children_user = 0, children_system = 0;
  if (!(rest >> user >> system >> children_user >> children_system)) return std::nullopt;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  process.alone = (user + system) / ticks;
  process.children = (children_user + children_system) / ticks;
  return process;
}

}  // namespace

ProcessorTime ProcessorTime::now() {
  std::map<int, Process> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    int pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    if (auto process = read_process(entry.path())) all.emplace(pid, *std::move(process));
  }
  ProcessorTime sum;
  const int self = ::getpid();
  for (const auto& [pid, process] : all) {
    int ancestor = pid;
    for (auto it = all.find(pid); ancestor != self && it != all.end(); it = all.find(ancestor)) {
      ancestor = it->second.parent;
    }
    if (pid == self) {
      sum.clients += process.alone;
    } else if (ancestor == self) {
      double& whose = process.program == "postgres" ? sum.database : sum.hosts;
      whose += process.alone + process.children;
    }
  }
  return sum;
}

}  // namespace phoenix::bench
