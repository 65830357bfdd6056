#include "sim/scenario/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/env.h"

namespace phoenix::sim {

namespace {

constexpr WallMs kWall = 1'800'000'000'000;
constexpr Duration kTickEvery = milliseconds(50);

}  // namespace

Stage::Stage(OnReply on_reply, OnPortion on_portion)
    : on_reply_(std::move(on_reply)), on_portion_(std::move(on_portion)) {}

Now Stage::now() const { return Now{now_, kWall + elapsed().ms()}; }

void Stage::start() {
  NodeConfig config;
  config.host = "stage";
  for (size_t i = 0; i < config.ring_key.bytes.size(); ++i) {
    config.ring_key.bytes[i] = static_cast<uint8_t>(i);
  }
  config.run = ++run_;
  config.pool = "stage";
  config.signer = signer_of(config.host);
  node_ = std::make_unique<Node>(config);
  RecoverSink sink;
  sink.packet = [this](Packet packet) { node_->recover_packet(std::move(packet)); };
  sink.member = [this](MemberRecord record) { node_->recover_member(std::move(record)); };
  sink.session = [this](SessionRecord record) { node_->recover_session(std::move(record)); };
  (void)store_.recover(sink);
  node_->ready(now());
  pump();
}

void Stage::crash() {
  node_.reset();
  held_.clear();
  store_.crash();
}

void Stage::shut_down() {
  node_->begin_shutdown(now());
  pump();
}

void Stage::advance(Duration length) {
  const Instant end = now_ + length;
  while (now_ < end) {
    Instant next = std::min(end, now_ + kTickEvery);
    if (node_) next = std::min(next, std::max(node_->next_deadline(), now_ + milliseconds(1)));
    now_ = next;
    if (!node_) continue;
    node_->tick(now());
    pump();
  }
}

void Stage::set_store(StoreMode mode) {
  mode_ = mode;
  if (mode == StoreMode::kHeld) return;
  std::vector<Held> held = std::move(held_);
  held_.clear();
  store_.sync();
  for (Held& batch : held) finish(batch.batch, batch.groups, std::move(batch.result));
  if (node_) pump();
}

RequestId Stage::send(Command command) {
  command.id = next_request_++;
  const RequestId id = command.id;
  if (auto* reg = std::get_if<Register>(&command.body)) {
    reg->session_id = fmt::format("s{}", next_session_++);
  }
  if (command.idempotency) {
    const auto stored = (*store_.reader())->answer(command.idempotency->scope);
    if (stored && *stored) {
      const bool same = (*stored)->request == command.idempotency->request;
      const auto body = decode_reply((*stored)->answer);
      on_reply_(
          id,
          same ? *body : ReplyBody(fail(ErrorKind::kIdempotencyMismatch, "another body").value()),
          same);
      return id;
    }
  }
  node_->command(now(), std::move(command));
  pump();
  return id;
}

void Stage::close_stream(RequestId stream) {
  node_->stream_closed(now(), stream, true);
  pump();
}

void Stage::pump() {
  while (node_ && node_->has_output()) {
    Output out = node_->take_output();
    for (const Reply& reply : out.replies) on_reply_(reply.id, reply.body, reply.replayed);
    for (const StreamPortion& portion : out.portions) on_portion_(portion);
    if (!out.groups.empty()) write(std::move(out.groups));
    for (const PacketKey& key : out.loads) {
      node_->loaded(now(), key, (*store_.reader())->get(key));
    }
    for (const PacketKey& key : out.wanted_payloads) {
      node_->payload(now(), key, (*store_.reader())->content(key, ContentKind::kPayload));
    }
    for (uint64_t id : out.wanted_heads) {
      node_->heads(now(), id, heads_of((*store_.reader())->logs()));
    }
    for (uint64_t batch : out.resolves) node_->resolved(now(), batch, store_.resolve(batch));
  }
}

void Stage::write(std::vector<Group> groups) {
  const uint64_t batch = (run_ << 32) | next_batch_++;
  CommitPlan plan;
  if (mode_ == StoreMode::kFull) plan.fault = CommitFault::kRefuse;
  if (mode_ == StoreMode::kUnknownApplied) plan.fault = CommitFault::kUnknownApplied;
  if (mode_ == StoreMode::kUnknownLost) plan.fault = CommitFault::kUnknownLost;
  if (mode_ == StoreMode::kConflict) {
    for (size_t i = 0; i < groups.size(); ++i) plan.conflicts.insert(i);
  }
  plan.hold_sync = mode_ == StoreMode::kHeld;
  CommitResult result = store_.apply(batch, groups, plan);
  if (mode_ == StoreMode::kHeld) {
    held_.push_back({batch, std::move(groups), std::move(result)});
    return;
  }
  store_.sync();
  // One batch: the next one goes well again. A full disk stays full.
  if (mode_ != StoreMode::kFull) mode_ = StoreMode::kWell;
  finish(batch, groups, std::move(result));
}

void Stage::finish(uint64_t batch, const std::vector<Group>& groups, CommitResult result) {
  if (!node_) return;
  std::vector<uint64_t> ids;
  for (const Group& group : groups) ids.push_back(group.id);
  node_->completed(now(), batch, ids, result.outcomes, result.why);
}

}  // namespace phoenix::sim
