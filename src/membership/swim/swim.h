// SWIM with Lifeguard: who is there, found out by pings, and told to all by gossip. Speaks
// memberlist's protocol 1 to 5 and follows its rules for claims; where it differs, the difference
// is one that a memberlist peer understands.
//
// Better than memberlist where that is known to be weak: only live hosts count in the timers; the
// highest incarnation of a host is kept whatever became of the claim; a claim out of all proportion
// changes nothing; a stale `alive` is answered with the accusation, so that the accused can refute
// it; a host that slept or is deaf does not accuse others of it; a name moves to another address as
// soon as the old one is silent, and not before; those who were split find each other again.
//
// A pure state machine. Each input takes the time and appends what is to be done to `out`; the one
// who drives it packs what is to be sent together with messages of broadcasts(), and calls tick()
// at next_wake(). Views in messages are read at once. Single-threaded.
//
// Nothing an outsider sends makes it grow without bound: known hosts, those who are gone, pings in
// flight, checks of addresses and the queue have fixed room; what does not fit is refused, counted.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "membership/endpoint.h"
#include "membership/swim/broadcasts.h"
#include "membership/swim/host_table.h"
#include "membership/swim/pings.h"
#include "membership/swim/remembered_hosts.h"
#include "membership/swim/round.h"
#include "membership/swim/suspicions.h"
#include "membership/timing.h"
#include "membership/wire/messages.h"

namespace phoenix::gossip {

struct SwimOptions {
  std::string name;    // 1 to 128 bytes
  Endpoint advertise;  // where others reach us
  std::string meta;    // at most 512 bytes
  Versions versions;
  Timing timing;
  uint32_t remembered_incarnation = 0;  // the highest that an earlier life reserved
  std::vector<Endpoint> seeds;          // asked at the start, and again when nobody is there
  std::vector<RememberedHost> remembered;
  size_t max_hosts = 16'384;      // this one included
  size_t max_broadcasts = 4'096;  // messages in the queue
  size_t longest_broadcast = 1'300;
  bool expected = false;  // all know of this host, and of whom it finds when it knows nobody
  std::shared_ptr<HostTexts> texts;  // for tables that share their texts
};

enum class SwimChange : uint8_t {
  kJoined,  // alive, and was unknown, dead or left
  kSuspected,
  kCleared,  // alive again, was suspected
  kUpdated,  // another meta, address or versions, or only another incarnation
  kDead,
  kLeft,
  kForgotten,  // its number is free
};

struct SwimSend {
  Endpoint to;
  std::string message;    // with its type byte
  bool checksum = false;  // the receiver is known to read checksums
};

struct SwimEffects {
  // In order. Those in succession to one address are best packed into one packet.
  std::vector<SwimSend> sends;
  // Whom to send what waits in the queues, each its own packet.
  struct Target {
    HostNumber host = HostTable::kNone;
    Endpoint to;
    bool checksum = false;
  };
  std::vector<Target> gossip;
  // A stream to open. kPing: send `ping` (with its type byte), read an ack; tell ping_answered()
  // or ping_failed(). kPushPull: send our local_state() with the `join` flag, read theirs, merge()
  // it; then tell push_pull_ended().
  enum class StreamKind : uint8_t { kPing, kPushPull };
  struct Stream {
    StreamKind kind = StreamKind::kPushPull;
    uint32_t id = 0;
    Endpoint to;
    std::string ping;
    bool join = false;
    Duration timeout;
  };
  std::vector<Stream> streams;
  struct Change {
    SwimChange kind = SwimChange::kJoined;
    HostNumber host = HostTable::kNone;
    uint32_t incarnation = 0;
    std::string name;
  };
  std::vector<Change> changes;  // in the order in which they happened
  // How a direct ping by UDP went: those of the probes, and those that ping() started (`asked`).
  struct Ping {
    HostNumber host = HostTable::kNone;
    uint32_t seq = 0;
    bool asked = false;
    bool ok = false;
    Duration rtt;          // if ok
    std::string payload;   // if ok: what the ack carried
    bool refused = false;  // if not, and `asked`: nobody listens there
  };
  std::vector<Ping> pings;
  // Every incarnation up to this one may be announced from now on: must be on disk before any
  // packet of this call leaves.
  std::optional<uint32_t> reserve;
  // Our name is held by a live host at this address: stop. Nothing more is announced.
  std::optional<Endpoint> refused;
  bool remembered_changed = false;
  void clear();  // keeps the room
  bool empty() const {
    return sends.empty() && gossip.empty() && streams.empty() && changes.empty() && pings.empty() &&
           !reserve && !refused && !remembered_changed;
  }
};

struct SwimStats {
  uint64_t probes = 0, probes_failed = 0, indirect_probes = 0;
  uint64_t suspicions = 0;         // started here, by a failed probe or a claim
  uint64_t confirmations = 0;      // of others, that counted
  uint64_t deaths = 0;             // declared by ourselves
  uint64_t refutations = 0;        // of ourselves
  uint64_t accusations = 0;        // told to a host that announced itself with a stale incarnation
  uint64_t pauses = 0;             // of this process, longer than a probe's timeout
  uint64_t inconclusive = 0;       // probes that say more about us than about their target
  uint64_t wild_incarnations = 0;  // claims far above what can be
  uint64_t bad_versions = 0;       // not six bytes, not sane, or not ours
  uint64_t bad_claims = 0;         // no name, no usable address, too much meta
  uint64_t conflicts = 0;          // a name claimed at another address
  uint64_t moved = 0;              // and taken there, the old address being silent
  uint64_t stale = 0;              // claims older than what is known, or about nobody known
  uint64_t no_room = 0;            // hosts, pings, checks refused for want of room
  uint64_t forgotten_early = 0;    // gone hosts forgotten for want of room
};

// How a list of hosts came to us.
struct ListSource {
  uint32_t stream = 0;  // ours, in answer to it; 0: another host opened the stream
  bool join = false;    // whoever opened it wanted to join the other one
};

// What merge() made of the other side's list.
struct SwimMerge {
  size_t taken = 0;         // entries that were read as claims
  size_t incompatible = 0;  // live hosts whose versions are not ours
};

// What the layers above know of two hosts that go by our name, both of which have held it: told to
// us by the meta that the other one announces.
class NamesakeJudge {
 public:
  enum class Verdict : uint8_t {
    kOpen,     // nothing: their addresses have to decide
    kOurs,     // we are the one that counts
    kTheirs,   // it is
    kForeign,  // no host that goes by these rules, so yielding to it would only lose one of ours
  };
  virtual Verdict judge(std::string_view meta) const = 0;

 protected:
  ~NamesakeJudge() = default;
};

class Swim {
 public:
  // Without a judge every verdict is open.
  Swim(const SwimOptions& options, Prng prng, const NamesakeJudge* judge = nullptr);
  Swim(const Swim&) = delete;
  Swim& operator=(const Swim&) = delete;

  // Once, first: announces this host, asks the seeds and whom it remembers.
  void start(Now now, SwimEffects& out);
  void tick(Now now, SwimEffects& out);
  Instant next_wake() const;

  // Datagrams.
  void receive(const Ping& message, const Endpoint& from, Now now, SwimEffects& out);
  void receive(const IndirectPing& message, const Endpoint& from, Now now, SwimEffects& out);
  void receive(const Ack& message, const Endpoint& from, Now now, SwimEffects& out);
  void receive(const Nack& message, const Endpoint& from, Now now, SwimEffects& out);
  void receive(const Suspect& message, const Endpoint& from, Now now, SwimEffects& out);
  void receive(const Alive& message, const Endpoint& from, Now now, SwimEffects& out);
  void receive(const Dead& message, const Endpoint& from, Now now, SwimEffects& out);
  // Any other message that was read well (Serf's, the view's): the network brings us something.
  void heard(Now now, SwimEffects& out);
  // ICMP: nobody listens at that address. A hint, never a proof.
  void packet_refused(const Endpoint& to, Now now, SwimEffects& out);

  // Streams.
  // Appends all hosts that are known, this one first. The views are valid until the next input.
  void local_state(std::vector<NodeState>& out) const;
  SwimMerge merge(const std::vector<NodeState>& nodes, const ListSource& source, Now now,
                  SwimEffects& out);
  // `to`: who was asked. Who answered with its list is remembered.
  void push_pull_ended(const Endpoint& to, bool ok, Now now, SwimEffects& out);
  void ping_answered(uint32_t id, const Ack& ack, Now now, SwimEffects& out);
  void ping_failed(uint32_t id, bool refused, Now now, SwimEffects& out);
  // Whether this ping, by whatever way it came, gets an ack. Not if it means another host, and not
  // from a namesake whom we are just asking ourselves: see holders.cc.
  bool answers(const Ping& ping, Now now);

  // Commands.
  void join(const std::vector<Endpoint>& seeds, Now now, SwimEffects& out);
  // From now on this host has left; others hear of it by gossip. Pings are still answered.
  void leave(Now now, SwimEffects& out);
  // Announces this host with another meta, and a higher incarnation.
  void set_meta(std::string_view meta, Now now, SwimEffects& out);
  // The same with what it has, under an incarnation above this one.
  void renew(uint32_t above, Now now, SwimEffects& out);
  // One that is dead is to be taken as having left. False: it is not dead.
  bool declare_left(HostNumber host, Now now, SwimEffects& out);
  // Forgets one that is gone. False: it is not gone.
  bool forget(HostNumber host, SwimEffects& out);
  // What the judge says of a namesake may be another thing than before.
  void judge_again(Now now, SwimEffects& out);
  // A direct ping whose result comes as Effects::pings, lost after `timeout`. 0: no such host, or
  // too many are under way. Changes nothing about the host.
  uint32_t ping(HostNumber host, Duration timeout, Now now, SwimEffects& out);
  void set_ack_payload(std::string payload) { ack_payload_ = std::move(payload); }

  const HostTable& hosts() const { return hosts_; }
  Broadcasts& broadcasts() { return broadcasts_; }
  const Broadcasts& broadcasts() const { return broadcasts_; }
  size_t live() const { return hosts_.live().size() + (leaving_ ? 0 : 1); }  // this one included
  uint32_t incarnation() const { return hosts_[HostTable::kSelf].incarnation; }
  int health() const { return health_; }  // 0 is best
  bool leaving() const { return leaving_; }
  // Longest-lived first.
  std::vector<RememberedHost> remembered() const { return remembered_.list(); }
  const SwimStats& stats() const { return stats_; }
  const Timing& timing() const { return options_.timing; }
  void prefetch() const;  // what most inputs touch beside this object

 private:
  using Host = HostTable::Host;
  static constexpr HostNumber kSelf = HostTable::kSelf;

  struct Probe {
    HostNumber target = HostTable::kNone;
    uint32_t life = 0;
    uint32_t seq = 0;
    Instant ask_others_at;
    Instant asked_others;
    Instant deadline;
    bool asked = false;  // others, and by stream
    int nacks_expected = 0;
    int nacks = 0;
  };
  // A host by number, and which one of those that ever had the number.
  struct Ref {
    HostNumber host = HostTable::kNone;
    uint32_t life = 0;
    bool operator==(const Ref&) const = default;
  };
  // A claim to a name at another address than the one where it stands, while that one is asked.
  // For our own name: `newcomer` is where it was said to stand.
  struct Claim {
    Ref holder;
    uint32_t seq = 0;  // of the ping to the old address; 0: it did answer, nothing runs
    Endpoint newcomer;
    uint32_t incarnation = 0;
    std::string meta;
    Versions versions;
    Instant until;               // seq 0: the answer counts as fresh
    Instant ask_again = kNever;  // the old address refused
    bool we_come = false;        // of our own name: we are the newcomer
  };
  struct Later {
    Instant at;
    Ref host;
  };

  // swim.cc
  // Before each input. False: there is nothing to do, we are refused or not started.
  bool begin(Now now, SwimEffects& out);
  void slept(Duration by, Now now, SwimEffects& out);
  void gossip(Now now, SwimEffects& out);
  void announce(std::string_view name, std::string message, bool urgent, Now now);
  void announce_alive(HostNumber host, bool urgent, Now now);
  void change(SwimChange kind, HostNumber host, SwimEffects& out);
  void raise_incarnation(uint32_t above, SwimEffects& out);
  void add_health(int delta);
  bool spend_token();
  Source source() const;
  std::string alive_message(HostNumber host) const;
  void send(const Endpoint& to, std::string message, SwimEffects& out, bool checksum = false);
  bool checksums(HostNumber host) const { return hosts_[host].versions.protocol_max >= 5; }
  Ref ref(HostNumber host) const { return {host, hosts_[host].life}; }
  bool valid(const Ref& r) const { return hosts_.same(r.host, r.life); }
  bool alone() const { return hosts_.live().empty(); }

  // claims.cc
  bool plausible(uint32_t incarnation, uint32_t stored, Now now);
  void apply(const Alive& claim, const Endpoint* from, Now now, SwimEffects& out);
  HostNumber accused(std::string_view node, uint32_t incarnation, const Endpoint* from, Now now,
                     SwimEffects& out);
  void apply(const Suspect& claim, const Endpoint* from, Now now, SwimEffects& out);
  void apply(const Dead& claim, const Endpoint* from, Now now, SwimEffects& out);
  bool readable(const Alive& claim, Endpoint& endpoint, Versions& versions);
  void take_unknown(const Alive& claim, const Endpoint& endpoint, const Versions& versions, Now now,
                    SwimEffects& out);
  void take_known(HostNumber host, const Alive& claim, const Endpoint& endpoint,
                  const Versions& versions, Now now, SwimEffects& out);
  void alive_about_us(const Alive& claim, const Endpoint& endpoint, const Versions& versions,
                      const Endpoint* from, Now now, SwimEffects& out);
  void refute(uint32_t accused, const Endpoint* from, Now now, SwimEffects& out);
  void outbid(uint32_t incarnation, const Endpoint* from, Now now, SwimEffects& out);
  void accuse(HostNumber host, const Endpoint& claimed, const Endpoint* from, SwimEffects& out);
  void suspect(HostNumber host, std::string_view from, bool look, Now now, SwimEffects& out);
  void start_suspicion(HostNumber host, std::string_view from, bool look, Now now,
                       SwimEffects& out);
  void announce_suspicion(HostNumber host, std::string_view from, Now now);
  void end_suspicion(HostNumber host);
  void fewer_confirmers(Now now);
  void set_gone(HostNumber host, const Dead& claim, Now now, SwimEffects& out);
  void drop_host(HostNumber host, SwimEffects& out);
  void trim_gone(SwimEffects& out);

  // probes.cc
  void probe_next(Now now, SwimEffects& out);
  void probe_at_once(HostNumber host, Now now, SwimEffects& out);
  void start_probe(HostNumber host, Now now, SwimEffects& out);
  void ask_others(Probe& probe, Now now, SwimEffects& out);
  void run_probes(Now now, SwimEffects& out);
  void probe_answered(uint32_t seq);
  void probe_failed(uint32_t seq, bool refused, Now now, SwimEffects& out);
  void remember(HostNumber host, Now now, SwimEffects& out);
  void direct_answer(const PingUnderWay& ping, uint32_t seq, std::string_view payload, Now now,
                     SwimEffects& out);
  void send_ping(uint32_t seq, HostNumber host, const Endpoint& to, bool by_stream,
                 Duration timeout, SwimEffects& out);
  void ping_over(uint32_t seq, Now now, SwimEffects& out);
  void refused_ping(uint32_t seq, Now now, SwimEffects& out);
  void ran_out(HostNumber host, Now now, SwimEffects& out);
  bool deaf(Instant since, Now now) const;
  void pick(size_t count, HostNumber without, bool only_alive, std::vector<HostNumber>& out);

  // holders.cc
  void newcomer(HostNumber host, const Alive& claim, const Endpoint& endpoint,
                const Versions& versions, Now now, SwimEffects& out);
  void our_name_elsewhere(const Alive& claim, const Endpoint& endpoint, Now now, SwimEffects& out);
  void outbid_namesake(Now now, SwimEffects& out);
  bool we_come_new() const;
  void settle_name(Now now);
  NamesakeJudge::Verdict judge(std::string_view meta) const;
  bool asked_about_us() const;
  bool ask_holder(Claim claim, const Endpoint& holder, Now now, SwimEffects& out);
  void ask_holders_again(Now now, SwimEffects& out);
  void holder_refused(uint32_t seq, Now now);
  void holder_ended(uint32_t seq, bool answered, Now now, SwimEffects& out);
  void move_to(const Claim& claim, Now now, SwimEffects& out);
  void our_name_is_free(const Claim& claim, Now now, SwimEffects& out);
  void ask_namesake(Now now, SwimEffects& out);
  void say_farewell(std::string_view name, uint32_t incarnation, HostNumber host, Now now);

  // contacts.cc
  void push_pull(const Endpoint& to, bool join, SwimEffects& out);
  void push_pull_somebody(SwimEffects& out);
  void exchange_after_many_joins(Now now);
  void rejoin(SwimEffects& out);
  void heal(SwimEffects& out);
  void retry_failed(SwimEffects& out);
  void reap(Now now, SwimEffects& out);
  bool is_live_address(const Endpoint& endpoint) const;

  SwimOptions options_;
  Prng prng_;
  const NamesakeJudge* judge_;
  HostTable hosts_;
  Broadcasts broadcasts_;
  Suspicions suspicions_;
  Pings pings_;
  RememberedHosts remembered_;
  std::vector<uint32_t> remembered_at_;  // by HostNumber: where it stands there, most likely
  SwimStats stats_;
  std::string ack_payload_;
  std::vector<Endpoint> seeds_;
  size_t next_seed_ = 0;      // of those that are tried again
  size_t joined_lately_ = 0;  // since the lists were last compared, or are to be
  int health_ = 0;
  bool started_ = false, leaving_ = false, refused_ = false;
  bool unannounced_ = false;  // what is learned now is no news
  uint32_t reserved_ = 0;     // incarnations up to here are on disk
  uint32_t next_stream_ = 1;
  int tokens_ = 0;  // unasked answers that may still be sent before the next gossip

  std::vector<Probe> probes_;  // under way; one of the round, others as hints come
  Round probe_round_, gossip_round_;
  std::vector<Ref> hints_;  // to be probed before the round goes on
  std::vector<Ref> recently_dead_;
  std::vector<Claim> claims_;
  std::vector<Later> later_;  // alive, to be announced once the farewell is out

  Instant begun_{};  // the newest input
  Instant last_heard_{};
  bool met_somebody_ = false;  // we have known of another host
  // Our name is ours: nobody was to be asked, or a list came in which nobody else had it. Until
  // then we come new to the pool that answers, yield to a namesake who is there, and announce
  // nothing, so that nobody takes us for that one. Answers to streams below `first_streams_`, asked
  // for before we knew, make us a newcomer just as well.
  bool name_settled_ = false;
  uint32_t first_streams_ = 0;
  const ListSource* list_ = nullptr;  // from which we take claims just now; null: datagrams
  bool named_elsewhere_ = false;      // somebody else had our name in that list
  Claim namesake_;                    // whom we last heard of while the name was ours
  Instant namesake_until_{};          // until then it may still be there
  uint32_t outbid_above_ = 0;         // what namesakes claimed, to be outbid at outbid_at_
  Endpoint outbid_to_;
  Instant outbid_at_ = kNever, next_outbid_{};
  Instant ask_namesake_ = kNever;
  Instant silent_until_{};  // our name's old address was asked, and was silent
  Instant last_gossip_{};
  Duration rejoin_wait_{};
  Instant next_probe_ = kNever, next_gossip_ = kNever, next_push_pull_ = kNever;
  Instant next_rejoin_ = kNever, next_heal_ = kNever, next_retry_ = kNever, next_reap_ = kNever;
};

}  // namespace phoenix::gossip
