#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "sim/cluster/pool_world.h"

// What can go wrong. Each act is a line of words, in a script or drawn:
//
//   crash|silent H [DOWN] · freeze H [FOR] · leave H [DOWN] · suspect H · clock H|all MS · start H
//   roll crash|leave|silent [DOWN]                 one host after the other
//   starve H [FOR]                                 stands still nine tenths of the time
//   flicker H                                      out of the view, back, out of it again, while
//   the
//                                                  others' writes hang
//   reset H H · cut H H [FOR] · oneway H H [FOR] · split h1,h2|h3 [FOR] · slow H [FOR]
//   flap H [FOR]                                   its links break and come up again and again
//   store-cut|store-slow H [FOR] · store-refuse [FOR], after it fell over
//   release-lost H [TIMES]                         the store answers a release, falls over, lost it
//   write-lost|write-untold|write-late|write-conflict H [TIMES]
//   kill W · restart W saved|replace [DOWN] · wfreeze W [FOR] · wcut W [FOR] · drain W · retire W
//   churn [FOR]                                    workers die or retire, others come, without
//   pause patch
//
// H is h1, h2, … or `any`; W is w1, … or `any`. Lengths that are not given are drawn.
namespace phoenix::sim {

namespace {

size_t host_number(const std::string& name) {
  return static_cast<size_t>(std::atoi(name.c_str() + 1)) - 1;
}

std::optional<PoolFault> write_fault(const std::string& verb) {
  if (verb == "write-lost") return PoolFault::kWriteLost;
  if (verb == "write-untold") return PoolFault::kWriteUntold;
  if (verb == "write-late") return PoolFault::kWriteLate;
  if (verb == "write-conflict") return PoolFault::kWriteConflict;
  return std::nullopt;
}

}  // namespace

void PoolWorld::schedule_acts() {
  for (const PoolAct& item : options_.script.acts) {
    queue_.after(item.at, [this, words = item.words] { act(words); });
  }
}

// Faults come in bursts: some find others still at work, some a pool that is well again.
void PoolWorld::schedule_fault() {
  const int64_t gap = prng_.chance(1, 4) ? prng_.between(3'000, 9'000) : prng_.between(50, 1'500);
  later(milliseconds(gap), [this] {
    act(draw_fault());
    schedule_fault();
  });
}

void PoolWorld::later(Duration delay, std::function<void()> action) {
  queue_.after(delay, [this, action = std::move(action)] {
    if (!env_.calm) action();
  });
}

PoolWorld::Words PoolWorld::draw_host_fault() {
  switch (prng_.below(9)) {
    case 0:
      return {"crash", "any"};
    case 1:
      return {"silent", "any"};
    case 2:
    case 3:
      return {"freeze", "any"};
    case 4:
      return {"leave", "any"};
    case 5:
      return {"suspect", "any"};
    case 6:
      return {"flicker", "any"};
    case 7:
      return {"starve", "any"};
    default:
      return {"clock", "any", fmt::format("{}", prng_.between(-12'000, 8'000))};
  }
}

PoolWorld::Words PoolWorld::draw_fault() {
  static const std::vector<Words> kOthers = {{"reset", "any", "any"},
                                             {"cut", "any", "any"},
                                             {"oneway", "any", "any"},
                                             {"split", "any"},
                                             {"slow", "any"},
                                             {"store-cut", "any"},
                                             {"store-slow", "any"},
                                             {"store-refuse"},
                                             {"write-lost", "any"},
                                             {"write-untold", "any"},
                                             {"write-late", "any"},
                                             {"write-conflict", "any"},
                                             {"flap", "any"},
                                             {"kill", "any"},
                                             {"restart", "any", "saved"},
                                             {"restart", "any", "replace"},
                                             {"wfreeze", "any"},
                                             {"wcut", "any"},
                                             {"drain", "any"},
                                             {"retire", "any"},
                                             {"patch"}};
  if (prng_.chance(1, 3)) return draw_host_fault();
  Words words = kOthers[prng_.below(kOthers.size())];
  // More than one: the word about a batch whose outcome is unknown may be lost as well.
  if (write_fault(words[0])) words.push_back(fmt::format("{}", prng_.between(1, 3)));
  return words;
}

void PoolWorld::act(const Words& words) {
  if (env_.calm) return;
  trace_.line(queue_.now(), fmt::format("* act {}", fmt::join(words, " ")));
  pool_.disturb();
  if (act_on_host(words) || act_on_ways(words) || act_on_store(words) || act_on_worker(words)) {
    return;
  }
  checks_.violate(Invariant::kNode, fmt::format("there is no act \"{}\"", fmt::join(words, " ")));
}

Machine* PoolWorld::machine_of(const Words& words, size_t index) {
  const std::string& name = words.size() > index ? words[index] : "any";
  if (name == "any") return machines_[prng_.below(machines_.size())].get();
  return machines_.at(host_number(name)).get();
}

Process* PoolWorld::worker_of(const Words& words, size_t index) {
  const std::string& name = words.size() > index ? words[index] : "any";
  std::vector<Process*> busy;
  std::vector<Process*> all;
  for (const auto& worker : workers_) {
    if (worker->shape().name == name) return worker.get();
    if (!worker->attached() || worker->frozen()) continue;
    all.push_back(worker.get());
    if (worker->works_in_hand() > 0) busy.push_back(worker.get());
  }
  const std::vector<Process*>& from = !busy.empty() && prng_.chance(2, 3) ? busy : all;
  return from.empty() || name != "any" ? nullptr : from[prng_.below(from.size())];
}

Duration PoolWorld::length_of(const Words& words, size_t index, int64_t from_ms, int64_t to_ms) {
  if (words.size() > index) {
    const auto length = parse_duration(words[index]);
    if (length) return *length;
  }
  return milliseconds(prng_.between(from_ms, to_ms));
}

// --- hosts
// ----------------------------------------------------------------------------------------

bool PoolWorld::act_on_host(const Words& words) {
  const std::string& verb = words[0];
  if (verb == "roll") {
    roll(words);
  } else if (verb == "crash" || verb == "silent") {
    crash(*machine_of(words, 1), verb == "silent", length_of(words, 2, 30, 6'000));
  } else if (verb == "freeze") {
    faults_.add(PoolFault::kHostFreeze);
    machine_of(words, 1)->pause(length_of(words, 2, 100, 9'000));
  } else if (verb == "leave") {
    leave(*machine_of(words, 1), length_of(words, 2, 30, 4'000));
  } else if (verb == "start") {
    machine_of(words, 1)->start();
  } else if (verb == "starve") {
    faults_.add(PoolFault::kHostFreeze);
    starve(*machine_of(words, 1), queue_.now() + length_of(words, 2, 1'000, 6'000));
  } else if (verb == "flicker") {
    flicker(*machine_of(words, 1));
  } else if (verb == "suspect") {
    suspect(*machine_of(words, 1), *machine_of(words, 2));
  } else if (verb == "clock") {
    faults_.add(PoolFault::kClockJump);
    const int64_t by = words.size() > 2 ? std::atoll(words[2].c_str()) : 0;
    if (words.size() > 1 && words[1] == "all") {
      for (const auto& machine : machines_) machine->set_clock(by);
    } else {
      machine_of(words, 1)->set_clock(by);
    }
  } else {
    return false;
  }
  return true;
}

void PoolWorld::suspect(const Machine& victim, Machine& by) {
  if (&by == &victim || !by.serves() || !victim.serves()) return;
  faults_.add(PoolFault::kSuspicion);
  by.suspect(victim.name());
}

// Each stop is too short for others to give it up, and it does in one what it has missed.
void PoolWorld::starve(Machine& machine, Instant until) {
  if (queue_.now() >= until) return;
  const Duration still = milliseconds(prng_.between(200, 700));
  machine.pause(still);
  later(still + milliseconds(prng_.between(20, 70)),
        [this, &machine, until] { starve(machine, until); });
}

// Its slots go to others, come back and go again, before these are done with what they have begun.
void PoolWorld::flicker(Machine& machine) {
  const auto by_others = [this, &machine](const std::function<void(Machine&)>& action) {
    for (const auto& other : machines_) {
      if (other.get() != &machine) action(*other);
    }
  };
  by_others([&](Machine& other) { suspect(machine, other); });
  later(milliseconds(prng_.between(600, 1'400)), [by_others] {
    by_others([](Machine& other) {
      for (int i = 0; i < 3; ++i) other.trouble().writes.push_back(PoolFault::kWriteLate);
    });
  });
  later(milliseconds(prng_.between(1'200, 2'600)), [this, &machine, by_others] {
    by_others([&](Machine& other) { suspect(machine, other); });
  });
}

void PoolWorld::crash(Machine& machine, bool silent, Duration down) {
  if (!machine.up()) return;
  faults_.add(silent ? PoolFault::kHostSilent : PoolFault::kHostCrash);
  machine.crash(silent);
  later(down, [&machine] { machine.start(); });
}

void PoolWorld::leave(Machine& machine, Duration down) {
  if (!machine.serves() || machine.leaving()) return;
  faults_.add(PoolFault::kHostLeave);
  machine.leave();
  await_left(machine, machine.life().life, down, 150);
}

// Started again once it has left; ended by force if it does not come to an end.
void PoolWorld::await_left(Machine& machine, uint64_t life, Duration down, int tries) {
  if (machine.life().life == life && machine.up() && tries > 0) {
    later(milliseconds(100),
          [this, &machine, life, down, tries] { await_left(machine, life, down, tries - 1); });
    return;
  }
  if (machine.life().life == life) machine.crash(false);
  later(down, [&machine] { machine.start(); });
}

void PoolWorld::roll(const Words& words) {
  const std::string how = words.size() > 1 ? words[1] : "leave";
  const Duration down = length_of(words, 2, 200, 2'000);
  const Duration apart = length_of(words, 3, 3'000, 3'000) + down;
  for (size_t i = 0; i < machines_.size(); ++i) {
    later(apart * static_cast<int64_t>(i), [this, how, down, m = machines_[i].get()] {
      if (how == "leave") {
        leave(*m, down);
      } else {
        crash(*m, how == "silent", down);
      }
    });
  }
}

// --- ways between hosts
// ---------------------------------------------------------------------------

bool PoolWorld::act_on_ways(const Words& words) {
  const std::string& verb = words[0];
  if (verb == "split") {
    split(words.size() > 1 ? words[1] : "any", length_of(words, 2, 200, 9'000));
    return true;
  }
  if (verb == "slow") {
    Machine* machine = machine_of(words, 1);
    const size_t end = machine->number();
    links_.slow(end, milliseconds(prng_.between(20, 400)));
    later(length_of(words, 2, 500, 5'000), [this, end] { links_.slow(end, Duration{}); });
    return true;
  }
  if (verb == "flap") {
    faults_.add(PoolFault::kPeerCut);
    flap(machine_of(words, 1)->number(), queue_.now() + length_of(words, 2, 1'000, 5'000));
    return true;
  }
  if (verb != "reset" && verb != "cut" && verb != "oneway") return false;
  const size_t a = machine_of(words, 1)->number();
  const size_t b = machine_of(words, 2)->number();
  if (a == b) return true;
  if (verb == "reset") {
    faults_.add(PoolFault::kLinkReset);
    links_.reset(a, b);
  } else {
    faults_.add(verb == "cut" ? PoolFault::kPeerCut : PoolFault::kOneWay);
    cut(a, b, verb == "oneway", length_of(words, 3, 100, 7'000));
  }
  return true;
}

void PoolWorld::cut(size_t a, size_t b, bool one_way, Duration length) {
  links_.block(a, b, true);
  if (!one_way) links_.block(b, a, true);
  later(length, [this, a, b] {
    links_.block(a, b, false);
    links_.block(b, a, false);
    pool_.disturb();
  });
}

// Some of what breaks is noticed, some comes up before anybody has missed it.
void PoolWorld::flap(size_t end, Instant until) {
  if (queue_.now() >= until) return;
  for (size_t other = 0; other < machines_.size(); ++other) {
    if (other == end) continue;
    if (prng_.chance(1, 3)) links_.reset(end, other);
    cut(end, other, prng_.chance(1, 3), milliseconds(prng_.between(50, 1'100)));
  }
  later(milliseconds(prng_.between(200, 1'500)), [this, end, until] { flap(end, until); });
}

// "h1,h2|h3", or any two groups.
void PoolWorld::split(const std::string& groups, Duration length) {
  faults_.add(PoolFault::kSplit);
  std::vector<bool> left(machines_.size());
  if (groups == "any") {
    for (size_t i = 0; i < left.size(); ++i) left[i] = prng_.chance(1, 2);
  } else {
    const std::string first = groups.substr(0, groups.find('|'));
    for (size_t i = 0; i < left.size(); ++i) {
      left[i] = ("," + first + ",").find("," + machines_[i]->name() + ",") != std::string::npos;
    }
  }
  for (size_t a = 0; a < left.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      if (left[a] != left[b]) cut(a, b, false, length);
    }
  }
}

// --- the store
// ------------------------------------------------------------------------------------

bool PoolWorld::act_on_store(const Words& words) {
  const std::string& verb = words[0];
  if (verb == "store-refuse") {
    faults_.add(PoolFault::kStoreRefuse);
    pool_.crash_store();
    pool_.refuse_until = queue_.now() + length_of(words, 1, 100, 2'500);
    return true;
  }
  if (verb == "release-lost") {
    const int times = words.size() > 2 ? std::atoi(words[2].c_str()) : 1;
    machine_of(words, 1)->trouble().lost_releases += static_cast<size_t>(std::max(times, 0));
    return true;
  }
  if (!verb.starts_with("store-") && !verb.starts_with("write-")) return false;
  Machine* machine = machine_of(words, 1);
  StoreTrouble& trouble = machine->trouble();
  if (verb == "store-cut") {
    faults_.add(PoolFault::kStoreCut);
    trouble.cut = true;
    later(length_of(words, 2, 200, 9'000), [this, &trouble] {
      trouble.cut = false;
      pool_.disturb();
    });
  } else if (verb == "store-slow") {
    faults_.add(PoolFault::kStoreSlow);
    trouble.slow_until = queue_.now() + length_of(words, 2, 500, 5'000);
  } else if (const auto fault = write_fault(verb)) {
    const int times = words.size() > 2 ? std::atoi(words[2].c_str()) : 1;
    trouble.writes.insert(trouble.writes.end(), static_cast<size_t>(times), *fault);
  } else {
    return false;
  }
  return true;
}

// --- workers
// --------------------------------------------------------------------------------------

bool PoolWorld::act_on_worker(const Words& words) {
  const std::string& verb = words[0];
  if (verb == "patch") {
    patch();
    return true;
  }
  if (verb == "churn") {
    churn(queue_.now() + length_of(words, 1, 1'000, 4'000));
    return true;
  }
  static const std::vector<std::string> kVerbs = {"kill", "restart", "wfreeze",
                                                  "wcut", "drain",   "retire"};
  if (std::ranges::find(kVerbs, verb) == kVerbs.end()) return false;
  Process* worker = worker_of(words, 1);
  if (worker == nullptr || !worker->running()) return true;
  const int64_t lease = worker->shape().lease_seconds * 1'000;
  if (verb == "kill") {
    faults_.add(PoolFault::kWorkerKill);
    worker->kill();
  } else if (verb == "restart") {
    faults_.add(PoolFault::kWorkerRestart);
    const bool saved = words.size() < 3 || words[2] == "saved";
    worker->kill();
    std::optional<Token> token;
    if (saved) token = worker->token();
    queue_.after(length_of(words, 3, 5, 3'000), [worker, token] {
      if (!worker->running() && !worker->ended()) worker->start(token, !token);
    });
  } else if (verb == "wfreeze") {
    faults_.add(PoolFault::kWorkerFreeze);
    worker->freeze(length_of(words, 2, lease - 300, lease + 3'000));
  } else if (verb == "wcut") {
    faults_.add(PoolFault::kWorkerCut);
    worker->set_cut(true);
    later(length_of(words, 2, 100, 5'000), [worker] { worker->set_cut(false); });
  } else if (verb == "drain") {
    faults_.add(PoolFault::kWorkerDrain);
    worker->drain(static_cast<uint32_t>(prng_.between(1, 3)));
    if (prng_.chance(1, 3)) {
      later(milliseconds(prng_.between(10, 1'500)), [worker] { worker->resume(); });
    }
  } else {
    faults_.add(PoolFault::kWorkerRetire);
    worker->retire();
  }
  return true;
}

void PoolWorld::churn(Instant until) {
  if (queue_.now() >= until) return;
  (void)act_on_worker({prng_.chance(1, 3) ? "retire" : "kill", "any"});
  add_worker(draw_shape(fmt::format("w{}", ++named_))).start(std::nullopt, false);
  later(milliseconds(prng_.between(30, 200)), [this, until] { churn(until); });
}

void PoolWorld::patch() {
  faults_.add(PoolFault::kPatch);
  if (env_.member_ids.empty()) return;
  operate(draw_patch(prng_, env_));
}

void PoolWorld::operate(CommandBody body) {
  operator_links_.push_back(std::make_unique<Link>());
  Link& link = *operator_links_.back();
  link.door = prng_.below(network_.doors());
  Command command;
  command.caller.principal = "ops";
  command.caller.is_operator = true;
  command.body = std::move(body);
  (void)network_.send(link, std::move(command), [](const Reply*) {});
}

}  // namespace phoenix::sim
