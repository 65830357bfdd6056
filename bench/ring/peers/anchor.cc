#include "bench/ring/peers/anchor.h"

namespace phoenix::bench {

AnchorHash::AnchorHash(uint32_t capacity, uint32_t working)
    : capacity_(capacity),
      working_(working),
      buckets_(capacity),
      order_(capacity),
      place_(capacity) {
  for (uint32_t b = 0; b < capacity; ++b) {
    buckets_[b].successor = order_[b] = place_[b] = b;
  }
  removed_.reserve(capacity);
  for (uint32_t b = capacity; b-- > working;) {
    removed_.push_back(b);
    buckets_[b].left_at = b;
  }
}

uint32_t AnchorHash::add() {
  const uint32_t b = removed_.back();
  removed_.pop_back();
  buckets_[b].left_at = 0;
  place_[order_[working_]] = working_;
  order_[place_[b]] = b;
  buckets_[b].successor = b;
  ++working_;
  return b;
}

void AnchorHash::remove(uint32_t b) {
  removed_.push_back(b);
  --working_;
  buckets_[b].left_at = working_;
  const uint32_t last = order_[working_];
  order_[place_[b]] = last;
  buckets_[b].successor = last;
  place_[last] = place_[b];
}

}  // namespace phoenix::bench
