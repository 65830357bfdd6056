#include "directory/number_index.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/prng.h"

namespace phoenix {
namespace {

TEST(NumberIndex, FindsWhatAMapFinds) {
  Prng prng(7);
  NumberIndex index(RingKey{});
  std::map<std::string, uint32_t> model;
  std::vector<std::string> texts;
  const auto text_of = [&](uint32_t no) { return std::string_view(texts[no]); };
  EXPECT_EQ(index.find("none", text_of), NumberIndex::kNone);
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = "id-" + std::to_string(prng.below(2'000));
    const auto known = model.find(text);
    ASSERT_EQ(index.find(text, text_of), known == model.end() ? NumberIndex::kNone : known->second);
    if (known != model.end()) {
      index.remove(text, known->second);
      model.erase(known);
    } else {
      const auto no = static_cast<uint32_t>(texts.size());
      texts.push_back(text);
      index.add(text, no);
      model.emplace(text, no);
    }
    ASSERT_EQ(index.size(), model.size());
  }
}

}  // namespace
}  // namespace phoenix
