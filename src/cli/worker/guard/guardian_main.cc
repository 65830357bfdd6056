#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <map>

#include "base/time.h"
#include "cli/worker/guard/guardian_wire.h"
#include "cli/worker/guard/process_tree.h"

namespace phoenix::worker {
namespace {

int64_t boottime_ns() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

void ignore_end(void*, pid_t, int) {}

class GuardianLoop {
 public:
  GuardianLoop(int socket, const std::vector<std::string>& command)
      : socket_(socket), command_(command) {}

  // Until the worker is gone.
  void run();

 private:
  struct Received {
    GuardianMessage message;
    std::vector<std::string> env;
    std::array<int, 3> fds{-1, -1, -1};
  };
  // 1: a message, 0: none, -1: the worker is gone.
  int receive(Received& out);
  void obey(const Received& received);
  void spawn(const Received& received);
  void hold(int64_t at);
  void reap();
  void report(GuardianMessage::Kind kind, uint64_t run, int status);

  int socket_;
  const std::vector<std::string>& command_;
  int signals_ = -1;
  int timer_ = -1;
  int64_t hold_ = kNever.ns;
  std::map<uint64_t, pid_t> wardens_;
};

void GuardianLoop::run() {
  sigset_t blocked;
  sigemptyset(&blocked);
  for (int number : {SIGCHLD, SIGTERM, SIGUSR1, SIGINT, SIGHUP}) sigaddset(&blocked, number);
  sigprocmask(SIG_SETMASK, &blocked, nullptr);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  signals_ = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  timer_ = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  for (;;) {
    std::array<pollfd, 3> ready = {
        {{socket_, POLLIN, 0}, {signals_, POLLIN, 0}, {timer_, POLLIN, 0}}};
    if (poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return;
    uint64_t ticks = 0;
    if (read(timer_, &ticks, sizeof ticks) > 0) {
      for (const auto& [run, pid] : wardens_) kill(pid, SIGUSR1);
    }
    signalfd_siginfo info{};
    while (read(signals_, &info, sizeof info) > 0) {
    }
    reap();
    Received received;
    int got = 0;
    while ((got = receive(received)) > 0) {
      obey(received);
      received = {};
    }
    if (got < 0) return;
  }
}

int GuardianLoop::receive(Received& out) {
  std::array<char, kMaxGuardianMessage> bytes{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 3)> control{};
  iovec part{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t n = recvmsg(socket_, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
  auto read = read_datagram({bytes.data(), static_cast<std::size_t>(n)});
  if (!read) return -1;
  out.message = read->message;
  out.env = std::move(read->env);
  const cmsghdr* control_header = CMSG_FIRSTHDR(&header);
  if (control_header != nullptr && control_header->cmsg_type == SCM_RIGHTS) {
    std::memcpy(out.fds.data(), CMSG_DATA(control_header), sizeof out.fds);
  }
  return 1;
}

void GuardianLoop::obey(const Received& received) {
  const auto warden = wardens_.find(received.message.run);
  switch (received.message.kind) {
    case GuardianMessage::Kind::kSpawn:
      spawn(received);
      for (int fd : received.fds) close(fd);
      break;
    case GuardianMessage::Kind::kTerm:
      if (warden != wardens_.end()) kill(warden->second, SIGTERM);
      break;
    case GuardianMessage::Kind::kKill:
      if (warden != wardens_.end()) kill(warden->second, SIGUSR1);
      break;
    case GuardianMessage::Kind::kHold:
      hold(received.message.at);
      break;
    case GuardianMessage::Kind::kNotStarted:
    case GuardianMessage::Kind::kEnded:
      break;
  }
}

void GuardianLoop::spawn(const Received& received) {
  const uint64_t run = received.message.run;
  if (hold_ != kNever.ns && boottime_ns() >= hold_) {
    report(GuardianMessage::Kind::kEnded, run, SIGKILL);
    return;
  }
  const pid_t guardian = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    report(GuardianMessage::Kind::kNotStarted, run, errno);
    return;
  }
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != guardian) _exit(1);
    WardenTask task;
    task.run = run;
    task.env = received.env;
    task.in = received.fds[0];
    task.out = received.fds[1];
    task.err = received.fds[2];
    warden_main(socket_, command_, task);
  }
  wardens_[run] = pid;
}

void GuardianLoop::hold(int64_t at) {
  hold_ = at;
  itimerspec when{};
  if (at != kNever.ns) {
    // 0 would disarm it; an instant in the past fires at once.
    const int64_t ns = std::max<int64_t>(at, 1);
    when.it_value = {ns / 1'000'000'000, ns % 1'000'000'000};
  }
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void GuardianLoop::reap() {
  int status = 0;
  pid_t pid = 0;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    const auto it = std::find_if(wardens_.begin(), wardens_.end(),
                                 [pid](const auto& entry) { return entry.second == pid; });
    if (it == wardens_.end()) continue;
    const uint64_t run = it->first;
    wardens_.erase(it);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    // Somebody killed the warden: its tree is ours now, beside the other wardens.
    for (pid_t orphan : descendants(getpid())) {
      bool guarded = false;
      for (const auto& [other, warden] : wardens_) guarded = guarded || warden == orphan;
      if (guarded) continue;
      bool below_warden = false;
      for (const auto& [other, warden] : wardens_) {
        const std::vector<pid_t> theirs = descendants(warden);
        below_warden =
            below_warden || std::find(theirs.begin(), theirs.end(), orphan) != theirs.end();
      }
      if (!below_warden) kill(orphan, SIGKILL);
    }
    report(GuardianMessage::Kind::kEnded, run, SIGKILL);
  }
}

void GuardianLoop::report(GuardianMessage::Kind kind, uint64_t run, int status) {
  GuardianMessage message;
  message.kind = kind;
  message.run = run;
  message.status = status;
  while (send(socket_, &message, sizeof message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

void detach(int socket) {
  setsid();
  prctl(PR_SET_NAME, "phoenix-guard");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
  // Nothing of what the worker had open may be kept open by us.
  if (socket > 3) close_range(3, static_cast<unsigned>(socket) - 1, 0);
  close_range(static_cast<unsigned>(socket) + 1, ~0U, 0);
}

}  // namespace

void guardian_main(int socket, const std::vector<std::string>& command,
                   const std::string& scratch) {
  detach(socket);
  GuardianLoop(socket, command).run();
  kill_descendants(ignore_end, nullptr);
  if (!scratch.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(scratch, ignored);
  }
  _exit(0);
}

}  // namespace phoenix::worker
