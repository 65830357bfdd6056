// Several hosts over one table of rows, under views that come late, calls to the store that fail,
// get lost or happen late, a store that falls over, and nodes that take their time to stop. A
// fenced host does not know it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "cluster/slots.h"
#include "cluster/test_slot_rows.h"

namespace phoenix {
namespace {

using testing_cluster::SlotRows;

RingKey test_key() {
  RingKey key;
  for (size_t i = 0; i < key.bytes.size(); ++i) key.bytes[i] = static_cast<uint8_t>(i + 1);
  return key;
}

class World {
 public:
  explicit World(uint64_t seed) : prng_(seed) {}

  // --- the pool ---
  void join(const std::string& name, uint32_t weight) {
    const HostLife life{name, ++lives_};
    std::erase_if(view_.hosts, [&](const ClusterHost& host) { return host.life.host == name; });
    const auto place = std::find_if(view_.hosts.begin(), view_.hosts.end(),
                                    [&](const ClusterHost& host) { return host.life.host > name; });
    view_.hosts.insert(place, ClusterHost{.life = life, .weight = weight});
    for (const auto& [other, host] : hosts_) {
      if (other.host == name) rows_.fence(other);  // its earlier life, in the same transaction
    }
    rows_.enter(life);
    Host& host = hosts_[life];
    host.slots = std::make_unique<Slots>(
        SlotsConfig{.ring_key = test_key(), .self = life, .scan_portion = 700});
    host.drives.assign(kSlots, false);
    announce();
    beat(life);
  }
  void remove(const std::string& name) {
    for (const ClusterHost& host : view_.hosts) {
      if (host.life.host == name) rows_.fence(host.life);
    }
    std::erase_if(view_.hosts, [&](const ClusterHost& host) { return host.life.host == name; });
    announce();
  }
  void reweigh(const std::string& name, uint32_t weight) {
    for (ClusterHost& host : view_.hosts) {
      if (host.life.host == name) host.weight = weight;
    }
    announce();
  }

  // --- time ---
  void run(Duration length) {
    const Instant until = now_ + length;
    while (!later_.empty() && later_.begin()->first <= until && problems_.empty()) {
      const auto next = later_.begin();
      now_ = next->first;
      const std::function<void()> what = std::move(next->second);
      later_.erase(next);
      what();
    }
    now_ = until;
  }
  // `rate` of 100 calls fail in one of the ways in which calls fail.
  void set_failures(uint64_t rate) { failures_ = rate; }
  // After `rate` of 100 releases the store falls over before anything else is written.
  void set_crashes(uint64_t rate) { crashes_ = rate; }

  // --- what must hold ---
  const std::vector<std::string>& problems() const { return problems_; }
  size_t undriven() const {
    size_t count = 0;
    for (uint32_t slot = 0; slot < kSlots; ++slot) count += driver(slot).empty();
    return count;
  }
  // The host that lives, by the store, and drives it.
  HostLife driver(uint32_t slot) const {
    for (const auto& [life, host] : hosts_) {
      if (host.drives[slot] && !rows_.is_fenced(life)) return life;
    }
    return {};
  }
  size_t late_calls() const { return late_calls_; }
  size_t lost_rows() const { return lost_rows_; }

 private:
  struct Host {
    std::unique_ptr<Slots> slots;
    std::vector<bool> drives;  // by its node, until that has stopped; also what it must not drive
    Instant tick_at = kNever;
  };

  void at(Duration delay, std::function<void()> what) {
    later_.emplace(now_ + delay, std::move(what));
  }
  Duration some(int64_t most_ms) { return microseconds(prng_.between(100, most_ms * 1000)); }

  void announce() {
    ++view_.number;
    for (const auto& [life, host] : hosts_) {
      const ClusterView view = view_;
      const HostLife to = life;
      at(some(300), [this, to, view] {
        hosts_[to].slots->view(now_, view);
        after(to);
      });
    }
  }

  // Carries a call out and answers it, or one of the two, or in the wrong order.
  template <class Answer>
  void call(const HostLife& self, const std::function<Answer()>& happens,
            const std::function<void(Host&, Result<Answer>)>& answer) {
    const bool fails = prng_.below(100) < failures_;
    const uint64_t how = fails ? prng_.below(3) : 3;  // 0: never; 1: unanswered; 2: late
    at(some(20), [this, self, happens, answer, how] {
      Result<Answer> result = fail(ErrorKind::kStoreUnreachable, "no answer");
      if (how == 3) result = happens();
      if (how == 1) happens();
      at(some(20), [this, self, answer, result] {
        answer(hosts_[self], result);
        after(self);
      });
    });
    if (how == 2) {
      at(some(1500), [this, happens] {
        ++late_calls_;
        happens();
      });
    }
  }

  void beat(const HostLife& self) {
    call<Instant>(
        self,
        [this, self, sent = now_] {
          rows_.beat(self);
          return sent;
        },
        [this](Host& to, const auto& sent) {
          if (sent) to.slots->durable(now_, *sent);
        });
    at(milliseconds(500), [this, self] { beat(self); });
  }

  void after(const HostLife& self) {
    Host& host = hosts_[self];
    const Slots::Output out = host.slots->take_output();
    if (out.read) {
      call<std::vector<HeldSlot>>(
          self, [this] { return rows_.read(); },
          [this](Host& to, const auto& rows) { to.slots->rows(now_, rows); });
    }
    if (!out.claim.empty()) {
      const uint64_t number = rows_.next_call(self);
      call<PoolStore::Claimed>(
          self, [this, self, number, out] { return rows_.claim(self, number, out.claim); },
          [this](Host& to, const auto& claimed) { to.slots->claimed(now_, claimed); });
    }
    if (!out.release.empty()) {
      for (const SlotId slot : out.release) {
        if (host.drives[slot]) problem(slot, "released while driven by", self);
      }
      const uint64_t number = rows_.next_call(self);
      call<bool>(
          self,
          [this, self, number, out] {
            rows_.release(self, number, out.release);
            for (const SlotId slot : out.release) {
              if (hosts_[self].drives[slot] && rows_.holder(slot) != self &&
                  !rows_.is_fenced(self)) {
                problem(slot, "its row was cleared while it was driven by", self);
              }
            }
            if (prng_.below(100) < crashes_) lost_rows_ += rows_.crash();
            return true;
          },
          [this](Host& to, const auto& done) { to.slots->released(now_, done); });
    }
    scan_and_stop(self, out);
    tick_later(self);
  }

  void scan_and_stop(const HostLife& self, const Slots::Output& out) {
    if (!out.scan.empty()) {
      for (const SlotId slot : out.scan) {
        const HostLife& holder = rows_.holder(slot);
        if (holder != self && !rows_.is_fenced(self)) problem(slot, "scanned, not held by", self);
      }
      call<bool>(
          self, [] { return true; },
          [this, self](Host& to, const auto& done) {
            for (const SlotId slot : to.slots->scanned(now_, done.has_value())) drive(self, slot);
          });
    }
    // The node stops in portions, each when its writes are answered.
    for (size_t i = 0; i < out.give_up.size(); i += 500) {
      const std::vector<SlotId> portion(
          out.give_up.begin() + static_cast<std::ptrdiff_t>(i),
          out.give_up.begin() + static_cast<std::ptrdiff_t>(std::min(i + 500, out.give_up.size())));
      at(some(400), [this, self, portion] {
        for (const SlotId slot : portion) hosts_[self].drives[slot] = false;
        hosts_[self].slots->given_up(now_, portion);
        after(self);
      });
    }
  }

  void drive(const HostLife& self, SlotId slot) {
    hosts_[self].drives[slot] = true;
    if (rows_.is_fenced(self)) return;  // its commits are refused
    if (rows_.holder(slot) != self) problem(slot, "driven, not held by", self);
    for (const auto& [life, host] : hosts_) {
      if (life != self && host.drives[slot] && !rows_.is_fenced(life)) {
        problem(slot, "driven by " + life.host + " and by", self);
      }
    }
  }
  void problem(SlotId slot, const std::string& what, const HostLife& who) {
    problems_.push_back("slot " + std::to_string(slot) + " at " +
                        std::to_string((now_ - Instant{}).ms()) + " ms: " + what + " " + who.host);
  }

  void tick_later(const HostLife& self) {
    Host& host = hosts_[self];
    const Instant due = host.slots->next_deadline();
    if (due == host.tick_at || due == kNever) return;
    host.tick_at = due;
    at(std::max(due - now_, Duration{}), [this, self, due] {
      Host& to = hosts_[self];
      if (to.tick_at != due) return;
      to.tick_at = kNever;
      to.slots->tick(now_);
      after(self);
    });
  }

  Prng prng_;
  uint64_t failures_ = 0;
  uint64_t crashes_ = 0;
  uint64_t lives_ = 0;
  size_t late_calls_ = 0;
  size_t lost_rows_ = 0;
  Instant now_{};
  ClusterView view_;
  SlotRows rows_;
  std::map<HostLife, Host> hosts_;
  std::multimap<Instant, std::function<void()>> later_;
  std::vector<std::string> problems_;
};

std::string first(const std::vector<std::string>& problems) {
  return problems.empty() ? "" : problems.front();
}

TEST(SlotsProperty, never_two_drivers_and_all_slots_driven_once_it_is_calm) {
  size_t late_calls = 0;
  size_t lost_rows = 0;
  const uint64_t seeds = std::getenv("PHOENIX_SANITIZED") == nullptr ? 15 : 5;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    Prng prng(seed);
    World world(seed);
    world.set_failures(20);
    world.set_crashes(20);
    const std::vector<std::string> names = {"a", "b", "c", "d", "e"};
    world.join("a", 100);
    for (int change = 0; change < 25; ++change) {
      world.run(milliseconds(prng.between(1, 400)));
      const std::string& name = names[prng.below(names.size())];
      switch (prng.below(4)) {
        case 0:
          world.remove(name);
          break;
        case 1:
          world.reweigh(name, static_cast<uint32_t>(100 * prng.below(4)));
          break;
        default:
          world.join(name, 100);
      }
      ASSERT_EQ(first(world.problems()), "") << "seed " << seed;
    }
    world.join("a", 100);
    world.set_failures(0);
    // The last ones fall into the calm.
    world.run(seconds(1));
    world.set_crashes(0);
    world.run(seconds(9));
    ASSERT_EQ(first(world.problems()), "") << "seed " << seed;
    ASSERT_EQ(world.undriven(), 0u) << "seed " << seed;
    late_calls += world.late_calls();
    lost_rows += world.lost_rows();
  }
  EXPECT_GT(late_calls, 3 * seeds) << "the worst way to fail was hardly tried";
  EXPECT_GT(lost_rows, 60 * seeds) << "hardly a release was lost";
}

TEST(SlotsProperty, no_slot_moves_between_two_hosts_that_both_stay) {
  const uint64_t seeds = std::getenv("PHOENIX_SANITIZED") == nullptr ? 10 : 3;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    World world(seed);
    world.set_failures(20);
    for (const char* name : {"a", "b", "c"}) world.join(name, 100);
    world.run(seconds(20));
    const auto drivers = [&world] {
      std::vector<HostLife> all(kSlots);
      for (uint32_t slot = 0; slot < kSlots; ++slot) all[slot] = world.driver(slot);
      return all;
    };
    const std::vector<HostLife> before = drivers();
    world.join("d", 100);
    world.run(seconds(20));
    const std::vector<HostLife> joined = drivers();
    world.remove("b");
    world.run(seconds(20));
    const std::vector<HostLife> removed = drivers();
    ASSERT_EQ(first(world.problems()), "") << "seed " << seed;
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      if (joined[slot].host != "d") ASSERT_EQ(joined[slot], before[slot]) << seed << " " << slot;
      if (joined[slot].host != "b") ASSERT_EQ(removed[slot], joined[slot]) << seed << " " << slot;
      ASSERT_FALSE(removed[slot].empty()) << seed << " " << slot;
    }
  }
}

}  // namespace
}  // namespace phoenix
