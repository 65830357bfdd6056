// The HTTP/1.1 server that carries the REST face: keep-alive, pipelining, chunked bodies, event
// streams, TLS. It knows nothing of routes, JSON or tokens: a gate sees each head, a handler each
// whole request.
//
// Every way in which an outsider could hold resources is bounded: bytes of head and body, one
// absolute deadline for a request's arrival, connections, bytes buffered, time to take an answer.
//
// Threads: everything here, callbacks included, runs on the thread that runs the EventLoop.
// Callbacks must not throw and must not run the loop. Errors: listen() fails with kInvalidRequest
// (address, TLS files) or kConflict (port in use); afterwards clients' faults are answered and
// never surface here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/time.h"
#include "net/event_loop.h"
#include "net/http_message.h"

namespace phoenix {

// A body that is written bit by bit, as Server-Sent Events are. Dropping the last reference
// closes it.
class HttpStream {
 public:
  virtual ~HttpStream() = default;

  // Appends to the body; what is written in one turn of the loop leaves together. False: the
  // stream is closed, or was closed by this very call because the reader is more than
  // stream_limit bytes behind; one chunk of any size is taken when nothing is. An empty chunk only
  // asks whether the stream is open.
  virtual bool write(std::string chunk) = 0;
  // Ends the body after what was written so far.
  virtual void close() = 0;
  // Called once, never from within write() or close(): by_peer tells whether the client ended it
  // (closed, reset, vanished) or this host did (close(), bound exceeded, write deadline, shutdown).
  // At once in the next turn if it is closed already. A second registration replaces the first.
  virtual void on_closed(std::function<void(bool by_peer)> callback) = 0;
  // Bytes accepted by write() that the kernel has not taken yet.
  virtual size_t buffered() const = 0;
  // Called once, in a later turn, when buffered() is 0; not if the stream is closed before. For who
  // writes as fast as the client reads. A second registration replaces the first.
  virtual void on_drained(std::function<void()> callback) = 0;
  // Closes the connection without the body's end, so that the client knows that some is missing.
  virtual void abort() = 0;
};

// One request that waits for its answer. Keep it as long as the answer takes; dropping it
// unanswered answers 500, or just closes if on_abandoned() has told that nobody waits.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  virtual const HttpRequest& request() const = 0;
  // Answers; exactly once (respond or stream), now or in a later turn. Without effect when the
  // client is gone.
  virtual void respond(HttpResponse response) = 0;
  // Answers with a head now and a body that comes later; head.body is its first chunk. Chunked
  // for HTTP/1.1, until the connection's end for HTTP/1.0.
  virtual std::shared_ptr<HttpStream> stream(HttpResponse head) = 0;
  // Called at most once, if the client closes before the answer was given; never from within
  // respond(). A client that only closed its sending side still gets an answer given later. The
  // callback must not own the exchange: it is freed only when called or when the answer is given.
  virtual void on_abandoned(std::function<void()> callback) = 0;
};

// TLS 1.2 and 1.3. The files are PEM; the certificate file holds the whole chain.
struct HttpTlsOptions {
  std::string certificate_file;
  std::string key_file;
  std::string client_ca_file;  // if set, clients must show a certificate that it signed
};

struct HttpServerOptions {
  std::string listen = "127.0.0.1:7400";  // see address.h; port 0 = any free one
  std::optional<HttpTlsOptions> tls;

  // From the first byte of a request (or the accept, for a TLS handshake) to its last one.
  Duration request_timeout = seconds(10);
  Duration idle_timeout = seconds(75);  // between requests, and before the first one
  // To take an answer, or one batch of a stream; plus the time that its bytes take at that pace.
  Duration write_timeout = seconds(30);
  int64_t write_bytes_per_second = 65'536;
  // After an answer that ends the connection: how long, and how much, is read and thrown away so
  // that a client that is still sending sees the answer and not a reset.
  Duration linger_timeout = seconds(5);
  size_t linger_limit = size_t{64} << 20;

  size_t head_limit = size_t{16} << 10;
  size_t body_limit = size_t{16} << 20;
  size_t stream_limit = size_t{4} << 20;      // unsent bytes of one stream
  size_t max_connections = 16'384;            // beyond: 503, then closed
  size_t max_connections_per_peer = 0;        // 0: no bound of its own; beyond: 429, then closed
  size_t max_body_bytes = size_t{512} << 20;  // of all bodies that are arriving; beyond: 503
  // Of all answers that clients have not taken yet; beyond: 503 for what only reads.
  size_t max_answer_bytes = size_t{512} << 20;

  // Renders what the server refuses by itself (400, 408, 413, 429, 500, 503); the head is null
  // when it could not be read. Without it: a small problem document.
  std::function<HttpResponse(const Error&, const HttpHead*)> render_error;
};

class HttpServer {
 public:
  // Called when the head is complete and before the body is read: an answer refuses the request.
  using Gate = std::function<std::optional<HttpResponse>(const HttpHead&)>;
  using Handler = std::function<void(std::shared_ptr<HttpExchange>)>;

  static Result<std::unique_ptr<HttpServer>> listen(EventLoop& loop, HttpServerOptions options,
                                                    Gate gate, Handler handler);
  virtual ~HttpServer() = default;  // close_all(); exchanges and streams may outlive it

  virtual std::string address() const = 0;  // "127.0.0.1:41234", "[::1]:7400"
  virtual uint16_t port() const = 0;
  // Reads the TLS files again for connections to come; on failure the old ones stay in use.
  virtual Result<void> reload_tls() = 0;
  // Closes the listening socket; from now on each answer ends its connection.
  virtual void stop_accepting() = 0;
  // stop_accepting() and closes all connections at once: streams end as closed by this host,
  // unanswered exchanges as abandoned.
  virtual void close_all() = 0;
  virtual size_t connections() const = 0;
  // Requests whose answer is not yet given or not yet wholly handed to the kernel; no streams.
  virtual size_t in_progress() const = 0;
};

}  // namespace phoenix
