// For this folder's tests: a server that answers each connection with exactly the bytes it was told
// to. One thread; blocking, with a generous limit; nothing here sleeps.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace phoenix {

class ScriptedServer {
 public:
  // One accepted connection, for the script.
  class Peer {
   public:
    explicit Peer(int fd) : fd_(fd) {}
    // A request's head and, by its Content-Length, body; "" at the end of the connection.
    std::string read_request() {
      std::string text;
      std::size_t need = std::string::npos;
      while (text.size() < need) {
        char c = 0;
        if (recv(fd_, &c, 1, 0) != 1) return "";
        text.push_back(c);
        if (need == std::string::npos && text.ends_with("\r\n\r\n")) {
          const std::size_t at = text.find("Content-Length: ");
          need = text.size() + (at == std::string::npos ? 0 : std::stoul(text.substr(at + 16)));
        }
      }
      return text;
    }
    void write(std::string_view bytes) { send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
    void answer(int status, const std::string& body, const std::string& headers = "") {
      write("HTTP/1.1 " + std::to_string(status) + " X\r\n" + headers +
            "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    }
    // Ends the connection with a reset.
    void reset() {
      const linger hard{1, 0};
      setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    // Waits until the other end closes.
    void await_close() {
      char c = 0;
      while (recv(fd_, &c, 1, 0) > 0) {
      }
    }

   private:
    int fd_;
  };
  using Script = std::function<void(Peer&)>;

  // Each connection, one after the other, gets the next script; the connection is closed after it.
  explicit ScriptedServer(std::vector<Script> scripts) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    listen(listener_, 16);
    thread_ = std::thread([this, scripts = std::move(scripts)] {
      for (const Script& script : scripts) {
        const int fd = accept(listener_, nullptr, nullptr);
        if (fd < 0) return;
        const timeval limit{20, 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        Peer peer(fd);
        script(peer);
        close(fd);
      }
    });
  }
  ~ScriptedServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
};

// A URL at which nobody listens.
inline std::string dead_url() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  socklen_t size = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

}  // namespace phoenix
