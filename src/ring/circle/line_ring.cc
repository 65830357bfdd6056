#include "ring/circle/line_ring.h"

#include <utility>

namespace phoenix::ring {

namespace {

// V-nodes a line, in tenths: after a change of the number of lines, and when that is due. A line
// with three of seven places in use leaves one in a hundred to spill.
constexpr size_t kAimed = 33;
constexpr size_t kMost = 37;
constexpr size_t kLeast = 30;
constexpr size_t kFewLines = 4;

// Moves of lines for each change while it moves: it is over before the next one is due.
constexpr size_t kMovesPerChange = 6;
// Smaller rings move at once, in two milliseconds.
constexpr size_t kMoveAtOnce = size_t{1} << 16;

// Parts of the ring that are built one after the other: by the highest bits.
constexpr unsigned kPartShift = 32 - kScatterBits;

// How many changes ahead memory is asked for.
constexpr size_t kAhead = 6;

// What stands in a place that is not used.
Vnode none(MemberIndex next) { return {~Position{0}, next}; }

size_t lines_for(size_t vnodes) { return std::max(vnodes * 10 / kAimed, kFewLines); }

}  // namespace

void LineRing::clear() {
  old_ = LineArray();
  now_ = LineArray(kFewLines);
  frontier_ = kWholeRing;
  filled_ = kFewLines;
  size_ = 0;
  spill_ = {};
  free_spill_ = {};
  for (size_t i = 0; i < kFewLines; ++i) write(now_.data()[i], {}, 0);
}

// --- lookups ---

MemberIndex LineRing::owner_elsewhere(Position position) const {
  const Line* line = &find(position);
  while (true) {
    const uint32_t word = line->members[before(*line, position)];
    if ((word & kPlain) != 0) return word & ~kPlain;
    line = &spill_[word];
  }
}

void LineRing::owners(std::span<const Position> positions, std::span<MemberIndex> out) const {
  constexpr size_t kBatch = 16;
  for (size_t from = 0; from < positions.size(); from += kBatch) {
    const size_t to = std::min(from + kBatch, positions.size());
    for (size_t i = from; i < to; ++i) __builtin_prefetch(&find(positions[i]));
    for (size_t i = from; i < to; ++i) out[i] = owner(positions[i]);
  }
}

const Line* LineRing::line_after(const Line& line, const Line* main) const {
  if (spills(line)) return &spill_[number(line)];
  const Line* now = now_.data();
  const Line* old = old_.data();
  ++main;
  if (!moving()) return main == now + now_.size() ? now : main;
  const Line* rest = old + line_of(static_cast<Position>(frontier_), old_.size());
  if (main == now + filled_) return rest;
  if (main != old + old_.size()) return main;
  return filled_ > 0 ? now : rest;
}

// --- lines ---

// How many of a line's v-nodes are before this one.
unsigned LineRing::rank(const Line& line, const Vnode& vnode) const {
  unsigned at = before(line, vnode.position);
  const unsigned end = count(line);
  while (at < end && line.positions[at] == stored(vnode.position) &&
         roster_.before(vnode_at(line, at), vnode)) {
    ++at;
  }
  return std::min(at, end);
}

void LineRing::read(const Line& first, std::vector<Vnode>& out) const {
  for (const Line* line = &first;; line = &spill_[number(*line)]) {
    for (unsigned i = 0; i < count(*line); ++i) {
      out.push_back(vnode_at(*line, i));
    }
    if (!spills(*line)) return;
  }
}

MemberIndex LineRing::next_of(const Line& first) const {
  const Line* line = &first;
  while (spills(*line)) line = &spill_[number(*line)];
  return number(*line);
}

// In place of what the line has, its spills included. What comes behind stays the same.
void LineRing::rewrite(Line& line, std::span<const Vnode> vnodes) {
  const MemberIndex next = next_of(line);
  free_spills(line);
  write(line, vnodes, next);
}

// Into a line without spills.
void LineRing::write(Line& first, std::span<const Vnode> vnodes, MemberIndex next) {
  Line* line = &first;
  while (true) {
    const size_t here = std::min<size_t>(vnodes.size(), kLinePoints);
    const bool spill = vnodes.size() > kLinePoints;
    for (unsigned i = 0; i <= kLinePoints; ++i) put_at(*line, i, i < here ? vnodes[i] : none(next));
    set_count(*line, static_cast<unsigned>(here));
    if (!spill) return;
    // Taking one may move them all.
    const bool inside = line != &first;
    const size_t own = inside ? static_cast<size_t>(line - spill_.data()) : 0;
    const uint32_t more = take_spill();
    if (inside) line = &spill_[own];
    line->members[kLinePoints] = more;
    line = &spill_[more];
    vnodes = vnodes.subspan(here);
  }
}

void LineRing::set_next(Line& first, MemberIndex next) {
  Line* line = &first;
  while (spills(*line)) line = &spill_[number(*line)];
  for (unsigned i = count(*line); i <= kLinePoints; ++i) line->members[i] = next | kPlain;
}

LineRing::Place LineRing::place_of(Position position) const {
  const bool old = position >= frontier_;
  return {old, line_of(position, old ? old_.size() : now_.size())};
}

LineRing::Place LineRing::previous(Place place) const {
  if (place.old && place.at > line_of(static_cast<Position>(frontier_), old_.size())) {
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
  } while (count(line(place)) == 0 && --most > 0);
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
    while (spills(*line)) {
      packed.push_back(spill_[number(*line)]);
      line->members[kLinePoints] = static_cast<uint32_t>(packed.size() - 1);
      line = &packed.back();
    }
  }
  spill_ = std::move(packed);
  free_spill_ = {};
}

void LineRing::free_spills(const Line& first) {
  for (const Line* line = &first; spills(*line); line = &spill_[number(*line)]) {
    free_spill_.push_back(number(*line));
  }
}

// --- changes ---

void LineRing::insert_there(const Vnode& vnode) {
  const Place place = place_of(vnode.position);
  Line& here = line(place);
  const unsigned used = count(here);
  bool is_first = true;
  if (used < kLinePoints) {
    const unsigned at = rank(here, vnode);
    for (unsigned i = used; i > at; --i) {
      here.positions[i] = here.positions[i - 1];
      here.members[i] = here.members[i - 1];
    }
    put_at(here, at, vnode);
    set_count(here, used + 1);
    is_first = at == 0;
  } else {
    scratch_.clear();
    read(here, scratch_);
    const auto at = std::find_if(scratch_.begin(), scratch_.end(),
                                 [&](const Vnode& other) { return !roster_.before(other, vnode); });
    is_first = at == scratch_.begin();
    scratch_.insert(at, vnode);
    rewrite(here, scratch_);
  }
  if (is_first) tell_previous(place, vnode.member);
}

void LineRing::erase_there(const Vnode& vnode) {
  const Place place = place_of(vnode.position);
  Line& here = line(place);
  bool was_first = false;
  if (!spills(here)) {
    const unsigned used = count(here);
    unsigned at = before(here, vnode.position);
    while (vnode_at(here, at).member != vnode.member) ++at;
    for (unsigned i = at; i + 1 < used; ++i) {
      here.positions[i] = here.positions[i + 1];
      here.members[i] = here.members[i + 1];
    }
    put_at(here, used - 1, none(number(here)));
    set_count(here, used - 1);
    was_first = at == 0;
  } else {
    scratch_.clear();
    read(here, scratch_);
    const auto at = std::find_if(scratch_.begin(), scratch_.end(), [&](const Vnode& other) {
      return other.position == vnode.position && other.member == vnode.member;
    });
    was_first = at == scratch_.begin();
    scratch_.erase(at);
    rewrite(here, scratch_);
  }
  if (was_first) tell_previous(place, vnode_at(here, 0).member);
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
  if (size_ * 10 < lines * kLeast && lines > kFewLines) start_moving(lines_for(size_));
}

void LineRing::start_moving(size_t lines) {
  if (lines == now_.size()) return;
  old_ = std::move(now_);
  now_ = LineArray(lines);
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
  const uint64_t limit = start_of(filled_ + 1, now_.size());
  const size_t first = line_of(static_cast<Position>(frontier_), old_.size());
  const size_t last = line_of(static_cast<Position>(limit - 1), old_.size());
  scratch_.clear();
  for (size_t at = first; at <= last; ++at) {
    read(old_.data()[at], scratch_);
    if (at < last) free_spills(old_.data()[at]);
  }
  Line& cut = old_.data()[last];
  const MemberIndex behind = next_of(cut);
  const auto rest = std::partition_point(scratch_.begin(), scratch_.end(),
                                         [&](const Vnode& v) { return v.position < limit; });
  const auto taken = static_cast<size_t>(rest - scratch_.begin());
  const std::span<const Vnode> all(scratch_);
  rewrite(cut, all.subspan(taken));
  const MemberIndex next = taken < all.size() ? all[taken].member : behind;
  write(now_.data()[filled_], all.first(taken), next);
  ++filled_;
  frontier_ = limit;
  if (moving()) return old_.drop_front(last);
  old_ = LineArray();
  if (now_.size() <= kMoveAtOnce) pack_spills();
}

// --- all at once ---

// False: the line is full. Its unused places hold nothing yet.
bool LineRing::put(const Vnode& vnode) {
  Line& here = now_.data()[line_of(vnode.position, now_.size())];
  const unsigned used = count(here);
  if (used == kLinePoints) return false;
  unsigned at = used;
  for (; at > 0; --at) {
    const Vnode other = vnode_at(here, at - 1);
    if (!roster_.before(vnode, other)) break;
    put_at(here, at, other);
  }
  put_at(here, at, vnode);
  set_count(here, used + 1);
  return true;
}

// Gives a line's unused places what they are to hold; `next` becomes the line's first, if any.
void LineRing::finish(Line& line, MemberIndex& next) {
  const unsigned used = count(line);
  for (unsigned at = used; at <= kLinePoints; ++at) put_at(line, at, none(next));
  set_count(line, used);
  if (used > 0) next = vnode_at(line, 0).member;
}

void LineRing::build(std::vector<Vnode> vnodes) {
  clear();
  if (vnodes.empty()) return;
  const std::vector<uint32_t> ends = scatter(vnodes, kPartShift);
  now_ = LineArray(lines_for(vnodes.size()));
  filled_ = now_.size();
  size_ = vnodes.size();
  Line* lines = now_.data();
  std::vector<Vnode> left;
  // From the last part to the first, as each line wants to know what comes behind it: so it is
  // finished while it is in the cache.
  MemberIndex next = 0;
  size_t unfinished = filled_;
  for (size_t part = ends.size(); part-- > 0;) {
    for (size_t i = part == 0 ? 0 : ends[part - 1]; i < ends[part]; ++i) {
      if (!put(vnodes[i])) left.push_back(vnodes[i]);
    }
    const auto start = static_cast<Position>(part << kPartShift);
    const size_t stop = part == 0 ? 0 : line_of(start, filled_) + 1;
    while (unfinished > stop) finish(lines[--unfinished], next);
  }
  // Behind the last v-node comes the first.
  for (size_t i = filled_; i > 0; --i) {
    Line& line = lines[i - 1];
    MemberIndex first = next;
    finish(line, first);
    if (count(line) > 0) break;
  }
  for (const Vnode& vnode : left) insert_there(vnode);
}

size_t LineRing::bytes() const {
  return now_.bytes(filled_) + old_.bytes(old_.size()) + spill_.capacity() * sizeof(Line) +
         free_spill_.capacity() * sizeof(uint32_t) + scratch_.capacity() * sizeof(Vnode);
}

}  // namespace phoenix::ring
