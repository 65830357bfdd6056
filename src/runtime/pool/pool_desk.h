// The PoolStore as the loop sees it: requests that wait for nobody. Everything happens on the
// loop's thread; each answer comes exactly once, in a later turn of the loop, an error within a
// bound when the store cannot be reached. Nothing is answered any more once the desk is gone.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "store/pool_store.h"

namespace phoenix {

class PoolDesk {
 public:
  template <class T>
  using Done = std::function<void(Result<T>)>;

  virtual ~PoolDesk() = default;

  // Beats are sent by themselves, every 500 ms; this sends one as soon as the last is answered.
  virtual void beat_soon() = 0;
  // Each answered beat, with the time on this host's monotonic clock at which it was sent.
  virtual void on_beat(std::function<void(Instant sent, const Beat& beat)> listener) = 0;
  // Since when no beat was answered; kNever: the last one was.
  virtual Instant unreachable_since() const = 0;

  // In the order of the calls.
  virtual void held_slots(Done<std::vector<HeldSlot>> done) = 0;
  virtual void claim_slots(std::vector<SlotId> slots, Done<PoolStore::Claimed> done) = 0;
  virtual void release_slots(std::vector<SlotId> slots, Done<bool> done) = 0;
  // Long reads, which delay none of the others.
  virtual void scan(std::vector<SlotId> slots, Done<ScannedSlots> done) = 0;
  virtual void owned_by(std::vector<MemberKey> members, Done<std::vector<Packet>> done) = 0;
  virtual void documents(Done<std::vector<Document>> done) = 0;
  virtual void at_home(HostLife home, Done<PoolStore::HomeRecords> done) = 0;
  virtual void records(std::vector<MemberKey> members, std::vector<std::string> sessions,
                       Done<PoolStore::HomeRecords> done) = 0;
  virtual void revisions(RecordPlace after, size_t most, Done<RecordPage> done) = 0;
};

}  // namespace phoenix
