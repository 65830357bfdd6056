// A name that is claimed at a second address. Either its host was started anew there, or two hosts
// have been given one name. Who holds the name at the old address is asked; only silence frees it.
#include <algorithm>
#include <utility>

#include "membership/swim/swim.h"

namespace phoenix::gossip {
namespace {

constexpr size_t kMostClaims = 64;
// For so long after the holder answered, the next claim of the same newcomer is not looked into.
constexpr Duration kFresh = seconds(5);
// Who has been here for so long without meeting a namesake holds its name, and does not yield.
constexpr Duration kProbation = seconds(5);
// Of two namesakes that meet, both new to their pool, one has to stay: the other has yielded when
// this is over for the first, and so on for each step of patience.
constexpr Duration kTimeToYield = seconds(2);
// After the old address of our own name was silent, old news of it are no reason to ask again.
constexpr Duration kSilentFor = seconds(60);
constexpr size_t kMostLater = 64;

}  // namespace

void Swim::newcomer(HostNumber host, const Alive& claim, const Endpoint& endpoint,
                    const Versions& versions, Now now, SwimEffects& out) {
  ++stats_.conflicts;
  const Ref holder = ref(host);
  std::erase_if(claims_, [&](const Claim& c) { return c.seq == 0 && c.until <= now.mono; });
  for (Claim& known : claims_) {
    if (known.holder != holder) continue;
    if (known.seq == 0) {
      if (known.newcomer != endpoint) continue;
      if (spend_token()) send(endpoint, alive_message(host), out);
    } else if (known.newcomer == endpoint && claim.incarnation > known.incarnation) {
      known.incarnation = claim.incarnation;
      known.meta = claim.meta;
    }
    return;
  }
  Claim asked;
  asked.holder = holder;
  asked.newcomer = endpoint;
  asked.incarnation = claim.incarnation;
  asked.meta = claim.meta;
  asked.versions = versions;
  ask_holder(std::move(asked), hosts_[host].endpoint, now, out);
}

bool Swim::ask_holder(Claim claim, const Endpoint& holder, Now now, SwimEffects& out) {
  PingUnderWay ping;
  ping.kind = PingKind::kHolder;
  ping.host = claim.holder.host;
  ping.life = claim.holder.life;
  ping.to = holder;
  ping.sent = now.mono;
  ping.deadline = now.mono + options_.timing.holder_check;
  claim.seq = claims_.size() < kMostClaims ? pings_.add(ping) : 0;
  if (claim.seq == 0) {
    ++stats_.no_room;
    return false;
  }
  send_ping(claim.seq, claim.holder.host, holder, false, options_.timing.holder_check, out);
  send_ping(claim.seq, claim.holder.host, holder, true, options_.timing.holder_check, out);
  claims_.push_back(std::move(claim));
  return true;
}

void Swim::holder_ended(uint32_t seq, Outcome outcome, Now now, SwimEffects& out) {
  PingUnderWay* ping = pings_.find(seq);
  if (ping == nullptr) return;
  if (outcome == Outcome::kRefused) {
    // Nobody listens there by that protocol. The other one gets the time that an answer takes.
    const Instant soon = std::max(now.mono, ping->sent + options_.timing.probe_timeout);
    return pings_.set_deadline(seq, std::min(ping->deadline, soon));
  }
  const Endpoint holder = ping->to;
  pings_.remove(seq);
  const auto found = std::find_if(claims_.begin(), claims_.end(),
                                  [seq](const Claim& claim) { return claim.seq == seq; });
  if (found == claims_.end()) return;
  const Claim claim = *found;
  claims_.erase(found);
  if (!valid(claim.holder)) return;
  const bool ours = claim.holder.host == kSelf;
  if (outcome == Outcome::kSilent) {
    return ours ? our_name_is_free(claim, now, out) : move_to(claim, now, out);
  }
  if (!ours) {
    send(claim.newcomer, alive_message(claim.holder.host), out);
    claims_.push_back(claim);
    claims_.back().seq = 0;
    claims_.back().until = now.mono + kFresh;
    return;
  }
  // It answers, so one of us is too many. It may be asking about us just as well, and only one is
  // to go: who came just now before who waited here alone, and of equals the one with the higher
  // address. The other one asks again when that has had its time.
  const bool waited = now.mono - born_ >= kProbation;
  const int patience = (waited ? 2 : 0) + (hosts_[kSelf].endpoint < holder ? 1 : 0);
  if (patience > 0 && !claim.again) {
    namesake_ = claim;
    namesake_.again = true;
    ask_namesake_ = now.mono + kTimeToYield * patience;
    send(holder, alive_message(kSelf), out);
    return;
  }
  refused_ = true;
  out.refused = holder;
  broadcasts_.clear();
}

// The old address is silent: the claim is as good as any other.
void Swim::move_to(const Claim& claim, Now now, SwimEffects& out) {
  const HostNumber host = claim.holder.host;
  const Host& h = hosts_[host];
  if (claim.incarnation <= h.incarnation) {
    ++stats_.stale;
    if (h.state != SwimState::kAlive) accuse(host, claim.newcomer, nullptr, out);
    return;
  }
  ++stats_.moved;
  const std::string name(hosts_.name(host));
  if (h.state != SwimState::kLeft) say_farewell(name, h.incarnation, host, now);
  Alive alive;
  alive.incarnation = claim.incarnation;
  alive.node = name;
  alive.meta = claim.meta;
  take_known(host, alive, claim.newcomer, claim.versions, now, out);
}

// memberlist keeps the old address of a name, unless its host has left: so it leaves first, by its
// own word, and the new life is announced when that has had time to go round.
void Swim::say_farewell(std::string_view name, uint32_t incarnation, HostNumber host, Now now) {
  const std::string subject = std::string("left ") + std::string(name);
  announce(subject, encode(Dead{incarnation, name, name}), true, now);
  broadcasts_.remove(name);
  if (later_.size() >= kMostLater) later_.erase(later_.begin());
  later_.push_back({now.mono + options_.timing.gossip_interval * 2, ref(host)});
}

void Swim::our_name_elsewhere(const Alive& claim, const Endpoint& endpoint, Now now,
                              SwimEffects& out) {
  ++stats_.conflicts;
  const Host& self = hosts_[kSelf];
  if (now.mono < silent_until_ && claim.incarnation < self.incarnation) return;
  if (settled(now)) {
    // It is the newcomer who has to look and to yield: tell it where we are.
    if (claim.incarnation >= self.incarnation)
      return refute(claim.incarnation, &endpoint, now, out);
    if (spend_token()) send(endpoint, alive_message(kSelf), out);
    return;
  }
  if (ask_namesake_ != kNever) return;
  const auto asked = [](const Claim& known) { return known.holder.host == kSelf; };
  if (std::any_of(claims_.begin(), claims_.end(), asked)) return;
  Claim ours;
  ours.holder = ref(kSelf);
  ours.incarnation = claim.incarnation;
  ours.newcomer = endpoint;
  ask_holder(std::move(ours), endpoint, now, out);
}

// Who looks for others may find, at the first contact, that its name has been taken long since. Who
// looks for nobody is the first of its pool.
bool Swim::settled(Now now) const {
  const Instant since = looked_for_others_ ? first_contact_ : born_;
  return since != kNever && now.mono - since >= kProbation;
}

void Swim::ask_namesake(Now now, SwimEffects& out) {
  ask_namesake_ = kNever;
  if (!leaving_) ask_holder(namesake_, namesake_.newcomer, now, out);
}

void Swim::our_name_is_free(const Claim& claim, Now now, SwimEffects& out) {
  if (leaving_) return;
  ++stats_.moved;
  silent_until_ = now.mono + kSilentFor;
  say_farewell(options_.name, claim.incarnation, kSelf, now);
  raise_incarnation(claim.incarnation, out);
}

}  // namespace phoenix::gossip
