#include "sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/governed/house_rules.h"
#include "sim/signed/terms.h"

namespace phoenix::sim {

namespace {

constexpr Duration kFaultyAtLeast = seconds(12);
constexpr Duration kCalmAtMost = seconds(240);
constexpr uint64_t kMinFaults = 10;
constexpr size_t kPackets = 200;

RunResult result_of(const RunOptions& options, const FaultCounts& faults, const Trace& trace,
                    const Checks& checks) {
  RunResult result;
  result.seed = options.seed;
  result.faults = faults;
  result.hash = trace.hash();
  result.violation = checks.violation();
  result.plans = checks.plans().compared();
  result.planned_moves = checks.plans().moved();
  result.handoffs = checks.shadow().handoffs();
  result.governed = checks.policies().counts();
  if (result.violation) result.newest = trace.newest();
  return result;
}

}  // namespace

RunResult run_seed(const RunOptions& options) {
  World world(options);
  return world.run();
}

World::World(const RunOptions& options)
    : options_(options),
      prng_(options.seed),
      trace_(options.print_trace),
      host_(queue_, trace_, checks_, faults_, prng_.fork()),
      network_(queue_, faults_, prng_.fork()),
      env_{queue_, network_, checks_, trace_, [this] { return host_.wall(); }, false, {}} {
  network_.add_door(host_);
  env_.governed = options.govern;
  if (!env_.governed) return;
  checks_.policies().watch();
  ruler_.emplace(env_, prng_.fork(), [this] { return host_.node(); });
}

bool World::step() {
  if (queue_.empty() || checks_.violation()) return false;
  queue_.run_next();
  return true;
}

RunResult World::run() {
  host_.start();
  // One seed in eight has a perfect network, so that other faults are seen alone.
  if (!prng_.chance(1, 8)) {
    network_.set_faults(
        {static_cast<uint32_t>(prng_.between(2, 30)), static_cast<uint32_t>(prng_.between(2, 40))});
  }
  add_processes();
  clients_.push_back(std::make_unique<Client>(env_, "pkt-a", prng_.fork()));
  clients_.push_back(std::make_unique<Client>(env_, "pkt-b", prng_.fork()));
  for (auto& client : clients_) client->start(kPackets / 2);
  clients_[0]->start_manual("clerk-1", {"a", "r"});
  clients_[1]->start_manual("clerk-2", {"b"});
  if (ruler_) {
    clients_[0]->start_manual("ada", {std::string(kHouseRole)});
    ruler_->start();
  }
  supervise();
  schedule_fault();
  if (options_.sign) {
    order(lay_down(kTerms[terms_]), [] {});
    schedule_signed_fault();
  }
  const Instant faulty_until = queue_.now() + kFaultyAtLeast;
  const auto wanted = static_cast<uint64_t>(options_.steps);
  while (queue_.now() < faulty_until || host_.steps() < wanted || faults_.total() < kMinFaults) {
    if (!step()) break;
  }
  calm_down();
  const Instant rest_by = queue_.now() + kCalmAtMost;
  while (!at_rest() && queue_.now() < rest_by) {
    if (!step()) break;
  }
  if (!checks_.violation() && !at_rest()) {
    const PacketKey& key = *checks_.shadow().live().begin();
    const Packet& head = *checks_.shadow().find(key)->head;
    checks_.violate(Invariant::kOwnedOrParked,
                    fmt::format("{} packets do not come to an end though all is well, as {} ({}, "
                                "owner {}, epoch {})",
                                checks_.shadow().live().size(), key.id(), status_name(head.status),
                                head.owner ? head.owner->id : "nobody", head.epoch));
  }
  if (!checks_.violation() && host_.node() != nullptr) {
    const Stats& stats = host_.node()->stats();
    if (stats.rebalance_moved * 100 > stats.rebalance_minimum * 105) {
      checks_.violate(Invariant::kMovesLeast,
                      fmt::format("{} packets were moved where {} had to", stats.rebalance_moved,
                                  stats.rebalance_minimum));
    }
  }
  RunResult result = result_of(options_, faults_, trace_, checks_);
  result.steps = host_.steps();
  result.row_visits = host_.row_visits();
  result.members = env_.member_ids.size();
  result.packets = clients_[0]->submitted() + clients_[1]->submitted();
  return result;
}

// --- who takes part
// -------------------------------------------------------------------------------

void World::add_processes() {
  while (env_.member_ids.size() < 22) {
    Process& process = add_process(draw_shape(fmt::format("w{}", ++named_)));
    queue_.after(milliseconds(prng_.between(0, 800)),
                 [&process] { process.start(std::nullopt, false); });
  }
}

Process& World::add_process(Shape shape) {
  processes_.push_back(std::make_unique<Process>(env_, std::move(shape), prng_.fork()));
  checks_.add_worker(processes_.back().get());
  return *processes_.back();
}

Shape World::draw_shape(const std::string& name) {
  Shape shape;
  shape.name = name;
  const int64_t count = prng_.chance(1, 3) ? 1 : prng_.between(2, 5);
  for (int64_t i = 0; i < count; ++i) {
    MemberRecord record;
    record.key = MemberKey(kNamespace, fmt::format("{}-{}", name, i));
    for (char letter = 'a'; letter <= 'd'; ++letter) {
      if (prng_.chance(1, 2)) record.capabilities.emplace_back(1, letter);
    }
    if (prng_.chance(1, 12)) record.capabilities.emplace_back("r");
    record.weight = static_cast<uint32_t>(prng_.between(1, 200));
    record.max_load = static_cast<uint32_t>(prng_.between(1, 6));
    record.trust = static_cast<uint32_t>(prng_.between(300, 1000));
    record.reliability = static_cast<uint32_t>(prng_.between(300, 1000));
    shape.members.push_back(std::move(record));
  }
  shape.lease_seconds = static_cast<uint32_t>(prng_.between(1, 3));
  shape.streams = prng_.chance(1, 4);
  if (shape.streams && prng_.chance(2, 3)) {
    shape.grace_ms = static_cast<uint32_t>(prng_.between(100, 600));
  }
  shape.heartbeats = prng_.chance(2, 3);
  shape.follows_lease = prng_.chance(2, 3);
  shape.one_after = prng_.chance(1, 2);
  shape.by_member = count == 1;
  shape.poll_max = static_cast<uint32_t>(prng_.between(1, 6));
  if (options_.sign) shape.keys = prng_.chance(2, 3);
  return shape;
}

// Whoever has ended for good is followed by somebody new, as long as the run is faulty.
void World::supervise() {
  if (env_.calm) return;
  size_t running = 0;
  for (const auto& process : processes_) running += process->running() ? 1 : 0;
  if (running < 7) {
    add_process(draw_shape(fmt::format("w{}", ++named_))).start(std::nullopt, false);
  }
  queue_.after(milliseconds(500), [this] { supervise(); });
}

Process* World::pick_running() {
  std::vector<Process*> busy;
  std::vector<Process*> any;
  for (const auto& process : processes_) {
    if (!process->attached() || process->frozen()) continue;
    any.push_back(process.get());
    if (process->works_in_hand() > 0) busy.push_back(process.get());
  }
  std::vector<Process*>& from = !busy.empty() && prng_.chance(2, 3) ? busy : any;
  return from.empty() ? nullptr : from[prng_.below(from.size())];
}

// --- faults
// ---------------------------------------------------------------------------------------

void World::schedule_fault() {
  if (env_.calm) return;
  queue_.after(milliseconds(prng_.between(80, 600)), [this] {
    if (env_.calm) return;
    const auto first = static_cast<int64_t>(Fault::kPartition);
    const auto last = static_cast<int64_t>(Fault::kStoreHeld);
    inject(static_cast<Fault>(prng_.between(first, last)));
    schedule_fault();
  });
}

void World::inject(Fault fault) {
  if (fault >= Fault::kStoreRefuse) {
    inject_on_store(fault);
  } else if (fault >= Fault::kHostCrash) {
    inject_on_host(fault);
  } else {
    inject_on_process(fault);
  }
}

void World::inject_on_store(Fault fault) {
  // Faults that strike one batch are counted when they do.
  host_.break_store(fault, milliseconds(prng_.between(100, 1'800)));
}

void World::inject_on_host(Fault fault) {
  if (!host_.up() || !prng_.chance(1, 2)) return;
  faults_.add(fault);
  if (fault == Fault::kHostPause) {
    host_.pause(milliseconds(prng_.between(60, 3'500)));
  } else if (fault == Fault::kClockJump) {
    host_.set_clock(prng_.between(-12'000, 8'000));
  } else {
    crash_host(fault == Fault::kHostRestart);
  }
}

void World::crash_host(bool orderly) {
  const Duration down = milliseconds(prng_.between(20, 2'500));
  if (!orderly) {
    host_.crash();
    queue_.after(down, [this] {
      if (!host_.up()) host_.start();
    });
    return;
  }
  host_.begin_shutdown();
  const uint64_t run = host_.run();
  queue_.after(milliseconds(prng_.between(5, 300)), [this, down, run] {
    if (!host_.up() || host_.run() != run) return;
    host_.crash();
    queue_.after(down, [this] {
      if (!host_.up()) host_.start();
    });
  });
}

void World::restart_later(Process& process, Duration delay, bool saved) {
  std::optional<Token> token;
  if (saved) token = process.token();
  queue_.after(delay, [&process, token] {
    if (!process.running() && !process.ended()) process.start(token, !token);
  });
}

void World::inject_on_process(Fault fault) {
  Process* process = pick_running();
  if (process == nullptr) return;
  trace_.line(queue_.now(), fmt::format("* {} {}", kFaultNames[static_cast<size_t>(fault)],
                                        process->shape().name));
  const Duration lease = seconds(process->shape().lease_seconds);
  switch (fault) {
    case Fault::kPartition:
      process->set_cut(true);
      queue_.after(milliseconds(prng_.between(100, 5'000)), [process] { process->set_cut(false); });
      break;
    case Fault::kStreamCut:
      for (const auto& other : processes_) other->cut_stream();
      break;
    case Fault::kKill:
      process->kill();
      break;
    case Fault::kRestartSaved:
    case Fault::kRestartReplace:
      process->kill();
      restart_later(*process, milliseconds(prng_.between(5, 3'000)), fault == Fault::kRestartSaved);
      break;
    case Fault::kFreeze:
      process->freeze(lease + milliseconds(prng_.between(-300, 3'000)));
      break;
    case Fault::kTwin:
      twin();
      break;
    case Fault::kSlow:
      process->set_slow(true);
      queue_.after(milliseconds(prng_.between(500, 4'000)),
                   [process] { process->set_slow(false); });
      break;
    case Fault::kDrain:
      process->drain(prng_.chance(1, 3) ? std::nullopt
                                        : std::optional<uint32_t>(prng_.between(1, 3)));
      if (prng_.chance(1, 3)) {
        queue_.after(milliseconds(prng_.between(10, 1'500)), [process] { process->resume(); });
      }
      break;
    case Fault::kRetire:
      process->retire();
      break;
    case Fault::kPatch:
      patch();
      break;
    default:
      return;
  }
  faults_.add(fault);
}

// A process stands still; its successor comes with the same token, too late, and dies; then the
// first one goes on and calls with the token that was replaced.
void World::twin() {
  Process* first = pick_running();
  if (first == nullptr || !first->token()) return;
  const int64_t lease_ms = first->shape().lease_seconds * 1000;
  first->make_twin(true);
  first->freeze(milliseconds(lease_ms + 2'200));
  Process* second = &add_process(first->shape());
  second->make_twin(false);
  if (second->signer() != nullptr) second->signer()->follow(*first->signer());
  queue_.after(milliseconds(lease_ms + 900),
               [second, token = first->token()] { second->start(token, false); });
  queue_.after(milliseconds(lease_ms + 2'400), [first, second] {
    // A successor that came in time has the same token: then only one of the two may go on, and it
    // is neither, or its session would live without anybody doing the work.
    const bool shared = !second->token() || !first->token() ||
                        second->token()->generation == first->token()->generation;
    if (second->running()) second->kill();
    if (shared && first->running()) first->kill();
  });
  queue_.after(milliseconds(2 * lease_ms + 9'000), [first] { first->make_twin(false); });
}

void World::patch() {
  static const Link kOperatorLink;
  Command command;
  command.caller.principal = "ops";
  command.caller.is_operator = true;
  command.body = draw_patch(prng_, env_);
  (void)network_.send(kOperatorLink, std::move(command), [](const Reply*) {});
}

// --- keys and contracts
// -------------------------------------------------------------------------------

void World::schedule_signed_fault() {
  queue_.after(milliseconds(prng_.between(150, 900)), [this] {
    if (env_.calm) return;
    Process* process = pick_running();
    if (prng_.chance(1, 2)) {
      change_terms();
    } else if (process != nullptr && process->signer() != nullptr) {
      change_key(*process);
    }
    schedule_signed_fault();
  });
}

void World::change_terms() {
  terms_ = (terms_ + 1) % std::size(kTerms);
  faults_.add(Fault::kTermsChange);
  trace_.line(queue_.now(), fmt::format("* terms {}", terms_));
  order(lay_down(kTerms[terms_]), [] {});
}

// In the middle of whatever it does: what it has offered and accepted with its last key may still
// be on its way. It comes back once an operator has allowed the next one for all of its members.
void World::change_key(Process& process) {
  faults_.add(Fault::kKeyChange);
  trace_.line(queue_.now(), "* key " + process.shape().name);
  auto left = std::make_shared<size_t>(process.shape().members.size());
  for (const MemberRecord& member : process.shape().members) {
    PatchMember patch;
    patch.key = member.key;
    patch.next_key = process.signer()->next_public_key();
    order(std::move(patch), [this, left, &process] {
      if (--*left > 0 || !process.running()) return;
      process.kill();
      process.signer()->rotate();
      restart_later(process, milliseconds(prng_.between(5, 500)), false);
    });
  }
}

// By an operator, who asks until there is an answer.
void World::order(CommandBody body, std::function<void()> answered) {
  static const Link kOperatorLink;
  Command command;
  command.caller.principal = "ops";
  command.caller.is_operator = true;
  command.body = body;
  auto over = std::make_shared<bool>(false);
  (void)network_.send(kOperatorLink, std::move(command), [over, answered](const Reply* reply) {
    const auto* error = reply == nullptr ? nullptr : std::get_if<Error>(&reply->body);
    if (*over || reply == nullptr || (error != nullptr && passes_by(error->kind))) return;
    *over = true;
    answered();
  });
  queue_.after(milliseconds(700), [this, over, body = std::move(body), answered] {
    if (*over || env_.calm) return;
    *over = true;
    order(body, answered);
  });
}

// --- calm
// -----------------------------------------------------------------------------------------

// Everything is healed, and somebody who can do all comes along.
void World::calm_down() {
  if (checks_.violation()) return;
  trace_.line(queue_.now(), "* calm");
  env_.calm = true;
  network_.set_faults({});
  host_.heal_store();
  if (!host_.up()) host_.start();
  for (const auto& process : processes_) {
    process->set_cut(false);
    process->set_slow(false);
  }
  Shape helper = draw_shape("helper");
  helper.members.resize(1);
  helper.members[0].capabilities = {"a", "b", "c", "d", "r"};
  helper.members[0].max_load = 1'000;
  helper.lease_seconds = 3;
  helper.by_member = true;
  helper.poll_max = 50;
  add_process(std::move(helper)).start(std::nullopt, false);
}

bool World::at_rest() const { return checks_.shadow().live().empty() && host_.up(); }

}  // namespace phoenix::sim
