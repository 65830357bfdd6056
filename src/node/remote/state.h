// What a Node knows of other hosts, beside the parts that it has anyway. Private to src/node.
//
//   slots    which of the 4,096 this host drives, and which it is about to let go
//   foreign  packets that other hosts keep and whose owners have their home here
//   orphans  packets kept here whose owners are lost by what other hosts have said: they wait for
//            their turn to be placed anew, so many at once and no more
//   asked    commands that wait for newer records
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/host_life.h"
#include "directory/directory.h"
#include "keeper/packet_table.h"
#include "keeper/timers.h"
#include "node/command.h"
#include "node/remote.h"
#include "node/remote/foreign.h"
#include "node/remote/newest.h"
#include "node/remote/shares.h"

namespace phoenix {

enum class SlotHold : uint8_t { kNone, kDriven, kLeaving };

// Why the owner of a packet that is kept here was lost.
struct Loss {
  EndCause cause = EndCause::kLease;
  bool drained = false;
  bool blameless = false;  // nobody is charged
  uint32_t life = 0;       // of the packet's place in the table
};

// An attach whose answer waits for what its session's members hold, by the store.
struct AttachedHere {
  Command command;
  std::string session;
  std::vector<MemberKey> members;
};
// The question to the store that is under way, for attaches or to check what is here.
struct AskedHeld {
  std::vector<AttachedHere> attaches;  // none: a check
  std::vector<MemberKey> members;
  Instant at;
};

// A packet that nobody here took in this epoch, while this revision of its owner's session stood.
struct GivenBack {
  uint64_t epoch = 0;
  std::string session;
  uint64_t revision = 0;
  bool operator==(const GivenBack&) const = default;
};

// Why nothing is known of what a member holds that is at home elsewhere.
enum class Unheard : uint8_t { kJoined, kMoved };

// A home that is not in the view, whose sessions this host may have to take.
struct LostHome {
  Instant silent;  // it has renewed nothing since then, at least
  Instant act_at;  // not before
};

// What a home says of a member's load: nearly all hosts of a large pool keep nothing of it, and are
// told the same.
struct LoadWord {
  uint32_t to_most = 0;
  std::vector<std::pair<HostLife, uint32_t>> but;  // others, ordered

  uint32_t to(const HostLife& host) const;
  void set(const HostLife& host, uint32_t load);
  bool none() const { return to_most == 0 && but.empty(); }
};

struct Remote {
  bool on = false;  // there are other hosts, or may be

  // --- slots ---
  std::vector<SlotHold> slots;
  struct Leaving {
    SlotNo no;
    uint32_t life;
  };
  std::map<SlotId, std::vector<Leaving>> leaving;  // what is not forgotten yet
  // Where packets that are kept elsewhere lie; never changes while they live.
  Newest<PacketKey, Position, 65'536> points;

  // --- hosts ---
  Shares::Keepers view = std::make_shared<const std::vector<HostLife>>();  // ordered
  bool has_view = false;
  std::function<bool(const std::string&)> mine;
  std::map<HostLife, LostHome> lost_homes;
  Instant adopt_next = kNever;     // when the next of these is to be acted on; past: look again
  std::set<SessionNo> at_home;     // whose home is this host
  std::set<SessionNo> homeless;    // all active ones whose home is in lost_homes; and some who were
  std::set<std::string> adopting;  // sessions, while the write is on its way
  Instant adopt_after;             // a write of that kind has failed
  std::optional<Instant> hold;     // this host's own hold was renewed then

  // --- as a home ---
  ForeignTable foreign;
  // Newest epochs that are known to be over.
  Newest<PacketKey, uint64_t, 16'384> withdrawn;
  Newest<PacketKey, GivenBack, 16'384> given_back;
  std::map<HostLife, std::set<PacketKey>> named;       // by a DeliverAll that goes on
  std::vector<std::pair<HostLife, Deliver>> deferred;  // until a write about the owner has settled
  std::set<MemberNo> loads_changed;
  std::set<MemberNo> introduced;  // whose load is told though it may be none
  Instant loads_due = kNever;
  std::map<MemberNo, LoadWord> loads_told;  // what is not none
  std::map<MemberNo, Shares> shares;        // of members that several keepers wait for
  std::map<HostLife, std::set<MemberNo>>
      asks;  // what they have given these is asked with the loads
  Instant shares_due = kNever;
  Instant check_at = kNever;

  // --- as a keeper ---
  std::deque<std::pair<SlotNo, uint32_t>> orphans;  // with their lives
  std::map<SlotNo, Loss> losses;
  size_t orphans_on_their_way = 0;
  // Members on which nothing is placed until then; those who come together have one time for all.
  std::map<Instant, std::vector<MemberNo>> shut;
  std::map<MemberNo, Unheard> unheard;  // those of them whose homes have not said what they hold
  // Members of whose load that host has told, by a link that was lost since: whom it does not name
  // anew holds nothing more that it knows of.
  std::map<HostLife, std::set<MemberNo>> unconfirmed;
  Timers<Instant> offers;  // deliveries by the time they were told, with lives
  std::map<std::pair<HostLife, MemberNo>, uint32_t> manual_loads;

  // --- records ---
  // By number: known when comparing began, and not seen in the store since.
  std::vector<bool> unseen_members;
  std::vector<bool> unseen_sessions;
  Records news;  // to be told to all
  std::unordered_map<RequestId, uint8_t> tries;
  struct Asked {
    Instant until;
    std::string name;  // in `blocked`
    RequestId request;
  };
  std::deque<Asked> asked;  // by `until`
  uint64_t next_query = 0;
  std::map<uint64_t, AskedHeld> queries;
  std::deque<AttachedHere> attached;  // for the next of these: all that came meanwhile go into one
};

// Names of deliveries in an outbox: places of the packet table, or of the foreign table.
inline constexpr uint32_t kForeignToken = uint32_t{1} << 31;
constexpr bool is_foreign(uint32_t token) { return (token & kForeignToken) != 0; }

}  // namespace phoenix
