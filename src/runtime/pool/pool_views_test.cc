#include "runtime/pool/pool_views.h"

#include <gtest/gtest.h>

#include "membership/view/observer_rings.h"
#include "store/memory/memory_pool.h"
#include "store/testing.h"

namespace phoenix {
namespace {

using gossip::RemovedHost;
using gossip::View;
using gossip::ViewAnswer;
using gossip::ViewHost;
using gossip::ViewRequest;
using Status = ViewAnswer::Status;
using Names = std::vector<std::string>;

ViewHost host(const std::string& name, uint64_t boot, uint32_t incarnation = 1,
              uint32_t weight = 100) {
  return {name, incarnation, weight, boot};
}

// A store that one can make unreachable.
class FrailStore final : public PoolStore {
 public:
  explicit FrailStore(std::shared_ptr<MemoryPool> pool) : store_(std::move(pool)) {}
  bool down = false;
  int calls_left = -1;            // before it goes down; -1: it does not
  std::string fenced, forgotten;  // hosts of whom it says so

  Result<Beat> beat(const HostLife& self, uint64_t known) override {
    if (fails()) return gone();
    auto beat = store_.beat(self, known);
    if (!beat) return beat;
    std::erase_if(beat->ages, [this](const HoldAge& hold) { return hold.who.host == forgotten; });
    for (HoldAge& hold : beat->ages) hold.fenced = hold.fenced || hold.who.host == fenced;
    return beat;
  }
  Result<SwapAnswer> swap_view(const ViewSwap& swap) override {
    if (fails()) return gone();
    return store_.swap_view(swap);
  }
  Result<std::vector<HeldSlot>> held_slots() override { return gone(); }
  Result<Claimed> claim_slots(const HostLife&, std::span<const SlotId>) override { return gone(); }
  Result<bool> release_slots(const HostLife&, std::span<const SlotId>) override { return gone(); }
  Result<ScannedSlots> scan(std::span<const SlotId>) override { return gone(); }
  Result<std::vector<Packet>> owned_by(std::span<const MemberKey>) override { return gone(); }
  Result<std::vector<Document>> documents() override { return gone(); }
  Result<HomeRecords> at_home(const HostLife&) override { return gone(); }
  Result<HomeRecords> records(std::span<const MemberKey>, std::span<const std::string>) override {
    return gone();
  }
  Result<RecordPage> revisions(const RecordPlace&, size_t) override { return gone(); }

 private:
  bool fails() {
    if (calls_left == 0) down = true;
    if (calls_left > 0) --calls_left;
    return down;
  }
  static tl::unexpected<Error> gone() { return fail(ErrorKind::kStoreUnreachable, "it is down"); }
  MemoryPoolStore store_;
};

class PoolViewsTest : public testing::Test {
 protected:
  struct Host {
    Host(const std::shared_ptr<MemoryPool>& pool, const HostLife& life, Instant* now)
        : store(pool), views(store, life, [now] { return *now; }) {}
    FrailStore store;
    PoolViews views;

    PoolLook propose(std::vector<ViewHost> hosts, std::vector<RemovedHost> removed = {}) {
      return propose_from(views.view().number, std::move(hosts), std::move(removed));
    }
    PoolLook propose_from(uint64_t expected, std::vector<ViewHost> hosts,
                          std::vector<RemovedHost> removed = {}) {
      ViewRequest request;
      request.id = 7;
      request.propose = true;
      request.expected = expected;
      request.proposed = {expected + 1, std::move(hosts), std::move(removed)};
      return views.apply(request);
    }
    PoolLook look(uint64_t known) {
      ViewRequest request;
      request.id = 8;
      request.expected = known;
      return views.apply(request);
    }
  };

  void pass(Duration time) {
    pool_->clock_ns += time.ns;
    now_ = now_ + time;
  }
  bool in(const HostLife& life) { return !pool_->fenced(life); }

  std::shared_ptr<MemoryPool> pool_ = std::make_shared<MemoryPool>();
  Instant now_{1'000};
  Host a_{pool_, {"a", 1}, &now_};
  Host b_{pool_, {"b", 2}, &now_};
};

Names names(const View& view) {
  Names all;
  for (const ViewHost& entry : view.hosts) all.push_back(entry.name);
  return all;
}

TEST_F(PoolViewsTest, the_first_proposal_makes_the_view_and_gives_a_hold_at_once) {
  const PoolLook look = a_.propose({host("a", 1)});
  EXPECT_EQ(look.answer.status, Status::kOk);
  EXPECT_EQ(look.answer.id, 7u);
  ASSERT_NE(look.answer.newest, nullptr);
  EXPECT_EQ(look.answer.newest->view().number, 1u);
  ASSERT_EQ(look.beats.size(), 1u);
  EXPECT_FALSE(look.beats[0].beat.fenced);
  EXPECT_EQ(look.beats[0].sent, now_);
  ASSERT_NE(look.beats[0].view, nullptr);
  EXPECT_EQ(names(look.beats[0].view->view()), Names{"a"});
  EXPECT_TRUE(in({"a", 1}));
}

TEST_F(PoolViewsTest, one_that_has_not_entered_yet_is_not_over) {
  const PoolLook look = b_.views.beat();
  ASSERT_EQ(look.beats.size(), 1u);
  EXPECT_TRUE(look.beats[0].beat.fenced);
  EXPECT_FALSE(look.beats[0].over);
  EXPECT_EQ(look.answer.newest, nullptr);
  EXPECT_EQ(look.beats[0].view, nullptr);
}

TEST_F(PoolViewsTest, a_beat_brings_a_view_that_is_newer_than_what_was_known) {
  a_.propose({host("a", 1), host("b", 2)});
  const PoolLook first = b_.look(0);
  ASSERT_NE(first.answer.newest, nullptr);
  EXPECT_EQ(names(first.answer.newest->view()), (Names{"a", "b"}));
  ASSERT_NE(first.beats.at(0).view, nullptr);
  const PoolLook second = b_.look(1);
  EXPECT_EQ(second.answer.newest, nullptr);
  EXPECT_EQ(second.beats.at(0).view, nullptr) << "told already";
  EXPECT_NE(b_.look(0).answer.newest, nullptr) << "whoever asks may know less than is known here";
}

TEST_F(PoolViewsTest, who_leaves_the_view_is_fenced_and_hears_it_once_it_asks) {
  a_.propose({host("a", 1), host("b", 2)});
  b_.views.beat();
  const PoolLook look = a_.propose({host("a", 1)}, {RemovedHost{"b", 1, 1, 2}});
  EXPECT_EQ(look.answer.status, Status::kOk);
  EXPECT_FALSE(in({"b", 2}));
  EXPECT_EQ(look.answer.newest->view().removed.size(), 1u);
  EXPECT_TRUE(look.answer.lapsed.empty()) << "it is not in the view";
  const PoolLook told = b_.views.beat();
  EXPECT_TRUE(told.beats.at(0).over);
  EXPECT_EQ(names(told.beats.at(0).view->view()), Names{"a"});
}

TEST_F(PoolViewsTest, one_that_entered_and_was_fenced_between_two_beats_is_over) {
  a_.propose({host("a", 1), host("b", 2)});
  a_.propose({host("a", 1)});
  EXPECT_TRUE(b_.views.beat().beats.at(0).over);
}

TEST_F(PoolViewsTest, another_boot_replaces_a_life_and_another_incarnation_does_not) {
  a_.propose({host("a", 1), host("b", 2)});
  EXPECT_EQ(a_.propose({host("a", 1), host("b", 2, 5, 50)}).answer.status, Status::kOk);
  EXPECT_TRUE(in({"b", 2}));
  EXPECT_EQ(a_.propose({host("a", 1), host("b", 3, 6)}).answer.status, Status::kOk);
  EXPECT_FALSE(in({"b", 2}));
  EXPECT_TRUE(in({"b", 3}));
}

TEST_F(PoolViewsTest, a_proposal_from_an_old_view_is_told_the_newest) {
  a_.propose({host("a", 1), host("b", 2)});
  a_.propose({host("a", 1), host("b", 2), host("c", 3)});
  const PoolLook look = b_.propose_from(1, {host("b", 2)});
  EXPECT_EQ(look.answer.status, Status::kConflict);
  EXPECT_EQ(look.answer.newest->view().number, 2u);
  EXPECT_TRUE(in({"a", 1}));
  EXPECT_EQ(pool_->view().number, 2u);
}

TEST_F(PoolViewsTest, of_two_proposals_at_once_one_stands) {
  a_.propose({host("a", 1), host("b", 2)});
  b_.views.beat();
  EXPECT_EQ(a_.propose({host("a", 1), host("b", 2), host("c", 3)}).answer.status, Status::kOk);
  const PoolLook look = b_.propose({host("a", 1), host("b", 2), host("d", 4)});
  EXPECT_EQ(look.answer.status, Status::kConflict);
  EXPECT_EQ(names(look.answer.newest->view()), (Names{"a", "b", "c"}));
  EXPECT_TRUE(pool_->fenced({"d", 4}));
}

TEST_F(PoolViewsTest, a_fenced_host_proposes_nothing_and_a_fenced_life_is_not_proposed) {
  a_.propose({host("a", 1), host("b", 2)});
  b_.views.beat();
  a_.propose({host("a", 1)});
  const PoolLook mine = b_.propose({host("b", 2)});
  EXPECT_EQ(mine.answer.status, Status::kConflict);
  EXPECT_EQ(names(mine.answer.newest->view()), Names{"a"});
  // It is back in the gossip, and a wants it and another in.
  const PoolLook look = a_.propose({host("a", 1), host("b", 2, 9), host("c", 3)});
  EXPECT_EQ(look.answer.status, Status::kOk);
  EXPECT_EQ(names(look.answer.newest->view()), (Names{"a", "c"}));
  const uint64_t number = pool_->view().number;
  EXPECT_EQ(a_.propose({host("a", 1), host("b", 2, 9), host("c", 3)}).answer.status, Status::kOk);
  EXPECT_EQ(pool_->view().number, number) << "nothing is left of it";
  EXPECT_EQ(a_.propose({host("a", 1), host("b", 4), host("c", 3)}).answer.status, Status::kOk);
  EXPECT_TRUE(in({"b", 4}));
}

TEST_F(PoolViewsTest, a_life_that_was_fenced_long_ago_is_refused_by_the_store_itself) {
  a_.propose({host("a", 1), host("b", 2)});
  a_.propose({host("a", 1)});
  pass(seconds(4000));
  a_.views.beat();
  const PoolLook look = a_.propose({host("a", 1), host("b", 2)});
  EXPECT_EQ(look.answer.status, Status::kConflict);
  EXPECT_EQ(names(look.answer.newest->view()), Names{"a"});
}

TEST_F(PoolViewsTest, a_host_whose_hold_is_older_than_five_seconds_has_lapsed) {
  a_.propose({host("a", 1), host("b", 2), host("c", 3)});
  pass(seconds(5));
  EXPECT_TRUE(a_.look(1).answer.lapsed.empty());
  b_.views.beat();
  pass(milliseconds(1));
  EXPECT_EQ(a_.look(1).answer.lapsed, Names{"c"});
  pass(seconds(5));
  EXPECT_EQ(a_.look(1).answer.lapsed, (Names{"b", "c"}));
  EXPECT_EQ(a_.propose({host("a", 1), host("b", 2)}).answer.lapsed, Names{"b"});
}

// As of an adopted backup.
TEST_F(PoolViewsTest, a_life_in_the_view_that_the_store_has_fenced_or_forgotten_has_lapsed) {
  a_.propose({host("a", 1), host("b", 2), host("c", 3)});
  EXPECT_TRUE(a_.look(1).answer.lapsed.empty());
  a_.store.fenced = "b";
  EXPECT_EQ(a_.look(1).answer.lapsed, Names{"b"});
  a_.store.forgotten = "c";
  EXPECT_EQ(a_.look(1).answer.lapsed, (Names{"b", "c"}));
}

// Its own absence, or the store's, may be why all are old.
TEST_F(PoolViewsTest, who_has_lapsed_has_to_go_only_if_the_store_answered_here_all_the_time) {
  a_.propose({host("a", 1), host("b", 2)});
  for (int i = 0; i < 11; ++i) {
    EXPECT_TRUE(a_.look(1).answer.unrenewed.empty()) << i;
    pass(milliseconds(500));
  }
  EXPECT_EQ(a_.look(1).answer.unrenewed, Names{"b"});
  pass(milliseconds(2'001));
  const ViewAnswer back = a_.look(1).answer;
  EXPECT_EQ(back.lapsed, Names{"b"});
  EXPECT_TRUE(back.unrenewed.empty());
  b_.views.beat();
  for (int i = 0; i < 10; ++i) {
    pass(milliseconds(500));
    EXPECT_TRUE(a_.look(1).answer.unrenewed.empty()) << i;
  }
  pass(milliseconds(500));
  EXPECT_EQ(a_.look(1).answer.unrenewed, Names{"b"});
}

TEST_F(PoolViewsTest, an_unreachable_store_says_why) {
  a_.propose({host("a", 1)});
  a_.store.down = true;
  for (const PoolLook& look : {a_.look(0), a_.propose({})}) {
    EXPECT_EQ(look.answer.status, Status::kUnreachable);
    EXPECT_EQ(look.answer.why, "it is down");
    EXPECT_EQ(look.answer.newest, nullptr);
    EXPECT_TRUE(look.beats.empty());
  }
  a_.store.down = false;
  EXPECT_TRUE(a_.look(1).answer.why.empty());
}

TEST_F(PoolViewsTest, a_beat_that_was_answered_counts_though_a_later_step_failed) {
  a_.propose({host("a", 1), host("b", 2)});
  b_.store.calls_left = 1;  // the beat; the swap fails
  const PoolLook look = b_.propose_from(1, {host("b", 2)});
  EXPECT_EQ(look.answer.status, Status::kUnreachable);
  ASSERT_EQ(look.beats.size(), 1u);
  EXPECT_NE(look.beats[0].view, nullptr);
}

TEST_F(PoolViewsTest, a_swap_whose_answer_was_lost_is_seen_by_the_next_beat) {
  a_.store.calls_left = 2;  // beat and swap; the beat after it fails
  EXPECT_EQ(a_.propose_from(0, {host("a", 1)}).answer.status, Status::kOk);
  a_.store.down = true;
  a_.propose({host("a", 1), host("b", 2)});
  a_.store.down = false;
  a_.store.calls_left = 1;
  const PoolLook cut = a_.propose({host("a", 1), host("c", 3)});
  EXPECT_EQ(cut.answer.status, Status::kUnreachable);
  EXPECT_TRUE(cut.beats.empty());
  a_.store.down = false;
  a_.store.calls_left = -1;
  const PoolLook look = a_.look(1);
  EXPECT_EQ(names(look.answer.newest->view()), (Names{"a", "c"}));
  EXPECT_NE(look.beats.at(0).view, nullptr);
}

TEST_F(PoolViewsTest, a_view_that_goes_back_or_cannot_be_read_is_not_believed) {
  a_.propose({host("a", 1)});
  ASSERT_TRUE(pool_->swap_view({{"a", 1}, 1, "no view", {}, {}}));
  const PoolLook broken = a_.look(1);
  EXPECT_EQ(broken.answer.status, Status::kUnreachable);
  EXPECT_NE(broken.answer.why.find("number 2"), std::string::npos) << broken.answer.why;
  Host other{std::make_shared<MemoryPool>(), {"a", 1}, &now_};
  other.propose({host("a", 1)});
  EXPECT_EQ(other.look(1).answer.status, Status::kOk);
}

TEST_F(PoolViewsTest, what_left_this_home_is_in_the_beats) {
  a_.propose({host("a", 1), host("b", 2)});
  auto session = testing_store::session("s");
  session->home = {"a", 1};
  const auto put = [&](const HostLife& self, uint64_t batch, uint64_t expect) {
    const std::vector<Group> groups = {{1, {PutSession{session, expect}}}};
    return pool_->commit(self, batch, groups).outcomes.at(0);
  };
  ASSERT_EQ(put({"a", 1}, 1, 0), Outcome::kCommitted);
  session = std::make_shared<SessionRecord>(*session);
  session->home = {"b", 2};
  session->revision = 2;
  ASSERT_EQ(put({"b", 2}, 2, 1), Outcome::kCommitted);
  const PoolLook look = a_.propose_from(0, {});
  ASSERT_FALSE(look.beats.empty());
  EXPECT_EQ(look.beats[0].beat.left.size(), 1u);
}

}  // namespace
}  // namespace phoenix
