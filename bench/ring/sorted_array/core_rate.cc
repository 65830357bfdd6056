// `core_rate_RING MEMBERS LIVE ENDED MAX_LOAD`: the rate of the core alone, in packets a second,
// on the ring that this program is linked with. It measures once and prints one line, so that two
// such programs can take turns.

#include <fmt/format.h>

#include <cstdlib>

#include "bench/core_load.h"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const auto number = [argv](int at) {
    return static_cast<size_t>(std::strtoull(argv[at], nullptr, 10));
  };
  phoenix::bench::CoreLoad load(number(1), static_cast<uint32_t>(number(4)));
  load.fill(number(2));
  fmt::print("{:.0f}\n", load.rate(number(2), number(3)));
  return 0;
}
