// The files in which a host keeps what it must know of its pool after a restart, as JSON: written
// by this program, read with mistrust. Pure; errors say what is wrong with the text.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "membership/membership.h"
#include "membership/view/view.h"
#include "net/sockets/ip_port.h"

namespace phoenix::gossip {

// Two random names that all hosts of a pool share: of the pool, and of the store with its view.
struct PoolNames {
  std::string pool;
  std::string store;
};

// hosts.json. A host whose name is no UTF-8 is written without its name: the address counts.
std::string render(const Remembered& remembered);
Result<Remembered> parse_remembered(std::string_view text);

std::string render(const PoolNames& names);
Result<PoolNames> parse_pool_names(std::string_view text);

std::string render(const View& view);
Result<View> parse_view(std::string_view text);

// The pure part's form of an address, and the sockets'.
Endpoint endpoint_of(const IpPort& from);
IpPort ip_port_of(const Endpoint& endpoint);
// "127.0.0.1:7946" or "[::1]:7946"; an endpoint without address if it is no such text.
Endpoint endpoint_from(std::string_view text);

}  // namespace phoenix::gossip
