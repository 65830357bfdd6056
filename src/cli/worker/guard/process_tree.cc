#include "cli/worker/guard/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

namespace phoenix::worker {
namespace {

// Parent and state of a process; parent 0: it is gone.
struct Stat {
  pid_t parent = 0;
  char state = 'X';
};

Stat read_stat(std::string_view pid) {
  std::array<char, 512> text{};
  const std::string path = "/proc/" + std::string(pid) + "/stat";
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t n = read(fd, text.data(), text.size() - 1);
  close(fd);
  if (n <= 0) return {};
  // The name, in brackets, may contain anything: the last bracket ends it.
  const char* end = std::strrchr(text.data(), ')');
  Stat stat;
  if (end == nullptr || std::sscanf(end + 1, " %c %d", &stat.state, &stat.parent) != 2) return {};
  return stat;
}

}  // namespace

std::vector<pid_t> descendants(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return {};
  while (const dirent* entry = readdir(proc)) {
    const std::string_view name(entry->d_name);
    pid_t pid = 0;
    const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (ec != std::errc() || end != name.data() + name.size()) continue;
    const Stat stat = read_stat(name);
    if (stat.parent > 0 && stat.state != 'Z' && stat.state != 'X') {
      children.emplace(stat.parent, pid);
    }
  }
  closedir(proc);
  std::vector<pid_t> out;
  std::vector<pid_t> open = {root};
  while (!open.empty()) {
    const auto [first, last] = children.equal_range(open.back());
    open.pop_back();
    for (auto it = first; it != last; ++it) {
      out.push_back(it->second);
      open.push_back(it->second);
    }
  }
  return out;
}

void kill_descendants(void (*reaped)(void* context, pid_t pid, int status), void* context) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  for (;;) {
    for (pid_t pid : descendants(getpid())) kill(pid, SIGKILL);
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) reaped(context, pid, status);
    if (pid < 0) return;
    // A child forked between the walk and the kill makes no signal: look again soon.
    const timespec soon{0, 5'000'000};
    sigtimedwait(&child, nullptr, &soon);
  }
}

}  // namespace phoenix::worker
