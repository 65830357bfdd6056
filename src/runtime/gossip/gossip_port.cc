#include "runtime/gossip/gossip_port.h"

#include <ifaddrs.h>
#include <net/if.h>

#include <cstring>
#include <optional>

#include "net/address.h"
#include "runtime/gossip/documents.h"

namespace phoenix::gossip {
namespace {

constexpr int kAttempts = 16;

Result<GossipPort> bind_both(const Address& address) {
  auto listener = listen_tcp(address);
  if (!listener) return tl::unexpected<Error>(listener.error());
  GossipPort port;
  port.listener = std::move(*listener);
  port.address = local_address(port.listener.get());
  auto udp = UdpSocket::bind(port.address);
  if (!udp) return tl::unexpected<Error>(udp.error());
  port.udp = std::move(*udp);
  return port;
}

bool stands_for_all(const std::string& literal) { return literal == "0.0.0.0" || literal == "::"; }

// 0: the best one. IPv4 first, since peers of a pool may know nothing else.
int rank(const IpPort& at) {
  if (is_loopback(to_address(at).host)) return 3;
  if (at.size == 4) return 0;
  const bool link_local = at.ip[0] == 0xfe && (at.ip[1] & 0xc0) == 0x80;
  return link_local ? 4 : 1;
}

Endpoint own_address(uint16_t port, bool v6_too) {
  Endpoint best = endpoint_from("127.0.0.1:0");
  int best_rank = 3;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) == 0) {
    for (const ifaddrs* at = all; at != nullptr; at = at->ifa_next) {
      if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
      const int family = at->ifa_addr->sa_family;
      if (family != AF_INET && (family != AF_INET6 || !v6_too)) continue;
      sockaddr_storage room{};
      std::memcpy(&room, at->ifa_addr,
                  family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
      const IpPort found = ip_port(room);
      if (rank(found) >= best_rank) continue;
      best = endpoint_of(found);
      best_rank = rank(found);
    }
    ::freeifaddrs(all);
  }
  best.port = port;
  return best;
}

}  // namespace

Result<GossipPort> bind_gossip(const std::string& listen) {
  const auto address = parse_address(listen);
  if (!address) return tl::unexpected<Error>(address.error());
  // A port that is free for TCP may be taken for UDP.
  auto port = bind_both(*address);
  for (int i = 1; i < kAttempts && !port && address->port == 0; ++i) {
    if (port.error().kind != ErrorKind::kConflict) break;
    port = bind_both(*address);
  }
  return port;
}

Result<Endpoint> advertised(const Address& bound, const std::string& advertise) {
  if (advertise.empty()) {
    if (stands_for_all(bound.host)) return own_address(bound.port, bound.host == "::");
    const auto at = ip_port(bound);
    return at ? endpoint_of(*at) : Endpoint();
  }
  const auto given = parse_address(advertise);
  const std::string host = given ? given->host : advertise;
  const auto literals = resolve({host, bound.port});
  if (!literals) {
    return fail(
        ErrorKind::kInvalidRequest,
        "--advertise " + advertise + " cannot be told to others: " + literals.error().detail);
  }
  const auto at = ip_port(literals->front());
  const Endpoint endpoint = at ? endpoint_of(*at) : Endpoint();
  if (of_one_host(endpoint)) return endpoint;
  return fail(ErrorKind::kInvalidRequest,
              "--advertise " + advertise +
                  " cannot be told to others: it is no address of one host; name one at which they "
                  "reach this one");
}

}  // namespace phoenix::gossip
