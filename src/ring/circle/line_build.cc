#include "ring/circle/line_build.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "ring/lanes.h"

namespace phoenix::ring {

namespace {

// V-nodes of a part of the ring that is built at a time: their lines' buckets stay in the second
// cache. Parts are told apart by the highest bits, of which there are few enough that a part's next
// v-node goes to a line that is still in a cache.
constexpr size_t kPartVnodes = 6'000;
constexpr unsigned kMostPartBits = 11;

// The v-nodes of one line as they come, each a word that sorts by where it lies: that, the number
// of its slot, and its member in the lower half.
constexpr unsigned kLanes = 12;  // what is done to several slots at once is done to so many
constexpr unsigned kKeyAt = 32;
constexpr unsigned kSlotBits = 4;
struct alignas(16) Bucket {
  uint64_t slots[kLanes];
};
// Behind all others, of a slot that is not used.
constexpr uint64_t kFree = (uint64_t{Line::kNone} << kSlotBits | 15) << kKeyAt;
constexpr Bucket kEmpty = {
    {kFree, kFree, kFree, kFree, kFree, kFree, kFree, kFree, kFree, kFree, kFree, kFree}};

struct Lanes {
  Four fours[kLanes / 4];
};
constexpr Lanes kNumbers = {{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9, 10, 11}}};

// The upper or lower halves of a bucket's words.
[[gnu::always_inline]] inline Lanes uppers(const Bucket& bucket) {
  Lanes halves;
  for (unsigned i = 0; i < kLanes; ++i) {
    halves.fours[i / 4][i % 4] = static_cast<int32_t>(bucket.slots[i] >> kKeyAt);
  }
  return halves;
}
[[gnu::always_inline]] inline Lanes lowers(const Bucket& bucket) {
  Lanes halves;
  for (unsigned i = 0; i < kLanes; ++i) {
    halves.fours[i / 4][i % 4] = static_cast<int32_t>(bucket.slots[i]);
  }
  return halves;
}

// Each goes where the number of those before it says, so that nothing branches on chance.
[[gnu::always_inline]] inline Bucket in_order(const Bucket& bucket) {
  const Lanes keys = uppers(bucket);
  Lanes before{};
#pragma GCC unroll 10
  for (unsigned other = 0; other < kLinePoints; ++other) {
    const Four same = all_of(static_cast<uint32_t>(bucket.slots[other] >> kKeyAt));
    for (unsigned i = 0; i < 3; ++i) before.fours[i] -= keys.fours[i] > same;
  }
  uint32_t ranks[kLanes];
  std::memcpy(ranks, &before, sizeof ranks);
  Bucket sorted = kEmpty;
#pragma GCC unroll 10
  for (unsigned at = 0; at < kLinePoints; ++at) sorted.slots[ranks[at]] = bucket.slots[at];
  return sorted;
}

// Do any of the first `used` lie where the one before does?
[[gnu::always_inline]] inline bool any_equal(const Lanes& lies, unsigned used) {
  const Four a = lies.fours[0];
  const Four b = lies.fours[1];
  const Four c = lies.fours[2];
  const Four last = all_of(used - 1);
  return any(((a == __builtin_shufflevector(a, b, 1, 2, 3, 4)) & (kNumbers.fours[0] < last)) |
             ((b == __builtin_shufflevector(b, c, 1, 2, 3, 4)) & (kNumbers.fours[1] < last)) |
             ((c == __builtin_shufflevector(c, c, 1, 2, 3, 3)) & (kNumbers.fours[2] < last)));
}

// Those that lie at the same place are put in order by their members' ids.
[[gnu::noinline]] void order_equals(const Members& members, Bucket& sorted, unsigned used) {
  constexpr unsigned kShift = kKeyAt + kSlotBits;
  std::sort(sorted.slots, sorted.slots + used, [&](uint64_t a, uint64_t b) {
    if (a >> kShift != b >> kShift) return a >> kShift < b >> kShift;
    const auto left = static_cast<MemberIndex>(a);
    const auto right = static_cast<MemberIndex>(b);
    return left != right && members.before(left, right);
  });
}

// A whole line, written without a look at what it was. Returns its first member, or `next` if it
// has none.
[[gnu::always_inline]] inline MemberIndex write_line(Line& line, const Members& members,
                                                     const Bucket& bucket, unsigned used,
                                                     MemberIndex next) {
  Bucket sorted = in_order(bucket);
  Lanes lies = uppers(sorted);
  for (Four& four : lies.fours) four >>= kSlotBits;
  if (any_equal(lies, used)) [[unlikely]]
    order_equals(members, sorted, used);
  Lanes words = lowers(sorted);
  for (unsigned i = 0; i < 3; ++i) {
    const Four is_used = kNumbers.fours[i] < all_of(used);
    words.fours[i] = (words.fours[i] & is_used) | (all_of(next) & ~is_used) | all_of(Line::kPlain);
  }
  uint32_t lie[kLanes];
  uint32_t word[kLanes];
  std::memcpy(lie, &lies, sizeof lie);
  std::memcpy(word, &words, sizeof word);
  line.fill(lie, word, used);
  return word[0] & ~Line::kPlain;
}

size_t part_bits(size_t vnodes) {
  return std::min<size_t>(std::bit_width(vnodes / kPartVnodes), kMostPartBits);
}

// The v-nodes while they lie where lines will be: as bytes, since the compiler may believe that
// words and lines have nothing to do with each other.
class Scattered {
 public:
  Scattered(void* memory, std::span<const Vnode> vnodes, size_t bits)
      : bytes_(static_cast<std::byte*>(memory)), shift_(32 - bits), ends_(size_t{1} << bits) {
    for (const Vnode& vnode : vnodes) ++ends_[part_of(vnode)];
    size_t sum = 0;
    for (size_t& end : ends_) sum += std::exchange(end, sum);
    for (const Vnode& vnode : vnodes) {
      std::memcpy(bytes_ + ends_[part_of(vnode)]++ * sizeof vnode, &vnode, sizeof vnode);
    }
  }

  size_t parts() const { return ends_.size(); }
  size_t start(size_t part) const { return part == 0 ? 0 : ends_[part - 1]; }
  size_t end(size_t part) const { return ends_[part]; }
  Position position(size_t part) const { return static_cast<Position>(uint64_t{part} << shift_); }
  Vnode operator[](size_t at) const {
    Vnode vnode;
    std::memcpy(&vnode, bytes_ + at * sizeof vnode, sizeof vnode);
    return vnode;
  }
  // The memory from there on is wanted for something else: those before a part that are there move.
  void make_way(const void* wanted, size_t part) {
    const size_t bytes = start(part) * sizeof(Vnode);
    if (!elsewhere_.empty() || bytes_ + bytes <= wanted) return;
    elsewhere_.assign(bytes_, bytes_ + bytes);
    bytes_ = elsewhere_.data();
  }

 private:
  size_t part_of(const Vnode& vnode) const { return uint64_t{vnode.position} >> shift_; }

  std::byte* bytes_;
  size_t shift_;
  std::vector<size_t> ends_;
  std::vector<std::byte> elsewhere_;
};

class Filling {
 public:
  Filling(const Members& members, LineArray& lines, std::span<const Vnode> vnodes)
      : members_(members),
        lines_(lines.data()),
        masks_(lines.masks()),
        size_(lines.size()),
        vnodes_(lines.data(), vnodes, part_bits(vnodes.size())),
        buckets_(most_lines(), kEmpty),
        used_(most_lines(), 0) {}

  // From the last part to the first, as each line wants to know what comes behind it.
  std::vector<Vnode> run() {
    Bucket* const buckets = buckets_.data();
    uint8_t* const used = used_.data();
    size_t unfinished = size_;
    size_t before = first_line(vnodes_.parts() - 1);
    for (size_t part = vnodes_.parts(); part-- > 0;) {
      const size_t first = first_line(part);
      carry(before - first);
      before = first;
      sort_into_buckets(part, first);
      // The part before it may have v-nodes in its first line.
      const size_t stop = part == 0 ? 0 : first + 1;
      vnodes_.make_way(&lines_[stop], part);
      while (unfinished > stop) {
        --unfinished;
        const size_t at = unfinished - first;
        next_ = write_line(lines_[unfinished], members_, buckets[at], used[at], next_);
        buckets[at] = kEmpty;
        used[at] = 0;
      }
    }
    // Behind the last v-node comes the first.
    for (size_t i = size_; i-- > 0;) {
      lines_[i].set_next(lines_[i].count, next_);
      if (lines_[i].count > 0) break;
    }
    return std::move(left_);
  }

 private:
  size_t first_line(size_t part) const { return Arc::number_of(vnodes_.position(part), size_); }
  // That a part may have, with the first of the next one.
  size_t most_lines() const { return size_ / vnodes_.parts() + 3; }

  // The line that has been the first comes last now, `by` further back.
  void carry(size_t by) {
    if (by == 0) return;
    buckets_[by] = std::exchange(buckets_[0], kEmpty);
    used_[by] = std::exchange(used_[0], uint8_t{0});
  }

  void sort_into_buckets(size_t part, size_t first) {
    const uint64_t* const signatures = members_.signatures().data();
    Bucket* const buckets = buckets_.data();
    uint8_t* const used = used_.data();
    uint64_t* const masks = masks_ + first;
    const size_t end = vnodes_.end(part);
    for (size_t i = vnodes_.start(part); i < end; ++i) {
      const Vnode vnode = vnodes_[i];
      const uint64_t product = uint64_t{vnode.position} * size_;
      const size_t at = (product >> 32) - first;
      const uint64_t slot = used[at];
      if (slot == kLinePoints) [[unlikely]] {
        left_.push_back(vnode);
        continue;
      }
      used[at] = static_cast<uint8_t>(slot + 1);
      const uint64_t lies = static_cast<uint32_t>(product) >> 8;
      buckets[at].slots[slot] = (lies << kSlotBits | slot) << kKeyAt | vnode.member;
      masks[at] |= signatures[vnode.member];
    }
  }

  const Members& members_;
  Line* lines_;
  uint64_t* masks_;
  size_t size_;
  Scattered vnodes_;
  std::vector<Bucket> buckets_;
  std::vector<uint8_t> used_;  // of each bucket
  MemberIndex next_ = 0;
  std::vector<Vnode> left_;
};

}  // namespace

std::vector<Vnode> fill_lines(const Members& members, LineArray& lines,
                              std::span<const Vnode> vnodes) {
  return Filling(members, lines, vnodes).run();
}

}  // namespace phoenix::ring
