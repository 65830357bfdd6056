#include "membership/wire/messages.h"

#include <algorithm>

#include "membership/wire/go_msgpack.h"

namespace phoenix::gossip {
namespace {

template <size_t kFields>
using Names = std::array<std::string_view, kFields>;

// In the order of Go's declarations, which the array form follows.
constexpr Names<5> kPing = {"SeqNo", "Node", "SourceAddr", "SourcePort", "SourceNode"};
constexpr Names<8> kIndirectPing = {"SeqNo", "Target",     "Port",       "Node",
                                    "Nack",  "SourceAddr", "SourcePort", "SourceNode"};
constexpr Names<2> kAck = {"SeqNo", "Payload"};
constexpr Names<1> kNack = {"SeqNo"};
constexpr Names<3> kAccusation = {"Incarnation", "Node", "From"};
constexpr Names<6> kAlive = {"Incarnation", "Node", "Addr", "Port", "Meta", "Vsn"};
constexpr Names<3> kPushPullHeader = {"Nodes", "UserStateLen", "Join"};
constexpr Names<7> kNodeState = {"Name", "Addr", "Port", "Meta", "Incarnation", "State", "Vsn"};
constexpr Names<1> kError = {"Error"};
constexpr Names<1> kUserHeader = {"UserMsgLen"};

std::string opened(MessageType type, size_t expected) {
  std::string out;
  out.reserve(expected);
  out.push_back(static_cast<char>(type));
  return out;
}

size_t source_fields(const Source& source) {
  return size_t{!source.address.empty()} + size_t{source.port != 0} + size_t{!source.node.empty()};
}

void write_source(GoWriter& out, const Source& source) {
  if (!source.address.empty()) {
    out.str("SourceAddr");
    out.bytes(source.address);
  }
  if (!source.node.empty()) {
    out.str("SourceNode");
    out.str(source.node);
  }
  if (source.port != 0) {
    out.str("SourcePort");
    out.uint(source.port);
  }
}

uint32_t read_u32(GoReader& in) { return static_cast<uint32_t>(in.uint(UINT32_MAX)); }
uint16_t read_u16(GoReader& in) { return static_cast<uint16_t>(in.uint(UINT16_MAX)); }

std::string encode_accusation(MessageType type, uint32_t incarnation, std::string_view node,
                              std::string_view from) {
  std::string bytes = opened(type, 40 + node.size() + from.size());
  GoWriter out(bytes);
  out.map(3);
  out.str("From");
  out.str(from);
  out.str("Incarnation");
  out.uint(incarnation);
  out.str("Node");
  out.str(node);
  return bytes;
}

template <typename Accusation>
bool decode_accusation(std::string_view body, Accusation& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kAccusation, [&](size_t field) {
    if (field == 0) out.incarnation = read_u32(in);
    if (field == 1) out.node = in.str();
    if (field == 2) out.from = in.str();
  });
}

void write_node_state(GoWriter& out, const NodeState& node) {
  out.map(7);
  out.str("Addr");
  out.bytes(node.address);
  out.str("Incarnation");
  out.uint(node.incarnation);
  out.str("Meta");
  out.bytes(node.meta);
  out.str("Name");
  out.str(node.name);
  out.str("Port");
  out.uint(node.port);
  out.str("State");
  out.uint(static_cast<uint64_t>(node.state));
  out.str("Vsn");
  out.bytes(node.versions);
}

bool read_node_state(GoReader& in, NodeState& out) {
  const bool read = read_struct(in, kNodeState, [&](size_t field) {
    switch (field) {
      case 0:
        out.name = in.str();
        break;
      case 1:
        out.address = in.str();
        break;
      case 2:
        out.port = read_u16(in);
        break;
      case 3:
        out.meta = in.str();
        break;
      case 4:
        out.incarnation = read_u32(in);
        break;
      case 5:
        out.state = static_cast<SwimState>(in.uint(static_cast<uint64_t>(SwimState::kLeft)));
        break;
      default:
        out.versions = in.str();
    }
  });
  // A host without a name is none; and so each takes its bytes, which bounds what they decode to.
  return read && !out.name.empty();
}

}  // namespace

std::array<char, 6> encode(const Versions& versions) {
  const std::array<uint8_t, 6> bytes = {versions.protocol_min, versions.protocol_max,
                                        versions.protocol,     versions.delegate_min,
                                        versions.delegate_max, versions.delegate};
  std::array<char, 6> out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

bool decode(std::string_view bytes, Versions& out) {
  if (bytes.size() != 6) return false;
  const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  out = {at(0), at(1), at(2), at(3), at(4), at(5)};
  return out.protocol_min <= out.protocol && out.protocol <= out.protocol_max &&
         out.delegate_min <= out.delegate && out.delegate <= out.delegate_max;
}

std::string encode(const Ping& message) {
  std::string bytes = opened(MessageType::kPing, 96);
  GoWriter out(bytes);
  out.map(2 + source_fields(message.source));
  out.str("Node");
  out.str(message.node);
  out.str("SeqNo");
  out.uint(message.seq_no);
  write_source(out, message.source);
  return bytes;
}

std::string encode(const IndirectPing& message) {
  std::string bytes = opened(MessageType::kIndirectPing, 128);
  GoWriter out(bytes);
  out.map(5 + source_fields(message.source));
  out.str("Nack");
  out.boolean(message.nack);
  out.str("Node");
  out.str(message.node);
  out.str("Port");
  out.uint(message.port);
  out.str("SeqNo");
  out.uint(message.seq_no);
  write_source(out, message.source);
  out.str("Target");
  out.bytes(message.target);
  return bytes;
}

std::string encode(const Ack& message) {
  std::string bytes = opened(MessageType::kAck, 32 + message.payload.size());
  GoWriter out(bytes);
  out.map(2);
  out.str("Payload");
  out.bytes(message.payload);
  out.str("SeqNo");
  out.uint(message.seq_no);
  return bytes;
}

std::string encode(const Nack& message) {
  std::string bytes = opened(MessageType::kNack, 16);
  GoWriter out(bytes);
  out.map(1);
  out.str("SeqNo");
  out.uint(message.seq_no);
  return bytes;
}

std::string encode(const Suspect& message) {
  return encode_accusation(MessageType::kSuspect, message.incarnation, message.node, message.from);
}
std::string encode(const Dead& message) {
  return encode_accusation(MessageType::kDead, message.incarnation, message.node, message.from);
}

std::string encode(const Alive& message) {
  std::string bytes =
      opened(MessageType::kAlive, 72 + message.node.size() + message.meta.size() + 16);
  GoWriter out(bytes);
  out.map(6);
  out.str("Addr");
  out.bytes(message.address);
  out.str("Incarnation");
  out.uint(message.incarnation);
  out.str("Meta");
  out.bytes(message.meta);
  out.str("Node");
  out.str(message.node);
  out.str("Port");
  out.uint(message.port);
  out.str("Vsn");
  out.bytes(message.versions);
  return bytes;
}

std::string encode(const PushPull& message) {
  size_t expected = 64 + message.user_state.size();
  for (const NodeState& node : message.nodes) expected += 80 + node.name.size() + node.meta.size();
  std::string bytes = opened(MessageType::kPushPull, expected);
  GoWriter out(bytes);
  out.map(3);
  out.str("Join");
  out.boolean(message.join);
  out.str("Nodes");
  out.uint(message.nodes.size());
  out.str("UserStateLen");
  out.uint(message.user_state.size());
  for (const NodeState& node : message.nodes) write_node_state(out, node);
  return bytes.append(message.user_state);
}

std::string encode(const ErrorMessage& message) {
  std::string bytes = opened(MessageType::kError, 16 + message.error.size());
  GoWriter out(bytes);
  out.map(1);
  out.str("Error");
  out.str(message.error);
  return bytes;
}

std::string encode_user_packet(std::string_view payload) {
  return opened(MessageType::kUser, 1 + payload.size()).append(payload);
}

std::string encode_user_stream(std::string_view payload) {
  std::string bytes = opened(MessageType::kUser, 24 + payload.size());
  GoWriter out(bytes);
  out.map(1);
  out.str("UserMsgLen");
  out.uint(payload.size());
  return bytes.append(payload);
}

bool decode(std::string_view body, Ping& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kPing, [&](size_t field) {
    switch (field) {
      case 0:
        out.seq_no = read_u32(in);
        break;
      case 1:
        out.node = in.str();
        break;
      case 2:
        out.source.address = in.str();
        break;
      case 3:
        out.source.port = read_u16(in);
        break;
      default:
        out.source.node = in.str();
    }
  });
}

bool decode(std::string_view body, IndirectPing& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kIndirectPing, [&](size_t field) {
    switch (field) {
      case 0:
        out.seq_no = read_u32(in);
        break;
      case 1:
        out.target = in.str();
        break;
      case 2:
        out.port = read_u16(in);
        break;
      case 3:
        out.node = in.str();
        break;
      case 4:
        out.nack = in.boolean();
        break;
      case 5:
        out.source.address = in.str();
        break;
      case 6:
        out.source.port = read_u16(in);
        break;
      default:
        out.source.node = in.str();
    }
  });
}

bool decode(std::string_view body, Ack& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kAck, [&](size_t field) {
    if (field == 0) out.seq_no = read_u32(in);
    if (field == 1) out.payload = in.str();
  });
}

bool decode(std::string_view body, Nack& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kNack, [&](size_t) { out.seq_no = read_u32(in); });
}

bool decode(std::string_view body, Suspect& out) { return decode_accusation(body, out); }
bool decode(std::string_view body, Dead& out) { return decode_accusation(body, out); }

bool decode(std::string_view body, Alive& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kAlive, [&](size_t field) {
    switch (field) {
      case 0:
        out.incarnation = read_u32(in);
        break;
      case 1:
        out.node = in.str();
        break;
      case 2:
        out.address = in.str();
        break;
      case 3:
        out.port = read_u16(in);
        break;
      case 4:
        out.meta = in.str();
        break;
      default:
        out.versions = in.str();
    }
  });
}

bool decode(std::string_view body, PushPull& out) {
  out.nodes.clear();
  GoReader in(body);
  PushPullHeader header;
  if (!decode_header(in, header)) return false;
  out.join = header.join;
  // Below what the header says if that is a lie: the memory follows what is there.
  out.nodes.reserve(std::min<size_t>(header.nodes, body.size() / 32));
  for (size_t i = 0; i < header.nodes; ++i) {
    if (!read_node_state(in, out.nodes.emplace_back())) return false;
  }
  out.user_state = in.take(header.user_state_bytes);
  return in.ok();
}

bool decode(std::string_view body, ErrorMessage& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kError, [&](size_t) { out.error = in.str(); });
}

bool decode_user_stream(std::string_view body, std::string_view& payload) {
  GoReader in(body);
  size_t bytes = 0;
  if (!decode_header(in, bytes)) return false;
  payload = in.take(bytes);
  return in.ok();
}

bool decode_header(GoReader& in, PushPullHeader& out) {
  out = {};
  return read_struct(in, kPushPullHeader, [&](size_t field) {
    if (field == 0) out.nodes = in.uint(kMaxNodes);
    if (field == 1) out.user_state_bytes = in.uint(kMaxUserState);
    if (field == 2) out.join = in.boolean();
  });
}

bool decode_header(GoReader& in, size_t& user_bytes) {
  user_bytes = 0;
  return read_struct(in, kUserHeader, [&](size_t) { user_bytes = in.uint(kMaxUserState); });
}

std::string encode_compound(const std::vector<std::string_view>& parts) {
  if (parts.size() > kMaxParts) {
    std::vector<std::string> groups;
    for (size_t first = 0; first < parts.size(); first += kMaxParts) {
      const size_t end = std::min(parts.size(), first + kMaxParts);
      groups.push_back(encode_compound({parts.begin() + static_cast<std::ptrdiff_t>(first),
                                        parts.begin() + static_cast<std::ptrdiff_t>(end)}));
    }
    return encode_compound({groups.begin(), groups.end()});
  }
  size_t expected = 2 + 2 * parts.size();
  for (const std::string_view part : parts) expected += part.size();
  std::string bytes = opened(MessageType::kCompound, expected);
  bytes.push_back(static_cast<char>(parts.size()));
  for (const std::string_view part : parts) {
    bytes.push_back(static_cast<char>(part.size() >> 8));
    bytes.push_back(static_cast<char>(part.size()));
  }
  for (const std::string_view part : parts) bytes.append(part);
  return bytes;
}

}  // namespace phoenix::gossip
