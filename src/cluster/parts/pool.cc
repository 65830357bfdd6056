// The pool's rows: views, holds, scans, records of others.

#include <algorithm>
#include <utility>

#include "base/planted.h"
#include "cluster/parts/impl.h"

namespace phoenix {
namespace {

constexpr Duration kAskAgain = milliseconds(200);
// Of a large pool no more records than these are compared within that time: while many hosts come,
// there is cause for another pass all the while.
constexpr size_t kComparedAtOnce = 10'000;
// A home that the store does not know any more was dropped long ago.
constexpr Duration kLongAgo = seconds(int64_t{24} * 3600);
// How long a dropped home is remembered: later its sessions are ended by somebody, or never were.
constexpr Duration kDroppedFor = seconds(3600);
// A leaver waits no longer for what is to be certified of it and of members that left here.
constexpr Duration kCertifyPatience = seconds(2);
// Names in one question for records.
constexpr size_t kNamesAtOnce = 1'000;
// Slots that should have a keeper, and wait for it longer than that, are worth a word.
constexpr Duration kSlotsWait = seconds(5);
// A host that the store has not answered for so long can promise nothing, whether or not anybody
// wants to write just now. Its hold is renewed each half second, with a patience of two.
constexpr Duration kSilentStore = seconds(3);
// How often others are told that packets are at work or rest, where nothing was written.
constexpr Duration kCountsEvery = milliseconds(250);
// What one of these hints to one host may take of the time: no more than 400 a second leave a host,
// however many others there are.
constexpr Duration kHintTime = microseconds(2'500);

Duration hint_pause(size_t others, Duration least) {
  return std::max(least, kHintTime * static_cast<int64_t>(others));
}

}  // namespace

bool Cluster::Impl::in_view(const HostLife& life) const {
  return std::binary_search(lives.begin(), lives.end(), life);
}

SlotId Cluster::Impl::session_slot(const std::string& session) const {
  return slot_of(static_cast<Position>(siphash13(config.node.ring_key, session) >> 32));
}

void Cluster::Impl::note_home(const SessionRecord& record) {
  if (record.home.empty()) return;
  if (view.number == 0) {
    homes.insert(record.home);
  } else if (!in_view(record.home)) {
    drop_home(record.home);
  }
}

void Cluster::Impl::drop_home(const HostLife& home) {
  if (!config.has_store) return;
  const Dropped fresh = {
      .records = Dropped::Records::kWanted, .since = now.mono, .silent = std::nullopt};
  if (dropped.try_emplace(home, fresh).second) homes_to_ask.emplace(now.mono, home);
}

void Cluster::Impl::view_changed(Now at, const ClusterView& next) {
  if (next.number <= view.number) return;
  const std::vector<HostLife> before = std::move(lives);
  view = next;
  lives.clear();
  for (const ClusterHost& host : view.hosts) lives.push_back(host.life);
  std::sort(lives.begin(), lives.end());
  if (!entered && in_view(config.node.self)) enter_view();
  for (const HostLife& life : before) {
    if (in_view(life)) continue;
    drop_home(life);
    want_to_compare();  // it may not have told all that it wrote
  }
  for (const HostLife& home : homes) {
    if (!in_view(home)) drop_home(home);
  }
  homes.clear();
  for (const HostLife& life : lives) dropped.erase(life);
  slots.view(at.mono, view);
  if (slots.counts().leaving > 0) tell_freed({});
  tell_node_view(at);
  calls.try_again(at);
  out.pool.beat = true;  // tells since when those who left are silent
}

// What was read at the start may not be so any more, and nobody tells again what was told before:
// so all of it is compared with the store before this host drives anything.
void Cluster::Impl::enter_view() {
  entered = true;
  if (!config.has_store || planted(PlantedBug::kRecordsNotReadAgain)) return;
  behind = true;
  want_to_compare();
}

// News may have been missed.
void Cluster::Impl::want_to_compare() {
  const bool compares = entered && config.has_store && !planted(PlantedBug::kRecordsNotReadAgain);
  if (compares) comparing.wanted = true;
}

// For Slots it is under way from now on.
void Cluster::Impl::claim(const std::vector<SlotId>& wanted) {
  std::vector<SlotId>& to = behind ? claims : out.pool.claim;
  to.insert(to.end(), wanted.begin(), wanted.end());
}

// True: who leaves drives nothing from now on.
bool Cluster::Impl::end_work() {
  if (!leaves || ended_at || !slots.holds_none()) return false;
  ended_at = now.mono;
  node.end_work(now);
  return true;
}

bool Cluster::Impl::left() const {
  if (!ended_at || !slots.holds_none() || node.writes_in_flight() > 0) return false;
  return node.certified() || now.mono - *ended_at >= kCertifyPatience;
}

// Sessions of homes that are gone, and whose records are known here, find another home.
void Cluster::Impl::tell_node_view(Now at) {
  std::vector<Node::Dropped> gone;
  for (const auto& [home, what] : dropped) {
    if (what.records != Dropped::Records::kKnown || !what.silent) continue;
    gone.push_back({home, *what.silent});
  }
  node.view(at, lives, gone, [this](const std::string& session) {
    return slots.keeper(session_slot(session)) == config.node.self;
  });
}

void Cluster::Impl::beat(Now at, Instant sent, const Beat& beat) {
  if (beat.fenced) {
    // Without a row of its own it has not entered yet.
    const bool was_in = std::any_of(beat.ages.begin(), beat.ages.end(), [this](const HoldAge& age) {
      return age.who == config.node.self;
    });
    out.fenced = out.fenced || was_in;
    return;
  }
  if (!beat.left.empty()) {
    PoolStore::HomeRecords left;
    for (const SessionRecord& session : beat.left) {
      left.sessions.push_back(std::make_shared<const SessionRecord>(session));
    }
    learn(at, std::move(left));
  }
  store_heard = at.mono;
  slots.durable(at.mono, sent);
  std::vector<HostLife> unfenced;
  for (const HoldAge& hold : beat.ages) {
    if (!hold.fenced) unfenced.push_back(hold.who);
  }
  node.hold_renewed(at, sent, unfenced);
  bool news = false;
  for (auto& [home, what] : dropped) {
    if (what.silent || sent < what.since) continue;
    const auto age = std::find_if(beat.ages.begin(), beat.ages.end(),
                                  [&](const HoldAge& hold) { return hold.who == home; });
    what.silent = at.mono - (age == beat.ages.end() ? kLongAgo : age->age);
    news = true;
  }
  if (news) tell_node_view(at);
}

void Cluster::Impl::scanned(Now at, Result<ScannedSlots> found) {
  const std::vector<SlotId> mine = slots.scanned(at.mono, found.has_value());
  if (!found || mine.empty()) return;
  std::erase_if(found->packets, [&](const Packet& packet) {
    return !std::binary_search(mine.begin(), mine.end(), slot_of(packet.point));
  });
  for (const SessionRecord& session : found->sessions) note_home(session);
  node.drive(at, mine, std::move(*found));
  calls.try_again(at);
}

void Cluster::Impl::learn(Now at, PoolStore::HomeRecords found) {
  Records records;
  for (const auto& session : found.sessions) note_home(*session);
  records.sessions = std::move(found.sessions);
  records.members = std::move(found.members);
  node.learn(at, records);
}

void Cluster::Impl::home_records(Now at, const HostLife& home,
                                 Result<PoolStore::HomeRecords> found) {
  asked_homes.erase(home);
  const auto it = dropped.find(home);
  // A home that came back and was dropped again meanwhile is asked about anew: whoever attached to
  // it in between may not be among these.
  if (it == dropped.end() || it->second.records == Dropped::Records::kKnown) return;
  const bool anew = it->second.records == Dropped::Records::kWanted;
  if (anew || !found) {
    it->second.records = Dropped::Records::kWanted;
    homes_to_ask.emplace(anew ? at.mono : at.mono + kAskAgain, home);
    return;
  }
  it->second.records = Dropped::Records::kKnown;
  learn(at, std::move(*found));
  // Else the next beat says since when it is silent, and that is told then.
  if (it->second.silent) tell_node_view(at);
}

void Cluster::Impl::records(Now at, Result<PoolStore::HomeRecords> found) {
  records_asked = false;
  const auto members = std::exchange(asked_members, {});
  const auto sessions = std::exchange(asked_sessions, {});
  if (!found) {
    for (const auto& [key, revision] : members) wanted_members.insert(key);
    for (const auto& [id, revision] : sessions) wanted_sessions.insert(id);
    records_at = at.mono + kAskAgain;
    return;
  }
  PoolStore::HomeRecords all = std::move(*found);
  std::set<std::string> known_sessions;
  std::set<MemberKey> known_members;
  for (const auto& session : all.sessions) known_sessions.insert(session->id);
  for (const auto& member : all.members) known_members.insert(member->key);
  // What is not in the store is nowhere: the node hears of it by its absence. Unless it came to be
  // since.
  Records absent;
  for (const auto& [key, revision] : members) {
    unread_members.erase(key);
    if (known_members.contains(key) || revision_of(key) != revision) continue;
    absent.gone_members.push_back(key);
  }
  for (const auto& [id, revision] : sessions) {
    unread_sessions.erase(id);
    if (known_sessions.contains(id) || revision_of(id) != revision) continue;
    absent.gone_sessions.push_back(id);
  }
  learn(at, std::move(all));
  if (!absent.gone_members.empty() || !absent.gone_sessions.empty()) {
    node.learn(at, absent);
  }
  look_whether_known();
  calls.try_again(at);
}

uint64_t Cluster::Impl::revision_of(const MemberKey& key) const {
  const auto known = node.find_member(key);
  return known ? known->record->revision : 0;
}
uint64_t Cluster::Impl::revision_of(const std::string& session) const {
  const auto known = node.find_session(session);
  return known ? known->revision : 0;
}

void Cluster::Impl::compared(const Result<RecordPage>& page) {
  comparing.asked = false;
  if (!page) {
    comparing.at = now.mono + kAskAgain;
    return;
  }
  const bool last = page->sessions.size() < config.records_in_page &&
                    page->members.size() < config.records_in_page;
  const RecordNames missed = node.compare(*page, comparing.first, last);
  for (const MemberKey& key : missed.members) {
    if (behind) unread_members.insert(key);
    wanted_members.insert(key);
  }
  for (const std::string& id : missed.sessions) {
    if (behind) unread_sessions.insert(id);
    wanted_sessions.insert(id);
  }
  comparing.first = false;
  comparing.seen += page->sessions.size() + page->members.size();
  if (!page->sessions.empty()) comparing.after.session = page->sessions.back().first;
  if (!page->members.empty()) comparing.after.member = page->members.back().first;
  if (!last) return;
  comparing.on = false;
  comparing.passed = true;
  comparing.at = now.mono + kAskAgain * static_cast<int64_t>(1 + comparing.seen / kComparedAtOnce);
  look_whether_known();
}

// Who has entered the view begins to claim when it knows what was written before.
void Cluster::Impl::look_whether_known() {
  if (!behind || !comparing.passed || !unread_members.empty() || !unread_sessions.empty()) return;
  behind = false;
  claim(std::exchange(claims, {}));
}

// One page at a time, so that other reads come in between.
void Cluster::Impl::ask_to_compare() {
  if (comparing.asked || comparing.at > now.mono) return;
  if (!comparing.on) {
    if (!comparing.wanted) return;
    comparing.wanted = false;
    comparing.on = comparing.first = true;
    comparing.after = {};
    comparing.seen = 0;
  }
  comparing.asked = true;
  out.pool.compare = CompareQuery{comparing.after, config.records_in_page};
}

void Cluster::Impl::ask_for_homes() {
  while (!homes_to_ask.empty() && homes_to_ask.begin()->first <= now.mono) {
    HostLife home = std::move(homes_to_ask.extract(homes_to_ask.begin()).value().second);
    const auto it = dropped.find(home);
    const bool wanted = it != dropped.end() && it->second.records == Dropped::Records::kWanted;
    // While one is asked about already, its answer comes first.
    if (!wanted || !asked_homes.insert(home).second) continue;
    it->second.records = Dropped::Records::kAsked;
    out.pool.homes.push_back(std::move(home));
  }
}

void Cluster::Impl::ask_for_records() {
  if (records_asked || records_at > now.mono) return;
  if (wanted_members.empty() && wanted_sessions.empty()) return;
  records_asked = true;
  while (!wanted_members.empty() && asked_members.size() < kNamesAtOnce) {
    MemberKey key = std::move(wanted_members.extract(wanted_members.begin()).value());
    out.pool.members.push_back(key);
    const uint64_t revision = revision_of(key);
    asked_members.emplace_back(std::move(key), revision);
  }
  while (!wanted_sessions.empty() && asked_sessions.size() < kNamesAtOnce) {
    std::string id = std::move(wanted_sessions.extract(wanted_sessions.begin()).value());
    out.pool.sessions.push_back(id);
    const uint64_t revision = revision_of(id);
    asked_sessions.emplace_back(std::move(id), revision);
  }
}

Wrote Cluster::Impl::written() const {
  const auto& now_live = node.stats().packets_now;
  return {.pending = now_live[static_cast<size_t>(Status::kPending)],
          .assigned = now_live[static_cast<size_t>(Status::kAssigned)],
          .running = now_live[static_cast<size_t>(Status::kRunning)]};
}

void Cluster::Impl::tell_written() {
  const Duration pause = hint_pause(links.size(), wrote ? kWroteEvery : kCountsEvery);
  if (now.mono - wrote_at < pause) return;
  const Wrote mine = written();
  if (!wrote && mine == told_last) return;
  wrote = false;
  wrote_at = now.mono;
  told_last = mine;
  for (const HostLife& peer : links) out.messages.push_back({peer, mine});
}

void Cluster::Impl::tick(Now at) {
  if (calls.next_deadline() <= at.mono) calls.try_again(at);
  const auto over = [&](const auto& entry) { return entry.second.since + kDroppedFor <= at.mono; };
  std::erase_if(dropped, over);
}

Instant Cluster::Impl::deadline() const {
  Instant at = std::min(calls.next_deadline(), slots.next_deadline());
  if (!homes_to_ask.empty()) at = std::min(at, homes_to_ask.begin()->first);
  if (wrote) at = std::min(at, wrote_at + hint_pause(links.size(), kWroteEvery));
  const bool wants = !wanted_members.empty() || !wanted_sessions.empty();
  if (wants && !records_asked) at = std::min(at, records_at);
  const bool compares = comparing.wanted || comparing.on;
  if (compares && !comparing.asked) at = std::min(at, comparing.at);
  return at;
}

void Cluster::Impl::add_to(Health& health, Now at) const {
  if (!in_view(config.node.self)) {
    health.ready = false;
    health.why = "this host is not in the pool's view yet";
    return;
  }
  const Duration silent = store_heard ? at.mono - *store_heard : Duration{};
  if (config.has_store && silent > kSilentStore) {
    health.ready = false;
    health.why = "the store has not answered for " + std::to_string(silent.ms() / 1000) + " s";
    health.since = at.wall - silent.ms();
    return;
  }
  const SlotCounts counts = slots.counts();
  if (counts.oldest_wait != kNever && at.mono - counts.oldest_wait > kSlotsWait) {
    health.ready = false;
    health.why = std::to_string(counts.claiming + counts.leaving) +
                 " slots wait for their keeper, the oldest for " +
                 std::to_string((at.mono - counts.oldest_wait).ms() / 1000) + " s";
    health.since = at.wall - (at.mono - counts.oldest_wait).ms();
  }
}

}  // namespace phoenix
