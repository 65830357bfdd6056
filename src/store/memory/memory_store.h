// A store without a disk, for the simulator and for tests. Once something is applied and not
// synced, it keeps two images: what has been applied, and what a crash would leave. It draws no
// chance by itself: whoever holds it says what goes wrong. Deterministic: ordered containers, no
// clock.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/memory/image.h"
#include "store/store.h"

namespace phoenix {

enum class CommitFault : uint8_t {
  kNone,
  kRefuse,          // nothing happens; kRefused
  kUnknownApplied,  // happens; kUnknown
  kUnknownLost,     // does not happen; kUnknown
};

// What is to become of one batch.
struct CommitPlan {
  CommitFault fault = CommitFault::kNone;
  std::set<size_t> conflicts{};  // groups, by index, that end in kConflict whatever stands there
  bool hold_sync = false;        // applied, but lost at a crash() before the next sync()
};

class MemoryStore final : public Store {
 public:
  MemoryStore();
  ~MemoryStore() override;

  // Asked at every commit; none: all goes well.
  std::function<CommitPlan(uint64_t batch_id, std::span<const Group> groups)> plan;
  // While set, reads of any reader fail with this sentence.
  void fail_reads(std::string why);

  // commit() in two steps: the result may be handed on only after sync().
  CommitResult apply(uint64_t batch_id, std::span<const Group> groups, const CommitPlan& chosen);
  // All that has been applied becomes durable.
  void sync();
  // What was applied since the last sync() has never happened.
  void crash();
  bool synced() const;

  // The durable image: a copy that shares what is immutable.
  MemoryImage snapshot() const;
  void restore(MemoryImage image);

  CommitResult commit(uint64_t batch_id, std::span<const Group> groups) override;
  Resolution resolve(uint64_t batch_id) override;
  Result<bool> recover(const RecoverSink& sink) override;
  Result<std::optional<std::string>> fact(const std::string& name) override;
  Result<bool> set_fact(const std::string& name, const std::string& value) override;
  Result<Swept> sweep(const SweepLimits& limits) override;
  // Sees the durable image only.
  Result<std::unique_ptr<Reader>> reader() override;
  StoreCapabilities capabilities() const override;

 private:
  struct Pending {
    uint64_t batch_id = 0;
    std::vector<Group> groups;  // those that did not conflict
  };
  const MemoryImage& image() const;
  template <class Change>
  auto change(const Change& change);

  std::shared_ptr<struct MemoryShared> shared_;  // the durable image, which readers see
  std::optional<MemoryImage> applied_;           // none: the durable one is all there is
  std::vector<Pending> pending_;
};

std::unique_ptr<MemoryStore> make_memory_store();

}  // namespace phoenix
