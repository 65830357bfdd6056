// Random sequences of every operation on the real ring and on the naive one, which must agree after
// each step. Positions are cut to a few bits in some runs, so that most of them collide, and the
// cache of class rings has from no room to plenty.
#include <gtest/gtest.h>
// rapidcheck needs gtest before it.
#include <rapidcheck/gtest.h>

#include "ring/test_comparison.h"

namespace phoenix {
namespace {

RC_GTEST_PROP(Placement, agrees_with_the_naive_ring_after_any_sequence_of_changes, ()) {
  // The size is for the length; a byte takes all its values from size 100 on.
  const auto byte = rc::gen::resize(100, rc::gen::arbitrary<uint8_t>());
  const auto bytes = *rc::gen::resize(8000, rc::gen::container<std::vector<uint8_t>>(byte));
  const Effort effort{.vnodes = 200'000, .most_weight = 10'000};
  run_comparison(bytes, effort, [](const std::string& what) { RC_FAIL(what); });
}

}  // namespace
}  // namespace phoenix
