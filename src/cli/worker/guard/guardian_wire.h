// What worker, guardian and wardens say to each other: one struct a message over a sequenced-packet
// socket between processes of one program image.
#pragma once

#include <cstdint>
#include <string>
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
