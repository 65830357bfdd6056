// Makes certificates of who has left. Private to src/node.
//
// What a certificate says must stay so, whatever becomes of the hosts, and none of them is asked at
// an assignment. So it is made in steps, each of which holds from then on:
//
//   1. The member's end is durable. Its home asks every life that may commit; each answers once it
//      knows of the end, nothing of that life is left with it and no write of it assigns to it.
//   2. A beat that was sent after the last answer names the lives that may commit, and all of them
//      have answered. Who enters the view after that beat reads the records of all members again
//      before it claims a slot (Cluster), and hears only from hosts that know.
//      From here on nobody assigns to that life.
//   3. The store has no packet of it: what a dead keeper has left was taken over and moved on.
//   4. The lengths of all logs are read, and signed.
//
// Who does so is the member's last home; if that is no more, the host that the view chooses. Two
// that are at it for a while do no harm: both would say the truth, and the member's record tells
// the second that it is done.
//
// A host's own is simpler: its life drives nothing and will claim nothing, so its log has its last
// assignment.
#pragma once

#include <span>
#include <vector>

#include "node/parts/impl.h"

namespace phoenix {

class Node::Impl::Certifying {
 public:
  explicit Certifying(Impl& node) : node_(node), all_(node.certificates) {}

  // A member's record, whoever has written it.
  void noted(const MemberRecord& record);
  void forgotten(const MemberKey& key) { all_.owed.erase(key); }
  // The view has changed, or the home of a session.
  void homes_changed() { all_.look_at_all = !all_.owed.empty(); }
  // This host drives nothing and never will again.
  void host_left();

  void link_up(const HostLife& peer);
  void received(const HostLife& from, const Parted& message);
  void beat(Instant sent, std::span<const HostLife> lives);
  // False: it asked something else.
  bool held(uint64_t query, const Result<std::vector<Packet>>& found);
  void heads(uint64_t query, const Result<LogHeads>& heads);
  void written(uint64_t leaver, bool committed);
  // What follows from all that has happened: level-triggered, like all of settle().
  void go_on();

 private:
  bool signs() const { return node_.config.signer.has_value(); }
  Leaver& add();
  void take_up();
  bool take_up(const MemberKey& key);
  bool is_ours(const MemberRecord& record) const;
  bool is_certified(const Leaver& leaver) const;
  void put_entry(Write& write, const Leaver& leaver);
  void ask(const HostLife& host, Leaver& leaver);
  bool has_parted(const MemberKey& key, uint64_t incarnation) const;
  void agree(Leaver& leaver);
  bool all_that_live_have_said(Leaver& leaver);
  void look();
  void read();
  bool sign(Leaver& leaver, const LogHeads& heads) const;
  void write(Leaver& leaver);
  void later(Duration pause) { all_.again_at = node_.now.mono + pause; }

  Impl& node_;
  Certificates& all_;
};

}  // namespace phoenix
