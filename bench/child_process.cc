#include "bench/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace phoenix::bench {
namespace {

[[noreturn]] void become(const std::vector<std::string>& command, int out, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126);
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, 0);
  ::dup2(out, 1);
  ::dup2(null, 2);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  ::_exit(127);
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const std::vector<std::string>& command) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return fail(ErrorKind::kInternal, "no pipe");
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(command, pipe[1], parent);
  ::close(pipe[1]);
  if (pid < 0) {
    ::close(pipe[0]);
    return fail(ErrorKind::kInternal, "cannot start " + command[0]);
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, pipe[0]));
}

ChildProcess::~ChildProcess() {
  signal(SIGKILL);
  wait();
  ::close(out_);
}

std::string ChildProcess::line() {
  for (;;) {
    if (const size_t end = read_.find('\n'); end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    std::array<char, 4096> bytes{};
    const ssize_t size = ::read(out_, bytes.data(), bytes.size());
    if (size <= 0) return {};
    read_.append(bytes.data(), static_cast<size_t>(size));
  }
}

void ChildProcess::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

ChildUsage ChildProcess::wait() {
  ChildUsage usage;
  rusage taken{};
  int status = 0;
  if (pid_ > 0 && ::wait4(pid_, &status, 0, &taken) == pid_) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    if (WIFEXITED(status)) usage.exit_code = WEXITSTATUS(status);
    usage.processor_seconds = seconds(taken.ru_utime) + seconds(taken.ru_stime);
    usage.most_bytes = 1024.0 * static_cast<double>(taken.ru_maxrss);
  }
  pid_ = 0;
  return usage;
}

Result<std::unique_ptr<HostProcess>> HostProcess::start(const std::string& program,
                                                        const std::string& folder,
                                                        const std::string& name,
                                                        const std::vector<std::string>& flags) {
  std::vector<std::string> command = {program,    "serve",       "--data", folder,
                                      "--listen", "127.0.0.1:0", "--peer", "127.0.0.1:0",
                                      "--gossip", "127.0.0.1:0", "--name", name};
  command.insert(command.end(), flags.begin(), flags.end());
  auto child = ChildProcess::start(command);
  if (!child) return tl::unexpected(child.error());
  auto host = std::make_unique<HostProcess>();
  host->process_ = std::move(*child);
  // "phoenix bench serves at http://127.0.0.1:41234"
  const std::string line = host->process_->line();
  const size_t at = line.find("http");
  if (at == std::string::npos) {
    return fail(ErrorKind::kInternal, program + " serve did not start; it said: " + line);
  }
  host->url_ = line.substr(at);
  return host;
}

void HostProcess::stop() {
  process_->signal(SIGTERM);
  process_->wait();
}

}  // namespace phoenix::bench
