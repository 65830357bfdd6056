#include "net/sockets/udp_socket.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "net/transport.h"

namespace phoenix {
namespace {

constexpr size_t kBatch = 32;           // datagrams of one system call
constexpr int kBatchesPerTurn = 8;      // then others have their turn
constexpr size_t kLargest = 65'536;     // no datagram is larger
constexpr int kKernelBuffer = 4 << 20;  // asked for; the system may give less
constexpr int kRefusalsPerTurn = 64;

void ask_for_refusals(int fd, int family) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  if (family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
}

bool nobody_listens(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    const bool v4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR;
    const bool v6 = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    sock_extended_err error{};
    std::memcpy(&error, CMSG_DATA(part), sizeof error);
    const bool remote =
        error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6;
    return remote && error.ee_errno == ECONNREFUSED;
  }
  return false;
}

class Socket final : public UdpSocket, private FdEvents {
 public:
  Socket(Fd fd, int family) : fd_(std::move(fd)), family_(family), buffer_(kBatch * kLargest) {}

  void start(EventLoop& loop, UdpEvents& events) override {
    events_ = &events;
    waiter_.emplace(loop, fd_.get(), static_cast<FdEvents&>(*this));
    waiter_->wait_readable();
  }

  bool send(const IpPort& to, std::string_view bytes) override {
    const KernelAddress address = kernel_address(to, family_);
    if (address.length != 0) {
      // A refusal of an earlier datagram may be told by the next call, whomever that one is for.
      for (int attempt = 0; attempt < 3; ++attempt) {
        const ssize_t sent = ::sendto(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL,
                                      address.any(), address.length);
        if (sent >= 0) {
          ++counts_.datagrams_out;
          counts_.bytes_out += bytes.size();
          return true;
        }
        if (errno != ECONNREFUSED && errno != EINTR) break;
      }
    }
    ++counts_.not_sent;
    return false;
  }

  void drain() override {
    take_refusals();
    for (int i = 0; i < kBatchesPerTurn && take_batch(); ++i) {
    }
    events_->on_batch_end();
  }

  IpPort local() const override { return local_of(fd_.get()); }
  const UdpCounts& counts() const override { return counts_; }

 private:
  void on_readable() override {
    drain();
    waiter_->wait_readable();
  }
  void on_writable() override {}

  // False: nothing more has arrived.
  bool take_batch() {
    std::array<mmsghdr, kBatch> messages{};
    std::array<iovec, kBatch> parts{};
    std::array<sockaddr_storage, kBatch> from{};
    for (size_t i = 0; i < kBatch; ++i) {
      parts[i] = {buffer_.data() + i * kLargest, kLargest};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_name = &from[i];
      messages[i].msg_hdr.msg_namelen = sizeof from[i];
    }
    const int count = ::recvmmsg(fd_.get(), messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (count < 0) return errno == EINTR || errno == ECONNREFUSED;
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      const size_t size = messages[i].msg_len;
      ++counts_.datagrams_in;
      counts_.bytes_in += size;
      events_->on_datagram({buffer_.data() + i * kLargest, size}, ip_port(from[i]));
    }
    return static_cast<size_t>(count) == kBatch;
  }

  void take_refusals() {
    for (int i = 0; i < kRefusalsPerTurn; ++i) {
      sockaddr_storage to{};
      alignas(cmsghdr) std::array<char, 512> control{};
      char byte = 0;
      iovec part{&byte, 1};
      msghdr message{};
      message.msg_name = &to;
      message.msg_namelen = sizeof to;
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      if (::recvmsg(fd_.get(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
      if (!nobody_listens(message)) continue;
      ++counts_.refused;
      events_->on_refused(ip_port(to));
    }
  }

  Fd fd_;
  int family_;
  UdpEvents* events_ = nullptr;
  std::vector<char> buffer_;
  UdpCounts counts_;
  std::optional<FdWaiter> waiter_;  // last: it goes before the descriptor
};

}  // namespace

Result<std::unique_ptr<UdpSocket>> UdpSocket::bind(const Address& literal) {
  const auto at = ip_port(literal);
  if (!at) return cannot_bind(literal, BoundTo::kUdp, EADDRNOTAVAIL);
  const int family = family_of(*at);
  Fd fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return cannot_bind(literal, BoundTo::kUdp, errno);
  ask_for_refusals(fd.get(), family);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kKernelBuffer, sizeof kKernelBuffer);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kKernelBuffer, sizeof kKernelBuffer);
  const KernelAddress address = kernel_address(*at, family);
  if (::bind(fd.get(), address.any(), address.length) != 0)
    return cannot_bind(literal, BoundTo::kUdp, errno);
  return std::make_unique<Socket>(std::move(fd), family);
}

}  // namespace phoenix
