// Leaf hashes of the tiles that were completed last, over all logs. What other hosts have signed of
// late ends somewhere within these, so to check it no rows are read a second time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "base/digest.h"

namespace phoenix {

class RecentLeaves {
 public:
  static constexpr size_t kMostTiles = 512;  // 4 MiB

  // The leaves of a complete tile, from position `first` of that log on.
  void keep(uint32_t log, uint64_t first, std::vector<Digest>&& leaves) {
    if (!tiles_.try_emplace({log, first}, std::move(leaves)).second) return;
    order_.emplace_back(log, first);
    if (order_.size() <= kMostTiles) return;
    tiles_.erase(order_.front());
    order_.pop_front();
  }
  // Null: they are not kept.
  const std::vector<Digest>* find(uint32_t log, uint64_t first) const {
    const auto it = tiles_.find({log, first});
    return it == tiles_.end() ? nullptr : &it->second;
  }

 private:
  using Place = std::pair<uint32_t, uint64_t>;
  std::map<Place, std::vector<Digest>> tiles_;
  std::deque<Place> order_;  // oldest first
};

}  // namespace phoenix
