// For this folder's tests: a server on a loop in a thread of its own, and a raw client that says
// exactly the bytes it is told to. Blocking with a generous limit; nothing here sleeps.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <future>
#include <string>
#include <thread>

#include "net/http_server.h"
#include "net/transport.h"

namespace phoenix::testing {

inline constexpr std::chrono::seconds kPatience(20);

class Client {
 public:
  explicit Client(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval limit = {kPatience.count(), 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }

  bool connected() const { return connected_; }
  int fd() const { return fd_.get(); }
  // False if the other end did not take it all.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }
  void finish_sending() { ::shutdown(fd_.get(), SHUT_WR); }
  // Closes with a reset instead of an orderly end.
  void reset() {
    linger hard = {1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    fd_.reset(-1);
  }
  void close() { fd_.reset(-1); }

  // Up to and with `end`; what was there when the connection ended, if that came first.
  std::string read_until(std::string_view end) {
    for (;;) {
      const size_t at = buffer_.find(end);
      if (at != std::string::npos) return take(at + end.size());
      if (!fill()) return take(buffer_.size());
    }
  }
  std::string read_exactly(size_t count) {
    while (buffer_.size() < count && fill()) {
    }
    return take(std::min(count, buffer_.size()));
  }
  std::string read_to_end() {
    while (fill()) {
    }
    return take(buffer_.size());
  }
  // True if the other end closed, orderly or by a reset, and nothing more was sent.
  bool ended() { return buffer_.empty() && !fill() && !timed_out_; }

  struct Answer {
    int status = 0;
    std::string head;  // in lower case
    std::string body;
    bool has(std::string_view line) const {
      return head.find("\r\n" + std::string(line) + "\r\n") != std::string::npos;
    }
  };
  Answer read_answer(bool head_only = false) {
    Answer answer;
    answer.head = read_until("\r\n\r\n");
    for (char& c : answer.head) c = static_cast<char>(::tolower(static_cast<unsigned char>(c)));
    if (answer.head.size() > 12) answer.status = std::atoi(answer.head.c_str() + 9);
    const size_t at = answer.head.find("\r\ncontent-length: ");
    if (at != std::string::npos && !head_only) {
      answer.body = read_exactly(std::strtoull(answer.head.c_str() + at + 18, nullptr, 10));
    }
    return answer;
  }
  Answer get(std::string_view path, std::string_view fields = "") {
    send("GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n");
    return read_answer();
  }

 private:
  bool fill() {
    char room[65536];
    const ssize_t count = ::recv(fd_.get(), room, sizeof room, 0);
    timed_out_ = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (count <= 0) return false;
    buffer_.append(room, static_cast<size_t>(count));
    return true;
  }
  std::string take(size_t count) {
    std::string taken = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return taken;
  }

  Fd fd_;
  bool connected_ = false;
  bool timed_out_ = false;
  std::string buffer_;
};

// Answers "METHOD PATH BODY" unless another handler is given.
class TestServer {
 public:
  explicit TestServer(HttpServerOptions options = {}, HttpServer::Handler handler = echo(),
                      HttpServer::Gate gate = nullptr) {
    options.listen = "127.0.0.1:0";
    auto listening =
        HttpServer::listen(loop_, std::move(options), std::move(gate), std::move(handler));
    if (!listening) {
      ADD_FAILURE() << listening.error().detail;
      return;
    }
    server_ = std::move(*listening);
    port_ = server_->port();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~TestServer() {
    if (!thread_.joinable()) return;
    loop_.post([this] { server_.reset(); });
    loop_.stop();
    thread_.join();
  }

  static HttpServer::Handler echo() {
    return [](const std::shared_ptr<HttpExchange>& exchange) {
      const HttpRequest& request = exchange->request();
      HttpResponse response;
      response.headers = {{"Content-Type", "text/plain"}};
      response.body = request.head.method + " " + request.head.path +
                      (request.head.query.empty() ? "" : "?" + request.head.query) + " " +
                      request.body;
      exchange->respond(std::move(response));
    };
  }

  uint16_t port() const { return port_; }
  EventLoop& loop() { return loop_; }
  HttpServer& server() { return *server_; }
  // Runs it on the loop's thread and waits for what it returns.
  template <class Function>
  auto on_loop(Function function) {
    std::promise<decltype(function())> promise;
    auto future = promise.get_future();
    loop_.post([&] {
      if constexpr (std::is_void_v<decltype(function())>) {
        function();
        promise.set_value();
      } else {
        promise.set_value(function());
      }
    });
    return future.get();
  }

 private:
  EventLoop loop_;
  std::unique_ptr<HttpServer> server_;
  uint16_t port_ = 0;
  std::thread thread_;
};

// A value that another thread sets once.
template <class T>
class Signal {
 public:
  void set(T value) { promise_.set_value(std::move(value)); }
  ::testing::AssertionResult arrived() {
    if (future_.wait_for(kPatience) == std::future_status::ready) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << "nothing arrived in time";
  }
  T get() { return future_.get(); }

 private:
  std::promise<T> promise_;
  std::future<T> future_ = promise_.get_future();
};

}  // namespace phoenix::testing
