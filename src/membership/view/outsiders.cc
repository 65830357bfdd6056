#include "membership/view/outsiders.h"

#include <algorithm>
#include <utility>

namespace phoenix::gossip {
namespace {

// A newcomer's answer counts so long; who never answers is asked seldom after so many pings.
constexpr Duration kAnswerCounts = seconds(10);
constexpr int kTries = 10;
constexpr Duration kSeldom = seconds(5);
// Newcomers that come together enter together.
constexpr Duration kGather = milliseconds(300);
constexpr size_t kMaxPinged = 256;

bool lives(const Seen& seen) {
  return seen.one_of_us() && (seen.state == SwimState::kAlive || seen.state == SwimState::kSuspect);
}

}  // namespace

void Outsiders::seen(std::string_view name, const Seen& seen, const RankedView& view,
                     HostIndex self, Instant now) {
  auto at = hosts_.find(name);
  if (!lives(seen)) {
    if (at != hosts_.end()) hosts_.erase(at);
    return;
  }
  if (at == hosts_.end()) {
    if (hosts_.size() >= kMaxOutsiders) {
      turned_away_ = true;
      return;
    }
    at = hosts_.emplace(std::string(name), Outsider{seen, now, nullptr}).first;
  } else if (at->second.seen.boot != seen.boot || at->second.seen.endpoint != seen.endpoint) {
    at->second = {seen, now, nullptr};  // what the other life answered is worth nothing
  }
  at->second.seen = seen;
  examine(name, at->second, view, self, now);
}

void Outsiders::forget(std::string_view name) {
  const auto at = hosts_.find(name);
  if (at != hosts_.end()) hosts_.erase(at);
}

Seen Outsiders::take(std::string_view name) {
  const auto at = hosts_.find(name);
  if (at == hosts_.end()) return {};
  const Seen seen = at->second.seen;
  hosts_.erase(at);
  return seen;
}

void Outsiders::examine(std::string_view name, Outsider& host, const RankedView& view,
                        HostIndex self, Instant now) {
  const RemovedHost* removed = view.view().find_removed(name);
  if (!removed) {
    if (host.trial && host.trial->times > 0) host.trial.reset();
    return;
  }
  if (!host.trial || host.trial->times != removed->times) {
    host.trial = std::make_unique<Trial>();
    host.trial->next = now;
  }
  Trial& trial = *host.trial;
  trial.times = removed->times;
  trial.barred = host.seen.incarnation <= removed->incarnation;
  trial.observers = view.observers_of(name);
  trial.mine = self != kNoHost && std::find(trial.observers.begin(), trial.observers.end(), self) !=
                                      trial.observers.end();
  if (trial.mine) return;
  trial.next = now;
  trial.watch = {};
}

void Outsiders::adopt(const RankedView& before, const RankedView& after, HostIndex self) {
  for (auto& [name, host] : hosts_) {
    examine(name, host, after, self, host.since);
    if (!host.trial) continue;
    Trial& trial = *host.trial;
    trial.said = false;
    std::vector<Trial::Report> kept;
    for (Trial::Report report : trial.ready) {
      report.observer = after.index(before.host(report.observer).name);
      if (std::find(trial.observers.begin(), trial.observers.end(), report.observer) !=
          trial.observers.end()) {
        kept.push_back(report);
      }
    }
    trial.ready = std::move(kept);
  }
}

void Outsiders::paused() {
  for (auto& [name, host] : hosts_) {
    if (host.trial) host.trial->watch.waiting = false;
  }
}

void Outsiders::probe(WhenAsked turn, bool starved, Instant now, ViewEffects& out,
                      ViewFilterStats& stats) {
  size_t pinged = 0;
  for (auto& [name, host] : hosts_) {
    if (pinged >= kMaxPinged) break;
    if (!host.trial) {
      if (now - host.since < turn()) continue;
      host.trial = std::make_unique<Trial>();
      host.trial->next = now;
    }
    Trial& trial = *host.trial;
    if (trial.times > 0 && (!trial.mine || trial.barred)) continue;
    if (trial.times == 0 && trial.answered != kNever && now - trial.answered < kAnswerCounts / 2) {
      continue;
    }
    ++pinged;
    if (now < trial.next) continue;
    if (trial.watch.waiting && !starved) {
      trial.watch.record.note(false, now);
      ++stats.probes_failed;
    }
    ++stats.probes;
    ++trial.tries;
    trial.watch.waiting = true;
    trial.next =
        trial.times == 0 && trial.tries > kTries ? now + kSeldom : next_probe(trial.next, now);
    out.probes.push_back({name, host.seen.endpoint});
  }
}

bool Outsiders::probed(std::string_view name, bool ok, Instant now) {
  const auto at = hosts_.find(name);
  if (at == hosts_.end() || !at->second.trial) return false;
  Trial& trial = *at->second.trial;
  if (!trial.watch.waiting) return false;
  trial.watch.waiting = false;
  trial.watch.record.note(ok, now);
  if (!ok) return true;
  trial.answered = now;
  trial.tries = 0;
  return true;
}

std::vector<Outsiders::Ready> Outsiders::say(Instant now) {
  std::vector<Ready> out;
  for (auto& [name, host] : hosts_) {
    if (!host.trial || host.trial->times == 0 || !host.trial->mine || host.trial->barred) continue;
    Trial& trial = *host.trial;
    const Instant steady = trial.watch.record.steady_since();
    if (steady == kNever || now - steady < trial_length(trial.times)) {
      trial.said = false;
      continue;
    }
    if (trial.said && now - trial.said_at < kReportRenewal) continue;
    trial.said = true;
    trial.said_at = now;
    out.push_back({name, &trial.observers});
  }
  return out;
}

bool Outsiders::note_ready(std::string_view name, HostIndex observer, Instant now) {
  const auto at = hosts_.find(name);
  if (at == hosts_.end() || !at->second.trial || at->second.trial->times == 0) return false;
  Trial& trial = *at->second.trial;
  if (std::find(trial.observers.begin(), trial.observers.end(), observer) ==
      trial.observers.end()) {
    return false;
  }
  for (Trial::Report& report : trial.ready) {
    if (report.observer == observer) {
      report.expires = now + kReportLapse;
      return true;
    }
  }
  trial.ready.push_back({observer, now + kReportLapse});
  return true;
}

Outsiders::Entrants Outsiders::entrants(WhenAsked& turn, Instant now) {
  Entrants out;
  for (auto& [name, host] : hosts_) {
    if (!host.trial || host.seen.state != SwimState::kAlive) continue;
    Trial& trial = *host.trial;
    Instant due;
    if (trial.times == 0) {
      if (trial.answered == kNever || now - trial.answered >= kAnswerCounts) continue;
      due = host.since + kGather + turn();
    } else {
      std::erase_if(trial.ready, [&](const Trial::Report& r) { return r.expires <= now; });
      const bool enough = !trial.barred && !trial.observers.empty() &&
                          trial.ready.size() >= Thresholds(trial.observers.size()).cut;
      if (!enough) trial.ready_since = kNever;
      if (enough && trial.ready_since == kNever) trial.ready_since = now;
      if (!enough) continue;
      due = trial.ready_since + turn();
    }
    out.due = std::min(out.due, due);
    out.hosts.push_back({name, host.seen.incarnation, host.seen.weight, host.seen.boot});
  }
  return out;
}

size_t Outsiders::before(std::string_view name) const {
  return static_cast<size_t>(std::count_if(hosts_.begin(), hosts_.end(), [&](const auto& entry) {
    return entry.first < name && entry.second.seen.live();
  }));
}

bool Outsiders::has_room_again() {
  if (!turned_away_ || hosts_.size() >= kMaxOutsiders / 2) return false;
  turned_away_ = false;
  return true;
}

}  // namespace phoenix::gossip
