#include "lineage/tree/proof.h"

#include <bit>

#include "lineage/tree/frontier.h"

namespace phoenix::lineage {
namespace {

// The largest power of two below n; n > 1.
size_t split_of(size_t n) { return std::bit_floor(n - 1); }

}  // namespace

std::optional<Digest> root_by_inclusion(const Digest& leaf, uint64_t position, uint64_t size,
                                        std::span<const Digest> path) {
  if (position >= size) return std::nullopt;
  uint64_t at = position;
  uint64_t last = size - 1;
  Digest hash = leaf;
  for (const Digest& sibling : path) {
    if (last == 0) return std::nullopt;
    if ((at & 1) != 0 || at == last) {
      hash = node_hash(sibling, hash);
      // A last node without a sibling rises until it has one.
      while ((at & 1) == 0 && at != 0) {
        at >>= 1;
        last >>= 1;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    at >>= 1;
    last >>= 1;
  }
  if (last != 0) return std::nullopt;
  return hash;
}

bool verify_inclusion(const Digest& leaf, uint64_t position, uint64_t size,
                      std::span<const Digest> path, const Digest& root) {
  const auto found = root_by_inclusion(leaf, position, size, path);
  return found && *found == root;
}

bool verify_consistency(uint64_t from, const Digest& from_root, uint64_t to, const Digest& to_root,
                        std::span<const Digest> proof) {
  if (from > to) return false;
  if (from == to) return proof.empty() && from_root == to_root;
  if (from == 0) return proof.empty() && from_root == empty_root();
  if (proof.empty() && !std::has_single_bit(from)) return false;
  // A smaller tree that is one complete subtree is its own first hash.
  size_t next = 0;
  const Digest& first = std::has_single_bit(from) ? from_root : proof[next++];
  uint64_t at = from - 1;
  uint64_t last = to - 1;
  while ((at & 1) != 0) {
    at >>= 1;
    last >>= 1;
  }
  Digest older = first;
  Digest newer = first;
  for (; next < proof.size(); ++next) {
    if (last == 0) return false;
    if ((at & 1) != 0 || at == last) {
      older = node_hash(proof[next], older);
      newer = node_hash(proof[next], newer);
      while ((at & 1) == 0 && at != 0) {
        at >>= 1;
        last >>= 1;
      }
    } else {
      newer = node_hash(newer, proof[next]);
    }
    at >>= 1;
    last >>= 1;
  }
  return last == 0 && older == from_root && newer == to_root;
}

Digest root_of(std::span<const Digest> leaves) {
  Frontier tree;
  for (const Digest& leaf : leaves) tree.append(leaf);
  return tree.root();
}

Proof path_in(std::span<const Digest> leaves, size_t position) {
  Proof path;
  while (leaves.size() > 1) {
    const size_t split = split_of(leaves.size());
    const bool left = position < split;
    path.insert(path.begin(), root_of(left ? leaves.subspan(split) : leaves.first(split)));
    leaves = left ? leaves.first(split) : leaves.subspan(split);
    if (!left) position -= split;
  }
  return path;
}

std::vector<Proof> paths_in(std::span<const Digest> leaves) {
  std::vector<Proof> paths(leaves.size());
  std::vector<Digest> level(leaves.begin(), leaves.end());
  // Pair by pair, a last one without a partner rising as it is: the same tree as by halves.
  for (unsigned height = 0; level.size() > 1; ++height) {
    for (size_t i = 0; i < leaves.size(); ++i) {
      const size_t sibling = (i >> height) ^ 1;
      if (sibling < level.size()) paths[i].push_back(level[sibling]);
    }
    const size_t pairs = level.size() / 2;
    for (size_t i = 0; i < pairs; ++i) level[i] = node_hash(level[2 * i], level[2 * i + 1]);
    if (level.size() % 2 != 0) level[pairs] = level.back();
    level.resize((level.size() + 1) / 2);
  }
  return paths;
}

}  // namespace phoenix::lineage
