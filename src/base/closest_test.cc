#include "base/closest.h"

#include <gtest/gtest.h>

namespace phoenix {
namespace {

TEST(Closest, FindsOnlyWhatIsNear) {
  EXPECT_EQ(closest("pakcet", {"member", "packet", "host"}), "packet");
  EXPECT_EQ(closest("xyz", {"member", "packet", "host"}), "");
}

}  // namespace
}  // namespace phoenix
