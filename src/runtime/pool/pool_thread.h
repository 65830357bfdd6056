// A host's dealings with the rows that it shares with others (PoolStore), on threads of their own:
// one for the beats and the view, so that nothing delays a beat, one for slots, one for what may
// take long. The view of gossip lives here too.
//
// One object for each life of the host: its beats begin with start() and end when the life is over.
// Made, used and destroyed on the loop's thread, which must outlive it; nothing is called back from
// within a call, nor after the destructor, which waits for the calls that are at the store (2 s).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "membership/view/view_store.h"
#include "net/event_loop.h"
#include "runtime/gossip/worker.h"
#include "runtime/pool/pool_desk.h"
#include "runtime/pool/pool_views.h"
#include "store/pool_store.h"

namespace phoenix {

// Handles to the one store, each for a thread of its own.
struct PoolStores {
  std::unique_ptr<PoolStore> holds;  // beats and swaps of the view
  std::unique_ptr<PoolStore> slots;  // claims, releases
  std::unique_ptr<PoolStore> reads;
};

// All on the loop; none may destroy the PoolThread.
struct PoolEvents {
  // The newest view, whenever it changed; before the beat that told of it.
  std::function<void(const gossip::View& view)> view;
  // This life stood in the view and does not any more: once, after the beat that told so. There
  // are no further beats; requests are still answered.
  std::function<void()> over;
  // The store does not answer a beat any more, and why; empty: it does again.
  std::function<void(const std::string& why)> trouble;
};

class PoolThread final : public PoolDesk, public gossip::ViewStore {
 public:
  static constexpr Duration kBeatEvery = milliseconds(500);

  PoolThread(EventLoop& loop, PoolStores stores, const HostLife& self, PoolEvents events);
  ~PoolThread() override;
  PoolThread(const PoolThread&) = delete;
  PoolThread& operator=(const PoolThread&) = delete;

  // The first beat now, the next ones each half a second after the one before was sent.
  void start();

  // Gossip's requests; `name` is this host's.
  void submit(std::string_view name, gossip::ViewRequest request,
              gossip::ViewStore::Done done) override;

  // --- PoolDesk ---
  void beat_soon() override;
  void on_beat(std::function<void(Instant sent, const Beat& beat)> listener) override;
  Instant unreachable_since() const override { return unreachable_since_; }
  void held_slots(PoolDesk::Done<std::vector<HeldSlot>> done) override;
  void claim_slots(std::vector<SlotId> slots, PoolDesk::Done<PoolStore::Claimed> done) override;
  void release_slots(std::vector<SlotId> slots, PoolDesk::Done<bool> done) override;
  void scan(std::vector<SlotId> slots, PoolDesk::Done<ScannedSlots> done) override;
  void owned_by(std::vector<MemberKey> members, PoolDesk::Done<std::vector<Packet>> done) override;
  void documents(PoolDesk::Done<std::vector<Document>> done) override;
  void at_home(HostLife home, PoolDesk::Done<PoolStore::HomeRecords> done) override;
  void records(std::vector<MemberKey> members, std::vector<std::string> sessions,
               PoolDesk::Done<PoolStore::HomeRecords> done) override;
  void revisions(RecordPlace after, size_t most, PoolDesk::Done<RecordPage> done) override;

 private:
  struct Shared;
  struct Lane;  // one thread and its handle
  template <class T>
  void ask(Lane& lane, std::function<Result<T>(PoolStore&)> job, PoolDesk::Done<T> done);
  void look(gossip::ViewRequest request, gossip::ViewStore::Done done);
  void arm();
  void hear(const PoolLook& look);
  void note(const PoolLook& look);

  EventLoop& loop_;
  HostLife self_;
  PoolEvents events_;
  std::function<void(Instant sent, const Beat& beat)> on_beat_;
  std::shared_ptr<Shared> shared_;
  Timer timer_;
  bool started_ = false;
  bool again_ = false;  // a beat is due, and one is under way
  bool over_ = false;
  size_t looks_ = 0;  // under way
  Instant unreachable_since_ = kNever;
  std::string trouble_;
  std::unique_ptr<Lane> holds_;
  std::unique_ptr<Lane> slots_;
  std::unique_ptr<Lane> reads_;
};

}  // namespace phoenix
