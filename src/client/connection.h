// One connection to a host: non-blocking socket, TLS if the origin asks for it, one request at a
// time. Whoever owns it waits for readiness (poll(2) or an event loop) and calls step().
//
//   HostConnection c(origin, tls);  c.send(request, ...);
//   while (c.phase() != kDone && c.phase() != kFailed) { wait(c.fd(), c.wants_write()); c.step(); }
//
// Names are resolved by the system and may block; literals never do.
#pragma once

#include <netdb.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/answer_parser.h"
#include "client/tls.h"
#include "client/url.h"

namespace phoenix {

// Name, value and line end. A value cannot end its line: what would is left out.
void append_header(std::string& out, std::string_view name, std::string_view value);

// The bytes of a request as they go over the wire.
std::string encode_request(const BaseUrl& origin, const Call& call, std::string_view token);

class HostConnection {
 public:
  enum class Phase : uint8_t {
    kIdle,    // nothing to do: new, or an answer was taken and the connection kept
    kBusy,    // connecting, sending or receiving
    kDone,    // the answer is complete: take_answer()
    kFailed,  // see fault(), detail(); of no further use
  };

  // `tls_name`: whom the certificate must name, where that is not the host that is dialled.
  HostConnection(BaseUrl origin, std::shared_ptr<const TlsTrust> tls, std::string tls_name = {});
  ~HostConnection();
  HostConnection(const HostConnection&) = delete;
  HostConnection& operator=(const HostConnection&) = delete;

  // Requires: phase kIdle. Connects if need be.
  void send(std::string request, bool head_only, std::size_t max_body, AnswerParser::BodySink sink);
  void step();
  // While on, nothing more is read: who takes the bytes is behind. What was read was handed over.
  void hold(bool on) { held_ = on; }
  bool held() const { return held_; }
  Phase phase() const { return phase_; }
  // Whether the peer has closed a connection in phase kIdle (or sent what nobody asked for).
  bool stale() const;
  bool used() const { return answers_ > 0; }

  int fd() const { return fd_; }  // changes while connecting tries several addresses; -1: none
  bool wants_write() const { return connecting_ || !out_.empty(); }
  bool connected() const { return fd_ >= 0 && !connecting_ && (!tls_ || tls_->established()); }
  // The status and headers have come: for a streamed answer.
  bool head_done() const { return parser_ && parser_->head_done(); }
  const Answer& head() const { return parser_->answer(); }

  // Requires: kDone. Then kIdle if the connection may be used again, else closed.
  Answer take_answer();
  bool reusable() const { return reusable_; }
  CallFault fault() const { return fault_; }
  const std::string& detail() const { return detail_; }
  const BaseUrl& origin() const { return origin_; }

 private:
  void open();
  bool next_address();
  void finish_connect();
  void begin_request();
  void write_some();
  void drop_output();
  void read_some();
  void take_bytes(std::string_view plain);
  void take_eof();
  void fail_with(std::string detail);
  void close_fd();

  BaseUrl origin_;
  std::shared_ptr<const TlsTrust> context_;
  std::string tls_name_;
  std::unique_ptr<TlsDialogue> tls_;
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses_{nullptr, &freeaddrinfo};
  addrinfo* next_ = nullptr;
  int fd_ = -1;
  bool connecting_ = false;
  bool held_ = false;
  bool left_ = false;  // a byte of the present request may have left
  bool reusable_ = false;
  int answers_ = 0;
  Phase phase_ = Phase::kIdle;
  std::string request_;   // waits for the connect
  std::string out_;       // on its way into the socket; empty when all of it is there
  std::size_t sent_ = 0;  // of out_
  std::unique_ptr<AnswerParser> parser_;
  CallFault fault_ = CallFault::kUnreachable;
  std::string detail_;
};

}  // namespace phoenix
