#include "bench/membership/run_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace phoenix::bench {
namespace {

class RunFileTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }

  const std::string folder_ = ::testing::TempDir() + "run_file_" + std::to_string(::getpid());
  const std::string path_ = folder_ + "/runs";
};

TEST_F(RunFileTest, KeepsWhatWasAdded) {
  {
    const auto file = RunFile::open(path_);
    ASSERT_TRUE(file);
    EXPECT_EQ((*file)->find("a run"), nullptr);
    ASSERT_TRUE((*file)->add("a run", {10, 0, 4'250}));
    ASSERT_TRUE((*file)->add("another, of seed 2", {}));
  }
  const auto file = RunFile::open(path_);
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->size(), 2U);
  ASSERT_NE((*file)->find("a run"), nullptr);
  EXPECT_EQ(*(*file)->find("a run"), (RunFile::Numbers{10, 0, 4'250}));
  ASSERT_NE((*file)->find("another, of seed 2"), nullptr);
  EXPECT_TRUE((*file)->find("another, of seed 2")->empty());
}

TEST_F(RunFileTest, TakesWhatWasPutTogether) {
  write("1 2\tfirst\n");
  write("3\tsecond\n1 2\tfirst\n");
  const auto file = RunFile::open(path_);
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->size(), 2U);
}

TEST_F(RunFileTest, LeavesOutALineThatWasCutOff) {
  write("1\tfirst\n2\tsec");
  const auto file = RunFile::open(path_);
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->size(), 1U);
}

TEST_F(RunFileTest, NamesTheLineThatIsNone) {
  for (const char* bad : {"1 2 no tab\n", "x\tnot a number\n", "1\t\n", "-1\tnegative\n"}) {
    std::filesystem::remove(path_);
    write(std::string("1\tfirst\n") + bad);
    const auto file = RunFile::open(path_);
    ASSERT_FALSE(file) << bad;
    EXPECT_NE(file.error().detail.find("line 2"), std::string::npos) << file.error().detail;
  }
}

TEST_F(RunFileTest, SaysThatItCannotBeReadOrWritten) {
  EXPECT_FALSE(RunFile::open(folder_));  // a folder
  const auto nowhere = RunFile::open(folder_ + "/no/such");
  ASSERT_TRUE(nowhere);
  EXPECT_FALSE((*nowhere)->add("a run", {1}));
}

TEST(Share, TakesEachRunOnce) {
  std::vector<int> taken(10);
  for (const char* text : {"1/3", "2/3", "3/3"}) {
    Share share;
    ASSERT_TRUE(parse_share(text, share)) << text;
    for (size_t i = 0; i < taken.size(); ++i) taken[i] += share.has(i) ? 1 : 0;
  }
  EXPECT_EQ(taken, std::vector<int>(10, 1));
  Share one;
  ASSERT_TRUE(parse_share("4", one));
  EXPECT_TRUE(one.has(0) && !one.has(1) && one.has(4));
  ASSERT_TRUE(parse_share("none", one));
  EXPECT_FALSE(one.has(0) || one.has(1));
}

TEST(Share, RefusesWhatIsNone) {
  Share share;
  for (const char* text : {"", "0", "0/3", "4/3", "1/", "/3", "1/2/3", "x", "-1", "1001", "1/0"}) {
    EXPECT_FALSE(parse_share(text, share)) << text;
  }
}

}  // namespace
}  // namespace phoenix::bench
