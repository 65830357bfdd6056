// A small process that cleans up should this one die without a word: it kills the processes that it
// was told of and removes the scratch folder. Forked before anything else is started.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/error.h"

namespace phoenix::demo {

// A folder of its own below TMPDIR, for one run; empty: errno says why there is none.
std::string make_scratch(const std::string& name);

class Janitor {
 public:
  // Requires: this process has one thread, and has not asked for orphans to come to it: the janitor
  // is no child of ours, so that whoever waits for all children does not wait for it.
  static Result<std::unique_ptr<Janitor>> start(const std::string& scratch);
  // Ends it: it does what it would do at our death, unless leave_all() was called. Waits for it.
  ~Janitor();
  Janitor(const Janitor&) = delete;
  Janitor& operator=(const Janitor&) = delete;

  void started(pid_t pid);
  void ended(pid_t pid);
  // Nothing is to be killed or removed any more.
  void leave_all();

 private:
  Janitor(int pipe, int handle) : pipe_(pipe), handle_(handle) {}
  void tell(char verb, pid_t pid);

  int pipe_;
  int handle_;  // of the process
};

}  // namespace phoenix::demo
