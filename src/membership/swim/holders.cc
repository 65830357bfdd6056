// A name that is claimed at a second address. Either its host was started anew there, or two hosts
// have been given one name. Who holds the name at the old address is asked; only silence frees it.
//
// Others ask the old address, and refuse whoever is new while it answers. Of the two themselves one
// has to end, and only one. What cannot be the same for both is the list with which each came into
// its pool: who was first found nobody of its name in it, and holds the name from then on, however
// young; who came later found the first one there, asks it, and ends if it answers. So does a host
// that hears of a namesake before it got any list. A list that a guest brings tells who is new with
// it, and is no reason to yield to.
//
// Where both have held the name (a split has healed, or each came through another seed in the same
// instant), the view decides, because all that builds on hosts follows it: it has one host of a
// name. If it does not say, the one with the higher address asks, and ends. Not the younger one, by
// its incarnation: that grows whenever a host is accused, so that each could take itself for the
// younger; and after a split age tells nothing of who is meant to stay. Before that it waits so
// long that a newcomer is gone and that the view has heard of both.
//
// Who asks its namesake may be about to end, so it gives the other one no reason to: it leaves its
// questions unanswered. If both ask, that of the lower address takes its question back and answers.
// A host ends by an answer alone, so never both do.
#include <algorithm>
#include <utility>

#include "membership/swim/swim.h"

namespace phoenix::gossip {
namespace {

constexpr size_t kMostClaims = 64;
// For so long after the holder answered, the next claim of the same newcomer is not looked into.
constexpr Duration kFresh = seconds(5);
// A refusal says that nobody listens just now, which is so too of a host that is being started
// again; so it is asked once more after this, as long as the time lasts.
constexpr Duration kAskAgain = milliseconds(200);
// A newcomer has found its namesake, asked and ended by then.
constexpr Duration kTimeToYield = seconds(5);
// After the old address of our own name was silent, old news of it are no reason to ask again.
constexpr Duration kSilentFor = seconds(60);
constexpr Duration kOutbidEvery = seconds(1);
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
  const bool room = claims_.size() < kMostClaims || claim.holder.host == kSelf;
  claim.seq = room ? pings_.add(ping) : 0;
  if (claim.seq == 0) {
    ++stats_.no_room;
    return false;
  }
  send_ping(claim.seq, claim.holder.host, holder, false, options_.timing.holder_check, out);
  send_ping(claim.seq, claim.holder.host, holder, true, options_.timing.holder_check, out);
  claims_.push_back(std::move(claim));
  return true;
}

void Swim::holder_refused(uint32_t seq, Now now) {
  for (Claim& claim : claims_) {
    if (claim.seq == seq && claim.ask_again == kNever) claim.ask_again = now.mono + kAskAgain;
  }
}

void Swim::ask_holders_again(Now now, SwimEffects& out) {
  for (Claim& claim : claims_) {
    if (claim.ask_again > now.mono) continue;
    claim.ask_again = kNever;
    const PingUnderWay* ping = pings_.find(claim.seq);
    if (ping == nullptr || !valid(claim.holder)) continue;
    const Duration left = ping->deadline - now.mono;
    send_ping(claim.seq, claim.holder.host, ping->to, false, left, out);
    send_ping(claim.seq, claim.holder.host, ping->to, true, left, out);
  }
}

void Swim::holder_ended(uint32_t seq, bool answered, Now now, SwimEffects& out) {
  const PingUnderWay* ping = pings_.find(seq);
  if (ping == nullptr) return;
  const Endpoint holder = ping->to;
  pings_.remove(seq);
  const auto found = std::find_if(claims_.begin(), claims_.end(),
                                  [seq](const Claim& claim) { return claim.seq == seq; });
  if (found == claims_.end()) return;
  Claim claim = std::move(*found);
  claims_.erase(found);
  if (!valid(claim.holder)) return;
  const bool ours = claim.holder.host == kSelf;
  if (!answered) return ours ? our_name_is_free(claim, now, out) : move_to(claim, now, out);
  if (ours) {
    refused_ = true;
    out.refused = holder;
    broadcasts_.clear();
    return;
  }
  send(claim.newcomer, alive_message(claim.holder.host), out);
  claim.seq = 0;
  claim.ask_again = kNever;
  claim.until = now.mono + kFresh;
  claims_.push_back(std::move(claim));
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
  named_elsewhere_ = true;
  const Host& self = hosts_[kSelf];
  if (now.mono < silent_until_ && claim.incarnation < self.incarnation) return;
  Claim ours;
  ours.holder = ref(kSelf);
  ours.incarnation = claim.incarnation;
  ours.newcomer = endpoint;
  ours.meta = claim.meta;
  ours.we_come = we_come_new();
  const NamesakeJudge::Verdict verdict = judge(claim.meta);
  if (ours.we_come || verdict == NamesakeJudge::Verdict::kTheirs) {
    if (!asked_about_us()) ask_holder(std::move(ours), endpoint, now, out);
    return;
  }
  // It is the other one who has to look and to yield: tell it where we are.
  if (claim.incarnation >= self.incarnation) {
    // One that does not yield would outbid us in turn, as fast as the network goes.
    outbid_above_ = std::max(outbid_above_, claim.incarnation);
    outbid_to_ = endpoint;
    outbid_at_ = std::max(now.mono, next_outbid_);
    outbid_namesake(now, out);
  } else if (spend_token()) {
    send(endpoint, alive_message(kSelf), out);
  }
  namesake_until_ = now.mono + kSilentFor;
  if (ask_namesake_ != kNever) return;
  namesake_ = std::move(ours);
  const bool open = verdict == NamesakeJudge::Verdict::kOpen && endpoint < self.endpoint;
  if (open) ask_namesake_ = now.mono + kTimeToYield;
}

void Swim::outbid_namesake(Now now, SwimEffects& out) {
  if (outbid_at_ > now.mono) return;
  outbid_at_ = kNever;
  next_outbid_ = now.mono + kOutbidEvery;
  if (leaving_ || outbid_above_ < incarnation()) return;
  outbid(outbid_above_, &outbid_to_, now, out);
}

// Whether what is said of our name just now was so before we were there.
bool Swim::we_come_new() const {
  if (list_ == nullptr) return !name_settled_;
  if (list_->stream == 0) return !name_settled_ && !list_->join;
  return !name_settled_ || list_->stream < first_streams_;
}

void Swim::settle_name(Now now) {
  if (name_settled_) return;
  name_settled_ = true;
  first_streams_ = next_stream_;
  announce_alive(kSelf, true, now);
}

NamesakeJudge::Verdict Swim::judge(std::string_view meta) const {
  return judge_ == nullptr ? NamesakeJudge::Verdict::kOpen : judge_->judge(meta);
}

bool Swim::asked_about_us() const {
  return std::any_of(claims_.begin(), claims_.end(),
                     [](const Claim& known) { return known.holder.host == kSelf; });
}

void Swim::ask_namesake(Now now, SwimEffects& out) {
  ask_namesake_ = kNever;
  const NamesakeJudge::Verdict verdict = judge(namesake_.meta);
  if (leaving_ || asked_about_us() || verdict == NamesakeJudge::Verdict::kOurs) return;
  ask_holder(namesake_, namesake_.newcomer, now, out);
}

void Swim::judge_again(Now now, SwimEffects& out) {
  if (!begin(now, out) || namesake_until_ <= now.mono) return;
  if (judge(namesake_.meta) == NamesakeJudge::Verdict::kTheirs) ask_namesake(now, out);
}

bool Swim::answers(const Ping& ping, Now now) {
  if (!started_ || refused_) return false;
  if (!ping.node.empty() && ping.node != options_.name) return false;
  if (ping.source.node != options_.name) return true;
  const Endpoint asker = endpoint_of(ping.source.address, ping.source.port);
  const Endpoint& self = hosts_[kSelf].endpoint;
  if (asker == self) return false;  // our own question: the old address leads to us
  const auto asked = std::find_if(claims_.begin(), claims_.end(), [&](const Claim& claim) {
    return claim.holder.host == kSelf && claim.newcomer == asker;
  });
  if (asked == claims_.end()) return true;
  if (asker < self) return false;
  pings_.remove(asked->seq);
  claims_.erase(asked);
  settle_name(now);
  return true;
}

void Swim::our_name_is_free(const Claim& claim, Now now, SwimEffects& out) {
  if (leaving_) return;
  silent_until_ = now.mono + kSilentFor;
  namesake_until_ = now.mono;
  if (!claim.we_come) {
    // Nobody needs to be told but those who believed the other one.
    if (claim.incarnation >= incarnation()) outbid(claim.incarnation, nullptr, now, out);
    return;
  }
  ++stats_.moved;
  settle_name(now);
  say_farewell(options_.name, claim.incarnation, kSelf, now);
  raise_incarnation(claim.incarnation, out);
}

}  // namespace phoenix::gossip
