// Processes below a process, whatever session or group they put themselves into. Linux only: reads
// /proc. For single-threaded processes that reap what they kill.
#pragma once

#include <sys/types.h>

#include <vector>

namespace phoenix::worker {

// All living descendants of `root`, without `root` itself; zombies are left out.
std::vector<pid_t> descendants(pid_t root);

// Kills every descendant of the calling process and reaps it, until none is left: also those that
// fork meanwhile. Requires: PR_SET_CHILD_SUBREAPER is set. `reaped` is told
// each child's end.
void kill_descendants(void (*reaped)(void* context, pid_t pid, int status), void* context);

}  // namespace phoenix::worker
