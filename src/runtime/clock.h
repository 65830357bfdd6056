// The one place where the daemon looks at a clock for the pure parts: CLOCK_BOOTTIME, so that a
// suspended machine counts, and the wall clock. Any thread.
#pragma once

#include <time.h>

#include "base/time.h"

namespace phoenix {

inline int64_t clock_ns(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

inline Now read_clock() {
  return {.mono = {clock_ns(CLOCK_BOOTTIME)}, .wall = clock_ns(CLOCK_REALTIME) / 1'000'000};
}

}  // namespace phoenix
