#include "net/event_loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <string>
#include <utility>

namespace phoenix {

namespace asio = boost::asio;
using boost::system::error_code;

struct EventLoop::Impl {
  // The hint of 1 spares locks between this thread's own handlers; posting from others stays safe.
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::optional<asio::signal_set> signals;
  std::function<void(int)> on_signal;
  bool stopped = false;

  void wake_up() {
    if (context.stopped()) context.restart();
  }
  void await_signal() {
    signals->async_wait([this](const error_code& error, int signal) {
      if (error) return;
      await_signal();
      on_signal(signal);
    });
  }
};

// The kernel's timer stays armed for the earliest time asked for since it last fired. When that
// comes too early it is armed again; so putting a deadline off, as each request does, is free.
struct Timer::State : std::enable_shared_from_this<Timer::State> {
  explicit State(asio::io_context& context) : timer(context) {}

  asio::steady_timer timer;
  TimePoint due;
  TimePoint armed_for;
  Task task;
  uint64_t arming = 0;
  bool armed = false;
  bool active = false;

  void arm(TimePoint when) {
    armed = true;
    armed_for = when;
    timer.expires_at(when);
    timer.async_wait([self = shared_from_this(), mine = ++arming](const error_code&) {
      if (mine == self->arming) self->expired();
    });
  }
  void expired() {
    armed = false;
    if (!active) return;
    if (std::chrono::steady_clock::now() < due) return arm(due);
    active = false;
    Task now = std::move(task);
    task = nullptr;
    now();
  }
};

Timer::Timer(EventLoop& loop) : state_(std::make_shared<State>(loop.impl_->context)) {}
Timer::Timer(Timer&&) noexcept = default;
Timer& Timer::operator=(Timer&& other) noexcept {
  std::swap(state_, other.state_);
  other.cancel();
  return *this;
}
Timer::~Timer() {
  if (state_ == nullptr) return;
  cancel();
  ++state_->arming;
  state_->timer.cancel();
}

void Timer::call_at(TimePoint when, Task task) {
  state_->due = when;
  state_->task = std::move(task);
  state_->active = true;
  if (!state_->armed || when < state_->armed_for) state_->arm(when);
}

void Timer::call_after(Duration delay, Task task) {
  const int64_t ns = delay.ns > 0 ? delay.ns : 0;
  call_at(std::chrono::steady_clock::now() + std::chrono::nanoseconds(ns), std::move(task));
}

void Timer::cancel() {
  if (state_ == nullptr) return;
  state_->active = false;
  state_->task = nullptr;
}

bool Timer::pending() const { return state_ != nullptr && state_->active; }

struct FdWaiter::State : std::enable_shared_from_this<FdWaiter::State> {
  State(asio::io_context& context, FdEvents& sink) : descriptor(context), events(&sink) {}

  asio::posix::stream_descriptor descriptor;
  FdEvents* events;  // null once the waiter is gone
  bool reading = false;
  bool writing = false;
};

FdWaiter::FdWaiter(EventLoop& loop, int fd, FdEvents& events)
    : state_(std::make_shared<State>(loop.impl_->context, events)) {
  error_code error;
  state_->descriptor.assign(fd, error);
}

FdWaiter::~FdWaiter() {
  state_->events = nullptr;
  if (state_->descriptor.is_open()) state_->descriptor.release();
}

bool FdWaiter::valid() const { return state_->descriptor.is_open(); }
bool FdWaiter::waiting_readable() const { return state_->reading; }

void FdWaiter::wait_readable() {
  if (state_->reading) return;
  state_->reading = true;
  state_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                [state = state_](const error_code& error) {
                                  state->reading = false;
                                  if (!error && state->events) state->events->on_readable();
                                });
}

void FdWaiter::wait_writable() {
  if (state_->writing) return;
  state_->writing = true;
  state_->descriptor.async_wait(asio::posix::stream_descriptor::wait_write,
                                [state = state_](const error_code& error) {
                                  state->writing = false;
                                  if (!error && state->events) state->events->on_writable();
                                });
}

namespace {

class ReadableWatch final : public FdWatch, private FdEvents {
 public:
  ReadableWatch(EventLoop& loop, int fd, EventLoop::Task task)
      : task_(std::make_shared<EventLoop::Task>(std::move(task))), waiter_(loop, fd, *this) {
    waiter_.wait_readable();
  }

 private:
  void on_readable() override {
    // Armed before the call, because the task may destroy this watch.
    waiter_.wait_readable();
    const auto task = task_;
    (*task)();
  }
  void on_writable() override {}

  std::shared_ptr<EventLoop::Task> task_;
  FdWaiter waiter_;
};

}  // namespace

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}
EventLoop::~EventLoop() = default;

void EventLoop::run() {
  while (!impl_->stopped) {
    impl_->wake_up();
    impl_->context.run();
  }
  impl_->stopped = false;
}

// Stopping travels as a task, so that a run() which is only just starting cannot overlook it.
void EventLoop::stop() {
  post([impl = impl_.get()] {
    impl->stopped = true;
    impl->context.stop();
  });
}

bool EventLoop::stopped() const { return impl_->stopped; }

size_t EventLoop::poll() {
  impl_->wake_up();
  return impl_->context.poll();
}

size_t EventLoop::run_one_for(std::chrono::microseconds limit) {
  impl_->wake_up();
  // epoll counts in milliseconds: below that, only looking again and again is exact.
  if (limit > std::chrono::milliseconds(1)) return impl_->context.run_one_for(limit);
  const auto end = std::chrono::steady_clock::now() + limit;
  do {
    if (const size_t ran = impl_->context.poll_one(); ran > 0) return ran;
  } while (!impl_->stopped && std::chrono::steady_clock::now() < end);
  return 0;
}

void EventLoop::post(Task task) { asio::post(impl_->context, std::move(task)); }

Timer EventLoop::call_after(Duration delay, Task task) {
  Timer timer(*this);
  timer.call_after(delay, std::move(task));
  return timer;
}

Timer EventLoop::call_at(Timer::TimePoint when, Task task) {
  Timer timer(*this);
  timer.call_at(when, std::move(task));
  return timer;
}

std::unique_ptr<FdWatch> EventLoop::watch_readable(int fd, Task task) {
  return std::make_unique<ReadableWatch>(*this, fd, std::move(task));
}

Result<void> EventLoop::on_signals(const std::vector<int>& signals, std::function<void(int)> task) {
  impl_->signals.emplace(impl_->context);
  impl_->on_signal = std::move(task);
  for (const int signal : signals) {
    error_code error;
    impl_->signals->add(signal, error);
    if (error) {
      return fail(ErrorKind::kInternal,
                  "cannot handle signal " + std::to_string(signal) + ": " + error.message());
    }
  }
  impl_->await_signal();
  return {};
}

}  // namespace phoenix
