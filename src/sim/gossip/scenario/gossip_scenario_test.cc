// Every file of tests/scenarios/gossip, played and compared. UPDATE=1 in the environment writes
// what was printed into the files instead; the difference is to be read before it is committed.
#include <gtest/gtest.h>

#include <string>

#include "sim/gossip/scenario/gossip_player.h"
#include "sim/scenario/test_files.h"

namespace phoenix::hostsim {
namespace {

class GossipScenario : public testing::TestWithParam<std::string> {};

TEST_P(GossipScenario, PrintsWhatItsFileSays) { expect_plays(GetParam(), play_gossip); }

INSTANTIATE_TEST_SUITE_P(Files, GossipScenario, testing::ValuesIn(scenario_files()),
                         scenario_test_name);

TEST(GossipScenarios, AreThere) { EXPECT_GE(scenario_files().size(), 20U); }

}  // namespace
}  // namespace phoenix::hostsim
