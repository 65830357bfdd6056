#include "bench/core_load.h"

#include "bench/clock.h"

namespace phoenix::bench {

CoreLoad::CoreLoad(size_t members, uint32_t max_load)
    : workload_(4), host_(NodeConfig{}), result_(json_content(100, 2)) {
  std::vector<std::vector<MemberRecord>> records(kSessions);
  for (size_t i = 0; i < members; ++i) {
    records[i % kSessions].push_back(
        member_record("worker-" + std::to_string(i), workload_.member_capabilities(), max_load));
  }
  for (size_t s = 0; s < kSessions; ++s) host_.attach(s, std::move(records[s]), 3600);
}

void CoreLoad::submit() {
  Submit submit;
  for (size_t i = 0; i < kBatch; ++i) {
    submit.items.emplace_back(submit_item(++made_, workload_.required(), payload_));
  }
  Command command;
  command.caller.principal = "bench";
  command.body = std::move(submit);
  host_.run(std::move(command));
  const Reply reply = host_.take_reply();
  const auto* batch = std::get_if<BatchReply>(&reply.body);
  if (batch == nullptr) return;
  for (const ItemReply& item : batch->items) {
    const auto* packet = std::get_if<PacketReply>(&item);
    if (packet == nullptr) continue;
    if (packet->packet.status == Status::kPending) {
      parked_.push_back(packet->packet.head->key);
    } else {
      sample_ = packet->packet.head;
    }
  }
}

void CoreLoad::poll(size_t session) {
  Poll poll;
  poll.ref = {kNamespace, "", InstantHost::session_id(session)};
  poll.max = 1000;
  poll.after = after_[session];
  Command command;
  command.caller = InstantHost::session_caller(session);
  command.body = std::move(poll);
  host_.run(std::move(command));
  const Reply reply = host_.take_reply();
  const auto* answer = std::get_if<DeliveriesReply>(&reply.body);
  if (answer == nullptr) return;
  after_[session] = answer->next;
  for (const Delivery& delivery : answer->deliveries) {
    held_[session].push_back({delivery.packet.head->key, delivery.epoch});
  }
}

size_t CoreLoad::complete(size_t session) {
  OwnerCalls calls;
  auto& held = held_[session];
  while (!held.empty() && calls.items.size() < kBatch) {
    calls.items.emplace_back(completion(std::move(held.front().key), held.front().epoch, result_));
    held.pop_front();
  }
  if (calls.items.empty()) return 0;
  Command command;
  command.caller = InstantHost::session_caller(session);
  command.body = std::move(calls);
  host_.run(std::move(command));
  const Reply reply = host_.take_reply();
  const auto* batch = std::get_if<BatchReply>(&reply.body);
  size_t ended = 0;
  if (batch == nullptr) return 0;
  for (const ItemReply& item : batch->items) ended += std::holds_alternative<OwnerReply>(item);
  return ended;
}

void CoreLoad::cancel_parked() {
  for (PacketKey& key : parked_) {
    Command command;
    command.caller = {
        .session = {}, .generation = 0, .principal = "bench", .is_operator = true, .as_member = {}};
    command.body = OrderPacket{.order = Order::kCancel,
                               .key = std::move(key),
                               .to = {},
                               .reason = "no member will do",
                               .if_revision = {}};
    host_.run(std::move(command));
    ++canceled_;
  }
  parked_.clear();
}

size_t CoreLoad::fullest() const {
  size_t best = 0;
  for (size_t s = 1; s < kSessions; ++s) {
    if (held_[s].size() > held_[best].size()) best = s;
  }
  return best;
}

void CoreLoad::turn() {
  submit();
  poll(turns_++ % kSessions);
  cancel_parked();
}

void CoreLoad::fill(size_t live) {
  while (host_.node().live_packets() < live) turn();
}

double CoreLoad::rate(size_t live, size_t wanted) {
  const Duration before = host_.busy();
  const uint64_t canceled = canceled_;
  size_t ended = 0;
  while (ended < wanted && host_.busy() - before < seconds(20)) {
    turn();
    while (host_.node().live_packets() > live && !held_[fullest()].empty()) {
      ended += complete(fullest());
    }
  }
  ended += canceled_ - canceled;
  return static_cast<double>(ended) / in_seconds(host_.busy() - before);
}

}  // namespace phoenix::bench
