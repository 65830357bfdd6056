#include "sim/cluster/pool_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/host.h"

namespace phoenix::sim {

namespace {

// How long a host has to be without any link before it is taken for dead: by the larger part of the
// hosts, and by the smaller one.
constexpr Duration kSilentFor = milliseconds(1'200);
constexpr Duration kSmallerPartWaits = seconds(2);
// A pool at rest is looked at for so long after all is well: then all bounds of the calm have been
// held against it, also those of which no packet would tell.
constexpr Duration kLookOn = seconds(8);

}  // namespace

PoolRunResult run_pool_seed(const PoolRunOptions& options) {
  PoolWorld world(options);
  return world.run();
}

PoolWorld::PoolWorld(const PoolRunOptions& options)
    : options_(options),
      prng_(options.seed),
      trace_(options.print_trace),
      checks_(true),
      rows_([this](Invariant invariant, std::string what) {
        checks_.violate(invariant, std::move(what));
      }),
      links_(queue_, prng_.fork()),
      pool_{queue_, trace_, checks_, rows_, faults_, links_, std::make_shared<MemoryPool>()},
      network_(queue_, message_faults_, prng_.fork()),
      env_{queue_,
           network_,
           checks_,
           trace_,
           [this] { return kWallStart + queue_.now().ns / 1'000'000; },
           false,
           {}},
      bounds_(checks_.shadow(), rows_, machines_, [this](Invariant invariant, std::string what) {
        checks_.violate(invariant, std::move(what));
      }) {
  pool_.silent = [this](size_t me) { return silent(me); };
  checks_.ask_whether_calm(
      [this] { return well_since_ && queue_.now() - *well_since_ > seconds(3); });
  pool_.called = [this](const Caller& caller) { bounds_.called(queue_.now(), caller); };
}

bool PoolWorld::step() {
  if (queue_.empty() || checks_.violation()) return false;
  queue_.run_next();
  return true;
}

PoolRunResult PoolWorld::run() {
  const PoolScript& script = options_.script;
  env_.roam = script.roam;
  add_machines();
  if (script.lossy && !prng_.chance(1, 4)) {
    network_.set_faults(
        {static_cast<uint32_t>(prng_.between(1, 15)), static_cast<uint32_t>(prng_.between(1, 20))});
  }
  add_workers();
  add_clients();
  supervise();
  look();
  schedule_acts();
  if (script.random_faults) schedule_fault();
  const Instant faulty_until = queue_.now() + script.run;
  while (queue_.now() < faulty_until) {
    if (!step()) break;
  }
  calm_down();
  const Instant rest_by = queue_.now() + script.rest;
  while (!at_rest() && queue_.now() < rest_by) {
    if (!step()) break;
  }
  rest_at_ = queue_.now();
  checks_.certificates().look(**MemoryHostStore(pool_.pool, {}).reader());
  if (!checks_.violation() && !at_rest()) report_unrest();
  look_on();
  PoolRunResult result;
  result.seed = options_.seed;
  result.message_faults = message_faults_;
  result.faults = faults_;
  result.figures = figures();
  result.handoffs = checks_.shadow().handoffs();
  for (const auto& machine : machines_) result.steps += machine->steps();
  result.hash = trace_.hash();
  result.violation = checks_.violation();
  if (result.violation) {
    result.newest = trace_.newest();
  } else {
    result.unmet = unmet(script, result.figures);
  }
  return result;
}

// --- who takes part
// -------------------------------------------------------------------------------

void PoolWorld::add_machines() {
  for (size_t i = 0; i < options_.script.hosts; ++i) {
    machines_.push_back(std::make_unique<Machine>(pool_, i, prng_.fork()));
    network_.add_door(*machines_.back());
    links_.add(*machines_.back());
  }
  for (auto& machine : machines_) {
    queue_.after(milliseconds(prng_.between(0, 300)), [m = machine.get()] { m->start(); });
  }
  links_.start();
}

void PoolWorld::add_workers() {
  const PoolScript& script = options_.script;
  for (size_t i = 0; i < script.workers; ++i) {
    Process& worker = add_worker(draw_shape(fmt::format("w{}", ++named_)));
    queue_.after(milliseconds(prng_.between(script.come_from.ms(), script.come_to.ms())),
                 [&worker] { worker.start(std::nullopt, false); });
  }
}

Process& PoolWorld::add_worker(Shape shape) {
  workers_.push_back(std::make_unique<Process>(env_, std::move(shape), prng_.fork()));
  checks_.add_worker(workers_.back().get());
  return *workers_.back();
}

Shape PoolWorld::draw_shape(const std::string& name) {
  Shape shape;
  shape.name = name;
  const int64_t count = prng_.chance(1, 2) ? 1 : prng_.between(2, 3);
  for (int64_t i = 0; i < count; ++i) {
    MemberRecord record;
    record.key = MemberKey(kNamespace, fmt::format("{}-{}", name, i));
    for (char letter = 'a'; letter <= 'd'; ++letter) {
      if (prng_.chance(2, 3)) record.capabilities.emplace_back(1, letter);
    }
    if (prng_.chance(1, 8)) record.capabilities.emplace_back("r");
    record.weight = static_cast<uint32_t>(prng_.between(1, 200));
    record.max_load = static_cast<uint32_t>(prng_.between(1, 8));
    shape.members.push_back(std::move(record));
  }
  shape.lease_seconds =
      static_cast<uint32_t>(prng_.between(options_.script.lease_from, options_.script.lease_to));
  shape.streams = prng_.chance(1, 3);
  if (shape.streams && prng_.chance(1, 2)) {
    shape.grace_ms = static_cast<uint32_t>(prng_.between(300, 900));
  }
  shape.heartbeats = prng_.chance(2, 3);
  if (options_.sign) shape.keys = prng_.chance(2, 3);
  shape.follows_lease = prng_.chance(3, 4);
  shape.one_after = prng_.chance(1, 2);
  shape.by_member = count == 1;
  shape.poll_max = static_cast<uint32_t>(prng_.between(1, 6));
  return shape;
}

void PoolWorld::add_clients() {
  clients_.push_back(std::make_unique<Client>(env_, "pkt-a", prng_.fork()));
  clients_.push_back(std::make_unique<Client>(env_, "pkt-b", prng_.fork()));
  queue_.after(options_.script.submit_from, [this] {
    for (auto& client : clients_) client->start(options_.script.packets / 2);
    const std::vector<std::vector<std::string>> skills = {{"a", "r"}, {"b"}};
    for (size_t i = 0; i < options_.script.clerks; ++i) {
      clients_[i % 2]->start_manual(fmt::format("clerk-{}", i + 1), skills[i % 2]);
    }
  });
}

// Whoever has ended for good is followed by somebody new, as long as the run is faulty.
void PoolWorld::supervise() {
  if (env_.calm) return;
  queue_.after(milliseconds(500), [this] {
    size_t running = 0;
    for (const auto& worker : workers_) running += worker->running() ? 1 : 0;
    const size_t wanted = options_.script.workers - options_.script.workers / 4;
    if (running < wanted && !env_.calm) {
      add_worker(draw_shape(fmt::format("w{}", ++named_))).start(std::nullopt, false);
    }
    supervise();
  });
}

// --- looking
// --------------------------------------------------------------------------------------

bool PoolWorld::well() const {
  if (queue_.now() < pool_.refuse_until || !links_.all_up()) return false;
  return std::ranges::all_of(machines_, [&](const auto& machine) {
    return machine->serves() && !machine->paused() && !machine->leaving() &&
           !machine->trouble().any(queue_.now()) && machine->known_view() == rows_.number();
  });
}

// Each keeper goes by its own wall clock, and any of them may have been set back.
WallMs PoolWorld::earliest_wall() const {
  WallMs earliest = env_.wall();
  for (const auto& machine : machines_) earliest = std::min(earliest, machine->wall());
  return earliest;
}

void PoolWorld::look() {
  queue_.after(options_.script.look, [this] {
    // Who is ended while he leaves comes back only by somebody's hand.
    for (const auto& machine : machines_) {
      if (env_.calm && !machine->up()) machine->start();
    }
    if (well()) {
      if (!well_since_) well_since_ = queue_.now();
      well_since_ = std::max(*well_since_, pool_.disturbed);
    } else {
      well_since_.reset();
    }
    checks_.certificates().look(**MemoryHostStore(pool_.pool, {}).reader());
    const Instant calm_since = well_since_.value_or(kNever);
    bounds_.look(queue_.now(), earliest_wall(), calm_since);
    if (calm_since != kNever) checks_.look(queue_.now(), calm_since + seconds(3));
    look();
  });
}

// Whom neither this host nor any that it is linked to has a link to.
std::vector<HostLife> PoolWorld::silent(size_t me) const {
  std::vector<size_t> part{me};
  for (size_t other = 0; other < machines_.size(); ++other) {
    if (other != me && links_.up(me, other)) part.push_back(other);
  }
  const bool smaller = part.size() * 2 <= machines_.size();
  const Duration patience = smaller ? kSilentFor + kSmallerPartWaits : kSilentFor;
  std::vector<HostLife> out;
  for (size_t other = 0; other < machines_.size(); ++other) {
    // Whom it has never met it cannot name; and while a large pool begins these are many.
    if (other == me || links_.last_peer(me, other).empty()) continue;
    const bool gone = std::ranges::all_of(part, [&](size_t from) {
      return from != other && links_.down_since(from, other) != kNever &&
             queue_.now() - links_.down_since(from, other) > patience;
    });
    if (gone) out.push_back(links_.last_peer(me, other));
  }
  return out;
}

// --- calm
// -----------------------------------------------------------------------------------------

// Everything is healed, and somebody who can do all comes along.
void PoolWorld::calm_down() {
  if (checks_.violation()) return;
  trace_.line(queue_.now(), "* calm");
  env_.calm = true;
  calm_at_ = queue_.now();
  network_.set_faults({});
  links_.heal();
  pool_.refuse_until = Instant{0};
  pool_.disturb();
  for (const auto& machine : machines_) {
    machine->trouble() = StoreTrouble{};
    if (!machine->up()) machine->start();
  }
  for (const auto& worker : workers_) {
    worker->set_cut(false);
    worker->set_slow(false);
  }
  Shape helper = draw_shape("helper");
  helper.members.resize(1);
  helper.members[0].capabilities = {"a", "b", "c", "d", "r"};
  helper.members[0].max_load = 1'000;
  helper.lease_seconds = 3;
  helper.by_member = true;
  helper.poll_max = 50;
  add_worker(std::move(helper)).start(std::nullopt, false);
}

bool PoolWorld::at_rest() const {
  return checks_.shadow().live().empty() &&
         std::ranges::all_of(machines_, [](const auto& machine) { return machine->serves(); });
}

void PoolWorld::look_on() {
  if (checks_.violation()) return;
  // Whether all are well is seen when it is looked at.
  const Instant by = queue_.now() + kLookOn * 4 + options_.script.look;
  while (!well_since_ || queue_.now() - *well_since_ < kLookOn) {
    if (!step()) return;
    if (queue_.now() < by) continue;
    checks_.violate(Invariant::kBounded, "all packets have ended, and the hosts are not well");
  }
}

void PoolWorld::report_unrest() {
  if (checks_.shadow().live().empty()) {
    checks_.violate(Invariant::kBounded, "not every host serves though all is well");
    return;
  }
  const PacketKey& key = *checks_.shadow().live().begin();
  const Packet& head = *checks_.shadow().find(key)->head;
  checks_.violate(Invariant::kOwnedOrParked,
                  fmt::format("{} packets do not come to an end though all is well, as {} ({}, "
                              "owner {}, epoch {})",
                              checks_.shadow().live().size(), key.id(), status_name(head.status),
                              head.owner ? head.owner->id : "nobody", head.epoch));
}

PoolFigures PoolWorld::figures() const {
  PoolFigures out;
  out["views"] = rows_.number();
  out["fences"] = rows_.fences();
  out["lives"] = pool_.lives;
  out["slot-moves"] = rows_.slot_moves();
  out["lost-releases"] = rows_.lost_releases();
  out["lapses"] = checks_.shadow().lapses();
  out["settle-ms"] = static_cast<uint64_t>((rest_at_ - calm_at_).ms());
  out["members"] = env_.member_ids.size();
  out["certificates"] = checks_.certificates().of_members();
  out["host-certificates"] = checks_.certificates().of_hosts();
  for (const auto& machine : machines_) {
    out["leaves"] += machine->leaves();
    if (machine->cluster() == nullptr) continue;
    uint64_t& known = out["members-known"];
    known = std::max<uint64_t>(known, machine->cluster()->node().members().size());
  }
  for (const char* name : {"losses", "epochs", "max-epoch", "packets", "completed"}) out[name] = 0;
  for (const auto& [key, track] : checks_.shadow().packets()) {
    const Packet& head = *track.head;
    ++out["packets"];
    out["losses"] += head.losses;
    out["epochs"] += head.epoch;
    out["max-epoch"] = std::max(out["max-epoch"], head.epoch);
    out["completed"] += head.status == Status::kCompleted ? 1 : 0;
  }
  for (const auto& worker : workers_) {
    out["jobs"] += worker->jobs();
    out["worker-moves"] += worker->moves();
  }
  return out;
}

}  // namespace phoenix::sim
