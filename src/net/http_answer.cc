// The sending side of a connection: whole answers and streams.
#include <fmt/format.h>

#include <ctime>
#include <iterator>
#include <utility>

#include "net/http_connection.h"
#include "net/http_render.h"

namespace phoenix {
namespace {

// Bodies up to this size go out in one piece with their head: cheaper than a second buffer, and
// one TLS record instead of two.
constexpr size_t kJoined = 16'384;
constexpr size_t kKeptBuffer = 32'768;

class Stream final : public HttpStream {
 public:
  explicit Stream(std::shared_ptr<HttpConnection> connection)
      : connection_(std::move(connection)) {}
  ~Stream() override { connection_->end_stream(); }

  bool write(std::string chunk) override { return connection_->write_stream(std::move(chunk)); }
  void close() override { connection_->end_stream(); }
  void on_closed(std::function<void(bool)> callback) override {
    connection_->on_stream_closed(std::move(callback));
  }
  size_t buffered() const override { return connection_->stream_buffered(); }
  void on_drained(std::function<void()> callback) override {
    connection_->on_stream_drained(std::move(callback));
  }
  void abort() override { connection_->abort_stream(); }

 private:
  std::shared_ptr<HttpConnection> connection_;
};

}  // namespace

HttpResponse HttpShared::render(const Error& error, const HttpHead* head) const {
  return options.render_error ? options.render_error(error, head) : plain_problem(error);
}

const std::string& HttpShared::date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second_) {
    date_second_ = now;
    date_ = http_date(now);
  }
  return date_;
}

void HttpShared::remove(HttpConnection& connection) {
  const size_t place = connection.index;
  if (place >= connections.size() || connections[place].get() != &connection) return;
  const auto keep = connections[place];
  connections[place] = connections.back();
  connections[place]->index = place;
  connections.pop_back();
}

void HttpConnection::answer(HttpResponse response) {
  if (state_ == State::kAnswering) send(std::move(response));
}

void HttpConnection::send(HttpResponse response) {
  state_ = State::kWriting;
  deadline_.cancel();
  deadline_runs_ = false;
  final_answer_ = response.close || !keep_alive_ || !shared_->accepting;
  HttpFraming framing;
  framing.version = version_;
  framing.keep_alive = !final_answer_;
  framing.content_length = response.body.size();
  append_head(out_head_, response, framing, shared_->date());
  if (!head_only_ && !is_bodiless(response.status)) {
    if (response.body.size() <= kJoined) {
      out_head_ += response.body;
    } else {
      out_body_ = std::move(response.body);
      counted_answer_ = out_body_.size();
      shared_->answer_bytes += counted_answer_;
    }
  }
  pump_output();
}

size_t HttpConnection::output_left() const {
  return out_head_.size() + out_body_.size() + out_tail_.size() - sent_;
}

void HttpConnection::pump_output() {
  while (output_left() > 0) {
    std::array<std::string_view, 3> parts = {out_head_, out_body_, out_tail_};
    size_t skip = sent_;
    for (std::string_view& part : parts) {
      const size_t gone = std::min(skip, part.size());
      part.remove_prefix(gone);
      skip -= gone;
    }
    const IoResult put = transport_->write(parts);
    if (put.status == IoStatus::kError || put.status == IoStatus::kEnd) return close(true);
    if (put.status != IoStatus::kOk) return output_blocked(put.status == IoStatus::kWantRead);
    sent_ += put.bytes;
  }
  output_done();
}

void HttpConnection::output_blocked(bool wants_read) {
  if (!std::exchange(deadline_runs_, true)) {
    const HttpServerOptions& options = shared_->options;
    const auto left = static_cast<int64_t>(output_left());
    set_deadline(options.write_timeout + seconds(left / options.write_bytes_per_second));
  }
  if (wants_read) {
    write_wants_read_ = true;
    waiter_->wait_readable();
  } else {
    waiter_->wait_writable();
  }
}

void HttpConnection::output_done() {
  if (out_head_.capacity() > kKeptBuffer) std::string().swap(out_head_);
  out_head_.clear();
  std::string().swap(out_body_);
  shared_->answer_bytes -= std::exchange(counted_answer_, 0);
  out_tail_ = {};
  sent_ = 0;
  if (deadline_runs_) deadline_.cancel();
  deadline_runs_ = false;
  if (state_ == State::kWriting) return response_done();
  if (state_ != State::kStreaming) return;
  if (stream_end_framed_) {
    notify_stream_closed(false);
    return linger();
  }
  flush_stream();
  tell_drained();
}

void HttpConnection::response_done() {
  uncount();
  if (final_answer_) return linger();
  parser_.reset();
  state_ = State::kReceiving;
  set_deadline(shared_->options.idle_timeout);
  if (consuming_) return;
  if (!input_.empty()) consume({});
  if (state_ == State::kReceiving && peer_ended_) return close(true);
  wait_readable();
}

void HttpConnection::begin_stream(HttpResponse head) {
  if (state_ != State::kAnswering) {
    stream_over_ = true;
    stream_over_by_peer_ = true;
    return;
  }
  if (head_only_) {
    stream_over_ = true;
    head.close = true;
    head.body.clear();
  }
  stream_chunked_ = version_ >= 11;
  HttpFraming framing;
  framing.version = version_;
  framing.keep_alive = false;
  framing.chunked = stream_chunked_;
  append_head(out_head_, head, framing, shared_->date());
  uncount();
  keep_alive_ = false;
  final_answer_ = true;
  discarded_ = 0;
  state_ = head_only_ ? State::kWriting : State::kStreaming;
  stream_pending_ = std::move(head.body);
  if (peer_ended_ && !head_only_) return close(true);
  pump_output();
}

bool HttpConnection::write_stream(std::string chunk) {
  if (state_ != State::kStreaming || stream_ending_) return false;
  if (chunk.empty()) return true;
  const size_t behind = stream_buffered();
  if (behind > 0 && behind + chunk.size() > shared_->options.stream_limit) {
    close(false);
    return false;
  }
  if (stream_pending_.empty()) {
    stream_pending_ = std::move(chunk);
  } else {
    stream_pending_ += chunk;
  }
  schedule_flush();
  return true;
}

size_t HttpConnection::stream_buffered() const {
  return state_ == State::kStreaming ? output_left() + stream_pending_.size() : 0;
}

void HttpConnection::on_stream_drained(std::function<void()> callback) {
  stream_drained_ = std::move(callback);
  tell_drained();
}

void HttpConnection::tell_drained() {
  if (state_ != State::kStreaming || !stream_drained_ || stream_buffered() > 0) return;
  shared_->loop.post(std::exchange(stream_drained_, nullptr));
}

void HttpConnection::abort_stream() {
  if (state_ == State::kStreaming) close(false);
}

void HttpConnection::end_stream() {
  if (state_ != State::kStreaming || stream_ending_) return;
  stream_ending_ = true;
  schedule_flush();
}

// One write for all that a turn of the loop brings.
void HttpConnection::schedule_flush() {
  if (std::exchange(flush_scheduled_, true)) return;
  shared_->loop.post([self = shared_from_this()] {
    self->flush_scheduled_ = false;
    self->flush_stream();
  });
}

void HttpConnection::flush_stream() {
  if (state_ != State::kStreaming || output_left() > 0 || stream_end_framed_) return;
  if (stream_pending_.empty() && !stream_ending_) return;
  stream_end_framed_ = stream_ending_;
  out_body_ = std::exchange(stream_pending_, {});
  if (stream_chunked_) {
    if (!out_body_.empty()) {
      fmt::format_to(std::back_inserter(out_head_), "{:x}\r\n", out_body_.size());
      out_tail_ = stream_ending_ ? "\r\n0\r\n\r\n" : "\r\n";
    } else {
      out_tail_ = "0\r\n\r\n";
    }
  }
  pump_output();
}

void HttpConnection::on_stream_closed(std::function<void(bool)> callback) {
  stream_closed_ = std::move(callback);
  if (!stream_over_ || !stream_closed_) return;
  shared_->loop.post([told = std::exchange(stream_closed_, nullptr),
                      by_peer = stream_over_by_peer_] { told(by_peer); });
}

void HttpConnection::notify_stream_closed(bool by_peer) {
  if (std::exchange(stream_over_, true)) return;
  stream_over_by_peer_ = by_peer;
  on_stream_closed(std::exchange(stream_closed_, nullptr));
}

PendingExchange::PendingExchange(std::shared_ptr<HttpConnection> connection, HttpRequest request)
    : connection_(std::move(connection)), request_(std::move(request)) {}

PendingExchange::~PendingExchange() {
  if (answered_) return;
  if (told_) {
    connection_->abort();
    return;
  }
  Error error;
  error.detail = "the request was dropped without an answer; this is a fault of the program";
  connection_->answer(connection_->render(error, request_.head));
}

void PendingExchange::respond(HttpResponse response) {
  if (std::exchange(answered_, true)) return;
  abandoned_ = nullptr;
  // What changed something is said in any case; its answers are small.
  if (request_.head.method == "GET" && connection_->answers_full(response.body.size())) {
    Error error;
    error.kind = ErrorKind::kOverloaded;
    error.detail = "too many large answers wait for their clients to take them; ask again later";
    error.retry_after_ms = 1'000;
    response = connection_->render(error, request_.head);
  }
  connection_->answer(std::move(response));
}

std::shared_ptr<HttpStream> PendingExchange::stream(HttpResponse head) {
  auto stream = std::make_shared<Stream>(connection_);
  if (std::exchange(answered_, true)) return stream;
  abandoned_ = nullptr;
  connection_->begin_stream(std::move(head));
  return stream;
}

void PendingExchange::on_abandoned(std::function<void()> callback) {
  if (answered_) return;
  abandoned_ = std::move(callback);
  if (connection_->peer_gone()) abandon();
}

void PendingExchange::abandon() {
  connection_->loop().post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr || self->answered_ || !self->abandoned_) return;
    const auto tell = std::exchange(self->abandoned_, nullptr);
    self->told_ = true;
    tell();
  });
}

}  // namespace phoenix
