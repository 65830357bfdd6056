// Every file of tests/scenarios/gossip, played and compared. UPDATE=1 in the environment writes
// what was printed into the files instead; the difference is to be read before it is committed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sim/gossip/scenario/gossip_player.h"

namespace phoenix::hostsim {
namespace {

std::vector<std::string> files() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(PHOENIX_SCENARIOS)) {
    if (entry.path().extension() == ".txt") found.push_back(entry.path().stem().string());
  }
  std::ranges::sort(found);
  return found;
}

class GossipScenario : public testing::TestWithParam<std::string> {};

TEST_P(GossipScenario, PrintsWhatItsFileSays) {
  const std::string path = std::string(PHOENIX_SCENARIOS) + "/" + GetParam() + ".txt";
  const auto played = play_gossip(path);
  ASSERT_TRUE(played) << played.error().detail;
  if (std::getenv("UPDATE") != nullptr) {
    std::ofstream(path, std::ios::binary) << played->output;
    return;
  }
  for (const std::string& difference : played->differences) ADD_FAILURE() << difference;
}

INSTANTIATE_TEST_SUITE_P(Files, GossipScenario, testing::ValuesIn(files()), [](const auto& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(GossipScenarios, AreThere) { EXPECT_GE(files().size(), 20U); }

}  // namespace
}  // namespace phoenix::hostsim
