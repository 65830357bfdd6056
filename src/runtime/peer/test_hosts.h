// For this folder's tests: hosts with a peer service each, on loops that the test turns.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/peer/peer_service.h"

namespace phoenix::peer::testing {

struct TestHost : PeerEvents {
  TestHost(EventLoop& the_loop, const std::string& name, uint64_t life_number,
           const std::string& listen = "127.0.0.1:0")
      : loop(the_loop), life{name, life_number} {
    options.mesh.link.self = life;
    options.mesh.link.identity = {"pool_a", "str_a", "ring_a", 128};
    options.mesh.seed = life_number;
    bound = listen;
  }

  Result<void> start() {
    auto port = bind_peer(bound, true);
    if (!port) return tl::unexpected<Error>(port.error());
    auto made = PeerService::make(loop, log, std::move(*port), options, *this);
    if (!made) return tl::unexpected<Error>(made.error());
    service = std::move(*made);
    bound = to_string(service->address());
    return {};
  }
  TestHost(const TestHost&) = delete;
  TestHost& operator=(const TestHost&) = delete;

  // As it is dialled here: a socket bound to all addresses is reached on loopback too.
  std::string address() const { return "127.0.0.1:" + std::to_string(service->address().port); }
  void stop() {
    service.reset();
    up.clear();
  }
  bool is_up(const TestHost& other) const {
    const auto found = up.find(other.life);
    return found != up.end() && found->second;
  }

  void on_peer_up(const HostLife& peer) override {
    EXPECT_FALSE(up[peer]);
    up[peer] = true;
    ++ups[peer];
  }
  void on_peer_down(const HostLife& peer) override {
    EXPECT_TRUE(up[peer]);
    up[peer] = false;
  }
  void on_peer_message(const HostLife& from, std::string_view bytes) override {
    EXPECT_TRUE(up[from]);
    bytes_in += bytes.size();
    ++messages_in;
    last = bytes.substr(0, 64);
    if (on_message) on_message(from, bytes);
  }
  void on_peer_writable(const HostLife&, Urgency) override { ++writable; }

  EventLoop& loop;
  HostLife life;
  std::string bound;
  Log log{"off", false};
  PeerOptions options;
  std::unique_ptr<PeerService> service;
  std::map<HostLife, bool> up;
  std::map<HostLife, int> ups;
  uint64_t messages_in = 0, bytes_in = 0;
  int writable = 0;
  std::string last;
  std::function<void(const HostLife&, std::string_view)> on_message;
};

// Everybody hears of all others.
inline void introduce(const std::vector<TestHost*>& hosts) {
  std::vector<PeerAddress> peers;
  for (const TestHost* host : hosts) peers.push_back({host->life, host->address()});
  for (TestHost* host : hosts) host->service->set_peers(peers);
}

// Turns the loop until that holds; false after 20 s.
inline bool run_until(EventLoop& loop, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!done() && std::chrono::steady_clock::now() < end) {
    loop.run_one_for(std::chrono::milliseconds(20));
  }
  return done();
}

}  // namespace phoenix::peer::testing
