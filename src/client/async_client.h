// Calls to a host from an event loop: several at a time, each with its own deadline, and one
// Server-Sent-Events stream. What `phoenix worker` speaks with.
//
// Kept connections are reused; the base URLs are tried in order as http_client.h does, but an
// answer is an answer: who calls several hosts decides by itself which (Call::url). Callbacks come
// from the loop, never from within call() or open_stream(). One thread: the loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "client/call.h"
#include "client/sse.h"
#include "net/event_loop.h"

namespace phoenix {

class AsyncClient {
 public:
  using Done = std::function<void(const CallResult&)>;
  // Which of these comes last ends the stream; nothing comes after it.
  struct StreamSink {
    std::function<void()> opened;  // status 200 has arrived
    std::function<void(const SseEvent&)> event;
    std::function<void(const Answer&)> refused;      // another status, with its body
    std::function<void(const CallFailure&)> broken;  // also a close by the host
  };

  // Errors as those of Client::create().
  static Result<std::unique_ptr<AsyncClient>> create(EventLoop& loop, ClientOptions options);
  ~AsyncClient();

  // `id`: the caller's number for it, unlike that of every other open call or stream.
  void call(uint64_t id, const Call& call, Done done);
  // call.timeout is how long the status may take; an open stream has no deadline.
  void open_stream(uint64_t id, const Call& call, StreamSink sink);
  // Its callbacks do not come any more; its connection is closed. Unknown ids are left alone.
  void cancel(uint64_t id);

 private:
  struct Impl;
  explicit AsyncClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace phoenix
