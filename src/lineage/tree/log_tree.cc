#include "lineage/tree/log_tree.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

namespace phoenix::lineage {
namespace {

constexpr unsigned kTileBits = 8;
static_assert(kTileLeaves == 1U << kTileBits);

tl::unexpected<Error> beyond(uint64_t asked, uint64_t size) {
  return fail(ErrorKind::kNotFound,
              "the log has " + std::to_string(size) + " entries, not " + std::to_string(asked));
}

}  // namespace

Digest complete_root(std::span<const Digest> hashes) {
  std::vector<Digest> level(hashes.begin(), hashes.end());
  while (level.size() > 1) {
    for (size_t i = 0; i < level.size() / 2; ++i) {
      level[i] = node_hash(level[2 * i], level[2 * i + 1]);
    }
    level.resize(level.size() / 2);
  }
  return level.front();
}

// Hashes of subtrees for one proof. The tile of leaves that was read last is kept, since the lower
// part of a path lies in one.
class LogTree::Lookup {
 public:
  Lookup(const LogTree& tree, const LeafReader& read) : tree_(tree), read_(read) {}

  // Of the leaves [begin, end): a complete subtree, or the ragged right end of a tree.
  Result<Digest> range(uint64_t begin, uint64_t end) {
    const uint64_t size = end - begin;
    if (size == 0) return empty_root();
    if (std::has_single_bit(size)) return complete(begin, size);
    const uint64_t split = std::bit_floor(size - 1);
    auto left = complete(begin, split);
    if (!left) return left;
    auto right = range(begin + split, end);
    if (!right) return right;
    return node_hash(*left, *right);
  }

 private:
  // `size` is a power of two and divides `begin`.
  Result<Digest> complete(uint64_t begin, uint64_t size) {
    const auto bits = static_cast<unsigned>(std::countr_zero(size));
    if (bits < kTileBits) {
      auto leaves = leaves_of(begin / kTileLeaves);
      if (!leaves) return tl::unexpected(leaves.error());
      return complete_root(leaves->subspan(begin % kTileLeaves, size));
    }
    const size_t level = bits / kTileBits - 1;
    const uint64_t width = uint64_t{1} << (bits % kTileBits);
    const uint64_t first = begin >> (kTileBits * (level + 1));
    const std::vector<Digest>& sums = tree_.levels_[level];
    return complete_root(std::span(sums).subspan(first, width));
  }

  Result<std::span<const Digest>> leaves_of(uint64_t tile) {
    if (tile >= tree_.sums().size()) return std::span<const Digest>(tree_.tail_);
    if (tile_ != tile) {
      auto leaves = read_(tile * kTileLeaves);
      if (!leaves) return tl::unexpected(leaves.error());
      if (leaves->size() != kTileLeaves || complete_root(*leaves) != tree_.sums()[tile]) {
        return fail(ErrorKind::kInternal, "the stored entries from " +
                                              std::to_string(tile * kTileLeaves) +
                                              " on are not those that were logged");
      }
      leaves_ = *std::move(leaves);
      tile_ = tile;
    }
    return std::span<const Digest>(leaves_);
  }

  const LogTree& tree_;
  const LeafReader& read_;
  std::vector<Digest> leaves_;
  std::optional<uint64_t> tile_;
};

LogTree::LogTree() : levels_(1) {}

void LogTree::append(const Digest& leaf) {
  open_.append(leaf);
  tail_.push_back(leaf);
  if (tail_.size() < kTileLeaves) return;
  append_tile(open_.peaks().front());
  open_ = {};
  tail_.clear();
}

void LogTree::append_tile(const Digest& sum) {
  tiles_.append(sum);
  add_sum(0, sum);
}

Frontier LogTree::frontier() const {
  std::vector<Digest> peaks = tiles_.peaks();
  peaks.insert(peaks.end(), open_.peaks().begin(), open_.peaks().end());
  Frontier whole;
  whole.restore(size(), std::move(peaks));
  return whole;
}

void LogTree::add_sum(size_t level, const Digest& sum) {
  levels_[level].push_back(sum);
  if (levels_[level].size() % kTileLeaves != 0) return;
  if (levels_.size() == level + 1) levels_.emplace_back();
  add_sum(level + 1, complete_root(std::span(levels_[level]).last(kTileLeaves)));
}

Result<Digest> LogTree::root_at(uint64_t size, const LeafReader& read) const {
  if (size > this->size()) return beyond(size, this->size());
  return Lookup(*this, read).range(0, size);
}

Result<Frontier> LogTree::frontier_at(uint64_t size, const LeafReader& read) const {
  if (size > this->size()) return beyond(size, this->size());
  Lookup lookup(*this, read);
  std::vector<Digest> peaks;
  uint64_t begin = 0;
  while (begin < size) {
    const uint64_t width = std::bit_floor(size - begin);
    auto peak = lookup.range(begin, begin + width);
    if (!peak) return tl::unexpected(peak.error());
    peaks.push_back(*peak);
    begin += width;
  }
  Frontier frontier;
  frontier.restore(size, std::move(peaks));
  return frontier;
}

Result<Proof> LogTree::inclusion(uint64_t position, uint64_t size, const LeafReader& read) const {
  if (size > this->size()) return beyond(size, this->size());
  if (position >= size) return beyond(position + 1, size);
  Lookup lookup(*this, read);
  Proof path;
  uint64_t begin = 0;
  uint64_t end = size;
  while (end - begin > 1) {
    const uint64_t middle = begin + std::bit_floor(end - begin - 1);
    const bool left = position < middle;
    auto sibling = left ? lookup.range(middle, end) : lookup.range(begin, middle);
    if (!sibling) return tl::unexpected(sibling.error());
    path.push_back(*sibling);
    (left ? end : begin) = middle;
  }
  std::reverse(path.begin(), path.end());
  return path;
}

Result<Proof> LogTree::consistency(uint64_t from, uint64_t to, const LeafReader& read) const {
  if (to > size()) return beyond(to, size());
  if (from > to) return beyond(from, to);
  Proof proof;
  if (from == 0 || from == to) return proof;
  Lookup lookup(*this, read);
  uint64_t begin = 0;
  uint64_t end = to;
  // Down to the subtree whose end is the smaller tree's, as section 2.1.4.1 has it.
  while (from != end) {
    const uint64_t middle = begin + std::bit_floor(end - begin - 1);
    const bool left = from <= middle;
    auto sibling = left ? lookup.range(middle, end) : lookup.range(begin, middle);
    if (!sibling) return tl::unexpected(sibling.error());
    proof.push_back(*sibling);
    (left ? end : begin) = middle;
  }
  // The smaller tree's own root is known to who checks, if it is all of that subtree.
  if (begin != 0) {
    auto last = lookup.range(begin, end);
    if (!last) return tl::unexpected(last.error());
    proof.push_back(*last);
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

}  // namespace phoenix::lineage
