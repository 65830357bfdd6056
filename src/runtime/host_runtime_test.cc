// A running host over a store in memory: what becomes of those who wait when it ends. And its
// writer.
#include "runtime/host_runtime.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "runtime/peer/patience.h"
#include "runtime/recorder/flight_recorder.h"
#include "runtime/store_threads.h"
#include "store/memory/memory_store.h"

namespace phoenix {
namespace {

class HostRuntimeTest : public testing::Test {
 protected:
  HostRuntimeTest() {
    HostOptions options;
    options.pool = "pool";
    options.key = {lineage::KeyRole::kHost, "host", lineage::KeyPair::from_seed({})};
    auto started = RunningHost::start(loop_, make_memory_store(), options);
    EXPECT_TRUE(started) << started.error().detail;
    host_ = std::move(*started);
  }

  // Of a submit that the store has not answered; its reply's kind goes to `told_`.
  void submit() {
    Submit submit;
    SubmitItem item;
    item.key = {"default", "p" + std::to_string(++submitted_)};
    item.spec = std::make_shared<const PacketSpec>();
    submit.items.emplace_back(std::move(item));
    host_->send(Caller{}, std::nullopt, std::move(submit), [this](Reply reply) {
      const auto* error = std::get_if<Error>(&reply.body);
      told_.push_back(error ? error->kind : ErrorKind::kNotFound);
    });
  }

  EventLoop loop_;
  std::unique_ptr<RunningHost> host_;
  int submitted_ = 0;
  std::vector<ErrorKind> told_;
};

TEST_F(HostRuntimeTest, WhoeverWaitsIsAnsweredWhenItEndsAndWhoeverComesLater) {
  submit();
  EXPECT_TRUE(told_.empty());
  host_->end_calls();
  EXPECT_EQ(told_, std::vector{ErrorKind::kTimeout}) << "what was sent may have happened";
  submit();
  EXPECT_EQ(told_.size(), 1u) << "not from within send";
  loop_.poll();
  EXPECT_EQ(told_.size(), 2u) << "and none of them twice";
}

// What a keeper sends along with a delivery need not be read by the owner's home.
TEST_F(HostRuntimeTest, ContentsThatCameAlongAreNotRead) {
  ContentCache& cache = host_->cache();
  Packet head;
  head.key = {"default", "p"};
  head.contents[static_cast<size_t>(ContentKind::kPayload)] = {true, true, 5, 1};
  const auto shared = std::make_shared<const Packet>(head);
  const auto at_once = [&] {
    std::shared_ptr<const Content> payload;
    host_->contents({shared}, kDeliveryContents, [&](Result<std::vector<Contents>> found) {
      if (found) payload = (*found)[0].of[static_cast<size_t>(ContentKind::kPayload)];
    });
    return payload;
  };
  const auto content = [](std::string data) {
    return std::make_shared<const Content>(Content{.type = "", .data = std::move(data)});
  };
  EXPECT_TRUE(cache.along(head, kDeliveryContents, 100).empty());
  cache.put_along(head,
                  {{ContentKind::kPayload, content("longer")}, {ContentKind::kPayload, nullptr}});
  EXPECT_TRUE(cache.along(head, kDeliveryContents, 100).empty())
      << "of that size it is not the head's";
  const auto whole = content("whole");
  cache.put_along(head,
                  {{ContentKind::kPayload, whole}, {ContentKind::kContext, content("no such")}});
  EXPECT_EQ(at_once(), whole);
  EXPECT_EQ(cache.along(head, kDeliveryContents, 5),
            (CarriedContents{{ContentKind::kPayload, whole}}));
  EXPECT_TRUE(cache.along(head, kDeliveryContents, 4).empty());
  Packet newer = head;
  newer.contents[static_cast<size_t>(ContentKind::kPayload)].revision = 2;
  EXPECT_TRUE(cache.along(newer, kDeliveryContents, 100).empty()) << "another version";
  cache.drop(head.key);
  EXPECT_TRUE(cache.along(head, kDeliveryContents, 100).empty());
}

// What a waiting read holds may need what ends before the host does.
TEST_F(HostRuntimeTest, ReadsThatWaitAreAnsweredAndHoldNothingAnyMore) {
  std::mutex mutex;
  std::condition_variable turn;
  bool runs = false, go_on = false;
  const auto held = std::make_shared<int>(0);
  std::vector<bool> done;
  const auto note = [&done, held](const std::optional<Error>& error) {
    done.push_back(!error.has_value());
  };
  host_->read_raw(
      [&](Reader&) {
        std::unique_lock lock(mutex);
        runs = true;
        turn.notify_all();
        turn.wait(lock, [&] { return go_on; });
      },
      note);
  host_->read_raw([](Reader&) {}, note);  // may come to run yet
  {
    std::unique_lock lock(mutex);
    turn.wait(lock, [&] { return runs; });
    go_on = true;
    turn.notify_all();
  }
  host_->end_calls();
  host_->read_raw([](Reader&) { ADD_FAILURE() << "it is over"; }, note);
  loop_.poll();
  EXPECT_EQ(done.size(), 3u);
  EXPECT_EQ(held.use_count(), 2) << "only `note` itself has it";
}

TEST_F(HostRuntimeTest, SoIsWhoeverAsksTheFlightRecorder) {
  const auto held = std::make_shared<int>(0);
  std::vector<bool> done;  // or refused, for it is over
  const auto note = [&done, held](const Result<SignedCheckpoint>& made) {
    if (!made) EXPECT_EQ(made.error().kind, ErrorKind::kDraining);
    done.push_back(made.has_value());
  };
  for (int i = 0; i < 20; ++i) host_->recorder()->checkpoint(note);  // some may come to run yet
  host_->end_calls();
  host_->recorder()->checkpoint(note);
  loop_.poll();
  ASSERT_EQ(done.size(), 21u);
  EXPECT_FALSE(done.back()) << "it came after the end";
  EXPECT_EQ(held.use_count(), 2) << "only `note` itself has it";
}

// One in memory that says of itself that its commits take a thread.
class DurableStore final : public Store {
 public:
  explicit DurableStore(bool shared) : shared_(shared) {}
  CommitResult commit(uint64_t batch_id, std::span<const Group> groups) override {
    return store_->commit(batch_id, groups);
  }
  Resolution resolve(uint64_t batch_id) override { return store_->resolve(batch_id); }
  Result<bool> recover(const RecoverSink& sink) override { return store_->recover(sink); }
  Result<std::optional<std::string>> fact(const std::string& name) override {
    return store_->fact(name);
  }
  Result<bool> set_fact(const std::string& name, const std::string& value) override {
    return store_->set_fact(name, value);
  }
  Result<Swept> sweep(const SweepLimits& limits) override { return store_->sweep(limits); }
  Result<std::unique_ptr<Reader>> reader() override { return store_->reader(); }
  StoreCapabilities capabilities() const override {
    return {.engine = "memory", .version = {}, .durable = true, .shared = shared_};
  }

 private:
  std::unique_ptr<Store> store_ = make_memory_store();
  bool shared_;
};

// The loop watches for the end of a commit for few, but not of one at a database.
TEST(StoreWriterTest, ACommitIsWatchedForWhereItIsNear) {
  for (const bool shared : {false, true}) {
    EventLoop loop;
    DurableStore store(shared);
    size_t done = 0;
    StoreWriter writer(
        loop, store, 1, {}, [&done](const StoreWriter::Done& it) { done += it.groups.size(); },
        [](uint64_t, Resolution) {}, [](const EndedCounts&) {});
    EXPECT_FALSE(writer.committing());
    uint64_t sent = 0;
    const auto commit = [&](size_t count) {
      std::vector<Group> groups(count);
      for (Group& group : groups) group.id = ++sent;
      writer.commit(std::move(groups));
    };
    commit(1);  // what becomes of it comes by the loop, which does not run
    EXPECT_EQ(writer.committing(), !shared);
    commit(2);
    EXPECT_FALSE(writer.committing()) << "many";
    while (done < 3) loop.run_one_for(std::chrono::seconds(1));
    EXPECT_FALSE(writer.committing());
  }
}

// --- when to watch for an answer ---

std::vector<PeerMessageOut> offers(int count) {
  std::vector<PeerMessageOut> out(1, {{"other", 1}, Wrote{}});
  for (int i = 0; i < count; ++i) out.push_back({{"other", 1}, NodeMessage{Offered{}}});
  return out;
}

TEST(PatienceTest, WatchesFromAnOfferUntilACommitAndNeverLong) {
  Patience patience;
  Instant now{1'000};
  EXPECT_EQ(patience.at(now, true), Patience::kWatches);
  patience.sent(now, offers(0));
  EXPECT_EQ(patience.at(now, false), Patience::kSleeps);
  patience.sent(now, offers(1));
  EXPECT_EQ(patience.at(now, false), Patience::kWatches);
  now = now + Patience::kOfAnOffer - microseconds(10);
  EXPECT_EQ(patience.at(now, false), std::chrono::microseconds(11));
  EXPECT_EQ(patience.at(now + microseconds(10), false), Patience::kSleeps);
  patience.sent(now, offers(1));
  patience.committed();
  EXPECT_EQ(patience.at(now, false), Patience::kSleeps);
}

TEST(PatienceTest, DoesNotWatchForSeveralOffersAtOnce) {
  Patience patience;
  const Instant now{1'000};
  patience.sent(now, offers(2));
  EXPECT_EQ(patience.at(now, false), Patience::kSleeps);
  patience.sent(now, offers(1));
  patience.sent(now, offers(1));
  EXPECT_EQ(patience.at(now, false), Patience::kSleeps);
}

TEST(PatienceTest, GivesUpWhereItWatchesInVainButForATryNowAndThen) {
  Patience patience;
  Instant now{1'000};
  const auto watches = [&] {
    now = now + seconds(1);
    patience.sent(now, offers(1));
    return patience.at(now, false) != Patience::kSleeps;
  };
  int tries = 0;
  for (int i = 0; i < 1'000; ++i) tries += watches() ? 1 : 0;
  EXPECT_GT(tries, 50);
  EXPECT_LT(tries, 100);
  for (int i = 0; i < 100 && !watches(); ++i) {
  }
  patience.committed();  // one success, and it is as before
  EXPECT_TRUE(watches());
}

}  // namespace
}  // namespace phoenix
