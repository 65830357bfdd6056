#include "membership/wire/serf_messages.h"

#include <algorithm>
#include <type_traits>

#include "membership/wire/go_msgpack.h"

namespace phoenix::gossip {
namespace {

template <size_t kFields>
using Names = std::array<std::string_view, kFields>;

// In the order of Go's declarations, which the array form follows.
constexpr Names<3> kLeave = {"LTime", "Node", "Prune"};
constexpr Names<2> kJoin = {"LTime", "Node"};
constexpr Names<4> kUserEvent = {"LTime", "Name", "Payload", "CC"};
constexpr Names<11> kQuery = {"LTime", "ID",          "Addr",    "Port", "SourceNode", "Filters",
                              "Flags", "RelayFactor", "Timeout", "Name", "Payload"};
constexpr Names<5> kResponse = {"LTime", "ID", "From", "Flags", "Payload"};
constexpr Names<6> kState = {"LTime",      "StatusLTimes", "LeftMembers",
                             "EventLTime", "Events",       "QueryLTime"};
constexpr Names<2> kEventsAt = {"LTime", "Events"};
constexpr Names<2> kEvent = {"Name", "Payload"};
constexpr Names<2> kTagFilter = {"Tag", "Expr"};
constexpr Names<11> kMember = {"Name",        "Addr",        "Port",        "Tags",
                               "Status",      "ProtocolMin", "ProtocolMax", "ProtocolCur",
                               "DelegateMin", "DelegateMax", "DelegateCur"};
constexpr Names<1> kKeyRequest = {"Key"};
constexpr Names<4> kKeyResponse = {"Result", "Message", "Keys", "PrimaryKey"};
constexpr Names<2> kRelay = {"DestAddr", "DestName"};
constexpr Names<3> kUdpAddress = {"IP", "Port", "Zone"};

std::string opened(SerfType type) {
  std::string out;
  out.reserve(128);
  out.push_back(static_cast<char>(type));
  return out;
}

// One field of a map; the caller goes through the fields sorted by name.
void field(GoWriter& out, std::string_view name, std::string_view value) {
  out.str(name);
  out.str(value);
}
void bytes_field(GoWriter& out, std::string_view name, std::string_view value) {
  out.str(name);
  out.bytes(value);
}
void field(GoWriter& out, std::string_view name, uint64_t value) {
  out.str(name);
  out.uint(value);
}
void flag_field(GoWriter& out, std::string_view name, bool value) {
  out.str(name);
  out.boolean(value);
}
// As a slice of Go, of which an empty one is nil.
template <typename List, typename Write>
void list_field(GoWriter& out, std::string_view name, const List& list, Write&& write) {
  out.str(name);
  if (list.empty()) return out.nil();
  out.array(list.size());
  for (const auto& item : list) write(item);
}

template <typename Number>
Number read_number(GoReader& in) {
  static_assert(std::is_unsigned_v<Number>);
  return static_cast<Number>(in.uint(static_cast<Number>(-1)));
}

bool read_names(GoReader& in, size_t most, std::vector<std::string_view>& out) {
  const uint32_t size = in.array();
  if (size > most) in.reject();
  for (uint32_t i = 0; i < size && in.ok(); ++i) out.push_back(in.str());
  return in.ok();
}

void read_status_ltimes(GoReader& in, SerfState& out) {
  const uint32_t size = in.map();
  if (size > kMaxNames) in.reject();
  for (uint32_t i = 0; i < size && in.ok(); ++i) {
    const std::string_view name = in.str();
    out.status_ltimes.emplace_back(name, in.uint());
  }
}

void read_events_at(GoReader& in, SerfState& out, size_t& events) {
  SerfState::EventsAt& slot = out.events.emplace_back();
  read_struct(in, kEventsAt, [&](size_t at) {
    if (at == 0) {
      slot.ltime = in.uint();
      return;
    }
    const uint32_t size = in.array();
    events += size;
    if (events > kMaxEventsInState) in.reject();
    for (uint32_t i = 0; i < size && in.ok(); ++i) {
      SerfState::Event& event = slot.events.emplace_back();
      read_struct(in, kEvent,
                  [&](size_t part) { (part == 0 ? event.name : event.payload) = in.str(); });
    }
  });
}

void read_event_slots(GoReader& in, SerfState& out) {
  const uint32_t slots = in.array();
  if (slots > kMaxEventSlots) in.reject();
  size_t events = 0;
  for (uint32_t i = 0; i < slots && in.ok(); ++i) {
    if (!in.nil()) read_events_at(in, out, events);
  }
}

}  // namespace

std::string encode(const LeaveIntent& message) {
  std::string bytes = opened(SerfType::kLeave);
  GoWriter out(bytes);
  out.map(3);
  field(out, "LTime", message.ltime);
  field(out, "Node", message.node);
  flag_field(out, "Prune", message.prune);
  return bytes;
}

std::string encode(const JoinIntent& message) {
  std::string bytes = opened(SerfType::kJoin);
  GoWriter out(bytes);
  out.map(2);
  field(out, "LTime", message.ltime);
  field(out, "Node", message.node);
  return bytes;
}

std::string encode(const UserEvent& message) {
  std::string bytes = opened(SerfType::kUserEvent);
  GoWriter out(bytes);
  out.map(4);
  flag_field(out, "CC", message.coalesce);
  field(out, "LTime", message.ltime);
  field(out, "Name", message.name);
  bytes_field(out, "Payload", message.payload);
  return bytes;
}

std::string encode(const Query& message) {
  std::string bytes = opened(SerfType::kQuery);
  GoWriter out(bytes);
  out.map(11);
  bytes_field(out, "Addr", message.address);
  list_field(out, "Filters", message.filters, [&](std::string_view filter) { out.bytes(filter); });
  field(out, "Flags", uint64_t{message.flags});
  field(out, "ID", uint64_t{message.id});
  field(out, "LTime", message.ltime);
  field(out, "Name", message.name);
  bytes_field(out, "Payload", message.payload);
  field(out, "Port", uint64_t{message.port});
  field(out, "RelayFactor", uint64_t{message.relay_factor});
  field(out, "SourceNode", message.source_node);
  out.str("Timeout");
  out.sint(message.timeout_ns);
  return bytes;
}

std::string encode(const QueryResponse& message) {
  std::string bytes = opened(SerfType::kQueryResponse);
  GoWriter out(bytes);
  out.map(5);
  field(out, "Flags", uint64_t{message.flags});
  field(out, "From", message.from);
  field(out, "ID", uint64_t{message.id});
  field(out, "LTime", message.ltime);
  bytes_field(out, "Payload", message.payload);
  return bytes;
}

std::string encode(const SerfState& message) {
  std::string bytes = opened(SerfType::kPushPull);
  GoWriter out(bytes);
  out.map(6);
  field(out, "EventLTime", message.event_ltime);
  list_field(out, "Events", message.events, [&](const SerfState::EventsAt& slot) {
    out.map(2);
    list_field(out, "Events", slot.events, [&](const SerfState::Event& event) {
      out.map(2);
      field(out, "Name", event.name);
      bytes_field(out, "Payload", event.payload);
    });
    field(out, "LTime", slot.ltime);
  });
  field(out, "LTime", message.ltime);
  list_field(out, "LeftMembers", message.left_members,
             [&](std::string_view name) { out.str(name); });
  field(out, "QueryLTime", message.query_ltime);
  out.str("StatusLTimes");
  out.map(message.status_ltimes.size());
  for (const auto& [name, ltime] : message.status_ltimes) field(out, name, ltime);
  return bytes;
}

std::string encode(const ConflictResponse& message) {
  std::string bytes = opened(SerfType::kConflictResponse);
  GoWriter out(bytes);
  out.map(11);
  bytes_field(out, "Addr", message.address);
  field(out, "DelegateCur", uint64_t{message.versions.delegate});
  field(out, "DelegateMax", uint64_t{message.versions.delegate_max});
  field(out, "DelegateMin", uint64_t{message.versions.delegate_min});
  field(out, "Name", message.name);
  field(out, "Port", uint64_t{message.port});
  field(out, "ProtocolCur", uint64_t{message.versions.protocol});
  field(out, "ProtocolMax", uint64_t{message.versions.protocol_max});
  field(out, "ProtocolMin", uint64_t{message.versions.protocol_min});
  out.str("Status");
  out.sint(message.status);
  out.str("Tags");
  out.map(message.tags.size());
  for (const auto& [name, value] : message.tags) field(out, name, value);
  return bytes;
}

std::string encode(const KeyRequest& message) {
  std::string bytes = opened(SerfType::kKeyRequest);
  GoWriter out(bytes);
  out.map(1);
  bytes_field(out, "Key", message.key);
  return bytes;
}

std::string encode(const KeyResponse& message) {
  std::string bytes = opened(SerfType::kKeyResponse);
  GoWriter out(bytes);
  out.map(4);
  list_field(out, "Keys", message.keys, [&](std::string_view key) { out.str(key); });
  field(out, "Message", message.message);
  field(out, "PrimaryKey", message.primary);
  flag_field(out, "Result", message.result);
  return bytes;
}

std::string encode(const Relay& message) {
  std::string bytes = opened(SerfType::kRelay);
  GoWriter out(bytes);
  out.map(2);
  out.str("DestAddr");
  out.map(3);
  bytes_field(out, "IP", message.address);
  field(out, "Port", uint64_t{message.port});
  field(out, "Zone", std::string_view());
  field(out, "DestName", message.node);
  return bytes.append(message.message);
}

std::string encode(const Filter& filter) {
  std::string bytes(1, static_cast<char>(filter.kind));
  GoWriter out(bytes);
  if (filter.kind == Filter::Kind::kNodes) {
    out.array(filter.nodes.size());
    for (const std::string_view node : filter.nodes) out.str(node);
  } else {
    out.map(2);
    field(out, "Expr", filter.expression);
    field(out, "Tag", filter.tag);
  }
  return bytes;
}

bool decode(std::string_view body, LeaveIntent& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kLeave, [&](size_t at) {
    if (at == 0) out.ltime = in.uint();
    if (at == 1) out.node = in.str();
    if (at == 2) out.prune = in.boolean();
  });
}

bool decode(std::string_view body, JoinIntent& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kJoin, [&](size_t at) {
    if (at == 0) out.ltime = in.uint();
    if (at == 1) out.node = in.str();
  });
}

bool decode(std::string_view body, UserEvent& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kUserEvent, [&](size_t at) {
    if (at == 0) out.ltime = in.uint();
    if (at == 1) out.name = in.str();
    if (at == 2) out.payload = in.str();
    if (at == 3) out.coalesce = in.boolean();
  });
}

bool decode(std::string_view body, Query& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kQuery, [&](size_t at) {
    switch (at) {
      case 0:
        out.ltime = in.uint();
        break;
      case 1:
        out.id = read_number<uint32_t>(in);
        break;
      case 2:
        out.address = in.str();
        break;
      case 3:
        out.port = read_number<uint16_t>(in);
        break;
      case 4:
        out.source_node = in.str();
        break;
      case 5:
        out.filters.clear();
        read_names(in, kMaxFilters, out.filters);
        break;
      case 6:
        out.flags = read_number<uint32_t>(in);
        break;
      case 7:
        out.relay_factor = read_number<uint8_t>(in);
        break;
      case 8:
        out.timeout_ns = in.sint();
        break;
      case 9:
        out.name = in.str();
        break;
      default:
        out.payload = in.str();
    }
  });
}

bool decode(std::string_view body, QueryResponse& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kResponse, [&](size_t at) {
    if (at == 0) out.ltime = in.uint();
    if (at == 1) out.id = read_number<uint32_t>(in);
    if (at == 2) out.from = in.str();
    if (at == 3) out.flags = read_number<uint32_t>(in);
    if (at == 4) out.payload = in.str();
  });
}

bool decode(std::string_view body, SerfState& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kState, [&](size_t at) {
    switch (at) {
      case 0:
        out.ltime = in.uint();
        break;
      case 1:
        out.status_ltimes.clear();
        read_status_ltimes(in, out);
        break;
      case 2:
        out.left_members.clear();
        read_names(in, kMaxNames, out.left_members);
        break;
      case 3:
        out.event_ltime = in.uint();
        break;
      case 4:
        out.events.clear();
        read_event_slots(in, out);
        break;
      default:
        out.query_ltime = in.uint();
    }
  });
}

bool decode(std::string_view body, ConflictResponse& out) {
  out = {};
  GoReader in(body);
  Versions& v = out.versions;
  // The fields from ProtocolMin on, in the declaration's order.
  const std::array<uint8_t*, 6> versions = {&v.protocol_min, &v.protocol_max, &v.protocol,
                                            &v.delegate_min, &v.delegate_max, &v.delegate};
  return read_struct(in, kMember, [&](size_t at) {
    if (at == 0) out.name = in.str();
    if (at == 1) out.address = in.str();
    if (at == 2) out.port = read_number<uint16_t>(in);
    if (at == 3) {
      out.tags.clear();
      const uint32_t size = in.map();
      if (size > kMaxMeta) in.reject();
      for (uint32_t i = 0; i < size && in.ok(); ++i) {
        const std::string_view name = in.str();
        out.tags.emplace_back(name, in.str());
      }
    }
    if (at == 4) out.status = static_cast<int>(in.uint(INT32_MAX));
    if (at > 4) *versions[at - 5] = read_number<uint8_t>(in);
  });
}

bool decode(std::string_view body, KeyRequest& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kKeyRequest, [&](size_t) { out.key = in.str(); });
}

bool decode(std::string_view body, KeyResponse& out) {
  out = {};
  GoReader in(body);
  return read_struct(in, kKeyResponse, [&](size_t at) {
    if (at == 0) out.result = in.boolean();
    if (at == 1) out.message = in.str();
    if (at == 2) {
      out.keys.clear();
      read_names(in, kMaxNames, out.keys);
    }
    if (at == 3) out.primary = in.str();
  });
}

bool decode(std::string_view body, Relay& out) {
  out = {};
  GoReader in(body);
  const bool read = read_struct(in, kRelay, [&](size_t at) {
    if (at == 1) {
      out.node = in.str();
      return;
    }
    read_struct(in, kUdpAddress, [&](size_t part) {
      if (part == 0) out.address = in.str();
      if (part == 1) out.port = read_number<uint16_t>(in);
      if (part == 2) in.str();
    });
  });
  out.message = in.rest();
  return read && !out.message.empty();
}

bool decode_filter(std::string_view filter, Filter& out) {
  out = {};
  if (filter.empty()) return false;
  GoReader in(filter.substr(1));
  switch (static_cast<uint8_t>(filter[0])) {
    case 0:
      out.kind = Filter::Kind::kNodes;
      return read_names(in, kMaxNames, out.nodes);
    case 1:
      out.kind = Filter::Kind::kTag;
      return read_struct(in, kTagFilter,
                         [&](size_t at) { (at == 0 ? out.tag : out.expression) = in.str(); });
    default:
      return false;
  }
}

}  // namespace phoenix::gossip
