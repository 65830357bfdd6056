#include "store/postgres/test_proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace phoenix::testing_postgres {
namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

bool send_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t sent = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// Empty: the other end is gone.
std::string receive(int fd) {
  std::string data(65536, '\0');
  const ssize_t got = ::recv(fd, data.data(), data.size(), 0);
  data.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return data;
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace

TestProxy::TestProxy(std::string server_socket) : server_socket_(std::move(server_socket)) {
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(folder_.file(".s.PGSQL.5432"));
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 16) != 0 || ::pipe(wake_) != 0) {
    std::abort();
  }
  thread_ = std::thread([this] { run(); });
}

TestProxy::~TestProxy() {
  stop_ = true;
  wake();
  thread_.join();
  for (const auto& pair : pairs_) {
    close_fd(pair->client);
    close_fd(pair->server);
  }
  close_fd(listener_);
  close_fd(wake_[0]);
  close_fd(wake_[1]);
}

void TestProxy::wake() {
  if (::write(wake_[1], "x", 1) != 1) std::abort();
}

void TestProxy::set(Mode mode) { mode_ = mode; }

void TestProxy::release() {
  release_ = true;
  wake();
  release_.wait(true);
}

void TestProxy::accept_one() {
  auto pair = std::make_unique<Pair>();
  pair->client = ::accept(listener_, nullptr, nullptr);
  pair->server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(server_socket_);
  if (::connect(pair->server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close_fd(pair->client);
    close_fd(pair->server);
    return;
  }
  pairs_.push_back(std::move(pair));
}

void TestProxy::from_client(Pair& pair) {
  const std::string data = receive(pair.client);
  if (data.empty()) {
    close_fd(pair.client);
    // The server is to learn nothing while something for it is held.
    if (pair.held.empty()) close_fd(pair.server);
    return;
  }
  switch (mode_.load()) {
    case Mode::kPass:
    case Mode::kDropAnswers:
      if (!send_all(pair.server, data)) close_fd(pair.client);
      return;
    case Mode::kDropRequests:
      return;
    case Mode::kHoldRequests:
      pair.held += data;
  }
}

void TestProxy::from_server(Pair& pair) {
  std::string data = receive(pair.server);
  if (data.empty()) {
    close_fd(pair.server);
    close_fd(pair.client);
    return;
  }
  if (fake_ && !pair.started) {
    const size_t at = data.find(std::string("K\0\0\0\x0c", 5));
    if (at != std::string::npos && at + 9 <= data.size()) {
      data[at + 8] = static_cast<char>(data[at + 8] ^ 1);
      pair.started = true;
    }
  }
  if (mode_ == Mode::kDropAnswers || pair.client < 0) return;
  if (!send_all(pair.client, data)) close_fd(pair.server);
}

void TestProxy::deliver_held() {
  mode_ = Mode::kPass;
  for (const auto& pair : pairs_) {
    if (pair->held.empty()) continue;
    send_all(pair->server, pair->held);
    pair->held.clear();
    // One answer is enough to know that all of it was carried out: it went in one piece.
    const std::string answer = receive(pair->server);
    if (pair->client < 0 || !send_all(pair->client, answer)) close_fd(pair->server);
  }
}

void TestProxy::run() {
  while (!stop_) {
    std::erase_if(pairs_, [](const auto& pair) { return pair->client < 0 && pair->server < 0; });
    std::vector<pollfd> all = {{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& pair : pairs_) {
      all.push_back({pair->client, POLLIN, 0});
      all.push_back({pair->server, POLLIN, 0});
    }
    ::poll(all.data(), all.size(), -1);
    const size_t known = pairs_.size();
    if (all[0].revents != 0) {
      char byte = 0;
      if (::read(wake_[0], &byte, 1) != 1) std::abort();
      if (release_) {
        deliver_held();
        release_ = false;
        release_.notify_all();
        continue;
      }
    }
    for (size_t i = 0; i < known; ++i) {
      Pair& pair = *pairs_[i];
      if (pair.client >= 0 && all[2 + 2 * i].revents != 0) from_client(pair);
      if (pair.server >= 0 && all[3 + 2 * i].revents != 0) from_server(pair);
    }
    if (all[1].revents != 0) accept_one();
  }
}

}  // namespace phoenix::testing_postgres
