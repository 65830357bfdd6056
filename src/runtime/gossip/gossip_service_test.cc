// Whole services over real sockets on loopback, all on one loop.
#include "runtime/gossip/gossip_service.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "net/sockets/udp_socket.h"
#include "runtime/files.h"
#include "runtime/gossip/documents.h"

namespace phoenix::gossip {
namespace {

class ServiceTest : public ::testing::Test {
 protected:
  struct Node {
    std::unique_ptr<GossipService> service;
    std::vector<std::string> news;  // "joined b"
    std::string holder;             // set once it was refused
    bool left = false;
  };

  ServiceTest() {
    std::string name = "/tmp/phoenix-service-XXXXXX";
    path_ = mkdtemp(name.data());
    std::filesystem::create_directories(path_ + "/pool");
  }
  ~ServiceTest() override {
    nodes_.clear();
    loop_.poll();
    std::filesystem::remove_all(path_);
  }

  // `folder` is that of its files, by default one of its own.
  Node& make(const std::string& name, std::vector<std::string> join = {},
             const std::string& key_file = "", std::string folder = "") {
    if (folder.empty()) folder = path_ + "/" + name;
    std::filesystem::create_directories(folder);
    return make_in(folder, name, std::move(join), key_file);
  }
  Node& make_in(const std::string& folder, const std::string& name, std::vector<std::string> join,
                const std::string& key_file) {
    Node& node = nodes_[folder];
    node = {};
    auto port = bind_gossip("127.0.0.1:0");
    EXPECT_TRUE(port);
    GossipOptions options;
    options.membership.name = name;
    options.membership.advertise = *advertised(port->address, "");
    options.membership.api = "127.0.0.1:1";
    options.membership.version = "test";
    options.membership.identity = {"pool", "ring", 128, "store"};
    options.join = std::move(join);
    options.further_seeds = std::exchange(further_, {});
    options.key_file = key_file;
    options.data_folder = folder;
    options.pool_folder = path_ + "/pool";
    options.refused = [&node](const std::string& holder) { node.holder = holder; };
    auto made = GossipService::make(loop_, log_, std::move(*port), std::move(options));
    EXPECT_TRUE(made) << made.error().detail;
    node.service = std::move(*made);
    node.service->subscribe([&node](const HostNews& news) {
      node.news.push_back(std::string(event_name(news.event.kind)) + " " + news.event.name);
    });
    node.service->start();
    return node;
  }
  void end(Node& node) {
    node.service.reset();
    loop_.poll();
  }

  bool run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < end) {
      loop_.run_one_for(std::chrono::milliseconds(20));
    }
    return done();
  }
  static std::optional<HostRow> row(const Node& node, const std::string& name) {
    for (const HostRow& row : node.service->rows()) {
      if (row.name == name) return row;
    }
    return std::nullopt;
  }
  static bool sees(const Node& node, const std::string& name, SwimState state) {
    const auto found = row(node, name);
    return found && found->state == state;
  }
  static bool in_view(const Node& node, size_t hosts) {
    return node.service->view().hosts.size() == hosts;
  }

  EventLoop loop_;
  Log log_{"info", false};
  std::string path_;
  std::map<std::string, Node> nodes_;
  FurtherSeeds further_;  // of the next one that is made
};

TEST_F(ServiceTest, two_find_each_other_share_the_view_and_part) {
  Node& a = make("a");
  Node& b = make("b", {a.service->address()});
  ASSERT_TRUE(run_until([&] {
    return sees(a, "b", SwimState::kAlive) && sees(b, "a", SwimState::kAlive) && in_view(a, 2) &&
           in_view(b, 2);
  }));
  EXPECT_EQ(row(a, "b")->tags.at("api"), "127.0.0.1:1");
  EXPECT_EQ(row(b, "a")->standing, ViewStanding::kInView);
  EXPECT_EQ(phoenix::to_string(to_address(ip_port_of(row(a, "b")->endpoint))),
            b.service->address());
  b.service->leave([&b] { b.left = true; });
  ASSERT_TRUE(run_until([&] { return b.left; }));
  ASSERT_TRUE(run_until([&] { return sees(a, "b", SwimState::kLeft) && in_view(a, 1); }));
  for (const char* news : {"joined b", "left b"}) {
    EXPECT_EQ(std::count(a.news.begin(), a.news.end(), news), 1) << news;
  }
  EXPECT_EQ(std::count(a.news.begin(), a.news.end(), "failed b"), 0);
}

TEST_F(ServiceTest, one_that_nobody_told_of_others_asks_until_it_hears_of_one) {
  Node& a = make("a");
  int asked = 0;
  further_ = [&](const std::function<void(std::vector<std::string>)>& told) {
    // Those of a life that is over too, and who answers only in a later turn.
    std::vector<std::string> found;
    if (++asked == 2) found = {"127.0.0.1:1", a.service->address()};
    loop_.post([told, found] { told(found); });
  };
  Node& b = make("b");
  ASSERT_TRUE(run_until([&] { return sees(a, "b", SwimState::kAlive) && in_view(b, 2); }));
  EXPECT_EQ(asked, 2);
}

TEST_F(ServiceTest, one_alone_leaves_at_once) {
  Node& a = make("a");
  ASSERT_TRUE(run_until([&] { return in_view(a, 1); }));
  const auto begin = std::chrono::steady_clock::now();
  a.service->leave([&a] { a.left = true; });
  ASSERT_TRUE(run_until([&] { return a.left; }));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
}

TEST_F(ServiceTest, one_that_vanishes_has_failed_and_can_be_removed) {
  Node& a = make("a");
  Node& b = make("b", {a.service->address()});
  ASSERT_TRUE(run_until([&] { return in_view(a, 2) && in_view(b, 2); }));
  EXPECT_EQ(a.service->remove("b", false).error().kind, ErrorKind::kWrongState);
  EXPECT_EQ(a.service->remove("nobody", false).error().kind, ErrorKind::kNotFound);
  end(b);
  ASSERT_TRUE(run_until([&] { return sees(a, "b", SwimState::kDead); }));
  ASSERT_TRUE(a.service->remove("b", true));
  ASSERT_TRUE(run_until([&] { return !row(a, "b"); }));
}

TEST_F(ServiceTest, an_incarnation_is_on_disk_before_anybody_hears_of_it) {
  Node& a = make("a");
  Node& b = make("b", {a.service->address()});
  ASSERT_TRUE(run_until([&] { return sees(a, "b", SwimState::kAlive); }));
  const uint32_t heard = row(a, "b")->incarnation;
  const auto stored = [&] {
    const auto text = read_whole(path_ + "/b/hosts.json", 1 << 20);
    return text && *text ? parse_remembered(**text).value_or(Remembered{}) : Remembered{};
  };
  EXPECT_GE(stored().incarnation, heard);
  ASSERT_TRUE(run_until([&] { return !stored().hosts.empty(); }));  // a second later
  EXPECT_EQ(stored().hosts[0].name, "a");
  end(b);
  // Another life at another address, asked by nobody to join: it remembers whom it knew.
  Node& again = make("b");
  ASSERT_TRUE(run_until(
      [&] { return sees(a, "b", SwimState::kAlive) && row(a, "b")->incarnation > heard; }));
  EXPECT_GT(row(again, "b")->incarnation, heard);
}

TEST_F(ServiceTest, while_the_disk_takes_nothing_nothing_is_announced) {
  Node& a = make("a");
  Node& b = make_in(path_ + "/not/yet", "b", {a.service->address()}, "");
  // What it would have said to its seed is given up as soon as the disk has refused.
  ASSERT_TRUE(run_until([&] {
    return std::count(b.news.begin(), b.news.end(), "join-failed " + a.service->address()) == 1;
  }));
  EXPECT_FALSE(row(a, "b"));
  std::filesystem::create_directories(path_ + "/not/yet");
  ASSERT_TRUE(run_until([&] { return sees(a, "b", SwimState::kAlive); }));
}

TEST_F(ServiceTest, a_torn_file_is_told_and_set_aside) {
  std::filesystem::create_directories(path_ + "/a");
  std::ofstream(path_ + "/a/hosts.json") << "{\"incarnation\":17,\"clo";
  testing::internal::CaptureStderr();
  Node& a = make("a");
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("hosts-forgotten"), std::string::npos) << log;
  EXPECT_EQ(**read_whole(path_ + "/a/hosts.json.broken", 100), "{\"incarnation\":17,\"clo");
  ASSERT_TRUE(run_until([&] { return in_view(a, 1); }));
  EXPECT_GT(row(a, "a")->incarnation, 1'700'000'000U);  // the wall clock's
}

TEST_F(ServiceTest, of_two_that_start_under_one_name_one_is_refused_and_told_of_the_other) {
  Node& a = make("a");
  Node& other = make("a", {a.service->address()}, "", path_ + "/other");
  ASSERT_TRUE(run_until([&] { return !other.holder.empty() || !a.holder.empty(); }));
  EXPECT_TRUE(a.holder.empty() || other.holder.empty());
  if (a.holder.empty()) {
    EXPECT_EQ(other.holder, a.service->address());
  } else {
    EXPECT_EQ(a.holder, other.service->address());
  }
}

TEST_F(ServiceTest, seeds_that_are_dead_cost_one_line_a_round_and_one_that_comes_is_joined) {
  // A port that is free now, and bound to nobody else's use by being held for UDP alone.
  auto held = UdpSocket::bind({"127.0.0.1", 0});
  ASSERT_TRUE(held);
  const std::string dead = phoenix::to_string(to_address((*held)->local()));
  std::vector<std::string> seeds(50, dead);
  for (size_t i = 1; i < seeds.size(); ++i) seeds[i] = "127.0.0." + std::to_string(i + 1) + ":1";
  testing::internal::CaptureStderr();
  Node& b = make("b", seeds);
  std::string log;
  const bool told = run_until([&] {
    // The second round's line comes a second after the first one's.
    log += testing::internal::GetCapturedStderr();
    testing::internal::CaptureStderr();
    return log.find("againInMs=2000") != std::string::npos;
  });
  log += testing::internal::GetCapturedStderr();
  ASSERT_TRUE(told) << log;
  EXPECT_NE(log.find("no-seed-answers seeds=50"), std::string::npos) << log;
  EXPECT_NE(log.find("nobody listens there"), std::string::npos) << log;
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 3) << log;  // and one for the view
  EXPECT_TRUE(in_view(b, 1));
}

TEST_F(ServiceTest, who_has_another_key_is_told_so) {
  std::ofstream(path_ + "/key-a") << "AAECAwQFBgcICQoLDA0ODw==\n";
  std::ofstream(path_ + "/key-b") << "AQECAwQFBgcICQoLDA0ODw==\n";
  Node& a = make("a", {}, path_ + "/key-a");
  testing::internal::CaptureStderr();
  Node& b = make("b", {a.service->address()}, path_ + "/key-b");
  std::string log;
  const bool told = run_until([&] {
    log += testing::internal::GetCapturedStderr();
    testing::internal::CaptureStderr();
    return log.find("no-seed-answers") != std::string::npos;
  });
  log += testing::internal::GetCapturedStderr();
  ASSERT_TRUE(told) << log;
  EXPECT_NE(log.find("gossip-refused"), std::string::npos) << log;
  EXPECT_FALSE(row(a, "b"));
  EXPECT_FALSE(row(b, "a"));
  // The same key, and they are one pool.
  Node& c = make("c", {a.service->address()}, path_ + "/key-a");
  ASSERT_TRUE(run_until(
      [&] { return sees(a, "c", SwimState::kAlive) && sees(c, "a", SwimState::kAlive); }));
}

TEST_F(ServiceTest, what_tags_cannot_carry_is_refused_at_the_start) {
  auto port = bind_gossip("127.0.0.1:0");
  GossipOptions options;
  options.membership.name = std::string(129, 'x');
  options.data_folder = options.pool_folder = path_;
  const auto long_name = GossipService::make(loop_, log_, std::move(*port), options);
  ASSERT_FALSE(long_name);
  EXPECT_NE(long_name.error().detail.find("--name"), std::string::npos);
  for (const char* name : {"a\ab", "\x1b[2J", "\xff", "line\n"}) {
    port = bind_gossip("127.0.0.1:0");
    options.membership.name = name;
    const auto bad_name = GossipService::make(loop_, log_, std::move(*port), options);
    ASSERT_FALSE(bad_name);
    EXPECT_NE(bad_name.error().detail.find("--name"), std::string::npos);
  }
  port = bind_gossip("127.0.0.1:0");
  options.membership.name = "a";
  options.membership.api = std::string(65, 'x');
  EXPECT_FALSE(GossipService::make(loop_, log_, std::move(*port), options));
}

TEST(GossipPort, tells_others_an_address_that_they_can_reach) {
  EXPECT_EQ(*advertised({"127.0.0.1", 5}, ""), endpoint_from("127.0.0.1:5"));
  EXPECT_EQ(*advertised({"0.0.0.0", 5}, "10.1.2.3:99"), endpoint_from("10.1.2.3:5"));
  EXPECT_EQ(*advertised({"0.0.0.0", 5}, "10.1.2.3"), endpoint_from("10.1.2.3:5"));
  const Endpoint own = *advertised({"0.0.0.0", 5}, "");
  EXPECT_TRUE(own.valid());
  EXPECT_NE(own, endpoint_from("0.0.0.0:5"));
  EXPECT_FALSE(advertised({"0.0.0.0", 5}, "no such host"));
  for (const char* of_none :
       {"0.0.0.0:5", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"}) {
    const auto refused = advertised({"0.0.0.0", 5}, of_none);
    ASSERT_FALSE(refused) << of_none;
    EXPECT_NE(refused.error().detail.find(of_none), std::string::npos) << refused.error().detail;
  }
}

TEST(GossipPort, is_one_for_udp_and_tcp_and_says_when_it_is_taken) {
  const auto port = bind_gossip("127.0.0.1:0");
  ASSERT_TRUE(port);
  EXPECT_EQ(port->udp->local().port, port->address.port);
  const auto again = bind_gossip(phoenix::to_string(port->address));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::kConflict);
  auto udp = UdpSocket::bind({"127.0.0.1", 0});
  const auto half = bind_gossip(phoenix::to_string(to_address((*udp)->local())));
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().kind, ErrorKind::kConflict);
}

}  // namespace
}  // namespace phoenix::gossip
