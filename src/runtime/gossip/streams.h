// The TCP side of gossip: requests that peers bring, each answered once, and requests of our own,
// each ended by an answer or by the reason why there is none. One message each way, then closed.
//
// A slow or dead peer costs nobody but itself: every stream has one deadline for all it does, their
// number and the bytes they hold are bounded, and large messages are unpacked on another thread.
// When all places for incoming streams are taken, the address that holds most of them loses its
// oldest one.
//
// All on the loop's thread. Nothing is called back from within a call. The loop, the worker and the
// events must outlive it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>

#include "membership/membership.h"
#include "net/event_loop.h"
#include "net/transport.h"
#include "runtime/gossip/worker.h"

namespace phoenix::gossip {

class StreamEvents {
 public:
  // As they are now; a stream keeps those under which it began.
  virtual const FrameOptions& frame() const = 0;
  virtual const Keyring& keyring() const = 0;
  // A peer's message, or what it brought instead of one: reply() is expected, at once or later.
  virtual void on_request(StreamId id, std::string_view message, const Endpoint& from) = 0;
  virtual void on_unreadable(StreamId id, Drop why, const Endpoint& from) = 0;
  // The end of one of ours.
  virtual void on_answer(StreamId id, std::string_view message) = 0;
  virtual void on_failure(StreamId id, StreamFailure why, Drop drop) = 0;

 protected:
  ~StreamEvents() = default;
};

struct StreamLimits {
  size_t incoming = 128;
  size_t outgoing = 64;
  size_t waiting = 256;            // of ours, for one of these places; beyond, the newest fails
  size_t held = size_t{64} << 20;  // bytes that peers sent and nobody has taken yet
  // Larger messages are unpacked by the worker: a few KiB may stand for megabytes.
  size_t at_once = size_t{4} << 10;
  Duration timeout = seconds(10);  // of an incoming stream, and at most of an outgoing one
  Duration linger = seconds(1);    // after our answer, for the peer to close
};

struct StreamCounts {
  uint64_t accepted = 0;
  uint64_t opened = 0;
  uint64_t evicted = 0;    // for others' sake: places or bytes were out
  uint64_t timed_out = 0;  // both ways
  uint64_t cut = 0;        // incoming, closed by the peer before a message was whole
};

class Streams {
 public:
  // `listener` listens already, see listen_tcp().
  Streams(EventLoop& loop, Worker& worker, Fd listener, StreamEvents& events,
          const StreamLimits& limits);
  ~Streams();  // closes all
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  void open(StreamOut request);
  // Without effect when the peer is gone.
  void reply(StreamReply reply);
  void stop_accepting();

  size_t incoming() const;
  size_t outgoing() const;  // waiting ones included
  const StreamCounts& counts() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace phoenix::gossip
