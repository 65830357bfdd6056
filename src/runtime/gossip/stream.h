// One TCP stream of gossip, whoever opened it: a small machine over a non-blocking socket. Only for
// streams.cc, which owns all of them and bounds them together.
//
//   incoming  reading -> (unpacking) -> answering -> writing -> lingering -> closed
//   outgoing  connecting -> writing -> reading -> (unpacking) -> closed
#pragma once

#include <memory>
#include <string>

#include "membership/membership.h"
#include "net/event_loop.h"
#include "net/transport.h"
#include "runtime/gossip/worker.h"

namespace phoenix::gossip {

class GossipStream;

// Told by a stream; each of the ends comes once, after which the stream does nothing more and is to
// be dropped.
class StreamOwner {
 public:
  // A whole message, or that there will be none. For an incoming stream reply() comes next.
  virtual void on_message(GossipStream& stream, std::string_view message) = 0;
  virtual void on_refused(GossipStream& stream, Drop why) = 0;
  virtual void on_failed(GossipStream& stream, StreamFailure why) = 0;
  virtual void on_closed(GossipStream& stream) = 0;  // all was done
  // It holds more than before; the owner may abandon() it, or another one.
  virtual void on_grown(GossipStream& stream) = 0;

 protected:
  ~StreamOwner() = default;
};

struct StreamSetting {
  EventLoop& loop;
  Worker& worker;
  StreamOwner& owner;
  size_t at_once;
  Duration linger;
};

class GossipStream final : public std::enable_shared_from_this<GossipStream>, private FdEvents {
 public:
  // Ends with the socket that a peer opened, or with one that is being connected.
  GossipStream(const StreamSetting& setting, StreamId id, bool incoming, Fd fd,
               const Endpoint& peer, const FrameOptions& frame, const Keyring& keyring);

  void start_reading();                                // incoming
  void start_writing(std::string bytes, bool answer);  // outgoing, once connected
  void reply(std::string bytes);                       // incoming, once; empty: just close
  // Nothing more comes of it; it may still be on the stack, so it is destroyed later.
  void abandon();

  StreamId id() const { return id_; }
  bool incoming() const { return incoming_; }
  const Endpoint& peer() const { return peer_; }
  size_t held() const { return held_; }
  Timer& deadline() { return deadline_; }

 private:
  enum class Phase : uint8_t {
    kIdle,
    kConnecting,
    kWriting,
    kReading,
    kUnpacking,
    kAnswering,
    kLingering,
    kOver,
  };
  // What the worker may touch while the loop does not.
  struct Unpacking {
    Unpacking(const FrameOptions& options, const Keyring& keys, bool labelled)
        : frame(options), keyring(keys), reader(frame, keyring, labelled) {}
    FrameOptions frame;
    Keyring keyring;
    StreamReader reader;
    std::string piece;
    StreamReader::State state = StreamReader::State::kMore;
  };

  void on_readable() override;
  void on_writable() override;
  void read_some();
  void take(std::string_view bytes);
  void unpacked();
  void write_some();
  void written();
  void drain();
  void fail(StreamFailure why);
  void close();

  StreamSetting setting_;
  StreamId id_;
  bool incoming_;
  bool wants_answer_ = true;
  Endpoint peer_;
  Phase phase_ = Phase::kIdle;
  std::unique_ptr<Transport> transport_;
  std::shared_ptr<Unpacking> unpacking_;
  std::string out_;
  size_t sent_ = 0;
  size_t held_ = 0;
  Timer deadline_;
  FdWaiter waiter_;  // last: it goes before the descriptor
};

}  // namespace phoenix::gossip
