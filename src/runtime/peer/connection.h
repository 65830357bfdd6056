// One socket between two hosts, from connecting to its end: bytes in, bytes out, plain or TLS. Only
// for peer_service.cc, which owns all of them.
//
//   dialled   connecting -> (encrypting) -> open -> over
//   accepted                (encrypting) -> open -> over
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/event_loop.h"
#include "net/transport.h"
#include "peer/mesh.h"

namespace phoenix::peer {

class PeerConnection;

// Told by a connection. Each may drop it.
class PeerConnectionOwner {
 public:
  virtual void on_open(PeerConnection& connection,
                       std::optional<std::vector<std::string>> names) = 0;
  virtual void on_bytes(PeerConnection& connection, std::string_view bytes) = 0;
  // What is to be written next; empty: nothing now, write() is called when there is more.
  virtual void fill(PeerConnection& connection, std::string& into) = 0;
  virtual void on_lost(PeerConnection& connection, std::string_view why) = 0;
  // All that one turn has brought was told.
  virtual void on_turn_end() = 0;
  // Room for what is read, shared by all.
  virtual std::span<char> room() = 0;

 protected:
  ~PeerConnectionOwner() = default;
};

class PeerConnection final : public std::enable_shared_from_this<PeerConnection>, private FdEvents {
 public:
  PeerConnection(EventLoop& loop, PeerConnectionOwner& owner, ConnectionId id,
                 std::unique_ptr<Transport> transport, bool encrypted);

  void start(bool dialled);
  // Asks fill() and writes as long as the kernel takes it.
  void write();
  // Sends that as far as it goes at once, then no more; it may be on the stack still, so it is
  // destroyed later.
  void hang_up(std::string_view last);

  ConnectionId id() const { return id_; }

 private:
  enum class Phase : uint8_t { kConnecting, kEncrypting, kOpen, kOver };

  void on_readable() override;
  void on_writable() override;
  void encrypt();
  void open();
  void read_some();
  void lose(std::string_view why);

  PeerConnectionOwner& owner_;
  ConnectionId id_;
  std::unique_ptr<Transport> transport_;
  bool encrypted_;
  Phase phase_ = Phase::kOver;
  bool full_ = false;  // the kernel takes no more for now
  std::string out_;
  size_t sent_ = 0;
  FdWaiter waiter_;  // last: it goes before the descriptor
};

}  // namespace phoenix::peer
