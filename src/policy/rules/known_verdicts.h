// Whom the rules of one point let through whatever the packet of a class is like, and whom not: two
// bits a member, by small numbers of the caller's. So the usual question of placement is one word
// and one bit, without a key to look up and without a revision to compare. In return whoever keeps
// this says when a number stands for somebody else, or for the same one changed.
//
// Bounded: a row for each class that has been asked about, a newer one in place of an older one
// with the same hash. Single-threaded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "policy/rules/source.h"

namespace phoenix::policy {

class KnownVerdicts {
 public:
  static constexpr size_t kRows = 256;

  class Row {
   public:
    Row(uint64_t packet_class, size_t members)
        : packet_class_(packet_class), allowed_((members + 63) / 64), denied_(allowed_.size()) {}

    uint64_t packet_class() const { return packet_class_; }
    // How many members there is room for.
    size_t room() const { return allowed_.size() * 64; }
    // A bit each. Valid as long as the row.
    std::span<const uint64_t> allowed() const { return allowed_; }
    bool denies(uint32_t member) const {
      const size_t at = member / 64;
      return at < denied_.size() && (denied_[at] >> member % 64 & 1) != 0;
    }
    // Nothing is kept of one that is neither allowed nor denied, or that there is no room for.
    void keep(uint32_t member, Verdict verdict);
    void forget(uint32_t member);

   private:
    uint64_t packet_class_;
    std::vector<uint64_t> allowed_;
    std::vector<uint64_t> denied_;
  };

  // With room for members below that number at least. Who holds it may go on reading it when
  // another one has taken its place, but is not told of changes then.
  std::shared_ptr<Row> row(uint64_t packet_class, size_t members);
  // In all rows.
  void forget(uint32_t member);
  void forget_all() { rows_ = {}; }

 private:
  std::array<std::shared_ptr<Row>, kRows> rows_;
};

}  // namespace phoenix::policy
