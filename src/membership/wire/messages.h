// The messages of memberlist, protocol 1 to 5, as structures. Encoded form: one type byte, then a
// msgpack map in Go's dialect (keys are the field names, sorted by bytes; strings and byte slices
// both in the old raw family). Decoding takes any order, ignores unknown keys, zero-fills missing
// ones, takes the array form too, and every integer form; it refuses negative numbers in unsigned
// fields, floats, numbers beyond the field's width, and truncated input.
//
// Views point into the decoded buffer, or at what the encoder is given. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace phoenix::gossip {

enum class MessageType : uint8_t {
  kPing = 0,
  kIndirectPing = 1,
  kAck = 2,
  kSuspect = 3,
  kAlive = 4,
  kDead = 5,
  kPushPull = 6,
  kCompound = 7,
  kUser = 8,
  kCompress = 9,
  kEncrypt = 10,
  kNack = 11,
  kHasCrc = 12,
  kError = 13,
  kLabel = 244,
};

// State of a host as push/pull carries it.
enum class SwimState : uint8_t { kAlive = 0, kSuspect = 1, kDead = 2, kLeft = 3 };

// Protocol versions that a host understands and speaks: memberlist's, then its delegate's (Serf).
struct Versions {
  uint8_t protocol_min = 1, protocol_max = 5, protocol = 2;
  uint8_t delegate_min = 2, delegate_max = 5, delegate = 5;
  bool operator==(const Versions&) const = default;
};
std::array<char, 6> encode(const Versions& versions);
// False unless exactly six bytes with min <= current <= max in both halves.
bool decode(std::string_view bytes, Versions& out);

// Where a ping came from, if its sender says so; left out of the encoding when empty.
struct Source {
  std::string_view address;  // 4 or 16 bytes
  uint16_t port = 0;
  std::string_view node;
  bool operator==(const Source&) const = default;
};

struct Ping {
  uint32_t seq_no = 0;
  std::string_view node;
  Source source;
};
struct IndirectPing {
  uint32_t seq_no = 0;
  std::string_view target;  // address of 4 or 16 bytes
  uint16_t port = 0;
  std::string_view node;
  bool nack = false;
  Source source;
};
struct Ack {
  uint32_t seq_no = 0;
  std::string_view payload;
};
struct Nack {
  uint32_t seq_no = 0;
};
struct Suspect {
  uint32_t incarnation = 0;
  std::string_view node;
  std::string_view from;
};
struct Dead {
  uint32_t incarnation = 0;
  std::string_view node;
  std::string_view from;  // == node: it left
};
struct Alive {
  uint32_t incarnation = 0;
  std::string_view node;
  std::string_view address;
  uint16_t port = 0;
  std::string_view meta;      // at most 512 bytes
  std::string_view versions;  // six bytes; what else came is the receiver's to refuse
};
struct NodeState {
  std::string_view name;
  std::string_view address;
  uint16_t port = 0;
  std::string_view meta;
  uint32_t incarnation = 0;
  SwimState state = SwimState::kAlive;
  std::string_view versions;
};
struct PushPull {
  bool join = false;
  std::vector<NodeState> nodes;
  std::string_view user_state;
};
struct ErrorMessage {
  std::string_view error;
};

// With the type byte in front.
std::string encode(const Ping& message);
std::string encode(const IndirectPing& message);
std::string encode(const Ack& message);
std::string encode(const Nack& message);
std::string encode(const Suspect& message);
std::string encode(const Dead& message);
std::string encode(const Alive& message);
std::string encode(const PushPull& message);
std::string encode(const ErrorMessage& message);
// A user message as packets carry it: type byte, then the bytes as they are.
std::string encode_user_packet(std::string_view payload);
// A user message as streams carry it: type byte, {UserMsgLen}, the bytes.
std::string encode_user_stream(std::string_view payload);

// `body` is what follows the type byte. False: malformed, `out` is unspecified.
bool decode(std::string_view body, Ping& out);
bool decode(std::string_view body, IndirectPing& out);
bool decode(std::string_view body, Ack& out);
bool decode(std::string_view body, Nack& out);
bool decode(std::string_view body, Suspect& out);
bool decode(std::string_view body, Dead& out);
bool decode(std::string_view body, Alive& out);
bool decode(std::string_view body, PushPull& out);
bool decode(std::string_view body, ErrorMessage& out);
bool decode_user_stream(std::string_view body, std::string_view& payload);

// What stands in front of a push/pull's hosts, and of a user message on a stream: how much follows.
// Negative and huge counts are refused.
class GoReader;
struct PushPullHeader {
  size_t nodes = 0;
  size_t user_state_bytes = 0;
  bool join = false;
};
inline constexpr size_t kMaxNodes = 1u << 17;       // hosts of one push/pull
inline constexpr size_t kMaxUserState = 20u << 20;  // bytes
bool decode_header(GoReader& in, PushPullHeader& out);
bool decode_header(GoReader& in, size_t& user_bytes);

// Compound: `[7][count][count lengths][payloads]`, at most 127 parts each (older peers misread
// more); what is beyond nests. Requires: each part at most 65,535 bytes, all together too if they
// are more than 127.
inline constexpr size_t kMaxParts = 127;
std::string encode_compound(const std::vector<std::string_view>& parts);

}  // namespace phoenix::gossip
