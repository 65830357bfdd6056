// Waiting for packets to end, as --wait and `packet result` do.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "cli/context.h"

namespace phoenix::cli {

// --wait[=30s]: whether to wait, and how long at most.
struct WaitFlag {
  bool wait = false;
  std::optional<Duration> at_most;
};
Flag wait_flag(WaitFlag* into, std::string help);

// The moment at which waiting ends; never, if no bound was given.
using WaitEnd = std::optional<std::chrono::steady_clock::time_point>;
WaitEnd wait_end(const WaitFlag& flag);

// The packet once it has ended. When the time ran out: a Failure with exit code 7. A host that was
// heard of before may be away for some seconds, as at a restart.
Outcome<Json> wait_for_packet(Context& context, const std::string& id, WaitEnd end,
                              bool heard = false);

// Prints the result of a COMPLETED packet, the bytes alone. A packet that ended otherwise is a
// Failure with exit code 1 that says why.
Outcome<int> print_result(Context& context, const std::string& id, bool more_follow);

// The failure of a packet that ended, but not COMPLETED.
Failure ended_badly(const Json& packet);

}  // namespace phoenix::cli
