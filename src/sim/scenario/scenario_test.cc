// Every file of tests/scenarios, played and compared. UPDATE=1 in the environment writes what was
// printed into the files instead; the difference is to be read before it is committed.
#include "sim/scenario/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace phoenix::sim {
namespace {

std::vector<std::string> files() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(PHOENIX_SCENARIOS)) {
    if (entry.path().extension() == ".txt") found.push_back(entry.path().stem().string());
  }
  std::ranges::sort(found);
  return found;
}

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, PrintsWhatItsFileSays) {
  const std::string path = std::string(PHOENIX_SCENARIOS) + "/" + GetParam() + ".txt";
  const auto played = play_file(path);
  ASSERT_TRUE(played) << played.error().detail;
  if (std::getenv("UPDATE") != nullptr) {
    std::ofstream(path, std::ios::binary) << played->output;
    return;
  }
  for (const std::string& difference : played->differences) ADD_FAILURE() << difference;
}

INSTANTIATE_TEST_SUITE_P(Files, Scenario, testing::ValuesIn(files()), [](const auto& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(Scenarios, AreThere) { EXPECT_GE(files().size(), 12U); }

}  // namespace
}  // namespace phoenix::sim
