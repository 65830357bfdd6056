#include "runtime/store_threads.h"

#include <chrono>

namespace phoenix {
namespace {

constexpr std::chrono::seconds kSweepEvery{10};
// A batch is a unit of speed: larger ones gain nothing and make the first one in it wait.
constexpr size_t kMaxBatch = 4096;

WallMs wall_now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

StoreWriter::StoreWriter(EventLoop& loop, Store& store, uint64_t first_batch, SweepLimits limits,
                         OnDone on_done, OnResolved on_resolved, OnSwept on_swept)
    : loop_(loop),
      store_(store),
      is_near_(!store.capabilities().shared),
      next_batch_(first_batch),
      limits_(limits),
      on_done_(std::move(on_done)),
      on_resolved_(std::move(on_resolved)),
      on_swept_(std::move(on_swept)),
      sweeps_(loop) {
  if (store.capabilities().durable) {
    thread_ = std::thread([this] { run(); });
  } else {
    sweep_later();
  }
}

StoreWriter::~StoreWriter() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void StoreWriter::commit(std::vector<Group> groups) {
  if (groups.empty()) return;
  in_flight_ += groups.size();
  if (!thread_.joinable()) return write(std::move(groups));
  {
    const std::lock_guard lock(mutex_);
    for (Group& group : groups) queue_.push_back(std::move(group));
  }
  wake_.notify_one();
}

void StoreWriter::resolve(uint64_t batch) {
  if (!thread_.joinable()) return settle(batch);
  {
    const std::lock_guard lock(mutex_);
    unknown_.push_back(batch);
  }
  wake_.notify_one();
}

void StoreWriter::write(std::vector<Group> groups) {
  Done done;
  done.batch = next_batch_++;
  done.result = store_.commit(done.batch, groups);
  done.groups.reserve(groups.size());
  for (const Group& group : groups) done.groups.push_back(group.id);
  done.written = std::move(groups);
  auto shared = std::make_shared<Done>(std::move(done));
  loop_.post([this, shared] {
    in_flight_ -= shared->groups.size();
    on_done_(std::move(*shared));
  });
}

void StoreWriter::settle(uint64_t batch) {
  const Resolution resolution = store_.resolve(batch);
  if (resolution == Resolution::kUnknown) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the disk is away
  }
  loop_.post([this, batch, resolution] { on_resolved_(batch, resolution); });
}

void StoreWriter::set_fact(std::string name, std::string value) {
  put({std::move(name), std::move(value)});
}

void StoreWriter::let_go(uint32_t log, uint64_t until, std::string name, std::string value) {
  put({std::move(name), std::move(value), std::make_pair(log, until)});
}

void StoreWriter::put(Fact fact) {
  if (!thread_.joinable()) return write(fact);
  {
    const std::lock_guard lock(mutex_);
    facts_.push_back(std::move(fact));
  }
  wake_.notify_one();
}

void StoreWriter::write(const Fact& fact) {
  const bool written = store_.set_fact(fact.name, fact.value).has_value();
  if (!written || !fact.stands_for) return;
  auto& all = limits_.recorded_until;
  std::erase_if(all, [&fact](const auto& one) { return one.first == fact.stands_for->first; });
  all.push_back(*fact.stands_for);
}

void StoreWriter::sweep() {
  limits_.now = wall_now();
  for (int i = 0; i < 20; ++i) {
    const auto swept = store_.sweep(limits_);
    if (!swept) return;
    loop_.post([this, buried = swept->buried] { on_swept_(buried); });
    if (swept->rows < limits_.max_rows) return;
  }
}

void StoreWriter::sweep_later() {
  sweeps_.call_after(Duration{std::chrono::nanoseconds(kSweepEvery).count()}, [this] {
    sweep();
    sweep_later();
  });
}

void StoreWriter::run() {
  auto next_sweep = std::chrono::steady_clock::now() + kSweepEvery;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait_until(lock, next_sweep, [this] {
      return stop_ || !queue_.empty() || !unknown_.empty() || !facts_.empty();
    });
    std::vector<Group> groups;
    if (queue_.size() <= kMaxBatch) {
      groups.swap(queue_);
    } else {
      const auto end = queue_.begin() + kMaxBatch;
      groups.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
      queue_.erase(queue_.begin(), end);
    }
    std::vector<uint64_t> unknown;
    unknown.swap(unknown_);
    const auto facts = std::exchange(facts_, {});
    if (stop_ && groups.empty() && unknown.empty() && facts.empty()) return;
    lock.unlock();
    if (!groups.empty()) {
      write(std::move(groups));
      store_.maintain();  // checkpoints, when nobody waits for them
    }
    for (const uint64_t batch : unknown) settle(batch);
    for (const Fact& fact : facts) write(fact);
    if (std::chrono::steady_clock::now() >= next_sweep) {
      sweep();
      next_sweep = std::chrono::steady_clock::now() + kSweepEvery;
    }
    lock.lock();
  }
}

StoreReader::StoreReader(EventLoop& loop, Store& store)
    : loop_(loop), store_(store), thread_([this] { run(); }) {}

StoreReader::~StoreReader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void StoreReader::end() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
  for (Task& task : queue_) refuse(std::move(task.done));
  queue_.clear();
}

void StoreReader::refuse(Done done) {
  loop_.post([done = std::move(done)] {
    done(Error{.kind = ErrorKind::kDraining, .detail = "this life of the host is over"});
  });
}

void StoreReader::read(Job job, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return refuse(std::move(done));
    if (queue_.size() < kMaxQueue) {
      queue_.push_back({std::move(job), std::move(done)});
      wake_.notify_one();
      return;
    }
  }
  loop_.post([done = std::move(done)] {
    Error error = {.kind = ErrorKind::kOverloaded, .detail = "too many reads are waiting"};
    error.retry_after_ms = 1000;
    done(error);
  });
}

void StoreReader::run() {
  std::unique_ptr<Reader> reader;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (stop_) return;
    Task task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    std::optional<Error> error;
    if (!reader) {
      auto opened = store_.reader();
      if (opened) {
        reader = std::move(*opened);
      } else {
        error = opened.error();
      }
    }
    if (reader) task.job(*reader);
    loop_.post([done = std::move(task.done), error] { done(error); });
    lock.lock();
  }
}

}  // namespace phoenix
