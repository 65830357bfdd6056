// Real threads and a real loop, over a store in memory.
#include "runtime/pool/pool_thread.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "membership/view/observer_rings.h"
#include "runtime/clock.h"
#include "store/memory/memory_pool.h"
#include "store/testing.h"

namespace phoenix {
namespace {

using gossip::ViewAnswer;
using gossip::ViewRequest;

const HostLife kA{"a", 1};
const HostLife kB{"b", 2};

// Of the server: whether it answers, and a door that calls wait at.
struct Server {
  std::shared_ptr<MemoryPool> pool = std::make_shared<MemoryPool>();
  std::atomic<bool> down{false};
  std::atomic<int> waiting{0};

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    closed_ = false;
    opened_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting;
    opened_.wait(lock, [this] { return !closed_; });
    --waiting;
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool closed_ = false;
};

class ServedStore final : public PoolStore {
 public:
  explicit ServedStore(Server& server) : server_(server), store_(server.pool) {}
  Result<Beat> beat(const HostLife& self, uint64_t known) override {
    return answer([&] { return store_.beat(self, known); });
  }
  Result<SwapAnswer> swap_view(const ViewSwap& swap) override {
    return answer([&] { return store_.swap_view(swap); });
  }
  Result<std::vector<HeldSlot>> held_slots() override {
    return answer([&] { return store_.held_slots(); });
  }
  Result<Claimed> claim_slots(const HostLife& self, std::span<const SlotId> slots) override {
    return answer([&] { return store_.claim_slots(self, slots); });
  }
  Result<bool> release_slots(const HostLife& self, std::span<const SlotId> slots) override {
    return answer([&] { return store_.release_slots(self, slots); });
  }
  Result<ScannedSlots> scan(std::span<const SlotId> slots) override {
    return answer([&] { return store_.scan(slots); });
  }
  Result<std::vector<Packet>> owned_by(std::span<const MemberKey> members) override {
    return answer([&] { return store_.owned_by(members); });
  }
  Result<std::vector<Document>> documents() override {
    return answer([&] { return store_.documents(); });
  }
  Result<HomeRecords> at_home(const HostLife& home) override {
    return answer([&] { return store_.at_home(home); });
  }
  Result<HomeRecords> records(std::span<const MemberKey> members,
                              std::span<const std::string> sessions) override {
    return answer([&] { return store_.records(members, sessions); });
  }
  Result<RecordPage> revisions(const RecordPlace& after, size_t most) override {
    return answer([&] { return store_.revisions(after, most); });
  }

 private:
  template <class Call>
  auto answer(Call call) -> decltype(call()) {
    server_.pass();
    if (server_.down) return fail(ErrorKind::kStoreUnreachable, "it is down");
    return call();
  }
  Server& server_;
  MemoryPoolStore store_;
};

class PoolThreadTest : public testing::Test {
 protected:
  PoolThreadTest() { make(kA); }
  ~PoolThreadTest() override {
    for (Server* server : {&holds_, &slots_, &reads_}) server->open();
  }

  void make(const HostLife& self) {
    slots_.pool = holds_.pool;
    reads_.pool = holds_.pool;
    PoolEvents events;
    events.view = [this](const gossip::View& view) {
      told_.push_back("view " + std::to_string(view.number));
    };
    events.over = [this] { told_.emplace_back("over"); };
    events.trouble = [this](const std::string& why) { told_.push_back("trouble: " + why); };
    PoolStores stores;
    stores.holds = std::make_unique<ServedStore>(holds_);
    stores.slots = std::make_unique<ServedStore>(slots_);
    stores.reads = std::make_unique<ServedStore>(reads_);
    thread_ = std::make_unique<PoolThread>(loop_, std::move(stores), self, std::move(events));
    thread_->on_beat([this](Instant sent, const Beat& beat) {
      told_.push_back(beat.fenced ? "fenced" : "beat");
      sent_.push_back(sent);
    });
  }
  bool run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < end) {
      loop_.run_one_for(std::chrono::milliseconds(20));
    }
    return done();
  }
  void propose(std::vector<gossip::ViewHost> hosts, uint64_t expected = 0) {
    ViewRequest request;
    request.id = ++last_id_;
    request.propose = true;
    request.expected = expected;
    request.proposed = {expected + 1, std::move(hosts), {}};
    thread_->submit("a", std::move(request),
                    [this](ViewAnswer answer) { answers_.push_back(std::move(answer)); });
  }
  void enter() {
    propose({{"a", 1, 100, 1}});
    ASSERT_TRUE(run_until([this] { return !answers_.empty(); }));
    ASSERT_EQ(answers_[0].status, ViewAnswer::Status::kOk);
  }
  long count(const std::string& what) { return std::count(told_.begin(), told_.end(), what); }

  EventLoop loop_;
  Server holds_;
  Server slots_;
  Server reads_;
  std::vector<std::string> told_;
  std::vector<Instant> sent_;
  std::vector<ViewAnswer> answers_;
  uint64_t last_id_ = 0;
  std::unique_ptr<PoolThread> thread_;  // last: it goes before what it tells
};

TEST_F(PoolThreadTest, beats_come_by_themselves_and_the_view_before_its_beat) {
  enter();
  EXPECT_EQ(told_, (std::vector<std::string>{"view 1", "beat"}));
  const Instant before = read_clock().mono;
  thread_->start();
  ASSERT_TRUE(run_until([this] { return count("beat") >= 4; }));
  ASSERT_EQ(sent_.size(), 4u);
  EXPECT_GE(sent_[1], before);
  EXPECT_GE(sent_[2], sent_[1]);
  EXPECT_GE(sent_[3] - sent_[2], milliseconds(400)) << "not in a hurry";
  EXPECT_LE(sent_[3], read_clock().mono);
  EXPECT_EQ(count("view 1"), 1);
}

TEST_F(PoolThreadTest, an_answer_has_the_id_of_its_request) {
  for (int i = 0; i < 3; ++i) propose({{"a", 1, 100, 1}}, static_cast<uint64_t>(i));
  ASSERT_TRUE(run_until([this] { return answers_.size() == 3; }));
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(answers_[i].id, i + 1);
  EXPECT_EQ(answers_[0].newest->view().number, 1u);
}

TEST_F(PoolThreadTest, a_store_that_hangs_is_asked_no_more_than_so_often) {
  enter();
  holds_.close();
  for (int i = 0; i < 17; ++i) propose({}, 1);
  ASSERT_TRUE(run_until([this] { return answers_.size() == 2; }));
  EXPECT_EQ(answers_[1].status, ViewAnswer::Status::kUnreachable);
  EXPECT_EQ(answers_[1].id, last_id_);
  EXPECT_FALSE(answers_[1].why.empty());
  holds_.open();
  ASSERT_TRUE(run_until([this] { return answers_.size() == 18; }));
}

TEST_F(PoolThreadTest, a_beat_that_hangs_is_followed_by_the_next_at_once) {
  enter();
  holds_.close();
  thread_->start();
  ASSERT_TRUE(run_until([this] { return holds_.waiting == 1; }));
  const Instant hung = read_clock().mono;
  ASSERT_TRUE(run_until([&] { return read_clock().mono - hung > milliseconds(600); }));
  EXPECT_EQ(count("beat"), 1) << "of the proposal";
  holds_.open();
  ASSERT_TRUE(run_until([this] { return count("beat") >= 3; }));
  EXPECT_LT(sent_[2] - sent_[1], milliseconds(5'000));
}

TEST_F(PoolThreadTest, a_scan_that_hangs_delays_no_claim_and_no_beat) {
  enter();
  reads_.close();
  bool scanned = false;
  bool claimed = false;
  thread_->scan({1}, [&](const Result<ScannedSlots>&) { scanned = true; });
  thread_->claim_slots({1}, [&](const Result<PoolStore::Claimed>&) { claimed = true; });
  ASSERT_TRUE(run_until([&] { return claimed; }));
  slots_.close();
  thread_->claim_slots({1}, [&](const Result<PoolStore::Claimed>&) {});
  thread_->start();
  ASSERT_TRUE(run_until([this] { return count("beat") >= 3; }));
  EXPECT_FALSE(scanned);
  reads_.open();
  ASSERT_TRUE(run_until([&] { return scanned; }));
}

TEST_F(PoolThreadTest, a_beat_that_is_wanted_soon_does_not_wait_for_its_time) {
  enter();
  thread_->start();
  thread_->beat_soon();
  thread_->beat_soon();
  ASSERT_TRUE(run_until([this] { return count("beat") >= 3; }));
  EXPECT_LT(sent_[2] - sent_[1], milliseconds(400)) << "one after the one under way";
  thread_->beat_soon();
  ASSERT_TRUE(run_until([this] { return count("beat") >= 4; }));
}

TEST_F(PoolThreadTest, trouble_is_told_once_and_its_end_too) {
  enter();
  holds_.down = true;
  thread_->start();
  ASSERT_TRUE(run_until([this] { return count("trouble: it is down") == 1; }));
  propose({}, 1);
  ASSERT_TRUE(run_until([this] { return answers_.size() == 2; }));
  EXPECT_EQ(answers_[1].why, "it is down");
  EXPECT_LE(thread_->unreachable_since(), read_clock().mono);
  holds_.down = false;
  ASSERT_TRUE(run_until([this] { return count("beat") >= 2; }));
  EXPECT_EQ(count("trouble: it is down"), 1);
  EXPECT_EQ(count("trouble: "), 1);
  EXPECT_EQ(thread_->unreachable_since(), kNever);
}

TEST_F(PoolThreadTest, a_life_that_is_over_hears_it_once_and_beats_no_more) {
  enter();
  thread_->start();
  ASSERT_TRUE(holds_.pool->swap_view({kB, 1, gossip::encode({2, {{"b", 1, 100, 2}}, {}}), {kB}, {}})
                  .has_value());
  EXPECT_EQ(holds_.pool->view().number, 2u);
  ASSERT_TRUE(holds_.pool->swap_view({kB, 2, gossip::encode({3, {{"b", 1, 100, 2}}, {}}), {}, {kA}})
                  .has_value());
  ASSERT_TRUE(run_until([this] { return count("over") == 1; }));
  EXPECT_EQ(told_[told_.size() - 3], "view 3");
  EXPECT_EQ(told_[told_.size() - 2], "fenced");
  const size_t told = told_.size();
  propose({{"a", 1, 100, 1}}, 3);
  ASSERT_TRUE(run_until([this] { return answers_.size() == 2; }));
  EXPECT_EQ(answers_[1].status, ViewAnswer::Status::kConflict);
  EXPECT_EQ(count("over"), 1);
  EXPECT_EQ(told_.size(), told + 1) << "the beat of the proposal alone";
}

TEST_F(PoolThreadTest, rows_are_asked_for_this_life_and_answered_in_order) {
  enter();
  auto session = testing_store::session("s");
  session->home = kA;
  Packet packet = testing_store::assigned(testing_store::head("p"), "m");
  packet.point = Position{5} << 20;
  const std::vector<Group> groups = {{1,
                                      {PutSession{session, 0}, testing_store::create(packet),
                                       PutMember{testing_store::member("m"), 0, ""}}}};
  ASSERT_EQ(holds_.pool->commit(kA, 1, groups).outcomes[0], Outcome::kCommitted);
  std::vector<std::string> order;
  std::vector<std::string> reads;
  thread_->claim_slots({5, 6}, [&](Result<PoolStore::Claimed> claimed) {
    order.push_back("claimed " + std::to_string(claimed->slots.size()));
  });
  thread_->release_slots({6}, [&](const Result<bool>& done) {
    order.emplace_back(done ? "released" : "not released");
  });
  thread_->held_slots([&](Result<std::vector<HeldSlot>> held) {
    order.push_back("held " + std::to_string(held->size()) + " by " + held->at(0).holder.host);
  });
  thread_->scan({5}, [&](Result<ScannedSlots> found) {
    reads.push_back("scanned " + std::to_string(found->packets.size()));
  });
  thread_->owned_by({MemberKey("ns", "m")}, [&](Result<std::vector<Packet>> found) {
    reads.push_back("owned " + std::to_string(found->size()));
  });
  thread_->at_home(kA, [&](Result<PoolStore::HomeRecords> found) {
    reads.push_back("at home " + std::to_string(found->sessions.size()));
  });
  thread_->records({MemberKey("ns", "m")}, {"s"}, [&](Result<PoolStore::HomeRecords> found) {
    reads.push_back("records " + std::to_string(found->members.size() + found->sessions.size()));
  });
  ASSERT_TRUE(run_until([&] { return order.size() == 3 && reads.size() == 4; }));
  using Told = std::vector<std::string>;
  EXPECT_EQ(order, (Told{"claimed 2", "released", "held 1 by a"}));
  EXPECT_EQ(reads, (Told{"scanned 1", "owned 1", "at home 1", "records 2"}));
}

TEST_F(PoolThreadTest, after_its_end_nothing_is_called_back) {
  enter();
  slots_.close();
  bool answered = false;
  thread_->held_slots([&](const Result<std::vector<HeldSlot>>&) { answered = true; });
  ASSERT_TRUE(run_until([this] { return slots_.waiting == 1; }));
  thread_->claim_slots({1}, [&](const Result<PoolStore::Claimed>&) { answered = true; });
  slots_.open();
  thread_.reset();  // waits for the call that is at the store
  loop_.poll();
  EXPECT_FALSE(answered);
}

}  // namespace
}  // namespace phoenix
