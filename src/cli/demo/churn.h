// Who is hit next, how, and when the run has seen enough. Pure: draws come from the seed, what is
// running comes in.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"

namespace phoenix::demo {

enum class Hit : uint8_t { kKill, kFreeze, kDrain };
inline constexpr int kHits = 3;
inline constexpr int kHitsWanted = 3;  // of each kind, at workers that hold a started packet
std::string_view hit_name(Hit hit);

// One started packet in the hands of one worker: packet id and epoch.
using Started = std::pair<std::string, uint64_t>;

struct Candidate {
  std::string worker;
  bool self_check = true;
  std::vector<Started> started;
};

// A hit counts if one and the same started packet was in the worker's hands in a reading before the
// signal and in one after it.
bool held_throughout(const std::vector<Started>& before, const std::vector<Started>& after);

// A packet that has lost so many owners is spared: the next loss would wait, and the tenth fails
// it, since it may be what kills them. Without this rule the last packet of a run would get every
// hit.
inline constexpr int kMostLosses = 2;

class ChurnPlan {
 public:
  explicit ChurnPlan(uint64_t seed);

  // The kind of the next hit: the first ones from a shuffled bag that holds each kind as often as
  // wanted, then any.
  Hit next_kind();
  // Which of the candidates, all of which hold a started packet; nullopt if there are none. Frozen
  // are in turn one without its own lease check and one with it, if there is a choice.
  std::optional<size_t> choose(Hit hit, const std::vector<Candidate>& candidates);
  // What became of it: one that did not count goes back into the bag.
  void settle(Hit hit, bool counted);

  int counted(Hit hit) const { return counted_[static_cast<size_t>(hit)]; }
  bool satisfied() const;

 private:
  Prng prng_;
  std::vector<Hit> bag_;
  std::array<int, kHits> counted_{};
  bool unchecked_next_ = true;
};

// What happens to one of several hosts.
enum class HostHit : uint8_t { kKill, kFreeze, kLeave };
inline constexpr int kHostHits = 3;
// Each kind `each` times, in an order and at hosts that the seed draws.
struct HostStrike {
  HostHit hit = HostHit::kKill;
  size_t host = 0;
  bool at_once = true;  // after a kill: started again at once, or when the others have noticed
};
std::vector<HostStrike> host_strikes(uint64_t seed, int64_t each, size_t hosts);

// After how many completed packets the host is killed for the i-th time (0-based) of `kills`.
uint64_t host_kill_at(int64_t i, int64_t kills, uint64_t packets);

}  // namespace phoenix::demo
