#include "sim/sim_main.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>

namespace phoenix {
namespace {

// A clock that is over after so many seeds.
std::function<bool()> times(int count) {
  return [left = std::make_shared<int>(count)] { return (*left)-- > 0; };
}

std::string said(const SimOptions& options, int* status) {
  testing::internal::CaptureStdout();
  *status = run_sim(options);
  return testing::internal::GetCapturedStdout();
}

TEST(SimMain, PlaysFreshSeedsUntilItsTimeIsOver) {
  SimOptions options;
  options.seed_first = 7;
  options.seed_last = 7;
  int status = -1;
  options.more = times(2);
  EXPECT_EQ(said(options, &status), "seeds 2, from 7 to 8, violations 0\n");
  EXPECT_EQ(status, 0);
  options.hosts = 3;
  options.more = times(2);
  EXPECT_EQ(said(options, &status), "seeds 2, from 7 to 8, violations 0\n");
  EXPECT_EQ(status, 0);
  options.more = times(0);
  EXPECT_EQ(said(options, &status), "seeds 0, the time was over at once\n");
}

TEST(SimMain, PrintsHowToRepeatEachFreshSeedThatFails) {
  const std::string file = testing::TempDir() + "/never.txt";
  std::FILE* out = std::fopen(file.c_str(), "w");
  ASSERT_NE(out, nullptr);
  std::fputs("faults none\npackets 2\nrun 3s\nexpect fences >= 1000\n", out);
  std::fclose(out);
  SimOptions options;
  options.hosts = 2;
  options.scenario = file;
  options.more = times(2);
  int status = -1;
  const std::string text = said(options, &status);
  EXPECT_EQ(status, 1);
  for (const char* seed : {"1", "2"}) {
    const std::string replay =
        "replay: phoenix sim --hosts 2 --seed " + std::string(seed) + " --scenario " + file;
    EXPECT_NE(text.find(replay), std::string::npos) << text;
  }
  EXPECT_NE(text.find("seeds 2, from 1 to 2, violations 2\n"), std::string::npos) << text;
}

TEST(SimMain, ReadsHours) {
  EXPECT_EQ(parse_hours("2")->ns, seconds(7'200).ns);
  EXPECT_EQ(parse_hours("0.5")->ns, seconds(1'800).ns);
  for (const char* text : {"", "0", "-1", "1h", "nan", "1e9", "two"}) {
    EXPECT_FALSE(parse_hours(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace phoenix
