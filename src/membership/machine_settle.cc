// What one part of the machine found out is told to the others, round after round, until nobody has
// anything to add; then packets are made.
#include <algorithm>
#include <utility>

#include "base/siphash.h"
#include "membership/machine.h"

namespace phoenix::gossip {
namespace {

constexpr Duration kViewPingTimeout = milliseconds(490);
// Each round only answers what the one before it found out; ten are more than any input needs.
constexpr int kMostRounds = 10;

uint32_t hash_of(std::string_view address) {
  static constexpr RingKey kPlain{};
  return static_cast<uint32_t>(siphash13(kPlain, address));
}

}  // namespace

bool Machine::anything_left() const {
  return !from_swim_.empty() || !from_serf_.empty() || !from_view_.empty() ||
         !failed_probes_.empty();
}

void Machine::settle(Now now, Output& out) {
  last_ = now;
  go_on_leaving(now, out);
  for (int round = 0; round < kMostRounds && anything_left(); ++round) {
    settle_swim(now, out);
    settle_serf(now, out);
    settle_view(now, out);
  }
  flush(out);
  wanted_ = next_wake();
  out.next_wake = wanted_;
}

void Machine::settle_swim(Now now, Output& out) {
  if (from_swim_.empty()) return;
  SwimEffects& swim = settled_swim_;
  std::swap(from_swim_, swim);
  for (const SwimEffects::Change& change : swim.changes) settle_change(change, now, out);
  for (const SwimEffects::Ping& ping : swim.pings) {
    if (ping.ok) {
      serf_.probed(ping.host, ping.rtt, ping.payload);
      swim_.set_ack_payload(serf_.ack_payload());
    }
    if (!ping.asked) continue;
    const auto asked = std::find_if(view_pings_.begin(), view_pings_.end(),
                                    [&](const ViewPing& one) { return one.seq == ping.seq; });
    if (asked == view_pings_.end()) continue;
    const PingEnd end = ping.ok        ? PingEnd::kAnswered
                        : ping.refused ? PingEnd::kRefused
                                       : PingEnd::kFailed;
    view_.probed(asked->name, end, now, from_view_, asked->hint);
    if (asked + 1 != view_pings_.end()) *asked = std::move(view_pings_.back());
    view_pings_.pop_back();
  }
  for (SwimSend& send : swim.sends) sends_.push_back(std::move(send));
  gossip_.insert(gossip_.end(), swim.gossip.begin(), swim.gossip.end());
  for (SwimEffects::Stream& stream : swim.streams) {
    const StreamId id = next_stream_++;
    opened_[id] = {stream.kind, stream.id, stream.join, stream.to};
    const std::string message = stream.kind == SwimEffects::StreamKind::kPing
                                    ? std::move(stream.ping)
                                    : own_state(stream.join);
    out.streams.push_back({id, stream.to, packer_.seal(message, true), true, stream.timeout});
    ++counts_.streams_out;
    counts_.bytes_out += out.streams.back().bytes.size();
  }
  if (swim.reserve) {
    reserved_ = *swim.reserve;
    out.remember.incarnation = reserved_;
  }
  if (swim.remembered_changed) out.remember.hosts_changed = true;
  if (swim.refused) {
    out.events.push_back({HostEventKind::kRefused, options_.name, 0, to_string(*swim.refused), {}});
  }
  swim.clear();
}

void Machine::settle_change(const SwimEffects::Change& change, Now now, Output& out) {
  const HostNumber host = change.host;
  switch (change.kind) {
    case SwimChange::kForgotten:
      serf_.host_forgotten(host);
      if (has_view()) view_.forgotten(change.name, now, from_view_);
      if (host < told_.size()) told_[host] = {};
      out.events.push_back({HostEventKind::kReaped, change.name, change.incarnation, {}, {}});
      return;
    case SwimChange::kJoined:
      serf_.host_joined(host, now, from_serf_);
      break;
    case SwimChange::kDead:
      serf_.host_gone(host, false, now, from_serf_);
      break;
    case SwimChange::kLeft:
      serf_.host_gone(host, true, now, from_serf_);
      break;
    case SwimChange::kSuspected:
    case SwimChange::kCleared:
    case SwimChange::kUpdated:
      break;
  }
  // A host that came and went within one input may have lent its number to another one.
  const HostTable& table = swim_.hosts();
  if (!table[host].known || table.name(host) != change.name) return;
  const bool news = change.kind == SwimChange::kUpdated || change.kind == SwimChange::kCleared;
  const Told before = news ? told_of(host) : Told{};
  tell_view(host, now, out);
  if (!news) return;
  const Told& after = told_of(host);
  if (!after.text.same(before.text) || after.address_hash != before.address_hash) {
    out.events.push_back({HostEventKind::kUpdated, change.name, change.incarnation, {}, {}});
  }
}

const Machine::Told& Machine::told_of(HostNumber host) const {
  static const Told kNothing;
  return host < told_.size() ? told_[host] : kNothing;
}

// Takes from the host's tags what others build on. Why it does not belong to the pool, if so.
std::string Machine::read_tags(HostNumber host, Told& told) const {
  const HostTable& table = swim_.hosts();
  const std::string_view meta = table.meta(host);
  told = Told{};
  told.text = table.text(host);
  told.read = true;
  if (find_tag(meta, "phx").empty()) {
    if (host != HostTable::kSelf || tags_trouble_.empty()) return {};
    told.standing = ViewStanding::kIncompatible;
    return tags_trouble_;
  }
  TagViews views;
  (void)decode_tags(meta, views);  // it can be read, or `phx` had not been found
  const auto tags = parse_tags(views);
  if (!tags) {
    told.standing = ViewStanding::kIncompatible;
    return tags.error().detail;
  }
  if (!*tags) return {};
  if ((*tags)->identity.store == kNoStore) {
    told.standing = ViewStanding::kGateway;
    return {};
  }
  if (options_.identity.store == kNoStore) {
    told.standing = ViewStanding::kOutside;  // a gateway has nothing that could differ
    return {};
  }
  std::string why = difference(options_.identity, (*tags)->identity);
  told.standing = why.empty() ? ViewStanding::kOutside : ViewStanding::kIncompatible;
  told.phoenix = true;
  told.compatible = why.empty();
  told.weight = (*tags)->weight;
  told.boot = (*tags)->boot;
  return why;
}

// What SWIM and the tags of a host say, for the view to judge.
void Machine::tell_view(HostNumber host, Now now, Output& out) {
  const HostTable& table = swim_.hosts();
  if (host >= told_.size()) {
    told_.reserve(table.room());
    told_.resize(host + 1);
  }
  Told& told = told_[host];
  const HostTable::Host& row = table[host];
  const std::string_view name = table.name(host);
  // Its own trouble may end without another text.
  if (!told.read || !told.text.same(table.text(host)) || host == HostTable::kSelf) {
    const ViewStanding before = told.standing;
    std::string why = read_tags(host, told);
    if (told.standing == ViewStanding::kIncompatible && before != ViewStanding::kIncompatible) {
      out.events.push_back(
          {HostEventKind::kIncompatible, std::string(name), row.incarnation, std::move(why), {}});
    }
  }
  told.address_hash = hash_of(row.endpoint.bytes()) ^ row.endpoint.port;
  if (!has_view()) return;
  SeenHost seen{name, row.endpoint, row.incarnation, row.state};
  seen.phoenix = told.phoenix;
  seen.compatible = told.compatible;
  seen.weight = told.weight;
  seen.boot = told.boot;
  view_.seen(seen, now, from_view_);
}

void Machine::settle_serf(Now now, Output& out) {
  if (from_serf_.empty()) return;
  Serf::Effects& serf = settled_serf_;
  std::swap(from_serf_, serf);
  for (const Serf::Change& change : serf.changes) settle_status(change, now, out);
  for (const HostNumber host : serf.forget) swim_.forget(host, from_swim_);
  for (const Serf::Rumour& rumour : serf.rumours) {
    Broadcasts& queue = rumour.kind == RumourKind::kIntent  ? queues_.intents
                        : rumour.kind == RumourKind::kEvent ? queues_.events
                                                            : queues_.queries;
    queue.put(rumour.subject, encode_user_packet(rumour.message));
  }
  for (const Serf::Send& message : serf.sends) {
    send(message.to, encode_user_packet(message.message), false);
  }
  for (Serf::Heard& heard : serf.events) {
    out.events.push_back(
        {HostEventKind::kUserEvent, std::move(heard.name), 0, {}, std::move(heard.payload)});
  }
  for (Serf::Asked& asked : serf.queries) {
    out.events.push_back(
        {HostEventKind::kQuery, std::move(asked.name), 0, {}, std::move(asked.payload)});
  }
  for (const Serf::KeyRequest& request : serf.key_requests) {
    if (serf_.carry_out(request, keyring_, from_serf_)) out.keys_changed = true;
  }
  serf.clear();
}

void Machine::settle_status(const Serf::Change& change, Now now, Output& out) {
  if (change.host == HostTable::kSelf) return;
  const HostTable& table = swim_.hosts();
  if (change.host >= table.limit() || !table[change.host].known) return;
  const std::string name(table.name(change.host));
  const uint32_t incarnation = table[change.host].incarnation;
  const auto happened = [&](HostEventKind kind) {
    out.events.push_back({kind, name, incarnation, {}, {}});
  };
  switch (change.to) {
    // A leave that was heard of before its host makes the host's first status "leaving".
    case HostStatus::kAlive:
    case HostStatus::kLeaving:
      if (change.from != HostStatus::kLeaving && change.from != HostStatus::kAlive) {
        happened(HostEventKind::kJoin);
      }
      break;
    case HostStatus::kFailed:
      happened(HostEventKind::kFailed);
      break;
    case HostStatus::kLeft:
      happened(HostEventKind::kLeft);
      // An operator said so: nobody is to look for it any more.
      if (change.from == HostStatus::kFailed) swim_.declare_left(change.host, now, from_swim_);
      break;
    case HostStatus::kNone:
      break;
  }
}

void Machine::settle_view(Now now, Output& out) {
  if (!has_view()) return;
  for (const std::string& name : std::exchange(failed_probes_, {})) {
    view_.probed(name, PingEnd::kFailed, now, from_view_);
  }
  if (view_.has_room_again()) {
    for (HostNumber host = 0; host < swim_.hosts().limit(); ++host) {
      if (swim_.hosts()[host].known) tell_view(host, now, out);
    }
  }
  if (from_view_.empty()) return;
  ViewEffects& view = settled_view_;
  std::swap(from_view_, view);
  for (ViewProbe& probe : view.probes) {
    const HostNumber host = swim_.hosts().find(probe.name);
    const uint32_t seq =
        host == HostTable::kNone ? 0 : swim_.ping(host, kViewPingTimeout, now, from_swim_);
    if (seq == 0) {
      failed_probes_.push_back(std::move(probe.name));
    } else {
      view_pings_.push_back({seq, probe.hint, std::move(probe.name)});
    }
  }
  for (const ViewMessage& message : view.messages) {
    send(message.to, encode_user_packet(message.bytes), true);
  }
  for (ViewRequest& request : view.requests) out.view_requests.push_back(std::move(request));
  for (ViewEvent& event : view.events) {
    switch (event.kind) {
      case ViewEventKind::kChanged:
        out.events.push_back({HostEventKind::kViewChanged,
                              options_.name,
                              0,
                              "view " + std::to_string(this->view().number),
                              {}});
        swim_.judge_again(now, from_swim_);
        break;
      case ViewEventKind::kSelfRemoved:
        out.events.push_back(
            {HostEventKind::kRemoved, event.name, event.incarnation, std::move(event.detail), {}});
        swim_.renew(event.incarnation, now, from_swim_);
        tell_view(HostTable::kSelf, now, out);
        break;
      default:
        break;  // told by what SWIM and the Serf layer saw
    }
  }
  view.clear();
}

void Machine::send(const Endpoint& to, std::string message, bool checksum) {
  sends_.push_back({to, std::move(message), checksum});
}

// What goes to one address in succession goes in one packet, as far as it fits.
void Machine::flush(Output& out) {
  const int limit = retransmit_limit(options_.timing, swim_.live());
  const size_t budget = payload_budget(options_.frame, keyring_);
  const auto emit = [&](const Endpoint& to, const std::vector<std::string_view>& parts,
                        bool checksum) {
    std::string bytes = packer_.pack(parts, checksum, queues_, limit);
    if (bytes.empty()) return;
    ++counts_.packets_out;
    counts_.bytes_out += bytes.size();
    out.packets.push_back({to, std::move(bytes)});
  };
  std::vector<std::string_view> parts;
  for (size_t i = 0; i < sends_.size();) {
    parts.clear();
    const size_t first = i;
    size_t used = 0;
    do {
      used += sends_[i].message.size() + kPartOverhead;
      parts.push_back(sends_[i].message);
      ++i;
    } while (i < sends_.size() && sends_[i].to == sends_[first].to &&
             sends_[i].checksum == sends_[first].checksum &&
             used + sends_[i].message.size() + kPartOverhead <= budget);
    emit(sends_[first].to, parts, sends_[first].checksum);
  }
  sends_.clear();
  parts.clear();
  for (const SwimEffects::Target& target : gossip_) {
    if (queues_.all_empty()) break;
    emit(target.to, parts, target.checksum);
  }
  gossip_.clear();
}

void Machine::leave(Now now, Output& out) {
  enter(now);
  if (leaving_ == Leaving::kNo) {
    leaving_ = Leaving::kTelling;
    leave_until_ = now.mono + options_.timing.leave_propagation;
    serf_.leave(now, from_serf_);
    if (has_view()) view_.leave(now, from_view_);
  }
  settle(now, out);
}

// First the intent, so that Serf peers know a leave from a failure, and the view; then SWIM. Each
// step waits until it has been told, and no longer than its time.
void Machine::go_on_leaving(Now now, Output& out) {
  const bool over = now.mono >= leave_until_;
  const bool alone = swim_.live() <= 1;
  if (leaving_ == Leaving::kTelling) {
    const bool told = (queues_.intents.empty() && from_serf_.rumours.empty()) || alone;
    const bool out_of_view = !has_view() || view_.left();
    if (!over && !(told && out_of_view)) return;
    leaving_ = Leaving::kLeaving;
    leave_until_ = now.mono + options_.timing.leave_propagation;
    swim_.leave(now, from_swim_);
    return;
  }
  if (leaving_ == Leaving::kLeaving && (over || queues_.claims.empty() || alone)) {
    leaving_ = Leaving::kLeft;
    leave_until_ = kNever;
    out.left = true;
  }
}

void Machine::prefetch(int depth) const {
  if (depth == 1) swim_.prefetch();
  view_.prefetch(depth - 1);
}

Instant Machine::next_wake() const {
  Instant next = std::min(swim_.next_wake(), serf_.next_wake());
  if (has_view()) next = std::min(next, view_.next_wake());
  return std::min(next, leave_until_);
}

}  // namespace phoenix::gossip
