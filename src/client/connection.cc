#include "client/connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <strings.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace phoenix {
namespace {

std::string system_error(int code) {
  std::array<char, 128> text{};
  return strerror_r(code, text.data(), text.size());
}

// A stream only listens: without probes it would wait for ever on a machine that lost its power,
// and on a host that was started anew there.
void set_options(int fd) {
  const auto set = [fd](int level, int name, int value) {
    setsockopt(fd, level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 3);  // seconds
  set(IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (char c : value) {
    if (c != '\r' && c != '\n' && c != '\0') out.push_back(c);
  }
  out.append("\r\n");
}

std::string encode_request(const BaseUrl& origin, const Call& call, std::string_view token) {
  std::string out;
  out.reserve(256 + call.body.size());
  out.append(call.method).append(" ").append(origin.prefix).append(call.target);
  out.append(" HTTP/1.1\r\n");
  append_header(out, "Host", origin.authority);
  append_header(out, "User-Agent", "phoenix");
  bool has_type = false;
  bool has_accept = false;
  for (const auto& [name, value] : call.headers) {
    append_header(out, name, value);
    has_type = has_type || strcasecmp(name.c_str(), "content-type") == 0;
    has_accept = has_accept || strcasecmp(name.c_str(), "accept") == 0;
  }
  if (!has_accept) append_header(out, "Accept", "application/json, */*");
  if (!token.empty()) append_header(out, "Authorization", "Bearer " + std::string(token));
  const bool bodiless = call.method == "GET" || call.method == "HEAD" || call.method == "DELETE";
  if (!call.body.empty() || !bodiless) {
    if (!has_type) append_header(out, "Content-Type", "application/json");
    append_header(out, "Content-Length", std::to_string(call.body.size()));
  }
  out.append("\r\n").append(call.body);
  return out;
}

HostConnection::HostConnection(BaseUrl origin, std::shared_ptr<const TlsTrust> tls,
                               std::string tls_name)
    : origin_(std::move(origin)), context_(std::move(tls)), tls_name_(std::move(tls_name)) {
  if (tls_name_.empty()) tls_name_ = origin_.host;
}

HostConnection::~HostConnection() { close_fd(); }

void HostConnection::send(std::string request, bool head_only, std::size_t max_body,
                          AnswerParser::BodySink sink) {
  parser_ = std::make_unique<AnswerParser>(head_only, max_body, std::move(sink));
  request_ = std::move(request);
  phase_ = Phase::kBusy;
  left_ = false;
  held_ = false;
  reusable_ = false;
  if (fd_ < 0) {
    open();
  } else {
    begin_request();
    step();
  }
}

bool HostConnection::stale() const {
  if (fd_ < 0) return true;
  char byte = 0;
  const ssize_t n = recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

void HostConnection::open() {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(origin_.port);
  const int code = getaddrinfo(origin_.host.c_str(), port.c_str(), &hints, &found);
  if (code != 0) {
    fail_with("'" + origin_.host + "' cannot be resolved: " + gai_strerror(code));
    return;
  }
  addresses_.reset(found);
  next_ = found;
  if (!next_address()) fail_with(detail_);
}

// Starts to connect to the next address that takes a socket; false if none is left.
bool HostConnection::next_address() {
  close_fd();
  while (next_ != nullptr) {
    const addrinfo* address = next_;
    next_ = next_->ai_next;
    fd_ = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) {
      detail_ = system_error(errno);
      continue;
    }
    set_options(fd_);
    if (connect(fd_, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS) {
      connecting_ = true;
      return true;
    }
    detail_ = system_error(errno);
    close_fd();
  }
  return false;
}

void HostConnection::finish_connect() {
  pollfd ready{fd_, POLLOUT, 0};
  if (poll(&ready, 1, 0) <= 0) return;
  int code = 0;
  socklen_t size = sizeof code;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size);
  if (code != 0) {
    detail_ = system_error(code);
    if (!next_address()) fail_with(detail_);
    return;
  }
  connecting_ = false;
  if (origin_.tls) tls_ = std::make_unique<TlsDialogue>(context_, tls_name_);
  begin_request();
}

void HostConnection::begin_request() {
  if (!tls_) {
    out_ = std::exchange(request_, {});
  } else if (!tls_->send(std::exchange(request_, {}), out_)) {
    fail_with(tls_->error());
  }
}

void HostConnection::step() {
  if (phase_ == Phase::kBusy && connecting_) finish_connect();
  if (phase_ == Phase::kBusy && !connecting_) write_some();
  if (phase_ == Phase::kBusy && !connecting_) read_some();
}

void HostConnection::write_some() {
  while (sent_ < out_.size()) {
    const ssize_t n = ::send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (n > 0) {
      // During the handshake nothing of the request can have left.
      left_ = left_ || !tls_ || tls_->established();
      sent_ += static_cast<std::size_t>(n);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EINTR) continue;
    // The host may have answered (413, 503) and closed before it took everything: read on.
    detail_ = system_error(errno);
    break;
  }
  drop_output();
}

// With its memory: a connection that is kept may have carried a large body.
void HostConnection::drop_output() {
  std::string().swap(out_);
  sent_ = 0;
}

void HostConnection::read_some() {
  std::array<char, 64 * 1024> part{};
  while (phase_ == Phase::kBusy && !held_) {
    const ssize_t n = recv(fd_, part.data(), part.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n < 0) {
      fail_with(system_error(errno));
      return;
    }
    if (n == 0) {
      take_eof();
      return;
    }
    const std::string_view bytes(part.data(), static_cast<std::size_t>(n));
    if (!tls_) {
      take_bytes(bytes);
      continue;
    }
    std::string plain;
    const bool sound = tls_->receive(bytes, plain, out_);
    if (!plain.empty()) take_bytes(plain);
    if (!sound && phase_ == Phase::kBusy) fail_with(tls_->error());
    write_some();
    if (phase_ == Phase::kBusy && tls_->closed()) take_eof();
  }
}

void HostConnection::take_bytes(std::string_view plain) {
  if (!parser_->feed(plain)) {
    fail_with(parser_->error());
  } else if (parser_->done()) {
    phase_ = Phase::kDone;
    reusable_ = parser_->keep_alive() && out_.empty();
  }
}

void HostConnection::take_eof() {
  reusable_ = false;
  if (parser_->head_done() && parser_->feed_eof() && parser_->done()) {
    phase_ = Phase::kDone;
    return;
  }
  fail_with("the host closed the connection");
}

Answer HostConnection::take_answer() {
  Answer answer = parser_->take();
  answer.url = origin_.url;
  ++answers_;
  phase_ = Phase::kIdle;
  if (!reusable_) close_fd();
  return answer;
}

void HostConnection::fail_with(std::string detail) {
  phase_ = Phase::kFailed;
  fault_ = left_ ? CallFault::kReset : CallFault::kUnreachable;
  detail_ = std::move(detail);
  close_fd();
}

void HostConnection::close_fd() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  connecting_ = false;
  tls_.reset();
  drop_output();
}

}  // namespace phoenix
