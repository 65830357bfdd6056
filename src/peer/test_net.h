// For this folder's tests: hosts with a mesh each, and between them wires that can be cut, closed
// and slow, in virtual time. It holds each host to what mesh.h promises: up and down take turns,
// and between them come the messages of one link, from its first one on, none left out.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "peer/mesh.h"
#include "peer/test_pipe.h"

namespace phoenix::peer::testing {

class Net {
 public:
  struct Host {
    HostLife life;
    std::string address;
    std::unique_ptr<Mesh> mesh;
    std::map<HostLife, bool> up;
    std::map<HostLife, int> ups, downs;
    std::map<HostLife, std::vector<std::string>> got;  // since it is up
    std::vector<PeerWritable> writable;
    std::vector<PeerFailed> failed;
    std::map<HostLife, uint64_t> sent;  // since it is up
    std::map<HostLife, uint64_t> session;
    bool frozen = false;
  };

  explicit Net(size_t size, uint64_t seed = 1) : prng(seed) {
    for (size_t i = 0; i < size; ++i) {
      add("host-" + std::string(1, static_cast<char>('a' + i)), 100 + i);
    }
    for (size_t i = 0; i < size; ++i) introduce(i);
  }

  size_t add(const std::string& name, uint64_t life) {
    MeshSetting setting;
    setting.link = setting_of(name, life);
    setting.seed = prng.next();
    return add(setting);
  }
  size_t add(const MeshSetting& setting) {
    Host& host = hosts.emplace_back();
    host.life = setting.link.self;
    host.address = "at:" + std::to_string(hosts.size() - 1);
    host.mesh = std::make_unique<Mesh>(setting);
    return hosts.size() - 1;
  }
  // Everybody but those left out.
  void introduce(size_t at, const std::set<size_t>& left_out = {}) {
    std::vector<PeerAddress> peers;
    for (size_t i = 0; i < hosts.size(); ++i) {
      if (!left_out.contains(i)) peers.push_back({hosts[i].life, hosts[i].address});
    }
    hosts[at].mesh->set_peers(now, std::move(peers));
    carry_out(at);
  }

  // What is on its way is lost too, and nobody is told.
  void block(size_t a, size_t b) { blocked.insert(std::minmax(a, b)); }
  void heal(size_t a, size_t b) { blocked.erase(std::minmax(a, b)); }
  bool is_blocked(size_t a, size_t b) const { return blocked.contains(std::minmax(a, b)); }
  // Their sockets take no more, as those of a slow network do.
  void stall(size_t a, size_t b) { stalled.insert(std::minmax(a, b)); }
  void unstall(size_t a, size_t b) {
    stalled.erase(std::minmax(a, b));
    for (size_t i = 0; i < wires.size(); ++i) {
      if (!wires[i].open || std::minmax(wires[i].host[0], wires[i].host[1]) != std::minmax(a, b)) {
        continue;
      }
      for (const size_t end : {0, 1}) write(wires[i].host[end], wires[i].id[end]);
    }
  }
  // Both ends learn that their connections are gone.
  void reset(size_t a, size_t b) {
    for (Wire& wire : wires) {
      if (wire.open && std::minmax(wire.host[0], wire.host[1]) == std::minmax(a, b)) close(wire);
    }
  }

  bool send(size_t from, size_t to, Urgency urgency = Urgency::kNormal, size_t size = 0) {
    Host& host = hosts[from];
    const HostLife& peer = hosts[to].life;
    std::string bytes = std::to_string(host.sent[peer] + 1) + "/" + std::string(size, 'x');
    if (!host.mesh->send(now, peer, std::move(bytes), urgency)) return false;
    ++host.sent[peer];
    carry_out(from);
    return true;
  }

  void run(Duration time) {
    for (const Instant end = now + time; now < end;) step();
  }
  template <class Done>
  bool run_until(Done done, Duration limit = seconds(20)) {
    for (const Instant end = now + limit; now < end && !done();) step();
    return done();
  }
  bool all_up(bool directly = true) {
    for (size_t i = 0; i < hosts.size(); ++i) {
      if (hosts[i].mesh->links_up() != hosts.size() - 1) return false;
      if (directly && hosts[i].mesh->relayed_up() != 0) return false;
    }
    return true;
  }
  bool up(size_t a, size_t b) { return hosts[a].up[hosts[b].life] && hosts[b].up[hosts[a].life]; }
  const std::vector<std::string>& got(size_t at, size_t from) {
    return hosts[at].got[hosts[from].life];
  }
  size_t open_wires(size_t a, size_t b) const {
    size_t out = 0;
    for (const Wire& wire : wires) {
      const bool theirs = std::minmax(wire.host[0], wire.host[1]) == std::minmax(a, b);
      out += wire.open && theirs ? 1 : 0;
    }
    return out;
  }

  Instant now{seconds(1'000).ns};
  Duration delay = milliseconds(1);
  Prng prng;
  std::deque<Host> hosts;
  bool refuse_dials = false;

 private:
  struct Chunk {
    Instant at;
    std::string bytes;
  };
  struct Wire {
    std::array<size_t, 2> host;
    std::array<ConnectionId, 2> id;
    std::array<std::deque<Chunk>, 2> to;
    bool open = true;
  };

  void step() {
    now = now + milliseconds(1);
    for (size_t i = 0; i < hosts.size(); ++i) {
      if (hosts[i].frozen || hosts[i].mesh->next_deadline() > now) continue;
      hosts[i].mesh->tick(now);
      carry_out(i);
    }
    for (size_t i = 0; i < wires.size(); ++i) {
      for (const size_t end : {0, 1}) deliver(i, end);
    }
    while (!wires.empty() && !wires.front().open) wires.pop_front();
  }

  void deliver(size_t index, size_t end) {
    Wire& wire = wires[index];
    auto& line = wire.to[end];
    if (hosts[wire.host[end]].frozen) return;
    while (wire.open && !line.empty() && line.front().at <= now) {
      const std::string bytes = std::move(line.front().bytes);
      line.pop_front();
      if (is_blocked(wire.host[0], wire.host[1])) continue;
      hosts[wire.host[end]].mesh->received(now, wire.id[end], bytes);
      carry_out(wire.host[end]);
    }
  }

  void close(Wire& wire) {
    wire.open = false;
    for (const size_t end : {0, 1}) {
      hosts[wire.host[end]].mesh->closed(now, wire.id[end], "reset");
      carry_out(wire.host[end]);
    }
  }

  void carry_out(size_t index) {
    Host& host = hosts[index];
    while (host.mesh->has_output()) {
      MeshOutput out = host.mesh->take_output();
      for (MeshEvent& event : out.events) note(host, std::move(event));
      for (const DialOrder& order : out.dials) dial(index, order);
      for (const ConnectionId id : out.writable) write(index, id);
      for (const CloseOrder& order : out.closes) hang_up(index, order);
    }
  }

  void dial(size_t from, const DialOrder& order) {
    const size_t to = std::stoul(order.address.substr(3));
    if (is_blocked(from, to)) return;  // silence
    if (refuse_dials) {
      hosts[from].mesh->closed(now, order.id, "connection refused");
      return;
    }
    const ConnectionId there = hosts[to].mesh->accepted(now);
    wires.push_back({{from, to}, {order.id, there}, {}, true});
    hosts[to].mesh->ready(now, there, std::nullopt);
    hosts[from].mesh->ready(now, order.id, std::nullopt);
    carry_out(to);
  }

  Wire* wire_of(size_t host, ConnectionId id, size_t& end) {
    for (Wire& wire : wires) {
      for (const size_t i : {0, 1}) {
        if (wire.host[i] != host || wire.id[i] != id) continue;
        end = i;
        return &wire;
      }
    }
    return nullptr;
  }

  void write(size_t host, ConnectionId id) {
    size_t end = 0;
    Wire* wire = wire_of(host, id, end);
    if (wire == nullptr || !wire->open) return;
    if (stalled.contains(std::minmax(wire->host[0], wire->host[1]))) return;
    std::string bytes;
    while (hosts[host].mesh->has_bytes(id)) {
      hosts[host].mesh->take_bytes(now, id, 64 << 10, bytes);
    }
    put(*wire, 1 - end, std::move(bytes));
  }

  void hang_up(size_t host, const CloseOrder& order) {
    size_t end = 0;
    Wire* wire = wire_of(host, order.id, end);
    if (wire == nullptr || !wire->open) return;
    const size_t other = 1 - end;
    put(*wire, other, order.last);
    wire->open = false;
    if (is_blocked(wire->host[0], wire->host[1])) return;
    // What was written before still arrives.
    const auto line = std::move(wire->to[other]);
    const size_t there = wire->host[other];
    const ConnectionId id = wire->id[other];
    for (const Chunk& chunk : line) hosts[there].mesh->received(now, id, chunk.bytes);
    hosts[there].mesh->closed(now, id, "closed");
    carry_out(there);
  }

  void put(Wire& wire, size_t end, std::string bytes) {
    if (!bytes.empty()) wire.to[end].push_back({now + delay, std::move(bytes)});
  }

  void note(Host& host, MeshEvent event) {
    if (const auto* up_now = std::get_if<PeerUp>(&event)) {
      ASSERT_FALSE(host.up[up_now->peer]) << "up twice";
      host.up[up_now->peer] = true;
      ++host.ups[up_now->peer];
      host.got[up_now->peer].clear();
      host.sent[up_now->peer] = 0;
    } else if (const auto* down = std::get_if<PeerDown>(&event)) {
      ASSERT_TRUE(host.up[down->peer]) << "down twice";
      host.up[down->peer] = false;
      ++host.downs[down->peer];
    } else if (auto* message = std::get_if<PeerBytes>(&event)) {
      ASSERT_TRUE(host.up[message->from]) << "a message of nobody";
      auto& all = host.got[message->from];
      all.push_back(message->bytes.substr(0, message->bytes.find('/')));
      if (one_urgency) {
        ASSERT_EQ(all.back(), std::to_string(all.size()));
      }
    } else if (auto* room = std::get_if<PeerWritable>(&event)) {
      host.writable.push_back(*room);
    } else if (auto* failure = std::get_if<PeerFailed>(&event)) {
      host.failed.push_back(*failure);
    }
  }

 public:
  bool one_urgency = true;  // all messages are sent with one, so their order is one

 private:
  std::set<std::pair<size_t, size_t>> blocked;
  std::set<std::pair<size_t, size_t>> stalled;
  std::deque<Wire> wires;
};

}  // namespace phoenix::peer::testing
