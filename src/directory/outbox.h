// What a session is to be told: assignments and revocations, each with a growing position, kept
// until acknowledged. Decides which of them an answer carries and what its `next` is.
//
// `next` names one position for each of the two kinds: the `after` of the same call moved over what
// this very answer carries. It never passes an entry that is kept and that this answer does not
// carry, be it held back by `max`, or carried by another answer that may be lost. So giving it back
// acknowledges exactly what was received.
//
// An entry is fresh until an answer carries it; fresh entries are always the newest ones. Entries
// of packets that the session no longer holds are removed by position. Pure, single-threaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "directory/fifo.h"
#include "directory/member.h"

namespace phoenix {

enum class RevokeReason : uint8_t {
  kLease,
  kDrained,
  kEvicted,
  kReassigned,
  kCanceled,
  kExpired,
  kTimeout,
};
std::string_view revoke_reason_name(RevokeReason reason);

// (packet id, epoch) that the session must stop.
struct Revoked {
  std::string id;
  uint64_t epoch = 0;
  RevokeReason reason = RevokeReason::kLease;
};

// The decoded form of `next`: run, deliveries and revocations up to these are acknowledged.
struct OutboxCursor {
  uint64_t run = 0;
  uint64_t deliveries = 0;
  uint64_t revocations = 0;
  bool operator==(const OutboxCursor&) const = default;
};
// "<run>-<deliveries>-<revocations>", decimal.
std::string format_cursor(const OutboxCursor& cursor);
std::optional<OutboxCursor> parse_cursor(std::string_view text);

class Outbox {
 public:
  // At most this many revocations are kept; beyond, the oldest goes (its fence still holds).
  static constexpr size_t kMaxRevocations = 65'536;
  static constexpr size_t kMaxRevokedPerAnswer = 1'000;

  // A new assignment; `token` is the caller's name for it (a slot). Returns its position.
  // again: it has been carried before (attach), so it is never taken back for being untaken.
  uint64_t put(uint32_t token, uint32_t bytes, bool again, Instant now);
  void remove(uint64_t position);
  // The same entry under another name.
  void rename(uint64_t position, uint32_t token);
  // The member has begun it: it is not carried again, as if acknowledged (not after `again`).
  void started(uint64_t position);
  void revoke(std::string id, uint64_t epoch, RevokeReason reason);

  // What `after` says has arrived. Ignored if it is not of this run or beyond what was put.
  bool acknowledge(const OutboxCursor& after, uint64_t run);

  // Is there something that no answer has carried?
  bool has_fresh_delivery() const { return fresh_count_ > 0; }
  bool has_fresh_revocation() const { return fresh_revocation_ < revocations_.size(); }

  struct Limits {
    uint32_t max = 1;              // deliveries
    uint64_t max_bytes = 4 << 20;  // of payloads, but one at least
    Instant now;
    Duration repeat_after;  // without `after`: the least time between two repeats
  };
  struct Carried {
    std::vector<uint32_t> tokens;        // in the order to be sent; fresh ones first
    std::vector<uint32_t> fresh_tokens;  // those of them carried for the first time
    std::vector<Revoked> revoked;
    OutboxCursor next;
  };
  // max = 0: a heartbeat, which carries no delivery. repeats: also what was carried before and is
  // neither acknowledged nor started.
  Carried carry(const std::optional<OutboxCursor>& after, uint64_t run, const Limits& limits,
                bool repeats);

  // The oldest fresh entry that was never carried (not `again`): when it was put, and its token.
  std::optional<Instant> oldest_untaken() const;
  // Fresh, never carried entries put at or before `until`: all, or the first behind a position
  // (0: the very first).
  std::vector<uint32_t> untaken_until(Instant until) const;
  struct Untaken {
    uint64_t position = 0;
    uint32_t token = 0;
  };
  std::optional<Untaken> next_untaken(uint64_t behind, Instant until) const;
  // Forgets all entries, for a put() of everything held at new positions (attach).
  void clear_deliveries();
  // The revocations too: the session is told by another host from now on. Positions go on.
  void forget();

  size_t size() const { return live_; }
  // Position and token of all that are kept, for checks.
  std::vector<std::pair<uint64_t, uint32_t>> entries() const;

 private:
  struct Entry {
    uint64_t position = 0;
    Instant at;  // when it was put; once carried, when it was last sent
    uint32_t token = 0;
    uint32_t bytes = 0;
    bool removed = false;
    bool acknowledged = false;  // or started
    bool again = false;
    bool carried = false;
  };
  struct Revocation {
    Revoked what;
    Instant sent_at;
  };
  // The first entry at or behind `position`.
  Entry* from(uint64_t position) { return entries_.begin() + index_from(position); }
  const Entry* from(uint64_t position) const { return entries_.begin() + index_from(position); }
  size_t index_from(uint64_t position) const;
  Entry* find(uint64_t position);
  void trim();
  uint64_t next_delivery(uint64_t base, const std::vector<uint64_t>& carried) const;
  void carry_revocations(const std::optional<OutboxCursor>& after, const Limits& limits,
                         bool repeats, Carried& out);

  Fifo<Entry> entries_;  // by position
  uint64_t last_position_ = 0;
  uint64_t fresh_from_ = 1;  // everything before it has been carried
  size_t fresh_count_ = 0;   // live entries that were not carried
  size_t live_ = 0;
  uint64_t acknowledged_ = 0;

  Fifo<Revocation> revocations_;  // positions first_revocation_, first_revocation_ + 1, ...
  uint64_t first_revocation_ = 1;
  size_t fresh_revocation_ = 0;  // index into revocations_ of the first that was not carried
};

}  // namespace phoenix
