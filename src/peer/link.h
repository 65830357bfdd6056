// One connection between two hosts, as a pure state machine: bytes in, messages out, and back. It
// knows neither sockets nor clocks, and not whether its bytes go over TCP, TLS or a third host.
//
//   dialler                                acceptor
//   opening            ----------------->
//                      <-----------------  opening
//   hello              ----------------->  compares; the owner judges: consent() or refuse()
//   compares, judges   <-----------------  hello
//
// Then the smaller of both (host, life) sends `accept`, or refuses: it alone decides which one of
// several connections of a pair is used, so they can never disagree. Both sides are up from there.
//
// Messages of one urgency keep their order. A more urgent one overtakes the frames (at most 32 KiB)
// of less urgent ones, which still get one frame in turn for every 256 KiB that overtook them. All
// that waits to be sent is bounded in bytes for each urgency.
//
// An idle link says so every 200 ms. One that has not brought a byte for a second, counted while
// this process itself was not held up, is closed: a peer that is slow or frozen costs nobody more.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/host_life.h"
#include "base/time.h"
#include "peer/hello.h"

namespace phoenix::peer {

enum class Urgency : uint8_t { kUrgent, kNormal, kBulk };
inline constexpr size_t kUrgencies = 3;

inline constexpr size_t kMaxMessage = size_t{32} << 20;
// Entries of `reach` at most.
inline constexpr size_t kMaxReach = 8'000;

struct LinkSetting {
  HostLife self;
  Identity identity;
  uint64_t features = kRelays;
  Opening protocols;
  Duration beat = milliseconds(200);
  Duration silence = seconds(1);    // at least five of the peer's own beats
  Duration handshake = seconds(2);  // from the first byte to being up
  // A message is taken while less than this waits in its urgency.
  std::array<size_t, kUrgencies> queue_bytes = {size_t{8} << 20, size_t{32} << 20,
                                                size_t{64} << 20};
};

// Both hellos agree; the owner says consent() or refuse().
struct Greeted {};
struct Up {};
struct Received {
  std::string bytes;
  Urgency urgency = Urgency::kNormal;
};
// A frame of another pair's circuit, see relay.h. `passed`: it is for this host.
struct RelayFrame {
  std::string bytes;
  bool passed = false;
};
// Of every host to which the peer has a link of its own: reach_hash().
struct Reach {
  std::vector<uint64_t> hosts;  // ascending
};
// A message of this urgency was not taken, and now would be.
struct Writable {
  Urgency urgency = Urgency::kNormal;
};
// The last event. What was not sent is lost.
enum class CloseReason : uint8_t {
  kRefused,    // by us or by the peer, see refusal()
  kMalformed,  // no peer of ours, or a defect
  kSilent,     // nothing heard for too long
  kLost,       // the connection ended
};
struct Closed {
  CloseReason why = CloseReason::kLost;
};
using LinkEvent = std::variant<Greeted, Up, Received, RelayFrame, Reach, Writable, Closed>;

// The hash by which a life is named in `reach`; two of one hash only cost a vain try.
uint64_t reach_hash(const HostLife& life);

class Link {
 public:
  static std::unique_ptr<Link> dialled(const LinkSetting& setting, Instant now,
                                       const HostLife& wanted);
  static std::unique_ptr<Link> accepted(const LinkSetting& setting, Instant now);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // --- bytes ---
  void received(Instant now, std::string_view bytes);
  // Appends what is to be sent next: at least one frame if there is any, and no further one once
  // `limit` bytes were appended. To be called only when it can go out soon, since what was taken
  // cannot be overtaken any more.
  void take_bytes(Instant now, size_t limit, std::string& into);
  bool has_bytes() const;
  void lost();  // the connection ended
  void tick(Instant now);
  Instant next_deadline() const;

  // --- the owner's judgement, after Greeted ---
  void consent(Instant now);
  // A last word goes out (take_bytes) before the connection is to be closed.
  void refuse(Refusal why);

  // --- once it is up ---
  // False: not up, or too much waits (Writable comes later). At most kMaxMessage bytes.
  bool send(std::string bytes, Urgency urgency);
  // At most kMaxPayload; counts as kNormal and keeps its order with messages of that urgency.
  bool send_relay(std::string bytes, bool passed);
  // Whether a message of that urgency would be taken; if not, Writable comes later.
  bool takes(Urgency urgency);
  void send_reach(const std::vector<uint64_t>& hosts);

  std::vector<LinkEvent> take_events();
  bool has_events() const;

  // --- queries ---
  bool up() const;
  bool closed() const;
  bool is_dialler() const;
  const Hello& theirs() const;  // from Greeted on
  // Whether this side is the one that decides between several connections.
  bool decides() const;
  uint64_t features() const;  // of both
  const Refusal* refusal() const;
  bool refused_by_peer() const;
  // Bytes that wait, messages and what they cost to keep.
  size_t queued(Urgency urgency) const;
  size_t assembling() const;  // bytes received of messages that are not whole yet

 private:
  struct Impl;
  explicit Link(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace phoenix::peer
