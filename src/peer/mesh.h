// The links of one host to all others of its view, as a pure state machine: whom to dial and when,
// which one of several connections of a pair is used, and through which third host two go that
// cannot reach each other. The daemon gives it sockets, a test or simulator gives it queues.
//
// Contract towards the user of messages:
//   - up(peer), then messages, then down(peer); between the two, messages of one urgency come in
//     the order in which they were sent, each once, and none is lost but at the end.
//   - A pair that goes through a third host is up like any other. When a link of its own comes, it
//     goes down and up again.
//   - Only lives of the newest set_peers() are ever up.
//
// Dialling goes on for ever while a pair has no link of its own, with 50 ms .. 2 s between tries.
// The larger of both gives the smaller a start of 100 ms, so that mostly one of them dials.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/host_life.h"
#include "base/time.h"
#include "peer/link.h"

namespace phoenix::peer {

// Never 0, never used twice.
using ConnectionId = uint64_t;

struct MeshSetting {
  LinkSetting link;  // link.self is this life
  uint64_t seed = 0;
  size_t max_strangers = 4'096;  // accepted connections that have not proved who they are
  Duration first_pause = milliseconds(50);
  Duration longest_pause = seconds(2);
  Duration head_start = milliseconds(100);
  Duration relay_after = milliseconds(300);  // without any link
  size_t circuit_window = size_t{1} << 20;   // bytes under way through a third host, each way
  size_t max_circuits = 4'096;
};

struct PeerAddress {
  HostLife life;
  std::string address;  // HOST:PORT of its peer port; empty: it cannot be dialled
};

// --- what is to be done with connections ---
struct DialOrder {
  ConnectionId id = 0;
  HostLife to;
  std::string address;
};
// The last bytes are sent as far as that goes at once. No more is said of or heard from this id.
struct CloseOrder {
  ConnectionId id = 0;
  std::string last;
};

// --- what the user of messages is told, in this order ---
struct PeerUp {
  HostLife peer;
};
struct PeerDown {
  HostLife peer;
};
struct PeerBytes {
  HostLife from;
  std::string bytes;
};
// After send() was refused: that urgency has room again.
struct PeerWritable {
  HostLife peer;
  Urgency urgency = Urgency::kNormal;
};
// For the log: a connection ended before it was up. Nobody is told of duplicates.
struct PeerFailed {
  HostLife peer;  // empty: it never said who it is
  CloseReason reason = CloseReason::kLost;
  std::optional<RefusalCode> refusal;
  bool by_peer = false;  // the refusal
  std::string why;
};
using MeshEvent = std::variant<PeerUp, PeerDown, PeerBytes, PeerWritable, PeerFailed>;

struct MeshOutput {
  std::vector<DialOrder> dials;
  std::vector<CloseOrder> closes;
  std::vector<ConnectionId> writable;  // take_bytes() has some, each once
  std::vector<MeshEvent> events;
};

struct MeshCounts {
  uint64_t dials = 0;
  uint64_t dial_failures = 0;
  uint64_t accepts = 0;
  uint64_t ups = 0;  // reconnects are ups beyond the first of a peer
  uint64_t reconnects = 0;
  uint64_t downs_silent = 0;
  uint64_t refused = 0;     // either way, duplicates aside
  uint64_t duplicates = 0;  // closed as such, either way
  uint64_t malformed = 0;
  uint64_t evicted = 0;  // strangers that had to make room
  uint64_t messages_in = 0, messages_out = 0;
  uint64_t bytes_in = 0, bytes_out = 0;            // of connections
  uint64_t not_taken = 0;                          // by send()
  uint64_t circuits_opened = 0;                    // as an end of them
  uint64_t relayed_frames = 0, relayed_bytes = 0;  // passed on for others
  uint64_t relay_drops = 0;                        // could not be passed on
};
struct PeerState {
  HostLife life;
  bool up = false;
  std::optional<HostLife> via;  // through whom, if not direct
  std::array<size_t, kUrgencies> queued{};
};

class Mesh {
 public:
  explicit Mesh(const MeshSetting& setting);
  ~Mesh();
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;

  // The other hosts of the newest view; this host itself is left out if it is named. Whoever is not
  // named any more goes down.
  void set_peers(Instant now, std::vector<PeerAddress> peers);

  // --- connections ---
  ConnectionId accepted(Instant now);
  // Bytes may flow: connected, and encrypted where that is asked for. `names`: those that the
  // peer's verified certificate carries; nothing: there is none, and who it says it is counts.
  void ready(Instant now, ConnectionId id, std::optional<std::vector<std::string>> names);
  void received(Instant now, ConnectionId id, std::string_view bytes);
  // See Link::take_bytes.
  void take_bytes(Instant now, ConnectionId id, size_t limit, std::string& into);
  bool has_bytes(ConnectionId id) const;
  // It ended, or could not be dialled; `why` is for the log.
  void closed(Instant now, ConnectionId id, std::string_view why);
  void tick(Instant now);
  Instant next_deadline() const;

  // --- messages ---
  // False: that peer is not up, or too much waits for it in this urgency, and nothing was taken.
  bool send(Instant now, const HostLife& to, std::string bytes, Urgency urgency);
  // Bytes that wait to be sent there; 0: not up.
  size_t queued(const HostLife& to, Urgency urgency) const;
  // Ends the link, as if the connection were lost; another one is made.
  void cut(Instant now, const HostLife& peer);

  MeshOutput take_output();
  bool has_output() const;

  // --- queries ---
  bool up(const HostLife& peer) const;
  bool knows(const HostLife& peer) const;  // set_peers() named it
  std::vector<PeerState> peers() const;
  size_t links_up() const;    // relayed ones included
  size_t relayed_up() const;  // of these
  const MeshCounts& counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phoenix::peer
