// What members said of a change, and what they have been asked and not said yet. Private to
// src/node.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/digest.h"
#include "directory/directory.h"
#include "lineage/form/entry.h"
#include "node/command.h"
#include "node/stats.h"

namespace phoenix {

// What members signed of a change, each checked: it goes into the change's leg.
struct Said {
  std::optional<lineage::Evidence> result{};
  std::optional<lineage::HandoffEvidence> handoff{};
  std::vector<std::string> attested_by{};  // hosts that signed of it
  std::optional<Digest> contract{};        // by which it was handed on
  std::optional<Digest> decision{};        // of the policies, on this change
};
// A handoff that its receiver has not answered yet. Nothing of it is durable: the giver stays the
// owner, may go on and end the packet, and then the offer is over.
struct PendingOffer {
  OwnerCall call;
  Digest offered{};               // of the offer's payload; once it is checked, as is the next
  std::optional<Digest> context;  // of the call's content
  std::vector<Command> waiting;   // the giver's calls, without their bodies
  uint32_t life = 0;              // of its slot
  MemberNo to = kNobody;
  uint64_t incarnation = 0;  // of the receiver
  Instant until;
  bool checked = true;  // its signature
  PhaseTimes spent{};   // on it so far
  Instant sent;         // to the receiver
};
// As the receiver's home has it.
struct AskedOffer {
  Offered what;
  uint64_t number = 0;  // they grow as they come
  Instant told{};       // by a poll or heartbeat; not yet: 0
};
struct Offers {
  std::map<PacketKey, PendingOffer> open;  // as a keeper
  std::vector<PacketKey> unchecked;        // of them
  size_t bytes = 0;                        // of their contexts
  bool answers_later = false;              // the call at hand is one of them now
  std::unordered_map<SessionNo, std::vector<AskedOffer>> asked;  // as a home, and not over
  uint64_t last_number = 0;                                      // of these
};
// The envelope of a batch whose signature holds under that key: its items come one by one.
struct CheckedBatch {
  std::string public_key;
  std::string envelope;
  lineage::Signed<lineage::Batch> batch;
};

}  // namespace phoenix
