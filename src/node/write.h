// A decision on its way to the store: what is to be written, and what becomes of memory when it is.
// Private to src/node.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "directory/directory.h"
#include "keeper/packet_table.h"
#include "node/command.h"
#include "node/signed/handoff_meter.h"
#include "store/store.h"

namespace phoenix {

// One packet's part of a write.
struct PacketStep {
  SlotNo slot = kNoSlot;
  PacketPtr next;
  size_t row = 0;
  MemberNo to = kNobody;               // whose room is reserved
  std::optional<RevokeReason> revoke;  // what the old owner is told
  std::optional<MoveCause> move;       // the owner changed, or was taken away, for this
  bool membership = false;             // it had to move for a change of membership
  bool started = false;                // checkpoint: it is RUNNING from now on
};
struct MemberStep {
  MemberNo no = kNobody;                     // kNobody: a new one
  std::shared_ptr<const MemberRecord> next;  // null: forget it
};
struct DocumentStep {
  DocumentPtr next;
};
struct SessionStep {
  SessionNo no = kNobody;
  std::shared_ptr<const SessionRecord> next;  // null: forget it
};

// What a write has to do with other hosts.
struct ApartWrite {
  bool is_orphan = false;          // places a packet anew whose owner others have ended
  std::optional<Command> command;  // to be tried again if the records were not the newest
  std::string attaches;            // session that this makes at home here, for its process
  std::string adopts;              // session that this makes at home here, as its home is lost
  Instant silent;                  // with `adopts`: since when that home has renewed nothing
  std::vector<MemberKey> dropped_members;
  std::vector<std::string> dropped_sessions;
};

struct Write {
  uint64_t id = 0;
  Now at;  // when it was decided (for handoffs: called)
  std::vector<Op> ops;
  std::vector<PacketStep> packets;
  std::vector<MemberStep> members;
  std::vector<SessionStep> sessions;
  std::vector<DocumentStep> documents;
  std::vector<std::pair<PacketKey, uint64_t>> told;  // with it, as HeldNotes number them
  std::vector<Reply> replies;
  std::vector<std::string> unblocks;     // names that commands may be waiting for
  std::vector<MemberKey> coming;         // members that may not exist yet
  uint64_t ending = 0;                   // of which Ending this is the commit; 0: none
  std::unique_ptr<HandoffSpan> handoff;  // it is one
  bool is_note = false;                  // of the oldest HostNote that waits
  uint64_t certifies = 0;                // Leaver whose certificate it is; 0: none
  std::unique_ptr<ApartWrite> apart;     // with other hosts only

  ApartWrite& with_others() {
    if (!apart) apart = std::make_unique<ApartWrite>();
    return *apart;
  }
  // For so many packets; another one makes no difference.
  void reserve(size_t size) {
    ops.reserve(size + 1);
    packets.reserve(size);
  }
};

}  // namespace phoenix
