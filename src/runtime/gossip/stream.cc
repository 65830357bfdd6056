#include "runtime/gossip/stream.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "net/sockets/dial.h"

namespace phoenix::gossip {
namespace {

constexpr size_t kPiece = size_t{256} << 10;  // unpacked by the worker in one go
constexpr int kReadsPerTurn = 16;

StreamFailure failure_of(int error) {
  switch (error) {
    case ECONNREFUSED:
      return StreamFailure::kRefused;
    case ECONNRESET:
    case EPIPE:
      return StreamFailure::kReset;
    case ETIMEDOUT:
      return StreamFailure::kTimeout;
    default:
      return StreamFailure::kUnreachable;
  }
}

}  // namespace

GossipStream::GossipStream(const StreamSetting& setting, StreamId id, bool incoming, Fd fd,
                           const Endpoint& peer, const FrameOptions& frame, const Keyring& keyring)
    : setting_(setting),
      id_(id),
      incoming_(incoming),
      peer_(peer),
      transport_(make_plain_transport(std::move(fd))),
      unpacking_(std::make_shared<Unpacking>(frame, keyring, incoming)),
      deadline_(setting.loop),
      waiter_(setting.loop, transport_->fd(), static_cast<FdEvents&>(*this)) {}

void GossipStream::start_reading() {
  phase_ = Phase::kReading;
  waiter_.wait_readable();
}

void GossipStream::start_writing(std::string bytes, bool answer) {
  out_ = std::move(bytes);
  wants_answer_ = answer;
  phase_ = Phase::kConnecting;
  waiter_.wait_writable();
}

void GossipStream::reply(std::string bytes) {
  if (phase_ != Phase::kAnswering) return;
  if (bytes.empty()) return close();
  out_ = std::move(bytes);
  phase_ = Phase::kWriting;
  // In a later turn: whoever replies is in the middle of carrying something out.
  waiter_.wait_writable();
}

void GossipStream::on_readable() {
  const auto self = shared_from_this();
  if (phase_ == Phase::kReading) {
    read_some();
  } else if (phase_ == Phase::kLingering) {
    drain();
  }
}

void GossipStream::on_writable() {
  const auto self = shared_from_this();
  if (phase_ == Phase::kConnecting) {
    if (const int error = dial_result(transport_->fd()); error != 0) {
      return fail(failure_of(error));
    }
    phase_ = Phase::kWriting;
  }
  if (phase_ == Phase::kWriting) write_some();
}

void GossipStream::read_some() {
  std::array<char, 16'384> part;
  for (int i = 0; i < kReadsPerTurn && phase_ == Phase::kReading; ++i) {
    const IoResult got = transport_->read(part);
    if (got.status == IoStatus::kOk) {
      take({part.data(), got.bytes});
    } else if (got.status == IoStatus::kWantRead) {
      break;
    } else {
      return fail(StreamFailure::kReset);
    }
  }
  if (phase_ == Phase::kReading) waiter_.wait_readable();
}

// Small messages here and now; of a large one the pieces go to the worker, and nothing more is read
// until it is done with one.
void GossipStream::take(std::string_view bytes) {
  held_ += bytes.size();
  if (held_ <= setting_.at_once) {
    unpacking_->state = unpacking_->reader.feed(bytes);
    if (unpacking_->state != StreamReader::State::kMore) unpacked();
    return;
  }
  unpacking_->piece.append(bytes);
  std::array<char, 16'384> part;
  while (unpacking_->piece.size() < kPiece) {
    const IoResult got = transport_->read(part);
    if (got.status != IoStatus::kOk) break;  // an end is found again when that piece is done
    unpacking_->piece.append(part.data(), got.bytes);
    held_ += got.bytes;
  }
  phase_ = Phase::kUnpacking;
  setting_.owner.on_grown(*this);
  if (phase_ == Phase::kOver) return;
  setting_.worker.run(
      [unpacking = unpacking_] {
        unpacking->state = unpacking->reader.feed(unpacking->piece);
        unpacking->piece.clear();
      },
      [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self || self->phase_ != Phase::kUnpacking) return;
        self->phase_ = Phase::kReading;
        if (self->unpacking_->state != StreamReader::State::kMore) return self->unpacked();
        self->waiter_.wait_readable();
      });
}

void GossipStream::unpacked() {
  const auto self = shared_from_this();
  phase_ = incoming_ ? Phase::kAnswering : Phase::kOver;
  if (unpacking_->state == StreamReader::State::kDone) {
    setting_.owner.on_message(*this, unpacking_->reader.message());
  } else {
    setting_.owner.on_refused(*this, unpacking_->reader.why());
  }
}

void GossipStream::write_some() {
  while (sent_ < out_.size()) {
    const std::string_view rest = std::string_view(out_).substr(sent_);
    const IoResult wrote = transport_->write({&rest, 1});
    if (wrote.status == IoStatus::kWantWrite) return waiter_.wait_writable();
    if (wrote.status != IoStatus::kOk) return fail(StreamFailure::kReset);
    sent_ += wrote.bytes;
  }
  written();
}

void GossipStream::written() {
  out_ = {};
  if (!incoming_) {
    if (!wants_answer_) return close();
    return start_reading();
  }
  // Closing with bytes unread would reset the connection and take our answer along.
  phase_ = Phase::kLingering;
  transport_->finish_writing();
  deadline_.call_after(setting_.linger, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->close();
  });
  waiter_.wait_readable();
}

void GossipStream::drain() {
  std::array<char, 16'384> part;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const IoResult got = transport_->read(part);
    if (got.status == IoStatus::kWantRead) break;
    if (got.status != IoStatus::kOk) return close();
  }
  waiter_.wait_readable();
}

void GossipStream::abandon() {
  phase_ = Phase::kOver;
  deadline_.cancel();
}

void GossipStream::fail(StreamFailure why) {
  phase_ = Phase::kOver;
  setting_.owner.on_failed(*this, why);
}

void GossipStream::close() {
  const auto self = shared_from_this();
  phase_ = Phase::kOver;
  setting_.owner.on_closed(*this);
}

}  // namespace phoenix::gossip
