// What `phoenix demo` was asked to do; plain data, filled by the command line.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace phoenix {

struct DemoOptions {
  std::string files_dir;               // empty: the machine's documentation and this source tree
  int64_t packets = 3000;              // 1..1,000,000: how many packets at least
  int64_t workers = 8;                 // 2..256 worker processes at a time
  Duration churn = milliseconds(400);  // > 0: one worker is hit each time this has passed
  uint64_t seed = 1;                   // draws which worker is hit, and how
  bool seed_given = false;
  int64_t hosts = 1;  // 1..16 that share the store
  std::string store;  // postgresql://…; empty: SQLite for one host, else a server of our own
  // 0..100: SIGKILL and restart the host so often on the way; one of several hosts, and as often
  // each freeze one and make one leave.
  int64_t kill_host = 0;
  bool keep = false;      // leave the host up and say what to try
  std::string data_dir;   // empty: a temporary folder, removed at the end
  std::string audit_dir;  // where the export of the end is kept; empty: it is verified and removed
  bool json = false;      // -o json: one object on stdout instead of the report
  bool color = false;     // stdout is a terminal and nobody forbade colour
  bool progress = false;  // stderr is a terminal and not -q: a live line there
  bool quiet = false;
  bool verbose = false;
};

}  // namespace phoenix
