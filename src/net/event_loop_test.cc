#include "net/event_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <thread>

namespace phoenix {
namespace {

using Clock = std::chrono::steady_clock;

TEST(EventLoop, runs_posted_tasks_in_order_and_stops) {
  EventLoop loop;
  std::vector<int> order;
  loop.post([&] { order.push_back(1); });
  loop.post([&] {
    order.push_back(2);
    loop.post([&] {
      order.push_back(4);
      loop.stop();
    });
  });
  loop.post([&] { order.push_back(3); });
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
}

TEST(EventLoop, can_be_stopped_from_another_thread_before_it_runs_and_run_again) {
  EventLoop loop;
  std::thread([&] { loop.stop(); }).join();
  loop.run();
  bool ran = false;
  loop.post([&] {
    ran = true;
    loop.stop();
  });
  loop.run();
  EXPECT_TRUE(ran);
}

TEST(EventLoop, poll_runs_what_is_ready_and_never_waits) {
  EventLoop loop;
  EXPECT_EQ(loop.poll(), 0U);
  int count = 0;
  for (int i = 0; i < 3; ++i) loop.post([&] { ++count; });
  EXPECT_EQ(loop.poll(), 3U);
  EXPECT_EQ(count, 3);
  loop.stop();
  loop.poll();
  EXPECT_TRUE(loop.stopped());
}

TEST(EventLoop, run_one_for_waits_no_longer_than_asked_and_runs_one) {
  EventLoop loop;
  const auto start = Clock::now();
  EXPECT_EQ(loop.run_one_for(std::chrono::microseconds(200)), 0U);
  EXPECT_GE(Clock::now() - start, std::chrono::microseconds(200));
  int count = 0;
  loop.post([&] { ++count; });
  loop.post([&] { ++count; });
  EXPECT_EQ(loop.run_one_for(std::chrono::microseconds(200)), 1U);
  EXPECT_EQ(loop.run_one_for(std::chrono::seconds(10)), 1U);
  EXPECT_EQ(count, 2);
}

TEST(EventLoop, is_woken_by_a_task_from_another_thread) {
  EventLoop loop;
  std::thread other([&] {
    for (int i = 0; i < 1'000; ++i) loop.post([] {});
    loop.stop();
  });
  loop.run();
  other.join();
}

TEST(Timer, fires_not_before_its_time_and_in_order) {
  EventLoop loop;
  std::vector<int> order;
  const auto start = Clock::now();
  Timer late = loop.call_after(milliseconds(20), [&] {
    order.push_back(2);
    EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(20));
    loop.stop();
  });
  Timer early = loop.call_at(start + std::chrono::milliseconds(5), [&] { order.push_back(1); });
  Timer past = loop.call_after(milliseconds(-5), [&] { order.push_back(0); });
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  EXPECT_FALSE(late.pending());
}

TEST(Timer, arming_again_replaces_the_former_call_both_ways) {
  EventLoop loop;
  std::vector<char> order;
  Timer put_off(loop);
  put_off.call_after(milliseconds(1), [&] { order.push_back('x'); });
  put_off.call_after(milliseconds(20), [&] {
    order.push_back('b');
    loop.stop();
  });
  Timer moved_up(loop);
  moved_up.call_after(seconds(60), [&] { order.push_back('y'); });
  moved_up.call_after(milliseconds(5), [&] { order.push_back('a'); });
  loop.run();
  EXPECT_EQ(order, (std::vector<char>{'a', 'b'}));
}

TEST(Timer, never_calls_after_cancel_or_its_end) {
  EventLoop loop;
  int calls = 0;
  Timer canceled = loop.call_after(milliseconds(1), [&] { ++calls; });
  std::optional<Timer> destroyed = loop.call_after(milliseconds(1), [&] { ++calls; });
  Timer replaced = loop.call_after(milliseconds(1), [&] { ++calls; });
  canceled.cancel();
  destroyed.reset();
  replaced = loop.call_after(milliseconds(10), [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(calls, 0);
}

TEST(Timer, may_be_armed_again_by_its_own_call) {
  EventLoop loop;
  Timer timer(loop);
  int ticks = 0;
  std::function<void()> tick = [&] {
    if (++ticks == 5) return loop.stop();
    timer.call_after(milliseconds(1), tick);
  };
  timer.call_after(milliseconds(1), tick);
  loop.run();
  EXPECT_EQ(ticks, 5);
}

TEST(FdWatch, calls_while_readable_and_not_after_its_end) {
  EventLoop loop;
  std::array<int, 2> pipe_ends = {};
  ASSERT_EQ(::pipe(pipe_ends.data()), 0);
  ASSERT_EQ(::write(pipe_ends[1], "abc", 3), 3);
  std::string read;
  std::unique_ptr<FdWatch> watch;
  watch = loop.watch_readable(pipe_ends[0], [&] {
    char byte = 0;
    ASSERT_EQ(::read(pipe_ends[0], &byte, 1), 1);
    read += byte;
    // One byte a call: what is left makes it readable again.
    if (read.size() == 3) ASSERT_EQ(::write(pipe_ends[1], "d", 1), 1);
    if (read.size() < 4) return;
    ASSERT_EQ(::write(pipe_ends[1], "e", 1), 1);
    watch.reset();
    loop.stop();
  });
  loop.run();
  loop.poll();
  EXPECT_EQ(read, "abcd");
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

TEST(EventLoop, hands_signals_over_as_tasks) {
  EventLoop loop;
  std::vector<int> seen;
  ASSERT_TRUE(loop.on_signals({SIGTERM, SIGHUP}, [&](int signal) {
    seen.push_back(signal);
    if (seen.size() == 1) ::raise(SIGTERM);
    if (seen.size() == 2) loop.stop();
  }));
  ::raise(SIGHUP);
  loop.run();
  EXPECT_EQ(seen, (std::vector<int>{SIGHUP, SIGTERM}));
}

}  // namespace
}  // namespace phoenix
