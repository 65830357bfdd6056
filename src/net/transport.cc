#include "net/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "net/sockets/ip_port.h"

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
  std::vector<std::string> peer_names() const override { return {}; }

 private:
  Fd fd_;
};

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

tl::unexpected<Error> cannot_listen(const Address& literal, int error) {
  return cannot_bind(literal, BoundTo::kTcp, error);
}

Result<Fd> listen_on(const Address& literal) {
  const auto at = ip_port(literal);
  if (!at) return cannot_listen(literal, EADDRNOTAVAIL);
  const int family = family_of(*at);
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return cannot_listen(literal, errno);
  set_options(fd.get());
  const KernelAddress to = kernel_address(*at, family);
  if (::bind(fd.get(), to.any(), to.length) != 0) return cannot_listen(literal, errno);
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

Address local_address(int fd) { return to_address(local_of(fd)); }

Accepted accept_tcp(int listener) {
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  Accepted accepted;
  accepted.fd.reset(::accept4(listener, reinterpret_cast<sockaddr*>(&from), &length,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted.fd.valid()) {
    accepted.error = errno;
  } else {
    accepted.peer = to_address(ip_port(from)).host;
  }
  return accepted;
}

}  // namespace phoenix
