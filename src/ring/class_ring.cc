#include "ring/class_ring.h"

#include <algorithm>
#include <bit>

namespace phoenix::ring {

void ClassRing::replace(std::vector<Vnode> vnodes) {
  vnodes_ = std::move(vnodes);
  index();
}

void ClassRing::index() {
  // Eight to sixteen v-nodes a cell: the index is small enough to stay in the processor's cache, so
  // that a walk waits for memory once, for the v-nodes.
  const unsigned bits = static_cast<unsigned>(std::bit_width(vnodes_.size() / 16 | 1));
  shift_ = 32 - bits;
  starts_.assign(size_t{1} << bits, static_cast<uint32_t>(vnodes_.size()));
  for (size_t at = vnodes_.size(); at > 0; --at) {
    starts_[vnodes_[at - 1].position >> shift_] = static_cast<uint32_t>(at - 1);
  }
  // An empty cell starts where the next one does.
  uint32_t start = static_cast<uint32_t>(vnodes_.size());
  for (size_t cell = starts_.size(); cell > 0; --cell) {
    start = std::min(start, starts_[cell - 1]);
    starts_[cell - 1] = start;
  }
}

}  // namespace phoenix::ring
