// All v-nodes of a ring in the order (position, namespace, id), equal positions kept, in lines of
// 64 bytes: the ring is cut into equal arcs, one line each, about three v-nodes in seven places. So
// a lookup reads one cache line, a join or leave writes one per v-node, and the next owner is known
// even where the line has no more.
//
// What does not fit goes on in spill lines, each full but the last. The number of lines follows the
// number of v-nodes within a tenth; large rings move to their new array a few lines per change,
// both arrays in use meanwhile: before `frontier_` the new one, from there on the old one. Nothing
// but the time of a change tells.
//
// Queries are const and may run in several threads while nothing changes it.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#if defined(__SSE2__) && !defined(PHOENIX_PORTABLE)
#include <emmintrin.h>
#endif

#include "ring/circle/line_array.h"
#include "ring/roster.h"

namespace phoenix::ring {

class LineRing {
 public:
  // The roster gives the order of equal positions; needed for changes only.
  explicit LineRing(const Roster& roster) : roster_(roster) { clear(); }

  // In place of all that it has. Any order.
  void build(std::vector<Vnode> vnodes);
  void insert(std::span<const Vnode> vnodes);
  // Requires: all are there. Of several equal ones as many go.
  void erase(std::span<const Vnode> vnodes);
  void clear();

  size_t size() const { return size_; }
  size_t bytes() const;

  // The member of the first v-node at or after a position. Requires: not empty.
  MemberIndex owner(Position position) const;
  // The same of many, `out` as long as `positions`: their reads overlap.
  void owners(std::span<const Position> positions, std::span<MemberIndex> out) const;

  // One turn clockwise from the first v-node at or after a point. Changes invalidate it.
  class Cursor;

  // Every v-node in order.
  template <typename Visit>
  void for_each(Visit visit) const;

  // What a line's words mean. A word of `members` with kPlain names a member; the eighth without it
  // the spill line where it goes on. A line of zeros is one of a new array that is not in use yet.
  static constexpr uint32_t kPlain = uint32_t{1} << 31;
  static constexpr uint32_t kFlip = uint32_t{1} << 31;
  static unsigned count(const Line& line) { return static_cast<unsigned>(line.positions[7]); }
  static void set_count(Line& line, unsigned count) { line.positions[7] = static_cast<int>(count); }
  static bool spills(const Line& line) { return (line.members[kLinePoints] & kPlain) == 0; }
  static uint32_t number(const Line& line) { return line.members[kLinePoints] & ~kPlain; }
  // Positions are stored so that signed comparisons, all that old processors have for several
  // numbers at once, put them in order.
  static int stored(Position position) { return std::bit_cast<int>(position ^ kFlip); }
  static Vnode vnode_at(const Line& line, unsigned at) {
    return {std::bit_cast<Position>(line.positions[at]) ^ kFlip, line.members[at] & ~kPlain};
  }
  static void put_at(Line& line, unsigned at, const Vnode& vnode) {
    line.positions[at] = stored(vnode.position);
    line.members[at] = vnode.member | kPlain;
  }
  // How many of a line's v-nodes are before a position; at most 7.
  static unsigned before(const Line& line, Position position) {
    const int wanted = stored(position);
#if defined(__SSE2__) && !defined(PHOENIX_PORTABLE)
    const __m128i all = _mm_set1_epi32(wanted);
    const auto* words = reinterpret_cast<const __m128i*>(line.positions);
    const __m128i low = _mm_cmpgt_epi32(all, _mm_load_si128(words));
    const __m128i high = _mm_cmpgt_epi32(all, _mm_load_si128(words + 1));
    // Two bits for each; the eighth is none of them.
    const auto below = static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi32(low, high)));
    return static_cast<unsigned>(std::countr_zero(~below | 1u << 2 * kLinePoints)) / 2;
#else
    unsigned below = 0;
    for (unsigned i = 0; i < kLinePoints; ++i) below += line.positions[i] < wanted ? 1 : 0;
    return below;
#endif
  }

 private:
  // A line of either array.
  struct Place {
    bool old;
    size_t at;
  };
  static size_t line_of(Position position, size_t lines) {
    return static_cast<size_t>(uint64_t{position} * lines >> 32);
  }
  // The first position of a line. One past the last line: 2^32.
  static uint64_t start_of(size_t line, size_t lines) {
    return ((uint64_t{line} << 32) + lines - 1) / lines;
  }
  const Line& find(Position position) const {
    if (position < frontier_) [[likely]]
      return now_.data()[line_of(position, now_.size())];
    return old_.data()[line_of(position, old_.size())];
  }
  bool moving() const { return frontier_ != kWholeRing; }
  Place place_of(Position position) const;
  Line& line(Place place) { return (place.old ? old_ : now_).data()[place.at]; }
  Place previous(Place place) const;

  MemberIndex owner_elsewhere(Position position) const;
  // The spill of a line, or the line behind `main`, which is not a spill.
  const Line* line_after(const Line& line, const Line* main) const;
  unsigned rank(const Line& line, const Vnode& vnode) const;
  void read(const Line& line, std::vector<Vnode>& out) const;
  MemberIndex next_of(const Line& line) const;
  void rewrite(Line& line, std::span<const Vnode> vnodes);
  void write(Line& line, std::span<const Vnode> vnodes, MemberIndex next);
  void set_next(Line& line, MemberIndex next);
  void tell_previous(Place place, MemberIndex first);
  uint32_t take_spill();
  void free_spills(const Line& line);
  void pack_spills();

  static void finish(Line& line, MemberIndex& next);
  bool put(const Vnode& vnode);
  void insert_there(const Vnode& vnode);
  void erase_there(const Vnode& vnode);
  void fit();
  void start_moving(size_t lines);
  void move_lines(size_t count);
  void move_line();

  static constexpr uint64_t kWholeRing = uint64_t{1} << 32;

  const Roster& roster_;
  LineArray now_;
  LineArray old_;
  uint64_t frontier_ = kWholeRing;
  size_t filled_ = 0;  // lines of now_ in use
  size_t size_ = 0;
  std::vector<Line> spill_;
  std::vector<uint32_t> free_spill_;
  std::vector<Vnode> scratch_;
};

inline MemberIndex LineRing::owner(Position position) const {
  const Line& line = now_.data()[line_of(position, now_.size())];
  // The one branch that depends on what was read: a wrong guess of it would cost all the reads that
  // are under way, so it asks for the rarest things, a spill and a line not in use yet.
  const uint32_t word = line.members[before(line, position)];
  return (word & kPlain) != 0 ? word & ~kPlain : owner_elsewhere(position);
}

class LineRing::Cursor {
 public:
  // Requires: not empty.
  Cursor(const LineRing& ring, Position from);
  // False when the turn is over.
  bool next(Vnode& out) {
    if (left_ == 0) return false;
    --left_;
    while (at_ == count_) next_line();
    out = vnode_at(*line_, at_);
    ++at_;
    return true;
  }

  // The members of the next v-nodes, as far as this line has them: 0 to 7. Whole lines are copied,
  // so `out` has eight places before and behind it that may be overwritten. Requires: not over().
  [[gnu::always_inline]] unsigned take(MemberIndex* out) {
    const unsigned taken = static_cast<unsigned>(std::min<size_t>(count_ - at_, left_));
    MemberIndex* whole = out - at_;
    for (unsigned i = 0; i <= kLinePoints; ++i) whole[i] = line_->members[i] & ~kPlain;
    left_ -= taken;
    next_line();
    return taken;
  }
  bool over() const { return left_ == 0; }

 private:
  // Nothing here lets a pointer to the cursor out, so that its fields stay in registers.
  [[gnu::always_inline]] void next_line() {
    const bool plain = !spills(*line_) && !ring_.moving();
    if (!plain) [[unlikely]] {
      const bool spill = spills(*line_);
      const Line* next = ring_.line_after(*line_, main_);
      if (!spill) main_ = next;
      return enter(next);
    }
    ++main_;
    if (main_ == end_) main_ = ring_.now_.data();
    enter(main_);
  }
  [[gnu::always_inline]] void enter(const Line* line) {
    line_ = line;
    at_ = 0;
    count_ = count(*line);
  }

  const LineRing& ring_;
  const Line* line_;
  const Line* main_;  // the line whose spill line_ is, or itself
  const Line* end_;   // of the new array
  unsigned at_;
  unsigned count_;
  size_t left_;
};

inline LineRing::Cursor::Cursor(const LineRing& ring, Position from)
    : ring_(ring),
      line_(&ring.find(from)),
      main_(line_),
      end_(ring.now_.data() + ring.now_.size()),
      left_(ring.size_) {
  // A walk of a few members reads the next lines too: they are asked for with the first.
  for (int i = 1; i < 4; ++i) __builtin_prefetch(line_ + i);
  at_ = before(*line_, from);
  count_ = count(*line_);
  while (at_ == kLinePoints && spills(*line_)) {
    enter(&ring.spill_[number(*line_)]);
    at_ = before(*line_, from);
  }
  at_ = std::min(at_, count_);
}

template <typename Visit>
void LineRing::for_each(Visit visit) const {
  if (size_ == 0) return;
  Cursor cursor(*this, 0);
  for (Vnode vnode; cursor.next(vnode);) visit(vnode);
}

}  // namespace phoenix::ring
