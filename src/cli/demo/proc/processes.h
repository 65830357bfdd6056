// The processes that the demo starts, and the ends of their pipes. All on the loop's thread.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cli/demo/proc/janitor.h"
#include "net/event_loop.h"

namespace phoenix::demo {

// Owns a descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read;  // non-blocking
  Fd write;
};
Result<Pipe> make_pipe();

// Reads what comes through a pipe until its end.
class PipeReader {
 public:
  PipeReader(EventLoop& loop, Fd fd, std::function<void(std::string_view)> data,
             std::function<void()> end);
  // Takes what is there now, without waiting for the loop's turn.
  void read();

 private:
  Fd fd_;
  std::function<void(std::string_view)> data_;
  std::function<void()> end_;
  std::unique_ptr<FdWatch> watch_;
};

// The clock of all intervals of a run.
Instant clock_now();

// The path of this very program, for starting it again.
std::string own_program();

class Processes {
 public:
  explicit Processes(Janitor& janitor) : janitor_(janitor) {}

  struct Start {
    std::vector<std::string> args;                         // the first one is the program
    std::vector<std::pair<std::string, std::string>> env;  // beside ours without PHOENIX_*
    int in = -1;                                           // -1: /dev/null
    int out = -1;
    int err = -1;
  };
  // In a process group of its own, so that Ctrl-C at the terminal is ours alone. `ended` is called
  // from reap(), with the status of wait(2).
  Result<pid_t> start(const Start& start, std::function<void(int status)> ended);
  // After SIGCHLD. Also takes in orphans that came to us.
  void reap();
  void signal(pid_t pid, int number) const;
  void kill_all() const;
  // Waits until no child or adopted orphan is left, at most so long; true if none is.
  bool wait_for_all(Duration limit);

 private:
  Janitor& janitor_;
  std::map<pid_t, std::function<void(int)>> running_;
};

}  // namespace phoenix::demo
