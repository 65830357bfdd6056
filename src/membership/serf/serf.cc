#include "membership/serf/serf.h"

#include <algorithm>

namespace phoenix::gossip {
std::string_view status_name(HostStatus status) {
  switch (status) {
    case HostStatus::kNone:
      return "none";
    case HostStatus::kAlive:
      return "alive";
    case HostStatus::kLeaving:
      return "leaving";
    case HostStatus::kLeft:
      return "left";
    case HostStatus::kFailed:
      return "failed";
  }
  return "none";
}

void Serf::Effects::clear() {
  sends.clear();
  rumours.clear();
  changes.clear();
  forget.clear();
  events.clear();
  queries.clear();
  key_requests.clear();
}

Serf::Serf(const Options& options, const HostNames& names, Prng prng)
    : options_(options), names_(names), vivaldi_(prng.fork()), prng_(prng) {
  clock_.witness(options.clock);
  if (event_clock_.witness(options.event_clock)) event_log_.ignore_before(event_clock_.time());
  if (query_clock_.witness(options.query_clock)) query_log_.ignore_before(query_clock_.time());
}

void Serf::start(HostNumber self, Now now, Effects& out) {
  self_ = self;
  host_joined(self, now, out);
}

void Serf::tick(Now now) { intents_.expire(now.mono - options_.intent_timeout); }

Instant Serf::next_wake() const {
  const Instant oldest = intents_.oldest();
  return oldest == kNever ? kNever : oldest + options_.intent_timeout;
}

HostStatus Serf::status(HostNumber host) const {
  return host < rows_.size() ? rows_[host].status : HostStatus::kNone;
}

LamportTime Serf::status_time(HostNumber host) const {
  return host < rows_.size() ? rows_[host].status_time : 0;
}

void Serf::host_joined(HostNumber host, Now now, Effects& out) {
  if (host >= rows_.size()) rows_.resize(size_t{host} + 1);
  Row& row = rows_[host];
  row.prune = false;
  if (known(host)) return set_status(host, HostStatus::kAlive, out);

  ++known_;
  HostStatus status = HostStatus::kAlive;
  intents_.expire(now.mono - options_.intent_timeout);
  if (const auto intent = intents_.take(names_.facts(host).name)) {
    row.status_time = intent->ltime;
    row.word = intent->word;
    if (intent->word == Word::kLeave && host != self_) status = HostStatus::kLeaving;
  }
  set_status(host, status, out);
}

void Serf::host_gone(HostNumber host, bool left, Now /*now*/, Effects& out) {
  if (!known(host)) return;
  switch (status(host)) {
    case HostStatus::kAlive:
      return set_status(host, left ? HostStatus::kLeft : HostStatus::kFailed, out);
    case HostStatus::kLeaving:
      return set_status(host, HostStatus::kLeft, out);
    case HostStatus::kFailed:
      if (left) set_status(host, HostStatus::kLeft, out);
      return;
    case HostStatus::kLeft:
    case HostStatus::kNone:
      return;
  }
}

void Serf::host_forgotten(HostNumber host) {
  if (!known(host)) return;
  rows_[host] = {};
  --known_;
}

void Serf::probed(HostNumber host, Duration rtt, std::string_view payload) {
  if (!known(host) || payload.empty()) return;
  Coordinate theirs;
  const bool taken =
      decode_ack_payload(payload, theirs) && vivaldi_.update(theirs, rows_[host].rtts, rtt);
  if (!taken) ++stats_.refused_coordinates;
}

void Serf::receive(std::string_view message, Now now, Effects& out) {
  if (message.empty()) {
    ++stats_.malformed;
    return;
  }
  const std::string_view body = message.substr(1);
  switch (static_cast<SerfType>(message[0])) {
    case SerfType::kLeave:
      return receive_leave(message, now, out);
    case SerfType::kJoin:
      return receive_join(message, now, out);
    case SerfType::kUserEvent:
      return receive_event(message, out);
    case SerfType::kQuery:
      return receive_query(message, out);
    case SerfType::kRelay:
      return receive_relay(body, out);
    case SerfType::kQueryResponse: {
      // To a query of an earlier life: this host asks none that others answer by packet.
      QueryResponse response;
      read(body, response);
      return;
    }
    case SerfType::kPushPull:
    case SerfType::kConflictResponse:
    case SerfType::kKeyRequest:
    case SerfType::kKeyResponse:
      break;
  }
  ++stats_.unknown_type;
}

template <typename Message>
bool Serf::read(std::string_view body, Message& message) {
  const bool good = decode(body, message);
  if (!good) ++stats_.malformed;
  return good;
}

void Serf::receive_leave(std::string_view message, Now now, Effects& out) {
  LeaveIntent intent;
  if (!read(message.substr(1), intent)) return;
  if (take(intent.node, {intent.ltime, Word::kLeave}, intent.prune, now, out)) {
    pass_on(RumourKind::kIntent, intent.node, message, out);
  }
}

void Serf::receive_join(std::string_view message, Now now, Effects& out) {
  JoinIntent intent;
  if (!read(message.substr(1), intent)) return;
  if (take(intent.node, {intent.ltime, Word::kJoin}, false, now, out)) {
    pass_on(RumourKind::kIntent, intent.node, message, out);
  }
}

void Serf::receive_event(std::string_view message, Effects& out) {
  UserEvent event;
  if (!read(message.substr(1), event)) return;
  if (take(event, out)) pass_on(RumourKind::kEvent, {}, message, out);
}

void Serf::receive_query(std::string_view message, Effects& out) {
  if (message.size() > kMaxQuery) {
    ++stats_.too_large;
    return;
  }
  Query query;
  if (read(message.substr(1), query)) take(query, message, out);
}

// Only answers to queries are relayed, by Serf too. Whoever could have anything relayed could let
// a message wander about between hosts.
void Serf::receive_relay(std::string_view body, Effects& out) {
  Relay relay;
  if (!read(body, relay)) return;
  const Endpoint to = endpoint_of(relay.address, relay.port);
  const std::string_view inner = relay.message;
  if (!to.valid() || inner.empty() || static_cast<SerfType>(inner[0]) != SerfType::kQueryResponse) {
    ++stats_.malformed;
    return;
  }
  if (inner.size() > kMaxQueryResponse) {
    ++stats_.too_large;
    return;
  }
  ++stats_.relayed;
  out.sends.push_back({to, std::string(inner)});
}

void Serf::pass_on(RumourKind kind, std::string_view subject, std::string_view message,
                   Effects& out) {
  if (message.size() > options_.longest_rumour) {
    ++stats_.too_large;
    return;
  }
  out.rumours.push_back({kind, std::string(subject), std::string(message)});
}

void Serf::set_status(HostNumber host, HostStatus to, Effects& out) {
  Row& row = rows_[host];
  if (row.status == to) return;
  out.changes.push_back({host, row.status, to});
  row.status = to;
  if (to == HostStatus::kAlive) row.prune = false;
  if (to == HostStatus::kLeft && row.prune) out.forget.push_back(host);
}

// No clock has been at 0: a host that never had an intent stands so in the state of a push/pull.
bool Serf::take(std::string_view name, const Intent& intent, bool prune, Now now, Effects& out) {
  if (intent.ltime == 0 || !witness(clock_, intent.ltime)) return false;
  const HostNumber host = names_.find(name);
  if (!known(host)) return keep(name, intent, now);
  Row& row = rows_[host];
  const bool leave = intent.word == Word::kLeave;
  if (leave && host == self_ && !leaving_) {
    if (intent.ltime < row.status_time) return false;
    // A word of an earlier life, or of an operator who thought us gone.
    ++stats_.refutations;
    announce(now, out);
    return false;
  }
  if (intent <= Intent{row.status_time, row.word}) return false;
  row.status_time = intent.ltime;
  row.word = intent.word;
  ++stats_.intents;
  if (leave) {
    told_to_leave(host, prune, out);
  } else if (row.status == HostStatus::kLeaving) {
    set_status(host, HostStatus::kAlive, out);
  }
  return true;
}

// What becomes of a host that has left, or is about to, as somebody says.
void Serf::told_to_leave(HostNumber host, bool prune, Effects& out) {
  Row& row = rows_[host];
  row.prune = row.prune || (prune && host != self_);
  switch (row.status) {
    case HostStatus::kAlive:
      return set_status(host, HostStatus::kLeaving, out);
    case HostStatus::kFailed:
      return set_status(host, HostStatus::kLeft, out);
    case HostStatus::kLeft:
      if (row.prune) out.forget.push_back(host);
      return;
    case HostStatus::kLeaving:
    case HostStatus::kNone:
      return;
  }
}

bool Serf::keep(std::string_view name, const Intent& intent, Now now) {
  if (name.empty()) return false;
  intents_.expire(now.mono - options_.intent_timeout);
  const Intents::Verdict verdict = intents_.add(name, intent, now.mono);
  if (verdict == Intents::Verdict::kNoRoom) ++stats_.no_room;
  if (verdict == Intents::Verdict::kNew) ++stats_.intents;
  return verdict == Intents::Verdict::kNew;
}

bool Serf::witness(LamportClock& clock, LamportTime time) {
  const bool possible = clock.witness(time);
  if (!possible) ++stats_.malformed;
  return possible;
}

bool Serf::is_new(Novelty novelty) {
  if (novelty == Novelty::kTooOld) ++stats_.too_old;
  if (novelty == Novelty::kNoRoom) ++stats_.no_room;
  return novelty == Novelty::kNew;
}

bool Serf::take(const UserEvent& event, Effects& out) {
  if (event.name.size() + event.payload.size() > EventLog::kLongest) {
    ++stats_.too_large;
    return false;
  }
  if (!witness(event_clock_, event.ltime)) return false;
  if (!is_new(event_log_.add(event, event_clock_.time()))) return false;
  ++stats_.events;
  out.events.push_back(
      {event.ltime, std::string(event.name), std::string(event.payload), event.coalesce});
  return true;
}

void Serf::merge(std::string_view state, bool ours, Now now, Effects& out) {
  if (state.empty()) return;  // memberlist without Serf
  SerfState theirs;
  if (static_cast<SerfType>(state[0]) != SerfType::kPushPull) {
    ++stats_.malformed;
    return;
  }
  if (!read(state.substr(1), theirs)) return;
  // Their clock shows what their next message will carry: nothing was sent with it yet.
  const auto catch_up = [this](LamportClock& clock, LamportTime shown) {
    return shown == 0 || witness(clock, shown - 1);
  };
  if (!catch_up(clock_, theirs.ltime) || !catch_up(event_clock_, theirs.event_ltime) ||
      !catch_up(query_clock_, theirs.query_ltime)) {
    return;
  }
  merge_hosts(theirs, now, out);
  if (ours) event_log_.ignore_before(theirs.event_ltime);
  for (const SerfState::EventsAt& at : theirs.events) {
    for (const SerfState::Event& event : at.events) {
      take(UserEvent{at.ltime, event.name, event.payload, false}, out);
    }
  }
}

// Those who left first, as Serf does it. Nothing of it is passed on: the others have their own
// push/pulls.
void Serf::merge_hosts(const SerfState& state, Now now, Effects& out) {
  std::vector<std::string_view> left = state.left_members;
  std::sort(left.begin(), left.end());
  const auto has_left = [&left](std::string_view name) {
    return std::binary_search(left.begin(), left.end(), name);
  };
  for (const auto& [name, ltime] : state.status_ltimes) {
    if (has_left(name)) take(name, {ltime, Word::kLeave}, false, now, out);
  }
  for (const auto& [name, ltime] : state.status_ltimes) {
    if (!has_left(name)) take(name, {ltime, Word::kHearsay}, false, now, out);
  }
}

// What it says of those who left is a leave intent for each. So are those who are leaving said to
// have left (by its time alone a leave is taken for a join), and those of whom only Swim says that
// they left are not: nobody can contradict that by a newer intent.
std::string Serf::local_state() const {
  const auto is_leave = [](const Row& row) {
    const bool gone = row.status == HostStatus::kLeft || row.status == HostStatus::kLeaving;
    return gone && row.word == Word::kLeave;
  };
  SerfState state;
  state.ltime = clock_.time();
  state.event_ltime = event_clock_.time();
  state.query_ltime = query_clock_.time();
  state.status_ltimes.reserve(known_);
  for (HostNumber host = 0; host < rows_.size(); ++host) {
    if (!known(host)) continue;
    const std::string_view name = names_.facts(host).name;
    state.status_ltimes.emplace_back(name, rows_[host].status_time);
    if (is_leave(rows_[host])) state.left_members.push_back(name);
  }
  state.events = event_log_.list();
  return encode(state);
}

void Serf::announce(Now now, Effects& out) {
  leaving_ = false;
  const JoinIntent intent{clock_.time(), options_.name};
  take(intent.node, {intent.ltime, Word::kJoin}, false, now, out);
  pass_on(RumourKind::kIntent, options_.name, encode(intent), out);
}

void Serf::leave(Now now, Effects& out) {
  if (leaving_) return;
  leaving_ = true;
  const LeaveIntent intent{clock_.next(), options_.name, false};
  take(intent.node, {intent.ltime, Word::kLeave}, false, now, out);
  pass_on(RumourKind::kIntent, options_.name, encode(intent), out);
}

Result<void> Serf::force_leave(std::string_view name, bool prune, Now now, Effects& out) {
  const HostNumber host = names_.find(name);
  if (!known(host)) {
    return fail(ErrorKind::kNotFound, "host " + std::string(name) + " is not known");
  }
  if (host == self_) {
    return fail(ErrorKind::kWrongState, "host " + std::string(name) + " is this one: let it leave");
  }
  if (status(host) == HostStatus::kAlive) {
    return fail(ErrorKind::kWrongState,
                "host " + std::string(name) + " is alive: only one that has failed is removed");
  }
  const LeaveIntent intent{clock_.next(), name, prune};
  take(name, {intent.ltime, Word::kLeave}, prune, now, out);
  pass_on(RumourKind::kIntent, name, encode(intent), out);
  return {};
}

Result<void> Serf::user_event(std::string_view name, std::string_view payload, bool coalesce,
                              Now /*now*/, Effects& out) {
  if (name.empty()) return invalid("name", "is empty; an event has a name of 1 byte or more");
  if (const size_t size = name.size() + payload.size(); size > kMaxUserEvent) {
    return fail(ErrorKind::kTooLarge, "name and payload have " + std::to_string(size) +
                                          " bytes; together they may have " +
                                          std::to_string(kMaxUserEvent));
  }
  const UserEvent event{event_clock_.next(), name, payload, coalesce};
  take(event, out);
  pass_on(RumourKind::kEvent, {}, encode(event), out);
  return {};
}

}  // namespace phoenix::gossip
