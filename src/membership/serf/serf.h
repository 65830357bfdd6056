// The layer that Serf puts on top of SWIM: who means to leave and who was declared gone (intents,
// ordered by a Lamport clock), events and queries that reach everybody once, and the network
// coordinate that acks carry. Understood by any Serf agent of protocol 2 to 5.
//
// A pure state machine beside Swim: it is told what Swim found out, and what user messages came;
// each call appends to `out`. It queues nothing itself: a Rumour is for the queue of its kind, a
// Send goes straight to a host. Messages start with their Serf type and have still to be wrapped
// as a user message. Single-threaded.
//
// Nothing that peers send makes it grow without bound: intents about unknown names, events and
// queries heard of late have fixed room, and what does not fit is dropped and counted.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/prng.h"
#include "base/time.h"
#include "membership/endpoint.h"
#include "membership/serf/event_log.h"
#include "membership/serf/host_names.h"
#include "membership/serf/intents.h"
#include "membership/serf/lamport_clock.h"
#include "membership/serf/query_log.h"
#include "membership/serf/vivaldi.h"
#include "membership/wire/keyring.h"
#include "membership/wire/serf_messages.h"

namespace phoenix::gossip {

// How a host stands by Serf's reckoning; the numbers are Serf's.
enum class HostStatus : uint8_t {
  kNone = 0,     // not known
  kAlive = 1,    // suspected ones too
  kLeaving = 2,  // said that it leaves, or was told to, and is still there
  kLeft = 3,     // gone on purpose, or declared to be by an operator
  kFailed = 4,   // gone without a word
};
std::string_view status_name(HostStatus status);  // "leaving"

enum class RumourKind : uint8_t { kIntent, kEvent, kQuery };

enum class KeyChange : uint8_t { kInstall, kUse, kRemove, kList };

class Serf {
 public:
  struct Options {
    std::string name;  // this host's
    // A message longer than this has no place in a packet beside its frame; it is not passed on.
    size_t longest_rumour = 1'300;
    Duration intent_timeout = seconds(300);  // how long intents about unknown names are kept
    // Highest times of earlier lives, 0: none. What is not newer is not shown again.
    LamportTime clock = 0, event_clock = 0, query_clock = 0;
  };

  struct Send {
    Endpoint to;
    std::string message;
  };
  // To everybody, by gossip. A later rumour of the same kind with the same subject replaces this
  // one; with an empty subject it stands for itself.
  struct Rumour {
    RumourKind kind = RumourKind::kIntent;
    std::string subject;
    std::string message;
  };
  // Alive or leaving after none, left or failed: it joined, perhaps not for long.
  struct Change {
    HostNumber host = kNoHost;
    HostStatus from = HostStatus::kNone;
    HostStatus to = HostStatus::kNone;
  };
  // A user event, delivered once. Events that may be coalesced are not.
  struct Heard {
    LamportTime ltime = 0;
    std::string name;
    std::string payload;
    bool coalesce = false;
  };
  // Who waits for the answer to a query, and where.
  struct Asker {
    LamportTime ltime = 0;
    uint32_t id = 0;
    Endpoint endpoint;
    std::string node;
    uint8_t relay_factor = 0;
  };
  // A query that is meant for the application on this host.
  struct Asked {
    std::string name;
    std::string payload;
    Asker asker;
  };
  // To be handed to carry_out() together with the keyring.
  struct KeyRequest {
    KeyChange change = KeyChange::kList;
    std::string key;
    bool readable = true;  // false: malformed, only the refusal is to be sent
    Asker asker;
  };
  struct Effects {
    std::vector<Send> sends;
    std::vector<Rumour> rumours;
    std::vector<Change> changes;     // in order
    std::vector<HostNumber> forget;  // pruned: Swim is to forget them
    std::vector<Heard> events;
    std::vector<Asked> queries;
    std::vector<KeyRequest> key_requests;
    void clear();
    bool empty() const {
      return sends.empty() && rumours.empty() && changes.empty() && forget.empty() &&
             events.empty() && queries.empty() && key_requests.empty();
    }
  };

  struct Stats {
    uint64_t intents = 0, events = 0, queries = 0;  // taken: new, and within the bounds
    uint64_t answers = 0, relayed = 0;              // responses and acks sent; passed on for others
    uint64_t malformed = 0;
    uint64_t unknown_type = 0;
    uint64_t too_large = 0;        // events and queries beyond their limit, rumours beyond a packet
    uint64_t too_old = 0;          // events and queries from before what is remembered
    uint64_t no_room = 0;          // intents, events and queries beyond the bounds
    uint64_t refused_filters = 0;  // queries with a filter that is malformed or not understood
    uint64_t refused_coordinates = 0;
    uint64_t refutations = 0;  // of leaves of this host that it does not mean
  };

  // `names` must outlive this, and must know what Swim knows when an input is handed in.
  Serf(const Options& options, const HostNames& names, Prng prng);

  // Once, first: the number of this host, which is alive from now on.
  void start(HostNumber self, Now now, Effects& out);
  void tick(Now now);  // forgets what is due
  Instant next_wake() const;

  // From Swim, in the order in which it happened, before any message that came later.
  void host_joined(HostNumber host, Now now, Effects& out);  // known and alive, also: again
  // Dead, or (by its own word, which is how memberlist programs without Serf leave) left.
  void host_gone(HostNumber host, bool left, Now now, Effects& out);
  void host_forgotten(HostNumber host);
  // An ack came back: how long that took and what it carried.
  void probed(HostNumber host, Duration rtt, std::string_view payload);

  // A user message, from its Serf type on.
  void receive(std::string_view message, Now now, Effects& out);
  // The user state of a push/pull. `ours`: the answer to a join of our own; what happened in the
  // pool before it is not shown as if it were new.
  void merge(std::string_view state, bool ours, Now now, Effects& out);
  std::string local_state() const;
  std::string ack_payload() const { return encode_ack_payload(vivaldi_.coordinate()); }

  // Commands.
  // This host is here, newer than any leave of its earlier lives: after each join that worked.
  void announce(Now now, Effects& out);
  // This host is going to leave; from now on nobody is contradicted who says so.
  void leave(Now now, Effects& out);
  // A failed host is to be taken as one that left; with `prune` it is forgotten, also one that left
  // already. One that is leaving is forgotten as soon as it is gone. Errors: kNotFound;
  // kWrongState when it is alive, or this host.
  Result<void> force_leave(std::string_view name, bool prune, Now now, Effects& out);
  // Errors: kTooLarge above 512 bytes in both together; kInvalidRequest for an empty name.
  Result<void> user_event(std::string_view name, std::string_view payload, bool coalesce, Now now,
                          Effects& out);
  // Changes (or lists) the keys, and answers. True: `keyring` is not what it was before.
  bool carry_out(const KeyRequest& request, Keyring& keyring, Effects& out);

  HostStatus status(HostNumber host) const;
  LamportTime status_time(HostNumber host) const;
  // The highest times that were seen: what Options of the next life are to have.
  LamportTime clock() const { return clock_.seen(); }
  LamportTime event_clock() const { return event_clock_.seen(); }
  LamportTime query_clock() const { return query_clock_.seen(); }
  const Stats& stats() const { return stats_; }

 private:
  // 24 bytes a known host; names, addresses and tags are in HostNames.
  struct Row {
    LamportTime status_time = 0;  // of the intent that counts
    RttSamples rtts;
    Word word = Word::kHearsay;  // of that intent
    HostStatus status = HostStatus::kNone;
    bool prune = false;  // to be forgotten once it has left
  };

  bool known(HostNumber host) const { return status(host) != HostStatus::kNone; }
  void set_status(HostNumber host, HostStatus to, Effects& out);
  void told_to_leave(HostNumber host, bool prune, Effects& out);

  // True: new, to be passed on.
  bool take(std::string_view name, const Intent& intent, bool prune, Now now, Effects& out);
  bool take(const UserEvent& event, Effects& out);
  bool keep(std::string_view name, const Intent& intent, Now now);
  // What they return false for has been counted.
  bool witness(LamportClock& clock, LamportTime time);
  bool is_new(Novelty novelty);
  template <typename Message>
  bool read(std::string_view body, Message& message);

  void receive_leave(std::string_view message, Now now, Effects& out);
  void receive_join(std::string_view message, Now now, Effects& out);
  void receive_event(std::string_view message, Effects& out);
  void receive_query(std::string_view message, Effects& out);
  void receive_relay(std::string_view body, Effects& out);
  void pass_on(RumourKind kind, std::string_view subject, std::string_view message, Effects& out);
  void merge_hosts(const SerfState& state, Now now, Effects& out);

  void take(const Query& query, std::string_view message, Effects& out);
  bool is_for_us(const Query& query);
  void answer(const Query& query, const Asker& asker, Effects& out);
  void answer_conflict(std::string_view name, const Asker& asker, Effects& out);
  void list_keys(const Asker& asker, const Keyring& keyring, Effects& out);
  // False: longer than a response may be, nothing was sent.
  bool respond(const Asker& asker, uint32_t flags, std::string_view payload, Effects& out);
  void relay(const Asker& asker, std::string_view response, Effects& out);

  Options options_;
  const HostNames& names_;
  Vivaldi vivaldi_;
  Prng prng_;
  HostNumber self_ = kNoHost;
  bool leaving_ = false;
  std::vector<Row> rows_;  // by HostNumber
  size_t known_ = 0;
  LamportClock clock_, event_clock_, query_clock_;
  Intents intents_;
  EventLog event_log_;
  QueryLog query_log_;
  Stats stats_;
};

}  // namespace phoenix::gossip
