// One of two hosts that share no store: the running host of the daemon, its links over TCP, and the
// pool's rows in memory, where the first keeps every slot and the second is home to members only.
// So a packet's keeper and its receiver's home are two processes, and nothing but what they say to
// each other is between them. What the second would read in a store of both, where packets are
// kept, it is told before.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/api.h"
#include "base/error.h"
#include "bench/lineage/pair/pair_key.h"
#include "net/event_loop.h"
#include "net/http_server.h"
#include "runtime/host_runtime.h"
#include "runtime/peer/peer_service.h"
#include "store/memory/memory_pool.h"

namespace phoenix::bench {

inline constexpr const char* kPairPool = "pool";

class PairHost final : public Outward, public peer::PeerEvents {
 public:
  enum class Role { kKeeper, kHome };
  static Result<std::unique_ptr<PairHost>> start(EventLoop& loop, Role role,
                                                 std::unique_ptr<Store> store);
  ~PairHost();
  PairHost(const PairHost&) = delete;
  PairHost& operator=(const PairHost&) = delete;

  // Packets 0 up to `count` of submit_item(), all of them with the other one: right after start().
  void know_packets(int count);
  // Where the other one reaches it, and is reached.
  std::string address() const { return to_string(links_->address()); }
  void join(const std::string& other_address);
  // Answers over HTTP too from now on: its base URL.
  Result<std::string> serve_rest();
  // So many packets that it keeps were handed over by the other one.
  uint64_t taken() const { return taken_; }
  // It is linked to the other, and, as the keeper, drives every slot.
  bool together() const;

  RunningHost& host() { return *host_; }
  EventLoop& loop() { return loop_; }
  // Turns the loop until that holds; false after a while.
  bool run_until(const std::function<bool()>& done);

  // --- Outward, PeerEvents ---
  void send(std::vector<PeerMessageOut> messages) override;
  void ask(PoolRequests requests) override;
  void fenced() override;
  void on_peer_up(const HostLife& peer) override;
  void on_peer_down(const HostLife& peer) override;
  void on_peer_message(const HostLife& from, std::string_view bytes) override;
  void on_peer_writable(const HostLife& peer, peer::Urgency urgency) override;

 private:
  PairHost(EventLoop& loop, Role role);
  void enter_view();
  void beat();
  void answer(std::function<void(Cluster&, Now)> give);

  EventLoop& loop_;
  Log log_{"off", false};
  HostLife self_;
  HostLife other_;
  bool keeps_;
  std::shared_ptr<MemoryPool> pool_ = std::make_shared<MemoryPool>();
  MemoryPoolStore rows_{pool_};
  Store* store_ = nullptr;  // the host's
  std::unique_ptr<RunningHost> host_;
  std::unique_ptr<peer::PeerService> links_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<HttpServer> server_;
  Timer beats_;
  bool up_ = false;
  uint64_t taken_ = 0;
};

}  // namespace phoenix::bench
