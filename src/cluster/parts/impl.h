// The state of a Cluster. Private to src/cluster: cluster.h is the contract.
//
// Inputs change the parts at once; what the parts then want of each other is carried round in
// settle(), when the output is taken, until nobody wants anything any more.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/calls.h"
#include "cluster/cluster.h"
#include "cluster/slots.h"

namespace phoenix {

// How often others are told, at most, that something was written.
inline constexpr Duration kWroteEvery = milliseconds(20);

struct Cluster::Impl final : Whereabouts {
  explicit Impl(const ClusterConfig& wanted);

  void begin(Now at) {
    now = at;
    dirty = true;
  }

  // --- routing.cc ---
  Destination of_slot(SlotId slot) const override;
  Destination of_host(const HostLife& host) const override;
  Destination of_text(std::string_view text) const override;
  std::optional<SlotId> slot_of_packet(const PacketKey& key) const override;
  std::optional<HostLife> home_of_session(const std::string& session) const override;
  std::optional<HostLife> home_of_member(const MemberKey& key) const override;
  SlotId slot_of_new(const SubmitItem& item) const override;
  bool has_store() const override { return config.has_store; }
  void promise(const Caller& caller, CommandBody& body);
  void received(Now at, const HostLife& from, PeerMessage message);
  void loaded(Now at, const PacketKey& key, Result<PacketLookup> lookup);
  void settle();
  void take_calls();
  void take_node();
  void take_slots();
  void tell_freed(const std::vector<SlotId>& freed);
  void tell(NodeMessageOut told);
  void tell_written();
  Wrote written() const;

  // --- pool.cc ---
  void view_changed(Now at, const ClusterView& next);
  void beat(Now at, Instant sent, const Beat& beat);
  void scanned(Now at, Result<ScannedSlots> found);
  void home_records(Now at, const HostLife& home, Result<PoolStore::HomeRecords> found);
  void records(Now at, Result<PoolStore::HomeRecords> found);
  void compared(const Result<RecordPage>& page);
  void note_home(const SessionRecord& record);
  void drop_home(const HostLife& home);
  void learn(Now at, PoolStore::HomeRecords found);
  void ask_for_homes();
  void ask_for_records();
  void ask_to_compare();
  void want_to_compare();
  void look_whether_known();
  uint64_t revision_of(const MemberKey& key) const;  // that is known here; 0: none
  uint64_t revision_of(const std::string& session) const;
  void tell_node_view(Now at);
  void enter_view();
  void claim(const std::vector<SlotId>& wanted);
  bool end_work();
  bool left() const;
  bool in_view(const HostLife& life) const;
  SlotId session_slot(const std::string& session) const;
  void tick(Now at);
  Instant deadline() const;
  void add_to(Health& health, Now at) const;

  ClusterConfig config;
  bool alone;
  Node node;
  Slots slots;
  Calls calls;
  Now now;
  bool dirty = false;

  ClusterView view;
  std::vector<HostLife> lives;  // of the view, ordered
  bool entered = false;         // this life was in a view
  bool shuts_down = false;
  bool leaves = false;
  std::optional<Instant> ended_at;  // it leaves, and drives nothing since then
  std::vector<SlotId> claims;       // wait until all records are known
  std::set<HostLife> links;         // that are up
  std::set<PacketKey> node_loads;

  std::map<HostLife, Wrote> live_of;  // by those to whom there is a link
  Wrote told_last;                    // to them
  bool wrote = false;                 // since then
  Instant wrote_at;                   // when that was

  // A home that is not in the view, while its sessions may be left to somebody.
  struct Dropped {
    enum class Records : uint8_t { kWanted, kAsked, kKnown };
    Records records = Records::kWanted;
    Instant since;                  // known here to be dropped
    std::optional<Instant> silent;  // it renewed nothing since then, at least
  };
  std::map<HostLife, Dropped> dropped;
  std::set<std::pair<Instant, HostLife>> homes_to_ask;  // of these; some are not wanted any more
  std::set<HostLife> asked_homes;                       // requests that are under way
  std::set<HostLife> homes;                             // of sessions; until there is a view

  // What is known of members and sessions, with what stands in the store: from the start of a pass
  // to its last page. News are told once, so whatever may have been missed begins another pass.
  struct Comparing {
    bool wanted = false;  // another pass
    Instant at;           // not before
    bool on = false;
    bool asked = false;
    RecordPlace after;
    bool first = true;    // no page of it has come yet
    size_t seen = 0;      // records of this pass
    bool passed = false;  // all pages of one have come
  };
  Comparing comparing;
  // This life has entered the view, and not yet read what others have written before: these are
  // known to be missing, beside those of the first pass.
  bool behind = false;
  std::set<MemberKey> unread_members;
  std::set<std::string> unread_sessions;

  bool records_asked = false;
  Instant records_at;                  // not before
  std::optional<Instant> store_heard;  // when it last renewed this host's hold
  std::set<MemberKey> wanted_members;
  std::set<std::string> wanted_sessions;
  // With the revision that is known here when the store is asked; 0: none.
  std::vector<std::pair<MemberKey, uint64_t>> asked_members;
  std::vector<std::pair<std::string, uint64_t>> asked_sessions;
  ClusterOutput out;
};

}  // namespace phoenix
