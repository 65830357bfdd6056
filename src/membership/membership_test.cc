// The whole machine: a few of them in a network without faults, one test for each thing that needs
// the parts to work together.
#include "membership/membership.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>

#include "membership/view/memory_view_store.h"

namespace phoenix::gossip {
namespace {

Endpoint address_of(int host) {
  Endpoint endpoint;
  endpoint.size = 4;
  endpoint.ip = {127, 0, 0, static_cast<uint8_t>(host + 1)};
  endpoint.port = 7946;
  return endpoint;
}

MembershipOptions options_of(int host) {
  MembershipOptions options;
  options.name = "h" + std::to_string(host);
  options.advertise = address_of(host);
  options.api = "127.0.0.1:74" + std::to_string(10 + host);
  options.version = "test";
  options.boot_id = static_cast<uint64_t>(host) + 100;
  options.identity = {"pool", "ring", 128, "store"};
  options.seed.fill(static_cast<uint8_t>(host + 1));
  if (host > 0) options.seeds = {address_of(0)};
  return options;
}

// Delivers at once and in order; time passes from wake to wake.
class Pool {
 public:
  struct Member {
    std::unique_ptr<Membership> core;
    Instant wake = kNever;
    std::vector<HostEvent> events;
    bool up = true;
    bool left = false;
    bool keys_changed = false;
    std::string name;
    std::string store;
  };

  Membership& start(const MembershipOptions& options) {
    const Endpoint at = options.advertise;
    Member& member = members_[at];
    member = {};
    member.name = options.name;
    member.store = options.identity.store;
    member.core = std::make_unique<Membership>(options);
    call(at, [&](Now now, Output& out) { member.core->start(now, out); });
    return *member.core;
  }
  Member& at(int host) { return members_.at(address_of(host)); }
  MemoryViewStore& store(const std::string& id) { return stores_[id]; }

  template <class Do>
  void call(const Endpoint& at, Do&& act) {
    Output out;
    act(now_, out);
    carry_out(at, out);
    deliver();
  }
  template <class Do>
  void call(int host, Do&& act) {
    Membership& core = *at(host).core;
    call(address_of(host), [&](Now now, Output& out) { act(core, now, out); });
  }

  void run_for(Duration length) {
    const Instant end = now_.mono + length;
    while (true) {
      Endpoint next;
      Instant when = kNever;
      for (const auto& [endpoint, member] : members_) {
        if (member.up && member.wake < when) {
          when = member.wake;
          next = endpoint;
        }
      }
      if (when > end) break;
      move_to(std::max(when, now_.mono));
      Membership& core = *members_.at(next).core;
      call(next, [&](Now now, Output& out) { core.tick(now, out); });
    }
    move_to(end);
  }
  void kill(int host) { at(host).up = false; }

  std::string seen_by(int host) {
    std::string text;
    for (const HostRow& row : at(host).core->hosts()) {
      text += row.name + "=" + std::to_string(static_cast<int>(row.state)) + "/" +
              std::string(standing_name(row.standing)) + " ";
    }
    return text;
  }
  std::string view_of(int host) {
    std::string text;
    for (const ViewHost& row : at(host).core->view().hosts) text += row.name + " ";
    return text;
  }
  bool heard(int host, HostEventKind kind, std::string_view name) {
    return find(host, kind, name) != nullptr;
  }
  std::string detail(int host, HostEventKind kind, std::string_view name) {
    const HostEvent* event = find(host, kind, name);
    return event == nullptr ? "not heard" : event->detail;
  }

 private:
  const HostEvent* find(int host, HostEventKind kind, std::string_view name) {
    for (const HostEvent& event : at(host).events) {
      if (event.kind == kind && event.name == name) return &event;
    }
    return nullptr;
  }
  struct Datagram {
    Endpoint from, to;
    std::string bytes;
  };
  void move_to(Instant mono) {
    now_.wall += (mono - now_.mono).ms();
    now_.mono = mono;
  }
  void carry_out(const Endpoint& from, Output& out) {
    Member& member = members_.at(from);
    member.wake = out.next_wake;
    member.left = member.left || out.left;
    member.keys_changed = member.keys_changed || out.keys_changed;
    for (HostEvent& event : out.events) member.events.push_back(std::move(event));
    for (PacketOut& packet : out.packets) {
      EXPECT_LE(packet.bytes.size(), kMaxDatagram);
      datagrams_.push_back({from, packet.to, std::move(packet.bytes)});
    }
    for (ViewRequest& request : out.view_requests) requests_.push_back({from, std::move(request)});
    for (StreamOut& stream : out.streams) streams_.push_back({from, std::move(stream)});
  }
  void deliver() {
    while (!datagrams_.empty() || !streams_.empty() || !requests_.empty()) {
      if (!requests_.empty()) {
        auto [from, request] = std::move(requests_.front());
        requests_.pop_front();
        Member& member = members_.at(from);
        const ViewAnswer answer = stores_[member.store].apply(member.name, request, now_.mono);
        Output out;
        member.core->view_answered(answer, now_, out);
        carry_out(from, out);
      } else if (!streams_.empty()) {
        auto [from, stream] = std::move(streams_.front());
        streams_.pop_front();
        converse(from, stream);
      } else {
        const Datagram datagram = std::move(datagrams_.front());
        datagrams_.pop_front();
        const auto to = members_.find(datagram.to);
        if (to == members_.end() || !to->second.up) continue;
        Output out;
        to->second.core->receive_packet(datagram.bytes, datagram.from, now_, out);
        carry_out(datagram.to, out);
      }
    }
  }
  void converse(const Endpoint& from, const StreamOut& stream) {
    Membership& caller = *members_.at(from).core;
    Output back;
    const auto to = members_.find(stream.to);
    if (to == members_.end() || !to->second.up) {
      caller.stream_failed(stream.id, StreamFailure::kRefused, Drop::kNone, now_, back);
      return carry_out(from, back);
    }
    Membership& callee = *to->second.core;
    StreamReader request(callee.frame(), callee.keyring(), true);
    Output out;
    if (request.feed(stream.bytes) == StreamReader::State::kDone) {
      callee.receive_stream(7, request.message(), from, now_, out);
    } else {
      callee.refuse_stream(7, request.why(), now_, out);
    }
    ASSERT_EQ(out.replies.size(), 1u);
    StreamReader answer(caller.frame(), caller.keyring(), false);
    const bool read = answer.feed(out.replies[0].bytes) == StreamReader::State::kDone;
    carry_out(stream.to, out);
    if (read) {
      caller.stream_answered(stream.id, answer.message(), now_, back);
    } else {
      caller.stream_failed(stream.id, StreamFailure::kMalformed, answer.why(), now_, back);
    }
    carry_out(from, back);
  }

  Now now_{Instant{seconds(1'000).ns}, 1'800'000'000'000};
  std::map<Endpoint, Member> members_;
  std::deque<Datagram> datagrams_;
  std::deque<std::pair<Endpoint, StreamOut>> streams_;
  std::deque<std::pair<Endpoint, ViewRequest>> requests_;
  std::map<std::string, MemoryViewStore> stores_;
};

TEST(Membership, ThreeHostsFindEachOtherAndEnterOneView) {
  Pool pool;
  for (int host = 0; host < 3; ++host) pool.start(options_of(host));
  pool.run_for(seconds(10));
  for (int host = 0; host < 3; ++host) {
    EXPECT_EQ(pool.seen_by(host), "h0=0/in-view h1=0/in-view h2=0/in-view ");
    EXPECT_EQ(pool.view_of(host), "h0 h1 h2 ");
  }
  EXPECT_TRUE(pool.heard(0, HostEventKind::kJoin, "h2"));
}

// Its disk was lost, and with it the incarnation under which it is in the view.
TEST(Membership, AHostWithoutMemoryClimbsAboveItsEarlierLife) {
  Pool pool;
  View view;
  view.hosts = {{"h0", 2'000'000'000, 100, 9}};
  (void)pool.store("store").apply("h0", {1, true, 0, view}, Instant{seconds(900).ns});
  pool.start(options_of(0));
  pool.run_for(seconds(5));
  EXPECT_EQ(pool.seen_by(0), "h0=0/in-view ");
  EXPECT_EQ(pool.at(0).core->view().hosts[0],
            (ViewHost{"h0", 2'000'000'001, 100, options_of(0).boot_id}));
}

TEST(Membership, AKilledHostFailsAndLeavesTheView) {
  Pool pool;
  for (int host = 0; host < 4; ++host) pool.start(options_of(host));
  pool.run_for(seconds(10));
  pool.kill(2);
  pool.run_for(seconds(15));
  EXPECT_EQ(pool.seen_by(0), "h0=0/in-view h1=0/in-view h2=2/outside h3=0/in-view ");
  EXPECT_EQ(pool.view_of(3), "h0 h1 h3 ");
  EXPECT_TRUE(pool.heard(3, HostEventKind::kFailed, "h2"));
}

TEST(Membership, AHostThatLeavesHasLeftForAll) {
  Pool pool;
  for (int host = 0; host < 3; ++host) pool.start(options_of(host));
  pool.run_for(seconds(10));
  pool.call(1, [](Membership& core, Now now, Output& out) { core.leave(now, out); });
  pool.run_for(seconds(4));
  EXPECT_TRUE(pool.at(1).left);
  EXPECT_TRUE(pool.heard(0, HostEventKind::kLeft, "h1"));
  EXPECT_FALSE(pool.heard(0, HostEventKind::kFailed, "h1"));
  EXPECT_EQ(pool.view_of(0), "h0 h2 ");
}

TEST(Membership, ASecondHostOfOneNameIsTurnedAway) {
  Pool pool;
  for (int host = 0; host < 3; ++host) pool.start(options_of(host));
  pool.run_for(seconds(5));
  MembershipOptions second = options_of(3);
  second.name = "h1";
  pool.start(second);
  pool.run_for(seconds(3));
  const auto refused =
      std::find_if(pool.at(3).events.begin(), pool.at(3).events.end(),
                   [](const HostEvent& event) { return event.kind == HostEventKind::kRefused; });
  ASSERT_NE(refused, pool.at(3).events.end());
  EXPECT_EQ(refused->detail, to_string(address_of(1)));
  EXPECT_EQ(pool.seen_by(0), "h0=0/in-view h1=0/in-view h2=0/in-view ");
}

TEST(Membership, AnEncryptedPoolRefusesWhoHasNoKey) {
  Pool pool;
  for (int host = 0; host < 3; ++host) {
    MembershipOptions options = options_of(host);
    if (host < 2) options.keys = {std::string(16, 'k')};
    pool.start(options);
  }
  pool.run_for(seconds(5));
  EXPECT_EQ(pool.at(0).core->alive(), 2u);
  EXPECT_EQ(pool.at(2).core->alive(), 1u);
  EXPECT_EQ(pool.detail(2, HostEventKind::kJoinFailed, "127.0.0.1:7946"),
            "its answer is encrypted, and we have no key");
  EXPECT_GT(pool.at(0).core->stats().dropped[static_cast<size_t>(Drop::kPlain)], 0u);
}

TEST(Membership, AnEncryptedPoolRefusesWhoHasAnotherKey) {
  Pool pool;
  for (int host = 0; host < 2; ++host) {
    MembershipOptions options = options_of(host);
    options.keys = {std::string(16, host == 0 ? 'k' : 'l')};
    pool.start(options);
  }
  pool.run_for(seconds(5));
  EXPECT_EQ(pool.at(0).core->alive(), 1u);
  EXPECT_EQ(pool.detail(1, HostEventKind::kJoinFailed, "127.0.0.1:7946"),
            "its answer is sealed with a key that is none of ours");
  EXPECT_GT(pool.at(0).core->stats().dropped[static_cast<size_t>(Drop::kKey)], 0u);
}

TEST(Membership, HostsOfAnotherPoolAreSeenAndStayOutside) {
  Pool pool;
  pool.start(options_of(0));
  MembershipOptions other = options_of(1);
  other.identity.store = "another";
  pool.start(other);
  pool.run_for(seconds(10));
  EXPECT_EQ(pool.seen_by(0), "h0=0/in-view h1=0/incompatible ");
  EXPECT_EQ(pool.seen_by(1), "h0=0/incompatible h1=0/in-view ");
  const auto rows = pool.at(0).core->hosts();
  EXPECT_EQ(rows[1].why, "store: ours store, theirs another");
  EXPECT_TRUE(pool.heard(0, HostEventKind::kIncompatible, "h1"));
}

TEST(Membership, AGatewayIsSeenAndBelongsToNoView) {
  Pool pool;
  pool.start(options_of(0));
  pool.start(options_of(1));
  MembershipOptions gateway = options_of(2);
  gateway.identity = {.pool = "", .ring_fingerprint = "", .store = std::string(kNoStore)};
  gateway.weight = 0;
  pool.start(gateway);
  pool.run_for(seconds(10));
  EXPECT_EQ(pool.seen_by(0), "h0=0/in-view h1=0/in-view h2=0/gateway ");
  EXPECT_EQ(pool.seen_by(2), "h0=0/outside h1=0/outside h2=0/gateway ");
  EXPECT_FALSE(pool.heard(0, HostEventKind::kIncompatible, "h2"));
  EXPECT_FALSE(pool.heard(2, HostEventKind::kIncompatible, "h0"));
  const auto rows = pool.at(0).core->hosts();
  EXPECT_EQ(rows[2].tags.at("weight"), "0");
  EXPECT_EQ(rows[2].tags.at("api"), gateway.api);
  EXPECT_EQ(pool.at(2).core->view().number, 0u) << "it asks no store for a view";
  pool.call(2, [](Membership& core, Now now, Output& out) { core.leave(now, out); });
  pool.run_for(seconds(5));
  EXPECT_TRUE(pool.at(2).left) << "it waits for no view to let it go";
}

TEST(Membership, ForeignPeersAreSeenAndStayOutOfTheView) {
  Pool pool;
  pool.start(options_of(0));
  MembershipOptions foreign = options_of(1);
  foreign.phoenix = false;
  foreign.tags = {{"role", "web"}};
  pool.start(foreign);
  pool.run_for(seconds(10));
  EXPECT_EQ(pool.seen_by(0), "h0=0/in-view h1=0/foreign ");
  EXPECT_EQ(pool.view_of(0), "h0 ");
  EXPECT_EQ(pool.at(0).core->hosts()[1].tags.at("role"), "web");
}

TEST(Membership, UserEventsReachEverybodyOnce) {
  Pool pool;
  for (int host = 0; host < 4; ++host) pool.start(options_of(host));
  pool.run_for(seconds(3));
  pool.call(3, [](Membership& core, Now now, Output& out) {
    EXPECT_TRUE(core.user_event("deploy", "v2", false, now, out));
  });
  pool.run_for(seconds(3));
  for (int host = 0; host < 4; ++host) {
    int times = 0;
    for (const HostEvent& event : pool.at(host).events) {
      if (event.kind == HostEventKind::kUserEvent && event.name == "deploy") ++times;
    }
    EXPECT_EQ(times, 1) << host;
  }
}

TEST(Membership, AFailedHostMayBeDeclaredToHaveLeft) {
  Pool pool;
  for (int host = 0; host < 3; ++host) pool.start(options_of(host));
  pool.run_for(seconds(5));
  pool.call(0, [](Membership& core, Now now, Output& out) {
    EXPECT_EQ(core.remove("h2", false, now, out).error().kind, ErrorKind::kWrongState);
    EXPECT_EQ(core.remove("nobody", false, now, out).error().kind, ErrorKind::kNotFound);
  });
  pool.kill(2);
  pool.run_for(seconds(10));
  pool.call(0, [](Membership& core, Now now, Output& out) {
    EXPECT_TRUE(core.remove("h2", false, now, out));
  });
  pool.run_for(seconds(3));
  EXPECT_TRUE(pool.heard(1, HostEventKind::kLeft, "h2"));
  EXPECT_EQ(pool.at(1).core->hosts()[2].state, SwimState::kLeft);
}

TEST(Membership, ChangedTagsAreToldAndTooManyRefused) {
  Pool pool;
  for (int host = 0; host < 2; ++host) pool.start(options_of(host));
  pool.run_for(seconds(3));
  pool.call(1, [](Membership& core, Now now, Output& out) {
    EXPECT_TRUE(core.set_tags({{"zone", "b"}}, now, out));
    EXPECT_FALSE(core.set_tags({{"zone", std::string(500, 'x')}}, now, out));
  });
  pool.run_for(seconds(2));
  EXPECT_EQ(pool.at(0).core->hosts()[1].tags.at("zone"), "b");
  EXPECT_TRUE(pool.heard(0, HostEventKind::kUpdated, "h1"));
}

TEST(Membership, WhoGivesUpItsWeightStaysInTheViewWithoutSlots) {
  Pool pool;
  pool.start(options_of(0));
  pool.start(options_of(1));
  pool.run_for(seconds(5));
  ASSERT_EQ(pool.at(0).core->view().hosts.size(), 2u);
  pool.call(
      1, [](Membership& core, Now now, Output& out) { EXPECT_TRUE(core.set_weight(0, now, out)); });
  pool.run_for(seconds(2));
  for (const int host : {0, 1}) {
    const ViewHost* told = pool.at(host).core->view().find("h1");
    ASSERT_NE(told, nullptr);
    EXPECT_EQ(told->weight, 0u);
    EXPECT_EQ(pool.at(host).core->view().find("h0")->weight, 100u);
  }
}

// It would be announced as no phoenix host, or by what everybody refuses, and nobody would know
// why.
TEST(Membership, TagsThatCannotBeToldAreNamed) {
  Pool pool;
  pool.start(options_of(0));
  MembershipOptions nameless = options_of(1);
  nameless.version = std::string(33, 'v');
  pool.start(nameless);
  MembershipOptions talker = options_of(2);
  talker.tags["zone"] = std::string(500, 'z');
  pool.start(talker);
  pool.run_for(seconds(5));
  EXPECT_TRUE(pool.heard(1, HostEventKind::kIncompatible, "h1"));
  const HostRow row = pool.at(1).core->hosts()[1];
  EXPECT_EQ(row.standing, ViewStanding::kIncompatible);
  EXPECT_NE(row.why.find("tag:ver"), std::string::npos) << row.why;
  EXPECT_TRUE(pool.heard(2, HostEventKind::kIncompatible, "h2"));
  EXPECT_EQ(pool.seen_by(0), "h0=0/in-view h1=0/foreign h2=0/in-view ");
  EXPECT_FALSE(pool.at(0).core->hosts()[2].tags.contains("zone"));
}

}  // namespace
}  // namespace phoenix::gossip
