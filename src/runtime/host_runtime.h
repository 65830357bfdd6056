// The daemon's driver of a Node: hands inputs in, carries outputs out (runtime/host.h is what the
// faces see of it).
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/host_life.h"
#include "base/siphash.h"
#include "lineage/crypto/key_file.h"
#include "net/event_loop.h"
#include "runtime/content_cache.h"
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
  // One of several hosts that share the store; empty: alone.
  HostLife self;
  std::string pool;                          // its id, as checkpoints name it
  bool require_member_keys = false;          // members without a key are refused
  std::optional<lineage::NamedKeyPair> key;  // signs them; absent: there is no flight recorder
  // Of the pool's root, where it has one, and with which envelope that has granted the key above.
  std::optional<lineage::NamedKey> root{};
  std::string grant{};
  // The newest checkpoint that this host has signed, as it was kept apart from the store, and how
  // the next one is kept there; called on a thread of its own.
  std::string last_checkpoint{};
  std::function<void(const std::string& envelope)> keep_checkpoint{};
  std::optional<Duration> retain_record;  // entries older than that go; absent: all are kept
};

// What a host among others asks of the world beside its own store. All on the loop's thread.
class Outward {
 public:
  virtual void send(std::vector<PeerMessageOut> messages) = 0;
  virtual void ask(PoolRequests requests) = 0;
  // This life is over: whoever runs the host starts another one.
  virtual void fenced() = 0;

 protected:
  ~Outward() = default;
};

class RunningHost : public Host {
 public:
  // Reads everything back from the store, takes the next run number, is ready when it returns.
  static Result<std::unique_ptr<RunningHost>> start(EventLoop& loop, std::unique_ptr<Store> store,
                                                    const HostOptions& options);
  // New submits are refused from now on, whoever waits is answered.
  virtual void begin_shutdown() = 0;
  // Whoever still waits for an answer gets one now, in this call or by the end of the loop's next
  // turn, and so does whoever asks later: that this life is over. Waits for reads that run.
  virtual void end_calls() = 0;
  // Nothing is on its way to the store any more.
  virtual bool quiet() const = 0;
  // With other hosts. `outward` outlives the host, or is taken away by a null.
  virtual void set_outward(Outward* outward) = 0;
  // Hands something in that is no call of a client; what follows is carried out in this turn of the
  // loop.
  virtual void give(const std::function<void(Cluster&, Now)>& input) = 0;
  // In the store, after what is on its way there; lost if the store does not answer.
  virtual void set_fact(std::string name, std::string value) = 0;
  // Where deliveries look for contents before they read them.
  virtual ContentCache& cache() = 0;
  // Told once, if the store's logs are not what this host has signed.
  virtual void set_on_broken_log(std::function<void(const std::string& why)> told) = 0;
  // True while a commit for few callers is at the store.
  virtual bool committing() const = 0;
  // How long whoever runs the loop should let it wait at once (runtime/peer/patience.h).
  virtual std::chrono::microseconds patience() = 0;
};

}  // namespace phoenix
