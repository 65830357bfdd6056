// The clocks that the benchmarks read.
#pragma once

#include <time.h>

#include "base/time.h"

namespace phoenix::bench {

inline Duration read_clock(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return Duration{int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec};
}
inline Duration wall_clock() { return read_clock(CLOCK_MONOTONIC); }
// Processor time of the calling thread: what other programs on the machine take is not in it.
inline Duration thread_clock() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

inline double in_seconds(Duration duration) { return static_cast<double>(duration.ns) / 1e9; }
inline double in_micros(Duration duration) { return static_cast<double>(duration.ns) / 1e3; }

}  // namespace phoenix::bench
