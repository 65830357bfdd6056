#include "ring/circle/packed_ring.h"

#include <algorithm>
#include <bit>

namespace phoenix::ring {

namespace {

// V-nodes a bucket, after cutting anew and when that is due; within a factor of four, so that a
// size that swings does not cut anew each time.
constexpr size_t kAimed = 48;
constexpr size_t kMost = 96;
constexpr size_t kLeast = 12;

// What malloc adds to an array.
constexpr size_t kOverhead = 12;

unsigned bits_for(size_t vnodes) { return static_cast<unsigned>(std::bit_width(vnodes / kAimed)); }

bool before_position(const Vnode& vnode, Position position) { return vnode.position < position; }

}  // namespace

void PackedRing::reserve(Bucket& bucket, size_t size) {
  if (size <= bucket.capacity()) return;
  if (bucket.capacity() > 0) bytes_ -= bucket.capacity() * sizeof(Vnode) + kOverhead;
  bucket.reserve(size);
  bytes_ += bucket.capacity() * sizeof(Vnode) + kOverhead;
}

void PackedRing::build(const std::vector<Vnode>& vnodes) {
  bits_ = bits_for(vnodes.size());
  buckets_ = std::vector<Bucket>(size_t{1} << bits_);
  bytes_ = sizeof(PackedRing) + buckets_.size() * sizeof(Bucket);
  size_ = vnodes.size();
  for (size_t from = 0; from < vnodes.size();) {
    const size_t number = bucket_of(vnodes[from].position);
    size_t to = from;
    while (to < vnodes.size() && bucket_of(vnodes[to].position) == number) ++to;
    reserve(buckets_[number], to - from);
    buckets_[number].assign(vnodes.begin() + static_cast<std::ptrdiff_t>(from),
                            vnodes.begin() + static_cast<std::ptrdiff_t>(to));
    from = to;
  }
}

void PackedRing::insert(const Vnode& vnode) {
  Bucket& bucket = buckets_[bucket_of(vnode.position)];
  // Room for an eighth more, where doubling would waste half of the memory.
  if (bucket.size() == bucket.capacity()) reserve(bucket, bucket.size() + bucket.size() / 8 + 4);
  auto at = std::lower_bound(bucket.begin(), bucket.end(), vnode.position, before_position);
  while (at != bucket.end() && members_.before(*at, vnode)) ++at;
  bucket.insert(at, vnode);
}

void PackedRing::erase(const Vnode& vnode) {
  Bucket& bucket = buckets_[bucket_of(vnode.position)];
  auto at = std::lower_bound(bucket.begin(), bucket.end(), vnode.position, before_position);
  while (at->member != vnode.member) ++at;
  bucket.erase(at);
}

void PackedRing::insert(std::span<const Vnode> vnodes) {
  for (const Vnode& vnode : vnodes) insert(vnode);
  size_ += vnodes.size();
  fit();
}

void PackedRing::erase(std::span<const Vnode> vnodes) {
  for (const Vnode& vnode : vnodes) erase(vnode);
  size_ -= vnodes.size();
  fit();
}

void PackedRing::fit() {
  if (size_ > buckets_.size() * kMost || (bits_ > 0 && size_ < buckets_.size() * kLeast)) {
    std::vector<Vnode> all;
    all.reserve(size_);
    for_each([&all](const Vnode& vnode) { all.push_back(vnode); });
    build(all);
  }
}

PackedRing::Cursor::Cursor(const PackedRing& ring, Position from)
    : ring_(ring), left_(ring.size_), bucket_(ring.bucket_of(from)) {
  const Bucket& bucket = ring.buckets_[bucket_];
  const Vnode* start = bucket.data();
  end_ = start + bucket.size();
  // Positions are spread evenly: so the first at or after one is a few steps from where it would be
  // if they were so exactly, and one or two cache lines are read instead of all that halving reads.
  const uint64_t part = uint64_t{from} << ring.bits_ & 0xffff'ffff;
  at_ = start + (part * bucket.size() >> 32);
  while (at_ != end_ && at_->position < from) ++at_;
  while (at_ != start && at_[-1].position >= from) --at_;
}

void PackedRing::Cursor::next_bucket() {
  bucket_ = bucket_ + 1 == ring_.buckets_.size() ? 0 : bucket_ + 1;
  const Bucket& bucket = ring_.buckets_[bucket_];
  at_ = bucket.data();
  end_ = at_ + bucket.size();
}

}  // namespace phoenix::ring
