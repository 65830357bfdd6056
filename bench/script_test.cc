#include "bench/script.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace phoenix::bench {
namespace {

class Script : public ::testing::Test {
 protected:
  Script() { path_ = ::mkdtemp(path_.data()); }
  ~Script() override { std::filesystem::remove_all(path_); }

  Result<std::vector<Words>> run(const std::string& text, const Words& words) {
    std::ofstream(path_ + "/script.py") << text;
    return run_script("the-program", path_ + "/script.py", words);
  }

  std::string path_ = std::filesystem::temp_directory_path() / "phoenix-script-XXXXXX";
};

TEST_F(Script, ItsLinesComeAsWords) {
  const auto lines =
      run("import os, sys\n"
          "print('said', os.environ['PHOENIX_BIN'], *sys.argv[1:])\n"
          "print('waits 1.5 2')\n",
          {"verb", "7"});
  ASSERT_TRUE(lines);
  ASSERT_EQ(lines->size(), 2u);
  EXPECT_EQ((*lines)[0], (Words{"said", "the-program", "verb", "7"}));
  EXPECT_EQ(numbers((*lines)[1], 1), (std::vector<double>{1.5, 2}));
}

TEST_F(Script, AFaultIsAnError) {
  const auto lines = run("print('waits 1')\nprint('fault no host starts')\n", {"verb"});
  ASSERT_FALSE(lines);
  EXPECT_EQ(lines.error().detail, "no host starts");
}

TEST_F(Script, SilenceIsAnError) { EXPECT_FALSE(run("pass\n", {"verb"})); }

TEST(Words, NumbersAreFoundByPlaceAndByName) {
  const Words words = {"left", "errors", "3", "sync", "0.25", "end"};
  EXPECT_EQ(number(words, 2), 3);
  EXPECT_EQ(number(words, 9), 0);
  EXPECT_EQ(number_after(words, "sync"), 0.25);
  EXPECT_EQ(number_after(words, "end"), 0);
  EXPECT_EQ(number_after(words, "none"), 0);
}

}  // namespace
}  // namespace phoenix::bench
