#include "net/sockets/dial.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace phoenix {

Dialed dial_tcp(const IpPort& to) {
  const int family = family_of(to);
  const KernelAddress address = kernel_address(to, family);
  if (address.length == 0) return {Fd(), EADDRNOTAVAIL};
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return {Fd(), errno};
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd.get(), address.any(), address.length) != 0 && errno != EINPROGRESS) {
    return {Fd(), errno};
  }
  return {std::move(fd), 0};
}

int dial_result(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

}  // namespace phoenix
