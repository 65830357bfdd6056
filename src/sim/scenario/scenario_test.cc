// Every file of tests/scenarios, played and compared. UPDATE=1 in the environment writes what was
// printed into the files instead; the difference is to be read before it is committed.
#include "sim/scenario/scenario.h"

#include <gtest/gtest.h>

#include <string>

#include "sim/scenario/test_files.h"

namespace phoenix::sim {
namespace {

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, PrintsWhatItsFileSays) { expect_plays(GetParam(), play_file); }

INSTANTIATE_TEST_SUITE_P(Files, Scenario, testing::ValuesIn(scenario_files()), scenario_test_name);

TEST(Scenarios, AreThere) { EXPECT_GE(scenario_files().size(), 12U); }

}  // namespace
}  // namespace phoenix::sim
