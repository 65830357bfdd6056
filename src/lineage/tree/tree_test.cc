// The tree against the plain recursive definition of RFC 9162, for every pair of small sizes and
// for sizes around whole tiles.
#include <gtest/gtest.h>

#include <bit>

#include "lineage/crypto/sha256.h"
#include "lineage/tree/frontier.h"
#include "lineage/tree/log_tree.h"
#include "lineage/tree/proof.h"

namespace phoenix::lineage {
namespace {

std::vector<Digest> leaves_of(uint64_t count) {
  std::vector<Digest> leaves;
  for (uint64_t i = 0; i < count; ++i) leaves.push_back(leaf_hash("entry " + std::to_string(i)));
  return leaves;
}

// Section 2.1.1, word for word.
Digest plain_root(std::span<const Digest> leaves) {
  if (leaves.empty()) return sha256({});
  if (leaves.size() == 1) return leaves[0];
  size_t split = 1;
  while (2 * split < leaves.size()) split *= 2;
  return node_hash(plain_root(leaves.first(split)), plain_root(leaves.subspan(split)));
}

LogTree tree_of(const std::vector<Digest>& leaves) {
  LogTree tree;
  for (const Digest& leaf : leaves) tree.append(leaf);
  return tree;
}

LeafReader reader_of(const std::vector<Digest>& leaves) {
  return [&leaves](uint64_t first) -> Result<std::vector<Digest>> {
    const auto begin = leaves.begin() + static_cast<ptrdiff_t>(first);
    return std::vector<Digest>(begin, begin + kTileLeaves);
  };
}

TEST(Proof, OfAllLeavesAtOnceIsThatOfEach) {
  for (size_t size = 0; size <= 40; ++size) {
    const auto leaves = leaves_of(size);
    const auto paths = paths_in(leaves);
    ASSERT_EQ(paths.size(), size);
    for (size_t i = 0; i < size; ++i) EXPECT_EQ(paths[i], path_in(leaves, i)) << i << " " << size;
  }
}

// Roots of the eight inputs that implementations of RFC 6962 share as test data.
TEST(Frontier, HasThePublishedRoots) {
  using std::string_view_literals::operator""sv;
  const std::string_view inputs[] = {
      ""sv,
      "\x00"sv,
      "\x10"sv,
      "\x20\x21"sv,
      "\x30\x31"sv,
      "\x40\x41\x42\x43"sv,
      "\x50\x51\x52\x53\x54\x55\x56\x57"sv,
      "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"sv};
  const std::string_view roots[] = {
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  Frontier tree;
  EXPECT_EQ(hex(tree.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (size_t i = 0; i < std::size(inputs); ++i) {
    tree.append(leaf_hash(inputs[i]));
    EXPECT_EQ(hex(tree.root()), roots[i]) << i + 1 << " entries";
  }
}

TEST(Frontier, GoesOnFromItsPeaksAlone) {
  const auto leaves = leaves_of(70);
  Frontier whole;
  for (size_t i = 0; i < leaves.size(); ++i) {
    Frontier resumed;
    ASSERT_TRUE(resumed.restore(whole.size(), whole.peaks()));
    whole.append(leaves[i]);
    resumed.append(leaves[i]);
    EXPECT_EQ(resumed, whole);
    EXPECT_EQ(whole.root(), plain_root(std::span(leaves).first(i + 1)));
    EXPECT_EQ(whole.peaks().size(), static_cast<size_t>(std::popcount(i + 1)));
  }
  EXPECT_FALSE(whole.restore(3, {leaves[0]}));
  EXPECT_EQ(whole.size(), 70U);
}

void expect_inclusion(const LogTree& tree, const std::vector<Digest>& leaves, uint64_t position,
                      uint64_t size) {
  const Digest root = plain_root(std::span(leaves).first(size));
  auto path = tree.inclusion(position, size, reader_of(leaves));
  ASSERT_TRUE(path);
  EXPECT_TRUE(verify_inclusion(leaves[position], position, size, *path, root));
  EXPECT_EQ(path_in(std::span(leaves).first(size), position), *path);
  EXPECT_FALSE(verify_inclusion(leaf_hash("else"), position, size, *path, root));
  if (size > 1) {
    const uint64_t other = (position + 1) % size;
    EXPECT_FALSE(verify_inclusion(leaves[position], other, size, *path, root));
  }
  EXPECT_FALSE(verify_inclusion(leaves[position], size, size, *path, root));
  path->push_back(root);
  EXPECT_FALSE(verify_inclusion(leaves[position], position, size, *path, root));
  path->pop_back();
  if (path->empty()) return;
  path->back()[0] ^= 1;
  EXPECT_FALSE(verify_inclusion(leaves[position], position, size, *path, root));
  path->pop_back();
  EXPECT_FALSE(verify_inclusion(leaves[position], position, size, *path, root));
}

void expect_consistency(const LogTree& tree, const std::vector<Digest>& leaves, uint64_t from,
                        uint64_t to) {
  const Digest older = plain_root(std::span(leaves).first(from));
  const Digest newer = plain_root(std::span(leaves).first(to));
  auto proof = tree.consistency(from, to, reader_of(leaves));
  ASSERT_TRUE(proof);
  EXPECT_TRUE(verify_consistency(from, older, to, newer, *proof)) << from << " " << to;
  Digest wrong = older;
  wrong[0] ^= 1;
  EXPECT_FALSE(verify_consistency(from, wrong, to, newer, *proof));
  wrong = newer;
  wrong[0] ^= 1;
  if (from != 0) EXPECT_FALSE(verify_consistency(from, older, to, wrong, *proof));
  if (from != to) EXPECT_FALSE(verify_consistency(to, newer, from, older, *proof));
  proof->push_back(newer);
  EXPECT_FALSE(verify_consistency(from, older, to, newer, *proof));
  proof->pop_back();
  if (proof->empty()) return;
  proof->front()[0] ^= 1;
  EXPECT_FALSE(verify_consistency(from, older, to, newer, *proof));
}

TEST(LogTree, ProvesEveryPairOfSmallSizes) {
  const auto leaves = leaves_of(40);
  const LogTree tree = tree_of(leaves);
  for (uint64_t size = 1; size <= leaves.size(); ++size) {
    for (uint64_t position = 0; position < size; ++position) {
      expect_inclusion(tree, leaves, position, size);
    }
    for (uint64_t from = 0; from <= size; ++from) expect_consistency(tree, leaves, from, size);
  }
}

TEST(LogTree, ProvesAroundWholeTiles) {
  const auto leaves = leaves_of(3 * kTileLeaves + 5);
  const LogTree tree = tree_of(leaves);
  const uint64_t sizes[] = {1, 255, 256, 257, 300, 511, 512, 513, 700, 768, 770, 773};
  for (const uint64_t size : sizes) {
    EXPECT_EQ(tree.root_at(size, reader_of(leaves)).value(),
              plain_root(std::span(leaves).first(size)));
    for (const uint64_t position : {0UL, 1UL, 255UL, 256UL, 300UL, 511UL, 512UL, 768UL, 772UL}) {
      if (position < size) expect_inclusion(tree, leaves, position, size);
    }
    for (const uint64_t from : sizes) {
      if (from <= size) expect_consistency(tree, leaves, from, size);
    }
  }
}

TEST(LogTree, ComesBackFromItsTilesAndTheRest) {
  const auto leaves = leaves_of(256 * 257 + 9);
  const LogTree tree = tree_of(leaves);
  LogTree again;
  for (const Digest& sum : tree.sums()) again.append_tile(sum);
  for (size_t i = leaves.size() - 9; i < leaves.size(); ++i) again.append(leaves[i]);
  EXPECT_EQ(again.frontier(), tree.frontier());
  // 65,536 leaves make one hash of the level above.
  for (const uint64_t position : {0UL, 65'535UL, 65'536UL, 65'800UL}) {
    const auto path = again.inclusion(position, leaves.size(), reader_of(leaves));
    ASSERT_TRUE(path);
    EXPECT_TRUE(verify_inclusion(leaves[position], position, leaves.size(), *path, tree.root()));
  }
}

TEST(LogTree, PrunedEntriesTakeNothingFromTheRest) {
  const auto leaves = leaves_of(1'000);
  const LogTree tree = tree_of(leaves);
  const auto rest = [&leaves](uint64_t first) -> Result<std::vector<Digest>> {
    if (first < 512) return fail(ErrorKind::kGone, "pruned");
    return reader_of(leaves)(first);
  };
  for (uint64_t position = 512; position < 1'000; position += 61) {
    const auto path = tree.inclusion(position, 1'000, rest);
    ASSERT_TRUE(path);
    EXPECT_TRUE(verify_inclusion(leaves[position], position, 1'000, *path, tree.root()));
  }
  EXPECT_EQ(tree.inclusion(511, 1'000, rest).error().kind, ErrorKind::kGone);
  // What is before the first entry that is left, as an export of the rest begins.
  Frontier resumed = tree.frontier_at(512, rest).value();
  for (size_t i = 512; i < leaves.size(); ++i) resumed.append(leaves[i]);
  EXPECT_EQ(resumed, tree.frontier());
}

TEST(LogTree, RefusesWhatItDoesNotHave) {
  const auto leaves = leaves_of(600);
  const LogTree tree = tree_of(leaves);
  const auto read = reader_of(leaves);
  EXPECT_EQ(tree.inclusion(600, 600, read).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(tree.inclusion(0, 601, read).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(tree.consistency(10, 601, read).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(tree.consistency(11, 10, read).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(tree.root_at(601, read).error().kind, ErrorKind::kNotFound);
  // Rows that are not those that were logged make no proof.
  const auto altered = [&read](uint64_t first) {
    auto tile = read(first);
    (*tile)[7][0] ^= 1;
    return tile;
  };
  EXPECT_EQ(tree.inclusion(3, 600, altered).error().kind, ErrorKind::kInternal);
}

}  // namespace
}  // namespace phoenix::lineage
