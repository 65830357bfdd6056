// The receiving side, and the end, of a connection; http_answer.cc has the sending side.
#include "net/http_connection.h"

#include <utility>

#include "net/http_render.h"

namespace phoenix {
namespace {

// Pipelined requests are read ahead up to here while one is being answered.
constexpr size_t kReadAhead = 65'536;
// What a client may send into a stream that it reads from.
constexpr size_t kStreamInput = size_t{1} << 20;
// Buffers beyond this are given back between requests.
constexpr size_t kKeptBuffer = 16'384;
// Slow senders and refused connections are held shorter than others.
constexpr Duration kShortLinger = seconds(1);

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

Error timeout_error(Duration limit) {
  Error error;
  error.kind = ErrorKind::kRequestTimeout;
  error.detail = "the request did not arrive within " + std::to_string(limit.ms()) +
                 " ms of its first byte; send it in one piece";
  return error;
}

}  // namespace

HttpConnection::HttpConnection(std::shared_ptr<HttpShared> shared,
                               std::unique_ptr<Transport> transport, std::string peer, bool tls)
    : shared_(std::move(shared)),
      transport_(std::move(transport)),
      waiter_(std::make_unique<FdWaiter>(shared_->loop, transport_->fd(),
                                         static_cast<FdEvents&>(*this))),
      deadline_(shared_->loop),
      parser_({.head = shared_->options.head_limit, .body = shared_->options.body_limit}),
      peer_(std::move(peer)),
      tls_(tls),
      linger_for_(shared_->options.linger_timeout) {}

HttpConnection::~HttpConnection() = default;

void HttpConnection::start() {
  if (!waiter_->valid()) return close(false);
  state_ = tls_ ? State::kHandshake : State::kReceiving;
  set_deadline(tls_ ? shared_->options.request_timeout : shared_->options.idle_timeout);
  wait_readable();
}

void HttpConnection::start_refused(const Error& error) {
  if (!waiter_->valid()) return close(false);
  refused_ = true;
  ++shared_->refused;
  linger_for_ = std::min(linger_for_, kShortLinger);
  refuse(error);
}

void HttpConnection::abort() { close(false); }

void HttpConnection::set_deadline(Duration after) {
  deadline_.call_after(after, [this] { on_deadline(); });
}

void HttpConnection::wait_readable() {
  const bool busy = state_ == State::kAnswering || state_ == State::kWriting;
  if (state_ == State::kClosed || peer_ended_ || (busy && input_.size() >= kReadAhead)) return;
  waiter_->wait_readable();
}

void HttpConnection::on_deadline() {
  const auto self = shared_from_this();
  if (state_ == State::kReceiving && parser_.started()) {
    linger_for_ = std::min(linger_for_, kShortLinger);
    return refuse(timeout_error(shared_->options.request_timeout));
  }
  if (state_ == State::kReceiving) transport_->finish_writing();
  close(false);
}

void HttpConnection::on_writable() {
  const auto self = shared_from_this();
  if (state_ == State::kHandshake) return shake_hands();
  if (output_left() > 0) pump_output();
  if (read_wants_write_ && state_ != State::kClosed) {
    read_wants_write_ = false;
    on_readable();
  }
}

void HttpConnection::on_readable() {
  const auto self = shared_from_this();
  if (state_ == State::kHandshake) return shake_hands();
  if (write_wants_read_) {
    write_wants_read_ = false;
    pump_output();
    if (state_ == State::kClosed) return;
  }
  const IoResult got = transport_->read(shared_->scratch);
  switch (got.status) {
    case IoStatus::kOk:
      return take_bytes({shared_->scratch.data(), got.bytes});
    case IoStatus::kWantRead:
      return wait_readable();
    case IoStatus::kWantWrite:
      read_wants_write_ = true;
      return waiter_->wait_writable();
    case IoStatus::kEnd:
      return peer_ended();
    case IoStatus::kError:
      return close(true);
  }
}

void HttpConnection::shake_hands() {
  switch (transport_->handshake()) {
    case IoStatus::kOk:
      client_subject_ = transport_->client_subject();
      state_ = State::kReceiving;
      set_deadline(shared_->options.idle_timeout);
      return wait_readable();
    case IoStatus::kWantRead:
      return wait_readable();
    case IoStatus::kWantWrite:
      return waiter_->wait_writable();
    case IoStatus::kEnd:
    case IoStatus::kError:
      return turn_plain();
  }
}

// Who speaks plain HTTP to the TLS port gets a readable answer; anything else is just closed.
void HttpConnection::turn_plain() {
  Fd fd = transport_->take_plain();
  if (!fd.valid()) return close(true);
  transport_ = make_plain_transport(std::move(fd));
  Error error;
  error.kind = ErrorKind::kInvalidRequest;
  error.reason_code = "tls-required";
  error.detail = "this port speaks TLS only; use https:// in the URL";
  refuse(error);
}

void HttpConnection::take_bytes(std::string_view bytes) {
  switch (state_) {
    case State::kReceiving:
      consume(bytes);
      break;
    case State::kAnswering:
    case State::kWriting:
      input_.append(bytes);
      break;
    case State::kStreaming:
      discarded_ += bytes.size();
      if (discarded_ > kStreamInput) return close(true);
      break;
    case State::kLingering:
      discarded_ += bytes.size();
      if (discarded_ > shared_->options.linger_limit) return close(false);
      break;
    case State::kHandshake:
    case State::kClosed:
      break;
  }
  wait_readable();
}

// Serves as many requests as the bytes at hand hold, one after the other, without recursion.
void HttpConnection::consume(std::string_view fresh) {
  const bool from_input = !input_.empty();
  if (from_input) input_.append(fresh);
  std::string_view rest = from_input ? std::string_view(input_) : fresh;
  consuming_ = true;
  while (state_ == State::kReceiving && consume_one(rest)) {
  }
  consuming_ = false;
  const bool useless = state_ == State::kClosed || state_ == State::kLingering ||
                       state_ == State::kStreaming || final_answer_;
  if (useless) {
    input_.clear();
  } else if (from_input) {
    input_.erase(0, input_.size() - rest.size());
  } else {
    input_.assign(rest);
  }
  if (input_.empty() && input_.capacity() > kKeptBuffer) std::string().swap(input_);
}

// True if there may be more to do with what is left of `input`.
bool HttpConnection::consume_one(std::string_view& input) {
  size_t used = 0;
  const HttpParser::Status status = parser_.feed(input, used);
  input.remove_prefix(used);
  switch (status) {
    case HttpParser::Status::kNeedMore:
      need_more();
      return false;
    case HttpParser::Status::kHead:
      take_head();
      return true;
    case HttpParser::Status::kDone:
      dispatch();
      return !input.empty();
    case HttpParser::Status::kFault:
      refuse(parser_.fault());
      return false;
  }
  return false;
}

void HttpConnection::need_more() {
  if (!parser_.started()) return;
  if (!deadline_runs_) {
    deadline_runs_ = true;
    set_deadline(shared_->options.request_timeout);
  }
  const size_t arrived = parser_.request().body.size();
  shared_->body_bytes += arrived - counted_body_;
  counted_body_ = arrived;
  if (shared_->body_bytes > shared_->options.max_body_bytes) {
    Error error;
    error.kind = ErrorKind::kOverloaded;
    error.detail = "too many large requests are arriving at once; send this one again later";
    error.retry_after_ms = 1'000;
    return refuse(error);
  }
  if (std::exchange(continue_due_, false) && arrived == 0) {
    // The kernel's buffer is empty here, so these bytes always fit.
    if (transport_->write({&kContinue, 1}).status == IoStatus::kError) close(true);
  }
}

void HttpConnection::take_head() {
  HttpHead& head = parser_.request().head;
  head.peer = peer_;
  head.tls = tls_;
  head.client_subject = client_subject_;
  version_ = head.version;
  head_only_ = head.head_only;
  keep_alive_ = parser_.keep_alive();
  continue_due_ = parser_.wants_continue();
  if (!shared_->gate) return;
  if (auto refusal = shared_->gate(head)) {
    // The body of a refused request is not read; so nothing after it can be understood either.
    if (parser_.has_body()) refusal->close = true;
    send(std::move(*refusal));
  }
}

void HttpConnection::dispatch() {
  uncount();
  deadline_.cancel();
  deadline_runs_ = false;
  state_ = State::kAnswering;
  counted_ = true;
  ++shared_->in_progress;
  auto exchange =
      std::make_shared<PendingExchange>(shared_from_this(), std::move(parser_.request()));
  exchange_ = exchange;
  shared_->handler(std::move(exchange));
}

void HttpConnection::peer_ended() {
  peer_ended_ = true;
  switch (state_) {
    case State::kAnswering:
      if (const auto exchange = exchange_.lock()) exchange->abandon();
      return;
    case State::kWriting:
      return;
    case State::kHandshake:
    case State::kReceiving:
    case State::kStreaming:
    case State::kLingering:
    case State::kClosed:
      return close(true);
  }
}

// Takes this connection's share out of the sums that all connections have in common.
void HttpConnection::uncount() {
  shared_->body_bytes -= std::exchange(counted_body_, 0);
  shared_->answer_bytes -= std::exchange(counted_answer_, 0);
  if (std::exchange(counted_, false)) --shared_->in_progress;
}

void HttpConnection::refuse(const Error& error) {
  const bool has_head = parser_.has_head();
  HttpResponse response = shared_->render(error, has_head ? &parser_.request().head : nullptr);
  response.close = true;
  send(std::move(response));
}

void HttpConnection::linger() {
  state_ = State::kLingering;
  uncount();
  std::string().swap(input_);
  discarded_ = 0;
  transport_->finish_writing();
  if (peer_ended_) return close(true);
  set_deadline(linger_for_);
  // Inside consume() the caller arms the reading side again.
  if (!consuming_) wait_readable();
}

void HttpConnection::close(bool by_peer) {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this();
  const State before = std::exchange(state_, State::kClosed);
  uncount();
  deadline_.cancel();
  waiter_.reset();
  transport_.reset();
  input_.clear();
  stream_pending_.clear();
  stream_drained_ = nullptr;
  if (before == State::kStreaming) notify_stream_closed(by_peer);
  if (before == State::kAnswering) {
    if (const auto exchange = exchange_.lock()) exchange->abandon();
  }
  if (refused_) --shared_->refused;
  if (const auto peer = shared_->per_peer.find(peer_);
      peer != shared_->per_peer.end() && --peer->second == 0) {
    shared_->per_peer.erase(peer);
  }
  shared_->remove(*this);
}

}  // namespace phoenix
