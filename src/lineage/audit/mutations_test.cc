// 10,000 alterations of an exported log, of every kind that somebody with write access could try:
// all are found, and most at the very entry.
#include <gtest/gtest.h>

#include "lineage/audit/test_mutations.h"
#include "lineage/audit/verifier.h"

namespace phoenix::lineage {
namespace {

TEST(Mutations, TenThousandAreAllFound) {
  TestPool pool;
  const auto checkpoints = fill(pool);
  const std::string text = pool.text();
  ASSERT_FALSE(verify_export(text, pool.roots(), {checkpoints[2]})->fault);
  const MutableExport original(text);
  Prng draws(20261128);
  std::vector<int> tried(kMutations);
  for (int i = 0; i < 10'000;) {
    const auto mutation = static_cast<Mutation>(i % kMutations);
    const auto altered = original.mutate(mutation, draws);
    if (!altered) continue;
    ++i;
    ++tried[static_cast<size_t>(mutation)];
    const AuditReport report = *verify_export(*altered, pool.roots(), {checkpoints[2]});
    ASSERT_TRUE(report.fault) << "alteration " << i << " of kind " << i % kMutations
                              << " was not found";
  }
  for (const int count : tried) EXPECT_GT(count, 700);
}

}  // namespace
}  // namespace phoenix::lineage
