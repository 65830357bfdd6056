#include "membership/view/view_filter.h"

#include <algorithm>
#include <map>
#include <optional>

#include "membership/prefetch.h"
#include "membership/view/alerts.h"
#include "membership/view/outsiders.h"
#include "membership/view/proposal.h"
#include "membership/view/reports.h"
#include "membership/view/store_link.h"
#include "membership/view/subjects.h"

namespace phoenix::gossip {
namespace {

constexpr size_t kJudges = 5;
constexpr Duration kTurn = milliseconds(500);  // between two that may propose the same
constexpr size_t kLastTurn = 60;               // the others come at random, within as long again
constexpr Duration kSmallerSideWaits = seconds(2);
constexpr Duration kNameSettled = seconds(2);  // gossip needs one to find out who holds a name
constexpr Duration kTakeOver = seconds(3);
constexpr size_t kMaxStashed = 64;
// While anything is undecided, timers are looked at so often.
constexpr Duration kBusy = milliseconds(100);
// A tick that comes later than this finds answers still in the queue behind it.
constexpr Duration kStarved = milliseconds(250);

}  // namespace

struct ViewFilter::Impl {
  Impl(const ViewFilterOptions& options, Prng prng_in)
      : name(options.name),
        prng(prng_in),
        store(options.heartbeat, prng.fork()),
        late_turn(prng.between(0, static_cast<int64_t>(kLastTurn))) {}

  // Who is who.
  bool in_view() const { return self != kNoHost; }
  // In the view under this very life; only then we observe, judge and propose.
  bool active() const { return in_view() && view->host(self).boot == own.boot; }
  bool trusted(HostIndex host) const { return host == self ? active() : seen[host].live(); }
  void put(HostIndex host, const Seen& value, Instant now);
  bool odd_one_out() const;

  // A new view.
  void adopt(const ViewRef& next, Instant now, ViewEffects& out);
  void tell_own_removal(const RankedView& before, ViewEffects& out);
  void move_seen(const RankedView& before, const RankedView& after, Instant now);

  // What is said and heard.
  void say(Instant now, ViewEffects& out);
  std::vector<HostIndex> judges_now() const;
  void hear(const AlertMessage& message, std::string_view bytes, const Endpoint& from, Instant now,
            ViewEffects& out);
  void hear(NewestMessage& message, const Endpoint& from, Instant now, ViewEffects& out);

  void believe(const ViewAnswer& answer, Instant now, ViewEffects& out);

  // Whether and what to propose.
  Duration turn();
  WhenAsked turn_when_asked() {
    return WhenAsked([this] { return turn(); });
  }
  bool held(HostIndex host, const Cut& cut) const;
  bool on_smaller_side(const Cut& cut) const;
  std::optional<ViewHost> own_entry() const;
  bool alone_with_ghosts() const;
  void propose_as_outsider(Instant now, ViewEffects& out);
  void propose_as_member(Instant now, ViewEffects& out);
  void add_pending(ViewChanges& changes) const;
  void send(const ViewChanges& changes, Instant now, ViewEffects& out);

  void work(Instant now, ViewEffects& out);
  void plan(Instant now);
  void go(Instant now, ViewEffects& out) { work(now, out), plan(now); }

  const std::string name;
  Prng prng;
  StoreLink store;
  const int64_t late_turn;

  ViewRef view = make_view({});
  HostIndex self = kNoHost;
  Seen own;
  std::vector<Seen> seen;  // of the view's hosts, by index
  Subjects subjects;
  Reports reports;
  Outsiders outsiders;
  // Hosts of the view that left, or live under another entry than theirs, since when.
  std::map<HostIndex, Instant> pending;
  RemovalMemory memory;
  std::vector<std::pair<std::string, Endpoint>> stash;  // alerts of a view that we do not have yet
  bool started = false, leaving = false, fresh = false;
  bool was_in = false;              // the view has held this life of ours
  std::optional<uint64_t> hearsay;  // the view is a peer's word, of after this request
  uint64_t told_above = 0;          // the incarnation of the last kSelfRemoved, plus one
  Instant outside_since = kNever;
  Instant ghosts_since = kNever;
  Instant wake = kNever;
  ViewFilterStats stats;
};

// ---- who is who

void ViewFilter::Impl::put(HostIndex host, const Seen& value, Instant now) {
  seen[host] = value;
  const ViewHost& entry = view->host(host);
  const bool left = value.known && value.state == SwimState::kLeft && host != self &&
                    value.incarnation >= entry.incarnation;
  const bool other = value.live() && value.incarnation > entry.incarnation &&
                     (value.boot != entry.boot || value.weight != entry.weight);
  if (left || other) {
    pending.emplace(host, now);
  } else {
    pending.erase(host);
  }
}

// Whoever differs from most of the view in what must agree is itself the one that is wrong.
bool ViewFilter::Impl::odd_one_out() const {
  size_t differ = 0, agree = 1;
  for (HostIndex i = 0; i < seen.size(); ++i) {
    if (i == self || !seen[i].known || !seen[i].phoenix) continue;
    if (seen[i].state != SwimState::kAlive) continue;
    ++(seen[i].compatible ? agree : differ);
  }
  return differ > agree;
}

// ---- a new view

void ViewFilter::Impl::move_seen(const RankedView& before, const RankedView& after, Instant now) {
  std::vector<Seen> next(after.size());
  std::vector<std::pair<HostIndex, Seen>> gone;
  // Both are ordered by name: no look-ups, or a pool of thousands would feel every change.
  HostIndex old = 0;
  const auto skip_gone_before = [&](const std::string* until) {
    for (; old < before.size() && (!until || before.host(old).name < *until); ++old) {
      if (old != self) gone.emplace_back(old, seen[old]);
    }
  };
  for (HostIndex i = 0; i < after.size(); ++i) {
    const std::string& host = after.host(i).name;
    skip_gone_before(&host);
    const bool stays = old < before.size() && before.host(old).name == host;
    next[i] = stays ? seen[old++] : outsiders.take(host);
  }
  skip_gone_before(nullptr);
  self = after.index(name);
  if (self != kNoHost) next[self] = own;
  seen = std::move(next);
  const HostIndex acting = active() ? self : kNoHost;
  outsiders.adopt(before, after, acting);
  for (const auto& [host, value] : gone) {
    outsiders.seen(before.host(host).name, value, after, acting, now);
  }
}

void ViewFilter::Impl::adopt(const ViewRef& next, Instant now, ViewEffects& out) {
  const ViewRef before = view;
  view = next;
  move_seen(*before, *next, now);
  reports.adopt(next);
  subjects.adopt(*before, *next, active() ? self : kNoHost, now, prng);
  subjects.say_again();
  pending.clear();
  for (HostIndex i = 0; i < seen.size(); ++i) put(i, seen[i], now);

  memory.adopt(before->view(), next->view(), now);
  outside_since = active() ? kNever : now;
  was_in = was_in || active();
  ghosts_since = kNever;

  out.events.push_back({ViewEventKind::kChanged, {}, 0, {}});
  if (before->view().number != 0) tell_changes(before->view(), next->view(), out.events);
  tell_own_removal(*before, out);

  std::vector<std::pair<std::string, Endpoint>> waiting;
  waiting.swap(stash);
  for (const auto& [bytes, from] : waiting) {
    DecodedMessage message;
    if (!decode(bytes, message)) continue;
    const auto* alerts = std::get_if<AlertMessage>(&message);
    if (alerts && alerts->number == view->view().number) {
      hear(*alerts, bytes, from, now, out);
    }
  }
}

// The view holds another life of ours, or has cut this one: only a higher incarnation gets in.
void ViewFilter::Impl::tell_own_removal(const RankedView& before, ViewEffects& out) {
  if (leaving || active()) return;
  uint32_t above = 0;
  std::string why;
  const RemovedHost* removed = view->view().find_removed(name);
  const ViewHost* old = before.view().find(name);
  const bool just_now = old && old->boot == own.boot;
  if (in_view() && was_in) {
    why = "another host of this name has taken its place in the view";
  } else if (in_view()) {
    above = view->host(self).incarnation;
    if (own.incarnation > above) return;
    why = "an earlier life of this host is in the view under incarnation " + std::to_string(above);
  } else if (removed) {
    above = removed->incarnation;
    why = "removed; " + trial_text(*removed);
  } else if (just_now) {
    above = old->incarnation;
    why = "no longer in the view; joins again";
  }
  if (why.empty() || (!just_now && own.incarnation > above)) return;
  above = std::max(above, just_now ? own.incarnation : 0);
  if (!just_now && told_above == uint64_t{above} + 1) return;
  told_above = uint64_t{above} + 1;
  out.events.push_back({ViewEventKind::kSelfRemoved, name, above, std::move(why)});
}

// ---- what is said and heard

// The first live hosts in the judges' order, ourselves among them.
std::vector<HostIndex> ViewFilter::Impl::judges_now() const {
  std::vector<HostIndex> out;
  for (const HostIndex host : view->judges()) {
    if (out.size() == kJudges) break;
    const ProbeRecord* record = subjects.record(host);
    if (trusted(host) && !reports.accused(host) && !(record && record->accuses())) {
      out.push_back(host);
    }
  }
  return out;
}

void ViewFilter::Impl::say(Instant now, ViewEffects& out) {
  if (!active()) return;
  std::map<HostIndex, std::vector<Alert>> letters;
  std::vector<std::pair<HostIndex, AlertKind>> news;
  subjects.say(reports, now, news);
  const std::vector<Outsiders::Ready> ready = outsiders.say(now);
  if (news.empty() && ready.empty()) return;

  const std::vector<HostIndex> judges = judges_now();
  const auto address = [&](std::span<const HostIndex> observers, HostIndex subject,
                           const Alert& alert) {
    for (const HostIndex to : observers) letters[to].push_back(alert);
    for (const HostIndex to : judges) {
      const bool already = std::find(observers.begin(), observers.end(), to) != observers.end();
      if (!already && to != subject) letters[to].push_back(alert);
    }
  };
  for (const auto& [host, kind] : news) {
    reports.note(host, self, kind == AlertKind::kDown, now);
    address(view->observers(host), host, {view->host(host).name, kind});
  }
  for (const Outsiders::Ready& one : ready) {
    outsiders.note_ready(one.name, self, now);
    address(*one.observers, kNoHost, {one.name, AlertKind::kReady});
  }
  letters.erase(self);
  for (auto& [to, alerts] : letters) {
    if (!seen[to].one_of_us() || seen[to].state == SwimState::kLeft) continue;
    AlertMessage message{view->view().number, name, std::move(alerts)};
    for (std::string& bytes : encode_alerts(message)) {
      ++stats.alerts_out;
      out.messages.push_back({seen[to].endpoint, std::move(bytes)});
    }
  }
}

void ViewFilter::Impl::hear(const AlertMessage& message, std::string_view bytes,
                            const Endpoint& from, Instant now, ViewEffects& out) {
  const uint64_t number = view->view().number;
  if (message.number < number) {
    ++stats.outdated;
    out.messages.push_back({from, encode_newest(view->view())});
    return;
  }
  if (message.number > number) {
    if (stash.size() < kMaxStashed) stash.emplace_back(bytes, from);
    store.hurry(now);
    return;
  }
  ++stats.alerts_in;
  const HostIndex observer = view->index(message.from);
  bool fits = observer != kNoHost && observer != self;
  for (const Alert& alert : message.alerts) {
    if (!fits) break;
    if (alert.kind == AlertKind::kReady) {
      outsiders.note_ready(alert.host, observer, now);  // may be unknown here: no fault
      continue;
    }
    const HostIndex subject = view->index(alert.host);
    fits =
        subject != kNoHost && reports.note(subject, observer, alert.kind == AlertKind::kDown, now);
  }
  if (!fits) ++stats.refused;
}

// The store decides what the view is. Only while it does not answer is a peer believed, until it
// answers again.
void ViewFilter::Impl::hear(NewestMessage& message, const Endpoint& from, Instant now,
                            ViewEffects& out) {
  if (message.number <= view->view().number) return;
  store.hurry(now);
  const bool peer = std::any_of(seen.begin(), seen.end(), [&](const Seen& host) {
    return host.one_of_us() && host.endpoint == from;
  });
  if (store.answers() || !message.view || !peer) return;
  adopt(make_view(std::move(*message.view)), now, out);
  hearsay = store.last_id();
}

// What the store says: newer than ours, or than what was but hearsay.
void ViewFilter::Impl::believe(const ViewAnswer& answer, Instant now, ViewEffects& out) {
  const uint64_t number = view->view().number;
  const uint64_t newest = answer.newest ? answer.newest->view().number : number;
  const bool corrected = hearsay && answer.id > *hearsay;
  if (corrected) hearsay.reset();
  if (newest > number || (newest < number && corrected)) adopt(answer.newest, now, out);
  if (view->view().number != newest) return;  // a late answer: it says nothing of this view
  fresh = true;
  reports.set_vital(answer.vital);
  reports.set_lapsed(view->indices(answer.lapsed));
  reports.set_unrenewed(view->indices(answer.unrenewed), now);
}

// ---- whether and what to propose

// How long this host leaves to others what all of them may propose.
Duration ViewFilter::Impl::turn() {
  int64_t before = 0;
  for (const HostIndex host : view->judges()) {
    if (host == self) return kTurn * before;
    if (trusted(host) && !reports.accused(host) && ++before == int64_t{kLastTurn}) break;
  }
  return kTurn * (int64_t{kLastTurn} + late_turn);
}

// Whether a host is on our side, as far as we can tell.
bool ViewFilter::Impl::held(HostIndex host, const Cut& cut) const {
  if (host == self) return true;
  if (std::binary_search(cut.hosts.begin(), cut.hosts.end(), host)) return false;
  const ProbeRecord* record = subjects.record(host);
  if (record && record->accuses()) return false;
  if (record && record->reaches()) return true;
  return seen[host].live() && !reports.undefended(host);
}

bool ViewFilter::Impl::on_smaller_side(const Cut& cut) const {
  size_t ours = 0;
  for (HostIndex i = 0; i < view->size(); ++i) ours += held(i, cut) ? 1 : 0;
  if (2 * ours != view->size()) return 2 * ours < view->size();
  return !held(0, cut);
}

std::optional<ViewHost> ViewFilter::Impl::own_entry() const {
  const RemovedHost* removed = view->view().find_removed(name);
  if (!own.live() || (removed && own.incarnation <= removed->incarnation)) return std::nullopt;
  return ViewHost{name, own.incarnation, own.weight, own.boot};
}

// Whether nobody of the view is left, by the store and by gossip, who could let us in.
bool ViewFilter::Impl::alone_with_ghosts() const {
  if (reports.lapsed().size() != view->size()) return false;
  return std::none_of(seen.begin(), seen.end(), [](const Seen& host) { return host.live(); });
}

void ViewFilter::Impl::propose_as_outsider(Instant now, ViewEffects& out) {
  const std::optional<ViewHost> entry = own_entry();
  if (!entry) return;
  ViewChanges changes;
  changes.enter.push_back(*entry);
  if (in_view()) {
    // The view still holds an earlier life of ours. Others replace it once gossip has taken our
    // word for it; we only if it did not turn us away meanwhile: that life may be a host that goes
    // on under our name. If the view has held us it is, and would take our place again in turn.
    const bool taken = !was_in && (view->size() == 1 || now - outside_since >= kNameSettled);
    if (reports.vital() && reaches_none_of_the_living(seen, self, reports)) return;
    if (taken && entry->incarnation > view->host(self).incarnation) send(changes, now, out);
    return;
  }
  if (view->size() == 0) {
    const size_t before = std::min<size_t>(outsiders.before(name), 10);
    if (now - outside_since >= milliseconds(200) * static_cast<int64_t>(before)) {
      send(changes, now, out);
    }
    return;
  }
  ghosts_since = alone_with_ghosts() ? std::min(ghosts_since, now) : kNever;
  if (ghosts_since != kNever && now - ghosts_since >= kTakeOver) send(changes, now, out);
}

void ViewFilter::Impl::add_pending(ViewChanges& changes) const {
  for (const auto& [host, since] : pending) {
    if (seen[host].state == SwimState::kLeft) {
      changes.leave.push_back(host);
    } else {
      const Seen& value = seen[host];
      changes.enter.push_back({view->host(host).name, value.incarnation, value.weight, value.boot});
    }
  }
}

void ViewFilter::Impl::propose_as_member(Instant now, ViewEffects& out) {
  if (reports.empty() && pending.empty() && outsiders.empty()) return;
  WhenAsked wait = turn_when_asked();
  ViewChanges changes;
  const Cut cut = reports.judge(now);
  const auto put_out = [&](HostIndex host) {
    if (host == self || pending.contains(host)) return;  // left, or another life of it has come
    changes.cut.emplace_back(host, seen[host].known ? seen[host].incarnation : 0);
  };
  if (!cut.hosts.empty()) {
    Instant due = cut.at + wait();
    if (due <= now && on_smaller_side(cut)) due = due + kSmallerSideWaits;
    if (due <= now) {
      for (const HostIndex host : cut.hosts) put_out(host);
    }
  }
  const Duration unrenewed = reports.any_unrenewed() ? wait() : Duration{};
  for (const HostIndex host : reports.unrenewed_for(unrenewed, now)) {
    const auto named = [host](const auto& one) { return one.first == host; };
    if (std::none_of(changes.cut.begin(), changes.cut.end(), named)) put_out(host);
  }
  const auto own_change = pending.find(self);
  bool due = !changes.cut.empty() || own_change != pending.end();
  for (const auto& [host, since] : pending) due = due || now - since >= wait();
  const Outsiders::Entrants entrants = outsiders.entrants(wait, now);
  due = due || entrants.due <= now;
  if (!due) return;
  changes.enter = entrants.hosts;
  add_pending(changes);
  changes.forgive = memory.forgiven(view->view(), now);
  if (!changes.empty()) send(changes, now, out);
}

void ViewFilter::Impl::send(const ViewChanges& changes, Instant now, ViewEffects& out) {
  if (!leaving && odd_one_out()) return;
  store.propose(next_view(*view, changes), now, out.requests);
}

// ---- the whole

void ViewFilter::Impl::work(Instant t, ViewEffects& out) {
  if (!started) return;
  const bool starved = t - wake > kStarved;
  subjects.probe(*view, seen, starved, t, out, stats);
  if (active() && !outsiders.empty()) outsiders.probe(turn_when_asked(), starved, t, out, stats);
  say(t, out);
  if (store.ready(t) && fresh) {
    if (leaving) {
      ViewChanges changes;
      if (active()) {
        changes.leave.push_back(self);
        send(changes, t, out);
      }
    } else if (active()) {
      propose_as_member(t, out);
    } else {
      propose_as_outsider(t, out);
    }
  } else if (!reports.empty()) {
    reports.judge(t);
  }
  store.tick(t, view->view().number, out.requests);
}

void ViewFilter::Impl::plan(Instant now) {
  if (!started) return;
  wake = std::min(store.next_wake(), subjects.next_wake());
  const bool busy = !reports.empty() || !pending.empty() || !outsiders.empty() || !active() ||
                    leaving || view->size() == 0;
  if (busy) wake = std::min(wake, now + kBusy);
}

ViewFilter::ViewFilter(const ViewFilterOptions& options, Prng prng)
    : impl_(std::make_unique<Impl>(options, prng)) {}
ViewFilter::~ViewFilter() = default;

void ViewFilter::start(Now now, ViewEffects& out) {
  impl_->started = true;
  impl_->outside_since = now.mono;
  impl_->store.start(now.mono);
  impl_->go(now.mono, out);
}

void ViewFilter::tick(Now now, ViewEffects& out) { impl_->go(now.mono, out); }

Instant ViewFilter::next_wake() const { return impl_->wake; }
void ViewFilter::prefetch(int depth) const {
  return depth == 0 ? gossip::prefetch(impl_.get(), sizeof(Impl)) : impl_->subjects.prefetch();
}

void ViewFilter::seen(const SeenHost& host, Now now, ViewEffects& out) {
  Impl& self = *impl_;
  const Seen value{host.endpoint, host.incarnation, host.boot,      host.weight, host.state,
                   true,          host.phoenix,     host.compatible};
  if (host.name == self.name) {
    self.own = value;
    if (self.in_view()) self.put(self.self, value, now.mono);
    if (self.started) self.tell_own_removal(*self.view, out);
  } else if (const HostIndex index = self.view->index(host.name); index != kNoHost) {
    const bool doubted = value.state == SwimState::kSuspect || value.state == SwimState::kDead;
    if (doubted && self.seen[index].state != value.state) self.subjects.look_at(index, now.mono);
    self.put(index, value, now.mono);
  } else {
    self.outsiders.seen(host.name, value, *self.view, self.active() ? self.self : kNoHost,
                        now.mono);
  }
  self.plan(now.mono);
}

void ViewFilter::forgotten(std::string_view name, Now now, ViewEffects&) {
  const HostIndex index = impl_->view->index(name);
  if (index == kNoHost) {
    impl_->outsiders.forget(name);
  } else if (index != impl_->self) {
    impl_->put(index, {}, now.mono);
  }
  impl_->plan(now.mono);
}

void ViewFilter::probed(std::string_view name, PingEnd end, Now now, ViewEffects& out,
                        uint32_t hint) {
  if (const HostIndex index = impl_->view->index(name, hint); index != kNoHost) {
    impl_->subjects.probed(index, end, now.mono, impl_->stats);
    if (end == PingEnd::kRefused) impl_->go(now.mono, out);
  } else if (impl_->outsiders.probed(name, end == PingEnd::kAnswered, now.mono)) {
    if (end != PingEnd::kAnswered) ++impl_->stats.probes_failed;
  }
}

void ViewFilter::received(std::string_view bytes, const Endpoint& from, Now now, ViewEffects& out) {
  DecodedMessage message;
  if (!decode(bytes, message)) {
    ++impl_->stats.refused;
    return;
  }
  if (const auto* alerts = std::get_if<AlertMessage>(&message)) {
    impl_->hear(*alerts, bytes, from, now.mono, out);
  } else {
    impl_->hear(std::get<NewestMessage>(message), from, now.mono, out);
  }
  impl_->plan(now.mono);
}

void ViewFilter::answered(const ViewAnswer& answer, Now now, ViewEffects& out) {
  Impl& self = *impl_;
  self.store.answered(answer, now.mono);
  if (answer.status != ViewAnswer::Status::kUnreachable) {
    self.believe(answer, now.mono, out);
    self.work(now.mono, out);
  }
  self.plan(now.mono);
}

void ViewFilter::paused(Duration length, Now now, ViewEffects&) {
  Impl& self = *impl_;
  self.subjects.paused(length, now.mono, self.prng);
  self.outsiders.paused();
  self.fresh = false;
  self.store.paused(now.mono);
  self.plan(now.mono);
}

void ViewFilter::leave(Now now, ViewEffects& out) {
  impl_->leaving = true;
  impl_->go(now.mono, out);
}

const View& ViewFilter::view() const { return impl_->view->view(); }
bool ViewFilter::in_view() const { return impl_->active(); }
bool ViewFilter::left() const { return impl_->leaving && !impl_->in_view(); }

std::vector<std::pair<std::string, Instant>> ViewFilter::unstable(Now now) const {
  std::vector<std::pair<std::string, Instant>> out;
  for (const auto& [host, since] : impl_->reports.unstable()) {
    if (now.mono - since >= kReportLapse) out.emplace_back(impl_->view->host(host).name, since);
  }
  return out;
}

bool ViewFilter::is_unstable(std::string_view name, Now now) const {
  const auto all = unstable(now);
  return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.first == name; });
}

bool ViewFilter::has_room_again() { return impl_->outsiders.has_room_again(); }

const ViewFilterStats& ViewFilter::stats() const {
  ViewFilterStats& stats = impl_->stats;
  stats.proposals = impl_->store.proposals();
  stats.conflicts = impl_->store.conflicts();
  stats.unreachable = impl_->store.unreachable();
  return stats;
}

}  // namespace phoenix::gossip
