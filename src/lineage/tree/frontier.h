// The Merkle tree of RFC 9162 (SHA-256) over the entries of one log, as far as appending needs it:
// its size and the hashes of its complete subtrees, largest first, one for each bit of the size.
// An append costs two hashes on average; nothing else is kept. Positions here count from 0.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/digest.h"

namespace phoenix::lineage {

// SHA-256(0x00 || entry) and SHA-256(0x01 || left || right).
Digest leaf_hash(std::string_view entry);
Digest node_hash(const Digest& left, const Digest& right);
// SHA-256 of nothing: the root of a tree without entries.
const Digest& empty_root();

class Frontier {
 public:
  Frontier() = default;
  // That of a tree whose entries need not be there any more. False, and nothing changed, unless
  // there is one peak for each bit of the size.
  bool restore(uint64_t size, std::vector<Digest> peaks);

  void append(const Digest& leaf);
  uint64_t size() const { return size_; }
  const std::vector<Digest>& peaks() const { return peaks_; }
  Digest root() const;
  bool operator==(const Frontier&) const = default;

 private:
  uint64_t size_ = 0;
  std::vector<Digest> peaks_;
};

}  // namespace phoenix::lineage
