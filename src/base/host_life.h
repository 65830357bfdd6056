// One life of a host: its name, and the random number that its process drew at its start. Two lives
// of one name share nothing; which of them stands, the view and the store say.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace phoenix {

struct HostLife {
  std::string host;
  uint64_t life = 0;  // never 0 for a host that lives
  auto operator<=>(const HostLife&) const = default;
  bool operator==(const HostLife&) const = default;
  bool empty() const { return host.empty(); }
};

}  // namespace phoenix
