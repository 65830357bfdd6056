// The packet's lifecycle: one table, one transition function.
//
//                 create
//                   |
//        +----------+-----------+          grant: an eligible member is found
//        v                      v
//     PENDING ----grant----> ASSIGNED --start/checkpoint--> RUNNING
//        ^                      |                              |
//        |   fail, release, timeout; lose, evict, handoff      |
//        +---------------- without a next owner ---------------+
//                               |                              |
//          lose, evict, handoff with a next owner: ASSIGNED at epoch + 1
//                               |                              |
//     complete -> COMPLETED   give-up, lost-for-good, time-out-for-good -> FAILED
//     cancel -> CANCELED      expire -> EXPIRED          (cancel and expire from PENDING too)
//     reject -> REJECTED, from PENDING: what had to be approved was not
//     FAILED, CANCELED, EXPIRED --retry--> PENDING or ASSIGNED, counters 0
//
// RUNNING is never durable: a stored head says ASSIGNED, and whether it was started is soft. Each
// durable change adds 1 to the revision; each grant adds 1 to the epoch.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "packet/packet.h"

namespace phoenix {

enum class Event : uint8_t {
  kCreate,
  kGrant,  // placed
  kStart,  // soft, not durable
  kCheckpoint,
  kComplete,
  kFail,    // by its owner, another attempt follows
  kGiveUp,  // by its owner, the last attempt
  kRelease,
  kHandoff,
  kLose,         // its owner is lost
  kLoseForGood,  // once too often
  kEvict,        // taken from its owner, who is not blamed: drain, operator, not taken in time
  kTimeout,      // the attempt took too long
  kTimeoutForGood,
  kCancel,
  kExpire,  // the deadline has passed
  kRetry,
  kReject,
  kTicket,  // its owner may be given tickets that are good for so long
};
inline constexpr int kEvents = 19;
// "created", "assigned", "completed", "lost", ... as history and events show it.
std::string_view event_name(Event event);

struct LifecycleRow {
  std::optional<Status> from;  // nullopt: it does not exist yet
  Event event;
  bool grants;  // with a next owner in the same commit
  Status to;
};
std::span<const LifecycleRow> lifecycle_table();
// Index of the row, or nullopt: not possible in that state.
std::optional<size_t> lifecycle_row(std::optional<Status> from, Event event, bool grants);
inline constexpr size_t kLifecycleRows = 45;

// A durable change that is wanted.
struct Change {
  Event event = Event::kGrant;
  std::optional<Owner> to;                           // grants
  std::optional<Parked> parked;                      // Requires: given if the row leads to PENDING
  bool charge_loss = false;                          // kLose: it had been delivered
  std::string avoid;                                 // member to be passed over next time
  std::optional<std::vector<std::string>> required;  // kHandoff by capabilities
  Position placement_point = 0;                      // with `required`
  std::vector<ContentWrite> contents;
  std::shared_ptr<const LastError> last_error;
  std::optional<uint64_t> checkpoint_seq;
  // For owner's calls that end the epoch: what to keep.
  std::optional<Call> kept_call;
  Digest kept_digest{};
  std::string reason;
  std::shared_ptr<const Governed> governed;  // from now on; null: as before
  std::optional<uint32_t> ticket_ms;         // likewise
  std::vector<std::string> notes;            // sentences that the record is to keep beside it
};

struct Transition {
  std::shared_ptr<Packet> head;  // fresh, and the caller's alone
  HistoryEntry entry;
  size_t row = 0;
  std::vector<std::string> notes;  // of the change
};

// The head after `change`. `status` is the present one including RUNNING. nullopt: the table has no
// such row; nothing happened. Pure.
std::optional<Transition> transition(const Packet& head, Status status, const Change& change,
                                     WallMs now);
// The first head of a packet; change.event is kCreate. `draft` has key, spec, required and points.
Transition create(Packet draft, const Change& change, WallMs now);

// Backoffs, in milliseconds: 1 s * 2^(n-1), at most 60 s; losses wait from the third on.
int64_t attempt_backoff_ms(uint32_t attempts);
int64_t loss_backoff_ms(uint32_t losses);

}  // namespace phoenix
