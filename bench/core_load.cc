#include "bench/core_load.h"

#include "bench/clock.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/evidence.h"

namespace phoenix::bench {

namespace {

constexpr const char* kPool = "bench";

NodeConfig config() {
  NodeConfig config;
  config.pool = kPool;
  return config;
}

std::optional<lineage::KeyPair> key_of(bool keys) {
  if (!keys) return std::nullopt;
  return lineage::KeyPair::from_seed(lineage::Seed{1});
}

}  // namespace

CoreLoad::CoreLoad(size_t members, uint32_t max_load, bool keys)
    : key_(key_of(keys)), workload_(4), host_(config()), result_(json_content(100, 2)) {
  std::vector<std::vector<MemberRecord>> records(kSessions);
  std::vector<std::vector<std::string>> proofs(kSessions);
  for (size_t i = 0; i < members; ++i) {
    const std::string id = "worker-" + std::to_string(i);
    records[i % kSessions].push_back(member_record(id, workload_.member_capabilities(), max_load));
    if (!key_) continue;
    records[i % kSessions].back().public_key = key_->public_key().view();
    proofs[i % kSessions].push_back(
        lineage::sign(*key_, lineage::RegistrationProof{kPool, std::string(kNamespace), id,
                                                        key_->public_key(), Digest{}}));
  }
  for (size_t s = 0; s < kSessions; ++s) {
    host_.attach(s, std::move(records[s]), 3600, std::move(proofs[s]));
  }
}

// As a client does, and the face that lays the signature out: outside of the core's time.
void CoreLoad::sign(OwnerCalls& calls, const std::vector<std::string>& members) const {
  std::vector<std::string> payloads;
  for (size_t i = 0; i < calls.items.size(); ++i) {
    const OwnerCall& call = *calls.items[i];
    payloads.push_back(lineage::encode(lineage::Completion{
        kPool, std::string(call.key.ns()), std::string(call.key.id()), call.epoch, members[i],
        lineage::End::kCompleted, lineage::sha256(call.content->data)}));
  }
  auto all = lineage::sign_batch(*key_, kPool, lineage::Completion::kType, payloads);
  for (size_t i = 0; i < all.size(); ++i) calls.items[i]->evidence = std::move(all[i]);
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
    held_[session].push_back(
        {delivery.packet.head->key, delivery.epoch, key_ ? delivery.member : std::string()});
  }
}

size_t CoreLoad::complete(size_t session) {
  OwnerCalls calls;
  auto& held = held_[session];
  std::vector<std::string> members;
  while (!held.empty() && calls.items.size() < kBatch) {
    if (key_) members.push_back(std::move(held.front().member));
    calls.items.emplace_back(completion(std::move(held.front().key), held.front().epoch, result_));
    held.pop_front();
  }
  if (calls.items.empty()) return 0;
  if (key_) sign(calls, members);
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

void CoreLoad::lay_down(const std::string& spec) {
  ApplyDocuments wanted;
  wanted.ns = kNamespace;
  wanted.items.push_back({DocumentKind::kPolicy, "bench", spec, std::nullopt});
  Command command;
  command.caller.principal = "bench";
  command.caller.is_operator = true;
  command.body = std::move(wanted);
  host_.run(std::move(command));
  (void)host_.take_reply();
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
