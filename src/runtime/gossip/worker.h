// One thread that runs jobs which may wait or take long, in the order in which they came. What is
// to follow runs on the loop. Made, fed and destroyed on the loop's thread; who feeds it on behalf
// of an outsider bounds what it feeds.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "net/event_loop.h"

namespace phoenix {

class Worker {
 public:
  using Task = std::function<void()>;

  explicit Worker(EventLoop& loop);
  ~Worker();  // runs what is queued, then joins; nothing follows on the loop any more
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // `job` on the thread, then `done` on the loop. Neither throws.
  void run(Task job, Task done);

 private:
  struct Order {
    Task job;
    Task done;
  };
  void work();

  EventLoop& loop_;
  std::shared_ptr<bool> here_;  // false once this is gone; the loop's thread alone
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Order> queue_;
  bool stop_ = false;
  std::thread thread_;  // last: it starts when all else is there
};

}  // namespace phoenix
