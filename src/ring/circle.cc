#include "ring/circle.h"

#include <algorithm>

namespace phoenix::ring {

namespace {

bool before_position(const Vnode& vnode, Position position) { return vnode.position < position; }

// Where a position is to be expected in a bucket, as hashed positions lie evenly. `bits` is the
// number of top bits that all positions of the bucket share.
size_t expected_at(size_t size, Position position, unsigned bits) {
  const uint64_t offset = (uint64_t{position} << bits) & ~Position{0};
  return static_cast<size_t>(offset * size >> 32);
}

// The first v-node at or after a position, looked for near where it is to be expected: a binary
// search over a whole bucket would wait for memory ten times.
size_t first_at(const std::vector<Vnode>& bucket, Position position, unsigned bits) {
  constexpr size_t kNear = 48;  // three standard deviations at 1,000 v-nodes
  const size_t guess = expected_at(bucket.size(), position, bits);
  size_t low = guess > kNear ? guess - kNear : 0;
  size_t high = std::min(guess + kNear, bucket.size());
  if (low > 0 && bucket[low - 1].position >= position) low = 0;
  if (high < bucket.size() && bucket[high].position < position) high = bucket.size();
  const Vnode* start = bucket.data();
  return static_cast<size_t>(
      std::lower_bound(start + low, start + high, position, before_position) - start);
}

// Few steps, so that cutting anew happens at two sizes only: a bucket holds about 1,000 v-nodes at
// most up to 16 million.
unsigned bucket_bits(size_t vnodes) {
  if (vnodes <= size_t{1} << 14) return 4;
  if (vnodes <= size_t{1} << 19) return 9;
  return 14;
}

// Room for an eighth more, where doubling would waste half of the memory.
void make_room(std::vector<Vnode>& bucket, size_t more) {
  const size_t wanted = bucket.size() + more;
  if (wanted > bucket.capacity()) bucket.reserve(wanted + wanted / 8 + 2);
}

}  // namespace

void Circle::add(MemberIndex index) {
  if (states_.size() <= index) states_.resize(roster_.limit(), State::kAbsent);
  states_[index] = State::kWaiting;
  waiting_.push_back(index);
  waiting_vnodes_ += vnode_count(roster_[index].weight);
}

void Circle::remove(MemberIndex index) {
  const uint32_t count = vnode_count(roster_[index].weight);
  if (states_[index] == State::kPlaced) {
    std::vector<Vnode> vnodes;
    vnodes.reserve(count);
    roster_.append_vnodes(index, 0, count, vnodes);
    // Each lies somewhere else in memory: what the next few need is fetched while one is erased.
    constexpr size_t kAhead = 4;
    for (size_t i = 0; i < vnodes.size(); ++i) {
      if (i + kAhead < vnodes.size()) prefetch(vnodes[i + kAhead].position);
      erase(vnodes[i]);
    }
  } else {
    waiting_vnodes_ -= count;
    // Else coming and going without a read in between would grow the list for ever.
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), index));
  }
  states_[index] = State::kAbsent;
}

void Circle::reweigh(MemberIndex index, uint32_t old_weight) {
  const uint32_t before = vnode_count(old_weight);
  const uint32_t after = vnode_count(roster_[index].weight);
  if (states_[index] == State::kWaiting) {
    waiting_vnodes_ += after;
    waiting_vnodes_ -= before;
    return;
  }
  for (uint32_t replica = before; replica < after; ++replica) {
    insert({roster_.position(index, replica), index});
  }
  for (uint32_t replica = after; replica < before; ++replica) {
    erase({roster_.position(index, replica), index});
  }
}

void Circle::settle() {
  if (waiting_.empty()) return;
  fit_buckets(size_ + waiting_vnodes_);
  std::vector<Vnode> fresh;
  fresh.reserve(waiting_vnodes_);
  for (const MemberIndex index : waiting_) {
    states_[index] = State::kPlaced;
    roster_.append_vnodes(index, 0, vnode_count(roster_[index].weight), fresh);
  }
  waiting_.clear();
  waiting_.shrink_to_fit();
  waiting_vnodes_ = 0;
  if (fresh.size() > size_ / 64) {
    merge(fresh);
  } else {
    for (const Vnode& vnode : fresh) insert(vnode);
  }
}

void Circle::prefetch(Position position) const {
  const Bucket& bucket = buckets_[bucket_of(position)];
  __builtin_prefetch(bucket.data() + expected_at(bucket.size(), position, bits_));
}

void Circle::insert(const Vnode& vnode) {
  Bucket& bucket = buckets_[bucket_of(vnode.position)];
  make_room(bucket, 1);
  auto at = bucket.begin() + static_cast<std::ptrdiff_t>(first_at(bucket, vnode.position, bits_));
  while (at != bucket.end() && roster_.before(*at, vnode)) ++at;
  bucket.insert(at, vnode);
  ++size_;
}

void Circle::erase(const Vnode& vnode) {
  Bucket& bucket = buckets_[bucket_of(vnode.position)];
  auto at = bucket.begin() + static_cast<std::ptrdiff_t>(first_at(bucket, vnode.position, bits_));
  while (at->member != vnode.member) ++at;
  bucket.erase(at);
  --size_;
}

void Circle::merge(std::vector<Vnode>& fresh) {
  roster_.sort(fresh);
  for (size_t from = 0; from < fresh.size();) {
    const size_t number = bucket_of(fresh[from].position);
    size_t to = from;
    while (to < fresh.size() && bucket_of(fresh[to].position) == number) ++to;
    Bucket& bucket = buckets_[number];
    // From the back, so that each v-node moves once and nothing is overwritten.
    make_room(bucket, to - from);
    size_t old = bucket.size();
    size_t next = to;
    bucket.resize(old + to - from);
    for (size_t end = bucket.size(); next > from; --end) {
      const bool from_old = old > 0 && roster_.before(fresh[next - 1], bucket[old - 1]);
      bucket[end - 1] = from_old ? bucket[--old] : fresh[--next];
    }
    from = to;
  }
  size_ += fresh.size();
}

void Circle::fit_buckets(size_t vnodes) {
  const unsigned wanted = bucket_bits(vnodes);
  // Shrinks late, so that a size that swings about a limit does not cut anew each time.
  if (wanted == bits_ || (wanted < bits_ && bucket_bits(vnodes * 4) == bits_)) return;
  std::vector<Bucket> old(size_t{1} << wanted);
  old.swap(buckets_);
  bits_ = wanted;
  for (Bucket& from : old) {
    for (const Vnode& vnode : from) {
      Bucket& bucket = buckets_[bucket_of(vnode.position)];
      make_room(bucket, 1);
      bucket.push_back(vnode);
    }
    Bucket().swap(from);
  }
}

size_t Circle::bytes() const {
  size_t total = buckets_.capacity() * sizeof(Bucket) + states_.capacity() +
                 waiting_.capacity() * sizeof(MemberIndex);
  for (const Bucket& bucket : buckets_) total += bucket.capacity() * sizeof(Vnode);
  return total;
}

Circle::Cursor::Cursor(const Circle& circle, Position from)
    : circle_(circle), left_(circle.size_), bucket_(circle.bucket_of(from)) {
  const Bucket& bucket = circle.buckets_[bucket_];
  end_ = bucket.data() + bucket.size();
  at_ = bucket.data() + first_at(bucket, from, circle.bits_);
}

void Circle::Cursor::next_bucket() {
  while (at_ == end_) {
    bucket_ = bucket_ + 1 == circle_.buckets_.size() ? 0 : bucket_ + 1;
    const Bucket& bucket = circle_.buckets_[bucket_];
    at_ = bucket.data();
    end_ = at_ + bucket.size();
  }
}

}  // namespace phoenix::ring
