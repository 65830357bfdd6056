#include "directory/number_index.h"

namespace phoenix {

void NumberIndex::insert(uint64_t place) {
  const size_t mask = places_.size() - 1;
  size_t at = (place >> 32) & mask;
  while (places_[at] != 0) at = (at + 1) & mask;
  places_[at] = place;
}

void NumberIndex::grow() {
  std::vector<uint64_t> old(places_.empty() ? 64 : places_.size() * 2);
  old.swap(places_);
  for (const uint64_t place : old) {
    if (place != 0) insert(place);
  }
}

void NumberIndex::remove(std::string_view text, uint32_t no) {
  const size_t mask = places_.size() - 1;
  size_t at = hash(text) & mask;
  while (number(places_[at]) != no) at = (at + 1) & mask;
  // Close the gap: move back every entry that may stand nearer to its place.
  for (size_t next = (at + 1) & mask; places_[next] != 0; next = (next + 1) & mask) {
    const size_t home = (places_[next] >> 32) & mask;
    if (((next - home) & mask) >= ((next - at) & mask)) {
      places_[at] = places_[next];
      at = next;
    }
  }
  places_[at] = 0;
  --size_;
}

}  // namespace phoenix
