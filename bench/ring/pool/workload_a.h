// Workloads A and B: members, what they can do, and packets, what they need. 64 capabilities; a
// member holds 1 to 8 of them, a packet needs 1 (half of the packets), 2 (30 %) or 3 (20 %), and
// which ones is Zipf-distributed on both sides. In A both exponents are 1, so supply fits demand;
// in B supply is flat (0.5) and demand steep (1.2), so that no placement can be even. No packet
// needs a set that none of the first members has.
//
// Integers and Prng only: a seed gives the same workload on every platform. Members, packets and
// those who join later are independent streams, so more of one does not change another.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "ring/placement.h"

namespace phoenix::bench {

enum class ZipfExponent : uint8_t { kHalf, kOne, kSixFifths };

// In proportion to rank^-exponent for ranks 1..size, rounded down; the first is 10^9.
std::vector<uint64_t> zipf_weights(ZipfExponent exponent, size_t size);

struct WorkloadShape {
  ZipfExponent supply = ZipfExponent::kOne;
  ZipfExponent demand = ZipfExponent::kOne;
  size_t members = 1'000;
  size_t packets = 1'000'000;
  uint64_t seed = 1;
};
// As they come. Workloads differ: over the first forty seeds of A, sigma / mean at k = 8 lies
// between 0.068 and 0.096, for a member with one capability gets all that it is shown, and there
// are more or fewer of these. So figures are medians over these nine, with the range beside.
inline constexpr std::array<uint64_t, 9> kWorkloadSeeds = {1, 2, 3, 4, 5, 6, 7, 8, 9};

inline WorkloadShape workload_a(uint64_t seed) { return {.seed = seed}; }
inline WorkloadShape workload_b(uint64_t seed) {
  return {.supply = ZipfExponent::kHalf, .demand = ZipfExponent::kSixFifths, .seed = seed};
}

// Capabilities as bits.
using CapabilityMask = uint64_t;
inline constexpr size_t kWorkloadCapabilities = 64;
std::vector<std::string> capability_names(CapabilityMask mask);  // sorted, unique

class CapabilityWorkload {
 public:
  explicit CapabilityWorkload(const WorkloadShape& shape);

  const WorkloadShape& shape() const { return shape_; }
  const std::vector<CapabilityMask>& members() const { return members_; }
  // The different sets that packets need, in the order in which they first occur.
  const std::vector<CapabilityMask>& sets() const { return sets_; }
  // Of each packet the number of its set.
  const std::vector<uint32_t>& packets() const { return packets_; }
  // One who joins later.
  CapabilityMask newcomer();
  // The set of one packet more; it may be a new one.
  uint32_t more();

 private:
  class Zipf {
   public:
    Zipf(ZipfExponent exponent, size_t size);
    CapabilityMask draw(Prng& prng, uint64_t count) const;

   private:
    std::vector<uint64_t> up_to_;  // cumulative weights
  };
  static constexpr uint32_t kNobodyCan = ~uint32_t{0};
  uint32_t draw_packet();
  uint32_t number_of(CapabilityMask set);

  WorkloadShape shape_;
  Zipf supply_;
  Zipf demand_;
  Prng of_packets_;
  Prng of_newcomers_;
  std::vector<CapabilityMask> members_;
  std::vector<CapabilityMask> sets_;
  std::vector<uint32_t> packets_;
  std::vector<std::pair<CapabilityMask, uint32_t>> numbers_;  // sorted by set
};

// The ring's record of a workload's member.
RingMember pool_member(size_t number, CapabilityMask capabilities, uint32_t max_load);

}  // namespace phoenix::bench
