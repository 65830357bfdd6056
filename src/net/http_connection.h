// One connection of the HTTP server: receives requests one after the other, hands each to the
// handler, writes its answer, and never waits for anything without a deadline.
//
//   handshake -> receiving -> answering -> writing -> receiving ... -> lingering -> closed
//                                       -> streaming ---------------^
//
// The reading side stays armed in every state, so that a client that goes away is noticed at once.
// Internal to src/net; runs on the loop's thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/event_loop.h"
#include "net/http_parser.h"
#include "net/http_server.h"
#include "net/transport.h"

namespace phoenix {

class HttpConnection;
class PendingExchange;

// What all connections of a server share. It outlives the server as long as an exchange does.
struct HttpShared {
  HttpShared(EventLoop& its_loop, HttpServerOptions its_options)
      : loop(its_loop), options(std::move(its_options)) {}

  EventLoop& loop;
  HttpServerOptions options;
  HttpServer::Gate gate;
  HttpServer::Handler handler;
  bool accepting = true;
  std::array<char, 65'536> scratch;  // what one read brings; no connection keeps room of its own
  std::vector<std::shared_ptr<HttpConnection>> connections;
  std::unordered_map<std::string, size_t> per_peer;
  size_t refused = 0;       // of the connections: beyond the bound, only being told so
  size_t body_bytes = 0;    // of all requests that are arriving
  size_t answer_bytes = 0;  // of all answers that clients have not taken yet
  size_t in_progress = 0;   // requests dispatched whose answer is not wholly written

  HttpResponse render(const Error& error, const HttpHead* head) const;
  void remove(HttpConnection& connection);
  // The Date field's value, made once a second.
  const std::string& date();

 private:
  int64_t date_second_ = -1;
  std::string date_;
};

class HttpConnection final : public std::enable_shared_from_this<HttpConnection>, private FdEvents {
 public:
  HttpConnection(std::shared_ptr<HttpShared> shared, std::unique_ptr<Transport> transport,
                 std::string peer, bool tls);
  ~HttpConnection();

  void start();
  // Says only why it is not served, and closes. Such a connection counts as `refused`.
  void start_refused(const Error& error);
  // Closes at once, by this host's will.
  void abort();

  // For the exchange and the stream that belong to this connection.
  void answer(HttpResponse response);
  void begin_stream(HttpResponse head);
  bool write_stream(std::string chunk);
  void end_stream();
  void on_stream_closed(std::function<void(bool)> callback);
  size_t stream_buffered() const;
  void on_stream_drained(std::function<void()> callback);
  void abort_stream();
  // Whether so many bytes more would be too many for clients to leave lying.
  bool answers_full(size_t more) const {
    return shared_->answer_bytes + more > shared_->options.max_answer_bytes;
  }
  bool peer_gone() const { return peer_ended_ || state_ == State::kClosed; }
  EventLoop& loop() { return shared_->loop; }
  HttpResponse render(const Error& error, const HttpHead& head) {
    return shared_->render(error, &head);
  }

  size_t index = 0;  // its place in HttpShared::connections
  const std::string& peer() const { return peer_; }

 private:
  enum class State {
    kHandshake,
    kReceiving,
    kAnswering,
    kWriting,
    kStreaming,
    kLingering,
    kClosed
  };

  void on_readable() override;
  void on_writable() override;
  void on_deadline();
  void set_deadline(Duration after);
  void wait_readable();

  void shake_hands();
  void turn_plain();
  void take_bytes(std::string_view bytes);
  void consume(std::string_view fresh);
  bool consume_one(std::string_view& input);
  void need_more();
  void take_head();
  void dispatch();
  void peer_ended();
  void uncount();

  void refuse(const Error& error);
  void send(HttpResponse response);
  void pump_output();
  void output_blocked(bool wants_read);
  void output_done();
  void response_done();
  void schedule_flush();
  void flush_stream();
  void tell_drained();
  size_t output_left() const;
  void notify_stream_closed(bool by_peer);
  void linger();
  void close(bool by_peer);

  std::shared_ptr<HttpShared> shared_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<FdWaiter> waiter_;
  Timer deadline_;
  HttpParser parser_;
  const std::string peer_;
  const bool tls_;
  std::string client_subject_;

  State state_ = State::kReceiving;
  bool refused_ = false;           // admitted only to be told that there is no room
  bool peer_ended_ = false;        // its sending side is closed
  bool consuming_ = false;         // consume() is on the stack
  bool deadline_runs_ = false;     // for the request that is arriving, or the output in flight
  bool continue_due_ = false;      // the client waits for 100 before it sends the body
  bool read_wants_write_ = false;  // TLS only, as the next one
  bool write_wants_read_ = false;
  bool counted_ = false;  // in shared_->in_progress

  // Of the request that is being answered.
  int version_ = 11;
  bool head_only_ = false;
  bool keep_alive_ = true;
  bool final_answer_ = false;  // what is being written ends the connection
  Duration linger_for_;
  std::weak_ptr<PendingExchange> exchange_;

  std::string input_;        // received and not yet used; empty most of the time
  size_t counted_body_ = 0;  // of shared_->body_bytes
  size_t discarded_ = 0;     // bytes thrown away while streaming or lingering

  // Output in flight: head, body, tail, of which the first `sent_` bytes are gone.
  std::string out_head_;
  std::string out_body_;
  std::string_view out_tail_;
  size_t sent_ = 0;
  size_t counted_answer_ = 0;  // of shared_->answer_bytes

  std::string stream_pending_;  // to be framed and written next
  bool stream_chunked_ = false;
  bool stream_ending_ = false;
  bool stream_end_framed_ = false;  // the last chunk is in flight or gone
  bool stream_over_ = false;
  bool stream_over_by_peer_ = false;
  bool flush_scheduled_ = false;
  std::function<void(bool)> stream_closed_;
  std::function<void()> stream_drained_;
};

// The handler's side of one request.
class PendingExchange final : public HttpExchange,
                              public std::enable_shared_from_this<PendingExchange> {
 public:
  PendingExchange(std::shared_ptr<HttpConnection> connection, HttpRequest request);
  ~PendingExchange() override;

  const HttpRequest& request() const override { return request_; }
  void respond(HttpResponse response) override;
  std::shared_ptr<HttpStream> stream(HttpResponse head) override;
  void on_abandoned(std::function<void()> callback) override;
  // The client has gone: tells so in the next turn.
  void abandon();

 private:
  std::shared_ptr<HttpConnection> connection_;
  HttpRequest request_;
  std::function<void()> abandoned_;
  bool told_ = false;  // that the client has gone: no answer is needed then
  bool answered_ = false;
};

}  // namespace phoenix
