// The host of the demo: `phoenix serve` as a process of its own that can be killed and started
// again on the same data folder and port.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/demo/proc/processes.h"
#include "net/event_loop.h"

namespace phoenix::demo {

class HostProcess {
 public:
  struct Events {
    std::function<void()> up;                 // it serves, for the first time or again
    std::function<void(std::string)> failed;  // it ended unasked or does not start; for people
  };
  // `log`: the file that takes its output.
  HostProcess(EventLoop& loop, Processes& processes, std::string data, std::string log,
              Events events);

  void start();
  // SIGKILL, then a start on the same data folder and port.
  void kill_and_restart();
  // SIGTERM; `done` when it has ended, by SIGKILL if it takes too long.
  void stop(std::function<void()> done);

  const std::string& url() const { return url_; }  // empty before the first start
  pid_t pid() const { return pid_; }
  bool up() const { return up_; }

 private:
  enum class Wish : uint8_t { kRun, kRestart, kStop };
  void look_for_address();
  void ended(int status);

  EventLoop& loop_;
  Processes& processes_;
  std::string data_;
  std::string log_;
  Events events_;
  Timer timer_;
  int looks_ = 0;
  pid_t pid_ = 0;
  std::string url_;
  bool up_ = false;
  Wish wish_ = Wish::kRun;
  std::function<void()> stopped_;
};

}  // namespace phoenix::demo
