// What the hosts of a pool share beside packets and members: the view, who lives and since when it
// has not been heard of, and who holds which slot. Facts, each changed in one transaction.
//
//   view       (number, bytes)                 changed by compare-and-swap on the number
//   host_log   (host, life, renewed, fenced)   one row for each life that entered the view
//   slot       (slot, host, life)              who drives its packets; no row: nobody
//
// Fencing. Every commit of packets, members and sessions (store.h) first locks the committing
// host's row in host_log; if it is missing or fenced, nothing is written. A life is fenced in the
// one transaction that takes it out of the view; whoever takes its slots over fences nobody.
//
// Clocks: all ages are differences of the *store's* clock, read in the transaction, so no two
// hosts' clocks are ever compared.
//
// Thread rules: all calls belong to one thread, which may be another one than the Store's. None
// waits longer than a deadline of the implementation's own (at most 2 s): then kStoreUnreachable,
// and whether it happened is unknown. Every call may be repeated.
//
// Order: once a claim_slots or release_slots of a life is answered, no earlier one of the same life
// can happen any more, whatever its answer was (each takes the next number of its life, and one
// that finds a higher number in host_log does nothing). Who got no answer learns so by the next
// call what holds; a late release cannot clear a row that is driven again. So all of these calls of
// a life, and its beats, go through one PoolStore object.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/host_life.h"
#include "base/time.h"
#include "directory/document.h"
#include "directory/member.h"
#include "packet/packet.h"
#include "ring/point.h"

namespace phoenix {

struct PoolView {
  uint64_t number = 0;  // 0: nobody has written one yet
  std::string bytes;    // the store does not look into it
};

// How old a life's hold was, by the store's clock, when the transaction ran.
struct HoldAge {
  HostLife who;
  Duration age;
  bool fenced = false;
};

struct ViewSwap {
  HostLife proposer;  // its row must stand unfenced, unless it is among `enter`
  uint64_t expected = 0;
  std::string bytes;            // of the next view, whose number is expected + 1
  std::vector<HostLife> enter;  // get a row, renewed now
  std::vector<HostLife> leave;  // are fenced; those without a row are passed over
  // A fenced life never comes back: with one among `enter` that is not the proposer nothing
  // happens, and the error (kWrongState) names it.
};
enum class SwapOutcome : uint8_t {
  kDone,
  kBehind,  // the number is another one by now
  kFenced,  // the proposer is fenced or has no row: it does not live any more
};
struct SwapAnswer {
  SwapOutcome outcome = SwapOutcome::kBehind;
  PoolView newest;
};

struct Beat {
  bool fenced = false;        // or without a row; then the hold was not renewed
  PoolView newest;            // bytes only if its number is not the one that the caller knows
  std::vector<HoldAge> ages;  // of every life that is not fenced, and of those fenced within 1 h
  // Sessions that had this life as their home and have another one by now, or ended elsewhere:
  // their newest records. The caller drops them before it relies on the hold. Each is told until an
  // answer that tells of it has come, so once unless answers are lost.
  std::vector<SessionRecord> left;
  uint64_t documents = 0;  // how often one has changed: who has seen less reads documents()
};
// What a handle remembers of a session that it told of, for its next beat.
struct LeftSession {
  std::string id;
  uint64_t revision = 0;
};

struct HeldSlot {
  SlotId slot = 0;
  HostLife holder;
  bool holder_fenced = false;
};

// A packet that lives, with what is known of its owner, read in one snapshot.
struct ScannedSlots {
  std::vector<Packet> packets;          // live ones of these slots, in no order
  std::vector<MemberRecord> owners;     // of those packets, each once
  std::vector<SessionRecord> sessions;  // of those owners, each once
};

// Behind which records a page begins: in the order of their names, bytewise. Empty: the first.
struct RecordPlace {
  std::string session;
  MemberKey member;
};
// What records stand, by name, at which revision: for who compares them with what it knows.
struct RecordPage {
  std::vector<std::pair<std::string, uint64_t>> sessions;
  std::vector<std::pair<MemberKey, uint64_t>> members;
};

class PoolStore {
 public:
  virtual ~PoolStore() = default;

  // Renews the hold of `self`, reads the view's number and what left this home: one transaction.
  virtual Result<Beat> beat(const HostLife& self, uint64_t known_number) = 0;
  virtual Result<SwapAnswer> swap_view(const ViewSwap& swap) = 0;

  // Every slot that somebody holds.
  virtual Result<std::vector<HeldSlot>> held_slots() = 0;
  // Takes those of the slots that nobody holds, or whose holder is fenced, or that are held by
  // `self` already; answers which these are. Refused as a whole (empty answer, fenced set) if
  // `self` is fenced.
  struct Claimed {
    bool fenced = false;
    std::vector<SlotId> slots;
  };
  virtual Result<Claimed> claim_slots(const HostLife& self, std::span<const SlotId> slots) = 0;
  // Clears those of the rows that are held by `self`. The caller does not drive them any more, and
  // nothing of them is in flight or unknown. All see it once it is answered, but it alone may be
  // lost if the store falls over then: the rows are `self`'s as before. It is durable as soon as
  // anything else that began later is, a claim of the same rows by another or a beat of `self`.
  virtual Result<bool> release_slots(const HostLife& self, std::span<const SlotId> slots) = 0;

  // In a new snapshot: all that was committed before it, in particular by a holder that was fenced
  // or that released a slot since.
  virtual Result<ScannedSlots> scan(std::span<const SlotId> slots) = 0;
  // The live packets of these members, whoever keeps them, in no order. Whether the owner's
  // incarnation is the one that is meant, the caller looks.
  virtual Result<std::vector<Packet>> owned_by(std::span<const MemberKey> members) = 0;
  // Sessions that have this life as their home, ended or not, and the members whose records name
  // one of these sessions.
  struct HomeRecords {
    std::vector<std::shared_ptr<const SessionRecord>> sessions;
    std::vector<std::shared_ptr<const MemberRecord>> members;
  };
  virtual Result<HomeRecords> at_home(const HostLife& home) = 0;
  // Every document, deleted ones too, in a new snapshot.
  virtual Result<std::vector<Document>> documents() = 0;
  // Newest records by name; absent ones are left out.
  virtual Result<HomeRecords> records(std::span<const MemberKey> members,
                                      std::span<const std::string> sessions) = 0;
  // The next `most` (1..100,000) sessions and as many members behind `after`, ended ones too. Fewer
  // of a kind: no more of it are there. Each page is a snapshot of its own.
  virtual Result<RecordPage> revisions(const RecordPlace& after, size_t most) = 0;
};

}  // namespace phoenix
