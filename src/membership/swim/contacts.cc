// Whom this host turns to with its whole table: to join, to keep tables equal, and to find again
// who was lost from sight.
#include <algorithm>

#include "membership/swim/swim.h"

namespace phoenix::gossip {
namespace {

constexpr Duration kFirstRejoin = seconds(1);
constexpr Duration kSoon = seconds(1);
constexpr size_t kFewJoins = 3;
constexpr size_t kSeedsAtOnce = 8;  // of those that are tried again while nobody is there

}  // namespace

void Swim::push_pull(const Endpoint& to, bool join, SwimEffects& out) {
  if (!to.valid() || to == options_.advertise) return;
  SwimEffects::Stream stream;
  stream.kind = SwimEffects::StreamKind::kPushPull;
  stream.id = next_stream_++;
  stream.to = to;
  stream.join = join;
  stream.timeout = options_.timing.stream_timeout;
  out.streams.push_back(std::move(stream));
}

void Swim::push_pull_somebody(SwimEffects& out) {
  std::vector<HostNumber> partner;
  pick(1, HostTable::kNone, true, partner);
  if (!partner.empty()) push_pull(hosts_[partner[0]].endpoint, false, out);
}

// Where many come at once (all start together, a split has healed), gossip misses somebody among so
// many news: the lists are compared once more, soon, instead of at the next regular time.
void Swim::exchange_after_many_joins(Now now) {
  if (unannounced_ || ++joined_lately_ <= std::max(live() / 8, kFewJoins)) return;
  joined_lately_ = 0;
  const Duration soon{prng_.between(kSoon.ns, 3 * kSoon.ns)};
  next_push_pull_ = std::min(next_push_pull_, now.mono + soon);
}

void Swim::push_pull_ended(const Endpoint& to, bool ok, Now now, SwimEffects& out) {
  if (!begin(now, out)) return;
  if (ok) {
    last_heard_ = now.mono;
    const auto& live = hosts_.live();
    const auto host = std::find_if(live.begin(), live.end(), [&](HostNumber other) {
      return other != kSelf && hosts_[other].endpoint == to;
    });
    if (host != live.end()) remember(*host, now, out);
  }
  if (!alone()) {
    rejoin_wait_ = {};
    return;
  }
  if (ok || next_rejoin_ != kNever) return;
  rejoin_wait_ = std::clamp(rejoin_wait_ * 2, kFirstRejoin, options_.timing.heal_interval);
  next_rejoin_ = now.mono + rejoin_wait_;
}

// Nobody is there: all that is left is to ask those again who were not.
void Swim::rejoin(SwimEffects& out) {
  // In turn, so that the one that lives among many dead ones is soon reached.
  for (size_t i = 0; i < std::min(seeds_.size(), kSeedsAtOnce); ++i) {
    push_pull(seeds_[next_seed_++ % seeds_.size()], true, out);
  }
  for (size_t i = 0; i < std::min<size_t>(remembered_.size(), 2); ++i) {
    push_pull(remembered_.any(prng_).endpoint, true, out);
  }
}

void Swim::local_state(std::vector<NodeState>& out) const {
  // One encoding of the versions a host, kept where the views can point to: in the table.
  out.reserve(out.size() + hosts_.known());
  for (HostNumber host = 0; host < hosts_.limit(); ++host) {
    const Host& h = hosts_[host];
    if (!h.known) continue;
    static_assert(sizeof(Versions) == 6, "as the wire has them");
    out.push_back({hosts_.name(host),
                   h.endpoint.bytes(),
                   h.endpoint.port,
                   hosts_.meta(host),
                   h.incarnation,
                   h.state,
                   {reinterpret_cast<const char*>(&h.versions), sizeof h.versions}});
  }
}

SwimMerge Swim::merge(const std::vector<NodeState>& nodes, const ListSource& source, Now now,
                      SwimEffects& out) {
  SwimMerge result;
  if (!begin(now, out)) return result;
  last_heard_ = now.mono;
  unannounced_ = options_.expected && alone();
  list_ = &source;
  named_elsewhere_ = false;
  hosts_.expect(nodes.size());
  for (const NodeState& node : nodes) {
    ++result.taken;
    SwimState state = node.state;
    // A namesake under suspicion still holds our name: it is no accusation of ours.
    if (state == SwimState::kSuspect && node.name == options_.name &&
        endpoint_of(node.address, node.port) != options_.advertise) {
      state = SwimState::kAlive;
    }
    switch (state) {
      case SwimState::kAlive: {
        const uint64_t before = stats_.bad_versions;
        apply(Alive{node.incarnation, node.name, node.address, node.port, node.meta, node.versions},
              nullptr, now, out);
        result.incompatible += stats_.bad_versions - before;
        break;
      }
      case SwimState::kLeft:
        apply(Dead{node.incarnation, node.name, node.name}, nullptr, now, out);
        break;
      // What others believe of the dead is only hearsay: it becomes a suspicion of ours, and who
      // lives refutes it.
      case SwimState::kSuspect:
      case SwimState::kDead:
        apply(Suspect{node.incarnation, node.name, options_.name}, nullptr, now, out);
        break;
    }
  }
  if (!named_elsewhere_) settle_name(now);
  list_ = nullptr;
  unannounced_ = false;
  return result;
}

bool Swim::is_live_address(const Endpoint& endpoint) const {
  if (endpoint == options_.advertise) return true;
  const auto& live = hosts_.live();
  return std::any_of(live.begin(), live.end(),
                     [&](HostNumber host) { return hosts_[host].endpoint == endpoint; });
}

// One of those who were here, or who were named to us, and are not: perhaps the network between us
// has healed. Each host tries one; together they try all.
void Swim::heal(SwimEffects& out) {
  const size_t known = seeds_.size() + remembered_.size();
  if (known == 0 || leaving_) return;
  for (int tries = 0; tries < 8; ++tries) {
    const size_t at = prng_.below(known);
    const Endpoint to = at < seeds_.size() ? seeds_[at] : remembered_.any(prng_).endpoint;
    if (is_live_address(to)) continue;
    return push_pull(to, false, out);
  }
}

// Serf's way to find who failed: the more failed, the likelier each host tries one of them.
void Swim::retry_failed(SwimEffects& out) {
  const size_t failed = hosts_.gone() - hosts_.left();
  if (failed == 0 || leaving_ || !prng_.chance(std::min(failed, live()), live())) return;
  uint64_t skip = prng_.below(failed);
  for (HostNumber host = 1; host < hosts_.limit(); ++host) {
    const Host& h = hosts_[host];
    if (!h.known || h.state != SwimState::kDead || skip-- != 0) continue;
    return push_pull(h.endpoint, false, out);
  }
}

void Swim::reap(Now now, SwimEffects& out) {
  const Timing& t = options_.timing;
  for (HostNumber host = 1; host < hosts_.limit(); ++host) {
    const Host& h = hosts_[host];
    if (!h.known || h.live()) continue;
    const bool left = h.state == SwimState::kLeft;
    if (now.mono - h.since >= (left ? t.tombstone_timeout : t.reconnect_timeout)) {
      drop_host(host, out);
    }
  }
}

}  // namespace phoenix::gossip
