// Outgoing TCP connections that nobody waits for: begun here, finished when the socket is writable.
#pragma once

#include "net/sockets/ip_port.h"
#include "net/transport.h"

namespace phoenix {

struct Dialed {
  Fd fd;          // non-blocking, TCP_NODELAY; not valid: see error
  int error = 0;  // errno
};
// Begins to connect. The socket becomes writable when that has ended, well or not.
Dialed dial_tcp(const IpPort& to);
// Once it is writable: 0, or the errno with which connecting failed.
int dial_result(int fd);

}  // namespace phoenix
