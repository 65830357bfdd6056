// `phoenix worker start -- CMD`: any executable as a member. Registers with a host, runs CMD once
// for each packet that the host assigns, and reports what became of it.
//
// Who calls this must not have started a thread: a guardian process is forked first, so that no
// child outlives the worker, however it dies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "lineage/crypto/key.h"

namespace phoenix {

enum class WorkerCodec : uint8_t {
  kBytes,  // a JSON string goes in as its text; stdout is kept as text if UTF-8, else as bytes
  kJson,   // the payload goes in as JSON; stdout must be one JSON value
};

struct WorkerOptions {
  std::vector<std::string> urls;  // at least one, see client/address.h
  std::string token;              // for registering; empty: none
  std::string tls_ca;
  std::string ns;  // empty: the token's only one, else "default"
  std::string id;  // empty: hostname-pid
  std::vector<std::string> capabilities;
  std::string kind = "agent";
  std::vector<std::pair<std::string, std::string>> labels;
  std::string trust_score;              // a number from 0 to 1, as JSON; empty: the host's default
  std::string reliability;              // likewise
  std::vector<std::string> compliance;  // what it may be trusted with
  int64_t weight = 100;                 // 1..10,000
  int64_t max_load = 1;                 // 1..1,000,000: the sum of the loads in hand
  Duration lease = seconds(3);          // whole seconds, 1 s..3600 s
  WorkerCodec codec = WorkerCodec::kBytes;
  std::size_t max_result = 1024 * 1024;    // bytes of stdout; one more and CMD is killed
  Duration kill_after = seconds(5);        // from SIGTERM to SIGKILL
  Duration drain_timeout = seconds(25);    // from our SIGTERM to the end
  Duration timeout{};                      // of one run of CMD; 0: none
  Duration request_timeout = seconds(30);  // of one call
  // Neither the worker nor its guardian stops CMD or withholds calls at the lease's end: a frozen
  // worker then sends its late result, for demonstrations of the host's fence.
  bool no_self_check = false;
  // For programs that watch: one JSON object a line on stdout, at once. "event" is registered,
  // attached (again), begins (a run of CMD), ends (a run; "detail": the call it asks for), revoked,
  // refused (an owner's call, by the fence; "detail": call and problem), stopped-itself (its own
  // lease check took something out of its hands), lapsed, leaving. "packet" and "epoch" where it
  // is about one.
  bool events = false;
  int verbosity = 0;  // -1: errors only; 0: what matters; 1: every assignment; 2: every call
  std::vector<std::string> command;  // at least one
  std::string dir;                   // CMD's folder; empty: the worker's own
  // Keeps the session's token (mode 0600), so that a restart under the same id takes its session
  // over instead of waiting for the lease. Empty: nothing is kept.
  std::string state_file;
  // Where its key is, worker.key (mode 0600), made at the first start. All workers of one folder
  // have the same.
  std::string data_dir = ".phoenixflight";
  // CMD gets PHOENIX_TICKET_FILE: what it shows to third parties, to prove that the packet is its
  // own just now. Kept fresh, and not any more once CMD is to stop.
  bool tickets = false;
  bool no_key = false;  // it registers without one and signs nothing
  // The program's own: what it signs with; null: nothing.
  std::shared_ptr<const lineage::KeyPair> key;
};

// Returns the exit status: 0 drained or retired, 1 CMD cannot be executed or registering was
// refused, 4 another process took the id, 5 no host reachable at the start, 130 interrupted twice.
int run_worker(const WorkerOptions& options);

}  // namespace phoenix
