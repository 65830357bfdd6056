// Several Swims on a network of their own, for tests: packets take a millisecond, are lost or not,
// reach a host that lives or one that was killed (which refuses), or nobody. All in virtual time.
// What is sent is encoded and decoded again, as between processes.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "membership/swim/swim.h"

namespace phoenix::gossip {

inline Endpoint test_endpoint(unsigned number) {
  const char ip[4] = {10, 0, static_cast<char>(number >> 8), static_cast<char>(number)};
  return endpoint_of({ip, 4}, 7946);
}

// One message into `swim`, as if it came by datagram; false: not one that SWIM reads.
inline bool deliver(Swim& swim, std::string_view bytes, const Endpoint& from, Now now,
                    SwimEffects& out) {
  const std::string_view body = bytes.substr(1);
  const auto as = [&](auto message) {
    if (!decode(body, message)) return false;
    swim.receive(message, from, now, out);
    return true;
  };
  switch (static_cast<MessageType>(bytes[0])) {
    case MessageType::kPing:
      return as(Ping{});
    case MessageType::kIndirectPing:
      return as(IndirectPing{});
    case MessageType::kAck:
      return as(Ack{});
    case MessageType::kNack:
      return as(Nack{});
    case MessageType::kSuspect:
      return as(Suspect{});
    case MessageType::kAlive:
      return as(Alive{});
    case MessageType::kDead:
      return as(Dead{});
    default:
      return false;
  }
}

class TestPool {
 public:
  struct Seen {
    Instant at;
    SwimChange kind;
    std::string name;
    uint32_t incarnation;
  };
  struct Node {
    std::string name;
    Endpoint endpoint;
    std::unique_ptr<Swim> swim;
    bool up = true;
    bool silent = false;            // neither sends nor receives, and refuses nothing
    bool dozes = false;             // no ticks; what comes waits
    bool blocked = false;           // ticks, but what comes and what goes waits
    int loss_in = 0, loss_out = 0;  // of a thousand
    std::vector<std::function<void()>> waiting, held;
    std::vector<Seen> seen;
    std::optional<Endpoint> refused;
    uint32_t reserved = 0;
    uint64_t packets = 0, bytes = 0;
    Instant wake = kNever;
    WallMs clock_wrong = 0;
  };

  explicit TestPool(uint64_t seed) : prng_(seed) {}

  // As a host sees it whose wall clock is wrong by so much.
  Now now(WallMs wrong) const { return {at_, kWall + at_.ns / 1'000'000 + wrong}; }
  Node& operator[](size_t node) { return *nodes_[node]; }
  Swim& swim(size_t node) { return *nodes_[node]->swim; }
  size_t size() const { return nodes_.size(); }

  // The network's answer to whether a packet gets through; all of them by default.
  std::function<bool(size_t from, size_t to)> reach = [](size_t, size_t) { return true; };

  static SwimOptions options(size_t number) {
    SwimOptions options;
    options.name = "host-" + std::to_string(number);
    options.advertise = test_endpoint(static_cast<unsigned>(number) + 1);
    options.meta = "meta";
    return options;
  }
  // A host that starts now.
  size_t add(const SwimOptions& options, WallMs clock_wrong_ms = 0) {
    const size_t number = nodes_.size();
    nodes_.push_back(std::make_unique<Node>());
    Node& node = *nodes_.back();
    node.name = options.name;
    node.endpoint = options.advertise;
    node.clock_wrong = clock_wrong_ms;
    node.swim = std::make_unique<Swim>(options, prng_.fork());
    by_endpoint_[node.endpoint] = number;
    input(number, [](Swim& swim, Now t, SwimEffects& out) { swim.start(t, out); });
    return number;
  }
  // `count` hosts that know each other through the first one.
  void grow(size_t count, const std::function<void(SwimOptions&)>& change = {}) {
    for (size_t i = 0; i < count; ++i) {
      SwimOptions options = TestPool::options(nodes_.size());
      if (!nodes_.empty()) options.seeds = {nodes_[0]->endpoint};
      if (change) change(options);
      add(options);
    }
  }
  void kill(size_t node) { nodes_[node]->up = false; }
  void doze(size_t node) { nodes_[node]->dozes = true; }
  void awake(size_t number) {
    Node& node = *nodes_[number];
    node.dozes = false;
    input(number, tick);
    for (auto& held : std::exchange(node.waiting, {})) held();
  }

  void block(size_t node) { nodes_[node]->blocked = true; }
  void unblock(size_t number) {
    Node& node = *nodes_[number];
    node.blocked = false;
    for (auto& held : std::exchange(node.held, {})) held();
    for (auto& waiting : std::exchange(node.waiting, {})) waiting();
  }

  template <class Input>
  void input(size_t number, Input&& input) {
    SwimEffects out;
    input(*nodes_[number]->swim, now(nodes_[number]->clock_wrong), out);
    carry_out(number, out);
  }

  void run(Duration time) {
    const Instant end = at_ + time;
    while (!events_.empty() && events_.top().at <= end) {
      const Event event = events_.top();
      events_.pop();
      at_ = event.at;
      event.what();
    }
    at_ = end;
  }
  // Runs until it holds, at most so long. False: it never did.
  bool run_until(const std::function<bool()>& holds, Duration at_most) {
    const Instant end = at_ + at_most;
    while (!holds()) {
      if (at_ >= end) return false;
      run(milliseconds(10));
    }
    return true;
  }
  Instant at() const { return at_; }

  SwimState state(size_t viewer, std::string_view name) {
    const HostNumber host = swim(viewer).hosts().find(name);
    return host == HostTable::kNone ? SwimState::kLeft : swim(viewer).hosts()[host].state;
  }
  bool knows(size_t viewer, std::string_view name) {
    return swim(viewer).hosts().find(name) != HostTable::kNone;
  }
  // Whether all that are up take exactly those that are up for alive.
  bool together() {
    for (size_t a = 0; a < nodes_.size(); ++a) {
      if (!nodes_[a]->up) continue;
      size_t up = 0;
      for (size_t b = 0; b < nodes_.size(); ++b) {
        if (!nodes_[b]->up) continue;
        ++up;
        if (a == b) continue;
        const HostNumber host = swim(a).hosts().find(nodes_[b]->name);
        if (host == HostTable::kNone || swim(a).hosts()[host].state != SwimState::kAlive) {
          return false;
        }
        if (swim(a).hosts()[host].endpoint != nodes_[b]->endpoint) return false;
      }
      if (swim(a).live() != up) return false;
    }
    return true;
  }
  size_t count(SwimChange kind, std::string_view name = {}) const {
    size_t found = 0;
    for (const auto& node : nodes_) {
      for (const Seen& seen : node->seen) {
        found += seen.kind == kind && (name.empty() || seen.name == name);
      }
    }
    return found;
  }
  void forget_seen() {
    for (auto& node : nodes_) node->seen.clear();
  }

 private:
  static constexpr WallMs kWall = 1'800'000'000'000;
  static constexpr size_t kBuffer = 1'000;  // packets that wait
  static constexpr Duration kLatency = milliseconds(1);

  struct Event {
    Instant at;
    uint64_t number;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };

  void later(Duration delay, std::function<void()> what) {
    events_.push({at_ + delay, ++numbers_, std::move(what)});
  }

  void carry_out(size_t number, SwimEffects& out) {
    Node& node = *nodes_[number];
    for (auto& change : out.changes) {
      node.seen.push_back({at_, change.kind, std::move(change.name), change.incarnation});
    }
    if (out.refused) node.refused = out.refused;
    if (out.reserve) node.reserved = *out.reserve;
    for (size_t i = 0; i < out.sends.size();) {
      const Endpoint to = out.sends[i].to;
      std::vector<std::string> packet;
      for (; i < out.sends.size() && out.sends[i].to == to; ++i) {
        packet.push_back(std::move(out.sends[i].message));
      }
      send(number, to, std::move(packet));
    }
    for (const SwimEffects::Target& target : out.gossip) send(number, target.to, {});
    for (auto& stream : out.streams) open(number, stream);
    schedule(number);
  }

  void schedule(size_t number) {
    Node& node = *nodes_[number];
    const Instant next = node.swim->next_wake();
    if (next == kNever || node.wake <= next) return;
    node.wake = next;
    events_.push({std::max(next, at_), ++numbers_, [this, number, next] {
                    Node& awake = *nodes_[number];
                    if (awake.wake != next) return;  // it was asked for earlier since
                    awake.wake = kNever;
                    if (!awake.up || awake.dozes) return;
                    input(number, tick);
                  }});
  }
  static void tick(Swim& swim, Now now, SwimEffects& out) { swim.tick(now, out); }

  // Fills the rest of the packet with what is to be told to all.
  void send(size_t number, const Endpoint& to, std::vector<std::string> packet) {
    Node& node = *nodes_[number];
    if (!node.up) return;
    size_t used = 0;
    for (const std::string& message : packet) used += message.size() + 2;
    std::vector<std::string_view> more;
    Swim& swim = *node.swim;
    swim.broadcasts().take(1'390 - used, 2, retransmit_limit(swim.timing(), swim.live()), more);
    packet.insert(packet.end(), more.begin(), more.end());
    if (packet.empty()) return;
    ++node.packets;
    for (const std::string& message : packet) node.bytes += message.size() + 2;
    if (node.silent || prng_.chance(node.loss_out, 1000)) return;
    if (node.blocked) {
      if (node.held.size() >= kBuffer) return;
      node.held.push_back(
          [this, number, to, packet = std::move(packet)] { fly(number, to, packet); });
      return;
    }
    fly(number, to, std::move(packet));
  }

  void fly(size_t number, const Endpoint& to, std::vector<std::string> packet) {
    later(kLatency, [this, number, to, packet = std::move(packet)] {
      const auto found = by_endpoint_.find(to);
      if (found == by_endpoint_.end()) return;
      const size_t receiver = found->second;
      Node& target = *nodes_[receiver];
      if (!reach(number, receiver) || target.silent) return;
      if (prng_.chance(target.loss_in, 1000)) return;
      if (!target.up) {
        later(kLatency, [this, number, to] {
          hand(number, [to](Swim& s, Now t, SwimEffects& o) { s.packet_refused(to, t, o); });
        });
        return;
      }
      const Endpoint from = nodes_[number]->endpoint;
      hand(receiver, [packet, from](Swim& s, Now t, SwimEffects& o) {
        for (const std::string& message : packet) deliver(s, message, from, t, o);
      });
    });
  }

  template <class Input>
  void hand(size_t number, Input in) {
    Node& node = *nodes_[number];
    if (!node.up) return;
    if (node.dozes) {
      if (node.waiting.size() < 200)
        node.waiting.push_back([this, number, in] { hand(number, in); });
      return;
    }
    input(number, in);
  }

  void open(size_t number, const SwimEffects::Stream& stream) {
    if (!nodes_[number]->up || nodes_[number]->blocked) return;
    const auto found = by_endpoint_.find(stream.to);
    const size_t other = found == by_endpoint_.end() ? number : found->second;
    const auto through = [this, number, other] {
      return other != number && !nodes_[number]->silent && !nodes_[other]->silent &&
             reach(number, other) && reach(other, number);
    };
    const uint32_t id = stream.id;
    const bool ping = stream.kind == SwimEffects::StreamKind::kPing;
    const auto fail = [this, number, id, ping, to = stream.to](bool refused) {
      hand(number, [=](Swim& s, Now t, SwimEffects& o) {
        if (ping) s.ping_failed(id, refused, t, o);
        if (!ping) s.push_pull_ended(to, false, t, o);
      });
    };
    if (!through()) return later(stream.timeout, [fail] { fail(false); });
    if (!nodes_[other]->up) return later(kLatency * 2, [fail] { fail(true); });
    if (ping) {
      later(kLatency * 3, [this, number, other, id, bytes = stream.ping, fail] {
        Ping message;
        decode(std::string_view(bytes).substr(1), message);
        if (!nodes_[other]->up || nodes_[other]->dozes || nodes_[other]->blocked) return;
        if (!swim(other).answers(message, now(0))) return fail(false);
        hand(number, [id](Swim& s, Now t, SwimEffects& o) { s.ping_answered(id, {id, {}}, t, o); });
      });
      return;
    }
    later(kLatency * 2, [this, number, other, join = stream.join, id, to = stream.to] {
      if (!nodes_[other]->up || nodes_[other]->dozes || nodes_[other]->blocked) return;
      const std::string ours = table(number, join);
      hand(other, [this, number, ours, id, to](Swim& s, Now t, SwimEffects& o) {
        PushPull message;
        decode(std::string_view(ours).substr(1), message);
        const std::string theirs = encode(PushPull{message.join, states(s), {}});
        s.merge(message.nodes, {0, message.join}, t, o);
        later(kLatency, [this, number, theirs, id, to] {
          hand(number, [theirs, id, to](Swim& me, Now t2, SwimEffects& o2) {
            PushPull answer;
            decode(std::string_view(theirs).substr(1), answer);
            me.merge(answer.nodes, {id, answer.join}, t2, o2);
            me.push_pull_ended(to, true, t2, o2);
          });
        });
      });
    });
  }

  static std::vector<NodeState> states(const Swim& swim) {
    std::vector<NodeState> states;
    swim.local_state(states);
    return states;
  }
  std::string table(size_t number, bool join) {
    return encode(PushPull{join, states(*nodes_[number]->swim), {}});
  }

  Prng prng_;
  Instant at_{seconds(1000).ns};
  uint64_t numbers_ = 0;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<Endpoint, size_t> by_endpoint_;
  std::priority_queue<Event> events_;
};

// One Swim that is told by hand what others say, for tests of single rules.
inline constexpr uint32_t kStart =
    1'800'000'000;  // our first incarnation: the wall clock's seconds

class OneSwim : public ::testing::Test {
 public:
  OneSwim() {
    SwimOptions options;
    options.name = "me";
    options.advertise = test_endpoint(1);
    options.meta = "mine";
    make(options);
  }
  void make(const SwimOptions& options) {
    swim = std::make_unique<Swim>(options, Prng(7));
    now = Now{{seconds(100).ns}, WallMs{kStart} * 1000};
    swim->start(now, out);
    drain();
    out.clear();
  }
  // Time goes on as drivers make it go on.
  void run(Duration time) {
    const Instant end = now.mono + time;
    while (swim->next_wake() <= end) {
      const Instant next = std::max(swim->next_wake(), now.mono);
      now.wall += (next.ns - now.mono.ns) / 1'000'000;
      now.mono = next;
      swim->tick(now, out);
    }
    now.mono = end;
  }
  void alive(std::string_view name, uint32_t incarnation, unsigned at = 50,
             std::string_view meta = "meta", std::string versions = bytes(Versions{})) {
    const Endpoint endpoint = test_endpoint(at);
    swim->receive(Alive{incarnation, name, endpoint.bytes(), endpoint.port, meta, versions}, sender,
                  now, out);
  }
  void suspect(std::string_view name, uint32_t incarnation, std::string_view from = "b") {
    swim->receive(Suspect{incarnation, name, from}, sender, now, out);
  }
  void dead(std::string_view name, uint32_t incarnation, std::string_view from = "b") {
    swim->receive(Dead{incarnation, name, from}, sender, now, out);
  }
  void answer(uint32_t seq, unsigned at) {
    swim->receive(Ack{seq, {}}, test_endpoint(at), now, out);
  }

  static std::string bytes(const Versions& versions) {
    const auto encoded = encode(versions);
    return {encoded.data(), encoded.size()};
  }
  std::vector<std::string> drain() {
    std::vector<std::string_view> taken;
    swim->broadcasts().take(1'000'000, 2, 1'000, taken);
    std::vector<std::string> messages(taken.begin(), taken.end());
    swim->broadcasts().clear();
    return messages;
  }
  template <class Message>
  static std::optional<Message> as(const std::string& bytes, MessageType type) {
    Message message;
    if (bytes.empty() || bytes[0] != static_cast<char>(type)) return std::nullopt;
    if (!decode(std::string_view(bytes).substr(1), message)) return std::nullopt;
    return message;
  }
  // The state of a host and its incarnation, "suspect 5", or "unknown".
  std::string standing(std::string_view name) const {
    const HostNumber host = swim->hosts().find(name);
    if (host == HostTable::kNone) return "unknown";
    const char* const states[] = {"alive ", "suspect ", "dead ", "left "};
    const HostTable::Host& h = swim->hosts()[host];
    return states[static_cast<size_t>(h.state)] + std::to_string(h.incarnation);
  }
  HostNumber number(std::string_view name) const { return swim->hosts().find(name); }
  // What was sent to that address, of that kind.
  std::vector<std::string> sent(unsigned at, MessageType type) const {
    std::vector<std::string> messages;
    for (const SwimSend& send : out.sends) {
      if (send.to == test_endpoint(at) && send.message[0] == static_cast<char>(type)) {
        messages.push_back(send.message);
      }
    }
    return messages;
  }
  size_t changes(SwimChange kind) const {
    return static_cast<size_t>(std::count_if(out.changes.begin(), out.changes.end(),
                                             [kind](const auto& c) { return c.kind == kind; }));
  }

  std::unique_ptr<Swim> swim;
  SwimEffects out;
  Now now;
  Endpoint sender = test_endpoint(99);
};

}  // namespace phoenix::gossip
