#include "membership/swim/swim.h"

#include <algorithm>
#include <utility>

#include "membership/prefetch.h"

namespace phoenix::gossip {
namespace {

// Ours never go beyond; so there is always room to be refuted.
constexpr uint32_t kHighestIncarnation = 0xFFFF'0000;
// So many incarnations are put on disk at once, so that refutations rarely wait for it.
constexpr uint32_t kReserve = 1'024;
constexpr size_t kMostPings = 2'048;
constexpr size_t kMostSeeds = 1'024;
// A tick that comes later than this after the time that was asked for is no jitter.
constexpr Duration kLate = milliseconds(50);
// After a sleep like this the pool may be another: ask somebody.
constexpr Duration kLongSleep = seconds(5);
// News that cannot wait goes out as soon as this after the last gossip.
constexpr Duration kGossipSoonest = milliseconds(50);
constexpr int kTokens = 32;

RingKey hash_key(Prng& prng) {
  RingKey key;
  for (uint8_t& byte : key.bytes) byte = static_cast<uint8_t>(prng.next());
  return key;
}

}  // namespace

void SwimEffects::clear() {
  sends.clear();
  gossip.clear();
  streams.clear();
  changes.clear();
  pings.clear();
  reserve.reset();
  refused.reset();
  remembered_changed = false;
}

Swim::Swim(const SwimOptions& options, Prng prng, const NamesakeJudge* judge)
    : options_(options),
      prng_(prng),
      judge_(judge),
      hosts_(hash_key(prng_), std::max<size_t>(options.max_hosts, 2), options.texts),
      broadcasts_(options.max_broadcasts, options.longest_broadcast, hosts_.hash_key()),
      pings_(kMostPings, static_cast<uint32_t>(prng_.next())) {
  options_.name.resize(std::min<size_t>(options_.name.size(), 255));
  remembered_.load(options.remembered);
}

void Swim::start(Now now, SwimEffects& out) {
  if (started_) return;
  started_ = true;
  hosts_.add(options_.name, options_.meta, now.mono);
  Host& self = hosts_[kSelf];
  self.endpoint = options_.advertise;
  self.versions = options_.versions;
  hosts_.set_state(kSelf, SwimState::kAlive, now.mono);
  // The wall clock is the floor: who lost the folder still comes after all earlier lives.
  const auto wall = static_cast<uint32_t>(std::clamp<WallMs>(now.wall / 1000, 1, UINT32_MAX));
  raise_incarnation(std::max(options_.remembered_incarnation, wall - 1), out);
  unannounced_ = options_.expected;
  if (remembered_.size() == 0) settle_name(now);
  unannounced_ = false;

  const Timing& t = options_.timing;
  last_heard_ = last_gossip_ = now.mono;
  tokens_ = kTokens;
  const auto stagger = [&](Duration interval) {
    return now.mono + Duration{prng_.between(0, interval.ns)};
  };
  next_probe_ = stagger(t.probe_interval);
  next_gossip_ = stagger(t.gossip_interval);
  next_push_pull_ = stagger(t.push_pull_interval);
  next_heal_ = stagger(t.heal_interval);
  next_retry_ = stagger(t.reconnect_interval);
  next_reap_ = stagger(t.reap_interval);
  join(options_.seeds, now, out);
  for (size_t i = 0; i < std::min<size_t>(remembered_.size(), 8); ++i) {
    push_pull(remembered_.any(prng_).endpoint, true, out);
  }
}

void Swim::prefetch() const {
  pings_.prefetch();
  gossip::prefetch(probes_.data(), probes_.size() * sizeof(Probe));
  gossip::prefetch(ack_payload_.data(), ack_payload_.size());
}

bool Swim::begin(Now now, SwimEffects& out) {
  if (!started_ || refused_) return false;
  if (options_.timing.plain_swim) return true;
  // Whatever is set for a time is set for one that has not passed yet.
  if (now.mono == begun_) return true;
  begun_ = now.mono;
  const Instant asked = next_wake();
  if (now.mono > asked + kLate) slept(now.mono - asked, now, out);
  return true;
}

// Nothing was seen for so long because nobody looked. What came meanwhile waits in the socket, so
// every deadline gets back the time that it lost.
void Swim::slept(Duration by, Now now, SwimEffects& out) {
  suspicions_.shift(by);
  pings_.shift(by);
  for (Probe& probe : probes_) {
    probe.ask_others_at = probe.ask_others_at + by;
    probe.asked_others = probe.asked_others + by;
    probe.deadline = probe.deadline + by;
  }
  for (Later& later : later_) later.at = later.at + by;
  for (Claim& claim : claims_) {
    if (claim.ask_again != kNever) claim.ask_again = claim.ask_again + by;
  }
  for (Instant* at : {&next_probe_, &next_gossip_, &next_push_pull_, &next_rejoin_, &next_heal_,
                      &next_retry_, &next_reap_, &last_heard_, &ask_namesake_, &outbid_at_}) {
    if (*at != kNever) *at = *at + by;
  }
  if (by < options_.timing.probe_timeout) return;
  ++stats_.pauses;
  // Answers that were due may be lost for good: those who were asked are asked again.
  for (const Probe& probe : std::exchange(probes_, {})) {
    pings_.remove(probe.seq);
    if (leaving_ || !valid({probe.target, probe.life})) continue;
    if (hosts_[probe.target].live()) start_probe(probe.target, now, out);
  }
  if (by >= options_.timing.probe_interval) add_health(1);
  if (by >= kLongSleep) push_pull_somebody(out);
}

void Swim::tick(Now now, SwimEffects& out) {
  if (!begin(now, out)) return;
  const Timing& t = options_.timing;
  while (pings_.next() <= now.mono) ping_over(pings_.next_seq(), now, out);
  ask_holders_again(now, out);
  run_probes(now, out);
  for (const HostNumber host : suspicions_.due(now.mono)) ran_out(host, now, out);
  if (next_probe_ <= now.mono) {
    next_probe_ = now.mono + t.probe_interval * (health_ + 1);
    if (!leaving_) probe_next(now, out);
  }
  while (!later_.empty() && later_.front().at <= now.mono) {
    const Ref host = later_.front().host;
    later_.erase(later_.begin());
    if (valid(host) && hosts_[host.host].state == SwimState::kAlive) {
      announce_alive(host.host, true, now);
    }
  }
  if (ask_namesake_ <= now.mono) ask_namesake(now, out);
  if (outbid_at_ <= now.mono) outbid_namesake(now, out);
  if (next_gossip_ <= now.mono) gossip(now, out);
  if (next_push_pull_ <= now.mono) {
    // Hosts that started together are not to exchange their lists together for ever.
    const Duration every = push_pull_every(t, live());
    next_push_pull_ = now.mono + Duration{prng_.between(every.ns / 4 * 3, every.ns / 4 * 5)};
    joined_lately_ = 0;
    push_pull_somebody(out);
  }
  if (next_rejoin_ <= now.mono) {
    next_rejoin_ = kNever;
    if (alone()) rejoin(out);
  }
  if (next_heal_ <= now.mono) {
    next_heal_ = now.mono + t.heal_interval;
    heal(out);
  }
  if (next_retry_ <= now.mono) {
    next_retry_ = now.mono + t.reconnect_interval;
    retry_failed(out);
  }
  if (next_reap_ <= now.mono) {
    next_reap_ = now.mono + t.reap_interval;
    reap(now, out);
  }
}

Instant Swim::next_wake() const {
  if (!started_ || refused_) return kNever;
  Instant next =
      std::min({next_probe_, next_gossip_, next_push_pull_, next_rejoin_, next_heal_, next_retry_,
                next_reap_, ask_namesake_, outbid_at_, pings_.next(), suspicions_.next()});
  for (const Probe& probe : probes_) {
    next = std::min(next, probe.asked ? probe.deadline : probe.ask_others_at);
  }
  for (const Claim& claim : claims_) next = std::min(next, claim.ask_again);
  if (!later_.empty()) next = std::min(next, later_.front().at);
  return next;
}

void Swim::gossip(Now now, SwimEffects& out) {
  const Timing& t = options_.timing;
  last_gossip_ = now.mono;
  next_gossip_ = now.mono + t.gossip_interval;
  tokens_ = kTokens;
  // Those who died lately hear it too: they may be alive and not know what is said of them.
  std::erase_if(recently_dead_, [&](const Ref& r) {
    return !valid(r) || hosts_[r.host].state != SwimState::kDead ||
           now.mono - hosts_[r.host].since > t.gossip_to_the_dead;
  });
  const size_t nodes = static_cast<size_t>(std::max(t.gossip_nodes, 0));
  const size_t first = out.gossip.size();
  const auto target = [&](HostNumber host) {
    const auto same = [host](const SwimEffects::Target& other) { return other.host == host; };
    if (std::any_of(out.gossip.begin() + first, out.gossip.end(), same)) return;
    out.gossip.push_back({host, hosts_[host].endpoint, checksums(host)});
  };
  for (size_t i = 0; i < std::min(hosts_.live().size(), nodes); ++i) {
    target(gossip_round_.next(hosts_, prng_));
  }
  // One of the dead, and after the living: each message is sent only so many times, and what is
  // sent to the dead is mostly sent to nobody.
  if (!recently_dead_.empty()) target(recently_dead_[prng_.below(recently_dead_.size())].host);
}

void Swim::announce(std::string_view name, std::string message, bool urgent, Now now) {
  broadcasts_.put(name, std::move(message));
  if (!urgent || options_.timing.plain_swim) return;
  next_gossip_ = std::min(next_gossip_, std::max(now.mono, last_gossip_ + kGossipSoonest));
}

void Swim::announce_alive(HostNumber host, bool urgent, Now now) {
  if (unannounced_ || (host == kSelf && !name_settled_)) return;
  announce(hosts_.name(host), alive_message(host), urgent, now);
}

void Swim::change(SwimChange kind, HostNumber host, SwimEffects& out) {
  out.changes.push_back({kind, host, hosts_[host].incarnation, std::string(hosts_.name(host))});
}

void Swim::raise_incarnation(uint32_t above, SwimEffects& out) {
  Host& self = hosts_[kSelf];
  const uint32_t floor = std::max(self.incarnation, above);
  if (floor >= kHighestIncarnation) {
    ++stats_.wild_incarnations;
    return;
  }
  self.incarnation = floor + 1;
  if (self.incarnation <= reserved_) return;
  reserved_ = std::min(self.incarnation, kHighestIncarnation - kReserve) + kReserve;
  out.reserve = reserved_;
}

void Swim::add_health(int delta) {
  health_ = std::clamp(health_ + delta, 0, std::max(options_.timing.health_max - 1, 0));
}

bool Swim::spend_token() {
  if (tokens_ <= 0) return false;
  --tokens_;
  return true;
}

Source Swim::source() const {
  const Host& self = hosts_[kSelf];
  return {self.endpoint.bytes(), self.endpoint.port, options_.name};
}

std::string Swim::alive_message(HostNumber host) const {
  const Host& h = hosts_[host];
  const std::array<char, 6> versions = encode(h.versions);
  return encode(Alive{h.incarnation,
                      hosts_.name(host),
                      h.endpoint.bytes(),
                      h.endpoint.port,
                      hosts_.meta(host),
                      {versions.data(), versions.size()}});
}

void Swim::send(const Endpoint& to, std::string message, SwimEffects& out, bool checksum) {
  out.sends.push_back({to, std::move(message), checksum});
}

void Swim::heard(Now now, SwimEffects& out) {
  if (begin(now, out)) last_heard_ = now.mono;
}

void Swim::join(const std::vector<Endpoint>& seeds, Now, SwimEffects& out) {
  for (const Endpoint& seed : seeds) {
    if (!seed.valid() || seed == options_.advertise) continue;
    if (std::find(seeds_.begin(), seeds_.end(), seed) == seeds_.end()) {
      if (seeds_.size() >= kMostSeeds) continue;
      seeds_.push_back(seed);
    }
    if (!met_somebody_ && name_settled_) {
      name_settled_ = false;
      broadcasts_.remove(options_.name);
    }
    push_pull(seed, true, out);
  }
}

void Swim::leave(Now now, SwimEffects& out) {
  if (!begin(now, out) || leaving_) return;
  leaving_ = true;
  hosts_.set_state(kSelf, SwimState::kLeft, now.mono);
  // What we know of others they tell themselves. Who has just joined a large pool has so much of it
  // waiting that this one, short and no newer, would not go out in time.
  broadcasts_.clear();
  announce(options_.name, encode(Dead{incarnation(), options_.name, options_.name}), true, now);
}

void Swim::set_meta(std::string_view meta, Now now, SwimEffects& out) {
  if (!begin(now, out)) return;
  hosts_.set_meta(kSelf, meta);
  renew(0, now, out);
}

void Swim::renew(uint32_t above, Now now, SwimEffects& out) {
  if (!begin(now, out) || leaving_) return;
  raise_incarnation(above, out);
  announce_alive(kSelf, true, now);
}

bool Swim::declare_left(HostNumber host, Now now, SwimEffects& out) {
  if (!begin(now, out) || host >= hosts_.limit() || !hosts_[host].known) return false;
  if (hosts_[host].state != SwimState::kDead) return false;
  const std::string name(hosts_.name(host));
  set_gone(host, Dead{hosts_[host].incarnation, name, name}, now, out);
  return true;
}

bool Swim::forget(HostNumber host, SwimEffects& out) {
  if (host == kSelf || host >= hosts_.limit() || !hosts_[host].known) return false;
  if (hosts_[host].live()) return false;
  drop_host(host, out);
  return true;
}

uint32_t Swim::ping(HostNumber host, Duration timeout, Now now, SwimEffects& out) {
  if (!begin(now, out) || host == kSelf || host >= hosts_.limit() || !hosts_[host].known) return 0;
  PingUnderWay ping;
  ping.kind = PingKind::kAsked;
  ping.host = host;
  ping.life = hosts_[host].life;
  ping.to = hosts_[host].endpoint;
  ping.sent = now.mono;
  ping.deadline = now.mono + timeout;
  const uint32_t seq = pings_.add(ping);
  if (seq == 0) {
    ++stats_.no_room;
    return 0;
  }
  send_ping(seq, host, ping.to, false, timeout, out);
  return seq;
}

}  // namespace phoenix::gossip
