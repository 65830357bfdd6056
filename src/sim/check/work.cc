#include "sim/check/work.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace phoenix::sim {

namespace {

constexpr Duration kLookEvery = milliseconds(100);
constexpr Duration kSlack = seconds(2);

// "no later than two leases": one may pass before a repeat is due.
Duration bound(const Worker& worker) { return worker.lease() * 2 + kSlack; }

}  // namespace

void Work::after_step(Instant now, Instant calm_since) {
  if (now < next_look_) return;
  next_look_ = now + kLookEvery;
  for (const Worker* worker : workers_) {
    if (worker->healthy_since() != kNever) told(now, calm_since, *worker);
  }
  given(now, calm_since);
}

void Work::told(Instant now, Instant calm_since, const Worker& worker) {
  const Instant healthy = std::max(worker.healthy_since(), calm_since);
  if (now - healthy <= bound(worker)) return;
  worker.each_in_hand([&](const std::string& packet, uint64_t epoch, Instant) {
    const Shadow::Track* track = shadow_.find(PacketKey::from_text(packet));
    const bool has = track != nullptr && track->head->owner && track->head->epoch == epoch;
    if (has || track == nullptr || now - track->since <= bound(worker)) return;
    complain_(Invariant::kDelivery,
              fmt::format("a member still works on {}@{}, which it lost {} ms ago", packet, epoch,
                          (now - track->since).ms()));
  });
  worker.each_owed([&](const std::string& packet, uint64_t epoch, Instant since) {
    const Shadow::Track* track = shadow_.find(PacketKey::from_text(packet));
    const bool has = track != nullptr && track->head->owner && track->head->epoch == epoch;
    if (!has || now - std::max(since, healthy) <= bound(worker)) return;
    complain_(Invariant::kDelivery,
              fmt::format("{}@{} was listed as held and not delivered for {} ms", packet, epoch,
                          (now - since).ms()));
  });
}

void Work::given(Instant now, Instant calm_since) {
  std::map<std::string, const Worker*> by_session;
  for (const Worker* worker : workers_) {
    if (worker->healthy_since() != kNever) by_session[worker->session()] = worker;
  }
  for (const PacketKey& key : shadow_.live()) {
    const Shadow::Track& track = *shadow_.find(key);
    const Packet& head = *track.head;
    if (!head.owner) continue;
    const auto member = shadow_.members().find(MemberKey(key.ns(), head.owner->id));
    if (member == shadow_.members().end()) continue;
    const auto found = by_session.find(member->second.session);
    if (found == by_session.end()) continue;
    const Worker& worker = *found->second;
    const Instant since =
        std::max({track.granted_at, track.since, worker.healthy_since(), calm_since});
    if (now - since > bound(worker) && !worker.in_hand(key.text(), head.epoch)) {
      complain_(Invariant::kDelivery,
                fmt::format("{} owns {}@{} for {} ms and was never given it", head.owner->id,
                            key.id(), head.epoch, (now - since).ms()));
    }
  }
}

void Work::regranted(const PacketKey& key, uint64_t epoch) {
  for (const Worker* worker : workers_) {
    if (!worker->keeps_rules() || !worker->works()) continue;
    // The one before it: earlier ones lost it in ways that do not wait for the old owner.
    if (!worker->effect(key.text(), epoch - 1)) continue;
    complain_(Invariant::kExclusive,
              fmt::format("{} was given away as epoch {} while the owner of epoch {} was still at "
                          "work within its lease",
                          key.id(), epoch, epoch - 1));
  }
}

}  // namespace phoenix::sim
