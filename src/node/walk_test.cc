// Random walks: callers that keep to no protocol, a store that fails as it likes, restarts and
// pauses. Whatever happens, epochs and revisions only grow, one result alone is ever accepted,
// nothing acknowledged is lost, and when all is well again everything comes to its end.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "node/test_stage.h"

namespace phoenix {
namespace {

using testing_node::MemberOptions;
using testing_node::Stage;
using testing_node::StoreMode;
using testing_node::Worker;

class Walk {
 public:
  explicit Walk(uint64_t seed) : chance_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      look();
      if (testing::Test::HasFailure()) return;
    }
    calm();
  }

 private:
  uint64_t below(uint64_t bound) { return chance_.below(bound); }
  std::string packet() { return "p" + std::to_string(below(12)); }
  std::string capability() { return std::string(1, static_cast<char>('a' + below(3))); }
  uint64_t some_epoch(const std::string& id) {
    const auto it = seen_.find(id);
    const uint64_t newest = it == seen_.end() ? 1 : it->second.first;
    return below(8) == 0 ? below(newest + 2) : newest;
  }
  Worker* somebody() { return workers_.empty() ? nullptr : &workers_[below(workers_.size())]; }

  void step() {
    switch (below(14)) {
      case 0:
        return join();
      case 1:
      case 2:
        return submit();
      case 3:
      case 4:
        return poll();
      case 5:
      case 6:
      case 7:
        return report();
      case 8:
        return order();
      case 9:
        return leave();
      case 10:
        stage_.advance(milliseconds(static_cast<int64_t>(1 + below(900))));
        return;
      case 11:
        return trouble();
      case 12:
        if (Worker* worker = somebody()) {
          ask(Stage::token(*worker), Attach{Stage::ref(*worker)}, worker);
        }
        return;
      default:
        if (below(6) == 0) return restart();
        stage_.advance(milliseconds(5));
    }
  }

  void ask(Caller caller, CommandBody body, const Worker* worker = nullptr) {
    const RequestId id = stage_.ask(std::move(caller), std::move(body));
    asked_[id] = worker == nullptr ? "" : worker->id + "/" + worker->session;
  }

  void join() {
    if (workers_.size() >= 40) return;
    const MemberOptions options = {.max_load = static_cast<uint32_t>(1 + below(3)),
                                   .lease_seconds = static_cast<uint32_t>(1 + below(3)),
                                   .replace = below(2) == 0};
    const std::string id = "w" + std::to_string(below(6));
    ask(Stage::principal(),
        stage_.registration({Stage::record(id, {capability(), capability()}, options)}, options));
  }
  void submit() {
    const std::string id = packet();
    const bool late = below(6) == 0;
    const auto change = [&](PacketSpec& spec) {
      spec.priority = static_cast<int32_t>(below(3));
      spec.max_attempts = static_cast<uint32_t>(1 + below(3));
      spec.max_losses = 3;
      spec.attempt_timeout_seconds = below(4) == 0 ? 1 : 0;
      if (late) spec.deadline = stage_.now().wall + 3000;
    };
    const RequestId request =
        stage_.ask(Stage::principal(), Stage::single(Stage::item(id, {capability()}, change, id)));
    submits_[request] = id;
  }
  void poll() {
    Worker* worker = somebody();
    if (worker == nullptr) return;
    const Duration wait = milliseconds(static_cast<int64_t>(below(2) * 300));
    ask(Stage::token(*worker), Poll{Stage::ref(*worker), 3, wait, worker->after}, worker);
  }
  void report() {
    Worker* worker = somebody();
    if (worker == nullptr) return;
    const std::string id = packet();
    const auto kind = static_cast<Call>(below(6));
    OwnerCall call = Stage::owner_call(kind, id, some_epoch(id), worker->id);
    call.retry_after_ms = 50;
    if (kind == Call::kHandoff) {
      if (below(2) == 0) {
        call.to = "w" + std::to_string(below(6));
      } else {
        call.required = {{capability()}};
      }
    }
    const uint64_t epoch = call.epoch;
    const RequestId request =
        stage_.ask(Stage::token(*worker), OwnerCalls{{std::move(call)}, true});
    if (kind == Call::kComplete) completes_[request] = {id, epoch, worker->id};
  }
  void order() {
    OrderPacket wanted;
    wanted.order = static_cast<Order>(below(4));
    if (wanted.order == Order::kCancel && below(3) != 0) wanted.order = Order::kEvict;
    wanted.key = Stage::packet(packet());
    if (wanted.order == Order::kAssign) wanted.to = "w" + std::to_string(below(6));
    ask(Stage::op(), wanted);
  }
  void leave() {
    Worker* worker = somebody();
    if (worker == nullptr) return;
    switch (below(4)) {
      case 0:
        return ask(Stage::token(*worker), Drain{Stage::ref(*worker), 1}, worker);
      case 1:
        return ask(Stage::token(*worker), Resume{Stage::ref(*worker)}, worker);
      case 2:
        return ask(Stage::token(*worker), Retire{Stage::ref(*worker)}, worker);
      default: {
        PatchMember patch;
        patch.key = Stage::member(worker->id);
        patch.capabilities = {{capability()}};
        patch.max_load = static_cast<uint32_t>(1 + below(3));
        return ask(Stage::op(), patch);
      }
    }
  }
  void trouble() {
    constexpr std::array<StoreMode, 6> kModes = {StoreMode::kWell,    StoreMode::kWell,
                                                 StoreMode::kHold,    StoreMode::kRefuse,
                                                 StoreMode::kUnknown, StoreMode::kConflict};
    stage_.resolution = below(2) == 0 ? Resolution::kApplied : Resolution::kNotApplied;
    const StoreMode next = kModes[below(kModes.size())];
    if (next != StoreMode::kHold) stage_.store(StoreMode::kWell);  // what is held goes first
    stage_.store(next);
  }
  void restart() {
    stage_.restart();
    asked_.clear();
    submits_.clear();
    completes_.clear();
  }

  // Takes in every answer that has come.
  void look() {
    answered(submits_, [&](const std::string& id, const ReplyBody& body) {
      if (std::holds_alternative<PacketReply>(body)) acknowledged_.push_back(id);
    });
    answered(completes_, [&](const Completed& done, const ReplyBody& body) {
      const auto* reply = std::get_if<OwnerReply>(&body);
      if (reply == nullptr || reply->status != Status::kCompleted) return;
      // By one owner, under one epoch. A retry needs FAILED, so nothing completes twice.
      const auto [it, first] = accepted_.emplace(done.id, std::pair(done.epoch, done.member));
      EXPECT_EQ(it->second, std::pair(done.epoch, done.member)) << done.id;
    });
    answered(asked_, [&](const std::string& who, const ReplyBody& body) { learn(who, body); });
    for (const auto& [key, packet] : stage_.records.packets) {
      auto& [epoch, revision] = seen_[std::string(key.id())];
      EXPECT_GE(packet.epoch, epoch) << key.text();
      EXPECT_GE(packet.revision, revision) << key.text();
      epoch = packet.epoch;
      revision = packet.revision;
    }
    for (const std::string& id : acknowledged_) {
      EXPECT_TRUE(stage_.records.packets.contains(Stage::packet(id))) << id << " is lost";
    }
    // What the node believes is what is durable.
    for (const PacketView& live : stage_.node().live()) {
      const auto stored = stage_.records.packets.find(live.head->key);
      ASSERT_NE(stored, stage_.records.packets.end()) << live.head->key.text();
      EXPECT_LE(live.head->revision, stored->second.revision);
    }
  }
  template <class What, class Then>
  void answered(std::map<RequestId, What>& waiting, const Then& then) {
    for (auto it = waiting.begin(); it != waiting.end();) {
      const Reply* reply = stage_.answer(it->first);
      if (reply == nullptr) {
        ++it;
        continue;
      }
      const What what = it->second;
      const ReplyBody body = reply->body;
      it = waiting.erase(it);
      then(what, body);
    }
  }
  void learn(const std::string& who, const ReplyBody& body) {
    if (const auto* made = std::get_if<MembersReply>(&body); made && made->session) {
      const std::string id(made->members[0].record->key.id());
      Worker worker = Stage::joined(id, body);
      workers_.push_back(worker);
      return;
    }
    for (Worker& worker : workers_) {
      if (worker.id + "/" + worker.session != who) continue;
      if (const auto* attached = std::get_if<AttachReply>(&body)) {
        worker.generation = attached->session.generation;
        worker.after = attached->next;
      } else if (const auto* told = std::get_if<DeliveriesReply>(&body)) {
        worker.after = told->next;
      }
    }
  }

  // All is well again, and one member can do everything: nothing may stay behind.
  void calm() {
    stage_.store(StoreMode::kWell);
    stage_.advance(seconds(5));
    look();
    Worker last = stage_.join("last", {"a", "b", "c"}, {.max_load = 100, .lease_seconds = 3600});
    for (int round = 0; round < 100 && stage_.node().live_packets() > 0; ++round) {
      for (const Delivery& delivery : stage_.poll(last).deliveries) {
        const std::string id(delivery.packet.head->key.id());
        stage_.own(last, Call::kComplete, id, delivery.epoch);
      }
      stage_.advance(seconds(1));
    }
    for (const PacketView& live : stage_.node().live()) {
      ADD_FAILURE() << live.head->key.text() << " stays " << status_name(live.status) << " of "
                    << (live.head->owner ? live.head->owner->id : "nobody") << ", parked "
                    << (live.parked ? park_reason_name(live.parked->reason) : "not");
    }
    EXPECT_EQ(stage_.node().writes_in_flight(), 0U);
  }

  struct Completed {
    std::string id;
    uint64_t epoch;
    std::string member;
  };
  Stage stage_;
  Prng chance_;
  std::vector<Worker> workers_;
  std::map<RequestId, std::string> asked_;  // by whom
  std::map<RequestId, std::string> submits_;
  std::map<RequestId, Completed> completes_;
  std::map<std::string, std::pair<uint64_t, uint64_t>> seen_;  // epoch, revision
  std::map<std::string, std::pair<uint64_t, std::string>> accepted_;
  std::vector<std::string> acknowledged_;
};

TEST(Walk, KeepsItsPromisesWhateverHappens) {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    Walk walk(seed);
    walk.run(300);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace phoenix
