// The process that owns all runs of CMD, so that none outlives the worker or its lease, whatever
// becomes of the worker: SIGKILL, SIGSTOP, a bug.
//
//   worker ==socket== guardian (own session, single-threaded, subreaper)
//                        `-- warden, one a run (subreaper: its whole tree is the run's)
//                               `-- CMD (own session) `-- whatever CMD starts
//
// The guardian kills everything when the worker's end of the socket closes, and when the instant
// told by hold() comes on CLOCK_BOOTTIME. A warden kills what CMD leaves behind when CMD ends, and
// only then is the run's end reported. Killing goes by the tree of /proc below a subreaper, so
// pipelines, setsid and double forks do not escape.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace phoenix::worker {

class Guardian {
 public:
  enum class EventKind : uint8_t { kNotStarted, kEnded };
  struct Event {
    EventKind kind = EventKind::kEnded;
    uint64_t run = 0;
    int status = 0;        // as wait(2) gives it; for kNotStarted the errno of fork or exec
    bool by_exec = false;  // kNotStarted: CMD itself cannot be executed
  };
  // Descriptors become the run's stdin, stdout and stderr; the caller closes its own copies.
  struct Spawn {
    uint64_t run = 0;
    std::vector<std::pair<std::string, std::string>> env;  // added to this process's own
    int in = -1;
    int out = -1;
    int err = -1;
  };

  // Forks. Requires: this process has no other thread yet. `scratch` (may be empty) is a folder
  // that the guardian removes, with all in it, when it ends.
  static Result<std::unique_ptr<Guardian>> start(std::vector<std::string> command,
                                                 std::string scratch);
  // Closes the socket and waits until the guardian, and so every run, has ended.
  ~Guardian();
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

  int fd() const { return socket_; }  // readable: call next()
  // Never blocks; nullopt: nothing there now, or lost().
  std::optional<Event> next();
  bool lost() const { return lost_; }  // the guardian is gone

  bool spawn(const Spawn& spawn);
  void signal(uint64_t run, bool kill);
  void hold(Instant end);
  pid_t pid() const { return pid_; }

 private:
  Guardian(int socket, pid_t pid) : socket_(socket), pid_(pid) {}
  int socket_;
  pid_t pid_;
  bool lost_ = false;
};

}  // namespace phoenix::worker
