// Calls on their way. A call of a client runs where what it is about is kept: a packet's calls at
// its keeper, a session's at its home. This splits calls of many packets by keeper, sends parts on,
// and puts their answers together again in order. What cannot be asked anywhere now waits a while:
// a slot between two keepers is nobody's for a moment.
//
// A part that was sent and whose link broke is sent again where that is harmless: creating a packet
// under an id, an owner's call (its answer is kept), a cancel, a wait. The others are answered with
// 504, as nobody knows what became of them.
//
// Pure, single-threaded. Every input appends to the output, which take() hands over.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cluster/peer_message.h"
#include "node/node.h"

namespace phoenix {

struct Destination {
  enum class Kind : uint8_t { kHere, kThere, kNowhere };
  Kind kind = Kind::kNowhere;  // kNowhere: nobody that could be asked now
  HostLife there{};
};

// What Calls asks of its surroundings.
class Whereabouts {
 public:
  virtual ~Whereabouts() = default;
  virtual Destination of_slot(SlotId slot) const = 0;
  virtual Destination of_host(const HostLife& host) const = 0;
  // A host with a store, the same one for the same text: for hosts that have none themselves.
  virtual Destination of_text(std::string_view text) const = 0;
  virtual std::optional<SlotId> slot_of_packet(const PacketKey& key) const = 0;
  virtual std::optional<HostLife> home_of_session(const std::string& session) const = 0;
  virtual std::optional<HostLife> home_of_member(const MemberKey& key) const = 0;
  virtual SlotId slot_of_new(const SubmitItem& item) const = 0;
  virtual bool has_store() const = 0;
};

// What the parts of a call with an Idempotency-Key have come to.
struct WholeAnswer {
  RequestId id = 0;
  Idempotency key;
  BatchReply answer;
};

struct CallsOutput {
  std::vector<Command> here;      // for the node; their ids are ours
  std::vector<WholeAnswer> keep;  // for the node: Node::keep
  std::vector<RequestId> abandoned_here;
  std::vector<std::pair<RequestId, bool>> streams_closed_here;  // (id, by the client's end)
  std::vector<std::pair<HostLife, PeerMessage>> messages;
  std::vector<Reply> replies;  // to clients, by their ids
  std::vector<StreamPortion> portions;
  std::vector<PacketKey> loads;  // where these are has to be read from the store: located()
};

class Calls {
 public:
  // How long a call waits for somebody who could carry it out.
  static constexpr Duration kPatience = seconds(5);
  static constexpr size_t kMostJobs = 65'536;

  explicit Calls(const Whereabouts& where) : where_(where) {}

  void from_client(Now now, Command command);
  void client_gone(RequestId client);
  void client_closed_stream(RequestId client, bool by_peer);

  void from_peer(Now now, const HostLife& peer, PeerCall call);
  void peer_gone(const HostLife& peer, const PeerAbandon& abandon);
  void answered(Now now, const HostLife& peer, PeerAnswer answer);
  void told_more(const HostLife& peer, PeerPortion portion);
  // A call that was sent cannot be: it is too long.
  void not_sent(const HostLife& peer, uint64_t call, Error error);
  void link_down(Now now, const HostLife& peer);

  void node_replied(Now now, Reply reply);
  void node_told_more(StreamPortion portion);

  // The packet is kept in this slot; nothing: the store does not have it.
  void located(Now now, const PacketKey& key, const Result<std::optional<SlotId>>& slot);
  // Who keeps what may have changed, or time has passed.
  void try_again(Now now);
  Instant next_deadline() const;

  // Is this key's load one of ours?
  bool locating(const PacketKey& key) const { return looking_.contains(key); }
  size_t size() const { return jobs_.size(); }
  CallsOutput take();

 private:
  enum class State : uint8_t { kWaits, kLooks, kHere, kThere, kSplit, kKept };
  // The answers to a call that is in parts.
  struct Parts {
    std::vector<std::optional<ItemReply>> items;
    std::vector<std::string> ids;
  };
  struct Job {
    // Whose it is: a client's, a peer's, or a part of another one.
    RequestId client = 0;
    HostLife peer;
    uint64_t peer_call = 0;
    uint64_t parent = 0;
    std::vector<size_t> places;  // of this part's items in the parent's

    // kSplit: without its items, which the parts have. kHere for a peer: without its body.
    Command command;
    uint8_t hops = 0;
    Instant given{};    // kHere: to the node
    size_t turned = 0;  // how often the node did not carry it out
    State state = State::kWaits;
    HostLife there;  // kThere
    Instant until = kNever;
    Instant retry_at;
    bool streams = false;
    size_t looks = 0;                                  // kLooks: loads under way
    std::map<PacketKey, std::optional<SlotId>> known;  // by look-up
    Parts parts;  // kSplit: answers so far. kKept: all of them.
    size_t open = 0;
  };
  using JobId = uint64_t;

  JobId add(Job job);
  void drop(JobId id);
  void route(Now now, JobId id);
  // Where the item (of a batch) or the whole call (index 0) has to go; nothing: look it up first.
  std::optional<Destination> destination(const Job& job, size_t index, PacketKey* unknown) const;
  std::optional<Destination> first_at_home(const Job& job, const OwnerCall& item) const;
  std::optional<Destination> of_packet(const Job& job, const PacketKey& key,
                                       PacketKey* unknown) const;
  void go(Now now, JobId id, const Destination& destination);
  void split(Now now, JobId id, const std::vector<Destination>& destinations);
  void wait(Now now, JobId id);
  void answer(JobId id, ReplyBody body, bool replayed);
  void answer_part(Job part, ReplyBody body);
  bool again(Now now, JobId id, ReplyBody& body);
  bool turned_away(Now now, JobId id);
  static BatchReply together(Parts parts);
  void kept(Reply reply);
  void broken(Now now, JobId id);

  const Whereabouts& where_;
  std::unordered_map<JobId, Job> jobs_;
  JobId last_ = 0;
  std::unordered_map<RequestId, JobId> by_client_;
  std::map<std::pair<HostLife, uint64_t>, JobId> by_peer_;
  std::set<std::pair<Instant, JobId>> waiting_;  // by retry_at
  std::map<PacketKey, std::vector<JobId>> looking_;
  std::map<Digest, JobId> keys_;  // Idempotency-Keys of calls that are in parts
  CallsOutput out_;
};

}  // namespace phoenix
