#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "cli/worker/guard/guardian_wire.h"
#include "cli/worker/guard/process_tree.h"

extern char** environ;

namespace phoenix::worker {
namespace {

struct Outcome {
  pid_t command = -1;
  int status = 0;
  bool ended = false;
};

void note_end(void* context, pid_t pid, int status) {
  auto* outcome = static_cast<Outcome*>(context);
  if (pid != outcome->command) return;
  outcome->status = status;
  outcome->ended = true;
}

void tell(int socket, const GuardianMessage& message) {
  while (send(socket, &message, sizeof message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

// The environment of this process, with `added` winning, and without what is only the worker's.
std::vector<std::string> environment(const std::vector<std::string>& added) {
  std::vector<std::string> out = added;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('=') + 1);
    bool replaced = name == "PHOENIX_TOKEN=";
    for (const std::string& other : added) replaced = replaced || other.starts_with(name);
    if (!replaced) out.emplace_back(text);
  }
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

[[noreturn]] void become_command(std::vector<std::string> command, const WardenTask& task,
                                 int report, pid_t warden) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != warden) _exit(1);
  setsid();
  dup2(task.in, STDIN_FILENO);
  dup2(task.out, STDOUT_FILENO);
  dup2(task.err, STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<std::string> env = environment(task.env);
  const std::vector<char*> argv = pointers(command);
  const std::vector<char*> envp = pointers(env);
  execvpe(argv[0], argv.data(), envp.data());
  const int code = errno;
  if (write(report, &code, sizeof code) != sizeof code) _exit(126);
  _exit(127);
}

// Starts CMD; the errno of fork or exec, or 0.
int start_command(const std::vector<std::string>& command, const WardenTask& task, pid_t* pid,
                  bool* by_exec) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return errno;
  const pid_t self = getpid();
  *pid = fork();
  if (*pid < 0) return errno;
  if (*pid == 0) become_command(command, task, report[1], self);
  close(report[1]);
  int code = 0;
  ssize_t n = 0;
  while ((n = read(report[0], &code, sizeof code)) < 0 && errno == EINTR) {
  }
  close(report[0]);
  *by_exec = n == sizeof code;
  return *by_exec ? code : 0;
}

}  // namespace

void warden_main(int socket, const std::vector<std::string>& command, const WardenTask& task) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t wanted;
  sigemptyset(&wanted);
  for (int number : {SIGCHLD, SIGTERM, SIGUSR1}) sigaddset(&wanted, number);
  Outcome outcome;
  bool by_exec = false;
  const int code = start_command(command, task, &outcome.command, &by_exec);
  for (int fd : {task.in, task.out, task.err}) close(fd);
  if (code != 0) {
    GuardianMessage message;
    message.kind = GuardianMessage::Kind::kNotStarted;
    message.status = code;
    message.run = task.run;
    message.at = by_exec ? 1 : 0;
    tell(socket, message);
    _exit(0);
  }
  bool kill_all = false;
  while (!outcome.ended && !kill_all) {
    const int number = sigwaitinfo(&wanted, nullptr);
    if (number == SIGTERM) {
      for (pid_t pid : descendants(getpid())) {
        kill(pid, SIGTERM);
        kill(pid, SIGCONT);
      }
    }
    kill_all = number == SIGUSR1;
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) note_end(&outcome, pid, status);
  }
  kill_descendants(note_end, &outcome);
  GuardianMessage message;
  message.kind = GuardianMessage::Kind::kEnded;
  message.status = outcome.ended ? outcome.status : SIGKILL;
  message.run = task.run;
  tell(socket, message);
  _exit(0);
}

}  // namespace phoenix::worker
