// One thread's event loop: ready tasks, timers, file descriptors, signals. Boost.Asio is behind it
// and stays in event_loop.cc. It knows nothing of what its tasks do.
//
// Threads: post() and stop() may be called from any thread; all else belongs to the thread that
// runs the loop. Tasks run one after the other on that thread and must not throw. Timers, watches
// and whatever else was made from a loop must be gone before the loop is.
//
// Time is CLOCK_MONOTONIC: it stands still while the machine is suspended. Who counts leases on
// CLOCK_BOOTTIME looks at that clock again when a timer has fired.
#pragma once

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace phoenix {

class EventLoop;

// At most one call that is to come. Arming it again replaces the former call; this is cheap, also
// thousands of times a second. Destroying it cancels. After cancel() the task is never called.
class Timer {
 public:
  using Task = std::function<void()>;
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit Timer(EventLoop& loop);
  Timer(Timer&&) noexcept;
  Timer& operator=(Timer&&) noexcept;
  ~Timer();

  void call_at(TimePoint when, Task task);
  void call_after(Duration delay, Task task);  // negative delays count as none
  void cancel();
  bool pending() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Told by an FdWaiter; both calls come once for each arming.
class FdEvents {
 public:
  virtual void on_readable() = 0;  // data, end of file or an error: read to find out
  virtual void on_writable() = 0;

 protected:
  ~FdEvents() = default;
};

// Readiness of one non-blocking descriptor. Does not own it: destroy the waiter, then close.
class FdWaiter {
 public:
  FdWaiter(EventLoop& loop, int fd, FdEvents& events);
  ~FdWaiter();
  FdWaiter(const FdWaiter&) = delete;
  FdWaiter& operator=(const FdWaiter&) = delete;

  void wait_readable();  // no effect while armed
  void wait_writable();
  bool waiting_readable() const;
  // False if the kernel refused to watch it (out of memory, a plain file): nothing ever comes.
  bool valid() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Calls back whenever the descriptor is readable, until it is destroyed.
class FdWatch {
 public:
  virtual ~FdWatch() = default;
};

class EventLoop {
 public:
  using Task = std::function<void()>;

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs tasks until stop(); waits while there are none. May be called again afterwards.
  void run();
  void stop();
  // After stop() was carried out and until the next run(): for loops driven by poll().
  bool stopped() const;
  // Runs what is ready, without waiting; returns how many tasks ran.
  size_t poll();
  // Waits for a task up to that long and runs it; returns how many ran (0 or more). Up to 1 ms it
  // watches without going to sleep, which saves the wake-up latency and costs the processor.
  size_t run_one_for(std::chrono::microseconds limit);

  // Queues a task for a later turn. The queue has no bound of its own: who posts on behalf of an
  // outsider bounds what it posts.
  void post(Task task);
  Timer call_after(Duration delay, Task task);
  Timer call_at(Timer::TimePoint when, Task task);
  // The descriptor stays the caller's: destroy the watch before closing it.
  std::unique_ptr<FdWatch> watch_readable(int fd, Task task);
  // From now on these signals (SIGTERM, SIGINT, SIGHUP …) only call back. Once per loop.
  Result<void> on_signals(const std::vector<int>& signals, std::function<void(int)> task);

 private:
  friend class Timer;
  friend class FdWaiter;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phoenix
