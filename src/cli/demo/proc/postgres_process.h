// A throw-away PostgreSQL for hosts that share a store: the programs of Debian's package, a folder
// of its own, a Unix socket and no other address, an unprivileged user. It never touches the
// system's cluster.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/demo/proc/processes.h"
#include "net/event_loop.h"

namespace phoenix::demo {

class PostgresProcess {
 public:
  struct Events {
    std::function<void()> up;                 // it takes connections
    std::function<void(std::string)> failed;  // it ended unasked or does not start; for people
  };
  // Where its programs are, of the newest version; the error says what to install.
  static Result<std::string> find_programs();

  // `folder`: absent yet, its parent exists and can be entered by everybody. `log`: a file for what
  // it says.
  PostgresProcess(EventLoop& loop, Processes& processes, std::string folder, std::string log,
                  Events events);

  // Makes a new cluster there and starts it.
  void start();
  // postgresql://…
  std::string url() const;
  pid_t pid() const { return pid_; }
  // Ends it as it wants to be ended: killed, it would leave shared memory behind.
  void stop(std::function<void()> done);

 private:
  std::vector<std::string> as_its_user(std::vector<std::string> words) const;
  bool run(std::vector<std::string> words, std::function<void(int status)> ended);
  void initialised(int status);
  void look_whether_up();
  void fail_with(const std::string& why);

  EventLoop& loop_;
  Processes& processes_;
  std::string folder_;
  std::string log_;
  Events events_;
  Timer timer_;
  std::string programs_;
  int looks_ = 0;
  pid_t pid_ = 0;
  std::function<void()> stopped_;  // it is to end
};

}  // namespace phoenix::demo
