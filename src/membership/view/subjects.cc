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

Subjects::Subject* Subjects::find(HostIndex host) {
  const auto at = std::lower_bound(
      subjects_.begin(), subjects_.end(), host,
      [](const Subject& subject, HostIndex wanted) { return subject.host < wanted; });
  return at != subjects_.end() && at->host == host ? &*at : nullptr;
}

const ProbeRecord* Subjects::record(HostIndex host) const {
  const Subject* subject = const_cast<Subjects*>(this)->find(host);
  return subject ? &subject->watch.record : nullptr;
}

void Subjects::adopt(const RankedView& before, const RankedView& after, HostIndex self, Instant now,
                     Prng& prng) {
  std::vector<Subject> next;
  if (self != kNoHost) {
    for (const HostIndex host : after.subjects(self)) {
      const HostIndex old_index = before.index(after.host(host).name);
      // What a life before missed is not held against the next one of that name.
      const bool same =
          old_index != kNoHost && before.host(old_index).boot == after.host(host).boot;
      const Subject* old = same ? find(old_index) : nullptr;
      Subject subject = old ? *old : Subject{};
      if (!old) {
        subject.watch.next = now + some_of_a_period(prng);
        subject.since = now;
      }
      subject.host = host;
      next.push_back(subject);
    }
  }
  subjects_ = std::move(next);
}

void Subjects::say_again() {
  for (Subject& subject : subjects_) subject.said = Said::kNothing;
}

void Subjects::paused(Duration length, Instant now, Prng& prng) {
  for (Subject& subject : subjects_) {
    subject.watch.waiting = false;
    if (length < kTooOldToCount) continue;
    subject.watch = {now + some_of_a_period(prng), false, {}};
    subject.said = Said::kNothing;
    subject.since = now;
  }
}

void Subjects::probe(const RankedView& view, const std::vector<Seen>& seen, bool starved,
                     Instant now, ViewEffects& out, ViewFilterStats& stats) {
  for (Subject& subject : subjects_) {
    Watch& watch = subject.watch;
    if (now < watch.next) continue;
    if (watch.waiting && !starved) {
      watch.record.note(false, now);
      ++stats.probes_failed;
    }
    watch.waiting = false;
    watch.next = next_probe(watch.next, now);
    const Seen& host = seen[subject.host];
    if (host.known && host.state == SwimState::kLeft) continue;
    if (host.one_of_us()) {
      watch.waiting = true;
      ++stats.probes;
      out.probes.push_back({view.host(subject.host).name, host.endpoint});
    } else if (host.known || now - subject.since >= kTimeToHear) {
      // Who cannot be pinged, or came back as one that does not belong to the pool, is missed.
      watch.record.note(false, now);
    }
  }
}

void Subjects::probed(HostIndex host, PingEnd end, Instant now, ViewFilterStats& stats) {
  Subject* subject = find(host);
  if (!subject || !subject->watch.waiting) return;
  Watch& watch = subject->watch;
  watch.waiting = false;
  watch.record.note(end == PingEnd::kAnswered, now);
  if (end != PingEnd::kAnswered) ++stats.probes_failed;
  if (end == PingEnd::kRefused) watch.next = std::min(watch.next, now + kAfterRefusal);
}

void Subjects::look_at(HostIndex host, Instant now) {
  Subject* subject = find(host);
  if (subject && !subject->watch.waiting) subject->watch.next = std::min(subject->watch.next, now);
}

void Subjects::say(const Reports& reports, Instant now,
                   std::vector<std::pair<HostIndex, AlertKind>>& out) {
  for (Subject& subject : subjects_) {
    const ProbeRecord& record = subject.watch.record;
    Said say = Said::kNothing;
    if (record.accuses()) {
      say = Said::kDown;
    } else if (record.reaches() && (reports.accused(subject.host) || subject.said == Said::kDown)) {
      say = Said::kUp;
    }
    if (say == subject.said && now - subject.said_at < kReportRenewal) continue;
    subject.said = say;
    subject.said_at = now;
    if (say == Said::kNothing) continue;
    out.emplace_back(subject.host, say == Said::kDown ? AlertKind::kDown : AlertKind::kUp);
  }
}

Instant Subjects::next_wake() const {
  Instant next = kNever;
  for (const Subject& subject : subjects_) next = std::min(next, subject.watch.next);
  return next;
}

}  // namespace phoenix::gossip
