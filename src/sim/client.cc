#include "sim/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/governed/house_rules.h"

namespace phoenix::sim {

namespace {

constexpr Duration kPatience = milliseconds(900);

}  // namespace

Client::Client(Env& env, std::string name, Prng prng)
    : env_(env), name_(std::move(name)), prng_(prng) {}

void Client::start(size_t packets) {
  submit_some(packets);
  meddle();
}

void Client::submit_some(size_t left) {
  if (env_.calm && left == 0) return;
  auto command = std::make_shared<Command>();
  command->caller.principal = name_;
  Submit submit;
  const bool single = prng_.chance(1, 2);
  submit.single = single;
  const size_t count = single ? 1 : static_cast<size_t>(prng_.between(2, 12));
  for (size_t i = 0; i < count; ++i) submit.items.emplace_back(draw_item());
  if (prng_.chance(1, 2)) {
    const std::string key = fmt::format("{}/{}", name_, next_++);
    command->idempotency = Idempotency{digest_of("submit " + key), digest_of("body " + key)};
  }
  command->body = std::move(submit);
  send_submit(std::move(command));
  left -= std::min(left, count);
  // The first ones come quickly, then a trickle goes on.
  const int64_t gap = left > 0 ? prng_.between(1, 60) : prng_.between(100, 1'200);
  env_.queue.after(milliseconds(gap), [this, left] { submit_some(left); });
}

SubmitItem Client::draw_item() {
  SubmitItem item;
  item.key = PacketKey(kNamespace, fmt::format("{}-{}", name_, next_++));
  keys_.push_back(item.key);
  const auto letter = [&] {
    // "r" is rare: often nobody has it.
    return prng_.chance(1, 14) ? std::string("r")
                               : std::string(1, static_cast<char>('a' + prng_.below(4)));
  };
  item.required.push_back(letter());
  if (prng_.chance(1, 5)) item.required.push_back(letter());
  if (prng_.chance(1, 25)) item.required.clear();
  std::ranges::sort(item.required);
  item.required.erase(std::ranges::unique(item.required).begin(), item.required.end());
  PacketSpec spec = draw_spec();
  spec.create_digest = digest_of("create " + item.key.text());
  item.spec = std::make_shared<const PacketSpec>(std::move(spec));
  item.payload = std::make_shared<const Content>(
      json_content(env_.governed ? fmt::format(R"({{"n":{}}})", prng_.below(10))
                                 : "\"" + item.key.text() + "\""));
  return item;
}

PacketSpec Client::draw_spec() {
  PacketSpec spec;
  if (prng_.chance(1, 6)) spec.match = CapabilityMatch::kAny;
  if (prng_.chance(1, 8)) {
    spec.spread = Spread::kAffinity;
    spec.affinity_key = fmt::format("k{}", prng_.below(4));
  } else if (prng_.chance(1, 12)) {
    spec.spread = Spread::kNone;
  }
  spec.priority = static_cast<int32_t>(prng_.between(-2, 2));
  spec.load = prng_.chance(1, 8) ? 2 : 1;
  if (prng_.chance(1, 15)) spec.not_before = env_.wall() + prng_.between(50, 4'000);
  if (prng_.chance(1, 10)) spec.deadline = env_.wall() + prng_.between(500, 9'000);
  if (prng_.chance(1, 8)) spec.attempt_timeout_seconds = 1;
  spec.max_attempts = static_cast<uint32_t>(prng_.between(1, 3));
  spec.max_losses = static_cast<uint32_t>(prng_.between(1, 5));
  if (env_.governed && prng_.chance(1, 3)) spec.policy_tags.emplace_back(kGuarded);
  if (env_.governed && prng_.chance(1, 8)) spec.policy_tags.emplace_back(kAsks);
  return spec;
}

void Client::send_submit(std::shared_ptr<const Command> command) {
  send(command, 1'000, [this, command](const Reply& reply) {
    if (const auto* error = std::get_if<Error>(&reply.body)) {
      // A deadline may have passed, or its packet ended, before the call came through.
      if (error->kind != ErrorKind::kInvalidRequest) {
        env_.checks.violate(Invariant::kFence, "a submit was refused: " + describe(reply.body));
      }
      return;
    }
    if (prng_.chance(1, 10)) {
      env_.queue.after(milliseconds(prng_.between(1, 2'000)),
                       [this, command] { send(command, 1, [](const Reply&) {}); });
    }
  });
}

// What clients and operators do besides, with any packet that was ever sent.
void Client::meddle() {
  if (env_.calm) return;
  env_.queue.after(milliseconds(prng_.between(20, 250)), [this] { meddle(); });
  if (keys_.empty()) return;
  // Mostly one of the newest: the others are over.
  const size_t back = prng_.chance(1, 2) ? std::min<size_t>(keys_.size(), 30) : keys_.size();
  const PacketKey& key = keys_[keys_.size() - 1 - prng_.below(back)];
  auto command = std::make_shared<Command>();
  command->caller.principal = name_;
  command->caller.is_operator = true;
  const uint64_t kind = prng_.below(10);
  if (kind < 4) {
    command->body = AwaitPacket{key, milliseconds(prng_.between(0, 1'500))};
    send(command, 1, [](const Reply&) {});
    return;
  }
  OrderPacket order;
  order.key = key;
  order.reason = "asked for";
  if (kind < 6) {
    order.order = Order::kRetry;
    if (prng_.chance(1, 2)) order.key = dead_letter(key);
  } else if (kind < 7) {
    order.order = Order::kCancel;
  } else if (kind < 8) {
    order.order = Order::kEvict;
  } else {
    order.order = Order::kAssign;
    if (prng_.chance(2, 3)) order.to = env_.member_ids[prng_.below(env_.member_ids.size())];
  }
  command->body = std::move(order);
  send(command, 3, [](const Reply&) {});
}

// One that ended without a result, as an operator finds it in a list; else the given one.
PacketKey Client::dead_letter(const PacketKey& otherwise) {
  for (int i = 0; i < 30; ++i) {
    const PacketKey& key = keys_[prng_.below(keys_.size())];
    const Shadow::Track* track = env_.checks.shadow().find(key);
    const Status status = track == nullptr ? Status::kPending : track->head->status;
    if (is_terminal(status) && status != Status::kCompleted) return key;
  }
  return otherwise;
}

void Client::choose_host() {
  const size_t doors = env_.network.doors();
  if (doors > 1) link_.door = prng_.below(doors);
}

void Client::send(std::shared_ptr<const Command> command, int tries, Answered answered) {
  choose_host();
  auto over = std::make_shared<bool>(false);
  const auto exchange = env_.network.send(link_, *command, [over, answered](const Reply* reply) {
    if (*over || reply == nullptr) return;
    const auto* error = std::get_if<Error>(&reply->body);
    if (error != nullptr && passes_by(error->kind)) return;
    *over = true;
    answered(*reply);
  });
  const bool waits = std::holds_alternative<AwaitPacket>(command->body);
  const Duration patience = waits ? seconds(2) : kPatience;
  env_.queue.after(patience, [=, this] {
    if (*over) return;
    env_.network.give_up(exchange);
    if (tries > 1) {
      *over = true;
      send(command, tries - 1, answered);
    }
  });
}

// --- manual members
// -------------------------------------------------------------------------------

void Client::start_manual(const std::string& id, std::vector<std::string> capabilities) {
  env_.member_ids.push_back(id);
  register_manual(id, std::move(capabilities), 100);
}

void Client::register_manual(const std::string& id, std::vector<std::string> capabilities,
                             int tries) {
  auto command = std::make_shared<Command>();
  command->caller.principal = name_;
  command->idempotency = Idempotency{digest_of("manual " + id), digest_of("manual body " + id)};
  Register reg;
  MemberRecord record;
  record.key = MemberKey(kNamespace, id);
  record.kind = MemberKind::kHuman;
  record.capabilities = std::move(capabilities);
  record.max_load = 3;
  record.manual = true;
  reg.members.push_back(std::move(record));
  reg.single = true;
  command->body = std::move(reg);
  send(command, tries, [this, id](const Reply& reply) {
    if (std::holds_alternative<Error>(reply.body)) {
      env_.checks.violate(Invariant::kDelivery,
                          "a manual member was refused: " + describe(reply.body));
      return;
    }
    work_manually(id);
  });
}

void Client::work_manually(const std::string& id) {
  env_.queue.after(milliseconds(prng_.between(200, 900)), [this, id] { work_manually(id); });
  // As one who lists packets by owner: what is durable, no deliveries.
  for (const PacketKey& key : env_.checks.shadow().live()) {
    const Packet& head = *env_.checks.shadow().find(key)->head;
    if (!head.owner || head.owner->id != id || !prng_.chance(1, 2)) continue;
    OwnerCall call;
    call.call = prng_.chance(3, 4) || env_.calm ? Call::kComplete : Call::kRelease;
    call.key = key;
    call.epoch = head.epoch;
    call.digest = digest_of(fmt::format("{} {} {}", call_name(call.call), key.text(), head.epoch));
    auto command = std::make_shared<Command>();
    command->caller.principal = name_;
    command->caller.as_member = id;
    command->body = OwnerCalls{{call}, true};
    send(command, 20, [](const Reply&) {});
  }
}

}  // namespace phoenix::sim
