// A host of the demo: `phoenix serve` as a process of its own that can be killed, frozen, sent away
// and started again on the same data folder and port.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/demo/proc/processes.h"
#include "net/event_loop.h"

namespace phoenix::demo {

class HostProcess {
 public:
  struct Setup {
    std::string name;
    std::string data;                                 // folder
    std::string log;                                  // the file that takes its output
    std::function<std::vector<std::string>()> flags;  // more of them, asked at each start
  };
  struct Events {
    std::function<void()> up;                 // it serves, for the first time or again
    std::function<void(std::string)> failed;  // it ended unasked or does not start; for people
  };
  HostProcess(EventLoop& loop, Processes& processes, Setup setup, Events events);

  void start();
  // SIGKILL, then, after `pause`, a start on the same data folder and port.
  void kill_and_restart(Duration pause = {});
  // SIGTERM, with which it hands over what it has; then such a start.
  void leave_and_restart();
  void freeze() const { processes_.signal(pid_, SIGSTOP); }
  void thaw() const { processes_.signal(pid_, SIGCONT); }
  // SIGTERM; `done` when it has ended, by SIGKILL if it takes too long.
  void stop(std::function<void()> done);

  const std::string& name() const { return setup_.name; }
  const std::string& url() const { return url_; }        // empty before the first start
  const std::string& gossip() const { return gossip_; }  // of this life; likewise
  pid_t pid() const { return pid_; }
  bool up() const { return up_; }

 private:
  enum class Wish : uint8_t { kRun, kRestart, kLeave, kStop };
  void look_for_address();
  void ended(int status);

  EventLoop& loop_;
  Processes& processes_;
  Setup setup_;
  Events events_;
  Timer timer_;
  int looks_ = 0;
  pid_t pid_ = 0;
  std::string url_;
  std::string gossip_;
  Duration pause_;
  bool up_ = false;
  Wish wish_ = Wish::kRun;
  std::function<void()> stopped_;
};

}  // namespace phoenix::demo
