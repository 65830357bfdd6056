// Checks of the two proofs of RFC 9162, sections 2.1.3 and 2.1.4, for who has nothing but roots.
// They take exactly the proof that belongs to the sizes: a hash more or less is refused. No proof
// for a tree of up to 2^63 entries has more than 64 hashes, or 65 for consistency; callers bound
// lists.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/digest.h"

namespace phoenix::lineage {

using Proof = std::vector<Digest>;
inline constexpr size_t kMaxProof = 65;

// The root that a tree of that size has if this leaf's hash stands at the position; nothing if the
// path has another length than it must have there, or the position lies outside.
std::optional<Digest> root_by_inclusion(const Digest& leaf, uint64_t position, uint64_t size,
                                        std::span<const Digest> path);
bool verify_inclusion(const Digest& leaf, uint64_t position, uint64_t size,
                      std::span<const Digest> path, const Digest& root);

// That the larger tree begins with all entries of the smaller one. Equal sizes: the roots are equal
// and the proof is empty. Everything follows the empty tree, by an empty proof.
bool verify_consistency(uint64_t from, const Digest& from_root, uint64_t to, const Digest& to_root,
                        std::span<const Digest> proof);

// Of a list that is at hand as a whole, as a batch of statements is: its root, and one leaf's path.
Digest root_of(std::span<const Digest> leaves);
Proof path_in(std::span<const Digest> leaves, size_t position);
// The paths of all leaves, for the hashes of one root.
std::vector<Proof> paths_in(std::span<const Digest> leaves);

}  // namespace phoenix::lineage
