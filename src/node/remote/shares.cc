#include "node/remote/shares.h"

#include <algorithm>

namespace phoenix {
namespace {

// Who left room unused is offered none for so long.
constexpr Duration kSated = seconds(1);
// How often one unit of room goes from who has most to who has least.
constexpr Duration kEven = milliseconds(200);

}  // namespace

uint32_t Shares::of(const HostLife& keeper) const {
  for (const Part& part : parts_) {
    if (part.keeper == keeper) return part.share;
  }
  return 0;
}

bool Shares::over() const {
  return std::count_if(parts_.begin(), parts_.end(),
                       [&](const Part& part) { return part.sated <= now_; }) < 2;
}

void Shares::turn(uint32_t most, const std::vector<Holding>& holdings, Instant now) {
  most_ = most;
  now_ = now;
  match(holdings);
  saw(holdings);
  pass_on();
  even_out();
  for (Part& part : parts_) {
    part.idle = part.share - std::min(part.share, part.peak);
    part.peak = part.held;
  }
}

// Who has taken something wants room. Room that is nobody's is given away.
void Shares::saw(const std::vector<Holding>& holdings) {
  for (const auto& [keeper, held] : holdings) {
    for (Part& part : parts_) {
      if (part.keeper != keeper) continue;
      if (held > part.held) part.sated = {};
      part.held = held;
      part.peak = std::max(part.peak, held);
    }
  }
  uint64_t given = 0;
  for (const Part& part : parts_) given += std::max(part.share, part.held);
  if (given < most_) {
    give(static_cast<uint32_t>(most_ - given), parts_.size());
  } else if (given > most_) {
    // It has less room than it had.
    for (Part& part : parts_) part.share = std::min(part.share, part.held);
  }
}

// Hosts come and go.
void Shares::match(const std::vector<Holding>& holdings) {
  std::vector<Part> parts;
  for (const auto& [keeper, held] : holdings) {
    const auto known = std::find_if(parts_.begin(), parts_.end(),
                                    [&](const Part& part) { return part.keeper == keeper; });
    parts.push_back(known == parts_.end() ? Part{.keeper = keeper, .share = held} : *known);
  }
  parts_ = std::move(parts);
  if (next_ >= parts_.size()) next_ = 0;
}

// What was unused for two turns.
void Shares::pass_on() {
  for (size_t i = 0; i < parts_.size(); ++i) {
    Part& part = parts_[i];
    const uint32_t idle = std::min(part.idle, part.share - std::min(part.share, part.peak));
    if (idle == 0) continue;
    part.share -= idle;
    part.sated = now_ + kSated;
    give(idle, i);
  }
}

// One unit, once it is free: then it is room that is nobody's.
void Shares::even_out() {
  if (now_ < even_at_) return;
  const auto most = std::max_element(
      parts_.begin(), parts_.end(), [](const Part& a, const Part& b) { return a.share < b.share; });
  if (most == parts_.end() || most->share == 0) return;
  const auto from = static_cast<size_t>(most - parts_.begin());
  const size_t to = neediest(from);
  if (to == parts_.size()) return;
  const uint32_t least = parts_[to].share;
  if (most->share < least + 2 && least > 0) return;
  --most->share;
  even_at_ = now_ + kEven;
  next_ = to;
}

size_t Shares::neediest(size_t but) const {
  size_t best = parts_.size();
  for (size_t step = 0; step < parts_.size(); ++step) {
    const size_t i = (next_ + step) % parts_.size();
    if (i == but || parts_[i].sated > now_) continue;
    if (best == parts_.size() || parts_[i].share < parts_[best].share) best = i;
  }
  return best;
}

// In portions, so that nobody gets more than others who want some as well. If nobody wants it, it
// is who comes next that may have it.
void Shares::give(uint32_t load, size_t but) {
  if (parts_.empty()) return;
  const auto wanting =
      static_cast<uint32_t>(std::count_if(parts_.begin(), parts_.end(), [&](const Part& part) {
        return part.sated <= now_ && &part != parts_.data() + but;
      }));
  while (load > 0) {
    const size_t neediest_now = neediest(but);
    const bool wanted = neediest_now < parts_.size();
    const size_t to = wanted ? neediest_now : next_;
    const uint32_t portion = wanted ? std::max(load / wanting, 1U) : load;
    parts_[to].share += portion;
    load -= portion;
    next_ = (to + 1) % parts_.size();
  }
}

}  // namespace phoenix
