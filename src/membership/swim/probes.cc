// Who is asked whether it lives, by whom, and what silence means. The round goes over a shuffled
// list; hints (a refused packet, somebody else's suspicion) are followed at once beside it.
#include <algorithm>
#include <utility>

#include "membership/swim/swim.h"

namespace phoenix::gossip {
namespace {

constexpr size_t kMostProbes = 8;  // at one time, the round's among them
constexpr size_t kMostHints = 64;
constexpr uint8_t kStreamPings = 3, kNacks = 4;  // the protocol that brought them
// A relay of Serf's default timing gives up after half a second, which is late for ours.
constexpr Duration kLateAnswers = seconds(1);
// A suspect that answers and still does not refute is asked so often, then it is as good as dead.
constexpr int kMostChecks = 4;
// A host that hears nobody keeps its opinion for itself for so long: a second for each host of the
// pool, since few can well fail together and many cannot.
constexpr int64_t kDeafest = 40;

}  // namespace

void Swim::probe_next(Now now, SwimEffects& out) {
  while (!hints_.empty()) {
    const Ref hint = hints_.front();
    hints_.erase(hints_.begin());
    if (valid(hint) && hosts_[hint.host].live()) return start_probe(hint.host, now, out);
  }
  const HostNumber host = probe_round_.next(hosts_, prng_);
  if (host != HostTable::kNone) start_probe(host, now, out);
}

void Swim::probe_at_once(HostNumber host, Now now, SwimEffects& out) {
  const Ref target = ref(host);
  const auto same = [&](const Probe& p) { return p.target == host && p.life == target.life; };
  if (leaving_ || std::any_of(probes_.begin(), probes_.end(), same)) return;
  if (probes_.size() < kMostProbes) return start_probe(host, now, out);
  if (hints_.size() < kMostHints && std::find(hints_.begin(), hints_.end(), target) == hints_.end())
    hints_.push_back(target);
}

void Swim::send_ping(uint32_t seq, HostNumber host, const Endpoint& to, bool by_stream,
                     Duration timeout, SwimEffects& out) {
  std::string message = encode(Ping{seq, hosts_.name(host), source()});
  if (by_stream) {
    if (hosts_[host].versions.protocol_max < kStreamPings) return;
    out.streams.push_back(
        {SwimEffects::StreamKind::kPing, seq, to, std::move(message), false, timeout});
    return;
  }
  // Who is under suspicion hears of it together with the ping, and can refute it.
  const bool suspect = hosts_[host].state == SwimState::kSuspect && !options_.timing.plain_swim;
  send(to, std::move(message), out, suspect && checksums(host));
  if (!suspect) return;
  send(to, encode(Suspect{hosts_[host].incarnation, hosts_.name(host), options_.name}), out,
       checksums(host));
}

void Swim::start_probe(HostNumber host, Now now, SwimEffects& out) {
  const Timing& t = options_.timing;
  Probe probe;
  probe.target = host;
  probe.life = hosts_[host].life;
  probe.ask_others_at = now.mono + t.probe_timeout * (health_ + 1);
  probe.deadline = now.mono + t.probe_interval * (health_ + 1);
  PingUnderWay ping;
  ping.kind = PingKind::kProbe;
  ping.host = host;
  ping.life = probe.life;
  ping.to = hosts_[host].endpoint;
  ping.sent = now.mono;
  ping.deadline = probe.deadline + kLateAnswers;
  probe.seq = pings_.add(ping);
  if (probe.seq == 0) {
    ++stats_.no_room;
    return;
  }
  ++stats_.probes;
  send_ping(probe.seq, host, ping.to, false, t.probe_timeout, out);
  probes_.push_back(probe);
}

void Swim::run_probes(Now now, SwimEffects& out) {
  std::vector<uint32_t> over;
  for (Probe& probe : probes_) {
    if (!probe.asked && probe.ask_others_at <= now.mono) ask_others(probe, now, out);
    if (probe.deadline <= now.mono) over.push_back(probe.seq);
  }
  for (const uint32_t seq : over) probe_failed(seq, false, now, out);
}

void Swim::ask_others(Probe& probe, Now now, SwimEffects& out) {
  probe.asked = true;
  probe.asked_others = now.mono;
  const Ref target{probe.target, probe.life};
  if (!valid(target)) return;
  const Host& h = hosts_[probe.target];
  std::vector<HostNumber> others;
  pick(static_cast<size_t>(std::max(options_.timing.indirect_checks, 0)), probe.target, true,
       others);
  for (const HostNumber other : others) {
    IndirectPing ping;
    ping.seq_no = probe.seq;
    ping.target = h.endpoint.bytes();
    ping.port = h.endpoint.port;
    ping.node = hosts_.name(probe.target);
    ping.nack = hosts_[other].versions.protocol_max >= kNacks;
    ping.source = source();
    if (ping.nack) ++probe.nacks_expected;
    ++stats_.indirect_probes;
    send(hosts_[other].endpoint, encode(ping), out);
  }
  if (options_.timing.plain_swim) return;
  send_ping(probe.seq, probe.target, h.endpoint, true, probe.deadline - now.mono, out);
}

void Swim::probe_answered(uint32_t seq) {
  const auto probe =
      std::find_if(probes_.begin(), probes_.end(), [seq](const Probe& p) { return p.seq == seq; });
  if (probe == probes_.end()) return;
  if (Suspicions::Suspicion* s = suspicions_.find(probe->target)) s->answered = true;
  probes_.erase(probe);
  add_health(-1);
}

void Swim::probe_failed(uint32_t seq, bool refused, Now now, SwimEffects& out) {
  const auto at =
      std::find_if(probes_.begin(), probes_.end(), [seq](const Probe& p) { return p.seq == seq; });
  if (at == probes_.end()) return;
  const Probe probe = *at;
  probes_.erase(at);
  const int missing = probe.nacks_expected - probe.nacks;
  if (PingUnderWay* ping = pings_.find(seq)) {
    ping->over = true;
    ping->owed = refused ? 0 : missing;
    pings_.set_deadline(seq, now.mono + kLateAnswers);
  }
  // Who was refused has been heard by that machine: nothing is wrong with us.
  if (!refused) add_health(probe.nacks_expected > 0 ? missing : 1);
  const Ref target{probe.target, probe.life};
  if (leaving_ || !valid(target) || !hosts_[probe.target].live()) return;
  out.pings.push_back({probe.target, seq, false, false, {}, {}});
  if (!refused && probe.nacks_expected > 0 && probe.nacks == 0 && deaf(probe.asked_others, now)) {
    ++stats_.inconclusive;
    if (hints_.size() < kMostHints) hints_.push_back(target);
    return;
  }
  ++stats_.probes_failed;
  suspect(probe.target, options_.name, false, now, out);
}

bool Swim::deaf(Instant since, Now now) const {
  if (options_.timing.plain_swim || last_heard_ > since) return false;
  if (hosts_.live().size() <= hosts_.suspects()) return false;  // nobody whom we could hear
  const auto limit = std::min<int64_t>(kDeafest, static_cast<int64_t>(live()));
  return now.mono - last_heard_ < seconds(limit);
}

void Swim::ran_out(HostNumber host, Now now, SwimEffects& out) {
  Suspicions::Suspicion* s = suspicions_.find(host);
  if (s == nullptr || s->deadline > now.mono) return;
  if (leaving_) return end_suspicion(host);
  // Before it becomes a death: if we are not well, or it does answer, it gets one more chance.
  const bool answered = s->answered && s->checks < kMostChecks;
  const bool unwell = s->checks == 0 && health_ > 0;
  const bool unheard = deaf(s->checks == 0 ? s->started : s->checked, now);
  if (!options_.timing.plain_swim && (answered || unwell || unheard)) {
    const Duration wait = options_.timing.probe_timeout * (health_ + 1);
    PingUnderWay ping;
    ping.kind = PingKind::kLast;
    ping.host = host;
    ping.life = hosts_[host].life;
    ping.to = hosts_[host].endpoint;
    ping.sent = now.mono;
    ping.deadline = now.mono + wait;
    const uint32_t seq = pings_.add(ping);
    if (seq != 0) {
      ++s->checks;
      s->checked = now.mono;
      s->answered = false;
      suspicions_.postpone(host, now.mono + (answered ? std::max(wait, s->shortest) : wait));
      send_ping(seq, host, ping.to, false, wait, out);
      send_ping(seq, host, ping.to, true, wait, out);
      return;
    }
  }
  ++stats_.deaths;
  const std::string name(hosts_.name(host));
  set_gone(host, Dead{hosts_[host].incarnation, name, options_.name}, now, out);
}

void Swim::receive(const Ping& message, const Endpoint& from, Now now, SwimEffects& out) {
  if (!begin(now, out)) return;
  last_heard_ = now.mono;
  if (!answers(message, now)) return;
  const Endpoint said = endpoint_of(message.source.address, message.source.port);
  const Endpoint& to = said.valid() ? said : from;
  send(to, encode(Ack{message.seq_no, ack_payload_}), out);
  // Who is taken for dead here and lives does not know what is said of it.
  if (message.source.node.empty() || hosts_.gone() == hosts_.left()) return;
  const HostNumber host = hosts_.find(message.source.node);
  if (host == HostTable::kNone || hosts_[host].state != SwimState::kDead) return;
  if (hosts_[host].endpoint == to) accuse(host, to, nullptr, out);
}

void Swim::receive(const IndirectPing& message, const Endpoint& from, Now now, SwimEffects& out) {
  if (!begin(now, out)) return;
  last_heard_ = now.mono;
  PingUnderWay ping;
  ping.kind = PingKind::kRelay;
  ping.nack = message.nack;
  ping.to = endpoint_of(message.target, message.port == 0 ? options_.advertise.port : message.port);
  const Endpoint said = endpoint_of(message.source.address, message.source.port);
  ping.back = said.valid() ? said : from;
  ping.back_seq = message.seq_no;
  ping.sent = now.mono;
  ping.deadline = now.mono + options_.timing.probe_timeout;
  const uint32_t seq = ping.to.valid() ? pings_.add(ping) : 0;
  if (seq == 0) {
    ++stats_.no_room;
    return;
  }
  send(ping.to, encode(Ping{seq, message.node, source()}), out);
}

void Swim::receive(const Ack& message, const Endpoint& from, Now now, SwimEffects& out) {
  if (!begin(now, out)) return;
  last_heard_ = now.mono;
  const PingUnderWay* found = pings_.find(message.seq_no);
  if (found == nullptr) return;
  const PingUnderWay ping = *found;
  const bool direct = from == ping.to;
  switch (ping.kind) {
    case PingKind::kRelay:
      pings_.remove(message.seq_no);
      return send(ping.back, encode(Ack{ping.back_seq, {}}), out);
    case PingKind::kHolder:
      return holder_ended(message.seq_no, true, now, out);
    case PingKind::kAsked:
      // Another address than the one asked, or another host behind it: no answer.
      if (!direct || !valid({ping.host, ping.life})) return;
      break;
    default:
      break;
  }
  pings_.remove(message.seq_no);
  if (!valid({ping.host, ping.life})) return;
  if (ping.kind == PingKind::kProbe) probe_answered(message.seq_no);
  if (Suspicions::Suspicion* s = suspicions_.find(ping.host)) s->answered = true;
  if (direct && !ping.over) direct_answer(ping, message.seq_no, message.payload, now, out);
}

void Swim::direct_answer(const PingUnderWay& ping, uint32_t seq, std::string_view payload, Now now,
                         SwimEffects& out) {
  Host& h = hosts_[ping.host];
  if (h.endpoint == ping.to && h.live()) {
    h.proven = true;
    remember(ping.host, now, out);
  }
  out.pings.push_back({ping.host, seq, ping.kind == PingKind::kAsked, true, now.mono - ping.sent,
                       std::string(payload)});
}

void Swim::remember(HostNumber host, Now now, SwimEffects& out) {
  if (host >= remembered_at_.size()) remembered_at_.resize(hosts_.limit(), 0);
  if (remembered_.answered(hosts_.name(host), hosts_[host].endpoint, now.wall,
                           remembered_at_[host])) {
    out.remembered_changed = true;
  }
}

void Swim::receive(const Nack& message, const Endpoint&, Now now, SwimEffects& out) {
  if (!begin(now, out)) return;
  last_heard_ = now.mono;
  for (Probe& probe : probes_) {
    if (probe.seq == message.seq_no && probe.nacks < probe.nacks_expected) ++probe.nacks;
  }
  PingUnderWay* ping = pings_.find(message.seq_no);
  if (ping == nullptr || !ping->over || ping->owed == 0 || ping->kind != PingKind::kProbe) return;
  --ping->owed;  // it did come, only later than our timing expects it
  add_health(-1);
}

void Swim::ping_answered(uint32_t id, const Ack& ack, Now now, SwimEffects& out) {
  if (!begin(now, out)) return;
  if (ack.seq_no != id) return ping_failed(id, false, now, out);
  last_heard_ = now.mono;
  const PingUnderWay* found = pings_.find(id);
  if (found == nullptr) return;
  const PingUnderWay ping = *found;
  if (ping.kind == PingKind::kHolder) return holder_ended(id, true, now, out);
  if (!valid({ping.host, ping.life})) return;
  if (ping.kind == PingKind::kProbe && !ping.over) {
    out.pings.push_back({ping.host, id, false, false, {}, {}});
    probe_answered(id);
    pings_.remove(id);
  }
  if (Suspicions::Suspicion* s = suspicions_.find(ping.host)) s->answered = true;
}

void Swim::ping_failed(uint32_t id, bool refused, Now now, SwimEffects& out) {
  if (!begin(now, out) || !refused) return;
  refused_ping(id, now, out);
}

void Swim::ping_over(uint32_t seq, Now now, SwimEffects& out) {
  PingUnderWay* ping = pings_.find(seq);
  switch (ping->kind) {
    case PingKind::kHolder:
      return holder_ended(seq, false, now, out);
    case PingKind::kRelay:
      if (ping->over) break;
      if (ping->nack) send(ping->back, encode(Nack{ping->back_seq}), out);
      ping->over = true;
      return pings_.set_deadline(seq, now.mono + options_.timing.probe_timeout * 4);
    case PingKind::kAsked:  // who asked is told, also if the host is none any more
      out.pings.push_back({ping->host, seq, true, false, {}, {}});
      break;
    default:
      break;
  }
  pings_.remove(seq);
}

// Nobody listens there, by one protocol at least.
void Swim::refused_ping(uint32_t seq, Now now, SwimEffects& out) {
  const PingUnderWay* ping = pings_.find(seq);
  if (ping == nullptr || ping->over) return;
  switch (ping->kind) {
    case PingKind::kProbe:
      return probe_failed(seq, true, now, out);
    case PingKind::kHolder:
      return holder_refused(seq, now);
    case PingKind::kLast:
      suspicions_.postpone(ping->host, now.mono);
      return pings_.remove(seq);
    case PingKind::kRelay:
      return ping_over(seq, now, out);
    case PingKind::kAsked:
      ping_over(seq, now, out);
      out.pings.back().refused = true;
      return;
  }
}

void Swim::packet_refused(const Endpoint& to, Now now, SwimEffects& out) {
  if (!begin(now, out)) return;
  const std::vector<uint32_t> asked = pings_.all_to(to);
  for (const uint32_t seq : asked) refused_ping(seq, now, out);
  if (!asked.empty() || !spend_token()) return;
  // It was gossip that was refused.
  for (const HostNumber host : hosts_.live()) {
    if (hosts_[host].endpoint != to || hosts_[host].state != SwimState::kAlive) continue;
    return probe_at_once(host, now, out);
  }
}

void Swim::pick(size_t count, HostNumber without, bool only_alive, std::vector<HostNumber>& out) {
  const auto fits = [&](HostNumber host) {
    return host != without && (!only_alive || hosts_[host].state == SwimState::kAlive);
  };
  const std::vector<HostNumber>& live = hosts_.live();
  if (live.size() <= 64) {  // a few: nobody who could be asked is missed
    for (const HostNumber host : live) {
      if (fits(host)) out.push_back(host);
    }
    prng_.shuffle(out);
    if (out.size() > count) out.resize(count);
    return;
  }
  for (size_t tries = 4 * count + 16; tries > 0 && out.size() < count; --tries) {
    const HostNumber host = live[prng_.below(live.size())];
    if (fits(host) && std::find(out.begin(), out.end(), host) == out.end()) out.push_back(host);
  }
}

}  // namespace phoenix::gossip
