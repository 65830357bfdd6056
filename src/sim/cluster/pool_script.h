// What happens in a run of several hosts, as data: how many take part, which faults come when, and
// what must be true at the end. Text, one line each; `#` begins a comment.
//
//   hosts 3 · workers 8 · packets 200 · clerks 2      who takes part; clerks are manual members
//   come 300ms 1500ms                                 when a worker comes, drawn for each; hosts
//                                                     come within the first seconds
//   submit 400ms                                      when callers begin to
//   lease 1 3                                         seconds, drawn for each worker
//   roam yes|no                                       whether workers try other hosts than theirs
//   network perfect|lossy                             between callers and hosts
//   faults random|none                                beside those of the script
//   run 20s · rest 90s                                the faulty part; the bound of the calm one
//   look 100ms                                        how often all of it is checked beside what
//                                                     each step is; it is dear in a large pool
//   seeds 1 20                                        that a test plays
//   at 3s ACT…                                        see pool_acts.h
//   expect NAME <=|>=|== NUMBER                       of PoolFigures
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace phoenix::sim {

// What a run was like, by name: "fences", "views", "slot-moves", "lapses", "losses", "epochs",
// "max-epoch", "worker-moves", "jobs", "packets", "settle-ms"; "leaves": hosts that left in order;
// "certificates", "host-certificates": lives of members and of hosts that have one;
// "members": all that ever were, "members-known": what the host with the most of them has of them.
using PoolFigures = std::map<std::string, uint64_t>;

struct PoolAct {
  Duration at;  // since the start
  std::vector<std::string> words;
};
struct PoolExpectation {
  std::string figure;
  std::string comparison;
  uint64_t number = 0;
};

struct PoolScript {
  size_t hosts = 3;
  size_t workers = 9;
  size_t packets = 150;
  size_t clerks = 2;
  Duration come_from = milliseconds(300);
  Duration come_to = milliseconds(1'500);
  Duration submit_from = milliseconds(400);
  int64_t lease_from = 1;
  int64_t lease_to = 3;
  bool roam = true;
  bool lossy = true;
  bool random_faults = true;
  Duration run = seconds(20);
  Duration rest = seconds(120);
  Duration look = milliseconds(100);
  uint64_t seed_first = 1;
  uint64_t seed_last = 5;
  std::vector<PoolAct> acts;
  std::vector<PoolExpectation> expectations;
};

// The error names the line.
Result<PoolScript> parse_pool_script(std::string_view text);
Result<PoolScript> read_pool_script(const std::string& path);
// "500ms", "3s", "2m".
Result<Duration> parse_duration(std::string_view text);
// Sentences; empty: as expected.
std::vector<std::string> unmet(const PoolScript& script, const PoolFigures& figures);

}  // namespace phoenix::sim
