#include "bench/lineage/pair/floor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "base/msgpack.h"
#include "bench/clock.h"
#include "lineage/crypto/key.h"

namespace phoenix::bench {
namespace {

using lineage::KeyPair;
using lineage::Seed;
using lineage::Signature;

constexpr uint8_t kGiver = 1;
constexpr uint8_t kReceiver = 2;

KeyPair key(uint8_t seed) { return KeyPair::from_seed(Seed{seed}); }

// What has to be said: whose it is, whose it will be, and the state itself.
struct State {
  std::string packet;
  uint64_t epoch = 0;
  std::string giver;
  std::string receiver;
  std::string context;
};

std::string encode(const State& state) {
  std::string out;
  MsgpackWriter writer(out);
  writer.array(5);
  writer.str(state.packet);
  writer.uint(state.epoch);
  writer.str(state.giver);
  writer.str(state.receiver);
  writer.bin(state.context);
  return out;
}

std::optional<State> decode(std::string_view bytes) {
  MsgpackReader reader(bytes);
  State state;
  if (reader.array() != 5) return std::nullopt;
  state.packet = reader.str();
  state.epoch = reader.uint();
  state.giver = reader.str();
  state.receiver = reader.str();
  state.context = reader.bin();
  if (!reader.at_end()) return std::nullopt;
  return state;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// Length, signature, message: in one piece.
bool send_signed(int fd, const KeyPair& signer, const std::string& message) {
  const Signature signature = signer.sign(message);
  const auto length = static_cast<uint32_t>(message.size());
  std::string frame(sizeof length, '\0');
  std::memcpy(frame.data(), &length, sizeof length);
  frame.append(reinterpret_cast<const char*>(signature.data()), signature.size());
  frame += message;
  return send_all(fd, frame);
}

class Inbox {
 public:
  explicit Inbox(int fd) : fd_(fd) {}
  struct Frame {
    Signature signature{};
    std::string message;
  };
  // Nothing: the other end is gone.
  std::optional<Frame> next() {
    constexpr size_t kHead = sizeof(uint32_t) + sizeof(Signature);
    if (!fill(kHead)) return std::nullopt;
    uint32_t length = 0;
    std::memcpy(&length, in_.data(), sizeof length);
    if (!fill(kHead + length)) return std::nullopt;
    Frame frame;
    std::memcpy(frame.signature.data(), in_.data() + sizeof length, frame.signature.size());
    frame.message = in_.substr(kHead, length);
    in_.erase(0, kHead + length);
    return frame;
  }

 private:
  bool fill(size_t wanted) {
    while (in_.size() < wanted) {
      const size_t before = in_.size();
      in_.resize(before + 16'384);
      const ssize_t got = ::recv(fd_, in_.data() + before, 16'384, 0);
      in_.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
      if (got <= 0) return false;
    }
    return true;
  }
  int fd_;
  std::string in_;
};

int tcp_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

// Tells its port on `control`, then takes one connection.
void receive(int control, const std::string& file) {
  const int listener = tcp_socket();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 1) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return;
  }
  if (!write_line(control, std::to_string(ntohs(address.sin_port)))) return;
  const int fd = ::accept(listener, nullptr, nullptr);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int log =
      file.empty() ? -1 : ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (!file.empty() && log < 0) return;
  const lineage::PublicKey giver = key(kGiver).public_key();
  const KeyPair own = key(kReceiver);
  Inbox inbox(fd);
  while (const auto frame = inbox.next()) {
    if (!lineage::verify(giver, frame->message, frame->signature)) return;
    const auto state = decode(frame->message);
    if (!state) return;
    if (log >= 0) {
      const std::string& bytes = frame->message;
      if (::write(log, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return;
      if (::fdatasync(log) != 0) return;
    }
    std::string answer;
    MsgpackWriter writer(answer);
    writer.array(3);
    writer.str(state->packet);
    writer.uint(state->epoch + 1);
    writer.str(state->receiver);
    if (!send_signed(fd, own, answer)) return;
  }
}

}  // namespace

Result<std::unique_ptr<Floor>> Floor::start(int processor, const std::string& file) {
  auto other = OtherProcess::start(processor, [&file](int control) { receive(control, file); });
  if (!other) return tl::unexpected(other.error());
  const std::string port = read_line((*other)->fd());
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(port.c_str())));
  const int fd = tcp_socket();
  if (port.empty() ||
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    return fail(ErrorKind::kInternal, "the floor's receiver cannot be reached");
  }
  return std::unique_ptr<Floor>(new Floor(std::move(*other), fd));
}

Floor::~Floor() { ::close(socket_); }

std::optional<Floor::Took> Floor::hand_off(const std::string& context) {
  static const KeyPair giver = key(kGiver);
  static const lineage::PublicKey receiver = key(kReceiver).public_key();
  const Duration begin = wall_clock();
  const State state{"pkt_01JDQ8Z7R2T5V9W0X3Y6A1B4C5", ++epoch_, "giver", "receiver", context};
  if (!send_signed(socket_, giver, encode(state))) return std::nullopt;
  Inbox inbox(socket_);
  const auto answer = inbox.next();
  if (!answer) return std::nullopt;
  const Duration answered = wall_clock() - begin;
  if (!lineage::verify(receiver, answer->message, answer->signature)) return std::nullopt;
  return Took{answered, wall_clock() - begin};
}

}  // namespace phoenix::bench
