// What is durable, kept apart from node and store: every change the store has taken, packet by
// packet, revision by revision. The other checkers compare with it. Checks by itself that epochs
// and revisions only grow and that an epoch has one owner (I1), that an owner is alive (I3), that
// what is finished stays so (I2), and that a change of owner has a cause (I5).
//
// Where several hosts share the store, an owner's end and the evictions that follow from it are
// several commits: what is left with an owner who is gone is then for others to bound.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sim/check/handoffs.h"
#include "sim/check/violation.h"
#include "store/store.h"

namespace phoenix::sim {

using Complain = std::function<void(Invariant, std::string)>;

class Shadow {
 public:
  struct Revision {
    uint64_t epoch = 0;
    Status status = Status::kPending;
    std::optional<Owner> owner;
    std::string event;
  };
  struct Track {
    PacketPtr head;
    std::vector<Revision> revisions;  // [i] is revision i + 1
    Instant since;                    // of the newest revision
    Instant granted_at;               // of the newest epoch
    uint64_t handed_out_epoch = 0;    // newest epoch that a delivery carried
    uint64_t listed_epoch = 0;        // newest epoch that an attach named as held
    bool lost_by_lease = false;       // the newest loss of an owner was the end of a session
    const Revision* at(uint64_t revision) const {
      return revision == 0 || revision > revisions.size() ? nullptr : &revisions[revision - 1];
    }
  };
  // A packet went to a next owner after a session's end.
  using OnRegrant = std::function<void(const PacketKey&, uint64_t epoch)>;

  // Where several hosts share the store: has all been well for a while? Else a keeper that has not
  // heard where an owner went may take back what it thinks that nobody was given.
  std::function<bool()> calm{};

  Shadow(Complain complain, OnRegrant on_regrant, bool shared)
      : complain_(std::move(complain)), on_regrant_(std::move(on_regrant)), shared_(shared) {}

  // truth[i]: has the store really taken groups[i].
  void committed(Instant now, std::span<const Group> groups, const std::vector<bool>& truth);
  // The whole store again, after a crash: nothing that stood here may be missing.
  void compare(Store& store);
  void handed_out(const PacketKey& key, uint64_t epoch);
  void listed(const PacketKey& key, uint64_t epoch);
  void ordered(const PacketKey& key);

  const std::map<PacketKey, Track>& packets() const { return packets_; }
  const Track* find(const PacketKey& key) const;
  const std::set<PacketKey>& live() const { return live_; }
  const std::map<MemberKey, MemberRecord>& members() const { return members_; }
  const std::map<std::string, SessionRecord>& sessions() const { return sessions_; }
  bool alive(std::string_view ns, const Owner& owner) const;
  // Is, or was, this life of the member the session's. A life belongs to one session only.
  bool was_of(const std::string& session, const Owner& owner) const;
  uint64_t lapses() const { return lapsed_.size(); }
  const HandoffCounts& handoffs() const { return handoffs_; }

 private:
  void apply(Instant now, const Group& group);
  void check_expectations(const Group& group);
  void put_member(const PutMember& put, std::set<std::string>& leavers);
  void put_session(const SessionRecord& record);
  void apply_packet(Instant now, const PutPacket& put, const std::set<std::string>& leavers,
                    bool lapse);
  SignerOf signers() const;
  void check_growth(const Packet* before, const Packet& after);
  void check_cause(const Track& track, const PutPacket& put, const std::set<std::string>& leavers);
  void check_owners_alive();

  Complain complain_;
  OnRegrant on_regrant_;
  bool shared_;
  HandoffCounts handoffs_;
  std::map<PacketKey, Track> packets_;
  std::set<PacketKey> live_;
  std::map<PacketKey, uint64_t> orders_;  // changes that operators asked for and that may yet come
  std::map<MemberKey, MemberRecord> members_;
  std::map<std::string, SessionRecord> sessions_;
  std::map<std::string, std::set<std::pair<std::string, uint64_t>>> lives_;  // by session, all ever
  std::set<std::pair<std::string, uint64_t>> lapsed_;  // lives that silence has ended
};

}  // namespace phoenix::sim
