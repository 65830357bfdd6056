#include "directory/number_index.h"

namespace phoenix {

void NumberIndex::insert(uint64_t place) {
  size_t at = place_of(static_cast<uint32_t>(place >> 32));
  while (places_[at] != 0) at = after(at);
  places_[at] = place;
}

// By an eighth, as there may be one of these for each member of a pool at each of a thousand hosts.
void NumberIndex::grow() {
  std::vector<uint64_t> old(places_.empty() ? 64 : places_.size() + places_.size() / 8);
  old.swap(places_);
  for (const uint64_t place : old) {
    if (place != 0) insert(place);
  }
}

void NumberIndex::remove(std::string_view text, uint32_t no) {
  size_t at = place_of(hash(text));
  while (number(places_[at]) != no) at = after(at);
  // Close the gap: move back every entry that may stand nearer to its place.
  for (size_t next = after(at); places_[next] != 0; next = after(next)) {
    const size_t home = place_of(static_cast<uint32_t>(places_[next] >> 32));
    if (distance(home, next) >= distance(at, next)) {
      places_[at] = places_[next];
      at = next;
    }
  }
  places_[at] = 0;
  --size_;
}

}  // namespace phoenix
