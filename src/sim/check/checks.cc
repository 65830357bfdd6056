#include "sim/check/checks.h"

#include <utility>

#include "packet/lifecycle.h"
#include "sim/check/handoffs.h"
#include "sim/event_queue.h"

namespace phoenix::sim {

namespace {

// The node's own check opens its sentences with the invariant.
Invariant named_by(std::string_view sentence) {
  if (sentence.starts_with("I1")) return Invariant::kOneOwner;
  if (sentence.starts_with("I3")) return Invariant::kOwnedOrParked;
  if (sentence.starts_with("I4")) return Invariant::kBounded;
  return Invariant::kNode;
}

// Of a clock that nobody has set.
WallMs right_wall(Instant now) { return kWallStart + now.ns / 1'000'000; }

}  // namespace

Checks::Checks(bool shared)
    : shadow_(
          complain(), [this](const PacketKey& key, uint64_t epoch) { work_.regranted(key, epoch); },
          shared),
      answers_(shadow_, complain()),
      policies_(complain()),
      bounds_(shadow_, policies_, complain()),
      work_(shadow_, complain()),
      plans_(complain()),
      tickets_(complain()),
      certificates_(complain()) {}

Complain Checks::complain() {
  return [this](Invariant invariant, std::string what) { violate(invariant, std::move(what)); };
}

void Checks::violate(Invariant invariant, std::string what) {
  if (!violation_) violation_ = Violation{invariant, now_, std::move(what)};
}

void Checks::command(Instant now, const Command& command) {
  now_ = now;
  bounds_.called(now, command.caller);
  if (const auto* order = std::get_if<OrderPacket>(&command.body)) shadow_.ordered(order->key);
}

void Checks::reply(Instant now, const Command& command, const Reply& reply) {
  now_ = now;
  answers_.reply(command, reply);
  if (const auto* done = std::get_if<OwnerReply>(&reply.body))
    tickets_.given(right_wall(now), *done);
  const auto* const attach = std::get_if<Attach>(&command.body);
  const auto* const attached = std::get_if<AttachReply>(&reply.body);
  if (attach != nullptr && attached != nullptr) {
    for (const auto& [id, epoch] : attached->held) {
      shadow_.listed(PacketKey(attach->ref.ns, id), epoch);
    }
  }
  if (const auto* portion = std::get_if<DeliveriesReply>(&reply.body)) {
    for (const Delivery& item : portion->deliveries) {
      shadow_.handed_out(item.packet.head->key, item.epoch);
    }
  }
}

void Checks::ticket(Instant now, const OwnerReply& reply) {
  now_ = now;
  tickets_.given(right_wall(now), reply);
}

void Checks::deliveries(Instant now, const Command& command, const DeliveriesReply& reply) {
  now_ = now;
  answers_.deliveries(command, reply);
  for (const Delivery& item : reply.deliveries) {
    shadow_.handed_out(item.packet.head->key, item.epoch);
  }
}

void Checks::decided(Instant now, const Node& node, const Group& group) {
  now_ = now;
  for (const Op& op : group.ops) {
    const auto* put = std::get_if<PutPacket>(&op);
    if (put == nullptr || put->entry.event != event_name(Event::kHandoff)) continue;
    const std::string fault = fault_of_terms(node, *put);
    if (!fault.empty()) violate(Invariant::kLineage, std::string(put->head->key.id()) + fault);
  }
}

void Checks::committed(Instant now, std::span<const Group> groups, const std::vector<bool>& truth,
                       uint64_t life) {
  now_ = now;
  certificates_.committed(now, life, groups, truth, shadow_);
  shadow_.committed(now, groups, truth);
  policies_.committed(groups, truth);
  for (size_t i = 0; i < groups.size(); ++i) {
    if (!truth[i]) continue;
    for (const Op& op : groups[i].ops) {
      if (const auto* put = std::get_if<PutPacket>(&op)) tickets_.committed(right_wall(now), *put);
      if (const auto* put = std::get_if<PutAnswer>(&op)) answers_.committed(*put);
    }
  }
}

void Checks::started(Instant now, Store& store) {
  policies_.started();
  now_ = now;
  shadow_.compare(store);
  bounds_.restarted(now);
}

void Checks::stopped(Instant now, Store& store) {
  now_ = now;
  shadow_.compare(store);
  bounds_.disturb(now);
}

void Checks::resumed(Instant now) { bounds_.disturb(now); }

void Checks::disturbed(Instant now) { bounds_.disturb(now); }

void Checks::after_step(Instant now, WallMs wall, const Node* node) {
  now_ = now;
  if (node == nullptr) return;
  for (std::string& sentence : node->check()) violate(named_by(sentence), std::move(sentence));
  bounds_.after_step(now, wall, *node);
  work_.after_step(now, bounds_.calm_since());
  certificates_.look_at_owed(now, bounds_.calm_since());
}

void Checks::look(Instant now, Instant calm_since) {
  now_ = now;
  work_.after_step(now, calm_since);
  certificates_.look_at_owed(now, calm_since);
}

}  // namespace phoenix::sim
