// The packets of a workload on a ring of members, each staying with its owner until that leaves or
// a newcomer draws it. What a host does, without all that is not placement.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/ring/pool/workload_a.h"
#include "ring/placement.h"

namespace phoenix::bench {

inline constexpr uint32_t kUnowned = ~uint32_t{0};

struct PoolRule {
  uint32_t window = 8;        // k; 1 is the plain ring
  bool by_set = false;        // point = hash of the required set alone, the packet's id left out
  uint32_t max_load = 4'000;  // of each member
  uint64_t key = 1;           // which ring key
};

// Of the members' loads.
struct Balance {
  double mean = 0;
  double max_to_mean = 0;
  double sigma_to_mean = 0;
  size_t parked = 0;  // packets without an owner
};
Balance balance_of(const std::vector<uint32_t>& loads);

class StickyPool {
 public:
  StickyPool(CapabilityWorkload& workload, const PoolRule& rule);

  // Every packet without an owner that some member can take, in order.
  void place_all();
  // As if nothing had been placed yet, with another window from now on.
  void start_over(uint32_t window);
  // The member's packets go to others, or park.
  void leave(MemberIndex index);
  // Takes part from now on; nothing moves by this. An id already used is not used again.
  MemberIndex join();
  // Parked packets that the newcomer can take, oldest first.
  size_t wake(MemberIndex index);
  // So many packets end, drawn at random, and as many new ones come in their place: which.
  std::vector<uint32_t> turn_over(size_t count, Prng& prng);

  // One packet is given to a member, or to nobody, with all that follows from it.
  void give(uint32_t packet, MemberIndex to);
  std::optional<MemberIndex> choose(uint32_t packet) const { return ring_.place(query(packet)); }
  PlaceQuery query(uint32_t packet) const;

  Balance balance() const;
  Placement& ring() { return ring_; }
  const std::vector<MemberIndex>& owners() const { return owners_; }  // by packet
  const std::vector<MemberIndex>& joined() const { return joined_; }
  const std::vector<uint32_t>& held(MemberIndex index) const { return held_[index]; }
  ClassId class_of(uint32_t packet) const { return classes_[sets_[packet]]; }

 private:
  MemberIndex admit(CapabilityMask capabilities);
  void put_packet(uint32_t packet, uint32_t set);

  CapabilityWorkload& workload_;
  PoolRule rule_;
  Placement ring_;
  std::vector<ClassId> classes_;                 // by set
  std::vector<std::vector<std::string>> names_;  // by set
  std::vector<uint32_t> sets_;                   // by packet
  std::vector<Position> points_;                 // by packet
  std::vector<MemberIndex> owners_;              // by packet
  std::vector<uint32_t> held_at_;                // by packet: where in its owner's list
  std::vector<std::vector<uint32_t>> held_;      // by member
  std::vector<MemberIndex> joined_;
  size_t admitted_ = 0;
  uint64_t made_ = 0;
};

}  // namespace phoenix::bench
