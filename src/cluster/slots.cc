#include "cluster/slots.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/planted.h"

namespace phoenix {
namespace {

constexpr Duration kFirstPause = milliseconds(50);
constexpr Duration kLongestPause = seconds(1);
// After claims and releases that came out as they should, of which there may be many in a row; and
// not twice within kLongestPause.
constexpr Duration kCompareAfter = milliseconds(200);
// Who has said so lately what it released will say it of the next ones too.
constexpr Duration kTellsOn = milliseconds(500);
// How often rows and view are compared when nothing gives cause to.
constexpr Duration kCompareEvery = seconds(30);

Duration next_pause(Duration pause) {
  return pause == Duration{} ? kFirstPause : std::min(pause * 2, kLongestPause);
}

}  // namespace

void Slots::Request::settled(Instant now, bool well) {
  under_way = false;
  pause = well ? Duration{} : next_pause(pause);
  at = now + pause;
}

Slots::Slots(const SlotsConfig& config) : config_(config), map_(config.ring_key) {}

void Slots::view(Instant now, const ClusterView& view) {
  if (view.number <= view_number_) return;
  view_number_ = view.number;
  host_set(view);
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    slots_[slot].should = keeper(static_cast<SlotId>(slot)) == config_.self;
  }
  // A new view is a new cause for everything that others hold: they begin to give up only now.
  read_.pause = {};
  taken_before_ = kSlots + 1;
  compare_soon(now);
  advance(now);
}

// Brings map_ to the hosts of the view by the least changes, each of which is dear.
void Slots::host_set(const ClusterView& view) {
  const auto by_name = [](const ClusterHost& host, std::string_view name) {
    return host.life.host < name;
  };
  std::vector<bool> known(view.hosts.size(), false);
  for (SlotMap::HostNo no = 0; no < lives_.size(); ++no) {
    if (lives_[no].empty()) continue;
    const auto host =
        std::lower_bound(view.hosts.begin(), view.hosts.end(), lives_[no].host, by_name);
    if (host == view.hosts.end() || host->life.host != lives_[no].host) {
      map_.remove(no);
      lives_[no] = {};
      continue;
    }
    known[static_cast<size_t>(host - view.hosts.begin())] = true;
    lives_[no] = host->life;
    if (map_.weight(no) != host->weight) map_.reweigh(no, host->weight);
  }
  for (size_t i = 0; i < view.hosts.size(); ++i) {
    if (known[i]) continue;
    const SlotMap::HostNo no = map_.add(view.hosts[i].life.host, view.hosts[i].weight);
    if (no >= lives_.size()) lives_.resize(no + 1);
    lives_[no] = view.hosts[i].life;
  }
}

const HostLife& Slots::keeper(SlotId slot) const {
  static const HostLife kNobody;
  const SlotMap::HostNo no = map_.keeper(slot);
  return no == SlotMap::kNobody ? kNobody : lives_[no];
}

const HostLife& Slots::holder(SlotId slot) const {
  static const HostLife kNobody;
  return slots_[slot].row == Row::kTaken ? holders_[slots_[slot].holder] : kNobody;
}

void Slots::compare_soon(Instant now) {
  compare_ = true;
  read_.at = std::min(read_.at, now + read_.pause);
}

void Slots::compare_after(Instant now) {
  read_.at = std::min(read_.at, std::max(now + kCompareAfter, read_at_ + kLongestPause));
}

void Slots::rows(Instant now, const Result<std::vector<HeldSlot>>& rows) {
  writes_next_ = true;
  if (!rows) {
    freed_meanwhile_.clear();
    read_.settled(now, false);
    return advance(now);
  }
  for (Slot& slot : slots_) slot.row = Row::kFree;
  holders_.clear();
  for (const HeldSlot& row : *rows) {
    if (row.slot >= kSlots) continue;
    const bool ours = row.holder == config_.self;
    if (ours && row.holder_fenced) return end_fenced();
    Slot& slot = slots_[row.slot];
    slot.row = ours ? Row::kOurs : row.holder_fenced ? Row::kFree : Row::kTaken;
    if (slot.row != Row::kTaken) continue;
    const auto known = std::find(holders_.begin(), holders_.end(), row.holder);
    slot.holder = static_cast<uint16_t>(known - holders_.begin());
    if (known == holders_.end()) holders_.push_back(row.holder);
  }
  // These may have been read before they were released.
  for (const auto& [by, slots] : std::exchange(freed_meanwhile_, {})) (void)mark_freed(by, slots);
  const auto taken =
      static_cast<size_t>(std::count_if(slots_.begin(), slots_.end(), [this](const Slot& slot) {
        return wanted(slot) && slot.row == Row::kTaken;
      }));
  // As long as others give slots up and do not say so, the next ones follow at once.
  if (taken < taken_before_) read_.pause = {};
  read_.settled(now, taken == 0);
  taken_before_ = taken;
  if (compare_) {
    read_.at = now;
  } else if (taken == 0) {
    read_.at = now + kCompareEvery;
  } else if (told_at_ != kNever && now - told_at_ <= kTellsOn) {
    read_.at = std::max(read_.at, read_at_ + kLongestPause);
  }
  advance(now);
}

void Slots::claimed(Instant now, const Result<PoolStore::Claimed>& answer) {
  if (answer && answer->fenced) return end_fenced();
  std::vector<bool> got(kSlots, false);
  if (answer) {
    for (const SlotId id : answer->slots) {
      if (id < kSlots) got[id] = true;
    }
  }
  bool any = false;
  bool all = answer.has_value();
  for (uint32_t id = 0; id < kSlots; ++id) {
    Slot& slot = slots_[id];
    if (slot.phase != Phase::kClaiming) continue;
    all = all && got[id];
    slot.phase = got[id] ? Phase::kHeld : Phase::kNone;
    slot.doubtful = !answer;
    if (answer) slot.row = got[id] ? Row::kOurs : Row::kUnread;
    any = any || got[id];
  }
  claim_.settled(now, any);
  if (all) {
    compare_after(now);
  } else {
    compare_soon(now);
  }
  advance(now);
}

void Slots::released(Instant now, const Result<bool>& answer) {
  for (uint32_t id = 0; id < kSlots; ++id) {
    Slot& slot = slots_[id];
    if (slot.phase != Phase::kReleasing) continue;
    slot.phase = Phase::kNone;
    slot.doubtful = !answer;
    if (!answer) continue;
    slot.row = Row::kUnread;
    out_.freed.push_back(static_cast<SlotId>(id));
  }
  release_.settled(now, answer.has_value());
  if (answer) {
    released_at_ = now;
  } else {
    compare_soon(now);
  }
  advance(now);
}

void Slots::durable(Instant now, Instant sent) {
  if (released_at_ == kNever || sent < released_at_) return;
  released_at_ = kNever;
  compare_after(now);
  advance(now);
}

std::vector<SlotId> Slots::scanned(Instant now, bool done) {
  std::vector<SlotId> driven;
  for (uint32_t id = 0; id < kSlots; ++id) {
    Slot& slot = slots_[id];
    if (slot.phase != Phase::kScanning) continue;
    slot.phase = Phase::kHeld;
    if (!done || !may_drive(slot)) continue;
    slot.phase = Phase::kDriven;
    driven.push_back(static_cast<SlotId>(id));
  }
  scan_.settled(now, done);
  advance(now);
  return driven;
}

void Slots::given_up(Instant now, std::span<const SlotId> slots) {
  if (slots.empty()) return;
  for (const SlotId id : slots) {
    if (id >= kSlots || slots_[id].phase != Phase::kStopping) continue;
    if (planted(PlantedBug::kReleaseForgotten) && wanted(slots_[id])) continue;
    slots_[id].phase = Phase::kNone;
  }
  advance(now);
}

void Slots::freed(Instant now, const HostLife& by, std::span<const SlotId> slots) {
  const size_t told = mark_freed(by, slots);
  if (told > 0) {
    told_at_ = now;
    taken_before_ -= std::min(told, taken_before_);
    // It waits for what is not said; but for any other cause it is due as before.
    if (!compare_ && read_.pause != Duration{}) {
      read_.at = std::max(read_.at, read_at_ + kLongestPause);
    }
  }
  if (read_.under_way && !slots.empty()) {
    size_t kept = slots.size();
    for (const auto& [other, theirs] : freed_meanwhile_) kept += theirs.size();
    if (kept <= kSlots) {
      freed_meanwhile_.emplace_back(by, std::vector(slots.begin(), slots.end()));
    } else {
      compare_ = true;  // of more than there are, the rows themselves are asked again
    }
  }
  // Most of what all others tell each other is about slots that this host does not wait for.
  if (told > 0) advance(now);
}

size_t Slots::mark_freed(const HostLife& by, std::span<const SlotId> slots) {
  size_t told = 0;
  for (const SlotId id : slots) {
    if (id >= kSlots || holder(id) != by) continue;
    slots_[id].row = Row::kFree;
    told += wanted(slots_[id]) ? 1 : 0;
  }
  return told;
}

void Slots::begin_leave(Instant now) {
  if (leaving_) return;
  leaving_ = true;
  gives_all_at_ = now + config_.leave_patience;
  advance(now);
}

void Slots::tick(Instant now) {
  if (now >= deadline_) advance(now);
}

void Slots::end_fenced() {
  fenced_ = true;
  out_ = {};
  deadline_ = kNever;
}

void Slots::advance(Instant now) {
  deadline_ = kNever;
  if (fenced_ || !config_.has_store || view_number_ == 0) return;
  gives_all_ = leaving_ && now >= gives_all_at_;
  if (leaving_ && !gives_all_) deadline_ = gives_all_at_;
  stop_and_scan(now);
  read_and_write(now);
  for (Slot& slot : slots_) {
    if (settled(slot)) {
      slot.waits_since = kNever;
    } else if (slot.waits_since == kNever) {
      slot.waits_since = now;
    }
  }
}

// It is another's to drive soon, and this host's until the portion before it has gone.
bool Slots::waits_for_its_turn(SlotId id, size_t leaving) const {
  return slots_[id].row == Row::kOurs && leaving >= config_.hand_over_portion && !gives_all_ &&
         !keeper(id).empty();
}

void Slots::stop_and_scan(Instant now) {
  bool held = false;
  auto leaving =
      static_cast<size_t>(std::count_if(slots_.begin(), slots_.end(), [this](const Slot& slot) {
        return slot.phase == Phase::kStopping || slot.phase == Phase::kReleasing ||
               (slot.phase == Phase::kNone && slot.row == Row::kOurs && !wanted(slot));
      }));
  for (uint32_t id = 0; id < kSlots; ++id) {
    Slot& slot = slots_[id];
    if (slot.phase == Phase::kDriven && !may_drive(slot) &&
        !waits_for_its_turn(static_cast<SlotId>(id), leaving)) {
      slot.phase = Phase::kStopping;
      out_.give_up.push_back(static_cast<SlotId>(id));
      ++leaving;
    }
    if (slot.phase != Phase::kHeld) continue;
    if (may_drive(slot)) {
      held = true;
    } else {
      slot.phase = Phase::kNone;
    }
  }
  if (!held || scan_.under_way) return;
  if (!scan_.due(now)) {
    deadline_ = std::min(deadline_, scan_.at);
    return;
  }
  for (uint32_t id = 0; id < kSlots && out_.scan.size() < config_.scan_portion; ++id) {
    if (slots_[id].phase != Phase::kHeld) continue;
    slots_[id].phase = Phase::kScanning;
    out_.scan.push_back(static_cast<SlotId>(id));
  }
  scan_.under_way = true;
}

void Slots::read_and_write(Instant now) {
  // Rows that are read while one of them is written would show either; so never both. They take
  // turns, else one of them could keep the other off for ever.
  if (read_.under_way) return;
  const bool writing = claim_.under_way || release_.under_way;
  const bool reads = read_.due(now);
  if (reads && writing) return;
  if (!reads || writes_next_) {
    if (!reads && !writing) deadline_ = std::min(deadline_, read_.at);
    write(now, claim_, Phase::kClaiming, out_.claim, [this](const Slot& slot) {
      return wanted(slot) && (slot.row == Row::kFree || slot.row == Row::kOurs || slot.doubtful);
    });
    write(now, release_, Phase::kReleasing, out_.release, [this](const Slot& slot) {
      return !wanted(slot) && (slot.row == Row::kOurs || slot.doubtful);
    });
    writes_next_ = false;
  }
  if (!reads || claim_.under_way || release_.under_way) return;
  read_.under_way = true;
  read_at_ = now;
  compare_ = false;
  out_.read = true;
}

template <class Belongs>
void Slots::write(Instant now, Request& request, Phase phase, std::vector<SlotId>& out,
                  Belongs belongs) {
  if (request.under_way) return;
  for (uint32_t id = 0; id < kSlots; ++id) {
    if (slots_[id].phase != Phase::kNone || !belongs(slots_[id])) continue;
    if (!request.due(now)) {
      deadline_ = std::min(deadline_, request.at);
      return;
    }
    slots_[id].phase = phase;
    out.push_back(static_cast<SlotId>(id));
  }
  request.under_way = !out.empty();
}

Slots::Output Slots::take_output() { return std::exchange(out_, {}); }

bool Slots::settled(const Slot& slot) const {
  if (wanted(slot)) return slot.phase == Phase::kDriven;
  return slot.phase == Phase::kNone && slot.row != Row::kOurs && !slot.doubtful;
}

bool Slots::holds_none() const {
  if (fenced_) return true;
  return std::all_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.phase == Phase::kNone && slot.row != Row::kOurs && !slot.doubtful;
  });
}

SlotCounts Slots::counts() const {
  SlotCounts counts;
  for (const Slot& slot : slots_) {
    if (wanted(slot)) ++counts.should;
    if (slot.phase == Phase::kDriven) ++counts.drives;
    if (!settled(slot)) ++(wanted(slot) ? counts.claiming : counts.leaving);
    counts.oldest_wait = std::min(counts.oldest_wait, slot.waits_since);
  }
  return counts;
}

}  // namespace phoenix
