#include "peer/relay.h"

#include "base/msgpack.h"

namespace phoenix::peer {
namespace {

constexpr uint32_t kFields = 8;
constexpr size_t kMaxName = 255;

HostLife life(MsgpackReader& in) {
  const std::string_view host = in.str();
  HostLife out{host.size() <= kMaxName ? std::string(host) : std::string(), in.uint()};
  if (out.host.empty() || out.life == 0) in.reject();
  return out;
}

}  // namespace

std::string encode(const RelayMessage& message) {
  std::string out;
  out.reserve(message.bytes.size() + kRelayOverhead);
  MsgpackWriter write(out);
  write.array(kFields);
  write.str(message.from.host);
  write.uint(message.from.life);
  write.str(message.to.host);
  write.uint(message.to.life);
  write.uint(message.circuit);
  write.uint(static_cast<uint64_t>(message.op));
  write.uint(message.at);
  write.bin(message.bytes);
  return out;
}

std::optional<RelayMessage> decode_relay(std::string_view bytes) {
  MsgpackReader in(bytes);
  RelayMessage out;
  in.array_of(kFields);
  out.from = life(in);
  out.to = life(in);
  out.circuit = in.uint();
  out.op = static_cast<RelayOp>(in.uint(static_cast<uint64_t>(RelayOp::kClose)));
  out.at = in.uint();
  out.bytes = in.bin();
  if ((out.op == RelayOp::kData) == out.bytes.empty()) in.reject();
  if (!in.at_end()) return std::nullopt;
  return out;
}

}  // namespace phoenix::peer
