// A log whose beginning is gone: the rest is proved as before, and what its keys signed still
// holds.
#include "lineage/audit/pruned_log.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lineage/audit/test_pool.h"
#include "lineage/audit/verifier.h"

namespace phoenix::lineage {
namespace {

constexpr uint32_t kLog = 3;

// Members that register, each in another tile, and packets that they end much later.
class Pruned : public testing::Test {
 protected:
  Pruned() {
    for (int i = 0; i < 5; ++i) {
      pool_.register_member(kLog, "m" + std::to_string(i));
      for (int more = 0; more < 200; ++more) {
        pool_.append(kLog, pool_.plain(EntryKind::kMember, "someone", "draining"));
      }
    }
    checkpoint_ = sign(test_pair("h1"), pool_.checkpoint("h1"));
    pruned_.log = kLog;
  }
  const std::vector<std::string>& entries() { return pool_.logs().at(kLog).entries; }
  void prune(size_t tiles) {
    for (size_t i = pruned_.tiles.size(); i < tiles; ++i) {
      pruned_.add_tile(std::span(entries()).subspan(i * kTileLeaves, kTileLeaves));
    }
  }
  std::string text() {
    std::string all = std::string(kExportHeader) + "\n";
    all += export_line(LineKind::kPrefix, encode_prefix(pruned_.prefix()));
    std::vector<std::string> kept;
    for (const KeptEntry& one : pruned_.kept()) kept.push_back(encode_kept(one));
    std::sort(kept.begin(), kept.end());
    for (const std::string& one : kept) all += export_line(LineKind::kKept, one);
    all += export_line(LineKind::kGrant, pool_.grant("h1"));
    ExportBlock block;
    block.begin_log();
    for (size_t i = pruned_.size(); i < entries().size(); ++i) block.add(entries()[i]);
    return all + block.text(checkpoint_);
  }

  TestPool pool_;
  std::string checkpoint_;
  PrunedLog pruned_;
};

TEST_F(Pruned, HasTheFrontierAndTheKeysOfWhatIsGone) {
  prune(3);
  EXPECT_EQ(pruned_.size(), 768U);
  ASSERT_EQ(pruned_.keys.size(), 4U);
  const Digest root = pruned_.prefix().until.root();
  for (const KeptEntry& one : pruned_.kept()) {
    EXPECT_TRUE(verify_inclusion(leaf_hash(one.entry), one.position, 768, one.path, root))
        << one.position;
  }
  LogTree tree = pruned_.tree();
  for (size_t i = 768; i < entries().size(); ++i) tree.append(leaf_hash(entries()[i]));
  EXPECT_EQ(tree.root(), pool_.logs().at(kLog).tree.root());
}

TEST_F(Pruned, IsVerifiedUnderACheckpointOfAllOfIt) {
  for (const size_t tiles : {1, 2, 3}) {
    prune(tiles);
    const auto report = verify_export(text(), pool_.roots(), {checkpoint_});
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->fault) << tiles << ": " << report->fault->code << ", "
                                << report->fault->detail;
    EXPECT_EQ(report->entries, entries().size() - tiles * kTileLeaves);
  }
}

TEST_F(Pruned, ComesBackFromItsBytesAndNoOthers) {
  prune(2);
  const std::string bytes = encode_pruned(pruned_);
  const auto again = decode_pruned(bytes);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, pruned_);
  EXPECT_FALSE(decode_pruned(bytes + '\0'));
  for (size_t size = 0; size < bytes.size(); size += 7) {
    EXPECT_FALSE(decode_pruned(std::string_view(bytes).substr(0, size)));
  }
  PrunedLog wrong = pruned_;
  wrong.keys.back().position = 512;
  EXPECT_FALSE(decode_pruned(encode_pruned(wrong)));
  std::swap(wrong.keys[0], wrong.keys[1]);
  EXPECT_FALSE(decode_pruned(encode_pruned(wrong)));
}

}  // namespace
}  // namespace phoenix::lineage
