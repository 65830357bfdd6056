#include "membership/host_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace phoenix::gossip {
namespace {

TEST(HostText, KeepsBothAndSharesThemWithItsCopies) {
  const std::string name(HostText::kLongestName, 'n');
  const std::string meta(HostText::kLongestMeta, 'm');
  HostText copy;
  EXPECT_EQ(copy.name(), "");
  EXPECT_EQ(copy.meta(), "");
  {
    const HostText text(name, meta);
    EXPECT_TRUE(text.alone());
    copy = text;
    EXPECT_TRUE(copy.same(text));
    EXPECT_FALSE(text.alone());
  }
  EXPECT_TRUE(copy.alone());
  EXPECT_EQ(copy.name(), name);
  EXPECT_EQ(copy.meta(), meta);
  const HostText moved = std::move(copy);
  EXPECT_TRUE(moved.alone());
  EXPECT_FALSE(moved.same(HostText(name, meta)));
}

TEST(HostTexts, EqualTextsAreOneAndDifferentOnesAreNot) {
  HostTexts texts;
  const HostText a = texts.get("name", "meta");
  EXPECT_TRUE(a.same(texts.get("name", "meta")));
  EXPECT_FALSE(a.same(texts.get("namem", "eta")));
  EXPECT_FALSE(a.same(texts.get("name", "")));
  EXPECT_EQ(texts.get("", "x").meta(), "x");
}

TEST(HostTexts, WhatNobodyUsesIsLetGoOf) {
  HostTexts texts;
  std::vector<HostText> kept;
  for (int i = 0; i < 100'000; ++i) {
    const HostText text = texts.get("host", std::to_string(i));
    if (i % 1'000 == 0) kept.push_back(text);
  }
  EXPECT_LT(texts.size(), 2'048U);
  for (const HostText& text : kept) EXPECT_TRUE(text.same(texts.get("host", text.meta())));
}

}  // namespace
}  // namespace phoenix::gossip
