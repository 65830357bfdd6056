#include "cli/demo/proc/processes.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>

extern char** environ;

namespace phoenix::demo {
namespace {

std::vector<std::string> environment(
    const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> out;
  for (const auto& [name, value] : added) out.push_back(name + "=" + value);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    bool left_out = text.starts_with("PHOENIX_");
    for (const auto& [name, value] : added) left_out |= text.starts_with(name + "=");
    if (!left_out) out.emplace_back(text);
  }
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

void place(posix_spawn_file_actions_t& actions, int fd, int target, int mode) {
  if (fd >= 0) {
    posix_spawn_file_actions_adddup2(&actions, fd, target);
  } else {
    posix_spawn_file_actions_addopen(&actions, target, "/dev/null", mode, 0);
  }
}

}  // namespace

Instant clock_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return Instant{now.tv_sec * 1'000'000'000 + now.tv_nsec};
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return fail(ErrorKind::kInternal, std::string("no pipe: ") + std::strerror(errno));
  }
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return pipe;
}

PipeReader::PipeReader(EventLoop& loop, Fd fd, std::function<void(std::string_view)> data,
                       std::function<void()> end)
    : fd_(std::move(fd)), data_(std::move(data)), end_(std::move(end)) {
  watch_ = loop.watch_readable(fd_.get(), [this] { read(); });
}

void PipeReader::read() {
  std::array<char, 64 * 1024> part{};
  for (;;) {
    const ssize_t n = ::read(fd_.get(), part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      watch_.reset();
      end_();  // may destroy this
      return;
    }
    data_({part.data(), static_cast<std::size_t>(n)});
  }
}

std::string own_program() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  // A program that was replaced while it runs is still there under the other name.
  return !error && std::filesystem::exists(path, error) ? path.string() : "/proc/self/exe";
}

Result<pid_t> Processes::start(const Start& start, std::function<void(int)> ended) {
  std::vector<std::string> args = start.args;
  std::vector<std::string> env = environment(start.env);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  place(actions, start.in, STDIN_FILENO, O_RDONLY);
  place(actions, start.out, STDOUT_FILENO, O_WRONLY);
  place(actions, start.err, STDERR_FILENO, O_WRONLY);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const int code = posix_spawnp(&pid, args[0].c_str(), &actions, &attributes, pointers(args).data(),
                                pointers(env).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) {
    return fail(ErrorKind::kInternal, args[0] + " cannot be started: " + std::strerror(code));
  }
  janitor_.started(pid);
  running_[pid] = std::move(ended);
  return pid;
}

void Processes::reap() {
  int status = 0;
  pid_t pid = 0;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    const auto it = running_.find(pid);
    if (it == running_.end()) continue;
    const std::function<void(int)> ended = std::move(it->second);
    running_.erase(it);
    janitor_.ended(pid);
    if (ended) ended(status);
  }
}

void Processes::signal(pid_t pid, int number) const {
  // Only what was not reaped yet: its number cannot belong to another process.
  if (running_.contains(pid)) kill(pid, number);
}

void Processes::kill_all() const {
  for (const auto& [pid, ended] : running_) kill(pid, SIGKILL);
}

bool Processes::wait_for_all(Duration limit) {
  const Instant until = clock_now() + limit;
  for (;;) {
    reap();
    siginfo_t info{};
    if (running_.empty() && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return true;
    if (clock_now() >= until) return false;
    const timespec moment = {0, 5'000'000};
    nanosleep(&moment, nullptr);
  }
}

}  // namespace phoenix::demo
