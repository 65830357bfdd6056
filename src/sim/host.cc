#include "sim/host.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/env.h"

namespace phoenix::sim {

namespace {

constexpr size_t kMaxBatch = 64;
constexpr Duration kTickEvery = milliseconds(50);

NodeConfig node_config(uint64_t run) {
  NodeConfig config;
  config.host = "sim";
  for (size_t i = 0; i < config.ring_key.bytes.size(); ++i) {
    config.ring_key.bytes[i] = static_cast<uint8_t>(i);
  }
  config.run = run;
  config.pool = "sim";
  config.signer = signer_of(config.host);
  return config;
}

std::vector<Digest> scopes_of(const Group& group) {
  std::vector<Digest> scopes;
  for (const Op& op : group.ops) {
    if (const auto* put = std::get_if<PutAnswer>(&op)) scopes.push_back(put->scope);
  }
  return scopes;
}

bool only_packets(const Group& group) {
  for (const Op& op : group.ops) {
    if (!std::holds_alternative<PutPacket>(op)) return false;
  }
  return true;
}

}  // namespace

Host::Host(EventQueue& queue, Trace& trace, Checks& checks, FaultCounts& faults, Prng prng)
    : queue_(queue), trace_(trace), checks_(checks), faults_(faults), prng_(prng) {}

Now Host::node_now() const { return Now{queue_.now() + clock_offset_, wall()}; }

std::string Host::fresh_id(std::string_view prefix) {
  return fmt::format("{}{:08}", prefix, next_fresh_++);
}

// --- requests ---------------------------------------------------------------------------------

Host::Ticket Host::arrive(Command command, Sink sink, PortionSink portions) {
  if (!node_) {
    sink(nullptr);
    return {};
  }
  command.id = next_request_++;
  if (auto* reg = std::get_if<Register>(&command.body)) reg->session_id = fresh_id("ses_");
  const Ticket ticket{run_, command.id};
  auto shared = std::make_shared<const Command>(std::move(command));
  open_.emplace(ticket.id, Open{shared, sink, std::move(portions)});
  input([this, shared] {
    if (!open_.contains(shared->id)) return;  // abandoned while the host stood still
    trace_.line(queue_.now(), "> " + describe(*shared));
    if (answered_before(*shared, open_.at(shared->id).sink)) return;
    checks_.command(queue_.now(), *shared);
    checks_.plans().command(node_now(), *node_, run_, *shared);
    node_->command(node_now(), *shared);
  });
  return ticket;
}

bool Host::answered_before(const Command& command, const Sink&) {
  // An answer may be readable a moment before the node has heard that it is durable; until then
  // the node itself knows that the key is in use.
  if (!command.idempotency || answers_open_.contains(command.idempotency->scope)) return false;
  auto reader = store_.reader();
  return answer_kept(command, **reader, checks_, [this](const Reply& kept) { reply(kept); });
}

void Host::abandon(Ticket ticket) {
  if (!node_ || ticket.run != run_ || !open_.contains(ticket.id)) return;
  open_.erase(ticket.id);
  input([this, id = ticket.id] {
    trace_.line(queue_.now(), fmt::format("> abandon #{}", id));
    node_->abandon(node_now(), id);
  });
}

void Host::close_stream(Ticket ticket, bool by_peer) {
  if (!node_ || ticket.run != run_ || !open_.contains(ticket.id)) return;
  open_.erase(ticket.id);
  input([this, id = ticket.id, by_peer] {
    trace_.line(queue_.now(), fmt::format("> stream #{} closed by_peer={}", id, by_peer));
    node_->stream_closed(node_now(), id, by_peer);
  });
}

void Host::input(std::function<void()> action) {
  if (!node_) return;
  if (paused_) {
    postponed_.push_back(std::move(action));
    return;
  }
  action();
  ++steps_;
  if (store_broken()) checks_.disturbed(queue_.now());
  drain();
  checks_.after_step(queue_.now(), wall(), node_.get());
}

// --- what the node puts out -------------------------------------------------------------------

void Host::drain() {
  Output out = node_->take_output();
  checks_.plans().done(out);
  checks_.policies().decided(*node_, out.groups);
  for (Group& group : out.groups) {
    trace_.line(queue_.now(), "= " + describe(group));
    checks_.decided(queue_.now(), *node_, group);
    for (const Digest& scope : scopes_of(group)) answers_open_.insert(scope);
    to_write_.push_back(std::move(group));
  }
  for (const PacketKey& key : out.loads) load(key);
  for (const PacketKey& key : out.wanted_payloads) read_payload(key);
  for (uint64_t batch : out.resolves) resolve(batch);
  for (uint64_t id : out.wanted_heads) read_heads(id);
  for (const Reply& item : out.replies) reply(item);
  for (const StreamPortion& portion : out.portions) {
    const auto found = open_.find(portion.stream);
    if (found == open_.end()) continue;
    trace_.line(queue_.now(), fmt::format("< stream #{} {}{}", portion.stream,
                                          describe(portion.portion), portion.end ? " end" : ""));
    checks_.deliveries(queue_.now(), *found->second.command, portion.portion);
    const PortionSink sink = found->second.portions;
    if (portion.end) open_.erase(found);
    if (sink) sink(&portion);
  }
  write_next();
  arm_tick();
}

void Host::reply(const Reply& item) {
  const auto found = open_.find(item.id);
  trace_.line(queue_.now(), fmt::format("< #{} {}{}", item.id, item.replayed ? "replayed " : "",
                                        describe(item.body)));
  if (found == open_.end()) return;  // who asked is gone
  checks_.reply(queue_.now(), *found->second.command, item);
  const Sink sink = found->second.sink;
  if (!std::holds_alternative<StreamOpened>(item.body)) open_.erase(found);
  sink(&item);
}

// Reads it after a while, and gives what was read, or that the disk fails, to the node.
template <class Read, class Give>
void Host::read_of(const PacketKey& key, const char* what, Read read, Give give) {
  queue_.after(microseconds(prng_.between(20, 800)), [this, key, what, read, give, run = run_] {
    if (run != run_) return;
    input([this, key, what, read, give] {
      trace_.line(queue_.now(), fmt::format("= {} {}", what, key.text()));
      if (queue_.now() < refuse_until_ && prng_.chance(1, 4)) {
        return give(fail(ErrorKind::kStoreUnreachable, "the disk fails"));
      }
      auto reader = store_.reader();
      give(read(**reader));
    });
  });
}

void Host::load(const PacketKey& key) {
  read_of(
      key, "load", [key](Reader& reader) { return reader.get(key); },
      [this, key](Result<PacketLookup> found) {
        node_->loaded(node_now(), key, std::move(found));
      });
}

void Host::read_payload(const PacketKey& key) {
  read_of(
      key, "payload", [key](Reader& reader) { return reader.content(key, ContentKind::kPayload); },
      [this, key](Result<std::optional<Content>> found) {
        node_->payload(node_now(), key, std::move(found));
      });
}

void Host::read_heads(uint64_t id) {
  queue_.after(microseconds(prng_.between(20, 800)), [this, id, run = run_] {
    if (run != run_) return;
    input([this, id] {
      trace_.line(queue_.now(), fmt::format("= heads {}", id));
      node_->heads(node_now(), id, heads_of((*store_.reader())->logs()));
    });
  });
}

void Host::resolve(uint64_t batch_id) {
  queue_.after(microseconds(prng_.between(200, 20'000)), [this, batch_id, run = run_] {
    if (run != run_) return;
    input([this, batch_id] {
      Resolution resolution = Resolution::kUnknown;
      if (prng_.chance(2, 3)) {
        make_durable();  // the store does not answer before all that came earlier is
        resolution = store_.resolve(batch_id);
      }
      trace_.line(queue_.now(),
                  fmt::format("= resolved {} {}", batch_id, static_cast<int>(resolution)));
      node_->resolved(node_now(), batch_id, resolution);
      if (resolution == Resolution::kUnknown) return;
      for (const Group& group : unknown_[batch_id]) heard(group);
      unknown_.erase(batch_id);
    });
  });
}

// --- writing ------------------------------------------------------------------------------------

void Host::write_next() {
  if (writing_ || to_write_.empty() || !node_) return;
  writing_ = true;
  auto batch = std::make_shared<Batch>();
  batch->id = (run_ << 32) | next_batch_++;
  while (!to_write_.empty() && batch->groups.size() < kMaxBatch) {
    batch->groups.push_back(std::move(to_write_.front()));
    to_write_.pop_front();
  }
  if (queue_.now() < refuse_until_) {
    batch->fault = Fault::kStoreRefuse;
  } else if (!store_faults_.empty()) {
    batch->fault = store_faults_.front();
    store_faults_.erase(store_faults_.begin());
  }
  Instant done = queue_.now() + microseconds(prng_.between(150, 4'000));
  if (done < held_until_) done = held_until_;
  // The sync may be over long before that is reported, or only at the end; a crash in between sees
  // the difference.
  const Instant durable =
      queue_.now() + (done - queue_.now()) / 4 * static_cast<int64_t>(prng_.between(1, 4));
  auto result = std::make_shared<CommitResult>(apply_with_fault(*batch));
  unsynced_ = batch;
  queue_.at(durable, Rank::kArrival, [this, batch, result, done, run = run_] {
    if (run != run_) return;
    make_durable();
    queue_.at(done, Rank::kArrival, [this, batch, result, run] {
      if (run == run_) report(batch, std::move(*result));
    });
  });
}

void Host::make_durable() {
  if (!unsynced_) return;
  const std::shared_ptr<Batch> batch = std::move(unsynced_);
  store_.sync();
  if (batch->fault) checks_.disturbed(queue_.now());
  checks_.committed(queue_.now(), batch->groups, batch->truth);
}

// Applied, not yet durable: a crash before the sync takes it back.
CommitResult Host::apply_with_fault(Batch& batch) {
  CommitPlan plan;
  if (batch.fault) {
    if (*batch.fault != Fault::kStoreRefuse) faults_.add(*batch.fault);
    if (*batch.fault == Fault::kStoreConflict) {
      for (size_t i = 0; i < batch.groups.size(); ++i) {
        if (only_packets(batch.groups[i]) && prng_.chance(1, 2)) plan.conflicts.insert(i);
      }
    } else if (*batch.fault == Fault::kStoreRefuse) {
      plan.fault = CommitFault::kRefuse;
    } else if (*batch.fault == Fault::kStoreUnknownLost) {
      plan.fault = CommitFault::kUnknownLost;
    }
  }
  plan.hold_sync = true;
  CommitResult result = store_.apply(batch.id, batch.groups, plan);
  for (Outcome& outcome : result.outcomes) {
    batch.truth.push_back(outcome == Outcome::kCommitted);
    if (batch.fault == Fault::kStoreUnknownApplied) outcome = Outcome::kUnknown;
  }
  if (batch.fault == Fault::kStoreUnknownApplied) result.why = "the connection broke";
  return result;
}

void Host::report(const std::shared_ptr<Batch>& batch, CommitResult result) {
  writing_ = false;
  input([this, batch, result = std::move(result)] {
    std::vector<uint64_t> ids;
    std::string text;
    for (size_t i = 0; i < batch->groups.size(); ++i) {
      ids.push_back(batch->groups[i].id);
      text += fmt::format(" {}:{}", ids.back(), static_cast<int>(result.outcomes[i]));
    }
    trace_.line(queue_.now(), fmt::format("= batch {:x}{}", batch->id, text));
    const bool all = std::all_of(result.outcomes.begin(), result.outcomes.end(),
                                 [](Outcome outcome) { return outcome == Outcome::kCommitted; });
    if (all) checks_.plans().committing(node_now(), *node_, batch->groups);
    node_->completed(node_now(), batch->id, ids, result.outcomes, result.why);
    for (size_t i = 0; i < batch->groups.size(); ++i) {
      if (result.outcomes[i] == Outcome::kUnknown) {
        unknown_[batch->id].push_back(batch->groups[i]);
      } else {
        heard(batch->groups[i]);
      }
    }
  });
  write_next();
}

// The node knows what became of it.
void Host::heard(const Group& group) {
  for (const Digest& scope : scopes_of(group)) {
    const auto found = answers_open_.find(scope);
    if (found != answers_open_.end()) answers_open_.erase(found);
  }
}

void Host::break_store(Fault fault, Duration length) {
  if (fault == Fault::kStoreRefuse) {
    refuse_until_ = queue_.now() + length;
    faults_.add(fault);
  } else if (fault == Fault::kStoreHeld) {
    held_until_ = queue_.now() + length;
    faults_.add(fault);
  } else {
    store_faults_.push_back(fault);
  }
}

void Host::heal_store() {
  checks_.disturbed(queue_.now());
  refuse_until_ = Instant{0};
  held_until_ = Instant{0};
  store_faults_.clear();
}

bool Host::store_broken() const {
  return queue_.now() < refuse_until_ || queue_.now() < held_until_ || !store_faults_.empty();
}

// --- life
// -----------------------------------------------------------------------------------------

void Host::start() {
  ++run_;
  clock_offset_ = milliseconds(prng_.between(0, 1'000'000));
  shutting_down_ = false;
  writing_ = false;
  trace_.line(queue_.now(), fmt::format("* host starts, run {}", run_));
  node_ = std::make_unique<Node>(node_config(run_));
  RecoverSink sink;
  sink.packet = [this](Packet packet) { node_->recover_packet(std::move(packet)); };
  sink.member = [this](MemberRecord record) { node_->recover_member(std::move(record)); };
  sink.session = [this](SessionRecord record) { node_->recover_session(std::move(record)); };
  sink.document = [this](Document document) { node_->recover_document(std::move(document)); };
  sink.ended = [this](const EndedCounts& kept) { node_->recover_ended(kept); };
  sink.incarnation_floor = [this](uint64_t floor) { node_->recover_incarnation_floor(floor); };
  (void)store_.recover(sink);
  checks_.started(queue_.now(), store_);
  input([this] { node_->ready(node_now()); });
}

std::array<uint64_t, kLifecycleRows> Host::row_visits() const {
  std::array<uint64_t, kLifecycleRows> rows = past_rows_;
  if (!node_) return rows;
  for (size_t i = 0; i < rows.size(); ++i) rows[i] += node_->stats().row_visits[i];
  return rows;
}

void Host::crash() {
  if (!node_) return;
  past_rows_ = row_visits();
  trace_.line(queue_.now(), "* host crashes");
  node_.reset();
  store_.crash();
  unsynced_.reset();
  ++run_;  // whatever is still under way belongs to a past life
  paused_ = false;
  postponed_.clear();
  to_write_.clear();
  unknown_.clear();
  answers_open_.clear();
  tick_at_ = kNever;
  ++tick_number_;
  checks_.stopped(queue_.now(), store_);
  std::map<RequestId, Open> open = std::move(open_);
  open_.clear();
  for (auto& [id, request] : open) {
    if (request.portions) request.portions(nullptr);
    if (request.sink) request.sink(nullptr);
  }
}

void Host::begin_shutdown() {
  if (!node_ || shutting_down_) return;
  shutting_down_ = true;
  input([this] {
    trace_.line(queue_.now(), "* host shuts down");
    node_->begin_shutdown(node_now());
  });
}

void Host::pause(Duration length) {
  if (!node_ || paused_) return;
  trace_.line(queue_.now(), fmt::format("* host pauses for {} ms", length.ms()));
  paused_ = true;
  queue_.after(length, [this, run = run_] {
    if (run == run_ && paused_) resume();
  });
}

void Host::set_clock(int64_t by_ms) {
  trace_.line(queue_.now(), fmt::format("* wall clock is set by {} ms", by_ms));
  wall_skew_ms_ += by_ms;
  checks_.disturbed(queue_.now());
}

void Host::resume() {
  paused_ = false;
  trace_.line(queue_.now(), "* host goes on");
  checks_.resumed(queue_.now());
  std::vector<std::function<void()>> postponed = std::move(postponed_);
  postponed_.clear();
  for (auto& action : postponed) {
    if (!node_) return;
    input(std::move(action));
  }
  arm_tick();
}

void Host::arm_tick() {
  if (!node_) return;
  Instant due = queue_.now() + kTickEvery;
  if (node_->next_deadline() != kNever) {
    const Instant deadline = node_->next_deadline() - clock_offset_;
    if (deadline < due) due = deadline;
  }
  if (tick_at_ <= due) return;
  tick_at_ = due;
  queue_.at(due, Rank::kTimer, [this, number = ++tick_number_] { on_tick(number); });
}

void Host::on_tick(uint64_t number) {
  if (number != tick_number_ || !node_) return;
  tick_at_ = kNever;
  if (paused_) return;
  checks_.plans().tick(node_now(), *node_);
  node_->tick(node_now());
  if (node_->has_output()) {
    trace_.line(queue_.now(), "> tick");
    ++steps_;
    drain();
    checks_.after_step(queue_.now(), wall(), node_.get());
  } else {
    arm_tick();
  }
}

}  // namespace phoenix::sim
