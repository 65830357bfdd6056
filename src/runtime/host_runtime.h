// The daemon's driver of a Node: hands inputs in, carries outputs out (runtime/host.h is what the
// faces see of it).
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/siphash.h"
#include "net/event_loop.h"
#include "runtime/host.h"
#include "store/store.h"

namespace phoenix {

struct HostOptions {
  std::string name = "host";
  RingKey ring_key;
  std::array<uint8_t, 32> token_key{};
  uint64_t max_live_packets = 1'000'000;
  uint64_t retain_count = 1'000'000;
  uint64_t cache_bytes = 256ULL << 20;
};

class RunningHost : public Host {
 public:
  // Reads everything back from the store, takes the next run number, is ready when it returns.
  static Result<std::unique_ptr<RunningHost>> start(EventLoop& loop, std::unique_ptr<Store> store,
                                                    const HostOptions& options);
  // New submits are refused from now on, whoever waits is answered.
  virtual void begin_shutdown() = 0;
  // Nothing is on its way to the store any more.
  virtual bool quiet() const = 0;
  // True while a commit for few callers is at the store: the loop should watch rather than sleep.
  virtual bool committing() const = 0;
};

}  // namespace phoenix
