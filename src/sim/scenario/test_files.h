// For tests that play scenario files: which there are, and what a played one must print. With
// UPDATE in the environment the file is written anew instead.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace phoenix {

// Names without folder and extension, in order.
inline std::vector<std::string> scenario_files() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(PHOENIX_SCENARIOS)) {
    if (entry.path().extension() == ".txt") found.push_back(entry.path().stem().string());
  }
  std::ranges::sort(found);
  return found;
}

// `play` takes the path and gives a Result with `output` and `differences`.
template <class Play>
void expect_plays(const std::string& name, Play play) {
  const std::string path = std::string(PHOENIX_SCENARIOS) + "/" + name + ".txt";
  const auto played = play(path);
  ASSERT_TRUE(played) << played.error().detail;
  if (std::getenv("UPDATE") != nullptr) {
    std::ofstream(path, std::ios::binary) << played->output;
    return;
  }
  for (const std::string& difference : played->differences) ADD_FAILURE() << difference;
}

inline std::string scenario_test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
}

}  // namespace phoenix
