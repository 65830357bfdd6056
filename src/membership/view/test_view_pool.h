// A pool of filters in virtual time: pings and messages with loss, a store with delays, and instead
// of SWIM an oracle that tells every host of a change a little later. For tests alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "membership/view/memory_view_store.h"
#include "membership/view/view_filter.h"

namespace phoenix::gossip::test {

class ViewPool {
 public:
  struct Host {
    std::string name;
    std::unique_ptr<ViewFilter> filter;
    uint32_t incarnation = 1;
    uint64_t boot = 1;
    uint32_t weight = 100;
    bool runs = false;
    int life = 0;                   // events of an earlier life are void
    int loss_in = 0, loss_out = 0;  // per cent
    int side = 0;                   // hosts of different sides do not reach each other
    bool store = true;              // reaches the store
    bool stalled = false;           // alive, but handles nothing
    std::vector<ViewEvent> events;
    Instant armed = kNever;  // the next tick
  };

  explicit ViewPool(uint64_t seed) : prng_(seed) {}

  // Starts `count` hosts named from `first` on; they hear of each other within a second.
  void start(int first, int count) {
    for (int i = first; i < first + count; ++i) boot(i, false);
  }
  // A pool that is in its view and has been so for a while.
  void settle(int count) {
    View view;
    view.number = 0;
    for (int i = 0; i < count; ++i) view.hosts.push_back({name_of(i), 1, 100, boot_of(i, 1)});
    store_.apply("", ViewRequest{1, true, 0, view}, now_);
    for (int i = 0; i < count; ++i) boot(i, true);
    run(seconds(6));
  }
  static std::string name_of(int i) {
    std::string digits = std::to_string(i);
    return "host-" + std::string(4 - digits.size(), '0') + digits;
  }
  Host& host(int i) { return hosts_.at(static_cast<size_t>(i)); }
  size_t size() const { return hosts_.size(); }
  Instant now() const { return now_; }
  Prng& prng() { return prng_; }
  const View& stored() const { return store_.view(); }
  MemoryViewStore& store() { return store_; }

  void crash(int i) {
    Host& host = hosts_[static_cast<size_t>(i)];
    host.runs = false;
    ++host.life;
  }
  // Another process under the same name.
  void restart(int i) {
    Host& host = hosts_[static_cast<size_t>(i)];
    ++host.boot;
    ++host.incarnation;
    boot(i, false);
  }
  // All others come to hold this of it, each within the given time.
  void swim(int i, SwimState state, Duration from = milliseconds(200),
            Duration to = milliseconds(900)) {
    for (size_t other = 0; other < hosts_.size(); ++other) {
      if (static_cast<int>(other) != i) swim_of(static_cast<int>(other), i, state, from, to);
    }
  }
  // One host comes to hold this of another one.
  void swim_of(int at, int about, SwimState state, Duration from, Duration to) {
    const Host& subject = hosts_[static_cast<size_t>(about)];
    SeenHost seen = seen_of(subject, about, state);
    const std::string name = subject.name;
    to_host(at, Duration{prng_.between(from.ns, to.ns)}, [this, seen, name](Host& host) mutable {
      seen.name = name;
      ViewEffects out;
      host.filter->seen(seen, clock(), out);
      carry_out(host, out);
    });
  }

  // Alive, but handles nothing; then it goes on and is told how long it slept, unless it cannot
  // know.
  void stall(int i, Duration length, bool told) {
    hosts_[static_cast<size_t>(i)].stalled = true;
    at(length, [this, i, length, told] {
      Host& host = hosts_[static_cast<size_t>(i)];
      host.stalled = false;
      host.armed = kNever;
      ViewEffects out;
      if (told) host.filter->paused(length, clock(), out);
      host.filter->tick(clock(), out);
      carry_out(host, out);
    });
  }
  // Each side loses the other, and SWIM says so.
  void split(const std::set<int>& there) {
    for (const int i : there) hosts_[static_cast<size_t>(i)].side = 1;
    across([this](int a, int b) {
      swim_of(a, b, SwimState::kSuspect, milliseconds(500), seconds(2));
      swim_of(a, b, SwimState::kDead, seconds(3), seconds(6));
    });
  }
  void heal() {
    across([this](int a, int b) { swim_of(a, b, SwimState::kAlive, seconds(1), seconds(3)); });
    for (Host& host : hosts_) host.side = 0;
  }
  // The link between two hosts.
  void cut_link(int a, int b) { cut_.insert({std::min(a, b), std::max(a, b)}); }

  void leave(int i) {
    ViewEffects out;
    Host& host = hosts_[static_cast<size_t>(i)];
    host.filter->leave(clock(), out);
    carry_out(host, out);
  }

  void run(Duration length) {
    const Instant end = now_ + length;
    while (step(end)) {
    }
    now_ = end;
  }
  // False: did not come true within `limit`.
  bool run_until(Duration limit, const std::function<bool()>& done) {
    const Instant end = now_ + limit;
    while (!done()) {
      run(milliseconds(50));
      if (now_ > end) return false;
    }
    return true;
  }
  void at(Duration in, std::function<void()> what) {
    queue_.push_back({now_ + in, ++sequence_, std::move(what)});
    std::push_heap(queue_.begin(), queue_.end());
  }

  // Whether the store's view holds exactly these, and every running host that reaches the store
  // has it.
  bool agreed(const std::set<int>& members) const {
    std::set<std::string> names;
    for (const int i : members) names.insert(name_of(i));
    if (store_.view().hosts.size() != names.size()) return false;
    for (const ViewHost& host : store_.view().hosts) {
      if (!names.contains(host.name)) return false;
    }
    for (const Host& host : hosts_) {
      if (host.runs && host.store && !host.stalled && host.filter->view() != store_.view()) {
        return false;
      }
    }
    return true;
  }
  std::string in_view() const {
    std::string out = "view " + std::to_string(store_.view().number) + ":";
    for (const ViewHost& host : store_.view().hosts) out += " " + host.name;
    out += "; removed:";
    for (const RemovedHost& host : store_.view().removed) {
      out += " " + host.name + "x" + std::to_string(host.times);
    }
    return out;
  }
  // Hosts that were ever cut, by the events of all.
  std::set<std::string> ever_cut() const {
    std::set<std::string> out;
    for (const Host& host : hosts_) {
      for (const ViewEvent& event : host.events) {
        if (event.kind == ViewEventKind::kRemoved) out.insert(event.name);
      }
    }
    return out;
  }
  uint64_t messages() const { return messages_; }
  // Hosts cannot do without the store.
  void make_store_vital() { store_.set_vital(); }
  bool store_down = false;

 private:
  struct Event {
    Instant at;
    uint64_t sequence;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return at != other.at ? at > other.at : sequence > other.sequence;
    }
  };

  static uint64_t boot_of(int i, uint64_t boot) { return static_cast<uint64_t>(i) << 8 | boot; }
  static Endpoint endpoint_of_host(int i) {
    Endpoint out;
    out.size = 4;
    out.ip = {10, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
    out.port = 7946;
    return out;
  }
  Now clock() const { return {now_, 0}; }
  SeenHost seen_of(const Host& host, int i, SwimState state) const {
    return {host.name, endpoint_of_host(i), host.incarnation,     state, true,
            true,      host.weight,         boot_of(i, host.boot)};
  }

  bool step(Instant end) {
    if (queue_.empty() || queue_.front().at > end) return false;
    std::pop_heap(queue_.begin(), queue_.end());
    const Event event = std::move(queue_.back());
    queue_.pop_back();
    now_ = event.at;
    event.what();
    return true;
  }

  // Runs on the host as it is now, unless it is another life by then.
  void to_host(int i, Duration in, std::function<void(Host&)> what) {
    const int life = hosts_[static_cast<size_t>(i)].life;
    at(in, [this, i, life, what = std::move(what)] {
      Host& host = hosts_[static_cast<size_t>(i)];
      if (host.runs && host.life == life && !host.stalled) what(host);
    });
  }

  void boot(int i, bool known) {
    while (hosts_.size() <= static_cast<size_t>(i)) {
      hosts_.emplace_back();
      hosts_.back().name = name_of(static_cast<int>(hosts_.size()) - 1);
    }
    Host& host = hosts_[static_cast<size_t>(i)];
    host.runs = true;
    ++host.life;
    host.armed = kNever;
    host.filter =
        std::make_unique<ViewFilter>(ViewFilterOptions{host.name, seconds(1)}, Prng(prng_.next()));
    ViewEffects out;
    host.filter->seen(seen_of(host, i, SwimState::kAlive), clock(), out);
    host.filter->start(clock(), out);
    carry_out(host, out);
    const Duration longest = known ? milliseconds(1) : milliseconds(800);
    for (int other = 0; other < static_cast<int>(hosts_.size()); ++other) {
      if (other == i || !hosts_[static_cast<size_t>(other)].runs) continue;
      swim_of(i, other, SwimState::kAlive, {}, longest);
      swim_of(other, i, SwimState::kAlive, {}, longest);
    }
  }

  template <class What>
  void across(const What& what) {
    for (int a = 0; a < static_cast<int>(hosts_.size()); ++a) {
      for (int b = 0; b < static_cast<int>(hosts_.size()); ++b) {
        if (hosts_[static_cast<size_t>(a)].side != hosts_[static_cast<size_t>(b)].side) what(a, b);
      }
    }
  }

  bool lost(const Host& from, const Host& to) {
    if (from.side != to.side) return true;
    if (!cut_.empty()) {
      const int a = static_cast<int>(&from - hosts_.data());
      const int b = static_cast<int>(&to - hosts_.data());
      if (cut_.contains({std::min(a, b), std::max(a, b)})) return true;
    }
    return prng_.chance(static_cast<uint64_t>(from.loss_out), 100) ||
           prng_.chance(static_cast<uint64_t>(to.loss_in), 100);
  }
  Duration delay() { return microseconds(prng_.between(500, 5'000)); }
  int index_of(const Endpoint& endpoint) const { return endpoint.ip[2] << 8 | endpoint.ip[3]; }

  void carry_out(Host& host, ViewEffects& out) {
    const int self = static_cast<int>(&host - hosts_.data());
    for (const ViewProbe& probe : out.probes) ping(host, self, probe);
    for (ViewMessage& message : out.messages) {
      ++messages_;
      const int to = index_of(message.to);
      if (static_cast<size_t>(to) >= hosts_.size() || lost(host, hosts_[static_cast<size_t>(to)])) {
        continue;
      }
      to_host(to, delay(), [this, self, bytes = std::move(message.bytes)](Host& receiver) {
        ViewEffects effects;
        receiver.filter->received(bytes, endpoint_of_host(self), clock(), effects);
        carry_out(receiver, effects);
      });
    }
    for (ViewRequest& request : out.requests) ask_store(host, self, std::move(request));
    for (ViewEvent& event : out.events) {
      if (event.kind == ViewEventKind::kSelfRemoved) raise(self, event.incarnation);
      host.events.push_back(std::move(event));
    }
    schedule(host, self);
  }

  void schedule(Host& host, int self) {
    const Instant wake = std::max(host.filter->next_wake(), now_);
    if (wake >= host.armed) return;
    host.armed = wake;
    to_host(self, wake - now_, [this, wake](Host& one) {
      if (one.armed != wake) return;  // brought forward since
      one.armed = kNever;
      ViewEffects effects;
      if (one.filter->next_wake() > now_) return carry_out(one, effects);
      one.filter->tick(clock(), effects);
      carry_out(one, effects);
    });
  }

  void ping(Host& host, int self, const ViewProbe& probe) {
    const int to = index_of(probe.to);
    const Host& target = hosts_[static_cast<size_t>(to)];
    if (lost(host, target) || lost(target, host)) return;
    to_host(to, delay(), [this, self, life = host.life, name = probe.name](Host& receiver) {
      if (receiver.name != name) return;
      if (hosts_[static_cast<size_t>(self)].life != life) return;
      to_host(self, delay(), [this, name](Host& one) {
        ViewEffects effects;
        one.filter->probed(name, PingEnd::kAnswered, clock(), effects);
        carry_out(one, effects);
      });
    });
  }

  void ask_store(Host& host, int self, ViewRequest request) {
    const auto unreachable = [this, self, id = request.id] {
      to_host(self, seconds(1), [this, id](Host& one) {
        ViewEffects effects;
        one.filter->answered({id, ViewAnswer::Status::kUnreachable, nullptr, {}}, clock(), effects);
        carry_out(one, effects);
      });
    };
    if (store_down || !host.store) return unreachable();
    to_host(self, delay(), [this, self, request = std::move(request)](Host& one) {
      const ViewAnswer answer = store_.apply(one.name, request, now_);
      to_host(self, delay(), [this, answer](Host& back) {
        ViewEffects effects;
        back.filter->answered(answer, clock(), effects);
        carry_out(back, effects);
      });
    });
  }

  void raise(int self, uint32_t above) {
    to_host(self, milliseconds(10), [this, self, above](Host& host) {
      host.incarnation = std::max(host.incarnation, above + 1);
      ViewEffects effects;
      host.filter->seen(seen_of(host, self, SwimState::kAlive), clock(), effects);
      carry_out(host, effects);
      for (size_t other = 0; other < hosts_.size(); ++other) {
        if (hosts_[other].side == host.side && static_cast<int>(other) != self) {
          swim_of(static_cast<int>(other), self, SwimState::kAlive, milliseconds(200), seconds(1));
        }
      }
    });
  }

  Prng prng_;
  Instant now_ = Instant{} + seconds(1'000);
  uint64_t sequence_ = 0, messages_ = 0;
  std::vector<Event> queue_;  // a heap
  std::set<std::pair<int, int>> cut_;
  std::vector<Host> hosts_;
  MemoryViewStore store_;
};

}  // namespace phoenix::gossip::test
