// What a host measures of itself; architecture metrics and their raw counts. Times come from the
// `now` of inputs, so the simulator gets the same figures in virtual time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "directory/member.h"
#include "packet/lifecycle.h"
#include "packet/packet.h"

namespace phoenix {

// The newest 4,096 samples, and count and sum of all of them.
class Samples {
 public:
  void add(Duration value);
  uint64_t count() const { return count_; }
  Duration sum() const { return sum_; }
  Duration max() const { return max_; }
  // Of the kept ones; 0 if there is none. per_mille 500 = median.
  Duration quantile(uint32_t per_mille) const;
  // The kept ones, oldest first.
  std::vector<Duration> newest() const;
  // Upper bounds of the histogram buckets.
  static constexpr std::array<int64_t, 15> kBucketMicros = {
      10,    25,     50,     100,     250,     500,       1'000,    2'500,
      5'000, 10'000, 50'000, 100'000, 500'000, 1'000'000, 5'000'000};
  // Not cumulative; the last one is "more".
  const std::array<uint64_t, 16>& buckets() const { return buckets_; }

 private:
  std::vector<Duration> kept_;
  size_t next_ = 0;
  uint64_t count_ = 0;
  Duration sum_;
  Duration max_;
  std::array<uint64_t, 16> buckets_{};
};

// Why a member's home sent a delivery of another host back.
enum class TurnReason : uint8_t { kFull, kDraining, kGone };
inline constexpr int kTurnReasons = 3;
std::string_view turn_reason_name(TurnReason reason);

// Why an owner lost a packet or got one.
enum class MoveCause : uint8_t {
  kDeath,   // its connection broke, or it was retired or replaced while holding
  kFreeze,  // its lease ran out
  kDrain,
  kHandoff,
  kReassign,  // not taken in time
  kOperator,  // evict, assign
  kRestart,   // session made no call after the host's restart
  kJoin,      // not handed out yet, drawn by one who joined
};
inline constexpr int kMoveCauses = 8;
std::string_view move_cause_name(MoveCause cause);

// The parts of a handoff's latency.
enum class HandoffPhase : uint8_t {
  kPolicy,     // whom it may go to, and under which terms
  kSign,       // by the host, for a receiver without a key
  kSerialize,  // the leg's bytes
  kTransmit,   // the offer on its way to a receiver that signs, its work, and its answer's way
  kVerify,     // signatures, and that they are of what the call says
  kCommit,     // written -> durable
};
inline constexpr int kHandoffPhases = 6;
std::string_view handoff_phase_name(HandoffPhase phase);
// Of one handoff. Nothing: it had no such part, or no clock measured it (NodeConfig.work_clock).
using PhaseTimes = std::array<std::optional<Duration>, kHandoffPhases>;

struct LoadFigures {
  double stddev = 0;  // of assigned weight / capacity over active members
  double max_over_mean = 0;
  uint64_t members = 0;
};

struct Stats {
  std::array<uint64_t, kStatuses> packets_now{};  // live ones by state; terminal stay 0
  // Terminal ones that are kept. One that is swept away before the node hears that it has ended
  // (while a commit's outcome is unknown) is -1 until then.
  std::array<int64_t, kStatuses> packets_ended{};
  std::array<uint64_t, kMemberStatuses> members_now{};
  std::array<uint64_t, kLifecycleRows> row_visits{};  // of the transition table
  uint64_t submitted = 0;
  uint64_t granted = 0;
  uint64_t deliveries = 0;
  std::array<uint64_t, kTurnReasons> turned_away{};  // other hosts' placements, at a home here
  std::array<uint64_t, kMoveCauses> moved{};         // changes of owner by cause
  // Packets that changes of membership took from an owner, and those that had to move for them:
  // what leavers held, and what one who joined would get if all that nobody was handed yet were
  // placed anew. As nothing else is moved for a change, the two are equal; the simulator holds each
  // move to its cause (I5).
  uint64_t rebalance_moved = 0;
  uint64_t rebalance_minimum = 0;
  uint64_t stale_epoch = 0;      // refusals, stale-epoch
  uint64_t not_owner = 0;        // refusals, not-owner
  uint64_t refused_callers = 0;  // calls of callers that are known, refused for what they may
  uint64_t refused_unknown = 0;  // calls without a good token
  uint64_t lost_sessions = 0;
  uint64_t store_refusals = 0;
  uint64_t reexecutions = 0;  // grants of a packet that had been delivered before
  Duration work;              // delivered -> the end of the ownership, of all of them
  Duration wasted_work;       // of it: since the last checkpoint of one that was taken away
  Samples handoff;            // call received -> commit durable
  std::array<Samples, kHandoffPhases> handoff_phases;  // of the same ones; waiting is in none
  // Old owner's last accepted call, or the last moment at which its ticket could be taken for good
  // -> commit naming the next.
  Samples ownership_gap;
  Samples recovery;  // loss noticed -> next owner's delivery
};

}  // namespace phoenix
