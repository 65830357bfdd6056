// Packets that other hosts keep and whose owners are attached here: what the home needs to hand
// them over and to say what became of it. Tables and sums only. Numbers are dense and given again.
// Single-threaded.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/host_life.h"
#include "base/time.h"
#include "directory/directory.h"
#include "packet/packet.h"

namespace phoenix {

using ForeignNo = uint32_t;
inline constexpr ForeignNo kNoForeign = ~uint32_t{0};

struct Foreign {
  PacketPtr head;  // the newest that was told; its owner is the member
  MemberNo member = kNobody;
  HostLife keeper;         // who told of it last; empty: nobody yet, it was found in the store
  uint64_t outbox = 0;     // position at the member's session
  Instant confirmed;       // by its keeper, by the store, or by a call of its owner
  uint32_t listed_at = 0;  // in its member's list
  bool used = false;
  bool taken = false;     // it has been handed over
  bool started = false;   // its owner has begun it
  bool disputed = false;  // two hosts that live have told of this epoch
};

class ForeignTable {
 public:
  // Requires: no entry has this key. The load is counted as the keeper's.
  ForeignNo add(PacketPtr head, MemberNo member, HostLife keeper);
  void drop(ForeignNo no);
  void set_keeper(ForeignNo no, const HostLife& keeper);
  ForeignNo find(const PacketKey& key) const;  // kNoForeign: none

  Foreign& operator[](ForeignNo no) { return entries_[no]; }
  const Foreign& operator[](ForeignNo no) const { return entries_[no]; }
  size_t size() const { return by_key_.size(); }
  ForeignNo end() const { return static_cast<ForeignNo>(entries_.size()); }

  // In no order that means anything.
  const std::vector<ForeignNo>& of(MemberNo member) const;
  // Load of what that host keeps and the member holds.
  uint32_t load(MemberNo member, const HostLife& keeper) const;
  // By keeper, in no order; none that is 0.
  const std::vector<std::pair<HostLife, uint32_t>>& loads(MemberNo member) const;

 private:
  struct Held {
    std::vector<ForeignNo> entries;
    std::vector<std::pair<HostLife, uint32_t>> loads;  // by keeper; few
  };
  void count(MemberNo member, const HostLife& keeper, int64_t load);

  std::vector<Foreign> entries_;
  std::vector<ForeignNo> free_;
  std::unordered_map<PacketKey, ForeignNo> by_key_;
  std::unordered_map<MemberNo, Held> by_member_;
};

}  // namespace phoenix
