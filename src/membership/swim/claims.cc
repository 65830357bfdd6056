// What is claimed about hosts, by themselves and by others, and what becomes of it. Claims about
// one host are ordered by (incarnation, state); a lower one never undoes a higher one.
#include <algorithm>
#include <utility>

#include "base/key.h"
#include "membership/swim/swim.h"

namespace phoenix::gossip {
namespace {

// No host gets so far ahead of the clock by honest restarts and refutations.
constexpr uint64_t kLeap = uint64_t{1} << 24;
constexpr size_t kLongestName = 128;
constexpr size_t kLongestMeta = 512;
constexpr size_t kMostRecentlyDead = 1'024;
constexpr size_t kGoneAnyway = 4'096;  // so many gone hosts are kept even by a small pool
constexpr uint32_t kHighestClaim = 0xFFFF'0000;

// Names stand in logs, on terminals and in JSON.
bool is_name(std::string_view name) { return name.size() <= kLongestName && valid_name(name); }

bool in(uint8_t low, uint8_t value, uint8_t high) { return low <= value && value <= high; }

// Each speaks what the other understands.
bool compatible(const Versions& a, const Versions& b) {
  return in(a.protocol_min, b.protocol, a.protocol_max) &&
         in(b.protocol_min, a.protocol, b.protocol_max) &&
         in(a.delegate_min, b.delegate, a.delegate_max) &&
         in(b.delegate_min, a.delegate, b.delegate_max);
}

// To tell witnesses apart, no more; the same on every host.
uint64_t witness(std::string_view name) { return siphash13(RingKey{}, name); }

// What the first one says is what the next claim about the host replaces.
std::string witness_subject(std::string_view name, int number) {
  return number == 0 ? std::string(name)
                     : "witness " + std::to_string(number) + " of " + std::string(name);
}

}  // namespace

void Swim::receive(const Alive& message, const Endpoint& from, Now now, SwimEffects& out) {
  if (!begin(now, out)) return;
  last_heard_ = now.mono;
  apply(message, &from, now, out);
}

void Swim::receive(const Suspect& message, const Endpoint& from, Now now, SwimEffects& out) {
  if (!begin(now, out)) return;
  last_heard_ = now.mono;
  apply(message, &from, now, out);
}

void Swim::receive(const Dead& message, const Endpoint& from, Now now, SwimEffects& out) {
  if (!begin(now, out)) return;
  last_heard_ = now.mono;
  apply(message, &from, now, out);
}

bool Swim::plausible(uint32_t incarnation, uint32_t stored, Now now) {
  const auto wall = static_cast<uint64_t>(std::max<WallMs>(now.wall / 1000, 0));
  if (incarnation <= std::max<uint64_t>(stored, wall) + kLeap) return true;
  ++stats_.wild_incarnations;
  return false;
}

bool Swim::readable(const Alive& claim, Endpoint& endpoint, Versions& versions) {
  if (!decode(claim.versions, versions) || !compatible(versions, options_.versions)) {
    ++stats_.bad_versions;
    return false;
  }
  // Protocol 1 says no port: it is the one that everybody uses.
  endpoint = endpoint_of(claim.address, claim.port == 0 ? options_.advertise.port : claim.port);
  if (is_name(claim.node) && claim.meta.size() <= kLongestMeta && endpoint.valid() &&
      of_one_host(endpoint)) {
    return true;
  }
  ++stats_.bad_claims;
  return false;
}

void Swim::apply(const Alive& claim, const Endpoint* from, Now now, SwimEffects& out) {
  const HostNumber host = hosts_.find(claim.node);
  // Most claims have been heard before: nothing of them needs to be looked at.
  if (host != HostTable::kNone && host != kSelf) {
    const Host& h = hosts_[host];
    if (h.state == SwimState::kAlive && claim.incarnation <= h.incarnation &&
        claim.port == h.endpoint.port && claim.address == h.endpoint.bytes()) {
      ++stats_.stale;
      return;
    }
  }
  Endpoint endpoint;
  Versions versions;
  const uint32_t stored = host == HostTable::kNone ? 0 : hosts_[host].incarnation;
  if (!readable(claim, endpoint, versions) || !plausible(claim.incarnation, stored, now)) return;
  if (host == HostTable::kNone) return take_unknown(claim, endpoint, versions, now, out);
  if (host == kSelf) return alive_about_us(claim, endpoint, versions, from, now, out);

  const Host& h = hosts_[host];
  const bool elsewhere = h.endpoint != endpoint;
  if (claim.incarnation <= h.incarnation) {
    ++stats_.stale;
    if (h.state != SwimState::kAlive) return accuse(host, endpoint, from, out);
    if (!elsewhere) return;
    ++stats_.conflicts;
    // It does not know of its namesake: tell it, so that it can look whether that one lives.
    if (spend_token()) send(endpoint, alive_message(host), out);
    return;
  }
  if (elsewhere && h.live()) return newcomer(host, claim, endpoint, versions, now, out);
  const bool farewell = elsewhere && h.state == SwimState::kDead;
  if (farewell) say_farewell(claim.node, h.incarnation, host, now);
  take_known(host, claim, endpoint, versions, now, out);
  if (!farewell) announce_alive(host, false, now);
}

void Swim::take_unknown(const Alive& claim, const Endpoint& endpoint, const Versions& versions,
                        Now now, SwimEffects& out) {
  if (hosts_.full() && hosts_.longest_gone() != HostTable::kNone) {
    ++stats_.forgotten_early;
    drop_host(hosts_.longest_gone(), out);
  }
  if (hosts_.full()) {
    ++stats_.no_room;
    return;
  }
  const HostNumber host = hosts_.add(claim.node, claim.meta, now.mono);
  take_known(host, claim, endpoint, versions, now, out);
  announce_alive(host, false, now);
}

// Requires: the claim is newer than what is known, and its address may be taken.
void Swim::take_known(HostNumber host, const Alive& claim, const Endpoint& endpoint,
                      const Versions& versions, Now now, SwimEffects& out) {
  Host& h = hosts_[host];
  const SwimState before = h.state;
  if (h.endpoint != endpoint) h.proven = false;
  h.endpoint = endpoint;
  h.versions = versions;
  h.incarnation = claim.incarnation;
  hosts_.set_meta(host, claim.meta);
  end_suspicion(host);
  if (before == SwimState::kAlive) return change(SwimChange::kUpdated, host, out);
  hosts_.set_state(host, SwimState::kAlive, now.mono);
  if (before == SwimState::kSuspect) return change(SwimChange::kCleared, host, out);
  probe_round_.add(host, prng_);
  gossip_round_.add(host, prng_);
  met_somebody_ = true;
  change(SwimChange::kJoined, host, out);
  exchange_after_many_joins(now);
}

void Swim::alive_about_us(const Alive& claim, const Endpoint& endpoint, const Versions& versions,
                          const Endpoint* from, Now now, SwimEffects& out) {
  if (leaving_) return;
  const Host& self = hosts_[kSelf];
  if (endpoint != self.endpoint) return our_name_elsewhere(claim, endpoint, now, out);
  const bool another = claim.meta != hosts_.meta(kSelf) || versions != self.versions;
  if (claim.incarnation > self.incarnation || (claim.incarnation == self.incarnation && another)) {
    refute(claim.incarnation, from, now, out);
  }
}

void Swim::refute(uint32_t accused, const Endpoint* from, Now now, SwimEffects& out) {
  if (accused >= kHighestClaim) {
    ++stats_.wild_incarnations;
    return;
  }
  ++stats_.refutations;
  add_health(1);  // we must have been slow, or nobody would have said it
  outbid(accused, from, now, out);
}

void Swim::outbid(uint32_t incarnation, const Endpoint* from, Now now, SwimEffects& out) {
  raise_incarnation(incarnation, out);
  announce_alive(kSelf, true, now);
  if (from != nullptr && from->valid()) send(*from, alive_message(kSelf), out);
}

// A host announces itself with an incarnation to which something worse is known. It cannot know,
// or it would have refuted it; and nobody would believe it for as long as it does not.
void Swim::accuse(HostNumber host, const Endpoint& claimed, const Endpoint* from,
                  SwimEffects& out) {
  if (!spend_token()) return;
  ++stats_.accusations;
  const Host& h = hosts_[host];
  const std::string_view name = hosts_.name(host);
  std::string message;
  if (h.state == SwimState::kSuspect) {
    message = encode(Suspect{h.incarnation, name, options_.name});
  } else {
    message = encode(Dead{h.incarnation, name, h.state == SwimState::kLeft ? name : options_.name});
  }
  if (from != nullptr && from->valid() && *from != claimed) send(*from, message, out);
  send(claimed, std::move(message), out);
}

// Whom an accusation is about, if there is anything to be done: kNone when it is nobody known, old
// news, out of all proportion, or about us, which is refuted at once.
HostNumber Swim::accused(std::string_view node, uint32_t incarnation, const Endpoint* from, Now now,
                         SwimEffects& out) {
  const HostNumber host = hosts_.find(node);
  if (host == HostTable::kNone || incarnation < hosts_[host].incarnation) {
    ++stats_.stale;
    return HostTable::kNone;
  }
  if (!plausible(incarnation, hosts_[host].incarnation, now)) return HostTable::kNone;
  if (host != kSelf) return host;
  if (!leaving_) refute(incarnation, from, now, out);
  return HostTable::kNone;
}

void Swim::apply(const Suspect& claim, const Endpoint* from, Now now, SwimEffects& out) {
  const HostNumber host = accused(claim.node, claim.incarnation, from, now, out);
  if (host == HostTable::kNone) return;
  Host& h = hosts_[host];
  const bool newer = claim.incarnation > h.incarnation;
  h.incarnation = claim.incarnation;
  switch (h.state) {
    case SwimState::kDead:
      return;
    case SwimState::kLeft:
      // It was here again after it left, and is missed.
      if (newer) set_gone(host, Dead{claim.incarnation, claim.node, claim.from}, now, out);
      return;
    case SwimState::kSuspect:
    case SwimState::kAlive:
      return suspect(host, claim.from, true, now, out);
  }
}

// Requires: alive or suspect. `look`: we have only heard it, and may look for ourselves.
void Swim::suspect(HostNumber host, std::string_view from, bool look, Now now, SwimEffects& out) {
  if (hosts_[host].state == SwimState::kAlive) return start_suspicion(host, from, look, now, out);
  if (!suspicions_.confirm(host, witness(from), now.mono)) return;
  ++stats_.confirmations;
  announce_suspicion(host, from, now);
}

// Each witness is passed on for itself: replaced by the next one, it might never get round.
void Swim::announce_suspicion(HostNumber host, std::string_view from, Now now) {
  const std::string_view name = hosts_.name(host);
  announce(witness_subject(name, suspicions_.find(host)->confirmed),
           encode(Suspect{hosts_[host].incarnation, name, from}), true, now);
}

void Swim::end_suspicion(HostNumber host) {
  const Suspicions::Suspicion* s = suspicions_.find(host);
  if (s == nullptr) return;
  for (int i = 1; i <= s->confirmed; ++i) {
    broadcasts_.remove(witness_subject(hosts_.name(host), i));
  }
  suspicions_.cancel(host);
}

void Swim::start_suspicion(HostNumber host, std::string_view from, bool look, Now now,
                           SwimEffects& out) {
  const Timing& t = options_.timing;
  ++stats_.suspicions;
  hosts_.set_state(host, SwimState::kSuspect, now.mono);
  const Duration shortest = shortest_suspicion(t, live());
  const int others = static_cast<int>(live()) - 2;
  const int expected = others < t.confirmations ? 0 : t.confirmations;
  suspicions_.start(host, witness(from), shortest, shortest * t.suspicion_max_multiplier, expected,
                    now.mono);
  announce_suspicion(host, from, now);
  fewer_confirmers(now);
  change(SwimChange::kSuspected, host, out);
  if (!look || t.plain_swim) return;
  // Some of those who hear of it look for themselves: that confirms it soon, or lets the suspect
  // know. As many as are needed, however large the pool is.
  const size_t alive = hosts_.live().size() - hosts_.suspects() + 1;
  if (prng_.chance(std::min<size_t>(2 * t.confirmations + 2, alive), alive)) {
    probe_at_once(host, now, out);
  }
}

// Those who are suspected or gone confirm nothing; waiting for them would only cost time.
void Swim::fewer_confirmers(Now now) {
  const size_t others = hosts_.live().size() - hosts_.suspects();
  if (others < static_cast<size_t>(std::max(options_.timing.confirmations, 0))) {
    suspicions_.expect_at_most(0, now.mono);
  }
}

void Swim::apply(const Dead& claim, const Endpoint* from, Now now, SwimEffects& out) {
  const HostNumber host = accused(claim.node, claim.incarnation, from, now, out);
  if (host == HostTable::kNone) return;
  const Host& h = hosts_[host];
  const bool left = claim.from == claim.node;
  if (!h.live() && claim.incarnation == h.incarnation && (h.state == SwimState::kLeft || !left)) {
    ++stats_.stale;
    return;
  }
  set_gone(host, claim, now, out);
}

// Requires: the claim is above what is known.
void Swim::set_gone(HostNumber host, const Dead& claim, Now now, SwimEffects& out) {
  Host& h = hosts_[host];
  const SwimState before = h.state;
  const SwimState state = claim.from == claim.node ? SwimState::kLeft : SwimState::kDead;
  h.incarnation = claim.incarnation;
  end_suspicion(host);
  announce(claim.node, encode(claim), true, now);
  if (before == state) return;
  hosts_.set_state(host, state, now.mono);
  fewer_confirmers(now);
  if (state == SwimState::kDead) {
    if (recently_dead_.size() >= kMostRecentlyDead) recently_dead_.erase(recently_dead_.begin());
    recently_dead_.push_back(ref(host));
    change(SwimChange::kDead, host, out);
  } else {
    if (remembered_.forget(claim.node)) out.remembered_changed = true;
    change(SwimChange::kLeft, host, out);
  }
  trim_gone(out);
}

void Swim::drop_host(HostNumber host, SwimEffects& out) {
  change(SwimChange::kForgotten, host, out);
  broadcasts_.remove(hosts_.name(host));
  end_suspicion(host);
  hosts_.remove(host);
}

void Swim::trim_gone(SwimEffects& out) {
  while (hosts_.gone() > std::max(kGoneAnyway, 4 * hosts_.live().size())) {
    ++stats_.forgotten_early;
    drop_host(hosts_.longest_gone(), out);
  }
}

}  // namespace phoenix::gossip
