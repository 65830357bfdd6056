#include "node/remote/shares.h"

#include <algorithm>
#include <utility>

namespace phoenix {
namespace {

// Who left room unused is offered none for so long; longer among many keepers, of whom each is
// offered some in turn: the first must not want some again before the last has left it unused.
constexpr Duration kSated = seconds(1);
constexpr int64_t kTurnsEach = 3;
// Who has not answered by then is cut off: what it has given will not come soon either.
constexpr Duration kAnswerWithin = milliseconds(500);
// How often one unit of room goes from who has most to who has least.
constexpr Duration kEven = milliseconds(200);

}  // namespace

// What is its of the room, for all that may be known.
uint32_t Shares::Part::taken() const {
  return std::max({share, held, given, asks > 0 || to_ask ? bound : 0U});
}

bool Shares::Part::wants(Instant now) const { return sated <= now && !doubted; }

Shares::Part* Shares::find(const HostLife& keeper) {
  const auto it = std::find_if(
      parts_.begin(), parts_.end(),
      // Lives differ nearly always, and cost less to compare than names.
      [&](const Part& part) { return part.keeper.life == keeper.life && part.keeper == keeper; });
  return it == parts_.end() ? nullptr : &*it;
}

uint32_t Shares::of(const HostLife& keeper) const {
  const Part* const part = const_cast<Shares*>(this)->find(keeper);
  return part == nullptr ? 0 : part->share;
}

bool Shares::over() const {
  return std::count_if(parts_.begin(), parts_.end(),
                       [&](const Part& part) { return part.sated <= now_; }) < 2;
}

void Shares::turn(uint32_t most, const std::vector<Holding>& holdings, Instant now) {
  most_ = most;
  now_ = now;
  match(holdings);
  forget_late();
  saw(holdings);
  pass_on();
  even_out();
  for (Part& part : parts_) {
    part.idle = part.share - std::min(part.share, std::max(part.peak, part.given));
    part.peak = part.held;
  }
}

// Who has taken something wants room. Room that is nobody's is given away.
void Shares::saw(const std::vector<Holding>& holdings) {
  for (const auto& [keeper, held] : holdings) {
    Part* const part = find(keeper);
    if (part == nullptr) continue;
    if (held > part->held) {
      part->sated = {};
      part->doubted = false;
    }
    part->held = held;
    part->peak = std::max(part->peak, held);
    if (held >= part->given) part->given = 0;
  }
  shrink();
  hand_out();
}

std::vector<HostLife> Shares::to_ask() {
  std::vector<HostLife> keepers;
  for (Part& part : parts_) {
    if (!std::exchange(part.to_ask, false)) continue;
    ++part.asks;
    part.asked_at = now_;
    keepers.push_back(part.keeper);
  }
  return keepers;
}

// Who has given something that is not here yet uses its share, as far as there is room for that.
void Shares::answered(const HostLife& keeper, uint32_t given, Instant now) {
  Part* const part = find(keeper);
  if (part == nullptr) return;
  now_ = std::max(now_, now);
  if (part->asks > 0) --part->asks;
  if (given <= part->held) {
    sate(*part);
  } else {
    part->doubted = false;
    part->given = given;
    part->given_at = now;
    part->sated = {};
    uint64_t others = 0;
    for (const Part& other : parts_) others += &other == part ? 0 : other.taken();
    const uint64_t room = most_ - std::min<uint64_t>(most_, others);
    const auto wanted = static_cast<uint32_t>(std::min<uint64_t>(given, room));
    part->share = std::max(part->share, wanted);
  }
  hand_out();
}

// Hosts come and go.
void Shares::match(const std::vector<Holding>& holdings) {
  std::vector<Part> parts;
  for (const auto& [keeper, held] : holdings) {
    if (Part* const known = find(keeper)) {
      parts.push_back(std::move(*known));
      continue;
    }
    Part part = {.keeper = keeper, .share = held};
    if (told_) lower(part, held, most_);
    parts.push_back(std::move(part));
  }
  told_ = true;
  parts_ = std::move(parts);
  if (next_ >= parts_.size()) next_ = 0;
}

// bound: what it was told before.
void Shares::lower(Part& part, uint32_t share, uint32_t bound) {
  part.bound = part.asks > 0 || part.to_ask ? std::max(part.bound, bound) : bound;
  part.share = share;
  part.to_ask = true;
}

// An answer, or what was on its way, was lost.
void Shares::forget_late() {
  for (Part& part : parts_) {
    if (part.asks > 0 && part.asked_at + kAnswerWithin <= now_) {
      part.asks = 0;
      sate(part);
    }
    if (part.given > 0 && part.given_at + kPatience <= now_) part.given = 0;
  }
}

// The member has less room than it had.
void Shares::shrink() {
  uint64_t sum = 0;
  for (const Part& part : parts_) sum += std::max(part.share, part.held);
  if (sum <= most_) return;
  for (Part& part : parts_) {
    if (part.share > part.held) lower(part, part.held, part.share);
  }
}

// What was unused for two turns, unless it turns out to be on its way.
void Shares::pass_on() {
  for (Part& part : parts_) {
    const uint32_t used = std::max(part.peak, part.given);
    const uint32_t idle = std::min(part.idle, part.share - std::min(part.share, used));
    if (idle == 0) continue;
    lower(part, part.share - idle, part.share);
    part.doubted = true;
  }
}

// It has nothing on its way that would use the room.
void Shares::sate(Part& part) {
  if (!std::exchange(part.doubted, false)) return;
  part.sated = now_ + std::max(kSated, kTurn * (kTurnsEach * static_cast<int64_t>(parts_.size())));
}

// One unit, once it is free: then it is room that is nobody's.
void Shares::even_out() {
  if (even_at_ == Instant{}) even_at_ = now_ + kEven;
  if (now_ < even_at_) return;
  const auto most = std::max_element(
      parts_.begin(), parts_.end(), [](const Part& a, const Part& b) { return a.share < b.share; });
  if (most == parts_.end() || most->share == 0) return;
  const auto from = static_cast<size_t>(most - parts_.begin());
  const size_t to = neediest(from);
  if (to == parts_.size()) return;
  const uint32_t least = parts_[to].share;
  if (most->share < least + 2 && least > 0) return;
  lower(*most, most->share - 1, most->share);
  even_at_ = now_ + kEven;
  next_ = to;
}

size_t Shares::neediest(size_t but) const {
  size_t best = parts_.size();
  for (size_t step = 0; step < parts_.size(); ++step) {
    const size_t i = (next_ + step) % parts_.size();
    if (i == but || !parts_[i].wants(now_)) continue;
    if (best == parts_.size() || parts_[i].share < parts_[best].share) best = i;
  }
  return best;
}

// What is nobody's, in portions, so that nobody gets more than others who want some as well. If
// nobody wants it, it is who comes next that may have it.
void Shares::hand_out() {
  uint64_t taken = 0;
  for (const Part& part : parts_) taken += part.taken();
  if (parts_.empty() || taken >= most_) return;
  auto load = static_cast<uint32_t>(most_ - taken);
  const auto wanting = static_cast<uint32_t>(std::count_if(
      parts_.begin(), parts_.end(), [&](const Part& part) { return part.wants(now_); }));
  while (load > 0) {
    const size_t neediest_now = neediest(parts_.size());
    const bool wanted = neediest_now < parts_.size();
    Part& part = parts_[wanted ? neediest_now : next_];
    next_ = (static_cast<size_t>(&part - parts_.data()) + 1) % parts_.size();
    const uint32_t portion = wanted ? std::max(load / wanting, 1U) : load;
    part.share = std::max(part.taken(), part.share) + portion;
    load -= portion;
  }
}

}  // namespace phoenix
