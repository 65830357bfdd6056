// A running host's dealings with the others of its pool: links to the hosts of the view, the pool's
// rows, and the view itself. It carries what the host's machine says to them and hands in what they
// say; it decides nothing.
//
// Everything happens on the loop's thread. Host, links, desk and hosts outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "runtime/host_runtime.h"
#include "runtime/hosts.h"
#include "runtime/log.h"
#include "runtime/peer/peer_service.h"
#include "runtime/pool/pool_desk.h"

namespace phoenix {

struct FellowshipCounts {
  uint64_t messages_in = 0;
  uint64_t messages_out = 0;
  uint64_t not_sent = 0;    // no link, or too much waited: then the link is cut
  uint64_t too_long = 0;    // who asked was told so, where somebody had
  uint64_t unreadable = 0;  // a peer said what this version does not know
};

class Fellowship final : public Outward, public peer::PeerEvents {
 public:
  Fellowship(const Log& log, RunningHost& host, HostLife self);
  ~Fellowship();
  Fellowship(const Fellowship&) = delete;
  Fellowship& operator=(const Fellowship&) = delete;

  // From now on. `over`: this life was fenced; called once, in a later turn of the loop.
  void start(peer::PeerService& links, PoolDesk& desk, Hosts& hosts, std::function<void()> over);
  // The newest view; may come before start().
  void view(const gossip::View& view);

  const FellowshipCounts& counts() const { return counts_; }

  // --- Outward ---
  void send(std::vector<PeerMessageOut> messages) override;
  void ask(PoolRequests requests) override;
  void fenced() override;

  // --- PeerEvents ---
  void on_peer_up(const HostLife& peer) override;
  void on_peer_down(const HostLife& peer) override;
  void on_peer_message(const HostLife& from, std::string_view bytes) override;
  void on_peer_writable(const HostLife& peer, peer::Urgency urgency) override;

 private:
  void read_documents(uint64_t changes);
  void set_peers();
  void send_along(PeerMessageOut& out) const;
  void keep_along(PeerMessage& message) const;
  bool do_without(const PeerMessageOut& out, size_t bytes);

  const Log& log_;
  RunningHost& host_;
  HostLife self_;
  peer::PeerService* links_ = nullptr;
  PoolDesk* desk_ = nullptr;
  Hosts* hosts_ = nullptr;
  uint64_t subscription_ = 0;
  gossip::View view_;
  std::function<void()> over_;
  bool fenced_ = false;
  uint64_t documents_ = 0;  // changes of documents that were read
  bool reads_documents_ = false;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);  // false once this is gone
  FellowshipCounts counts_;
};

}  // namespace phoenix
