// What the nodes of several hosts tell each other. A packet's keeper (the host that holds its slot)
// and its owner's home (the host to which the owner's session is attached) may be two; then the
// keeper decides and the home hands over.
//
//   keeper -> home   Deliver      this is yours now, or its head is newer
//                    DeliverAll   all that is yours of these slots; what else you have of them is
//                    not
//                    Withdraw     this epoch is over: stop it
//                    Offered      a member at home with you is asked to take this over
//   home -> keeper   Taken        the member has been handed it (or has begun it)
//                    Untaken      nobody took it within a lease
//                    Turned       not this one: full, draining, gone; with the newest records
//   home -> all      Records      members and sessions as they now are, durably
//   home -> all      Parted       a member has left for good: say so once nothing more of it is
//   yours keeper -> home   Parted       (done) so it is, and nothing more will be assigned to it
//   any -> all       Documents    policies, contracts and approvals as they now are, durably
//                    Loads        what each member holds of other keepers' packets
//   keeper -> home   Loads        (given) what the keeper has given them, asked for by the home
//
// All of it may be lost with a link, and may be repeated: (packet, epoch) names a delivery, the
// higher revision of a record wins. After a link came up, both sides say all of it again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/host_life.h"
#include "base/key.h"
#include "directory/member.h"
#include "directory/outbox.h"
#include "node/command.h"
#include "node/stats.h"
#include "packet/packet.h"
#include "store/pool_store.h"

namespace phoenix {

using CarriedContents = std::vector<std::pair<ContentKind, std::shared_ptr<const Content>>>;

// The member is head->owner, in the packet's namespace.
struct Deliver {
  PacketPtr head;
  bool again = false;  // it has been handed out before, as far as the keeper knows
  // What its owner will be told, in the head's version, where it went along: the drivers' business,
  // who may leave it out. A node neither puts anything in nor looks.
  CarriedContents contents{};
};
// Sent when a link comes up and when a home is new; in portions, the last one says so. A home
// forgets what it has of these slots and was not named, as if withdrawn (kReassigned).
struct DeliverAll {
  std::vector<SlotId> slots;  // ascending; in the last portion only
  std::vector<Deliver> items;
  bool last = true;
};
struct Withdraw {
  PacketKey key;
  uint64_t epoch = 0;
  std::optional<RevokeReason> reason;  // nothing: its owner knows, it ended the epoch itself
};
struct Taken {
  PacketKey key;
  uint64_t epoch = 0;
  bool started = false;
};
struct Untaken {
  PacketKey key;
  uint64_t epoch = 0;
};
struct Turned {
  PacketKey key;
  uint64_t epoch = 0;
  TurnReason why = TurnReason::kGone;
  std::shared_ptr<const MemberRecord> member;    // null: unknown here
  std::shared_ptr<const SessionRecord> session;  // null: unknown here, or manual
};
// About one life of a member; `done` is the keeper's answer.
struct Parted {
  MemberKey key;
  uint64_t incarnation = 0;
  bool done = false;
};
struct Records {
  std::vector<std::shared_ptr<const SessionRecord>> sessions;
  std::vector<std::shared_ptr<const MemberRecord>> members;
  // Durably forgotten (an hour after their end).
  std::vector<MemberKey> gone_members;
  std::vector<std::string> gone_sessions;
};
struct Loads {
  // Load that the member holds of packets whose keeper is another host than the receiver.
  std::vector<std::pair<MemberKey, uint32_t>> others;
  // Home to keeper: the receiver's part of their room has become less; what has it given them by
  // now, counting what is on its way to the store? Answered by `given`, each once.
  std::vector<MemberKey> asked;
  std::vector<std::pair<MemberKey, uint32_t>> given;
};

struct Documents {
  std::vector<DocumentPtr> documents;
};

using NodeMessage = std::variant<Deliver, DeliverAll, Withdraw, Taken, Untaken, Turned, Records,
                                 Loads, Offered, Documents, Parted>;

// To one host, or (empty) to every host of the view but this one.
struct NodeMessageOut {
  HostLife to;
  NodeMessage message;
};

}  // namespace phoenix
