#include "bench/lineage/pair/other_process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace phoenix::bench {

struct Pinned::State {
  cpu_set_t before{};
  bool pinned = false;
};

Pinned::Pinned(int processor) : state_(std::make_unique<State>()) {
  cpu_set_t& before = state_->before;
  if (::sched_getaffinity(0, sizeof before, &before) != 0 || CPU_COUNT(&before) < 2) return;
  int left = processor;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &before) || left-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    state_->pinned = ::sched_setaffinity(0, sizeof one, &one) == 0;
    return;
  }
}

Pinned::~Pinned() {
  if (state_->pinned) ::sched_setaffinity(0, sizeof state_->before, &state_->before);
}

Result<std::unique_ptr<OtherProcess>> OtherProcess::start(int processor,
                                                          const std::function<void(int fd)>& work) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(ErrorKind::kInternal, "no socket pair");
  }
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    return fail(ErrorKind::kInternal, "cannot start another process");
  }
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::close(ends[0]);
    const Pinned pinned(processor);
    work(ends[1]);
    ::_exit(0);
  }
  ::close(ends[1]);
  return std::unique_ptr<OtherProcess>(new OtherProcess(pid, ends[0]));
}

OtherProcess::~OtherProcess() {
  ::close(fd_);
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string read_line(int fd) {
  std::string line;
  for (char byte = 0; ::read(fd, &byte, 1) == 1 && byte != '\n';) line += byte;
  return line;
}

bool write_line(int fd, const std::string& line) {
  const std::string whole = line + "\n";
  return ::write(fd, whole.data(), whole.size()) == static_cast<ssize_t>(whole.size());
}

}  // namespace phoenix::bench
