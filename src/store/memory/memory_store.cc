#include "store/memory/memory_store.h"

#include <mutex>
#include <utility>

#include "store/memory/memory_reader.h"

namespace phoenix {
namespace {

// Those that did not conflict are added to `done` too, if there is one. Says why if all are
// refused.
CommitResult apply_to(MemoryImage& image, uint64_t batch_id, std::span<const Group> groups,
                      const std::set<size_t>& conflicts, std::vector<Group>* done) {
  CommitResult result;
  if (!image.add_batch(batch_id, true)) {
    result.last_event = EventCursor(image.last_seq);
    result.outcomes.assign(groups.size(), Outcome::kRefused);
    result.why = "batch " + std::to_string(batch_id) + " has been committed or settled before";
    return result;
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    const bool applied = !conflicts.contains(i) && image.apply(groups[i]);
    result.outcomes.push_back(applied ? Outcome::kCommitted : Outcome::kConflict);
    if (applied && done != nullptr) done->push_back(groups[i]);
  }
  result.last_event = EventCursor(image.last_seq);
  return result;
}

}  // namespace

MemoryStore::MemoryStore() : shared_(std::make_shared<MemoryShared>()) {}
MemoryStore::~MemoryStore() = default;

void MemoryStore::fail_reads(std::string why) {
  const std::lock_guard lock(shared_->mutex);
  shared_->read_failure = std::move(why);
}

// Of all that reads or changes an image, only this thread changes one.
const MemoryImage& MemoryStore::image() const { return applied_ ? *applied_ : shared_->durable; }

// In both images. Requires: all is synced.
template <class Change>
auto MemoryStore::change(const Change& change) {
  if (applied_) (void)change(*applied_);
  const std::lock_guard lock(shared_->mutex);
  return change(shared_->durable);
}

CommitResult MemoryStore::apply(uint64_t batch_id, std::span<const Group> groups,
                                const CommitPlan& chosen) {
  if (!applied_) applied_ = snapshot();
  CommitResult result;
  const bool refused = chosen.fault == CommitFault::kRefuse;
  const bool lost = chosen.fault == CommitFault::kUnknownLost;
  if (refused || lost) {
    result.last_event = EventCursor(applied_->last_seq);
    result.outcomes.assign(groups.size(), refused ? Outcome::kRefused : Outcome::kUnknown);
    result.why = refused ? "the store refuses, as planned" : "the store gave no answer, as planned";
    return result;
  }
  Pending pending{batch_id, {}};
  result = apply_to(*applied_, batch_id, groups, chosen.conflicts, &pending.groups);
  if (!result.why.empty()) return result;
  pending_.push_back(std::move(pending));
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
  applied_.reset();
}

bool MemoryStore::synced() const { return pending_.empty(); }

MemoryImage MemoryStore::snapshot() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->durable;
}

void MemoryStore::restore(MemoryImage image) {
  crash();
  const std::lock_guard lock(shared_->mutex);
  shared_->durable = std::move(image);
}

CommitResult MemoryStore::commit(uint64_t batch_id, std::span<const Group> groups) {
  if (!plan && !applied_) {
    const std::lock_guard lock(shared_->mutex);
    return apply_to(shared_->durable, batch_id, groups, {}, nullptr);
  }
  const CommitPlan chosen = plan ? plan(batch_id, groups) : CommitPlan{};
  CommitResult result = apply(batch_id, groups, chosen);
  if (!chosen.hold_sync) sync();
  return result;
}

Resolution MemoryStore::resolve(uint64_t batch_id) {
  sync();
  const bool fresh =
      change([batch_id](MemoryImage& image) { return image.add_batch(batch_id, false); });
  return !fresh && image().batches.at(batch_id) ? Resolution::kApplied : Resolution::kNotApplied;
}

Result<bool> MemoryStore::recover(const RecoverSink& sink) {
  const MemoryImage& all = image();
  for (const auto& [key, row] : all.packets) {
    if (row.head && !is_terminal(row.head->status) && sink.packet) sink.packet(*row.head);
  }
  for (const auto& [key, record] : all.members) {
    if (sink.member) sink.member(*record);
  }
  for (const auto& [id, record] : all.sessions) {
    if (sink.session) sink.session(*record);
  }
  for (const auto& [key, document] : all.documents) {
    if (sink.document) sink.document(*document);
  }
  if (sink.ended) sink.ended(all.ended());
  if (sink.incarnation_floor) sink.incarnation_floor(all.incarnation_floor);
  return true;
}

Result<std::optional<std::string>> MemoryStore::fact(const std::string& name) {
  const auto found = image().facts.find(name);
  if (found == image().facts.end()) return std::optional<std::string>();
  return std::optional<std::string>(found->second);
}

Result<bool> MemoryStore::set_fact(const std::string& name, const std::string& value) {
  sync();
  return change([&](MemoryImage& image) {
    image.facts[name] = value;
    return true;
  });
}

Result<Swept> MemoryStore::sweep(const SweepLimits& limits) {
  sync();
  return change([&limits](MemoryImage& image) { return image.sweep(limits); });
}

Result<std::unique_ptr<Reader>> MemoryStore::reader() { return make_memory_reader(shared_); }

StoreCapabilities MemoryStore::capabilities() const {
  return {.engine = "memory", .version = "1", .durable = false};
}

std::unique_ptr<MemoryStore> make_memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace phoenix
