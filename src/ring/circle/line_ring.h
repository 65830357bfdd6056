// All v-nodes of a ring in the order (position, namespace, id), equal positions kept, in lines of
// 64 bytes: the ring is cut into equal arcs, one line each, about five v-nodes in ten places. So a
// lookup reads one cache line, a join or leave writes one per v-node, and the next owner is known
// even where the line has no more.
//
// What does not fit goes on in spill lines, each full but the last. The number of lines follows the
// number of v-nodes within a tenth; large rings move to their new array a few lines per change,
// both arrays in use meanwhile: before `frontier_` the new one, from there on the old one. Nothing
// but the time of a change tells.
//
// Queries are const and may run in several threads while nothing changes it. For fewer than 2^23
// members and 2^31 v-nodes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "ring/catalogue/members.h"
#include "ring/circle/line.h"
#include "ring/circle/line_array.h"

namespace phoenix::ring {

class LineRing {
 public:
  // The members give the order of equal positions; needed for changes only.
  explicit LineRing(const Members& members) : members_(members) { clear(); }

  // In place of all that it has. Any order.
  void build(std::span<const Vnode> vnodes);
  void insert(std::span<const Vnode> vnodes);
  // Requires: all are there. Of several equal ones as many go.
  void erase(std::span<const Vnode> vnodes);
  void clear();

  size_t size() const { return size_; }
  // How many lines there are, spills not counted.
  size_t lines() const { return now_.size(); }
  size_t bytes() const;

  // The member of the first v-node at or after a position. Requires: not empty.
  MemberIndex owner(Position position) const;
  // The same of many, `out` as long as `positions`: their reads overlap.
  void owners(std::span<const Position> positions, std::span<MemberIndex> out) const;

  // What first() will read, soon.
  void ask_for(Position from) const {
    const Line* const line = now_.data() + (uint64_t{from} * now_.size() >> 32);
    for (int i = 0; i < 3; ++i) __builtin_prefetch(line + i);
  }
  // The members of the v-nodes from the first at or after a point on, at least so many and perhaps
  // a few more; or none, if there are not so many, or `out` might be too short. For walks that are
  // short: a cursor goes on for as long as there is anything. Into `out`, where more is
  // overwritten.
  static constexpr size_t kFirst = 64;
  // V-nodes a line after a change of the number of lines, in tenths.
  static constexpr size_t kAimed = 50;
  std::span<const MemberIndex> first(Position from, size_t wanted,
                                     std::span<MemberIndex, kFirst> out) const;

  // Of members that have other capabilities now: all of their v-nodes.
  void mark(std::span<const Vnode> vnodes);
  // True while lines are in two arrays.
  bool moving() const { return frontier_ != kWholeRing; }
  // A turn that passes over lines without the capabilities sought: circle/line_search.h.
  class Search;

  // One turn clockwise from the first v-node at or after a point. Changes invalidate it.
  class Cursor;

  // Every v-node in order.
  template <typename Visit>
  void for_each(Visit visit) const;

 private:
  // A line of either array.
  struct Place {
    bool old;
    size_t at;
  };
  const Line& find(Position position) const {
    if (position < frontier_) [[likely]]
      return now_.data()[Arc::number_of(position, now_.size())];
    return old_.data()[Arc::number_of(position, old_.size())];
  }
  Place place_of(Position position) const;
  Arc arc_of(Place place) const { return {place.at, (place.old ? old_ : now_).size()}; }
  Place place_of(const Line* main) const;
  Line& line(Place place) { return (place.old ? old_ : now_).data()[place.at]; }
  uint64_t& mask(Place place) { return (place.old ? old_ : now_).masks()[place.at]; }
  uint64_t mask_of(const Line& first) const;
  Place previous(Place place) const;

  void set_now(size_t lines);

  MemberIndex owner_at(uint64_t product, Position position) const;
  // Leaves the caller its registers, so that owner() costs no more for having this way out.
  [[clang::preserve_most]] MemberIndex owner_elsewhere(Position position) const;
  // The same wherever they are: in spills, in two arrays, at the end and the beginning of one.
  [[gnu::noinline]] std::span<const MemberIndex> first_elsewhere(
      Position from, size_t wanted, std::span<MemberIndex, kFirst> out) const;
  // The spill of a line, or the line behind `main`, which is not a spill.
  const Line* line_after(const Line& line, const Line* main) const;
  unsigned rank(const Line& line, uint32_t lies, MemberIndex member) const;
  void read(const Line& line, Arc arc, std::vector<Vnode>& out) const;
  MemberIndex next_of(const Line& line) const;
  void rewrite(Line& line, size_t lines, std::span<const Vnode> vnodes);
  void write(Line& line, size_t lines, std::span<const Vnode> vnodes, MemberIndex next);
  void set_next(Line& line, MemberIndex next);
  void tell_previous(Place place, MemberIndex first);
  uint32_t take_spill();
  void free_spills(const Line& line);
  void pack_spills();

  void insert_there(const Vnode& vnode);
  void erase_there(const Vnode& vnode);
  void fit();
  void start_moving(size_t lines);
  void move_lines(size_t count);
  void move_line();

  static constexpr uint64_t kWholeRing = uint64_t{1} << 32;

  const Members& members_;
  LineArray now_;
  LineArray old_;
  uint64_t frontier_ = kWholeRing;
  size_t filled_ = 0;  // lines of now_ in use
  size_t size_ = 0;
  bool exact_ = false;  // so many lines that no two v-nodes share a place but by their position
  std::vector<Line> spill_;
  std::vector<uint32_t> free_spill_;
  std::vector<Vnode> scratch_;
};

inline MemberIndex LineRing::owner(Position position) const {
  return owner_at(uint64_t{position} * now_.size(), position);
}

// The product is of the position and the number of lines, as an arc's number and the place in it
// are its two halves.
inline MemberIndex LineRing::owner_at(uint64_t product, Position position) const {
  const Line& line = now_.data()[product >> 32];
  const int16_t place = Line::place_of(static_cast<uint32_t>(product) >> 8);
  const unsigned at = line.before(place);
  // A wrong guess of a branch that depends on what was read would cost all the reads that are under
  // way, so these ask for the rarest things: a spill or a line not in use yet, and in small rings
  // v-nodes that their places alone do not tell from the position.
  const uint32_t word = line.word(at);
  if ((word & Line::kPlain) == 0) [[unlikely]]
    return owner_elsewhere(position);
  if (!exact_ && line.agrees(at, place)) [[unlikely]]
    return owner_elsewhere(position);
  return word & ~Line::kPlain;
}

[[gnu::always_inline]] inline std::span<const MemberIndex> LineRing::first(
    Position from, size_t wanted, std::span<MemberIndex, kFirst> out) const {
  // The last line begins where at least one more fits, and whole lines are copied: so the first's
  // v-nodes that are before the point stand before `start`.
  MemberIndex* const start = out.data() + kLinePoints;
  if (wanted + 3 * Line::kCopied > kFirst || wanted > size_) [[unlikely]]
    return {};
  const uint64_t product = uint64_t{from} * now_.size();
  const Line* line = now_.data() + (product >> 32);
  const Line* const end = now_.data() + now_.size();
  // As many lines as it takes nearly always: where the number of them followed from what they hold,
  // it would be guessed wrong every other time, and nothing behind it could begin before they came.
  const size_t usual = std::min<size_t>(wanted / (kAimed / 10) + 2, kFirst / kLinePoints - 1);
  if (static_cast<size_t>(end - line) < usual || moving()) [[unlikely]]
    return first_elsewhere(from, wanted, out);
  const uint32_t lies = static_cast<uint32_t>(product) >> 8;
  unsigned before = line->before(Line::place_of(lies));
  if (line->agrees(before, Line::place_of(lies))) [[unlikely]]
    before = line->rank(lies);
  MemberIndex* to = start - before;
  const auto take = [&](const Line& one) {
    one.copy_members(to);
    to += one.count;
    return !one.spills();
  };
  for (const Line* const stop = line + usual; line < stop; ++line) {
    if (!take(*line)) [[unlikely]]
      return first_elsewhere(from, wanted, out);
  }
  for (; to < start + wanted; ++line) {
    if (line == end || !take(*line)) [[unlikely]]
      return first_elsewhere(from, wanted, out);
  }
  return {start, to};
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
    out = {ring_.arc_of(ring_.place_of(main_)).position(line_->lies(at_)), line_->member(at_)};
    ++at_;
    return true;
  }

  // The members of the next v-nodes, as far as this line has them: 0 to 10. Whole lines are copied,
  // so `out` has Line::kCopied places before and behind it that may be overwritten. Requires: not
  // over().
  [[gnu::always_inline]] unsigned take(MemberIndex* out) {
    const unsigned taken = static_cast<unsigned>(std::min<size_t>(count_ - at_, left_));
    line_->copy_members(out - at_);
    left_ -= taken;
    next_line();
    return taken;
  }
  bool over() const { return left_ == 0; }
  static uint64_t passed() { return 0; }  // it reads all lines

 private:
  // Nothing here lets a pointer to the cursor out, so that its fields stay in registers.
  [[gnu::always_inline]] void next_line() {
    const bool plain = !line_->spills() && !ring_.moving();
    if (!plain) [[unlikely]] {
      const bool spill = line_->spills();
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
    count_ = line->count;
  }

  const LineRing& ring_;
  const Line* line_;
  const Line* main_;  // the line whose spill line_ is, or itself
  const Line* end_;   // of the new array
  unsigned at_;
  unsigned count_;
  size_t left_;
};

inline LineRing::Place LineRing::place_of(Position position) const {
  const bool old = position >= frontier_;
  return {old, Arc::number_of(position, old ? old_.size() : now_.size())};
}

inline LineRing::Place LineRing::place_of(const Line* main) const {
  const auto at = static_cast<size_t>(main - now_.data());
  if (main >= now_.data() && at < now_.size()) return {false, at};
  return {true, static_cast<size_t>(main - old_.data())};
}

inline LineRing::Cursor::Cursor(const LineRing& ring, Position from)
    : ring_(ring),
      line_(&ring.find(from)),
      main_(line_),
      end_(ring.now_.data() + ring.now_.size()),
      at_(0),
      count_(0),
      left_(ring.size_) {
  // A walk of a few members reads the next lines too: they are asked for with the first.
  for (int i = 1; i < 4; ++i) __builtin_prefetch(line_ + i);
  const uint32_t lies = Arc::lies(from, ring.arc_of(ring.place_of(from)).lines);
  enter(line_);
  at_ = line_->rank(lies);
  while (at_ == kLinePoints && line_->spills()) {
    enter(&ring.spill_[line_->number()]);
    at_ = line_->rank(lies);
  }
}

template <typename Visit>
void LineRing::for_each(Visit visit) const {
  if (size_ == 0) return;
  Cursor cursor(*this, 0);
  for (Vnode vnode; cursor.next(vnode);) visit(vnode);
}

}  // namespace phoenix::ring
