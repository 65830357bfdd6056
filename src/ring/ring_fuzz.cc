// Any bytes: a sequence of joins, leaves, changes and questions to which the ring and the naive
// ring must give the same answers.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "ring/test_comparison.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Many short runs find more than few long ones.
  const phoenix::Effort effort{.vnodes = 5'000, .most_weight = 137};
  phoenix::run_comparison({data, size}, effort, [](const std::string& what) {
    std::fprintf(stderr, "the naive ring does not agree about %s\n", what.c_str());
    std::abort();
  });
  return 0;
}
