// What a host needs to be one of several that share a store: its life, the pool's rows, and the
// links to the others. Serving puts it together with the rest.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/fellowship/fellowship.h"
#include "runtime/peer/peer_service.h"
#include "runtime/pool/pool_thread.h"
#include "runtime/serve_options.h"
#include "store/postgres/pool/pool_facts.h"

namespace phoenix {

class PoolPart {
 public:
  // Opens the pool's store, made where there is none yet, and the peer port. Blocking.
  static Result<std::unique_ptr<PoolPart>> open(EventLoop& loop, const Log& log,
                                                const ServeOptions& options,
                                                const std::string& name);
  ~PoolPart();

  const HostLife& life() const { return life_; }
  const PoolFacts& facts() const { return facts_; }
  gossip::PoolIdentity identity() const;
  std::unique_ptr<Store> take_store() { return std::move(store_); }
  gossip::ViewStore& views() { return *thread_; }
  // Where this host's gossip is reached: the others are told by the store, from when this life of
  // it stands in the view on.
  void set_gossip(std::string address) { gossip_ = std::move(address); }
  // Where, by the store, the gossip of the view's other hosts is reached.
  void ask_gossip(const std::function<void(std::vector<std::string>)>& told) const;
  // Where others reach the peer port, the host of `own` in place of one that stands for all.
  std::string peer_address(const gossip::Endpoint& own) const;
  const std::string& bound() const { return bound_; }

  // `over`: this life is over, and the host has to begin another one.
  Result<bool> start(RunningHost& host, Hosts& hosts, std::function<void()> over);

  // Whether another process holds this host's place in the pool's view.
  bool replaced() const;

  // Lets go of the host and of `hosts`, which may end then; they may not before.
  void stop();

  // Base URLs of the hosts of the view, `own` first.
  std::vector<std::string> api_urls(const std::string& own, const std::string& scheme) const;
  // One of the others, in turn; none while there is none.
  std::optional<std::string> move_to(const std::string& scheme);

 private:
  PoolPart(EventLoop& loop, const Log& log, const ServeOptions& options)
      : loop_(loop), log_(log), options_(options) {}
  Result<bool> open_store(const std::string& name);
  void tell_gossip();

  EventLoop& loop_;
  const Log& log_;
  const ServeOptions& options_;
  HostLife life_;
  PoolFacts facts_;
  std::string bound_;
  std::string gossip_;
  std::unique_ptr<Store> store_;
  std::optional<peer::PeerPort> port_;
  gossip::View view_;
  RunningHost* host_ = nullptr;  // from start() to stop()
  Hosts* hosts_ = nullptr;
  std::function<void()> over_;
  size_t next_ = 0;
  std::unique_ptr<PoolThread> thread_;
  std::unique_ptr<Fellowship> fellowship_;
  std::unique_ptr<peer::PeerService> links_;
};

}  // namespace phoenix
