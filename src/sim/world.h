// One run: a host, its store, some processes, clients and a seed that decides what goes wrong and
// when. After the faulty part everything is healed, and the run must come to rest: every packet
// terminal.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/client.h"
#include "sim/env.h"
#include "sim/governed/ruler.h"
#include "sim/host.h"
#include "sim/process.h"

namespace phoenix::sim {

struct RunOptions {
  uint64_t seed = 1;
  int64_t steps = 2'000;  // of the faulty part, at least
  bool print_trace = false;
  bool sign = false;    // members have keys and go by contracts, and both change
  bool govern = false;  // policies are in force, which change; what waits for a word gets one
};

struct RunResult {
  uint64_t seed = 0;
  uint64_t steps = 0;
  uint64_t members = 0;
  uint64_t packets = 0;
  FaultCounts faults;
  std::array<uint64_t, kLifecycleRows> row_visits{};  // of the transition table
  uint64_t plans = 0;  // changes of membership that went as planned before
  uint64_t planned_moves = 0;
  HandoffCounts handoffs;
  PolicyCounts governed;
  uint64_t hash = 0;
  std::optional<Violation> violation;
  std::vector<std::string> newest;  // trace lines before the violation
};

RunResult run_seed(const RunOptions& options);

class World {
 public:
  explicit World(const RunOptions& options);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  RunResult run();

 private:
  void add_processes();
  Process& add_process(Shape shape);
  Shape draw_shape(const std::string& name);
  void supervise();
  void schedule_fault();
  void inject(Fault fault);
  void inject_on_process(Fault fault);
  void inject_on_host(Fault fault);
  void inject_on_store(Fault fault);
  Process* pick_running();
  void twin();
  void patch();
  void restart_later(Process& process, Duration delay, bool saved);
  void crash_host(bool orderly);
  void schedule_signed_fault();
  void change_key(Process& process);
  void change_terms();
  void order(CommandBody body, std::function<void()> answered);
  void calm_down();
  bool at_rest() const;
  bool step();

  RunOptions options_;
  Prng prng_;
  EventQueue queue_;
  FaultCounts faults_;
  Trace trace_;
  Checks checks_;
  Host host_;
  Network network_;
  Env env_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::optional<Ruler> ruler_;  // of governed runs
  size_t named_ = 0;
  size_t terms_ = 0;  // which of kTerms was laid down last
};

}  // namespace phoenix::sim
