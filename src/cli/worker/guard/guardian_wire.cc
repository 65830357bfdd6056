#include "cli/worker/guard/guardian_wire.h"

#include <algorithm>
#include <cstring>

namespace phoenix::worker {

std::string write_datagram(const GuardianMessage& message,
                           const std::vector<std::pair<std::string, std::string>>& env) {
  std::string bytes(reinterpret_cast<const char*>(&message), sizeof message);
  for (const auto& [name, value] : env) {
    const std::string_view shown(value.data(), std::min(value.find('\0'), value.size()));
    bytes.append(name).append("=").append(shown).push_back('\0');
  }
  return bytes;
}

std::optional<GuardianDatagram> read_datagram(std::string_view bytes) {
  GuardianDatagram read;
  if (bytes.size() < sizeof read.message) return std::nullopt;
  std::memcpy(&read.message, bytes.data(), sizeof read.message);
  bytes.remove_prefix(sizeof read.message);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\0', at), bytes.size());
    read.env.emplace_back(bytes.substr(at, end - at));
    at = end + 1;
  }
  return read;
}

}  // namespace phoenix::worker
