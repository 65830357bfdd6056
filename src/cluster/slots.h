// Which of the ring's 4,096 slots this host should hold, which it holds, and which it drives: three
// things that differ while hosts come and go. The newest view alone says what it should hold
// (SlotMap); the durable row of a slot alone says who holds it; a slot is driven by its holder
// alone, after a scan that began when the row was its own. Pure state machine.
//
//               should hold, row free           claimed              scan done
//   not held  ------------------------>  claim  ------->  held, scan  ------->  driven
//       ^                                                  |                      |
//       |  row cleared          not its own by view        |                      | not its own
//       +--------------------  release  <------------------+  <--- given up  <----+ by view
//
//   - The row decides, not memory: rows and view are compared after each new view, whenever a claim
//     or release settles, and now and then. A row in this life's name that the view gives to
//     another is cleared, also one that nobody here remembers claiming.
//   - A release that was answered may yet be lost, if the store falls over before anything else is
//     durable. So rows and view are compared once more when something is that was begun later.
//   - Only rows that are clear, or whose holder is fenced, are claimed. While another that lives
//     has one that should be ours, the rows are read again, after 50 ms at first, 1 s at last; no
//     sooner than that while it says itself what it has released.
//   - After a claim or release whose outcome is unknown, the slot is in doubt until a later claim
//     or release of it is answered: reading proves nothing, for it may happen after the read. That
//     the later call settles the earlier one is what PoolStore promises.
//   - Nothing that was begun is forgotten: a view that returns a slot while it is given up or
//     released finds it claimed and scanned anew, once that is over.
//
// Each request is answered exactly once, if need be by an error; requests of one kind never
// overlap. Calls cost some 10 microseconds; a view that adds or removes a host, 0.3 ms.
// Single-threaded.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/host_life.h"
#include "base/time.h"
#include "ring/point.h"
#include "ring/slots.h"
#include "store/pool_store.h"

namespace phoenix {

struct ClusterHost {
  HostLife life;
  uint32_t weight = 100;  // 0: it holds no slots
};
struct ClusterView {
  uint64_t number = 0;
  std::vector<ClusterHost> hosts;  // ordered by name, each name once
};

// How this host stands to the slots, for `status` and /readyz.
struct SlotCounts {
  size_t should = 0;  // by the view
  size_t drives = 0;
  size_t claiming = 0;           // wanted and not driven yet
  size_t leaving = 0;            // given up and not released yet
  Instant oldest_wait = kNever;  // since when the oldest of the last two kinds waits
};

struct SlotsConfig {
  RingKey ring_key;
  HostLife self;
  bool has_store = true;        // false: a gateway, which asks for nothing
  uint32_t scan_portion = 256;  // slots a scan: the first packets move while others are scanned
  // Slots on their way from here to others at a time, for each is nobody's meanwhile.
  uint32_t hand_over_portion = 128;
  // Who leaves drives on until the view gives its slots to others, at most for so long.
  Duration leave_patience = milliseconds(1500);
};

class Slots {
 public:
  explicit Slots(const SlotsConfig& config);

  // --- inputs ---
  // Ignored unless its number is above that of the newest known.
  void view(Instant now, const ClusterView& view);
  void rows(Instant now, const Result<std::vector<HeldSlot>>& rows);
  void claimed(Instant now, const Result<PoolStore::Claimed>& answer);
  void released(Instant now, const Result<bool>& answer);
  // Answers which of the scanned slots are to be driven from now on, ascending: the others were
  // lost meanwhile, and what was found in them is to be thrown away. Empty if the scan failed.
  std::vector<SlotId> scanned(Instant now, bool done);
  // The store has answered a write of this life, any, that was begun at `sent`: what was answered
  // before that is durable.
  void durable(Instant now, Instant sent);
  // Of these, which the output asked to give up, nothing is in flight any more.
  void given_up(Instant now, std::span<const SlotId> slots);
  // Another host says that it has released these. A hint: a claim finds out.
  void freed(Instant now, const HostLife& by, std::span<const SlotId> slots);
  // From now on it claims none, and gives up what it drives as soon as a view names other keepers.
  void begin_leave(Instant now);
  void tick(Instant now);

  // --- output, all lists ascending ---
  struct Output {
    bool read = false;            // PoolStore::held_slots -> rows()
    std::vector<SlotId> claim;    // PoolStore::claim_slots -> claimed()
    std::vector<SlotId> release;  // PoolStore::release_slots -> released()
    std::vector<SlotId> scan;     // PoolStore::scan -> scanned()
    std::vector<SlotId> give_up;  // stop to drive them -> given_up(), in any portions
    std::vector<SlotId> freed;    // released: who is to keep them may be told -> freed()
    bool empty() const {
      return !read && claim.empty() && release.empty() && scan.empty() && give_up.empty() &&
             freed.empty();
    }
  };
  Output take_output();
  bool has_output() const { return !out_.empty(); }
  Instant next_deadline() const { return deadline_; }

  // --- queries ---
  bool drives(SlotId slot) const { return slots_[slot].phase == Phase::kDriven; }
  // It holds nothing, and nothing that it asked for can make it hold something.
  bool holds_none() const;
  // The store said that this life is fenced. It asks for nothing any more.
  bool fenced() const { return fenced_; }
  uint64_t view_number() const { return view_number_; }
  // Who should hold the slot by the newest view; empty: nobody.
  const HostLife& keeper(SlotId slot) const;
  // Which other host held its row when they were last read, and did not say since that it has
  // released it; empty: none. It drives the slot until then, whatever the view says.
  const HostLife& holder(SlotId slot) const;
  SlotCounts counts() const;

 private:
  enum class Phase : uint8_t {
    kNone,
    kClaiming,  // in the claim that is under way
    kHeld,      // to be scanned
    kScanning,  // in the scan that is under way
    kDriven,
    kStopping,   // the node was asked to give it up
    kReleasing,  // in the release that is under way
  };
  enum class Row : uint8_t {
    kUnread,
    kFree,  // clear, or its holder is fenced
    kOurs,
    kTaken,  // by another that lives
  };
  struct Slot {
    Phase phase = Phase::kNone;
    Row row = Row::kUnread;
    bool should = false;
    bool doubtful = false;  // a claim or release of it has an unknown outcome
    uint16_t holder = 0;    // of kTaken: its place in holders_
    Instant waits_since = kNever;
  };
  // When one kind of request may be sent again; each failure in a row doubles the pause before it.
  struct Request {
    bool under_way = false;
    Instant at{};
    Duration pause{};
    bool due(Instant now) const { return !under_way && at <= now; }
    void settled(Instant now, bool well);
  };

  void host_set(const ClusterView& view);
  void compare_soon(Instant now);
  // How many of them are wanted here, and were its own until now.
  size_t mark_freed(const HostLife& by, std::span<const SlotId> slots);
  // What has settled came out as expected.
  void compare_after(Instant now);
  void end_fenced();
  // All that follows from what is known now; after every input.
  void advance(Instant now);
  void stop_and_scan(Instant now);
  void read_and_write(Instant now);
  template <class Belongs>
  void write(Instant now, Request& request, Phase phase, std::vector<SlotId>& out, Belongs belongs);
  bool wanted(const Slot& slot) const {
    return slot.should && (!leaving_ || (slot.phase == Phase::kDriven && !gives_all_));
  }
  bool waits_for_its_turn(SlotId id, size_t leaving) const;
  bool may_drive(const Slot& slot) const { return wanted(slot) && slot.row == Row::kOurs; }
  // Nothing is to be done or awaited about it.
  bool settled(const Slot& slot) const;

  SlotsConfig config_;
  SlotMap map_;
  std::vector<HostLife> lives_;  // by number in map_; empty where it is not in the view
  uint64_t view_number_ = 0;
  bool leaving_ = false;
  bool gives_all_ = false;  // it leaves, and no view has come that names others
  Instant gives_all_at_{};
  bool fenced_ = false;
  bool compare_ = false;  // there is cause to read the rows that no read under way has seen
  std::array<Slot, kSlots> slots_{};
  std::vector<HostLife> holders_;  // of rows that others hold
  // Said while the rows are being read.
  std::vector<std::pair<HostLife, std::vector<SlotId>>> freed_meanwhile_;
  bool writes_next_ = false;  // the rows have been read, and nothing was written since
  Request read_;
  Request claim_;
  Request release_;
  Request scan_;
  Instant released_at_ = kNever;  // the last one of releases that may be lost yet
  Instant read_at_{};             // when they were asked for last
  Instant told_at_ = kNever;      // when another last said that it released what is wanted here
  size_t taken_before_ = kSlots;  // wanted slots that others had, as far as reads and they told
  Instant deadline_ = kNever;
  Output out_;
};

}  // namespace phoenix
