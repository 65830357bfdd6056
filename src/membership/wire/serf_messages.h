// The messages of the Serf layer as structures. memberlist carries them as user messages, as the
// user state of a push/pull, as a host's meta (tags) and as an ack's payload (coordinate); the
// first byte says which one. Same msgpack dialect, leniency and refusals as messages.h.
//
// Views point into the decoded buffer, or at what the encoder is given. Pure functions. Counts in
// what is decoded are bounded by the limits below and by the input's length.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "membership/wire/messages.h"

namespace phoenix::gossip {

enum class SerfType : uint8_t {
  kLeave = 0,
  kJoin = 1,
  kPushPull = 2,  // only as the user state of a push/pull
  kUserEvent = 3,
  kQuery = 4,
  kQueryResponse = 5,
  kConflictResponse = 6,  // this and the next two: only as payloads of queries and responses
  kKeyRequest = 7,
  kKeyResponse = 8,
  kRelay = 9,
};

// Logical time: one of the three Lamport clocks (members, events, queries).
using LamportTime = uint64_t;

// `node` means to leave, or is declared by an operator to have left.
struct LeaveIntent {
  LamportTime ltime = 0;
  std::string_view node;
  bool prune = false;  // forget it at once
};
struct JoinIntent {
  LamportTime ltime = 0;
  std::string_view node;
};

struct UserEvent {
  LamportTime ltime = 0;
  std::string_view name;
  std::string_view payload;
  bool coalesce = false;
};

inline constexpr uint32_t kQueryAck = 1;          // flag: who takes the query says so
inline constexpr uint32_t kQueryNoBroadcast = 2;  // flag: do not pass it on
struct Query {
  LamportTime ltime = 0;
  uint32_t id = 0;
  std::string_view address;  // where answers go: 4 or 16 bytes
  uint16_t port = 0;
  std::string_view source_node;
  std::vector<std::string_view> filters;  // each to be read by decode_filter()
  uint32_t flags = 0;
  uint8_t relay_factor = 0;  // so many others pass each answer on, too
  int64_t timeout_ns = 0;
  std::string_view name;
  std::string_view payload;
};

inline constexpr uint32_t kResponseIsAck = 1;  // flag
struct QueryResponse {
  LamportTime ltime = 0;
  uint32_t id = 0;
  std::string_view from;
  uint32_t flags = 0;
  std::string_view payload;
};

// Whom a query is for; all filters of a query must match.
struct Filter {
  enum class Kind : uint8_t { kNodes = 0, kTag = 1 };
  Kind kind = Kind::kNodes;
  std::vector<std::string_view> nodes;  // kNodes: one of these names
  std::string_view tag;                 // kTag: the value of this tag, empty if it has none, …
  std::string_view expression;          // … matches this Go regular expression
};

// What a push/pull carries of the Serf layer.
struct SerfState {
  struct Event {
    std::string_view name;
    std::string_view payload;
  };
  struct EventsAt {
    LamportTime ltime = 0;
    std::vector<Event> events;
  };
  LamportTime ltime = 0;
  std::vector<std::pair<std::string_view, LamportTime>> status_ltimes;  // per host, newest status
  std::vector<std::string_view> left_members;
  LamportTime event_ltime = 0;
  std::vector<EventsAt> events;  // recent ones; the empty slots of Serf's buffer are left out
  LamportTime query_ltime = 0;
};

// Answer to `_serf_conflict`: how the responder knows the host of the asked name.
struct ConflictResponse {
  std::string_view name;
  std::string_view address;
  uint16_t port = 0;
  std::vector<std::pair<std::string_view, std::string_view>> tags;
  int status = 1;  // Serf's: 0 none, 1 alive, 2 leaving, 3 left, 4 failed
  Versions versions;
};

// Payload of `_serf_install-key`, `_serf_use-key`, `_serf_remove-key`.
struct KeyRequest {
  std::string_view key;  // raw bytes
};
// Their answer, and that of `_serf_list-keys`.
struct KeyResponse {
  bool result = false;
  std::string_view message;            // when it went wrong, or a remark
  std::vector<std::string_view> keys;  // base64
  std::string_view primary;            // base64; peers before 0.9.6 leave it out
};

// A message that a third host is asked to pass on.
struct Relay {
  std::string_view address;
  uint16_t port = 0;
  std::string_view node;
  std::string_view message;  // what it gets, from its Serf type byte on
};

// Vivaldi coordinate of Serf: eight dimensions. Seconds throughout.
struct Coordinate {
  std::array<double, 8> vec{};
  double error = 1.5;
  double adjustment = 0;
  double height = 1e-5;
};

// All with their type byte in front. A user message has still to be wrapped by
// encode_user_packet().
std::string encode(const LeaveIntent& message);
std::string encode(const JoinIntent& message);
std::string encode(const UserEvent& message);
std::string encode(const Query& message);
std::string encode(const QueryResponse& message);
std::string encode(const SerfState& message);
std::string encode(const ConflictResponse& message);
std::string encode(const KeyRequest& message);
std::string encode(const KeyResponse& message);
std::string encode(const Relay& message);
std::string encode(const Filter& filter);

// `body` is what follows the type byte. False: malformed, `out` is unspecified.
bool decode(std::string_view body, LeaveIntent& out);
bool decode(std::string_view body, JoinIntent& out);
bool decode(std::string_view body, UserEvent& out);
bool decode(std::string_view body, Query& out);
bool decode(std::string_view body, QueryResponse& out);
bool decode(std::string_view body, SerfState& out);
bool decode(std::string_view body, ConflictResponse& out);
bool decode(std::string_view body, KeyRequest& out);
bool decode(std::string_view body, KeyResponse& out);
bool decode(std::string_view body, Relay& out);
// A whole element of Query::filters, kind byte included.
bool decode_filter(std::string_view filter, Filter& out);

// Limits of Serf: what is longer is neither sent nor taken.
inline constexpr size_t kMaxMeta = 512;       // encoded tags
inline constexpr size_t kMaxUserEvent = 512;  // name and payload together; encoded: below 9 KiB
inline constexpr size_t kMaxQuery = 1'024;    // encoded
inline constexpr size_t kMaxQueryResponse = 1'024;  // encoded
// Bounds of what is decoded, so that a short message cannot stand for a huge structure.
inline constexpr size_t kMaxNames = 1u << 17;    // hosts in one state
inline constexpr size_t kMaxEventSlots = 4'096;  // Serf's default: 512
inline constexpr size_t kMaxEventsInState = 32'768;
inline constexpr size_t kMaxFilters = 64;  // of one query

// Tags in a host's meta: byte 255, then a map. Meta without that byte is one tag `role`, or none
// when it is empty; above kMaxMeta bytes it is malformed. Names in the order of the bytes; of a
// name that comes twice, the last counts.
using TagViews = std::vector<std::pair<std::string_view, std::string_view>>;
std::string encode_tags(const std::map<std::string, std::string>& tags);
bool decode_tags(std::string_view meta, TagViews& out);
// The same as one would keep it; empty when malformed.
std::map<std::string, std::string> tags_of(std::string_view meta);
// Without allocating: the value of one tag, empty when it is not there.
std::string_view find_tag(std::string_view meta, std::string_view name);

// An ack's payload: version byte 1, then the coordinate. False for anything else, other
// dimensions, and numbers that are not finite.
std::string encode_ack_payload(const Coordinate& coordinate);
bool decode_ack_payload(std::string_view payload, Coordinate& out);

}  // namespace phoenix::gossip
