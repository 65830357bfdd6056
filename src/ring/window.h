// Chooses among the members that a walk meets: the first k distinct ones with room, and of these
// the best score, ties by id bytes.
#pragma once

#include <array>
#include <vector>

#include "ring/roster.h"
#include "ring/score.h"

namespace phoenix::ring {

class Window {
 public:
  Window(const Roster& roster, const PlaceQuery& query, size_t k)
      : roster_(roster),
        standings_(roster.standings().data()),
        load_(query.load),
        avoid_(query.avoid),
        k_(k) {
    near_.fill(kNoMember);
  }

  bool eligible(MemberIndex index) const {
    return standings_[index].room >= load_ && index != avoid_;
  }
  // Shows one matching member; a member may be shown again. True when the window is full.
  bool offer(MemberIndex index) {
    if (!eligible(index) || seen(index)) return false;
    remember(index);
    consider(index);
    return size_ == k_;
  }
  // The same for members shown once at most, and eligible.
  void consider(MemberIndex index) {
    if (best_ == kNoMember || better(index, best_)) best_ = index;
  }
  MemberIndex best() const { return best_; }
  size_t size() const { return size_; }

 private:
  static constexpr size_t kBlock = 8;
  static constexpr size_t kNear = 32;

  bool better(MemberIndex a, MemberIndex b) const {
    const int order = compare_score(standings_[a], standings_[b]);
    return order != 0 ? order > 0 : roster_.id_before(a, b);
  }
  bool seen(MemberIndex index) const {
    // Eight at once and without a branch for each: that is what most windows hold.
    for (size_t from = 0; from < kNear && from < size_; from += kBlock) {
      bool found = false;
      for (size_t i = from; i < from + kBlock; ++i) found |= near_[i] == index;
      if (found) return true;
    }
    for (const MemberIndex other : far_) {
      if (other == index) return true;
    }
    return false;
  }
  void remember(MemberIndex index) {
    if (size_ < kNear) {
      near_[size_] = index;
    } else {
      far_.push_back(index);
    }
    ++size_;
  }

  const Roster& roster_;
  const Standing* standings_;
  int64_t load_;
  MemberIndex avoid_;
  size_t k_;
  size_t size_ = 0;
  MemberIndex best_ = kNoMember;
  std::array<MemberIndex, kNear> near_;
  std::vector<MemberIndex> far_;  // of windows wider than any in use
};

}  // namespace phoenix::ring
