// One node and one store under explicit time: every input is followed by everything that comes of
// it at once, and only advance() makes time pass. The third driver of the core, for scenarios.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "node/node.h"
#include "store/memory/memory_store.h"

namespace phoenix::sim {

class Stage {
 public:
  // Every answer and portion, with the time since the start.
  using OnReply = std::function<void(RequestId, const ReplyBody&, bool replayed)>;
  using OnPortion = std::function<void(const StreamPortion&)>;

  Stage(OnReply on_reply, OnPortion on_portion);

  void start();
  void crash();
  void shut_down();
  bool up() const { return node_ != nullptr; }
  // Time passes, and the host does not notice it.
  void freeze(Duration length) { now_ = now_ + length; }
  void advance(Duration length);

  // What becomes of the next batches, until it is set again.
  enum class StoreMode { kWell, kFull, kHeld, kUnknownApplied, kUnknownLost, kConflict };
  void set_store(StoreMode mode);

  RequestId send(Command command);
  void close_stream(RequestId stream);

  Node& node() { return *node_; }
  MemoryStore& store() { return store_; }
  Now now() const;
  Duration elapsed() const { return now_ - kStart; }

 private:
  static constexpr Instant kStart{1'000'000'000};
  void pump();
  void write(std::vector<Group> groups);
  void finish(uint64_t batch, const std::vector<Group>& groups, CommitResult result);

  OnReply on_reply_;
  OnPortion on_portion_;
  MemoryStore store_;
  std::unique_ptr<Node> node_;
  Instant now_ = kStart;
  uint64_t run_ = 0;
  RequestId next_request_ = 1;
  uint64_t next_batch_ = 1;
  uint64_t next_session_ = 1;
  StoreMode mode_ = StoreMode::kWell;
  struct Held {
    uint64_t batch = 0;
    std::vector<Group> groups;
    CommitResult result;
  };
  std::vector<Held> held_;
};

}  // namespace phoenix::sim
