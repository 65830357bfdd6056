#include "cli/worker/guard/guardian.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "cli/worker/guard/guardian_wire.h"

namespace phoenix::worker {
namespace {

bool send_all(int socket, const std::string& bytes, const std::array<int, 3>* fds) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 3)> control{};
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (fds != nullptr) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof *fds);
    std::memcpy(CMSG_DATA(rights), fds->data(), sizeof *fds);
  }
  ssize_t n = 0;
  while ((n = sendmsg(socket, &header, MSG_NOSIGNAL)) < 0 && errno == EINTR) {
  }
  return n >= 0;
}

}  // namespace

Result<std::unique_ptr<Guardian>> Guardian::start(std::vector<std::string> command,
                                                  std::string scratch) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(ErrorKind::kInternal, "no socket for the guardian process");
  }
  const pid_t pid = fork();
  if (pid < 0) {
    close(ends[0]);
    close(ends[1]);
    return fail(ErrorKind::kInternal,
                std::string("the guardian process cannot be forked: ") + std::strerror(errno));
  }
  if (pid == 0) guardian_main(ends[1], command, scratch);
  close(ends[1]);
  return std::unique_ptr<Guardian>(new Guardian(ends[0], pid));
}

Guardian::~Guardian() {
  close(socket_);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<Guardian::Event> Guardian::next() {
  GuardianMessage message;
  const ssize_t n = recv(socket_, &message, sizeof message, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (n != sizeof message) {
    lost_ = true;
    return std::nullopt;
  }
  Event event;
  event.run = message.run;
  event.status = message.status;
  event.by_exec = message.at == 1;
  event.kind = message.kind == GuardianMessage::Kind::kNotStarted ? EventKind::kNotStarted
                                                                  : EventKind::kEnded;
  return event;
}

bool Guardian::spawn(const Spawn& spawn) {
  GuardianMessage message;
  message.kind = GuardianMessage::Kind::kSpawn;
  message.run = spawn.run;
  const std::string bytes = write_datagram(message, spawn.env);
  const std::array<int, 3> fds = {spawn.in, spawn.out, spawn.err};
  return bytes.size() <= kMaxGuardianMessage && send_all(socket_, bytes, &fds);
}

void Guardian::signal(uint64_t run, bool kill) {
  GuardianMessage message;
  message.kind = kill ? GuardianMessage::Kind::kKill : GuardianMessage::Kind::kTerm;
  message.run = run;
  send_all(socket_, write_datagram(message, {}), nullptr);
}

void Guardian::hold(Instant end) {
  GuardianMessage message;
  message.kind = GuardianMessage::Kind::kHold;
  message.at = end.ns;
  send_all(socket_, write_datagram(message, {}), nullptr);
}

}  // namespace phoenix::worker
