// The other half of a measurement: a process of this very program, on a processor of its own, that
// speaks with this one over a socket pair and ends with it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"

namespace phoenix::bench {

// The calling thread, and what it starts from then on, stays on that processor until this goes.
// With a single processor, or where that is not allowed, nothing is pinned.
class Pinned {
 public:
  explicit Pinned(int processor);
  ~Pinned();
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class OtherProcess {
 public:
  // Runs `work` there, pinned, with its end of the socket pair. Requires: this process has one
  // thread.
  static Result<std::unique_ptr<OtherProcess>> start(int processor,
                                                     const std::function<void(int fd)>& work);
  ~OtherProcess();  // SIGKILL, if it still runs
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;

  int fd() const { return fd_; }

 private:
  OtherProcess(pid_t pid, int fd) : pid_(pid), fd_(fd) {}
  pid_t pid_;
  int fd_;
};

// A line of text, without its end; empty where the other end has gone.
std::string read_line(int fd);
bool write_line(int fd, const std::string& line);

}  // namespace phoenix::bench
