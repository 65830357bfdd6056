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

std::optional<size_t> place_in(const std::vector<HostLife>& hosts, const HostLife& host) {
  const auto it = std::lower_bound(hosts.begin(), hosts.end(), host);
  if (it == hosts.end() || *it != host) return std::nullopt;
  return static_cast<size_t>(it - hosts.begin());
}

// What is its of the room, for all that may be known.
uint32_t Shares::Part::taken() const {
  return std::max({share, held, given, asks > 0 || to_ask ? bound : 0U});
}

bool Shares::Part::none() const {
  return share == 0 && held == 0 && peak == 0 && idle == 0 && given == 0 && asks == 0 && !doubted &&
         !to_ask;
}

std::optional<size_t> Shares::place_of(const HostLife& keeper) const {
  return keepers_ == nullptr ? std::nullopt : place_in(*keepers_, keeper);
}

// The first part of that keeper or one behind it.
std::vector<Shares::Part>::const_iterator Shares::from(Place place) const {
  return std::lower_bound(parts_.begin(), parts_.end(), place,
                          [](const Part& part, Place at) { return part.place < at; });
}

const Shares::Part* Shares::find(Place place) const {
  const auto it = from(place);
  return it == parts_.end() || it->place != place ? nullptr : &*it;
}

Shares::Part* Shares::find(Place place) {
  return const_cast<Part*>(std::as_const(*this).find(place));
}

Shares::Part& Shares::make(Place place) {
  if (Part* const part = find(place)) return *part;
  return *parts_.insert(from(place), Part{.place = place});
}

uint32_t Shares::of(const HostLife& keeper) const {
  const auto place = place_of(keeper);
  const Part* const part = place ? find(static_cast<Place>(*place)) : nullptr;
  return part == nullptr ? 0 : part->share;
}

std::vector<HostLife> Shares::with_a_share() const {
  std::vector<HostLife> keepers;
  for (const Part& part : parts_) {
    if (part.share > 0) keepers.push_back((*keepers_)[part.place]);
  }
  return keepers;
}

bool Shares::over() const {
  size_t open = 0;
  for (const Instant sated : sated_) {
    if (sated <= now_ && ++open == 2) return false;
  }
  return true;
}

void Shares::turn(uint32_t most, const Keepers& keepers, const std::vector<Holding>& holdings,
                  Instant now) {
  most_ = most;
  now_ = now;
  match(keepers, holdings);
  forget_late();
  saw(holdings);
  pass_on();
  even_out();
  for (Part& part : parts_) {
    part.idle = part.share - std::min(part.share, std::max(part.peak, part.given));
    part.peak = part.held;
  }
  std::erase_if(parts_, [](const Part& part) { return part.none(); });
}

// Room that is nobody's is given away.
void Shares::saw(const std::vector<Holding>& holdings) {
  std::vector<std::pair<Place, uint32_t>> holders;
  for (const auto& [keeper, held] : holdings) {
    const auto place = place_of(keeper);
    if (!place || held == 0) continue;
    holders.emplace_back(static_cast<Place>(*place), held);
    make(static_cast<Place>(*place));
  }
  std::sort(holders.begin(), holders.end());
  auto holder = holders.begin();
  for (Part& part : parts_) {
    const bool holds = holder != holders.end() && holder->first == part.place;
    note(part, holds ? (holder++)->second : 0);
  }
  shrink();
  hand_out();
}

// Who has taken something wants room.
void Shares::note(Part& part, uint32_t held) {
  if (held > part.held) {
    sated_[part.place] = {};
    part.doubted = false;
  }
  part.held = held;
  part.peak = std::max(part.peak, held);
  if (held >= part.given) part.given = 0;
}

std::vector<HostLife> Shares::to_ask() {
  std::vector<HostLife> keepers;
  for (Part& part : parts_) {
    if (!std::exchange(part.to_ask, false)) continue;
    ++part.asks;
    part.asked_at = now_;
    keepers.push_back((*keepers_)[part.place]);
  }
  return keepers;
}

// Who has given something that is not here yet uses its share, as far as there is room for that.
void Shares::answered(const HostLife& keeper, uint32_t given, Instant now) {
  const auto place = place_of(keeper);
  if (!place) return;
  now_ = std::max(now_, now);
  Part& part = make(static_cast<Place>(*place));
  if (part.asks > 0) --part.asks;
  if (given <= part.held) {
    sate(part);
  } else {
    part.doubted = false;
    part.given = given;
    part.given_at = now;
    sated_[*place] = {};
    uint64_t others = 0;
    for (const Part& other : parts_) others += &other == &part ? 0 : other.taken();
    const uint64_t room = most_ - std::min<uint64_t>(most_, others);
    const auto wanted = static_cast<uint32_t>(std::min<uint64_t>(given, room));
    part.share = std::max(part.share, wanted);
  }
  hand_out();
}

// Hosts come and go.
void Shares::match(const Keepers& keepers, const std::vector<Holding>& holdings) {
  if (keepers == keepers_) return;
  const Keepers before = std::exchange(keepers_, keepers);
  std::vector<Part> parts = std::exchange(parts_, {});
  const std::vector<Instant> sated = std::exchange(sated_, {});
  sated_.resize(keepers->size());
  auto part = parts.begin();
  Place old = 0;
  for (Place place = 0; place < keepers->size(); ++place) {
    const HostLife& keeper = (*keepers)[place];
    while (old < sated.size() && (*before)[old] < keeper) ++old;
    if (old < sated.size() && (*before)[old] == keeper) {
      sated_[place] = sated[old];
      part = std::find_if(part, parts.end(), [&](const Part& it) { return it.place >= old; });
      if (part == parts.end() || part->place != old) continue;
      parts_.push_back(*part);
      parts_.back().place = place;
      continue;
    }
    const auto holds = std::find_if(holdings.begin(), holdings.end(),
                                    [&](const Holding& it) { return it.keeper == keeper; });
    Part fresh = {.place = place, .share = holds == holdings.end() ? 0 : holds->held};
    if (told_) lower(fresh, fresh.share, most_);
    if (!fresh.none()) parts_.push_back(fresh);
  }
  told_ = true;
  if (next_ >= keepers->size()) next_ = 0;
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
  const auto keepers = static_cast<int64_t>(keepers_->size());
  sated_[part.place] = now_ + std::max(kSated, kTurn * (kTurnsEach * keepers));
}

// One unit, once it is free: then it is room that is nobody's.
void Shares::even_out() {
  if (even_at_ == Instant{}) even_at_ = now_ + kEven;
  if (now_ < even_at_) return;
  const auto most = std::max_element(
      parts_.begin(), parts_.end(), [](const Part& a, const Part& b) { return a.share < b.share; });
  if (most == parts_.end() || most->share == 0) return;
  const size_t to = neediest(most->place);
  if (to == keepers_->size()) return;
  const Part* const poorest = find(static_cast<Place>(to));
  const uint32_t least = poorest == nullptr ? 0 : poorest->share;
  if (most->share < least + 2 && least > 0) return;
  lower(*most, most->share - 1, most->share);
  even_at_ = now_ + kEven;
  next_ = to;
}

size_t Shares::neediest(size_t but) const {
  const size_t all = keepers_->size();
  const auto turns_until = [&](size_t place) { return (place + all - next_) % all; };
  std::pair<uint32_t, size_t> least{~uint32_t{0}, all};  // share, and how soon its turn comes
  for (const Part& part : parts_) {
    if (part.place == but || part.doubted || sated_[part.place] > now_) continue;
    least = std::min(least, {part.share, turns_until(part.place)});
  }
  // All others have none, so the first of these is as good as any.
  const size_t end = least.first == 0 ? least.second : all;
  auto part = from(static_cast<Place>(next_));
  for (size_t turns = 0; turns < end; ++turns) {
    const size_t place = (next_ + turns) % all;
    if (place == 0) part = parts_.begin();
    const bool has_part = part != parts_.end() && part->place == place;
    if (has_part) ++part;
    if (!has_part && place != but && sated_[place] <= now_) return place;
  }
  return least.second == all ? all : (next_ + least.second) % all;
}

uint32_t Shares::wanting() const {
  const auto open =
      std::count_if(sated_.begin(), sated_.end(), [&](Instant sated) { return sated <= now_; });
  const auto doubted = std::count_if(parts_.begin(), parts_.end(), [&](const Part& part) {
    return part.doubted && sated_[part.place] <= now_;
  });
  return static_cast<uint32_t>(open - doubted);
}

// What is nobody's, in portions, so that nobody gets more than others who want some as well. If
// nobody wants it, it is who comes next that may have it.
void Shares::hand_out() {
  uint64_t taken = 0;
  for (const Part& part : parts_) taken += part.taken();
  if (taken >= most_ || keepers_->empty()) return;
  auto load = static_cast<uint32_t>(most_ - taken);
  const uint32_t all_wanting = wanting();
  while (load > 0) {
    const size_t neediest_now = neediest(keepers_->size());
    const bool wanted = neediest_now < keepers_->size();
    const size_t place = wanted ? neediest_now : next_;
    Part& part = make(static_cast<Place>(place));
    next_ = (place + 1) % keepers_->size();
    const uint32_t portion = wanted ? std::max(load / all_wanting, 1U) : load;
    part.share = std::max(part.taken(), part.share) + portion;
    load -= portion;
  }
}

}  // namespace phoenix
