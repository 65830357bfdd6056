#include "sim/cluster/store_line.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace phoenix::sim {

void StoreLine::ask(std::function<void()> there, std::function<void(bool)> back) {
  const bool slow = queue_.now() < trouble_.slow_until;
  const Duration way =
      slow ? milliseconds(prng_.between(20, 1'500)) : microseconds(prng_.between(80, 1'500));
  last_there_ = std::max(last_there_ + Duration{1}, queue_.now() + way);
  // What waited behind a request that nobody waits for any more goes by a new connection.
  if (last_there_ > queue_.now() + kDeadline) last_there_ = queue_.now() + way;
  send(last_there_, true, std::move(there), std::move(back));
}

void StoreLine::ask(std::function<void()> there, std::function<void(bool)> back, PoolFault fault) {
  Instant arrival = queue_.now() + microseconds(prng_.between(80, 1'500));
  if (fault == PoolFault::kWriteLost) {
    there = [] {};
  } else if (fault == PoolFault::kWriteLate) {
    arrival = queue_.now() + kDeadline / 2 + milliseconds(prng_.between(0, 3'000));
  }
  send(arrival, false, std::move(there), std::move(back));
}

void StoreLine::send(Instant arrival, bool told, std::function<void()> there,
                     std::function<void(bool)> back) {
  struct Once {
    std::function<void(bool)> back;
    bool over = false;
    void call(bool answered) {
      if (std::exchange(over, true)) return;
      back(answered);
    }
  };
  auto once = std::make_shared<Once>(Once{std::move(back)});
  const bool lost = trouble_.cut;
  const Duration way = microseconds(prng_.between(80, 1'500));
  queue_.at(arrival, Rank::kArrival, [this, once, lost, told, way, there = std::move(there)] {
    if (lost || trouble_.cut) return;
    there();
    if (!told) return;
    last_back_ = std::max(last_back_ + Duration{1}, queue_.now() + way);
    queue_.at(last_back_, Rank::kArrival, [this, once] {
      if (!trouble_.cut) once->call(true);
    });
  });
  // A connection that breaks says so sooner than the deadline.
  const Duration patience =
      told || prng_.chance(1, 2) ? kDeadline : milliseconds(prng_.between(5, 300));
  queue_.at(queue_.now() + patience, Rank::kTimer, [once] { once->call(false); });
}

}  // namespace phoenix::sim
