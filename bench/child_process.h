// A program that the benchmark starts and ends: the host, a worker.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace phoenix::bench {

// What a process has taken until its end, with those that it waited for itself.
struct ChildUsage {
  int exit_code = -1;  // -1: a signal ended it
  double processor_seconds = 0;
  double most_bytes = 0;  // resident at once
};

class ChildProcess {
 public:
  // Its stdout can be read by line(); stdin and stderr are /dev/null. Dies with this process.
  static Result<std::unique_ptr<ChildProcess>> start(const std::vector<std::string>& command);
  ~ChildProcess();  // SIGKILL, if it still runs
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The next line of its stdout; empty at its end.
  std::string line();
  void signal(int number) const;
  // Waits for its end. What is given is of the first call.
  ChildUsage wait();

 private:
  ChildProcess(pid_t pid, int out) : pid_(pid), out_(out) {}
  pid_t pid_;
  int out_;
  std::string read_;
};

// `phoenix serve` with a data folder of its own on free ports.
class HostProcess {
 public:
  static Result<std::unique_ptr<HostProcess>> start(const std::string& program,
                                                    const std::string& folder,
                                                    const std::string& name = "bench",
                                                    const std::vector<std::string>& flags = {});
  const std::string& url() const { return url_; }
  // Lets it finish; then nobody has its database open any more.
  void stop();

 private:
  std::unique_ptr<ChildProcess> process_;
  std::string url_;
};

}  // namespace phoenix::bench
