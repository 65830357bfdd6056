#include "membership/view/subjects.h"

#include <algorithm>

namespace phoenix::gossip {
namespace {

// A host of the view of which SWIM has not heard: gossip and a join take a while to bring it.
constexpr Duration kTimeToHear = seconds(10);
// After a longer sleep, what was before it says nothing of now.
constexpr Duration kTooOldToCount = seconds(2);

Duration some_of_a_period(Prng& prng) { return Duration{prng.between(0, kProbeEvery.ns)}; }

}  // namespace

size_t Subjects::place_of(HostIndex host) const {
  const auto at = std::lower_bound(hosts_.begin(), hosts_.end(), host);
  return at != hosts_.end() && *at == host ? static_cast<size_t>(at - hosts_.begin()) : kNowhere;
}

const ProbeRecord* Subjects::record(HostIndex host) const {
  const size_t at = place_of(host);
  return at == kNowhere ? nullptr : &subjects_[at].watch.record;
}

void Subjects::adopt(const RankedView& before, const RankedView& after, HostIndex self, Instant now,
                     Prng& prng) {
  std::vector<HostIndex> hosts;
  std::vector<Instant> next;
  std::vector<Subject> subjects;
  if (self != kNoHost) {
    for (const HostIndex host : after.subjects(self)) {
      const HostIndex old_index = before.index(after.host(host).name);
      // What a life before missed is not held against the next one of that name.
      const bool same =
          old_index != kNoHost && before.host(old_index).boot == after.host(host).boot;
      const size_t old = same ? place_of(old_index) : kNowhere;
      hosts.push_back(host);
      if (old != kNowhere) {
        next.push_back(next_[old]);
        subjects.push_back(subjects_[old]);
      } else {
        next.push_back(now + some_of_a_period(prng));
        subjects.emplace_back().since = now;
      }
    }
  }
  hosts_ = std::move(hosts);
  next_ = std::move(next);
  subjects_ = std::move(subjects);
  at_ease_ = false;
}

void Subjects::say_again() {
  for (Subject& subject : subjects_) subject.said = Said::kNothing;
  at_ease_ = false;
}

void Subjects::paused(Duration length, Instant now, Prng& prng) {
  for (size_t at = 0; at < subjects_.size(); ++at) {
    Subject& subject = subjects_[at];
    subject.watch.waiting = false;
    if (length < kTooOldToCount) continue;
    next_[at] = now + some_of_a_period(prng);
    subject.watch = {};
    subject.said = Said::kNothing;
    subject.since = now;
  }
}

void Subjects::probe(const RankedView& view, const std::vector<Seen>& seen, bool starved,
                     Instant now, ViewEffects& out, ViewFilterStats& stats) {
  for (size_t at = 0; at < hosts_.size(); ++at) {
    if (now < next_[at]) continue;
    Subject& subject = subjects_[at];
    Watch& watch = subject.watch;
    if (watch.waiting && !starved) {
      note(subject, false, now);
      ++stats.probes_failed;
    }
    watch.waiting = false;
    next_[at] = next_probe(next_[at], now);
    const Seen& host = seen[hosts_[at]];
    if (host.known && host.state == SwimState::kLeft) continue;
    if (host.one_of_us()) {
      watch.waiting = true;
      ++stats.probes;
      out.probes.push_back({view.host(hosts_[at]).name, host.endpoint, hosts_[at]});
    } else if (host.known || now - subject.since >= kTimeToHear) {
      // Who cannot be pinged, or came back as one that does not belong to the pool, is missed.
      note(subject, false, now);
    }
  }
}

void Subjects::probed(HostIndex host, PingEnd end, Instant now, ViewFilterStats& stats) {
  const size_t at = place_of(host);
  if (at == kNowhere || !subjects_[at].watch.waiting) return;
  Subject& subject = subjects_[at];
  subject.watch.waiting = false;
  note(subject, end == PingEnd::kAnswered, now);
  if (end != PingEnd::kAnswered) ++stats.probes_failed;
  if (end == PingEnd::kRefused) next_[at] = std::min(next_[at], now + kAfterRefusal);
}

void Subjects::look_at(HostIndex host, Instant now) {
  const size_t at = place_of(host);
  if (at == kNowhere || subjects_[at].watch.waiting) return;
  next_[at] = std::min(next_[at], now);
}

void Subjects::say(const Reports& reports, Instant now,
                   std::vector<std::pair<HostIndex, AlertKind>>& out) {
  if (at_ease_ && reports.empty()) return;
  at_ease_ = true;
  for (size_t at = 0; at < subjects_.size(); ++at) {
    Subject& subject = subjects_[at];
    const HostIndex host = hosts_[at];
    const ProbeRecord& record = subject.watch.record;
    Said say = Said::kNothing;
    if (record.accuses()) {
      say = Said::kDown;
    } else if (record.reaches() && (reports.accused(host) || subject.said == Said::kDown)) {
      say = Said::kUp;
    }
    at_ease_ = at_ease_ && say == Said::kNothing;
    if (say == subject.said && now - subject.said_at < kReportRenewal) continue;
    subject.said = say;
    subject.said_at = now;
    if (say == Said::kNothing) continue;
    out.emplace_back(host, say == Said::kDown ? AlertKind::kDown : AlertKind::kUp);
  }
}

Instant Subjects::next_wake() const {
  Instant next = kNever;
  for (const Instant at : next_) next = std::min(next, at);
  return next;
}

bool reaches_none_of_the_living(std::span<const Seen> seen, HostIndex self,
                                const Reports& reports) {
  bool living = false;
  for (HostIndex host = 0; host < seen.size(); ++host) {
    if (host == self) continue;
    if (seen[host].live()) return false;
    living = living || !reports.lapsed(host);
  }
  return living;
}

}  // namespace phoenix::gossip
