// One call at one keeper, on the event loop: connect, send, and hand the answer on as it comes.
// Every wait has a bound, but for a reader of ours that is behind. Not a retry: who called decides.
//
// Callbacks come from the loop, never from within a call of this class. on_done and on_failed are
// the last ones and may destroy the link; the others may not.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "client/connection.h"
#include "net/event_loop.h"

namespace phoenix::gateway {

class KeeperAnswer {
 public:
  // Status 2xx, and the fields; the body follows.
  virtual void on_head(const Answer& head) = 0;
  virtual void on_body(std::string_view bytes) = 0;
  // The body is complete. Another status than 2xx: `answer` is all there is, its body too.
  virtual void on_done(const Answer& answer) = 0;
  virtual void on_failed(const CallFailure& failure) = 0;

 protected:
  ~KeeperAnswer() = default;
};

// Connections to keepers that are kept while no call needs them. All to be used on the loop's
// thread.
class KeptConnections {
 public:
  explicit KeptConnections(EventLoop& loop) : timer_(loop) {}

  // Null: none that is open.
  std::unique_ptr<HostConnection> take(const BaseUrl& url);
  void keep(std::unique_ptr<HostConnection> connection);

 private:
  struct Kept {
    std::unique_ptr<HostConnection> connection;
    Timer::TimePoint since;
  };
  void drop_old();

  std::map<std::string, std::deque<Kept>> by_url_;  // the newest last
  Timer timer_;
};

struct LinkLimits {
  Duration connect = seconds(2);
  Duration head = seconds(25);  // from the connect to the answer's head
  // Between two parts of a body. Hosts say something every 10 s on a stream.
  Duration silence = seconds(35);
  size_t refusal_bytes = size_t{1} << 20;  // of a body of another status than 2xx
};

class KeeperLink final : private FdEvents {
 public:
  // A kept connection may break under the call before its host has seen it.
  KeeperLink(EventLoop& loop, KeptConnections& kept, KeeperAnswer& answer, LinkLimits limits)
      : loop_(loop), kept_(kept), answer_(answer), limits_(limits), timer_(loop), soon_(loop) {}
  ~KeeperLink();

  // Once. The first thing happens in a later turn.
  void start(std::unique_ptr<HostConnection> connection, std::string request);
  // While on, no more of the body is read.
  void hold(bool on);
  // It was a kept connection: what broke says nothing of the keeper.
  bool used_before() const { return used_before_; }

 private:
  void on_readable() override { step(); }
  void on_writable() override { step(); }
  void step();
  void wait();
  void drop_waiter();
  void arm(Duration limit);
  void tell_head();
  void late();
  void end(const CallFailure& failure);

  EventLoop& loop_;
  KeptConnections& kept_;
  KeeperAnswer& answer_;
  const LinkLimits limits_;
  Timer timer_;
  Timer soon_;
  std::unique_ptr<HostConnection> connection_;  // outlives its waiter
  std::unique_ptr<FdWaiter> waiter_;
  int waiter_fd_ = -1;
  bool used_before_ = false;
  bool was_connected_ = false;
  bool head_told_ = false;
  bool over_ = false;
};

}  // namespace phoenix::gateway
