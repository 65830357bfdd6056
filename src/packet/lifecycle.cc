#include "packet/lifecycle.h"

#include <algorithm>
#include <array>

namespace phoenix {
namespace {

using S = Status;
using E = Event;
constexpr std::nullopt_t kNone = std::nullopt;

constexpr std::array<LifecycleRow, kLifecycleRows> kTable = {{
    {kNone, E::kCreate, false, S::kPending},
    {kNone, E::kCreate, true, S::kAssigned},
    {S::kPending, E::kGrant, true, S::kAssigned},
    {S::kPending, E::kCancel, false, S::kCanceled},
    {S::kPending, E::kExpire, false, S::kExpired},
    {S::kPending, E::kReject, false, S::kRejected},

    {S::kAssigned, E::kStart, false, S::kRunning},
    {S::kAssigned, E::kCheckpoint, false, S::kRunning},
    {S::kAssigned, E::kComplete, false, S::kCompleted},
    {S::kAssigned, E::kFail, false, S::kPending},
    {S::kAssigned, E::kGiveUp, false, S::kFailed},
    {S::kAssigned, E::kRelease, false, S::kPending},
    {S::kAssigned, E::kHandoff, true, S::kAssigned},
    {S::kAssigned, E::kHandoff, false, S::kPending},
    {S::kAssigned, E::kLose, true, S::kAssigned},
    {S::kAssigned, E::kLose, false, S::kPending},
    {S::kAssigned, E::kLoseForGood, false, S::kFailed},
    {S::kAssigned, E::kEvict, true, S::kAssigned},
    {S::kAssigned, E::kEvict, false, S::kPending},
    {S::kAssigned, E::kTimeout, false, S::kPending},
    {S::kAssigned, E::kTimeoutForGood, false, S::kFailed},
    {S::kAssigned, E::kCancel, false, S::kCanceled},
    {S::kAssigned, E::kExpire, false, S::kExpired},
    {S::kAssigned, E::kTicket, false, S::kAssigned},

    {S::kRunning, E::kStart, false, S::kRunning},
    {S::kRunning, E::kCheckpoint, false, S::kRunning},
    {S::kRunning, E::kComplete, false, S::kCompleted},
    {S::kRunning, E::kFail, false, S::kPending},
    {S::kRunning, E::kGiveUp, false, S::kFailed},
    {S::kRunning, E::kRelease, false, S::kPending},
    {S::kRunning, E::kHandoff, true, S::kAssigned},
    {S::kRunning, E::kHandoff, false, S::kPending},
    {S::kRunning, E::kLose, true, S::kAssigned},
    {S::kRunning, E::kLose, false, S::kPending},
    {S::kRunning, E::kLoseForGood, false, S::kFailed},
    {S::kRunning, E::kEvict, true, S::kAssigned},
    {S::kRunning, E::kEvict, false, S::kPending},
    {S::kRunning, E::kTimeout, false, S::kPending},
    {S::kRunning, E::kTimeoutForGood, false, S::kFailed},
    {S::kRunning, E::kCancel, false, S::kCanceled},
    {S::kRunning, E::kExpire, false, S::kExpired},
    {S::kRunning, E::kTicket, false, S::kRunning},

    // One row each for the three dead letters: where a retry leads is the placement's answer.
    {S::kFailed, E::kRetry, false, S::kPending},
    {S::kCanceled, E::kRetry, false, S::kPending},
    {S::kExpired, E::kRetry, false, S::kPending},
}};

constexpr std::array<std::string_view, kEvents> kNames = {
    "created",        "assigned", "started",         "checkpointed", "completed",
    "attempt-failed", "failed",   "released",        "handed-off",   "owner-lost",
    "owners-lost",    "evicted",  "attempt-timeout", "timed-out",    "canceled",
    "expired",        "retried",  "rejected",        "ticketed"};

// (from + 1) * kEvents * 2 + event * 2 + grants -> row + 1, 0 = none.
constexpr auto make_index() {
  std::array<uint8_t, (kStatuses + 1) * kEvents * 2> index{};
  for (size_t row = 0; row < kTable.size(); ++row) {
    const size_t from = kTable[row].from ? static_cast<size_t>(*kTable[row].from) + 1 : 0;
    index[(from * kEvents + static_cast<size_t>(kTable[row].event)) * 2 + kTable[row].grants] =
        static_cast<uint8_t>(row + 1);
  }
  return index;
}
constexpr auto kIndex = make_index();

void keep_answer(Packet& next, const Packet& before, const Change& change) {
  KeptAnswer kept;
  kept.epoch = before.epoch;
  kept.revision = next.revision;
  kept.call = *change.kept_call;
  kept.status = next.status;
  kept.member = before.owner ? before.owner->id : std::string();
  kept.digest = change.kept_digest;
  next.kept.reserve(next.kept.size() + 1);  // most packets keep one: no room to grow
  next.kept.push_back(std::move(kept));
  if (next.kept.size() > kKeptAnswers) next.kept.erase(next.kept.begin());
}

void apply_contents(Packet& next, const Change& change) {
  for (const auto& [kind, content] : change.contents) {
    ContentInfo& info = next.contents[static_cast<size_t>(kind)];
    info = {};
    if (!content) continue;
    info.present = true;
    info.is_json = content->is_json;
    info.size = static_cast<uint32_t>(content->data.size());
    info.revision = next.revision;
  }
}

// Events by which the owner itself says that it is done with the packet.
bool owner_stops(Event event) {
  return event == E::kComplete || event == E::kFail || event == E::kGiveUp ||
         event == E::kRelease || event == E::kHandoff;
}

// What a row means for counters and ownership.
void apply_row(Packet& next, const Change& change, Status to) {
  if (change.to || owner_stops(change.event)) next.ticket_ms = 0;
  switch (change.event) {
    case E::kCheckpoint:
      next.losses = 0;
      break;
    case E::kFail:
    case E::kGiveUp:
    case E::kTimeout:
    case E::kTimeoutForGood:
      ++next.attempts;
      break;
    case E::kLose:
    case E::kLoseForGood:
      next.losses += change.charge_loss ? 1 : 0;
      break;
    case E::kRetry:
      next.attempts = next.losses = 0;
      break;
    default:
      break;
  }
  const bool stays = change.event == E::kCheckpoint || change.event == E::kTicket;
  if (!stays) {
    next.owner = change.to;
    next.checkpoint_seq = 0;
    next.avoid = change.avoid;
    if (change.to) ++next.epoch;
  }
  next.parked = to == S::kPending ? change.parked : std::nullopt;
  if (change.checkpoint_seq) next.checkpoint_seq = *change.checkpoint_seq;
  if (change.required) {
    next.required = *change.required;
    next.placement_point = change.placement_point;
  }
  if (change.governed) next.governed = change.governed;
  if (change.ticket_ms) next.ticket_ms = *change.ticket_ms;
  if (change.last_error) next.last_error = change.last_error;
}

HistoryEntry entry_of(const Packet& before, const Packet& next, const Change& change, WallMs now) {
  HistoryEntry entry;
  entry.at = now;
  entry.epoch = next.epoch;
  entry.revision = next.revision;
  entry.event = event_name(change.event);
  if (next.owner) entry.owner = next.owner->id;
  if (before.owner != next.owner) {
    if (before.owner) entry.from = before.owner->id;
    if (next.owner) entry.to = next.owner->id;
  }
  entry.reason = change.reason;
  return entry;
}

// `wanted` starts as the head before it, and becomes the next one where it stands: heads are large,
// and this is done for every change of every packet.
Transition finish(const Packet& before, std::shared_ptr<Packet> wanted, const Change& change,
                  size_t row, WallMs now) {
  Packet& next = *wanted;
  const Status to = kTable[row].to;
  next.status = to == S::kRunning ? S::kAssigned : to;
  next.revision = before.revision + 1;
  next.updated_at = now;
  apply_row(next, change, to);
  apply_contents(next, change);
  next.ended_at = is_terminal(to) ? now : kNoWall;
  if (change.kept_call) keep_answer(next, before, change);
  Transition done;
  done.entry = entry_of(before, next, change, now);
  done.head = std::move(wanted);
  done.row = row;
  done.notes = change.notes;
  return done;
}

}  // namespace

std::string_view event_name(Event event) { return kNames[static_cast<size_t>(event)]; }

std::span<const LifecycleRow> lifecycle_table() { return kTable; }

std::optional<size_t> lifecycle_row(std::optional<Status> from, Event event, bool grants) {
  const size_t state = from ? static_cast<size_t>(*from) + 1 : 0;
  const uint8_t row = kIndex[(state * kEvents + static_cast<size_t>(event)) * 2 + grants];
  if (row == 0) return std::nullopt;
  return row - 1;
}

std::optional<Transition> transition(const Packet& head, Status status, const Change& change,
                                     WallMs now) {
  const auto row = lifecycle_row(status, change.event, change.to.has_value());
  if (!row) return std::nullopt;
  return finish(head, std::make_shared<Packet>(head), change, *row, now);
}

Transition create(Packet draft, const Change& change, WallMs now) {
  const size_t row = change.to ? 1 : 0;
  draft.created_at = now;
  static const Packet kNothing = {};
  return finish(kNothing, std::make_shared<Packet>(std::move(draft)), change, row, now);
}

int64_t attempt_backoff_ms(uint32_t attempts) {
  if (attempts == 0) return 0;
  return std::min<int64_t>(60'000, int64_t{1000} << std::min<uint32_t>(attempts - 1, 10));
}

int64_t loss_backoff_ms(uint32_t losses) {
  if (losses < 3) return 0;
  return std::min<int64_t>(60'000, int64_t{1000} << std::min<uint32_t>(losses - 3, 10));
}

}  // namespace phoenix
