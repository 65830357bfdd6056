// What the program's exit status means; the same for every verb.
#pragma once

namespace phoenix {

enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,    // refused, failed, or what was waited for did not end COMPLETED
  kExitWrongUse = 2,  // the command line, a file or a value is wrong
  kExitNotFound = 3,
  kExitConflict = 4,      // stale epoch, exists already, session replaced
  kExitNoHost = 5,        // no host reachable
  kExitUnverified = 6,    // verification failed
  kExitTimedOut = 7,      // the time ran out, the outcome is open
  kExitInterrupted = 130  // Ctrl-C
};

}  // namespace phoenix
