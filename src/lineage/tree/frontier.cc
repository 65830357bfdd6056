#include "lineage/tree/frontier.h"

#include <bit>

#include "lineage/crypto/sha256.h"

namespace phoenix::lineage {

Digest leaf_hash(std::string_view entry) { return sha256(std::string_view("\0", 1), entry); }

Digest node_hash(const Digest& left, const Digest& right) {
  return sha256("\x01", bytes_of(left), bytes_of(right));
}

const Digest& empty_root() {
  static const Digest root = sha256({});
  return root;
}

bool Frontier::restore(uint64_t size, std::vector<Digest> peaks) {
  if (peaks.size() != static_cast<size_t>(std::popcount(size))) return false;
  size_ = size;
  peaks_ = std::move(peaks);
  return true;
}

void Frontier::append(const Digest& leaf) {
  Digest hash = leaf;
  // As in a binary counter: each one at the end becomes a zero and is carried.
  for (uint64_t ones = size_; (ones & 1) != 0; ones >>= 1) {
    hash = node_hash(peaks_.back(), hash);
    peaks_.pop_back();
  }
  peaks_.push_back(hash);
  ++size_;
}

Digest Frontier::root() const {
  if (peaks_.empty()) return empty_root();
  Digest root = peaks_.back();
  for (size_t i = peaks_.size() - 1; i-- > 0;) root = node_hash(peaks_[i], root);
  return root;
}

}  // namespace phoenix::lineage
