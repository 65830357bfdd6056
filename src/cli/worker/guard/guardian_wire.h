// What worker, guardian and wardens say to each other: one struct a message over a sequenced-packet
// socket between processes of one program image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace phoenix::worker {

struct GuardianMessage {
  enum class Kind : uint32_t { kSpawn, kTerm, kKill, kHold, kNotStarted, kEnded };
  Kind kind = Kind::kSpawn;
  int32_t status = 0;
  uint64_t run = 0;
  int64_t at = 0;  // kHold: nanoseconds of CLOCK_BOOTTIME; kNotStarted: 1 if exec refused
};
// After a kSpawn come "NAME=value" strings, each closed by a zero byte, and three descriptors.
inline constexpr std::size_t kMaxGuardianMessage = 64 * 1024;

struct GuardianDatagram {
  GuardianMessage message;
  std::vector<std::string> env;  // NAME=value
};
// A value that holds a zero byte ends there, as any program would read it.
std::string write_datagram(const GuardianMessage& message,
                           const std::vector<std::pair<std::string, std::string>>& env);
// nullopt: too short to be one.
std::optional<GuardianDatagram> read_datagram(std::string_view bytes);

// The guardian's whole life; never returns.
[[noreturn]] void guardian_main(int socket, const std::vector<std::string>& command,
                                const std::string& scratch);
// A warden's; `env` are NAME=value strings added to the environment.
struct WardenTask {
  uint64_t run = 0;
  std::vector<std::string> env;
  int in = -1;
  int out = -1;
  int err = -1;
};
[[noreturn]] void warden_main(int socket, const std::vector<std::string>& command,
                              const WardenTask& task);

}  // namespace phoenix::worker
