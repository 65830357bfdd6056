#include "membership/view/reports.h"

#include <algorithm>

namespace phoenix::gossip {
namespace {

// Observers notice a crash within one ping's period of each other: the plain settle time. What is
// only implied waits until those implied have had the time to say "up".
constexpr Duration kSettle = milliseconds(500);
constexpr Duration kSettleImplied = milliseconds(1'500);
// A host that gained an accuser within two pings' periods may be about to join the cut; it is
// waited for, but not longer than the second.
constexpr Duration kGrowing = seconds(1);
constexpr Duration kWaitForOthers = seconds(4);

}  // namespace

void Reports::adopt(const ViewRef& view) {
  std::map<HostIndex, Case> kept;
  for (auto& [index, one] : cases_) {
    const ViewHost& before = view_->host(index);
    const HostIndex subject = view->index(before.name);
    if (subject == kNoHost || view->host(subject).boot != before.boot) continue;
    std::vector<Report> reports;
    for (Report report : one.reports) {
      report.observer = view->index(view_->host(report.observer).name);
      if (report.observer != kNoHost && view->observes(report.observer, subject)) {
        reports.push_back(report);
      }
    }
    if (reports.empty()) continue;
    one.reports = std::move(reports);
    count(one);
    kept.emplace(subject, std::move(one));
  }
  cases_ = std::move(kept);
  lapsed_.clear();
  unrenewed_.clear();
  view_ = view;
}

void Reports::set_unrenewed(const std::vector<HostIndex>& hosts, Instant now) {
  std::map<HostIndex, Instant> still;
  for (const HostIndex host : hosts) {
    const auto before = unrenewed_.find(host);
    still.emplace(host, before == unrenewed_.end() ? now : before->second);
  }
  unrenewed_ = std::move(still);
}

std::vector<HostIndex> Reports::unrenewed_for(Duration length, Instant now) const {
  std::vector<HostIndex> out;
  for (const auto& [host, since] : unrenewed_) {
    if (now - since >= length) out.push_back(host);
  }
  return out;
}

bool Reports::note(HostIndex subject, HostIndex observer, bool down, Instant now) {
  if (!view_->observes(observer, subject)) return false;
  const auto found = cases_.find(subject);
  // That a host is up says nothing while nobody says otherwise.
  if (found == cases_.end() && !down) return true;
  Case& one = found == cases_.end() ? cases_[subject] : found->second;
  const auto same = std::find_if(one.reports.begin(), one.reports.end(),
                                 [&](const Report& r) { return r.observer == observer; });
  const Report report{observer, down, now + kReportLapse};
  if (same == one.reports.end()) {
    one.reports.push_back(report);
  } else {
    *same = report;
  }
  count(one);
  return true;
}

void Reports::count(Case& one) {
  one.down = static_cast<size_t>(std::count_if(one.reports.begin(), one.reports.end(),
                                               [](const Report& r) { return r.down; }));
  one.up = one.reports.size() - one.down;
}

size_t Reports::accusers(HostIndex subject) const {
  const auto found = cases_.find(subject);
  return found == cases_.end() ? 0 : found->second.down;
}

bool Reports::undefended(HostIndex subject) const {
  const auto found = cases_.find(subject);
  return found != cases_.end() && found->second.down > 0 && found->second.up == 0;
}

bool Reports::lapsed(HostIndex host) const {
  return std::binary_search(lapsed_.begin(), lapsed_.end(), host);
}

// Whether the store misses the subject, and everybody who could speak for it but accuses it.
bool Reports::alone_with_the_lapsed(HostIndex subject, const Case& one) const {
  if (one.down == 0 || !lapsed(subject)) return false;
  const auto observers = view_->observers(subject);
  return std::all_of(observers.begin(), observers.end(), [&](HostIndex observer) {
    const auto said = std::find_if(one.reports.begin(), one.reports.end(),
                                   [&](const Report& r) { return r.observer == observer; });
    return said == one.reports.end() ? lapsed(observer) : said->down;
  });
}

// Observers that say nothing and are themselves accused by L others.
size_t Reports::implied(HostIndex subject, const Case& one) const {
  size_t out = 0;
  for (const HostIndex observer : view_->observers(subject)) {
    const bool spoke = std::any_of(one.reports.begin(), one.reports.end(),
                                   [&](const Report& r) { return r.observer == observer; });
    if (!spoke && accused(observer)) ++out;
  }
  return out;
}

void Reports::judge_one(HostIndex subject, Case& one, Instant now) {
  const Thresholds& limits = view_->thresholds();
  const bool shaken = one.down >= limits.unstable;
  const size_t counted = one.down + (shaken ? implied(subject, one) : 0);
  // Of two hosts each would cut the other whenever the link between them breaks: only where they
  // could not both go on anyway.
  const bool decided = limits.observers > 1 || vital_;
  const bool enough = counted >= limits.cut && decided;
  const bool gone = alone_with_the_lapsed(subject, one);
  one.plain = gone || one.down >= limits.cut;
  if (!enough && !gone) {
    one.cut_since = kNever;
  } else if (one.cut_since == kNever) {
    one.cut_since = now;
  }
  if (!shaken || enough || gone) {
    one.unstable_since = kNever;
  } else if (one.unstable_since == kNever) {
    one.unstable_since = now;
  }
  if (counted > one.counted) one.grew = now;
  one.counted = counted;
  one.may_grow = one.unstable_since != kNever && now - one.grew < kGrowing &&
                 limits.observers - std::min(one.up, limits.observers) >= limits.cut &&
                 limits.observers > 1;
}

Cut Reports::judge(Instant now) {
  for (auto at = cases_.begin(); at != cases_.end();) {
    Case& one = at->second;
    std::erase_if(one.reports, [&](const Report& r) { return r.expires <= now; });
    count(one);
    at = one.down == 0 ? cases_.erase(at) : std::next(at);
  }
  Cut cut;
  Instant first = kNever;
  Instant settled{};
  bool others = false;
  for (auto& [subject, one] : cases_) {
    judge_one(subject, one, now);
    others = others || one.may_grow;
    if (one.cut_since == kNever) continue;
    cut.hosts.push_back(subject);
    first = std::min(first, one.cut_since);
    settled = std::max(settled, one.cut_since + (one.plain ? kSettle : kSettleImplied));
  }
  if (cut.hosts.empty()) return cut;
  // Hosts that newly come into the cut prolong its wait, but not for ever.
  const Instant latest = first + kWaitForOthers;
  cut.at = std::min(others ? now + kGrowing : settled, latest);
  return cut;
}

std::vector<std::pair<HostIndex, Instant>> Reports::unstable() const {
  std::vector<std::pair<HostIndex, Instant>> out;
  for (const auto& [subject, one] : cases_) {
    if (one.unstable_since != kNever) out.emplace_back(subject, one.unstable_since);
  }
  return out;
}

}  // namespace phoenix::gossip
