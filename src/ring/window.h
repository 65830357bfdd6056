// Chooses among the members that a walk meets: the first k distinct ones with room, and of these
// the best score, ties by id bytes.
#pragma once

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
        k_(k),
        number_(roster.next_window()) {}

  bool eligible(MemberIndex index) const { return has_room(index) && permitted(index); }
  // Shows one matching member; a member may be shown again. True when the window is full.
  [[gnu::always_inline]] bool offer(MemberIndex index) {
    const Standing& standing = standings_[index];
    if (standing.seen == number_ || !has_room(index)) return false;
    standing.seen = number_;
    if (!permitted(index)) return false;
    consider(index);
    return ++size_ == k_;
  }
  // The same for members shown once at most, and eligible.
  [[gnu::always_inline]] void consider(MemberIndex index) {
    // Who is better is a coin toss to the processor: so nothing branches on it. Only equal scores
    // of ids that look alike need a closer look.
    const Standing& other = standings_[index];
    const uint64_t left = uint64_t{other.merit} * best_resistance_;
    const uint64_t right = uint64_t{best_merit_} * other.resistance;
    const bool equal = left == right;
    bool better = (left > right) | (equal & (other.id_word < best_word_));
    if (equal & (other.id_word == best_word_)) [[unlikely]] {
      better = best_ == kNoMember || roster_.id_before(index, best_);
    }
    const uint32_t mask = better ? ~uint32_t{0} : 0;
    const uint64_t wide_mask = better ? ~uint64_t{0} : 0;
    best_ ^= (best_ ^ index) & mask;
    best_merit_ ^= (best_merit_ ^ other.merit) & mask;
    best_resistance_ ^= (best_resistance_ ^ other.resistance) & mask;
    best_word_ ^= (best_word_ ^ other.id_word) & wide_mask;
  }
  MemberIndex best() const { return best_; }

 private:
  bool has_room(MemberIndex index) const {
    return standings_[index].room >= load_ && index != avoid_;
  }
  bool permitted(MemberIndex index) const { return permit_ == nullptr || permit_->may(index); }

  const Roster& roster_;
  const Standing* standings_;
  int64_t load_;
  MemberIndex avoid_;
  const Permit* permit_;
  size_t k_;
  uint32_t number_;
  size_t size_ = 0;
  MemberIndex best_ = kNoMember;
  uint32_t best_merit_ = 0;
  uint32_t best_resistance_ = 1;
  uint64_t best_word_ = ~uint64_t{0};
};

}  // namespace phoenix::ring
