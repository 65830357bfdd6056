// Runs of CMD as the worker sees them: their files, pipes and ends. The processes themselves belong
// to the guardian. Everything here happens on the loop's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "cli/worker/actions.h"
#include "cli/worker/guard/guardian.h"
#include "cli/worker/worker_main.h"
#include "net/event_loop.h"

namespace phoenix::worker {

// Told from the loop, never from within a call to Children.
struct ChildEvents {
  std::function<void(uint64_t run, const RunEnd& end)> ended;
  std::function<void(uint64_t run, bool for_good, std::string_view why)> not_started;
  std::function<void(uint64_t run, std::string_view content)> checkpoint;
  std::function<void()> guardian_lost;
};

class Children {
 public:
  // A checkpoint or handoff file larger than this is left alone; a host takes 1 MiB of JSON.
  static constexpr std::size_t kMaxFile = std::size_t{8} << 20;
  static constexpr std::size_t kErrorTail = 4096;

  // `scratch`: a folder of this process alone; each run gets one in it.
  Children(EventLoop& loop, Guardian& guardian, const WorkerOptions& options, std::string scratch,
           ChildEvents events);
  ~Children();

  void start(uint64_t run, RunInput input);
  void signal(uint64_t run, bool kill) { guardian_.signal(run, kill); }
  // Replaces the run's PHOENIX_TICKET_FILE as a whole; does nothing once it has ended.
  void write_ticket(uint64_t run, std::string_view content);
  // Looks for ends and output at once, without waiting for the loop's turn.
  void look();

 private:
  struct Child;
  void not_started(uint64_t run, const std::string& why);
  bool prepare(Child& child, const RunInput& input, Guardian::Spawn& spawn);
  void read_output(Child& child);
  void read_errors(Child& child);
  void read_watches();
  void finish(Child& child, int status);

  EventLoop& loop_;
  Guardian& guardian_;
  const WorkerOptions& options_;
  std::string scratch_;
  ChildEvents events_;
  int inotify_ = -1;
  bool lost_ = false;
  std::map<uint64_t, std::unique_ptr<Child>> children_;
  std::unique_ptr<FdWatch> guardian_watch_;
  std::unique_ptr<FdWatch> inotify_watch_;
};

}  // namespace phoenix::worker
