// The tree of one log as a host keeps it beside the rows: it appends what was committed, tells
// roots, and makes proofs for any two of its past sizes.
//
// In memory are the frontier, the hashes of the leaves since the last multiple of 256, and one hash
// for each complete 256 leaves (and for each 256 of those, and so on): 32 bytes in 8 KiB of leaf
// hashes, so 1.3 MB for 10 million entries. What lies below it asks of a LeafReader, at most two
// times 256 leaves for a proof. Rows that are pruned, in whole 256s from the start, take nothing
// from what can be proved of the rest.
//
// All of it follows from the rows; `sums` may be kept anywhere to save hashing at a start.
// Positions count from 0. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/error.h"
#include "lineage/tree/frontier.h"
#include "lineage/tree/proof.h"

namespace phoenix::lineage {

inline constexpr uint64_t kTileLeaves = 256;

// Leaf hashes of the entries [first, first + 256), first a multiple of 256. Asked only for complete
// tiles; an error of the store, or of pruned rows, becomes the error of the proof.
using LeafReader = std::function<Result<std::vector<Digest>>(uint64_t first)>;

class LogTree {
 public:
  LogTree();

  void append(const Digest& leaf);
  // Both at a start, in this order, before any append: the hash of each complete tile from the
  // first on, then append() for the leaves that follow.
  void append_tile(const Digest& sum);

  uint64_t size() const { return tiles_.size() * kTileLeaves + open_.size(); }
  Digest root() const { return frontier().root(); }
  Frontier frontier() const;
  // The hash of each complete tile, in order.
  const std::vector<Digest>& sums() const { return levels_[0]; }

  // For any size up to the present one; kNotFound beyond.
  Result<Digest> root_at(uint64_t size, const LeafReader& read) const;
  Result<Frontier> frontier_at(uint64_t size, const LeafReader& read) const;
  // That the entry at the position is in the tree of that size.
  Result<Proof> inclusion(uint64_t position, uint64_t size, const LeafReader& read) const;
  // That the tree of size `to` begins with that of size `from`.
  Result<Proof> consistency(uint64_t from, uint64_t to, const LeafReader& read) const;

 private:
  class Lookup;
  void add_sum(size_t level, const Digest& sum);

  // Of the complete tiles, and of the leaves since: the peaks of both are those of the whole tree,
  // and no node is hashed twice.
  Frontier tiles_;
  Frontier open_;
  std::vector<Digest> tail_;                 // these leaves
  std::vector<std::vector<Digest>> levels_;  // [i]: hashes of complete subtrees of 256^(i + 1)
};

// The root of a complete subtree: the number of hashes is a power of two.
Digest complete_root(std::span<const Digest> hashes);

}  // namespace phoenix::lineage
