// What the host's durable event log says of the demo's packets: who owned them when, who lost them
// and why, how they ended. Every durable change of a packet is one event, also over the host's own
// crashes, so nothing accepted twice can hide here. The events of one packet or member come in
// order; between them that is not promised where several hosts write logs, so what compares a
// packet with a member goes by their times, which are those of one machine. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cli/demo/churn.h"

namespace phoenix::demo {

struct PacketEvent {
  std::string id;
  std::string event;  // created, assigned, completed, handed-off, owner-lost, …
  uint64_t epoch = 0;
  uint64_t revision = 0;
  std::string owner;  // after it
  std::string from;   // where ownership changed
  std::string to;
  WallMs at = 0;
  std::string reason = {};
};
struct MemberEvent {
  std::string id;
  std::string event;  // registered, attached, draining, detached, retired, …
  std::string reason;
  WallMs at = 0;
};

enum class Cause : uint8_t { kDeath, kFreeze, kDrain, kHandoff };
inline constexpr int kCauses = 4;

// A packet taken from a worker that was hit while it had it.
struct Loss {
  std::string packet;
  uint64_t epoch = 0;  // the lost one
  std::string worker;
};

// A packet taken from its owner for a change of membership.
struct Move {
  std::string packet;
  std::string event;  // owner-lost, evicted, owners-lost
  std::string from;
  std::string to;
  std::string reason;
  WallMs granted_at = 0;
  WallMs at = 0;
};

class Ledger {
 public:
  // The signal that a worker got last, and when, on the wall clock.
  void hit(const std::string& worker, Hit hit, WallMs at);
  void packet_event(const PacketEvent& event);
  void member_event(const MemberEvent& event);

  bool known(const std::string& packet) const { return packets_.contains(packet); }
  // Empty: nobody, or not known.
  const std::string& owner(const std::string& packet) const;
  uint64_t revision(const std::string& packet) const;
  // How many owners it has lost.
  int losses_of(const std::string& packet) const;
  // Of members: "registered", "detached", …; empty: never heard of.
  const std::string& member_state(const std::string& member) const;

  uint64_t completed() const { return completed_; }
  uint64_t failed() const { return failed_; }  // FAILED, CANCELED, EXPIRED
  uint64_t ended() const { return completed_ + failed_; }
  // Packets of which two results or two handoffs were accepted, or that changed after their end.
  uint64_t accepted_twice() const { return twice_.size(); }
  uint64_t owner_changes(Cause cause) const { return changes_[static_cast<size_t>(cause)]; }
  uint64_t moved() const { return moves_.size(); }
  // Placements that the owner's host turned away, because it knew better what the owner has in
  // hand: no change of membership, and nobody was given the packet.
  uint64_t turned_away() const { return turned_away_; }
  uint64_t placements() const { return placements_; }  // all of them, that is of epochs
  // Moves that need not have been: the owner was neither leaving nor gone, and no member that
  // joined since the packet was placed drew it. Once all events are known.
  std::vector<Move> needless() const;
  // Whether that epoch of the packet ended in a result or a handoff.
  bool fruitful(const std::string& packet, uint64_t epoch) const;
  uint64_t fruits() const { return fruits_.size(); }
  const std::vector<Loss>& losses() const { return losses_; }
  // Packets whose revisions came with a gap or out of order: the log would be incomplete.
  uint64_t broken_sequences() const { return broken_.size(); }
  // The packet that changed its owner most often, for people to look at; empty: none did.
  const std::string& most_moved() const { return most_moved_; }

 private:
  struct Entry {
    uint64_t epoch = 0;
    uint64_t revision = 0;
    std::string owner;
    WallMs granted_at = 0;
    bool ended = false;
    int results = 0;
    int handoffs = 0;
    int changes = 0;
    int losses = 0;
  };
  struct HitAt {
    Hit hit = Hit::kKill;
    WallMs at = 0;
  };
  Cause cause_of(const PacketEvent& event) const;
  bool was_leaving(const std::string& member, WallMs at) const;
  bool joined_within(const std::string& member, WallMs from, WallMs to) const;
  void left_owner(const PacketEvent& event, Entry& entry);
  void check_end(const PacketEvent& event, Entry& entry);

  std::map<std::string, Entry> packets_;
  std::map<std::string, HitAt> hits_;
  std::map<std::string, std::vector<MemberEvent>> members_;  // all that each went through
  std::set<std::pair<std::string, uint64_t>> fruits_;
  std::set<std::string> twice_;
  std::set<std::string> broken_;
  std::vector<Loss> losses_;
  std::array<uint64_t, kCauses> changes_{};
  uint64_t completed_ = 0;
  uint64_t failed_ = 0;
  std::vector<Move> moves_;
  uint64_t turned_away_ = 0;
  uint64_t placements_ = 0;
  std::string most_moved_;
  int most_changes_ = 0;
};

}  // namespace phoenix::demo
