// One run of several hosts: machines, a store that they share, workers and clients, and a seed that
// decides what goes wrong and when, beside what a script says. After the faulty part everything is
// healed, and the run must come to rest: every packet terminal.
//
// pool_world.cc: who takes part, and the course of a run; pool_acts.cc: what can go wrong.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/client.h"
#include "sim/cluster/machine.h"
#include "sim/cluster/pool_bounds.h"
#include "sim/cluster/pool_script.h"
#include "sim/env.h"
#include "sim/process.h"

namespace phoenix::sim {

struct PoolRunOptions {
  uint64_t seed = 1;
  PoolScript script;
  bool print_trace = false;
  bool sign = false;  // members have keys
};

struct PoolRunResult {
  uint64_t seed = 0;
  uint64_t steps = 0;
  FaultCounts message_faults;
  PoolFaultCounts faults;
  PoolFigures figures;
  HandoffCounts handoffs;
  uint64_t hash = 0;
  std::optional<Violation> violation;
  std::vector<std::string> unmet;   // expectations of the script
  std::vector<std::string> newest;  // trace lines before the violation
};

PoolRunResult run_pool_seed(const PoolRunOptions& options);

class PoolWorld {
 public:
  explicit PoolWorld(const PoolRunOptions& options);
  PoolWorld(const PoolWorld&) = delete;
  PoolWorld& operator=(const PoolWorld&) = delete;

  PoolRunResult run();

 private:
  using Words = std::vector<std::string>;

  // pool_world.cc
  void add_machines();
  void add_workers();
  Process& add_worker(Shape shape);
  Shape draw_shape(const std::string& name);
  void add_clients();
  void supervise();
  void look();
  bool well() const;
  WallMs earliest_wall() const;
  std::vector<HostLife> silent(size_t me) const;
  void calm_down();
  bool at_rest() const;
  bool step();
  void look_on();
  void report_unrest();
  PoolFigures figures() const;

  // pool_acts.cc
  void schedule_acts();
  void schedule_fault();
  void act(const Words& words);
  bool act_on_host(const Words& words);
  bool act_on_ways(const Words& words);
  bool act_on_store(const Words& words);
  bool act_on_worker(const Words& words);
  Words draw_host_fault();
  Words draw_fault();
  void crash(Machine& machine, bool silent, Duration down);
  void leave(Machine& machine, Duration down);
  void await_left(Machine& machine, uint64_t life, Duration down, int tries);
  void roll(const Words& words);
  void suspect(const Machine& victim, Machine& by);
  void starve(Machine& machine, Instant until);
  void flicker(Machine& machine);
  void flap(size_t end, Instant until);
  void churn(Instant until);
  void cut(size_t a, size_t b, bool one_way, Duration length);
  void split(const std::string& groups, Duration length);
  void patch();
  void operate(CommandBody body);
  Machine* machine_of(const Words& words, size_t index);
  Process* worker_of(const Words& words, size_t index);
  Duration length_of(const Words& words, size_t index, int64_t from_ms, int64_t to_ms);
  void later(Duration delay, std::function<void()> action);

  PoolRunOptions options_;
  Prng prng_;
  EventQueue queue_;
  FaultCounts message_faults_;
  PoolFaultCounts faults_;
  Trace trace_;
  Checks checks_;
  PoolRows rows_;
  PeerLinks links_;
  PoolEnv pool_;
  Network network_;
  Env env_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<std::unique_ptr<Process>> workers_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Link>> operator_links_;
  PoolBounds bounds_;
  std::optional<Instant> well_since_;
  Instant calm_at_{0};
  Instant rest_at_{0};
  size_t named_ = 0;
};

}  // namespace phoenix::sim
