// For tests of pool stores: servers to run them over, and the suite's fixture and words.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/memory/memory_pool.h"
#include "store/pool_store.h"
#include "store/postgres/pool/pool_store.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/test_cluster.h"
#include "store/testing.h"

namespace phoenix::testing_pool {

using namespace testing_store;  // NOLINT: the words of the tests

// A shared store that is empty, and handles of as many hosts as a test likes.
class PoolServer {
 public:
  virtual ~PoolServer() = default;
  virtual std::unique_ptr<Store> store(const HostLife& self) = 0;
  virtual std::unique_ptr<PoolStore> pool() = 0;
  // All holds grow older by so much, as the store's clock has it.
  virtual void age(Duration by) = 0;
};

class MemoryServer final : public PoolServer {
 public:
  std::unique_ptr<Store> store(const HostLife& self) override {
    return std::make_unique<MemoryHostStore>(pool_, self);
  }
  std::unique_ptr<PoolStore> pool() override { return std::make_unique<MemoryPoolStore>(pool_); }
  void age(Duration by) override { pool_->clock_ns += by.ns; }

 private:
  std::shared_ptr<MemoryPool> pool_ = std::make_shared<MemoryPool>();
};

// A schema of its own in the PostgreSQL of all tests of this process.
class PostgresServer final : public PoolServer {
 public:
  PostgresServer() {
    auto* cluster = testing_postgres::TestCluster::shared();
    if (cluster != nullptr) options_.url = cluster->url();
    options_.schema = testing_postgres::TestCluster::fresh_schema();
    options_.create = true;
    options_.deadline = seconds(20);  // tests run beside others
  }
  std::unique_ptr<Store> store(const HostLife& self) override {
    PostgresOptions options = options_;
    options.self = self;
    auto store = open_postgres(options);
    EXPECT_TRUE(store) << store.error().detail;
    return store ? std::move(*store) : nullptr;
  }
  std::unique_ptr<PoolStore> pool() override {
    auto pool = open_postgres_pool(options_);
    EXPECT_TRUE(pool) << pool.error().detail;
    return pool ? std::move(*pool) : nullptr;
  }
  void age(Duration by) override {
    const std::string past = " - interval '" + std::to_string(by.ns / 1000) + " microseconds'";
    EXPECT_TRUE(testing_postgres::TestCluster::shared()->run_sql(
        "UPDATE " + options_.schema + ".host_log SET renewed = renewed" + past +
        ", fenced = fenced" + past));
  }
  const PostgresOptions& options() const { return options_; }

 private:
  PostgresOptions options_;
};

struct Engine {  // of pools
  const char* name;
  std::function<std::unique_ptr<PoolServer>()> make;
};

inline const HostLife kA{"a", 11};
inline const HostLife kB{"b", 22};
inline const HostLife kC{"c", 33};
inline const HostLife kA2{"a", 12};

using Slots = std::vector<SlotId>;
using Lives = std::vector<HostLife>;

class PoolConformance : public testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    if (GetParam().name == std::string("postgres")) PHOENIX_NEED_POSTGRES();
    server_ = GetParam().make();
    ASSERT_NE(server_, nullptr);
    pool_ = server_->pool();
    ASSERT_NE(pool_, nullptr);
  }

  SwapAnswer swap(const HostLife& proposer, uint64_t expected, Lives enter, Lives leave = {},
                  std::string bytes = "view") {
    auto answer = pool_->swap_view({proposer, expected, std::move(bytes), enter, leave});
    EXPECT_TRUE(answer) << answer.error().detail;
    return answer ? std::move(*answer) : SwapAnswer{};
  }
  // View number 1 holds a, b and c.
  void enter_all() { ASSERT_EQ(swap(kA, 0, {kA, kB, kC}).outcome, SwapOutcome::kDone); }

  Beat beat(const HostLife& self, uint64_t known = 0) { return beat(*pool_, self, known); }
  static Beat beat(PoolStore& pool, const HostLife& self, uint64_t known = 0) {
    auto answer = pool.beat(self, known);
    EXPECT_TRUE(answer) << answer.error().detail;
    return answer ? std::move(*answer) : Beat{};
  }
  static const HoldAge* age_of(const Beat& beat, const HostLife& who) {
    const auto found = std::find_if(beat.ages.begin(), beat.ages.end(),
                                    [&](const HoldAge& age) { return age.who == who; });
    return found == beat.ages.end() ? nullptr : &*found;
  }
  PoolStore::Claimed claim(const HostLife& self, const Slots& slots) {
    auto claimed = pool_->claim_slots(self, slots);
    EXPECT_TRUE(claimed) << claimed.error().detail;
    if (!claimed) return {};
    std::sort(claimed->slots.begin(), claimed->slots.end());
    return std::move(*claimed);
  }
  void release(const HostLife& self, const Slots& slots) {
    EXPECT_TRUE(pool_->release_slots(self, slots));
  }
  // Slots by holder.
  Slots held_by(const HostLife& who, bool fenced = false) {
    Slots slots;
    const auto held = pool_->held_slots();
    EXPECT_TRUE(held) << held.error().detail;
    if (!held) return slots;
    for (const HeldSlot& row : *held) {
      if (row.holder != who) continue;
      EXPECT_EQ(row.holder_fenced, fenced) << row.slot;
      slots.push_back(row.slot);
    }
    std::sort(slots.begin(), slots.end());
    return slots;
  }
  CommitResult commit(const HostLife& self, std::vector<Op> ops) {
    const std::vector<Group> groups = {{1, std::move(ops)}};
    return server_->store(self)->commit(++batch_, groups);
  }
  Outcome outcome(const HostLife& self, std::vector<Op> ops) {
    return commit(self, std::move(ops)).outcomes.at(0);
  }

  std::unique_ptr<PoolServer> server_;
  std::unique_ptr<PoolStore> pool_;
  uint64_t batch_ = 100;
};

inline Packet in_slot(SlotId slot, const std::string& id) {
  Packet packet = head(id);
  packet.point = (Position{slot} << 20) + 7;
  return packet;
}

inline std::shared_ptr<SessionRecord> at(const HostLife& home, const std::string& id,
                                         uint64_t revision = 1) {
  auto record = session(id, revision);
  record->home = home;
  record->members = {{"of-" + id, 1}};
  return record;
}

inline std::shared_ptr<MemberRecord> of(const std::string& session_id) {
  auto record = member("of-" + session_id);
  record->session = session_id;
  return record;
}

template <class T>
std::vector<std::string> ids(const std::vector<T>& all) {
  std::vector<std::string> names;
  for (const T& it : all) {
    if constexpr (std::is_same_v<T, SessionRecord>) {
      names.push_back(it.id);
    } else {
      names.emplace_back(it.key.id());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}
template <class T>
std::vector<std::string> ids(const std::vector<std::shared_ptr<const T>>& all) {
  std::vector<T> copies;
  for (const auto& it : all) copies.push_back(*it);
  return ids(copies);
}
using Ids = std::vector<std::string>;

}  // namespace phoenix::testing_pool
