// The inputs of the machine, and what it tells about itself. What follows from an input is in
// machine_settle.cc.
#include "membership/machine.h"

#include <algorithm>
#include <cstring>

namespace phoenix::gossip {
namespace {

uint64_t word_of(const std::array<uint8_t, 32>& seed, size_t index) {
  uint64_t word = 0;
  std::memcpy(&word, seed.data() + 8 * index, sizeof word);
  return word;
}

Nonces nonces_of(const std::array<uint8_t, 32>& seed) {
  std::array<uint8_t, 8> life{};
  std::memcpy(life.data(), seed.data(), life.size());
  return Nonces(life);
}

Keyring keyring_of(const std::vector<std::string>& keys) {
  Keyring keyring;
  // A key of a wrong length is refused by who reads keys in; here it would only mean no encryption.
  for (const std::string& key : keys) (void)keyring.install(key);
  return keyring;
}

// The longest message that still has a packet of its own.
size_t longest_message(const FrameOptions& frame) {
  Keyring any;
  (void)any.install(std::string(16, '\0'));
  return payload_budget(frame, any) - kPartOverhead;
}

std::string text_of(StreamFailure why, Drop drop, bool keyed) {
  switch (why) {
    case StreamFailure::kRefused:
      return "nobody listens there";
    case StreamFailure::kUnreachable:
      return "no way leads there";
    case StreamFailure::kTimeout:
      return "no answer in time";
    case StreamFailure::kReset:
      return "it closed the connection without an answer";
    case StreamFailure::kMalformed:
      break;
  }
  if (drop == Drop::kKey) {
    return keyed ? "its answer is sealed with a key that is none of ours"
                 : "its answer is encrypted, and we have no key";
  }
  if (drop == Drop::kPlain) return "it answers without encryption, and we have a key";
  return "its answer cannot be read: " + std::string(drop_name(drop));
}

SwimOptions swim_options(const MembershipOptions& options, std::string meta) {
  SwimOptions swim;
  swim.name = options.name;
  swim.advertise = options.advertise;
  swim.meta = std::move(meta);
  swim.timing = options.timing;
  swim.remembered_incarnation = options.remembered.incarnation;
  swim.seeds = options.seeds;
  swim.remembered = options.remembered.hosts;
  swim.expected = options.expected;
  swim.texts = options.texts;
  swim.longest_broadcast = longest_message(options.frame);
  return swim;
}

Serf::Options serf_options(const MembershipOptions& options) {
  Serf::Options serf;
  serf.name = options.name;
  serf.longest_rumour = longest_message(options.frame) - 1;  // its type as a user message
  serf.intent_timeout = options.timing.intent_timeout;
  serf.clock = options.remembered.clock;
  serf.event_clock = options.remembered.event_clock;
  serf.query_clock = options.remembered.query_clock;
  return serf;
}

}  // namespace

Machine::Machine(const MembershipOptions& options)
    : options_(options),
      keyring_(keyring_of(options.keys)),
      prng_(word_of(options.seed, 1) ^ word_of(options.seed, 2)),
      swim_(swim_options(options, first_meta()), prng_.fork(), this),
      serf_(serf_options(options), *this, prng_.fork()),
      view_(ViewFilterOptions{options.name, options.timing.view_heartbeat}, prng_.fork()),
      queues_(swim_.broadcasts(), longest_message(options.frame), swim_.hosts().hash_key()),
      packer_(options_.frame, keyring_, nonces_of(options.seed)) {
  reserved_ = options.remembered.incarnation;
}

Result<std::string> Machine::meta_of(const std::map<std::string, std::string>& tags) const {
  std::map<std::string, std::string> all = tags;
  if (options_.phoenix) {
    HostTags own;
    own.api = options_.api;
    own.peer = options_.peer;
    own.version = options_.version;
    own.weight = options_.weight;
    own.boot = options_.boot_id;
    own.identity = options_.identity;
    const auto ours = make_tags(own);
    if (!ours) return tl::unexpected(ours.error());
    all.insert(ours->begin(), ours->end());
  }
  std::string meta = encode_tags(all);
  if (meta.size() <= kMaxMeta) return meta;
  return invalid("tags", "all tags take " + std::to_string(meta.size()) + " bytes together, " +
                             std::to_string(kMaxMeta) + " are allowed");
}

// What nobody could read, or everybody would refuse, is not announced: rather without the user's
// tags, or as no phoenix host at all. Told as the reason why it stands outside every view.
std::string Machine::first_meta() {
  Result<std::string> meta = meta_of(options_.tags);
  if (meta) return *meta;
  tags_trouble_ = meta.error().detail;
  options_.tags.clear();
  meta = meta_of({});
  return meta ? *meta : encode_tags({});
}

// What every input begins with. Who comes much later than we asked to be woken finds us after a
// sleep of our own: nobody was silent meanwhile, we were deaf.
void Machine::enter(Now now) {
  const bool late = wanted_ != kNever && now.mono > wanted_ + options_.timing.probe_timeout;
  if (late && has_view()) view_.paused(now.mono - wanted_, now, from_view_);
  if (late) wanted_ = now.mono;
}

void Machine::start(Now now, Output& out) {
  swim_.set_ack_payload(serf_.ack_payload());
  swim_.start(now, from_swim_);
  serf_.start(HostTable::kSelf, now, from_serf_);
  if (!options_.expected) serf_.announce(now, from_serf_);
  tell_view(HostTable::kSelf, now, out);
  if (!tags_trouble_.empty() && told_of(HostTable::kSelf).standing != ViewStanding::kIncompatible) {
    out.events.push_back(
        {HostEventKind::kIncompatible, options_.name, swim_.incarnation(), tags_trouble_, {}});
  }
  if (has_view()) view_.start(now, from_view_);
  settle(now, out);
}

void Machine::tick(Now now, Output& out) {
  enter(now);
  swim_.tick(now, from_swim_);
  serf_.tick(now);
  if (has_view()) view_.tick(now, from_view_);
  settle(now, out);
}

void Machine::receive_packet(std::string_view datagram, const Endpoint& from, Now now,
                             Output& out) {
  enter(now);
  ++counts_.packets_in;
  counts_.bytes_in += datagram.size();
  drop(open_packet(datagram, options_.frame, keyring_, opened_packet_));
  for (const std::string_view message : opened_packet_.messages) {
    dispatch(message, from, now, out);
  }
  settle(now, out);
}

template <class Message>
void Machine::take(std::string_view body, const Endpoint& from, Now now) {
  Message message;
  if (!decode(body, message)) return drop(Drop::kMalformed);
  swim_.receive(message, from, now, from_swim_);
}

void Machine::dispatch(std::string_view message, const Endpoint& from, Now now, Output& out) {
  const std::string_view body = message.substr(1);
  switch (static_cast<MessageType>(message.front())) {
    case MessageType::kPing:
      return take<Ping>(body, from, now);
    case MessageType::kIndirectPing:
      return take<IndirectPing>(body, from, now);
    case MessageType::kAck:
      return take<Ack>(body, from, now);
    case MessageType::kNack:
      return take<Nack>(body, from, now);
    case MessageType::kSuspect:
      return take<Suspect>(body, from, now);
    case MessageType::kAlive:
      return take<Alive>(body, from, now);
    case MessageType::kDead:
      return take<Dead>(body, from, now);
    case MessageType::kUser:
      return take_user(body, from, now, out);
    default:
      return drop(Drop::kUnknownType);
  }
}

void Machine::take_user(std::string_view payload, const Endpoint& from, Now now, Output& out) {
  if (payload.empty()) return drop(Drop::kMalformed);
  swim_.heard(now, from_swim_);
  // It may speak of hosts that the message before it, in the same packet, introduced.
  if (!from_swim_.changes.empty()) settle_swim(now, out);
  if (payload.front() != kViewMessage) return serf_.receive(payload, now, from_serf_);
  if (has_view()) return view_.received(payload, from, now, from_view_);
  drop(Drop::kUnknownType);
}

void Machine::packet_refused(const Endpoint& to, Now now, Output& out) {
  enter(now);
  swim_.packet_refused(to, now, from_swim_);
  settle(now, out);
}

std::string Machine::own_state(bool join) const {
  PushPull state;
  state.join = join;
  swim_.local_state(state.nodes);
  const std::string user = serf_.local_state();
  state.user_state = user;
  return encode(state);
}

bool Machine::take_state(const PushPull& state, const ListSource& source, bool ours, Now now,
                         Output& out) {
  const SwimMerge merge = swim_.merge(state.nodes, source, now, from_swim_);
  // The hosts of that list must be known to the Serf layer before its own part of it is.
  settle_swim(now, out);
  if (!state.user_state.empty()) serf_.merge(state.user_state, ours, now, from_serf_);
  return merge.taken > 0;
}

void Machine::receive_stream(StreamId id, std::string_view message, const Endpoint& from, Now now,
                             Output& out) {
  enter(now);
  ++counts_.streams_in;
  counts_.bytes_in += message.size();
  StreamReply reply{id, {}};
  const std::string_view body = message.empty() ? message : message.substr(1);
  const MessageType type =
      message.empty() ? MessageType::kError : static_cast<MessageType>(message.front());
  if (type == MessageType::kPing) {
    Ping ping;
    if (!decode(body, ping)) {
      drop(Drop::kMalformed);
    } else if (swim_.answers(ping, now)) {
      reply.bytes = packer_.seal(encode(Ack{ping.seq_no, {}}), false);
    }
  } else if (type == MessageType::kPushPull) {
    PushPull theirs;
    if (decode(body, theirs)) {
      // Ours as it was before theirs is taken in, so that nobody is told its own claims.
      reply.bytes = packer_.seal(own_state(theirs.join), false);
      take_state(theirs, {0, theirs.join}, false, now, out);
    } else {
      drop(Drop::kMalformed);
    }
  } else if (type == MessageType::kUser) {
    std::string_view payload;
    if (decode_user_stream(body, payload)) {
      take_user(payload, from, now, out);
    } else {
      drop(Drop::kMalformed);
    }
  } else {
    drop(Drop::kUnknownType);
  }
  counts_.bytes_out += reply.bytes.size();
  out.replies.push_back(std::move(reply));
  settle(now, out);
}

void Machine::refuse_stream(StreamId id, Drop why, Now now, Output& out) {
  enter(now);
  ++counts_.streams_in;
  drop(why);
  const std::string text = "refused: " + std::string(drop_name(why));
  out.replies.push_back({id, packer_.seal(encode(ErrorMessage{text}), false)});
  settle(now, out);
}

void Machine::stream_answered(StreamId id, std::string_view message, Now now, Output& out) {
  enter(now);
  const auto found = opened_.find(id);
  if (found == opened_.end()) return settle(now, out);
  const Opened stream = found->second;
  opened_.erase(found);
  counts_.bytes_in += message.size();
  const std::string_view body = message.empty() ? message : message.substr(1);
  const MessageType type =
      message.empty() ? MessageType::kError : static_cast<MessageType>(message.front());
  if (stream.kind == SwimEffects::StreamKind::kPing) {
    Ack ack;
    if (type == MessageType::kAck && decode(body, ack)) {
      swim_.ping_answered(stream.swim_id, ack, now, from_swim_);
    } else {
      swim_.ping_failed(stream.swim_id, false, now, from_swim_);
    }
    return settle(now, out);
  }
  bool taken = false;
  if (type == MessageType::kPushPull) {
    PushPull theirs;
    if (decode(body, theirs)) {
      taken = take_state(theirs, {stream.swim_id, stream.join}, stream.join, now, out);
    } else {
      drop(Drop::kMalformed);
    }
  }
  swim_.push_pull_ended(stream.to, taken, now, from_swim_);
  if (stream.join && taken && !options_.expected) serf_.announce(now, from_serf_);
  if (stream.join && !taken) {
    ErrorMessage error;
    const bool told = type == MessageType::kError && !body.empty() && decode(body, error);
    HostEvent event{HostEventKind::kJoinFailed, to_string(stream.to), 0, {}, {}};
    event.detail = told ? "it says: " + std::string(error.error.substr(0, 200))
                        : "it answered with something else than its hosts";
    out.events.push_back(std::move(event));
  }
  settle(now, out);
}

void Machine::stream_failed(StreamId id, StreamFailure why, Drop reason, Now now, Output& out) {
  enter(now);
  drop(reason);
  const auto found = opened_.find(id);
  if (found == opened_.end()) return settle(now, out);
  const Opened stream = found->second;
  opened_.erase(found);
  if (stream.kind == SwimEffects::StreamKind::kPing) {
    swim_.ping_failed(stream.swim_id, why == StreamFailure::kRefused, now, from_swim_);
  } else {
    swim_.push_pull_ended(stream.to, false, now, from_swim_);
  }
  if (stream.join) {
    HostEvent event{HostEventKind::kJoinFailed, to_string(stream.to), 0, {}, {}};
    event.detail = text_of(why, reason, !keyring_.empty());
    out.events.push_back(std::move(event));
  }
  settle(now, out);
}

void Machine::view_answered(const ViewAnswer& answer, Now now, Output& out) {
  enter(now);
  if (has_view()) view_.answered(answer, now, from_view_);
  settle(now, out);
}

void Machine::join(const std::vector<Endpoint>& seeds, Now now, Output& out) {
  enter(now);
  swim_.join(seeds, now, from_swim_);
  settle(now, out);
}

Result<void> Machine::remove(std::string_view name, bool prune, Now now, Output& out) {
  enter(now);
  const Result<void> done = serf_.force_leave(name, prune, now, from_serf_);
  settle(now, out);
  return done;
}

Result<void> Machine::set_tags(const std::map<std::string, std::string>& tags, Now now,
                               Output& out) {
  enter(now);
  const Result<std::string> meta = meta_of(tags);
  if (!meta) return tl::unexpected(meta.error());
  options_.tags = tags;
  tags_trouble_.clear();
  swim_.set_meta(*meta, now, from_swim_);
  tell_view(HostTable::kSelf, now, out);
  settle(now, out);
  return {};
}

Result<void> Machine::set_weight(uint32_t weight, Now now, Output& out) {
  options_.weight = weight;
  return set_tags(std::map(options_.tags), now, out);
}

Result<void> Machine::user_event(std::string_view name, std::string_view payload, bool coalesce,
                                 Now now, Output& out) {
  enter(now);
  const Result<void> done = serf_.user_event(name, payload, coalesce, now, from_serf_);
  settle(now, out);
  return done;
}

HostFacts Machine::facts(HostNumber host) const {
  const HostTable& table = swim_.hosts();
  return {table.name(host), table[host].endpoint, table.meta(host), table[host].versions};
}

// The view has one host of each name, so whoever is in it is the one. A view of another store knows
// nothing of us; and who is no phoenix host does not yield by our rules.
NamesakeJudge::Verdict Machine::judge(std::string_view meta) const {
  if (!has_view()) return Verdict::kOpen;
  const auto theirs = parse_tags(tags_of(meta));
  if (!theirs || !*theirs) return Verdict::kForeign;
  const ViewHost* held = view().find(options_.name);
  if (held == nullptr || !difference(options_.identity, (*theirs)->identity).empty()) {
    return Verdict::kOpen;
  }
  if (held->boot == options_.boot_id) return Verdict::kOurs;
  return held->boot == (*theirs)->boot ? Verdict::kTheirs : Verdict::kOpen;
}

std::vector<std::pair<std::string, Duration>> Machine::unstable(Now now) const {
  std::vector<std::pair<std::string, Duration>> all;
  for (auto& [name, since] : view_.unstable(now)) all.emplace_back(name, now.mono - since);
  return all;
}

std::vector<HostRow> Machine::hosts() const {
  std::vector<HostRow> rows;
  const HostTable& table = swim_.hosts();
  for (HostNumber host = 0; host < table.limit(); ++host) {
    if (table[host].known) rows.push_back(row_of(host));
  }
  std::sort(rows.begin(), rows.end(),
            [](const HostRow& a, const HostRow& b) { return a.name < b.name; });
  return rows;
}

HostRow Machine::row_of(HostNumber host) const {
  const HostTable& table = swim_.hosts();
  HostRow row;
  row.name = table.name(host);
  row.endpoint = table[host].endpoint;
  row.state = table[host].state;
  const HostStatus status = serf_.status(host);
  if (row.state == SwimState::kDead && status == HostStatus::kLeft) row.state = SwimState::kLeft;
  row.leaving =
      status == HostStatus::kLeaving || (host == HostTable::kSelf && leaving_ != Leaving::kNo);
  row.incarnation = table[host].incarnation;
  row.tags = tags_of(table.meta(host));
  row.since = table[host].since;
  row.self = host == HostTable::kSelf;
  row.standing = told_of(host).standing;
  if (row.standing == ViewStanding::kIncompatible) {
    if (row.self) {
      row.why = tags_trouble_;
    } else if (const auto theirs = parse_tags(row.tags); !theirs) {
      row.why = theirs.error().detail;
    } else if (*theirs) {
      row.why = difference(options_.identity, (*theirs)->identity);
    }
  } else if (row.standing == ViewStanding::kOutside && view().find(row.name) != nullptr) {
    row.standing = ViewStanding::kInView;
    if (view_.is_unstable(row.name, last_)) {
      row.standing = ViewStanding::kUnstable;
      row.why = "some of its observers do not reach it";
    }
  } else if (row.standing == ViewStanding::kOutside) {
    const RemovedHost* const removed = view().find_removed(row.name);
    if (removed != nullptr) row.why = "removed; " + trial_text(*removed);
  }
  return row;
}

Remembered Machine::remembered() const {
  return {reserved_, serf_.clock(), serf_.event_clock(), serf_.query_clock(), swim_.remembered()};
}

MembershipStats Machine::stats() const {
  MembershipStats all = counts_;
  all.dropped = dropped_;
  const SwimStats& swim = swim_.stats();
  all.claims_refused = swim.wild_incarnations + swim.bad_versions + swim.bad_claims;
  all.probes = swim.probes;
  all.probes_failed = swim.probes_failed;
  all.suspicions = swim.suspicions;
  all.refutations = swim.refutations;
  const HostTable& table = swim_.hosts();
  all.suspect = table.suspects();
  all.alive = swim_.live() - all.suspect;
  for (HostNumber host = 0; host < table.limit(); ++host) {
    if (!table[host].known || table[host].live()) continue;
    ++(serf_.status(host) == HostStatus::kFailed ? all.failed : all.left);
  }
  all.health = static_cast<uint64_t>(swim_.health());
  all.queued_system = queues_.claims.depth();
  all.queued_intent = queues_.intents.depth();
  all.queued_event = queues_.events.depth();
  all.queued_query = queues_.queries.depth();
  all.queue_dropped = queues_.claims.dropped() + queues_.intents.dropped() +
                      queues_.events.dropped() + queues_.queries.dropped();
  const Serf::Stats& serf = serf_.stats();
  all.events = serf.events;
  all.queries = serf.queries;
  const ViewFilterStats& filter = view_.stats();
  const auto dropped = [&all](Drop why, uint64_t more) {
    all.dropped[static_cast<size_t>(why)] += more;
  };
  dropped(Drop::kMalformed, serf.malformed + filter.refused);
  dropped(Drop::kUnknownType, serf.unknown_type);
  dropped(Drop::kOversized, serf.too_large);
  all.view_number = view().number;
  all.view_proposals = filter.proposals;
  all.view_conflicts = filter.conflicts;
  all.alerts_in = filter.alerts_in;
  all.alerts_out = filter.alerts_out;
  return all;
}

}  // namespace phoenix::gossip
