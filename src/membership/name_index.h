// Finds numbers by the hash of a name: open addressing, eight bytes a place, so that a look-up
// touches one line of the cache before the name itself is compared. Whoever uses it keeps the
// names, and hashes them under a key where an outsider chooses them. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace phoenix::gossip {

class NameIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;  // no number that is put in

  // The number under that hash for which `is(number)` holds; kNone: there is none.
  template <class Is>
  uint32_t find(uint32_t hash, Is&& is) const {
    for (size_t at = home(hash); places_[at].number != kNone; at = behind(at)) {
      if (places_[at].hash == hash && is(places_[at].number)) return places_[at].number;
    }
    return kNone;
  }
  // Requires: not in it.
  void insert(uint32_t hash, uint32_t number) {
    if (2 * ++size_ > places_.size()) grow();
    put({hash, number});
  }
  // Requires: in it, under that hash.
  void erase(uint32_t hash, uint32_t number) {
    size_t gap = home(hash);
    while (places_[gap].number != number) gap = behind(gap);
    // Whoever stands behind the gap and is not in the place where it belongs moves up.
    for (size_t at = behind(gap); places_[at].number != kNone; at = behind(at)) {
      const size_t mask = places_.size() - 1;
      if (((at - home(places_[at].hash)) & mask) < ((at - gap) & mask)) continue;
      places_[gap] = places_[at];
      gap = at;
    }
    places_[gap] = {};
    --size_;
  }
  void clear() {
    places_.assign(kLeast, {});
    size_ = 0;
  }

 private:
  static constexpr size_t kLeast = 16;
  struct Place {
    uint32_t hash = 0;
    uint32_t number = kNone;  // kNone: empty
  };
  size_t home(uint32_t hash) const { return hash & (places_.size() - 1); }
  size_t behind(size_t at) const { return (at + 1) & (places_.size() - 1); }
  void put(Place place) {
    size_t at = home(place.hash);
    while (places_[at].number != kNone) at = behind(at);
    places_[at] = place;
  }
  void grow() {
    for (const Place& place : std::exchange(places_, std::vector<Place>(places_.size() * 2))) {
      if (place.number != kNone) put(place);
    }
  }

  std::vector<Place> places_ = std::vector<Place>(kLeast);  // a power of two of them
  size_t size_ = 0;
};

}  // namespace phoenix::gossip
