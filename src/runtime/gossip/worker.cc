#include "runtime/gossip/worker.h"

#include <utility>

namespace phoenix {

Worker::Worker(EventLoop& loop)
    : loop_(loop), here_(std::make_shared<bool>(true)), thread_([this] { work(); }) {}

Worker::~Worker() {
  *here_ = false;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Worker::run(Task job, Task done) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({std::move(job), std::move(done)});
  }
  wake_.notify_one();
}

void Worker::work() {
  const std::shared_ptr<bool> here = here_;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Order order = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    order.job();
    order.job = nullptr;
    loop_.post([here, done = std::move(order.done)] {
      if (*here) done();
    });
    lock.lock();
  }
}

}  // namespace phoenix
