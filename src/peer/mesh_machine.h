// The machine behind Mesh. Only for mesh.cc, mesh_pairs.cc and mesh_circuits.cc.
//
// Every input does its one thing to a link and notes it as touched; settle() then takes what the
// touched links have told, which may touch others, until none is left. So nothing is called from
// within a link, and a connection ends in one place.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "peer/mesh.h"
#include "peer/relay.h"

namespace phoenix::peer {

struct Mesh::Impl {
  // A pair's bytes that go through a third host.
  struct Circuit {
    HostLife via;
    uint64_t number = 0;
    uint64_t sent = 0, acknowledged = 0;  // bytes of our stream
    uint64_t taken = 0, credited = 0;     // bytes of theirs
    bool over_there = false;              // the other end knows that it is over
  };
  // A socket or a circuit, from the first try to its end.
  struct Connection {
    ConnectionId id = 0;
    std::unique_ptr<Link> link;
    HostLife peer;  // empty: an accepted one that has not said it yet
    bool ready = false;
    bool gone = false;    // its socket is closed already
    bool listed = false;  // in output.writable
    bool was_up = false;
    Instant up_since{0};
    std::string why;  // what closed() said
    std::optional<std::vector<std::string>> names;
    std::optional<Circuit> circuit;
  };
  struct Peer {
    HostLife life;
    std::string address;
    ConnectionId active = 0;  // up
    ConnectionId dialling = 0;
    ConnectionId opening = 0;  // a circuit that is not up yet
    Instant next_dial{0}, next_circuit{0};
    Duration dial_pause{0}, circuit_pause{0};
    uint64_t circuit_tries = 0;
    bool was_up = false;
    std::vector<uint64_t> reach;  // of a direct link, as it says
  };
  using CircuitKey = std::pair<HostLife, uint64_t>;  // the other end, the opener's number

  explicit Impl(const MeshSetting& the_setting)
      : setting(the_setting), prng(the_setting.seed ^ the_setting.link.self.life) {}

  // --- mesh.cc: connections and their events ---
  Connection& add_connection(std::unique_ptr<Link> link, HostLife peer);
  Connection* find(ConnectionId id);
  void touch(ConnectionId id) { touched.push_back(id); }
  void settle(Instant now);
  void take(Instant now, ConnectionId id, LinkEvent event);
  void greeted(Instant now, Connection& at);
  void went_up(Instant now, Connection& at);
  void finish(Instant now, ConnectionId id);
  void tell_refusal(const Connection& at, CloseReason why);
  void end(ConnectionId id);  // as if the connection were lost
  void evict_strangers();
  void sooner(Instant at) { deadline = std::min(deadline, at); }

  // --- mesh_pairs.cc: whom to dial and when ---
  void set_peers(Instant now, std::vector<PeerAddress> named);
  void tick(Instant now);
  void dial(Instant now, Peer& peer);
  void went_down(Instant now, Peer& peer, const Connection& was);
  Duration jittered(Duration pause);
  void lengthen(Duration& pause);
  bool dials_first(const Peer& peer) const { return setting.link.self < peer.life; }
  bool direct(const Peer& peer);  // up, and not through a third host
  void reach_changed(Instant now);
  void tell_reach();
  void look_ahead(Instant now);

  // --- mesh_circuits.cc: through third hosts ---
  void open_circuit(Instant now, Peer& peer);
  Peer* choose_third(const Peer& peer);
  void took_relay(Instant now, const HostLife& from, const RelayFrame& frame);
  void pass_on(const HostLife& from, const std::string& frame, const RelayMessage& message);
  void took_circuit(Instant now, const HostLife& via, const RelayMessage& message);
  void opened_circuit(Instant now, const HostLife& via, const RelayMessage& message);
  void pump(Instant now, Connection& at);
  bool say(Connection& at, RelayOp op, uint64_t value, std::string_view bytes);
  bool send_over(const HostLife& via, const RelayMessage& message, bool passed);
  void close_circuit(Instant now, Connection& at);
  void third_lost(const HostLife& third);
  void third_reaches(Peer& third);

  MeshSetting setting;
  Prng prng;
  std::map<HostLife, Peer> peers;
  std::map<ConnectionId, Connection> connections;
  std::map<CircuitKey, ConnectionId> circuits;
  std::set<ConnectionId> strangers;
  std::deque<ConnectionId> touched;
  ConnectionId last_id = 0;
  uint64_t last_circuit = 0;
  Instant reach_at = kNever;  // when to tell of changes
  Instant deadline = kNever;  // never later than the true one
  MeshOutput output;
  MeshCounts counts;
};

}  // namespace phoenix::peer
