// Membership of hosts: who is there, decided by everybody and by nobody in particular. memberlist
// and Serf on the wire (SWIM with Lifeguard beneath, tags, intents, events and queries above), and
// beside their opinion the view, which only a cut seen by several observers changes.
//
// A pure state machine: no socket, clock or random device in it. Drivers hand in what arrived and
// when, carry out the Output, and call tick() at `next_wake`. Single-threaded. Every call appends
// to `out`; nothing is called back.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "membership/endpoint.h"
#include "membership/host_text.h"
#include "membership/swim/remembered_hosts.h"
#include "membership/timing.h"
#include "membership/view/host_tags.h"
#include "membership/view/view.h"
#include "membership/wire/messages.h"
#include "membership/wire/packet.h"

namespace phoenix::gossip {

// What earlier lives of this host left on disk.
struct Remembered {
  uint32_t incarnation = 0;  // the highest that was ever announced, or may have been
  uint64_t clock = 0, event_clock = 0, query_clock = 0;
  std::vector<RememberedHost> hosts;  // that once answered us directly, longest-lived first
};

struct MembershipOptions {
  std::string name;    // 1 to 128 bytes, unique in the pool
  Endpoint advertise;  // where others reach us
  // Addresses of this host that tags carry: "127.0.0.1:7400"; empty: none.
  std::string api, peer;
  std::string version;
  uint64_t boot_id = 0;   // which process this is: random, never 0
  uint32_t weight = 100;  // 0: no slots
  // With the store kNoStore this host is a gateway: tags, but no part in any view.
  PoolIdentity identity;
  std::map<std::string, std::string> tags;  // further ones; all together at most 512 bytes encoded
  Timing timing;
  FrameOptions frame;
  std::vector<std::string> keys;   // raw, primary first; empty: no encryption
  std::array<uint8_t, 32> seed{};  // from the random device, or the simulator's
  // False: no phoenix tags, no view; a plain Serf peer, as simulations need them.
  bool phoenix = true;
  // For simulations of large pools that are whole from their start: what the first push/pull
  // brings is announced to nobody, and neither is this host.
  bool expected = false;
  // Shared by the hosts of such a simulation, all in one thread: their tables hold equal texts.
  std::shared_ptr<HostTexts> texts;
  Remembered remembered;
  std::vector<Endpoint> seeds;  // --join
};

using StreamId = uint64_t;

struct PacketOut {
  Endpoint to;
  std::string bytes;
};
// Connect, send, then (unless `answer` is false) read one message back with a StreamReader and
// hand it to stream_answered(); whatever goes wrong, or the timeout, to stream_failed().
struct StreamOut {
  StreamId id = 0;
  Endpoint to;
  std::string bytes;
  bool answer = true;
  Duration timeout;
};
// The answer to a stream that a peer opened: send, then close. Empty bytes: just close. Every
// stream that was handed in gets one, at once.
struct StreamReply {
  StreamId id = 0;
  std::string bytes;
};
enum class StreamFailure : uint8_t { kRefused, kUnreachable, kTimeout, kReset, kMalformed };

enum class HostEventKind : uint8_t {
  kJoin,  // alive, and was not
  kFailed,
  kLeft,
  kUpdated,      // other tags or address
  kReaped,       // forgotten
  kViewChanged,  // `view` is the new one
  kUserEvent,    // `name` the event's, `payload`
  kQuery,        // one that asks the application; phoenix answers none itself
  // `detail` names the fields and both values. Of ourselves: the tags that cannot be told, without
  // which this host goes on.
  kIncompatible,
  kJoinFailed,  // a seed could not be joined: `name` is its address, `detail` says why
  kRefused,     // we are: our name is held by another live host, which `detail` names. Stop.
  kRemoved,     // the view dropped us, `detail` says what happens next
};
std::string_view event_name(HostEventKind kind);  // "failed"

struct HostEvent {
  HostEventKind kind = HostEventKind::kJoin;
  std::string name;
  uint32_t incarnation = 0;
  std::string detail;
  std::string payload;
};

// What must reach the disk. Incarnations are reserved ahead: the driver writes the newest and
// syncs it before it sends the packets of the same Output; the others may wait a second.
struct ToRemember {
  std::optional<uint32_t> incarnation;
  bool hosts_changed = false;  // remembered() has something new
};

struct Output {
  std::vector<PacketOut> packets;
  std::vector<StreamOut> streams;
  std::vector<StreamReply> replies;
  std::vector<HostEvent> events;
  std::vector<ViewRequest> view_requests;
  ToRemember remember;
  bool keys_changed = false;  // keyring() is to be written to the key file
  bool left = false;          // a leave() has gone out: nothing more will come
  Instant next_wake = kNever;
};

// How a host stands in the view's column.
enum class ViewStanding : uint8_t {
  kForeign,  // no phoenix host: a Serf agent or another memberlist program
  kOutside,  // a phoenix host that is not in the view (yet, or any more)
  kInView,
  kUnstable,  // in the view, some of its observers do not reach it
  kIncompatible,
  kGateway,  // a phoenix host without a store, which belongs to no view
};
std::string_view standing_name(ViewStanding standing);  // "in-view"

// One row of `phoenix host list`.
struct HostRow {
  std::string name;
  Endpoint endpoint;
  SwimState state = SwimState::kAlive;
  bool leaving = false;
  uint32_t incarnation = 0;
  std::map<std::string, std::string> tags;
  ViewStanding standing = ViewStanding::kForeign;
  std::string why;  // of kUnstable and kIncompatible
  Instant since;    // of the SWIM state
  bool self = false;
};

struct MembershipStats {
  uint64_t packets_in = 0, packets_out = 0, bytes_in = 0, bytes_out = 0;
  uint64_t streams_in = 0, streams_out = 0;
  std::array<uint64_t, kDrops> dropped{};
  uint64_t claims_refused = 0;  // incarnation out of range, wrong versions, wrong address
  uint64_t probes = 0, probes_failed = 0, suspicions = 0, refutations = 0;
  uint64_t alive = 0, suspect = 0, failed = 0, left = 0;
  uint64_t health = 0;  // local health score, 0 is best
  uint64_t queued_system = 0, queued_intent = 0, queued_event = 0, queued_query = 0;
  uint64_t queue_dropped = 0;
  uint64_t events = 0, queries = 0;
  uint64_t view_number = 0, view_proposals = 0, view_conflicts = 0, alerts_in = 0, alerts_out = 0;
};

class Membership {
 public:
  explicit Membership(const MembershipOptions& options);
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  // Once, first: announces this host and turns to the seeds and to whom it remembers.
  void start(Now now, Output& out);
  void tick(Now now, Output& out);

  void receive_packet(std::string_view datagram, const Endpoint& from, Now now, Output& out);
  // The network told that nobody listens there (ICMP): a hint, looked into at once.
  void packet_refused(const Endpoint& to, Now now, Output& out);
  // One whole message of a stream that a peer opened; `id` is the driver's. At most one reply.
  void receive_stream(StreamId id, std::string_view message, const Endpoint& from, Now now,
                      Output& out);
  // A stream that a peer opened and that brought nothing to be read.
  void refuse_stream(StreamId id, Drop why, Now now, Output& out);
  // What came back on a stream of ours.
  void stream_answered(StreamId id, std::string_view message, Now now, Output& out);
  // `drop` says more about kMalformed.
  void stream_failed(StreamId id, StreamFailure why, Drop drop, Now now, Output& out);
  void view_answered(const ViewAnswer& answer, Now now, Output& out);

  // Commands.
  void join(const std::vector<Endpoint>& seeds, Now now, Output& out);
  // Leaves gracefully; `left` comes within a bound, also when nobody listens.
  void leave(Now now, Output& out);
  // A failed host is to be taken as having left (Serf's force-leave); `prune` forgets it. Errors:
  // kNotFound; kWrongState when it is alive.
  Result<void> remove(std::string_view name, bool prune, Now now, Output& out);
  Result<void> set_tags(const std::map<std::string, std::string>& tags, Now now, Output& out);
  // 0 gives up every slot. What is told as a tag, and the view follows.
  Result<void> set_weight(uint32_t weight, Now now, Output& out);
  Result<void> user_event(std::string_view name, std::string_view payload, bool coalesce, Now now,
                          Output& out);

  std::vector<HostRow> hosts() const;  // ordered by name, this one among them
  const View& view() const;
  // Hosts that some observers miss and others reach for more than 10 s, for /readyz.
  std::vector<std::pair<std::string, Duration>> unstable(Now now) const;
  const Keyring& keyring() const;
  const FrameOptions& frame() const;
  Remembered remembered() const;
  MembershipStats stats() const;
  size_t alive() const;  // this one included

  // For who has thousands of these and knows that this one is next: fetches what any input touches
  // into the caches. In three calls, depth 0, 1 and 2, some time apart: each finds its way by what
  // the one before has fetched.
  void prefetch(int depth) const;

 private:
  std::unique_ptr<class Machine> machine_;
};

}  // namespace phoenix::gossip
