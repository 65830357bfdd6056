// The store's threads: one that writes, one that reads. Group commit is adaptive: what has queued
// while the last sync ran is the next batch, so nothing lingers and nothing waits for company. A
// store that is not durable waits for no disk, so it is written on the loop's own thread.
//
// Made, fed and destroyed on the loop's thread; the callbacks are posted there.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/event_loop.h"
#include "store/store.h"

namespace phoenix {

class StoreWriter {
 public:
  struct Done {
    uint64_t batch = 0;
    std::vector<uint64_t> groups;
    CommitResult result;
    std::vector<Group> written;  // given back for the caches
  };
  using OnDone = std::function<void(Done)>;
  using OnResolved = std::function<void(uint64_t batch, Resolution)>;
  using OnSwept = std::function<void(const EndedCounts& buried)>;

  // first_batch: greater than every batch id ever used with this store.
  StoreWriter(EventLoop& loop, Store& store, uint64_t first_batch, SweepLimits limits,
              OnDone on_done, OnResolved on_resolved, OnSwept on_swept);
  ~StoreWriter();  // writes what is queued, then joins

  void commit(std::vector<Group> groups);
  void resolve(uint64_t batch);
  // In its turn; a fact that cannot be written is lost, as nobody waits for it.
  void set_fact(std::string name, std::string value);
  // Entries of that log up to and with that position may go, once the fact that stands for them is
  // durable.
  void let_go(uint32_t log, uint64_t until, std::string name, std::string value);
  // True while a batch is at the store for few callers: its end is near and somebody waits for it,
  // so watch. With many in flight the processor has better things to do, and their own traffic
  // keeps the loop awake. The end of a commit at a database is a network and a disk away, often
  // on the very processors that would watch.
  bool committing() const { return is_near_ && in_flight_ > 0 && in_flight_ <= kWatched; }

 private:
  static constexpr size_t kWatched = 2;
  struct Fact {
    std::string name;
    std::string value;
    std::optional<std::pair<uint32_t, uint64_t>> stands_for{};  // (log, position)
  };

  void run();
  void write(std::vector<Group> groups);
  void settle(uint64_t batch);
  void sweep();
  void sweep_later();
  void put(Fact fact);
  void write(const Fact& fact);

  EventLoop& loop_;
  Store& store_;
  bool is_near_;  // in this process
  uint64_t next_batch_;
  SweepLimits limits_;
  OnDone on_done_;
  OnResolved on_resolved_;
  OnSwept on_swept_;
  size_t in_flight_ = 0;  // the loop's thread alone
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Group> queue_;
  std::vector<uint64_t> unknown_;
  std::vector<Fact> facts_;
  bool stop_ = false;
  Timer sweeps_;        // without a thread
  std::thread thread_;  // if the store is durable
};

class StoreReader {
 public:
  using Job = std::function<void(Reader&)>;
  using Done = std::function<void(const std::optional<Error>&)>;
  static constexpr size_t kMaxQueue = 1024;

  StoreReader(EventLoop& loop, Store& store);
  ~StoreReader();  // drops what is queued, then joins, unless end() was called

  // Beyond kMaxQueue waiting jobs: done gets kOverloaded at once (from a later turn of the loop).
  // After end(): kDraining.
  void read(Job job, Done done);
  // Awaits the job that runs; those that wait are answered without being run.
  void end();

 private:
  struct Task {
    Job job;
    Done done;
  };
  void run();
  void refuse(Done done);

  EventLoop& loop_;
  Store& store_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace phoenix
