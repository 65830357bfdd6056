// The host's members and their sessions: durable records beside what is soft of them (leases,
// streams, what they hold). Tables and lookups only; when a lease ends and what then happens is
// decided above. Numbers are dense, stable while the entry exists, and given again afterwards.
// Single-threaded.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/host_life.h"
#include "base/time.h"
#include "directory/chunks.h"
#include "directory/member.h"
#include "directory/member_list.h"
#include "directory/number_index.h"
#include "directory/outbox.h"
#include "directory/rare.h"
#include "ring/placement.h"

namespace phoenix {

using MemberNo = uint32_t;
using SessionNo = uint32_t;
inline constexpr uint32_t kNobody = ~uint32_t{0};

// What a member has to do here. Of those at home elsewhere most have nothing.
struct MemberWork {
  std::vector<uint32_t> held;    // slots of its packets, in no order
  uint32_t incoming = 0;         // grants to it that are on their way to the store
  uint32_t incoming_load = 0;    // of those
  uint32_t kept_back = 0;        // at its home: room that is for other keepers, counted as load
  Instant shut_until;            // its home has turned a packet away: placed on nothing until then
  Instant drain_until = kNever;  // while DRAINING
  WallMs last_seen = 0;          // of its last session here, if that has ended

  bool none(Instant now) const {
    return held.empty() && incoming == 0 && incoming_load == 0 && kept_back == 0 &&
           shut_until <= now && drain_until == kNever && last_seen == 0;
  }
};

struct Member {
  std::shared_ptr<const MemberRecord> record;
  MemberIndex ring = kNoMember;  // kNoMember: not on the ring
  SessionNo session = kNobody;   // of the record's session, if it is known
  uint32_t listed_at : 30 = 0;   // where its session's record lists it, or did
  bool busy : 1 = false;         // a write of its record is on its way
  bool ending : 1 = false;       // about to lose its session or to retire: off the ring
  // Load of its packets that other hosts keep, as its home counts it and tells the others.
  uint32_t foreign_load = 0;
  Rare<MemberWork> work;

  // Before its present session.
  WallMs last_seen() const { return std::max(record->updated_at, work->last_seen); }
};
// There is one for each member of the pool at each host.
static_assert(sizeof(Member) <= 40);

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

// What a session has at its home: what it is told, who waits for that, and how its lease stands.
struct Attachment {
  Outbox outbox;
  std::vector<Waiter> waiters;  // oldest first; at most kMaxWaiters
  static constexpr size_t kMaxWaiters = 64;

  Instant heard_at;                  // arrival of the last call with its token
  WallMs heard_wall = 0;             // the same; its members were seen then
  std::optional<Instant> broken_at;  // its last stream was closed by its end
  uint32_t streams = 0;
  Instant armed = kNever;  // the one valid entry of the timer heap
  uint32_t drain_told = 0;
  uint32_t drain_none = 0;    // the version of which it is known that nobody drains
  bool drain_shown = false;   // the last answer asked it to drain
  bool fresh_offers = false;  // it is asked to accept what no answer has carried yet

  // Its lease begins anew.
  void begin(Instant now) {
    heard_at = now;
    broken_at.reset();
  }
};

struct Session {
  std::shared_ptr<const SessionRecord> record;
  MemberList members;  // those that it holds now
  Rare<Attachment> attached;
  uint32_t drain_version = 0;      // grows when what `drain` says changes
  bool called : 1 = false;         // since the host's start
  bool renewed : 1 = false;        // its present token has been used in this life of the host
  bool busy : 1 = false;           // a write of its record is on its way
  bool here : 1 = true;            // its home is this host, or there is but one
  bool reachable : 1 = true;       // its home is a host of the view
  std::optional<EndCause> ending;  // it is about to end; takes no calls until it has

  Duration lease() const { return seconds(record->lease_seconds); }
  bool active() const { return record->active(); }
  // When silence ends it: the lease, or while broken twice the grace in its place.
  Instant expires() const;
};
static_assert(sizeof(Session) <= 48);

class Directory {
 public:
  // The key guards the lookups against ids that were chosen to collide.
  explicit Directory(const RingKey& key = {}) : by_key_(key), by_session_(key) {}

  MemberNo add_member(std::shared_ptr<const MemberRecord> record);
  void drop_member(MemberNo no);
  SessionNo add_session(std::shared_ptr<const SessionRecord> record);
  void drop_session(SessionNo no);
  // The next record of the same key, or the same id: these alone may put one in another's place.
  void replace_member(MemberNo no, std::shared_ptr<const MemberRecord> record);
  void replace_session(SessionNo no, std::shared_ptr<const SessionRecord> record);

  Member& member(MemberNo no) { return members_[no]; }
  const Member& member(MemberNo no) const { return members_[no]; }
  Session& session(SessionNo no) { return sessions_[no]; }
  const Session& session(SessionNo no) const { return sessions_[no]; }

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
  SessionNo session_numbers() const { return static_cast<SessionNo>(sessions_.end()); }
  bool has_session(SessionNo no) const { return sessions_[no].record != nullptr; }
  MemberNo member_numbers() const { return static_cast<MemberNo>(members_.end()); }
  bool has_member(MemberNo no) const { return members_[no].record != nullptr; }

  // Is there a session that has its home there, ended ones too?
  bool has_sessions_of(const HostLife& home) const { return homes_.contains(home); }
  // Those without a session of their own.
  const std::set<MemberNo>& manual_members() const { return manual_; }

 private:
  void list(MemberNo no);
  void count(const HostLife& home);
  void uncount(const HostLife& home);

  Chunks<Member> members_;  // free ones have no record
  NumberIndex by_key_;
  Chunks<Session> sessions_;
  NumberIndex by_session_;
  std::set<MemberNo> manual_;
  std::map<HostLife, uint32_t> homes_;  // how many sessions each has
};

}  // namespace phoenix
