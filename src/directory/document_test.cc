#include "directory/document.h"

#include <gtest/gtest.h>

namespace phoenix {
namespace {

Document some() {
  return {{DocumentKind::kContract, "shop", "to-metadata"}, 7, "shop", R"({"a":1})", false, 1234};
}

TEST(Document, ComesBackAsItWas) {
  const Document was = some();
  const auto back = decode_document(encode_document(was));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, was);
  EXPECT_EQ(was.key.text(), "contract/shop/to-metadata");
}

TEST(Document, EveryCutAndAByteMoreIsDamage) {
  const std::string bytes = encode_document(some());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_document(bytes.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(decode_document(bytes + "x").has_value());
}

TEST(Document, WhatContradictsItselfIsRefused) {
  Document deleted_with_text = some();
  deleted_with_text.deleted = true;
  EXPECT_FALSE(decode_document(encode_document(deleted_with_text)).has_value());
  Document bare = some();
  bare.text.clear();
  EXPECT_FALSE(decode_document(encode_document(bare)).has_value());
  Document unnamed = some();
  unnamed.key.name = "no good";
  EXPECT_FALSE(decode_document(encode_document(unnamed)).has_value());
}

}  // namespace
}  // namespace phoenix
