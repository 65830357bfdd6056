// Chooses among the members that a walk meets: the first k distinct ones with room, and of these
// the best score, ties by id bytes.
#pragma once

#include <algorithm>
#include <limits>

#include "ring/lanes.h"
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
        permit_(query.permit),
        left_(k),
        number_(roster.next_window()) {}

  bool eligible(MemberIndex index) const { return has_room(index) && permitted(index); }
  // Shows one matching member; a member may be shown again. True when the window is full.
  [[gnu::always_inline]] bool offer(MemberIndex index) {
    return meet(index) && permitted(index) && add(index);
  }
  // The same where no permit is asked for. Without the call, all that a walk needs stays in
  // registers.
  [[gnu::always_inline]] bool offer_freely(MemberIndex index) { return meet(index) && add(index); }
  // The same for members shown once at most, and eligible.
  [[gnu::always_inline]] void consider(MemberIndex index) {
    const Standing& other = standings_[index];
    bool better = other.score > best_score_;
    if (other.score == best_score_) [[unlikely]] {
      better = best_ == kNoMember || roster_.id_before(index, best_);
    }
    // Who is better is a coin toss to the processor, so nothing may branch on it: the compiler
    // would, did it know that the mask is all ones or none.
    uint64_t mask = uint64_t{0} - (better ? 1 : 0);
    asm("" : "+r"(mask));
    best_ ^= (best_ ^ index) & static_cast<uint32_t>(mask);
    best_score_ ^= (best_score_ ^ other.score) & mask;
  }
  MemberIndex best() const { return best_; }

 private:
  // False: it was met before, or has no room.
  bool meet(MemberIndex index) {
    const Standing& standing = standings_[index];
    if (standing.seen == number_ || !has_room(index)) return false;
    standing.seen = number_;
    return true;
  }
  [[gnu::always_inline]] bool add(MemberIndex index) {
    consider(index);
    return --left_ == 0;
  }
  bool has_room(MemberIndex index) const {
    return standings_[index].room >= load_ && index != avoid_;
  }
  bool permitted(MemberIndex index) const { return permit_ == nullptr || permit_->may(index); }

  const Roster& roster_;
  const Standing* standings_;
  int64_t load_;
  MemberIndex avoid_;
  const Permit* permit_;
  size_t left_;
  uint32_t number_;
  MemberIndex best_ = kNoMember;
  uint64_t best_score_ = 0;
};

// The window that a host uses, where its members are the first ones met: all different and with
// room, as nearly always when nothing is required. No branch depends on one member, and nothing is
// written, so that the next choice may begin before this one's members have been read.
class UsualWindow {
 public:
  static constexpr size_t kSize = 8;

  // Of the first kSize members there.
  UsualWindow(const MemberIndex* members, const Standing* standings)
      : members_(members), standings_(standings) {}

  bool distinct() const {
    const Four a = four_at(members_);
    const Four b = four_at(members_ + 4);
    const Four a1 = __builtin_shufflevector(a, a, 1, 2, 3, 0);
    const Four a2 = __builtin_shufflevector(a, a, 2, 3, 0, 1);
    const Four b1 = __builtin_shufflevector(b, b, 1, 2, 3, 0);
    const Four b2 = __builtin_shufflevector(b, b, 2, 3, 0, 1);
    const Four b3 = __builtin_shufflevector(b, b, 3, 0, 1, 2);
    return !any((a == a1) | (a == a2) | (b == b1) | (b == b2) | (a == b) | (a == b1) | (a == b2) |
                (a == b3));
  }
  // All of them, for so much.
  bool has_room(int64_t load) const {
    int32_t least = std::numeric_limits<int32_t>::max();
    for (size_t i = 0; i < kSize; ++i) least = std::min(least, standings_[members_[i]].room);
    return least >= load;
  }
  [[gnu::always_inline]] void judge() {
    best_ = members_[0];
    uint64_t score = standings_[best_].score;
#pragma GCC unroll 8
    for (size_t i = 1; i < kSize; ++i) {
      const MemberIndex member = members_[i];
      const uint64_t other = standings_[member].score;
      tied_ |= other == score;
      const bool better = other > score;
      score = better ? other : score;
      best_ = better ? member : best_;
    }
  }
  MemberIndex best() const { return best_; }
  // Another one may have the best score too.
  bool tied() const { return tied_; }

 private:
  const MemberIndex* members_;
  const Standing* standings_;
  MemberIndex best_ = kNoMember;
  bool tied_ = false;
};

}  // namespace phoenix::ring
