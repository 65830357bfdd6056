#include "sim/gossip/scenario/sayings.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "membership/wire/messages.h"
#include "membership/wire/serf_messages.h"

namespace phoenix::hostsim {

namespace {

constexpr uint16_t kPort = 7946;

// "none" for no bytes, hex after "0x", else as it stands; the usual ones if there is no such word.
std::optional<std::string> bytes_word(const sim::Words& words, std::string_view option,
                                      std::string otherwise) {
  if (!words.has(option)) return otherwise;
  const std::string text = words.text(option);
  if (text == "none") return std::string();
  if (text.starts_with("0x")) return bytes_of_hex(std::string_view(text).substr(2));
  return text;
}

std::string usual_versions() {
  const auto versions = gossip::encode(gossip::Versions{});
  return {versions.data(), versions.size()};
}

std::optional<std::string> alive_of(const sim::Words& words, const AddressBook& where) {
  const std::string& name = words.argument(0);
  const gossip::Endpoint at = words.has("at") ? endpoint_of_text(words.text("at")) : where(name);
  const auto meta = bytes_word(words, "meta", {});
  const auto versions = bytes_word(words, "vsn", usual_versions());
  if (!meta || !versions) return std::nullopt;
  const std::string many =
      words.has("meta-bytes") ? std::string(static_cast<size_t>(words.number("meta-bytes", 0)), 'x')
                              : *meta;
  gossip::Alive alive;
  alive.incarnation = static_cast<uint32_t>(words.number("inc", 1));
  alive.node = name;
  alive.address = at.bytes();
  alive.port = static_cast<uint16_t>(words.number("port", at.port));
  alive.meta = many;
  alive.versions = *versions;
  return gossip::encode(alive);
}

std::optional<std::string> serf_of(const sim::Words& words) {
  const std::string& verb = words.verb();
  const std::string& name = words.argument(0);
  const auto ltime = static_cast<gossip::LamportTime>(words.number("ltime", 1));
  std::string inner;
  if (verb == "leave-intent") {
    inner = gossip::encode(gossip::LeaveIntent{ltime, name, words.flag("prune")});
  } else if (verb == "join-intent") {
    inner = gossip::encode(gossip::JoinIntent{ltime, name});
  } else if (verb == "event") {
    const std::string payload = words.text("payload");
    inner = gossip::encode(gossip::UserEvent{ltime, name, payload, words.flag("coalesce")});
  } else {
    return std::nullopt;
  }
  return gossip::encode_user_packet(inner);
}

std::string serf_words(std::string_view message) {
  if (message.empty()) return "nothing";
  const auto type = static_cast<gossip::SerfType>(message.front());
  const std::string_view body = message.substr(1);
  if (gossip::LeaveIntent leave; type == gossip::SerfType::kLeave && decode(body, leave)) {
    return fmt::format("leave-intent {} ltime={}{}", leave.node, leave.ltime,
                       leave.prune ? " prune" : "");
  }
  if (gossip::JoinIntent join; type == gossip::SerfType::kJoin && decode(body, join)) {
    return fmt::format("join-intent {} ltime={}", join.node, join.ltime);
  }
  if (gossip::UserEvent event; type == gossip::SerfType::kUserEvent && decode(body, event)) {
    return fmt::format("event {} ltime={} payload={}", event.name, event.ltime, event.payload);
  }
  if (gossip::Query query; type == gossip::SerfType::kQuery && decode(body, query)) {
    return fmt::format("query {}", query.name);
  }
  return fmt::format("serf type {}", static_cast<unsigned>(type));
}

}  // namespace

std::optional<std::string> bytes_of_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    uint8_t byte = 0;
    const char* end = hex.data() + i + 2;
    if (std::from_chars(hex.data() + i, end, byte, 16).ptr != end) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

gossip::Endpoint endpoint_of_text(std::string_view ip) {
  std::string bytes;
  while (!ip.empty()) {
    const size_t end = std::min(ip.find('.'), ip.size());
    uint8_t byte = 0;
    std::from_chars(ip.data(), ip.data() + end, byte);
    bytes += static_cast<char>(byte);
    ip.remove_prefix(std::min(end + 1, ip.size()));
  }
  return gossip::endpoint_of(bytes, kPort);
}

std::optional<std::string> message_of(const std::string& speaker, const sim::Words& words,
                                      const AddressBook& where) {
  const std::string& verb = words.verb();
  const std::string& name = words.argument(0);
  const std::string from = words.text("from", speaker);
  const auto incarnation = static_cast<uint32_t>(words.number("inc", 1));
  const auto seq = static_cast<uint32_t>(words.number("seq", 77));
  if (verb == "alive") return alive_of(words, where);
  if (verb == "suspect") return gossip::encode(gossip::Suspect{incarnation, name, from});
  if (verb == "dead") return gossip::encode(gossip::Dead{incarnation, name, from});
  if (verb == "ping") return gossip::encode(gossip::Ping{seq, name, {}});
  if (verb == "ack") return gossip::encode(gossip::Ack{seq, {}});
  if (verb == "nack") return gossip::encode(gossip::Nack{seq});
  if (verb == "ask-ping") {
    const gossip::Endpoint target = where(name);
    return gossip::encode(gossip::IndirectPing{seq, target.bytes(), target.port, name, true, {}});
  }
  if (verb == "bytes") return bytes_of_hex(name);
  return serf_of(words);
}

bool is_probe(std::string_view message) {
  if (message.empty()) return false;
  const auto type = static_cast<gossip::MessageType>(message.front());
  return type == gossip::MessageType::kPing || type == gossip::MessageType::kIndirectPing ||
         type == gossip::MessageType::kAck || type == gossip::MessageType::kNack;
}

std::string words_of(std::string_view message) {
  if (message.empty()) return "nothing";
  const auto type = static_cast<gossip::MessageType>(static_cast<uint8_t>(message.front()));
  const std::string_view body = message.substr(1);
  using gossip::MessageType;
  if (gossip::Alive alive; type == MessageType::kAlive && decode(body, alive)) {
    return fmt::format("alive {} inc={}", alive.node, alive.incarnation);
  }
  if (gossip::Suspect suspect; type == MessageType::kSuspect && decode(body, suspect)) {
    return fmt::format("suspect {} inc={} from={}", suspect.node, suspect.incarnation,
                       suspect.from);
  }
  if (gossip::Dead dead; type == MessageType::kDead && decode(body, dead)) {
    return fmt::format("dead {} inc={} from={}", dead.node, dead.incarnation, dead.from);
  }
  if (gossip::Ping ping; type == MessageType::kPing && decode(body, ping)) {
    return fmt::format("ping {}", ping.node);
  }
  if (gossip::IndirectPing ping; type == MessageType::kIndirectPing && decode(body, ping)) {
    return fmt::format("ask-ping {}", ping.node);
  }
  if (gossip::Ack ack; type == MessageType::kAck && decode(body, ack)) {
    return fmt::format("ack{}", ack.payload.empty() ? "" : " with a coordinate");
  }
  if (type == MessageType::kNack) return "nack";
  if (type == MessageType::kUser) return serf_words(body);
  if (gossip::ErrorMessage error; type == MessageType::kError && decode(body, error)) {
    return fmt::format("error {}", error.error);
  }
  return fmt::format("type {}", static_cast<unsigned>(type));
}

}  // namespace phoenix::hostsim
