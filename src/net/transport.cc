#include "net/transport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace phoenix {
namespace {

constexpr int kBacklog = 4'096;
// A peer that vanished without a word is noticed after 30 + 3 * 10 s.
constexpr int kProbeAfterSeconds = 30;
constexpr int kProbeEverySeconds = 10;
constexpr int kProbes = 3;

IoStatus from_errno(IoStatus would_block) {
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return would_block;
  return IoStatus::kError;
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(Fd fd) : fd_(std::move(fd)) {}

  IoStatus handshake() override { return IoStatus::kOk; }

  IoResult read(std::span<char> into) override {
    const ssize_t count = ::recv(fd_.get(), into.data(), into.size(), 0);
    if (count > 0) return {IoStatus::kOk, static_cast<size_t>(count)};
    if (count == 0) return {IoStatus::kEnd, 0};
    return {from_errno(IoStatus::kWantRead), 0};
  }

  IoResult write(std::span<const std::string_view> parts) override {
    std::array<iovec, 4> vectors = {};
    msghdr message = {};
    message.msg_iov = vectors.data();
    for (const std::string_view part : parts) {
      if (part.empty() || message.msg_iovlen == vectors.size()) continue;
      vectors.at(message.msg_iovlen++) = {const_cast<char*>(part.data()), part.size()};
    }
    const ssize_t count = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (count >= 0) return {IoStatus::kOk, static_cast<size_t>(count)};
    return {from_errno(IoStatus::kWantWrite), 0};
  }

  void finish_writing() override { ::shutdown(fd_.get(), SHUT_WR); }
  Fd take_plain() override { return std::move(fd_); }
  int fd() const override { return fd_.get(); }
  std::string client_subject() const override { return {}; }

 private:
  Fd fd_;
};

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_storage room;
};

// 0 if the text is no literal.
socklen_t to_sockaddr(const Address& address, SocketAddress& out) {
  std::memset(&out, 0, sizeof out);
  if (inet_pton(AF_INET, address.host.c_str(), &out.v4.sin_addr) == 1) {
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = htons(address.port);
    return sizeof out.v4;
  }
  if (inet_pton(AF_INET6, address.host.c_str(), &out.v6.sin6_addr) == 1) {
    out.v6.sin6_family = AF_INET6;
    out.v6.sin6_port = htons(address.port);
    return sizeof out.v6;
  }
  return 0;
}

Address from_sockaddr(const SocketAddress& from) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  if (from.any.sa_family == AF_INET) {
    inet_ntop(AF_INET, &from.v4.sin_addr, text.data(), text.size());
    return {text.data(), ntohs(from.v4.sin_port)};
  }
  if (from.any.sa_family != AF_INET6) return {};
  if (IN6_IS_ADDR_V4MAPPED(&from.v6.sin6_addr)) {
    inet_ntop(AF_INET, &from.v6.sin6_addr.s6_addr[12], text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, &from.v6.sin6_addr, text.data(), text.size());
  }
  return {text.data(), ntohs(from.v6.sin6_port)};
}

tl::unexpected<Error> cannot_listen(const Address& address, int error) {
  const std::string start = "cannot listen on " + to_string(address) + ": ";
  if (error == EADDRINUSE) {
    return fail(ErrorKind::kConflict,
                start +
                    "the port is in use; stop what holds it (ss -ltnp shows it), choose "
                    "another port, or port 0 for any free one");
  }
  if (error == EADDRNOTAVAIL) {
    return fail(ErrorKind::kInvalidRequest,
                start +
                    "this machine has no such address; 127.0.0.1 is always there, 0.0.0.0 "
                    "stands for all (ip addr lists them)");
  }
  if (error == EACCES) {
    return fail(ErrorKind::kInvalidRequest,
                start + "ports below 1024 need a privilege; choose a higher port");
  }
  return fail(ErrorKind::kInvalidRequest, start + std::strerror(error));
}

// Set on the listening socket: Linux hands these down to what it accepts.
void set_options(int fd) {
  const auto set = [fd](int level, int name, int value) {
    ::setsockopt(fd, level, name, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_REUSEADDR, 1);
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kProbeAfterSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kProbeEverySeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, kProbes);
}

Result<Fd> listen_on(const Address& literal) {
  SocketAddress to;
  const socklen_t length = to_sockaddr(literal, to);
  if (length == 0) return cannot_listen(literal, EADDRNOTAVAIL);
  Fd fd(::socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return cannot_listen(literal, errno);
  set_options(fd.get());
  if (::bind(fd.get(), &to.any, length) != 0) return cannot_listen(literal, errno);
  if (::listen(fd.get(), kBacklog) != 0) return cannot_listen(literal, errno);
  return fd;
}

}  // namespace

void Fd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

std::unique_ptr<Transport> make_plain_transport(Fd fd) {
  return std::make_unique<PlainTransport>(std::move(fd));
}

Result<Fd> listen_tcp(const Address& address) {
  auto literals = resolve(address);
  if (!literals) return tl::unexpected<Error>(literals.error());
  std::optional<Error> first;
  for (const Address& literal : *literals) {
    auto fd = listen_on(literal);
    if (fd) return fd;
    // A port in use is the answer, not a reason to look elsewhere under the same name.
    if (!first || fd.error().kind == ErrorKind::kConflict) first = fd.error();
    if (first->kind == ErrorKind::kConflict) break;
  }
  return tl::unexpected<Error>(*first);
}

Address local_address(int fd) {
  SocketAddress at;
  std::memset(&at, 0, sizeof at);
  socklen_t length = sizeof at;
  ::getsockname(fd, &at.any, &length);
  return from_sockaddr(at);
}

Accepted accept_tcp(int listener) {
  SocketAddress from;
  std::memset(&from, 0, sizeof from);
  socklen_t length = sizeof from;
  Accepted accepted;
  accepted.fd.reset(::accept4(listener, &from.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted.fd.valid()) {
    accepted.error = errno;
  } else {
    accepted.peer = from_sockaddr(from).host;
  }
  return accepted;
}

}  // namespace phoenix
