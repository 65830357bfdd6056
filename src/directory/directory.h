// The host's members and their sessions: durable records beside what is soft of them (leases,
// streams, what they hold). Tables and lookups only; when a lease ends and what then happens is
// decided above. Numbers are dense, stable while the entry exists, and given again afterwards.
// Single-threaded.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "directory/member.h"
#include "directory/number_index.h"
#include "directory/outbox.h"
#include "ring/placement.h"

namespace phoenix {

using MemberNo = uint32_t;
using SessionNo = uint32_t;
inline constexpr uint32_t kNobody = ~uint32_t{0};

struct Member {
  std::shared_ptr<const MemberRecord> record;
  MemberIndex ring = kNoMember;  // kNoMember: not on the ring
  SessionNo session = kNobody;   // of the record's session, if it is known
  uint32_t listed_at = 0;        // where its session's record lists it, or did
  std::vector<uint32_t> held;    // slots of its packets, in no order
  uint32_t incoming = 0;         // grants to it that are on their way to the store
  uint32_t incoming_load = 0;    // of those
  // Load of its packets that other hosts keep, as its home counts it and tells the others.
  uint32_t foreign_load = 0;
  uint32_t kept_back = 0;  // at its home: room that is for other keepers, counted as load
  Instant shut_until;      // its home has turned a packet away: placed on nothing until then
  bool busy = false;       // a write of its record is on its way
  bool ending = false;     // about to lose its session or to retire: off the ring
  WallMs last_seen = 0;
  Instant drain_until = kNever;  // while DRAINING
};

// A poll that waits, or an open stream.
struct Waiter {
  uint64_t request = 0;
  bool stream = false;
  uint32_t max = 1;
  Instant until = kNever;  // a poll is answered then at the latest
  std::optional<OutboxCursor> after;
  uint64_t offers = 0;  // a stream: the newest offer that it was told
};

// Why a session ends.
enum class EndCause : uint8_t { kLease, kDisconnect, kReplaced, kRetired, kNeverCalled };

struct Session {
  std::shared_ptr<const SessionRecord> record;
  std::vector<MemberNo> members;  // those that it holds now
  Outbox outbox;
  std::vector<Waiter> waiters;  // oldest first; at most kMaxWaiters
  static constexpr size_t kMaxWaiters = 64;

  Instant heard_at;                  // arrival of the last call with its token
  WallMs heard_wall = 0;             // the same; its members were seen then
  std::optional<Instant> broken_at;  // its last stream was closed by its end
  uint32_t streams = 0;
  bool called = false;             // since the host's start
  bool renewed = false;            // its present token has been used in this life of the host
  bool busy = false;               // a write of its record is on its way
  std::optional<EndCause> ending;  // it is about to end; takes no calls until it has
  bool here = true;                // its home is this host, or there is but one
  bool reachable = true;           // its home is a host of the view
  Instant armed = kNever;          // the one valid entry of the timer heap
  uint64_t drain_version = 0;      // grows when what `drain` says changes
  uint64_t drain_told = 0;
  uint64_t drain_none = 0;    // the version of which it is known that nobody drains
  bool drain_shown = false;   // the last answer asked it to drain
  bool fresh_offers = false;  // it is asked to accept what no answer has carried yet

  Duration lease() const { return seconds(record->lease_seconds); }
  bool active() const { return record->active(); }
  // When silence ends it: the lease, or while broken twice the grace in its place.
  Instant expires() const;
};

class Directory {
 public:
  // The key guards the lookups against ids that were chosen to collide.
  explicit Directory(const RingKey& key = {}) : by_key_(key), by_session_(key) {}

  MemberNo add_member(std::shared_ptr<const MemberRecord> record);
  void drop_member(MemberNo no);
  SessionNo add_session(std::shared_ptr<const SessionRecord> record);
  void drop_session(SessionNo no);

  Member& member(MemberNo no) { return *members_[no]; }
  const Member& member(MemberNo no) const { return *members_[no]; }
  Session& session(SessionNo no) { return *sessions_[no]; }
  const Session& session(SessionNo no) const { return *sessions_[no]; }

  // True: the session's record lists the member. False: look for it.
  bool lists(SessionNo session, MemberNo member) const;

  MemberNo find_member(const MemberKey& key) const;     // kNobody: unknown
  SessionNo find_session(const std::string& id) const;  // kNobody: unknown

  // Every record that is still known: members by (namespace, id), sessions in no order that means
  // anything.
  std::vector<MemberNo> members_in_order() const;
  std::vector<SessionNo> sessions() const;
  size_t members() const { return by_key_.size(); }
  // All session numbers are below; some may be free.
  SessionNo session_numbers() const { return static_cast<SessionNo>(sessions_.size()); }
  bool has_session(SessionNo no) const { return sessions_[no] != nullptr; }
  MemberNo member_numbers() const { return static_cast<MemberNo>(members_.size()); }
  bool has_member(MemberNo no) const { return members_[no] != nullptr; }

 private:
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<MemberNo> free_members_;
  NumberIndex by_key_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<SessionNo> free_sessions_;
  NumberIndex by_session_;
};

}  // namespace phoenix
