// Several nodes under random faults, from seeds: hosts die and come back, slots move, links break,
// workers fall silent and attach elsewhere, and everything takes its time. When it is over, every
// packet ends and nothing is left behind. The simulator does the same with all that is around a
// node; this is the quick look at the node alone.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/prng.h"
#include "node/remote/test_hosts.h"

namespace phoenix {
namespace {

using testing_node::Hosts;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::Worker;

constexpr size_t kGroups = 8;
constexpr Duration kLease = seconds(2);

// A worker's process: polls where it is attached, ends what it has, attaches anywhere when refused.
struct Process {
  Worker worker;
  std::string host;
  bool registered = false;
  bool attached = false;
  bool asked_twice = false;  // to register: the first one may still become so, and be the last
  Instant silent_until;
  RequestId pending = 0;
  Instant asked;
  enum class Asked { kRegister, kPoll, kAttach } kind = Asked::kPoll;
  std::map<std::string, uint64_t> hand;
  std::map<std::string, uint64_t> revoked;  // nothing up to these epochs counts any more
  std::map<std::string, RequestId> ending;
};

class Storm {
 public:
  explicit Storm(uint64_t seed) : rng_(seed), hosts_({"a", "b", "c"}) {
    hosts_.lag = [this] { return microseconds(rng_.between(200, 15'000)); };
    for (size_t i = 0; i < kGroups; ++i) {
      Group group;
      for (size_t slot = i; slot < kSlots; slot += kGroups) {
        group.slots.push_back(static_cast<SlotId>(slot));
      }
      groups_.push_back(std::move(group));
    }
    settle_groups();
    for (size_t i = 0; i < 6; ++i) {
      processes_.emplace_back();
      processes_.back().worker.id = "w" + std::to_string(i);
    }
  }

  void run() {
    for (int step = 0; step < 600; ++step) {
      if (step < 450) fault();
      if (step % 4 == 0) submit();
      work();
      hosts_.advance(milliseconds(20));
      move_groups();
    }
    calm_ = true;
    hosts_.heal();
    for (int step = 0; step < 2'500 && !over(); ++step) {
      submit_rest();
      revive();
      work();
      hosts_.advance(milliseconds(20));
      move_groups();
    }
    hosts_.advance(seconds(8));
    for (const auto& [id, done] : packets_) {
      if (!done) {
        ADD_FAILURE() << id << " was not acknowledged";
        continue;
      }
      EXPECT_EQ(hosts_.status(id), Status::kCompleted)
          << id << " of " << hosts_.owner(id) << " @" << hosts_.epoch(id);
    }
    for (const std::string& host : hosts_.alive()) {
      for (const MemberView& member : hosts_.node(host).members()) {
        EXPECT_EQ(member.current_load, 0U) << member.record->key.text() << " at " << host;
      }
    }
  }

 private:
  struct Group {
    std::vector<SlotId> slots;
    std::string keeper;
    std::string next;  // while it moves
  };

  std::string any_host() {
    const std::vector<std::string> all = hosts_.alive();
    return all[rng_.below(all.size())];
  }
  // The hosts' slots as they are after the start: slot i is the host's by turns.
  void settle_groups() {
    for (Group& group : groups_) {
      for (const std::string& host : hosts_.alive()) {
        std::vector<SlotId> there;
        for (const SlotId slot : group.slots) {
          if (hosts_.driver(slot) == host) there.push_back(slot);
        }
        hosts_.give_up(host, there);
      }
      hosts_.advance(milliseconds(1));
      group.keeper = any_host();
      hosts_.drive(group.keeper, group.slots);
    }
    hosts_.released_by.clear();
  }

  void fault() {
    switch (rng_.below(60)) {
      case 0: {
        const std::string a = any_host();
        const std::string b = any_host();
        if (a != b) rng_.chance(1, 2) ? hosts_.cut(a, b) : hosts_.cut_both(a, b);
        heal_at_ = hosts_.now().mono + milliseconds(rng_.between(50, 900));
        break;
      }
      case 1:
      case 2: {
        Group& group = groups_[rng_.below(groups_.size())];
        const std::string to = any_host();
        if (!group.next.empty() || group.keeper == to || group.keeper.empty()) break;
        group.next = to;
        hosts_.released_by[group.keeper].clear();
        hosts_.give_up(group.keeper, group.slots);
        break;
      }
      case 3:
        if (hosts_.alive().size() < 3) break;
        dead_ = any_host();
        hosts_.kill(dead_);
        for (Group& group : groups_) {
          if (group.keeper == dead_) group.keeper.clear();
        }
        drop_at_ = hosts_.now().mono + milliseconds(rng_.between(200, 1'500));
        break;
      case 4:
        processes_[rng_.below(processes_.size())].silent_until =
            hosts_.now().mono + milliseconds(rng_.between(100, 5'000));
        break;
      default:
        break;
    }
    if (heal_at_ <= hosts_.now().mono) {
      heal_at_ = kNever;
      hosts_.heal();
    }
    if (drop_at_ <= hosts_.now().mono) revive();
  }
  // The view drops who died, and another life of it joins.
  void revive() {
    if (drop_at_ == kNever) return;
    drop_at_ = kNever;
    const std::string heir = any_host();
    hosts_.drop_dead(heir);
    for (Group& group : groups_) {
      if (!group.keeper.empty()) continue;
      group.keeper = heir;
      group.next.clear();
    }
    hosts_.join_again(dead_);
  }
  void move_groups() {
    for (Group& group : groups_) {
      if (group.next.empty() || group.keeper.empty()) continue;
      const std::set<SlotId>& released = hosts_.released_by[group.keeper];
      const bool all = std::all_of(group.slots.begin(), group.slots.end(),
                                   [&](SlotId slot) { return released.contains(slot); });
      if (!all) continue;
      const std::vector<std::string> alive = hosts_.alive();
      const bool there = std::find(alive.begin(), alive.end(), group.next) != alive.end();
      group.keeper = there ? group.next : any_host();
      group.next.clear();
      hosts_.drive(group.keeper, group.slots);
    }
  }

  void submit() {
    packets_.emplace("q" + std::to_string(packets_.size()), false);
    submit_rest();
  }
  void submit_rest() {
    for (auto& [id, done] : packets_) {
      if (done) continue;
      done = hosts_.records.packets.contains(Stage::packet(id));
      const std::string keeper = hosts_.driver(Hosts::slot(id));
      if (!done && !keeper.empty()) {
        hosts_.ask(keeper, Stage::principal(), Stage::single(Stage::item(id, {"a"})));
      }
    }
  }
  bool over() const {
    for (const auto& [id, done] : packets_) {
      if (!done || !is_terminal(hosts_.records.packets.at(Stage::packet(id)).status)) return false;
    }
    return true;
  }

  void work() {
    for (Process& process : processes_) {
      if (process.silent_until <= hosts_.now().mono || calm_) act(process);
    }
  }
  void act(Process& process) {
    if (process.pending != 0) {
      const ReplyBody* answer = hosts_.answer(process.pending);
      const std::vector<std::string> alive = hosts_.alive();
      const bool dead = std::find(alive.begin(), alive.end(), process.host) == alive.end();
      const bool late = hosts_.now().mono - process.asked > seconds(3);
      if (answer == nullptr && !dead && !late) return;
      process.pending = 0;
      if (answer != nullptr) {
        take(process, *answer);
      } else {
        process.attached = false;
        process.asked_twice = process.asked_twice || process.kind == Process::Asked::kRegister;
      }
    }
    if (!process.registered) return enlist(process);
    if (!process.attached) {
      process.host = any_host();
      return ask(process, Process::Asked::kAttach, Attach{Stage::ref(process.worker)});
    }
    finish_something(process);
    if (rng_.chance(1, 3)) {
      ask(process, Process::Asked::kPoll,
          Poll{Stage::ref(process.worker), 10, {}, process.worker.after});
    }
  }
  void enlist(Process& process) {
    process.host = any_host();
    Register wanted;
    wanted.single = true;
    wanted.members = {Stage::record(process.worker.id, {"a"}, {.max_load = 3})};
    wanted.lease_seconds = static_cast<uint32_t>(kLease.ms() / 1000);
    wanted.replace = true;
    wanted.session_id = "s" + std::to_string(++sessions_);
    process.kind = Process::Asked::kRegister;
    process.asked = hosts_.now().mono;
    process.pending = hosts_.ask(process.host, Stage::principal(), wanted);
  }
  void ask(Process& process, Process::Asked kind, CommandBody body) {
    const std::vector<std::string> alive = hosts_.alive();
    if (std::find(alive.begin(), alive.end(), process.host) == alive.end()) {
      process.attached = false;
      return;
    }
    process.kind = kind;
    process.asked = hosts_.now().mono;
    process.pending = hosts_.ask(process.host, Stage::token(process.worker), std::move(body));
  }
  void take(Process& process, const ReplyBody& answer) {
    if (const auto* made = std::get_if<MembersReply>(&answer)) {
      process.worker = Stage::joined(process.worker.id, answer);
      process.registered = process.attached = made->session.has_value();
    } else if (const auto* attached = std::get_if<AttachReply>(&answer)) {
      Worker& worker = process.worker;
      worker.generation = attached->session.generation;
      worker.incarnation = attached->incarnation.value_or(worker.incarnation);
      worker.after = attached->next;
      process.attached = true;
      std::map<std::string, uint64_t> hand;
      for (const auto& [id, epoch] : attached->held) {
        if (process.hand.contains(id) && process.hand[id] == epoch) hand[id] = epoch;
      }
      process.hand = hand;
      for (const Revoked& revoked : attached->revoked) revoke(process, revoked);
    } else if (const auto* told = std::get_if<DeliveriesReply>(&answer)) {
      process.worker.after = told->next;
      for (const Delivery& delivery : told->deliveries) {
        const std::string id(delivery.packet.head->key.id());
        const auto over = process.revoked.find(id);
        if (over != process.revoked.end() && over->second >= delivery.epoch) continue;
        process.hand[id] = delivery.epoch;
      }
      for (const Revoked& revoked : told->revoked) revoke(process, revoked);
    } else if (const auto* error = std::get_if<Error>(&answer)) {
      EXPECT_NE(error->kind, ErrorKind::kInternal) << error->detail;
      process.attached = false;
      if (error->kind != ErrorKind::kSessionReplaced) return;
      EXPECT_TRUE(process.asked_twice) << error->detail;
      process.registered = process.asked_twice = false;
    }
  }
  static void revoke(Process& process, const Revoked& revoked) {
    uint64_t& over = process.revoked[revoked.id];
    over = std::max(over, revoked.epoch);
    if (process.hand.contains(revoked.id) && process.hand[revoked.id] <= over) {
      process.hand.erase(revoked.id);
    }
  }
  void finish_something(Process& process) {
    for (auto it = process.ending.begin(); it != process.ending.end();) {
      const ReplyBody* answer = hosts_.answer(it->second);
      if (answer == nullptr) {
        ++it;
        continue;
      }
      const auto kind = refusal(*answer);
      const bool stop = !kind || *kind == ErrorKind::kStaleEpoch || *kind == ErrorKind::kNotOwner ||
                        *kind == ErrorKind::kWrongState;
      if (stop) process.hand.erase(it->first);
      it = process.ending.erase(it);
    }
    for (const auto& [id, epoch] : process.hand) {
      if (process.ending.contains(id) || !rng_.chance(1, 4)) continue;
      const std::string keeper = hosts_.driver(Hosts::slot(id));
      if (keeper.empty()) continue;
      process.ending[id] =
          hosts_.ask(keeper, Stage::token(process.worker),
                     OwnerCalls{{Stage::owner_call(Call::kComplete, id, epoch)}, true});
      break;
    }
    if (rng_.chance(1, 50)) process.ending.clear();  // their answers are lost
  }

  Prng rng_;
  Hosts hosts_;
  std::vector<Group> groups_;
  std::vector<Process> processes_;
  std::map<std::string, bool> packets_;  // acknowledged?
  std::string dead_;
  Instant heal_at_ = kNever;
  Instant drop_at_ = kNever;
  uint64_t sessions_ = 1'000;
  bool calm_ = false;
};

class Storms : public ::testing::TestWithParam<uint64_t> {};

TEST_P(Storms, WhenItIsOverEverythingHasEnded) { Storm(GetParam()).run(); }

// The sanitizers see the same code in each of them.
const uint64_t kSeeds = std::getenv("PHOENIX_SANITIZED") == nullptr ? 20 : 5;
INSTANTIATE_TEST_SUITE_P(Seeds, Storms, ::testing::Range<uint64_t>(1, kSeeds + 1));

}  // namespace
}  // namespace phoenix
