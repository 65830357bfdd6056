// At the end of a run: takes the flight recorder out of the hosts, as a user would, and lets
// `phoenix audit verify` judge it with nothing but the three things that were taken out.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "cli/demo/proc/processes.h"
#include "net/event_loop.h"

namespace phoenix::demo {

class AuditRun {
 public:
  AuditRun(EventLoop& loop, Processes& processes) : loop_(loop), processes_(processes) {}

  // The verifier's report, in JSON; an error says what went wrong instead. Once.
  using Done = std::function<void(const Result<std::string>& report)>;
  // `folder` gets all.audit, now.checkpoint and keys/.
  void start(const std::string& url, const std::string& folder, Done done);

 private:
  void finish();

  EventLoop& loop_;
  Processes& processes_;
  Done done_;
  std::unique_ptr<PipeReader> reader_;
  std::string output_;
  bool output_ended_ = false;
  std::optional<int> status_;
};

// The command that verifies what stands in the folder.
std::string verify_command(const std::string& folder);

}  // namespace phoenix::demo
