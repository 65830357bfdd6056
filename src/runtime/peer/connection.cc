#include "runtime/peer/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "net/sockets/dial.h"

namespace phoenix::peer {
namespace {

constexpr int kReadsPerTurn = 8;
// Bytes that the kernel keeps and has not sent cannot be overtaken by what is urgent.
constexpr int kKernelKeeps = 128 << 10;

}  // namespace

PeerConnection::PeerConnection(EventLoop& loop, PeerConnectionOwner& owner, ConnectionId id,
                               std::unique_ptr<Transport> transport, bool encrypted)
    : owner_(owner),
      id_(id),
      transport_(std::move(transport)),
      encrypted_(encrypted),
      waiter_(loop, transport_->fd(), static_cast<FdEvents&>(*this)) {
  ::setsockopt(transport_->fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kKernelKeeps,
               sizeof kKernelKeeps);
}

void PeerConnection::start(bool dialled) {
  const auto self = shared_from_this();
  if (dialled) {
    phase_ = Phase::kConnecting;
    return waiter_.wait_writable();
  }
  encrypt();
}

void PeerConnection::on_readable() {
  const auto self = shared_from_this();
  if (phase_ == Phase::kEncrypting) {
    encrypt();
  } else if (phase_ == Phase::kOpen) {
    read_some();
  } else {
    return;
  }
  if (phase_ != Phase::kOver) owner_.on_turn_end();
}

void PeerConnection::on_writable() {
  const auto self = shared_from_this();
  if (phase_ == Phase::kConnecting) {
    if (const int error = dial_result(transport_->fd()); error != 0) {
      lose(std::strerror(error));
      return;
    }
    encrypt();
  } else if (phase_ == Phase::kEncrypting) {
    encrypt();
  } else if (phase_ == Phase::kOpen) {
    full_ = false;
    write();
  } else {
    return;
  }
  if (phase_ != Phase::kOver) owner_.on_turn_end();
}

void PeerConnection::encrypt() {
  phase_ = Phase::kEncrypting;
  switch (transport_->handshake()) {
    case IoStatus::kOk:
      return open();
    case IoStatus::kWantRead:
      return waiter_.wait_readable();
    case IoStatus::kWantWrite:
      return waiter_.wait_writable();
    default:
      return lose("the TLS handshake failed");
  }
}

void PeerConnection::open() {
  phase_ = Phase::kOpen;
  waiter_.wait_readable();
  auto names = encrypted_ ? std::optional(transport_->peer_names()) : std::nullopt;
  owner_.on_open(*this, std::move(names));
}

void PeerConnection::read_some() {
  const std::span<char> room = owner_.room();
  for (int i = 0; i < kReadsPerTurn && phase_ == Phase::kOpen; ++i) {
    const IoResult got = transport_->read(room);
    if (got.status == IoStatus::kWantRead || got.status == IoStatus::kWantWrite) break;
    if (got.status != IoStatus::kOk) return lose("closed by the peer");
    owner_.on_bytes(*this, {room.data(), got.bytes});
    // A plain socket that gave less than there was room for is empty.
    if (!encrypted_ && got.bytes < room.size()) break;
  }
  if (phase_ != Phase::kOpen) return;
  waiter_.wait_readable();
  if (sent_ < out_.size()) write();  // TLS may have had to hear first
}

void PeerConnection::write() {
  const auto self = shared_from_this();
  while (phase_ == Phase::kOpen && !full_) {
    if (sent_ == out_.size()) {
      out_.clear();
      sent_ = 0;
      owner_.fill(*this, out_);
      if (out_.empty()) return;
    }
    const std::string_view rest = std::string_view(out_).substr(sent_);
    const IoResult wrote = transport_->write({&rest, 1});
    if (wrote.status == IoStatus::kOk) {
      sent_ += wrote.bytes;
    } else if (wrote.status == IoStatus::kWantWrite) {
      full_ = true;
      waiter_.wait_writable();
    } else if (wrote.status == IoStatus::kWantRead) {
      return;  // reading is always armed, and writes again
    } else {
      return lose("closed by the peer");
    }
  }
}

void PeerConnection::hang_up(std::string_view last) {
  if (phase_ == Phase::kOpen) {
    out_ += last;
    const std::string_view rest = std::string_view(out_).substr(sent_);
    if (!full_ && !rest.empty()) transport_->write({&rest, 1});
    transport_->finish_writing();
  }
  phase_ = Phase::kOver;
}

void PeerConnection::lose(std::string_view why) {
  if (phase_ == Phase::kOver) return;
  phase_ = Phase::kOver;
  owner_.on_lost(*this, why);
}

}  // namespace phoenix::peer
