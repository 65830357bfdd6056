#include "cli/demo/proc/janitor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

namespace phoenix::demo {
namespace {

constexpr int kDeathWaitMs = 3000;
constexpr int kRemoveTries = 100;
constexpr int kRemovePauseMs = 20;

// Small enough to be written and read in one piece.
struct Message {
  char verb = 0;  // '+' started, '-' ended, 'l' leave all
  pid_t pid = 0;
};

// A handle that no other process can take over, as a bare number could.
int open_process(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }
void kill_process(int handle) { syscall(SYS_pidfd_send_signal, handle, SIGKILL, nullptr, 0); }

void watch(int pipe, const std::string& scratch) {
  std::map<pid_t, int> handles;
  Message message;
  for (;;) {
    const ssize_t n = read(pipe, &message, sizeof message);
    if (n < 0 && errno == EINTR) continue;
    if (n != sizeof message) break;
    if (message.verb == 'l') return;
    const auto known = handles.find(message.pid);
    if (known != handles.end()) {
      close(known->second);
      handles.erase(known);
    }
    if (message.verb != '+') continue;
    const int handle = open_process(message.pid);
    if (handle >= 0) handles[message.pid] = handle;
  }
  for (const auto& [pid, handle] : handles) kill_process(handle);
  for (const auto& [pid, handle] : handles) {
    pollfd gone = {handle, POLLIN, 0};
    poll(&gone, 1, kDeathWaitMs);
  }
  // What the killed workers ran is ended by their guardians, and may write until then.
  std::error_code error;
  for (int i = 0; i < kRemoveTries && std::filesystem::exists(scratch, error); ++i) {
    if (i > 0) poll(nullptr, 0, kRemovePauseMs);
    std::filesystem::remove_all(scratch, error);
  }
}

[[noreturn]] void janitor_main(int pipe, const std::string& scratch) {
  setsid();
  prctl(PR_SET_NAME, "phoenix-janitor");
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) signal(number, SIG_IGN);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
  watch(pipe, scratch);
  _exit(0);
}

}  // namespace

std::string make_scratch(const std::string& name) {
  const char* base = std::getenv("TMPDIR");
  std::string path = std::string(base == nullptr || *base == '\0' ? "/tmp" : base);
  path += "/" + name + "-XXXXXX";
  return mkdtemp(path.data()) == nullptr ? std::string() : path;
}

Result<std::unique_ptr<Janitor>> Janitor::start(const std::string& scratch) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorKind::kInternal, "no pipe can be made");
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) {
    for (const int fd : ends) close(fd);
    return fail(ErrorKind::kInternal, "no pipe can be made");
  }
  const pid_t between = fork();
  if (between == 0) {
    const pid_t pid = fork();
    if (pid == 0) {
      close(ends[1]);
      janitor_main(ends[0], scratch);
    }
    _exit(write(report[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
  }
  close(ends[0]);
  close(report[1]);
  pid_t pid = -1;
  const bool told = read(report[0], &pid, sizeof pid) == sizeof pid;
  close(report[0]);
  if (between > 0) waitpid(between, nullptr, 0);
  if (!told || pid < 0) {
    close(ends[1]);
    return fail(ErrorKind::kInternal, std::string("no process: ") + std::strerror(errno));
  }
  return std::unique_ptr<Janitor>(new Janitor(ends[1], open_process(pid)));
}

Janitor::~Janitor() {
  close(pipe_);
  if (handle_ < 0) return;
  pollfd gone = {handle_, POLLIN, 0};
  poll(&gone, 1, 2 * kDeathWaitMs);
  close(handle_);
}

void Janitor::tell(char verb, pid_t pid) {
  Message message;
  message.verb = verb;
  message.pid = pid;
  while (write(pipe_, &message, sizeof message) < 0 && errno == EINTR) {
  }
}

void Janitor::started(pid_t pid) { tell('+', pid); }
void Janitor::ended(pid_t pid) { tell('-', pid); }
void Janitor::leave_all() { tell('l', 0); }

}  // namespace phoenix::demo
