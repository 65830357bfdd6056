#include "store/memory/memory_store.h"

#include <mutex>
#include <utility>

#include "store/memory/memory_reader.h"

namespace phoenix {

MemoryStore::MemoryStore() : shared_(std::make_shared<MemoryShared>()) {}
MemoryStore::~MemoryStore() = default;

void MemoryStore::fail_reads(std::string why) {
  const std::lock_guard lock(shared_->mutex);
  shared_->read_failure = std::move(why);
}

CommitResult MemoryStore::apply(uint64_t batch_id, std::span<const Group> groups,
                                const CommitPlan& chosen) {
  CommitResult result;
  result.last_event = EventCursor(applied_.last_seq);
  const bool refused = chosen.fault == CommitFault::kRefuse;
  const bool lost = chosen.fault == CommitFault::kUnknownLost;
  if (refused || lost) {
    result.outcomes.assign(groups.size(), refused ? Outcome::kRefused : Outcome::kUnknown);
    result.why = refused ? "the store refuses, as planned" : "the store gave no answer, as planned";
    return result;
  }
  if (!applied_.add_batch(batch_id, true)) {
    result.outcomes.assign(groups.size(), Outcome::kRefused);
    result.why = "batch " + std::to_string(batch_id) + " has been committed or settled before";
    return result;
  }
  Pending pending{batch_id, {}};
  for (size_t i = 0; i < groups.size(); ++i) {
    const bool done = !chosen.conflicts.contains(i) && applied_.apply(groups[i]);
    result.outcomes.push_back(done ? Outcome::kCommitted : Outcome::kConflict);
    if (done) pending.groups.push_back(groups[i]);
  }
  pending_.push_back(std::move(pending));
  result.last_event = EventCursor(applied_.last_seq);
  if (chosen.fault == CommitFault::kUnknownApplied) {
    for (Outcome& outcome : result.outcomes) {
      if (outcome == Outcome::kCommitted) outcome = Outcome::kUnknown;
    }
    result.why = "the store gave no answer, as planned";
  }
  return result;
}

// The durable image takes the same steps, so it is the same without copying everything.
void MemoryStore::sync() {
  const std::lock_guard lock(shared_->mutex);
  for (const Pending& batch : pending_) {
    shared_->durable.add_batch(batch.batch_id, true);
    for (const Group& group : batch.groups) shared_->durable.apply(group);
  }
  pending_.clear();
}

void MemoryStore::crash() {
  pending_.clear();
  applied_ = snapshot();
}

bool MemoryStore::synced() const { return pending_.empty(); }

MemoryImage MemoryStore::snapshot() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->durable;
}

void MemoryStore::restore(MemoryImage image) {
  pending_.clear();
  applied_ = image;
  const std::lock_guard lock(shared_->mutex);
  shared_->durable = std::move(image);
}

CommitResult MemoryStore::commit(uint64_t batch_id, std::span<const Group> groups) {
  const CommitPlan chosen = plan ? plan(batch_id, groups) : CommitPlan{};
  CommitResult result = apply(batch_id, groups, chosen);
  if (!chosen.hold_sync) sync();
  return result;
}

Resolution MemoryStore::resolve(uint64_t batch_id) {
  sync();
  if (applied_.add_batch(batch_id, false)) {
    const std::lock_guard lock(shared_->mutex);
    shared_->durable.add_batch(batch_id, false);
    return Resolution::kNotApplied;
  }
  return applied_.batches.at(batch_id) ? Resolution::kApplied : Resolution::kNotApplied;
}

Result<bool> MemoryStore::recover(const RecoverSink& sink) {
  for (const auto& [key, row] : applied_.packets) {
    if (row.head && !is_terminal(row.head->status) && sink.packet) sink.packet(*row.head);
  }
  for (const auto& [key, record] : applied_.members) {
    if (sink.member) sink.member(*record);
  }
  for (const auto& [id, record] : applied_.sessions) {
    if (sink.session) sink.session(*record);
  }
  for (const auto& [key, document] : applied_.documents) {
    if (sink.document) sink.document(*document);
  }
  if (sink.ended) sink.ended(applied_.ended());
  if (sink.incarnation_floor) sink.incarnation_floor(applied_.incarnation_floor);
  return true;
}

Result<std::optional<std::string>> MemoryStore::fact(const std::string& name) {
  const auto found = applied_.facts.find(name);
  if (found == applied_.facts.end()) return std::optional<std::string>();
  return std::optional<std::string>(found->second);
}

Result<bool> MemoryStore::set_fact(const std::string& name, const std::string& value) {
  sync();
  applied_.facts[name] = value;
  const std::lock_guard lock(shared_->mutex);
  shared_->durable.facts[name] = value;
  return true;
}

Result<Swept> MemoryStore::sweep(const SweepLimits& limits) {
  sync();
  const Swept swept = applied_.sweep(limits);
  const std::lock_guard lock(shared_->mutex);
  shared_->durable.sweep(limits);
  return swept;
}

Result<std::unique_ptr<Reader>> MemoryStore::reader() { return make_memory_reader(shared_); }

StoreCapabilities MemoryStore::capabilities() const {
  return {.engine = "memory", .version = "1", .durable = false};
}

std::unique_ptr<MemoryStore> make_memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace phoenix
