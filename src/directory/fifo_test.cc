#include "directory/fifo.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "base/prng.h"

namespace phoenix {
namespace {

TEST(Fifo, IsAQueue) {
  Fifo<std::string> fifo;
  EXPECT_TRUE(fifo.empty());
  fifo.push_back("a");
  fifo.push_back("b");
  EXPECT_EQ(fifo.front(), "a");
  EXPECT_EQ(fifo[1], "b");
  fifo.pop_front();
  EXPECT_EQ(fifo.size(), 1u);
  EXPECT_EQ(fifo.front(), "b");
  fifo.clear();
  EXPECT_TRUE(fifo.empty());
}

TEST(Fifo, BehavesAsADequeInAnyOrderOfCalls) {
  Prng prng(1);
  Fifo<std::string> fifo;
  std::deque<std::string> model;
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t draw = prng.below(1000);
    if (draw == 0) {
      fifo.clear();
      model.clear();
    } else if (draw < 5) {
      const auto unwanted = [](const std::string& item) { return item.size() % 2 == 0; };
      fifo.erase_if(unwanted);
      std::erase_if(model, unwanted);
    } else if (draw < 480 && !model.empty()) {
      fifo.pop_front();
      model.pop_front();
    } else {
      const std::string item(1 + prng.below(40), 'x');
      fifo.push_back(item);
      model.push_back(item);
    }
    ASSERT_EQ(fifo.size(), model.size());
    ASSERT_EQ(fifo.empty(), model.empty());
    if (model.empty()) continue;
    ASSERT_EQ(fifo.front(), model.front());
    ASSERT_EQ(*(fifo.end() - 1), model.back());
  }
  ASSERT_TRUE(std::equal(fifo.begin(), fifo.end(), model.begin(), model.end()));
}

}  // namespace
}  // namespace phoenix
