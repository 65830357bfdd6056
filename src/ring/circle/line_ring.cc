#include "ring/circle/line_ring.h"

#include <array>
#include <utility>

#include "ring/circle/line_build.h"

namespace phoenix::ring {

namespace {

// V-nodes a line, in tenths: after a change of the number of lines, and when that is due. Of lines
// with five of ten places in use one in seventy spills.
constexpr size_t kAimed = LineRing::kAimed;
constexpr size_t kMost = 56;
constexpr size_t kLeast = 45;

// Moves of lines for each change while it moves: it is over before the next one is due.
constexpr size_t kMovesPerChange = 6;
// Smaller rings move at once, in a few milliseconds.
constexpr size_t kMoveAtOnce = size_t{1} << 16;

// How many changes ahead memory is asked for.
constexpr size_t kAhead = 6;

size_t lines_for(size_t vnodes) { return std::max(vnodes * 10 / kAimed, kFewestLines); }

}  // namespace

void LineRing::clear() {
  old_ = LineArray();
  set_now(kFewestLines);
  frontier_ = kWholeRing;
  filled_ = kFewestLines;
  size_ = 0;
  spill_ = {};
  free_spill_ = {};
  for (size_t i = 0; i < kFewestLines; ++i) now_.data()[i].set_next(0, 0);
}

void LineRing::set_now(size_t lines) {
  now_ = LineArray(lines);
  exact_ = lines >= kExactLines;
}

// --- lookups ---

MemberIndex LineRing::owner_elsewhere(Position position) const {
  const Place place = place_of(position);
  const uint32_t lies = Arc::lies(position, arc_of(place).lines);
  const Line* line = &find(position);
  while (true) {
    const uint32_t word = line->word(line->rank(lies));
    if ((word & Line::kPlain) != 0) return word & ~Line::kPlain;
    line = &spill_[word];
  }
}

void LineRing::owners(std::span<const Position> positions, std::span<MemberIndex> out) const {
  constexpr size_t kBatch = 16;
  const Line* const lines = now_.data();
  const size_t size = now_.size();
  std::array<uint64_t, kBatch> products;
  for (size_t from = 0; from < positions.size(); from += kBatch) {
    const size_t count = std::min(kBatch, positions.size() - from);
    const Position* const at = positions.data() + from;
    // While it moves, some of these lines are not in use yet, and asked for in vain.
    for (size_t i = 0; i < count; ++i) {
      products[i] = uint64_t{at[i]} * size;
      __builtin_prefetch(lines + (products[i] >> 32));
    }
    for (size_t i = 0; i < count; ++i) out[from + i] = owner_at(products[i], at[i]);
  }
}

std::span<const MemberIndex> LineRing::first_elsewhere(Position from, size_t wanted,
                                                       std::span<MemberIndex, kFirst> out) const {
  MemberIndex* const start = out.data() + Line::kCopied;
  MemberIndex* to = start;
  Cursor cursor(*this, from);
  while (to < start + wanted) to += cursor.take(to);
  return {start, to};
}

const Line* LineRing::line_after(const Line& line, const Line* main) const {
  if (line.spills()) return &spill_[line.number()];
  const Line* now = now_.data();
  const Line* old = old_.data();
  ++main;
  if (!moving()) return main == now + now_.size() ? now : main;
  const Line* rest = old + Arc::number_of(static_cast<Position>(frontier_), old_.size());
  if (main == now + filled_) return rest;
  if (main != old + old_.size()) return main;
  return filled_ > 0 ? now : rest;
}

// --- lines ---

// How many of a line's v-nodes are before this one.
unsigned LineRing::rank(const Line& line, uint32_t lies, MemberIndex member) const {
  unsigned at = line.rank(lies);
  while (at < line.count && line.lies(at) == lies && line.member(at) != member &&
         members_.before(line.member(at), member)) {
    ++at;
  }
  return at;
}

void LineRing::read(const Line& first, Arc arc, std::vector<Vnode>& out) const {
  for (const Line* line = &first;; line = &spill_[line->number()]) {
    for (unsigned i = 0; i < line->count; ++i) {
      out.push_back({arc.position(line->lies(i)), line->member(i)});
    }
    if (!line->spills()) return;
  }
}

MemberIndex LineRing::next_of(const Line& first) const {
  const Line* line = &first;
  while (line->spills()) line = &spill_[line->number()];
  return line->number();
}

// In place of what the line has, its spills included. What comes behind stays the same.
void LineRing::rewrite(Line& line, size_t lines, std::span<const Vnode> vnodes) {
  const MemberIndex next = next_of(line);
  free_spills(line);
  write(line, lines, vnodes, next);
}

// Into a line without spills, of so many of its array.
void LineRing::write(Line& first, size_t lines, std::span<const Vnode> vnodes, MemberIndex next) {
  Line* line = &first;
  while (true) {
    const auto here = static_cast<unsigned>(std::min<size_t>(vnodes.size(), kLinePoints));
    const bool spill = vnodes.size() > kLinePoints;
    for (unsigned i = 0; i < here; ++i) {
      line->put(i, Arc::lies(vnodes[i].position, lines), vnodes[i].member);
    }
    line->count = static_cast<uint8_t>(here);
    line->set_next(here, next);
    if (!spill) return;
    // Taking one may move them all.
    const bool inside = line != &first;
    const size_t own = inside ? static_cast<size_t>(line - spill_.data()) : 0;
    const uint32_t more = take_spill();
    if (inside) line = &spill_[own];
    line->set_word(kLinePoints, more);
    line = &spill_[more];
    vnodes = vnodes.subspan(here);
  }
}

uint64_t LineRing::mask_of(const Line& first) const {
  const uint64_t* signatures = members_.signatures().data();
  uint64_t mask = 0;
  for (const Line* line = &first;; line = &spill_[line->number()]) {
    for (unsigned i = 0; i < line->count; ++i) mask |= signatures[line->member(i)];
    if (!line->spills()) return mask;
  }
}

void LineRing::mark(std::span<const Vnode> vnodes) {
  for (const Vnode& vnode : vnodes) {
    const Place place = place_of(vnode.position);
    mask(place) = mask_of(line(place));
  }
}

void LineRing::set_next(Line& first, MemberIndex next) {
  Line* line = &first;
  while (line->spills()) line = &spill_[line->number()];
  line->set_next(line->count, next);
}

LineRing::Place LineRing::previous(Place place) const {
  if (place.old && place.at > Arc::number_of(static_cast<Position>(frontier_), old_.size())) {
    return {true, place.at - 1};
  }
  if (place.old && filled_ > 0) return {false, filled_ - 1};
  if (!place.old && place.at > 0) return {false, place.at - 1};
  return moving() ? Place{true, old_.size() - 1} : Place{false, now_.size() - 1};
}

// The line's first v-node is another one: those before it, up to one that has any, say so.
void LineRing::tell_previous(Place place, MemberIndex first) {
  size_t most = now_.size() + old_.size();
  do {
    place = previous(place);
    set_next(line(place), first);
  } while (line(place).count == 0 && --most > 0);
}

uint32_t LineRing::take_spill() {
  if (free_spill_.empty()) {
    spill_.emplace_back();
    return static_cast<uint32_t>(spill_.size() - 1);
  }
  const uint32_t number = free_spill_.back();
  free_spill_.pop_back();
  return number;
}

// Gives back what a larger ring has left behind.
void LineRing::pack_spills() {
  const size_t used = spill_.size() - free_spill_.size();
  if (spill_.size() < 2 * used + 64) return;
  std::vector<Line> packed;
  packed.reserve(used);
  for (size_t i = 0; i < filled_; ++i) {
    Line* line = &now_.data()[i];
    while (line->spills()) {
      packed.push_back(spill_[line->number()]);
      line->set_word(kLinePoints, static_cast<uint32_t>(packed.size() - 1));
      line = &packed.back();
    }
  }
  spill_ = std::move(packed);
  free_spill_ = {};
}

void LineRing::free_spills(const Line& first) {
  for (const Line* line = &first; line->spills(); line = &spill_[line->number()]) {
    free_spill_.push_back(line->number());
  }
}

// --- changes ---

void LineRing::insert_there(const Vnode& vnode) {
  const Place place = place_of(vnode.position);
  const Arc arc = arc_of(place);
  Line& here = line(place);
  mask(place) |= members_.signatures()[vnode.member];
  bool is_first = true;
  if (here.count < kLinePoints) {
    const uint32_t lies = Arc::lies(vnode.position, arc.lines);
    const unsigned at = rank(here, lies, vnode.member);
    here.open(at);
    here.put(at, lies, vnode.member);
    is_first = at == 0;
  } else {
    scratch_.clear();
    read(here, arc, scratch_);
    const auto at = std::find_if(scratch_.begin(), scratch_.end(), [&](const Vnode& other) {
      return !members_.before(other, vnode);
    });
    is_first = at == scratch_.begin();
    scratch_.insert(at, vnode);
    rewrite(here, arc.lines, scratch_);
  }
  if (is_first) tell_previous(place, vnode.member);
}

void LineRing::erase_there(const Vnode& vnode) {
  const Place place = place_of(vnode.position);
  const Arc arc = arc_of(place);
  Line& here = line(place);
  bool was_first = false;
  if (!here.spills()) {
    unsigned at = here.rank(Arc::lies(vnode.position, arc.lines));
    while (here.member(at) != vnode.member) ++at;
    here.close(at);
    here.set_next(here.count, here.number());
    was_first = at == 0;
  } else {
    scratch_.clear();
    read(here, arc, scratch_);
    const auto at = std::find_if(scratch_.begin(), scratch_.end(), [&](const Vnode& other) {
      return other.position == vnode.position && other.member == vnode.member;
    });
    was_first = at == scratch_.begin();
    scratch_.erase(at);
    rewrite(here, arc.lines, scratch_);
  }
  mask(place) = mask_of(here);
  if (was_first) tell_previous(place, here.member(0));
}

// Each lies somewhere else in memory: what the next ones need is fetched while one is put in.
void LineRing::insert(std::span<const Vnode> vnodes) {
  for (size_t i = 0; i < vnodes.size(); ++i) {
    if (i + kAhead < vnodes.size()) __builtin_prefetch(&find(vnodes[i + kAhead].position), 1);
    insert_there(vnodes[i]);
    ++size_;
    fit();
  }
}

void LineRing::erase(std::span<const Vnode> vnodes) {
  if (vnodes.size() == size_) return clear();
  for (size_t i = 0; i < vnodes.size(); ++i) {
    if (i + kAhead < vnodes.size()) __builtin_prefetch(&find(vnodes[i + kAhead].position), 1);
    erase_there(vnodes[i]);
    --size_;
    fit();
  }
}

// --- the number of lines ---

void LineRing::fit() {
  if (moving()) return move_lines(kMovesPerChange);
  const size_t lines = now_.size();
  if (size_ * 10 > lines * kMost) return start_moving(lines_for(size_));
  if (size_ * 10 < lines * kLeast && lines > kFewestLines) start_moving(lines_for(size_));
}

void LineRing::start_moving(size_t lines) {
  if (lines == now_.size()) return;
  old_ = std::move(now_);
  set_now(lines);
  frontier_ = 0;
  filled_ = 0;
  move_lines(lines <= kMoveAtOnce ? lines : kMovesPerChange);
}

void LineRing::move_lines(size_t count) {
  for (; count > 0 && moving(); --count) move_line();
}

// Fills the next line of the new array from the old one. The order of v-nodes stays as it is, so no
// other line's next changes.
void LineRing::move_line() {
  const uint64_t limit = Arc::start_of(filled_ + 1, now_.size());
  const size_t first = Arc::number_of(static_cast<Position>(frontier_), old_.size());
  const size_t last = Arc::number_of(static_cast<Position>(limit - 1), old_.size());
  scratch_.clear();
  for (size_t at = first; at <= last; ++at) {
    read(old_.data()[at], {at, old_.size()}, scratch_);
    if (at < last) free_spills(old_.data()[at]);
  }
  Line& cut = old_.data()[last];
  const MemberIndex behind = next_of(cut);
  const auto rest = std::partition_point(scratch_.begin(), scratch_.end(),
                                         [&](const Vnode& v) { return v.position < limit; });
  const auto taken = static_cast<size_t>(rest - scratch_.begin());
  const std::span<const Vnode> all(scratch_);
  rewrite(cut, old_.size(), all.subspan(taken));
  const MemberIndex next = taken < all.size() ? all[taken].member : behind;
  write(now_.data()[filled_], now_.size(), all.first(taken), next);
  now_.masks()[filled_] = mask_of(now_.data()[filled_]);
  ++filled_;
  frontier_ = limit;
  if (moving()) return old_.drop_front(last);
  old_ = LineArray();
  if (now_.size() <= kMoveAtOnce) pack_spills();
}

// --- all at once ---

void LineRing::build(std::span<const Vnode> vnodes) {
  clear();
  if (vnodes.empty()) return;
  set_now(lines_for(vnodes.size()));
  filled_ = now_.size();
  size_ = vnodes.size();
  for (const Vnode& vnode : fill_lines(members_, now_, vnodes)) insert_there(vnode);
}

size_t LineRing::bytes() const {
  return now_.bytes(filled_) + old_.bytes(old_.size()) + spill_.capacity() * sizeof(Line) +
         free_spill_.capacity() * sizeof(uint32_t) + scratch_.capacity() * sizeof(Vnode);
}

}  // namespace phoenix::ring
