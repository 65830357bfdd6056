// Calls of the demo to its host: once, or again and again until the host has answered, over its
// restarts too.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/async_client.h"
#include "net/event_loop.h"

namespace phoenix::demo {

class HostCalls {
 public:
  // `urls`: of the hosts; all calls go to the first one until told otherwise.
  static Result<std::unique_ptr<HostCalls>> create(EventLoop& loop, std::vector<std::string> urls);
  // From now on, also what is repeated.
  void use(std::string url) { url_ = std::move(url); }
  const std::string& url() const { return url_; }

  using Done = std::function<void(const CallResult&)>;
  void once(Call call, Done done);
  void get_once(const std::string& target, Done done);
  void get_once_at(const std::string& url, const std::string& target, Done done);
  // Repeats while nobody answers or the answer is "later" (408, 429, 503, 504). The call must do
  // no harm when it arrives twice.
  void insist(Call call, std::function<void(const Answer&)> done);

  AsyncClient& client() { return *client_; }
  uint64_t next_id() { return ++last_id_; }

 private:
  explicit HostCalls(EventLoop& loop) : loop_(loop) {}
  void attempt(uint64_t ticket);

  struct Insisting {
    Call call;
    std::function<void(const Answer&)> done;
    Timer again;
  };
  EventLoop& loop_;
  std::unique_ptr<AsyncClient> client_;
  std::map<uint64_t, Insisting> insisting_;
  std::string url_;
  uint64_t last_id_ = 0;
};

// Whether the host asked for a later repeat; how long to wait at least.
bool asks_for_later(int status);
Duration pause_before_repeat(const CallResult& result);

}  // namespace phoenix::demo
