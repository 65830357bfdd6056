// Any bytes as a message to the guardian: too short, or a message whose environment is strings
// without a zero byte, as written by the worker.
#include "cli/worker/guard/guardian_wire.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace worker = phoenix::worker;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto read = worker::read_datagram(bytes);
  if (read.has_value() != (size >= sizeof(worker::GuardianMessage))) std::abort();
  if (!read) return 0;
  for (const std::string& entry : read->env) {
    if (entry.find('\0') != std::string::npos) std::abort();
  }
  // What a host has sent may hold anything; it can never become two strings.
  const auto echo = worker::read_datagram(
      worker::write_datagram(read->message, {{"NAME", std::string(bytes)}, {"OTHER", ""}}));
  if (!echo || echo->env.size() != 2 || echo->env[1] != "OTHER=") std::abort();
  return 0;
}
