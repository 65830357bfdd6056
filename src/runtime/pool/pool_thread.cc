#include "runtime/pool/pool_thread.h"

#include <atomic>
#include <utility>

#include "membership/view/observer_rings.h"
#include "runtime/clock.h"

namespace phoenix {
namespace {

constexpr size_t kMostLooks = 16;  // at the store

}  // namespace

// What the threads use beside their handles; `views` belongs to the thread of the holds.
struct PoolThread::Shared {
  Shared(PoolStore& holds, const HostLife& self)
      : views(holds, self, [] { return read_clock().mono; }) {}
  PoolViews views;
  std::atomic<bool> stop{false};  // what still queues is not worth doing
};

struct PoolThread::Lane {
  Lane(EventLoop& loop, std::unique_ptr<PoolStore> handle)
      : store(std::move(handle)), worker(loop) {}
  std::unique_ptr<PoolStore> store;
  Worker worker;
};

PoolThread::PoolThread(EventLoop& loop, PoolStores stores, const HostLife& self, PoolEvents events)
    : loop_(loop),
      self_(self),
      events_(std::move(events)),
      shared_(std::make_shared<Shared>(*stores.holds, self)),
      timer_(loop),
      holds_(std::make_unique<Lane>(loop, std::move(stores.holds))),
      slots_(std::make_unique<Lane>(loop, std::move(stores.slots))),
      reads_(std::make_unique<Lane>(loop, std::move(stores.reads))) {}

PoolThread::~PoolThread() { shared_->stop = true; }

// --- beats and the view ---

void PoolThread::start() {
  started_ = true;
  look({}, nullptr);
}

void PoolThread::submit(std::string_view, gossip::ViewRequest request,
                        gossip::ViewStore::Done done) {
  look(std::move(request), std::move(done));
}

void PoolThread::on_beat(std::function<void(Instant sent, const Beat& beat)> listener) {
  on_beat_ = std::move(listener);
}

void PoolThread::beat_soon() {
  if (over_) return;
  if (looks_ == 0) return look({}, nullptr);
  // What is under way may have been carried out already.
  again_ = true;
}

void PoolThread::look(gossip::ViewRequest request, gossip::ViewStore::Done done) {
  auto found = std::make_shared<PoolLook>();
  found->answer.id = request.id;
  if (looks_ >= kMostLooks) {
    found->answer.why = "the store does not answer";
    return loop_.post([found, done = std::move(done)] {
      if (done) done(std::move(found->answer));
    });
  }
  ++looks_;
  holds_->worker.run(
      [shared = shared_, request = std::move(request), found] {
        if (!shared->stop) *found = shared->views.apply(request);
      },
      [this, found, done = std::move(done)] {
        --looks_;
        hear(*found);
        if (done) done(std::move(found->answer));
        if (looks_ == 0 && std::exchange(again_, false)) beat_soon();
      });
  arm();
}

// Every look at the store is a beat, whoever asked for it.
void PoolThread::arm() {
  if (!started_ || over_) return;
  timer_.call_after(kBeatEvery, [this] { beat_soon(); });
}

void PoolThread::hear(const PoolLook& look) {
  for (const PoolBeat& beat : look.beats) {
    if (beat.view && events_.view) events_.view(beat.view->view());
    if (on_beat_) on_beat_(beat.sent, beat.beat);
    if (!beat.over || over_) continue;
    over_ = true;
    timer_.cancel();
    if (events_.over) events_.over();
  }
  note(look);
}

void PoolThread::note(const PoolLook& look) {
  const std::string& why = look.answer.why;
  if (why.empty()) {
    unreachable_since_ = kNever;
  } else if (unreachable_since_ == kNever) {
    unreachable_since_ = read_clock().mono;
  }
  if (trouble_ == why) return;
  trouble_ = why;
  if (events_.trouble) events_.trouble(trouble_);
}

// --- slots, scans, records ---

template <class T>
void PoolThread::ask(Lane& lane, std::function<Result<T>(PoolStore&)> job, PoolDesk::Done<T> done) {
  auto answer = std::make_shared<Result<T>>(
      fail(ErrorKind::kStoreUnreachable, "this life of the host is over"));
  lane.worker.run(
      [shared = shared_, store = lane.store.get(), job = std::move(job), answer] {
        if (!shared->stop) *answer = job(*store);
      },
      [answer, done = std::move(done)] { done(std::move(*answer)); });
}

void PoolThread::held_slots(PoolDesk::Done<std::vector<HeldSlot>> done) {
  ask<std::vector<HeldSlot>>(
      *slots_, [](PoolStore& store) { return store.held_slots(); }, std::move(done));
}

void PoolThread::claim_slots(std::vector<SlotId> slots, PoolDesk::Done<PoolStore::Claimed> done) {
  ask<PoolStore::Claimed>(
      *slots_,
      [self = self_, slots = std::move(slots)](PoolStore& store) {
        return store.claim_slots(self, slots);
      },
      std::move(done));
}

void PoolThread::release_slots(std::vector<SlotId> slots, PoolDesk::Done<bool> done) {
  ask<bool>(
      *slots_,
      [self = self_, slots = std::move(slots)](PoolStore& store) {
        return store.release_slots(self, slots);
      },
      std::move(done));
}

void PoolThread::scan(std::vector<SlotId> slots, PoolDesk::Done<ScannedSlots> done) {
  ask<ScannedSlots>(
      *reads_, [slots = std::move(slots)](PoolStore& store) { return store.scan(slots); },
      std::move(done));
}

void PoolThread::owned_by(std::vector<MemberKey> members,
                          PoolDesk::Done<std::vector<Packet>> done) {
  ask<std::vector<Packet>>(
      *reads_, [members = std::move(members)](PoolStore& store) { return store.owned_by(members); },
      std::move(done));
}

void PoolThread::documents(PoolDesk::Done<std::vector<Document>> done) {
  ask<std::vector<Document>>(
      *reads_, [](PoolStore& store) { return store.documents(); }, std::move(done));
}

void PoolThread::at_home(HostLife home, PoolDesk::Done<PoolStore::HomeRecords> done) {
  ask<PoolStore::HomeRecords>(
      *reads_, [home = std::move(home)](PoolStore& store) { return store.at_home(home); },
      std::move(done));
}

void PoolThread::records(std::vector<MemberKey> members, std::vector<std::string> sessions,
                         PoolDesk::Done<PoolStore::HomeRecords> done) {
  ask<PoolStore::HomeRecords>(
      *reads_,
      [members = std::move(members), sessions = std::move(sessions)](PoolStore& store) {
        return store.records(members, sessions);
      },
      std::move(done));
}

void PoolThread::revisions(RecordPlace after, size_t most, PoolDesk::Done<RecordPage> done) {
  ask<RecordPage>(
      *reads_,
      [after = std::move(after), most](PoolStore& store) { return store.revisions(after, most); },
      std::move(done));
}

}  // namespace phoenix
