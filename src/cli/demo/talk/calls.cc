#include "cli/demo/talk/calls.h"

#include <algorithm>

#include "client/problem.h"

namespace phoenix::demo {
namespace {

constexpr Duration kCallLimit = seconds(10);
constexpr Duration kLeastPause = milliseconds(30);
constexpr Duration kMostPause = seconds(1);

}  // namespace

bool asks_for_later(int status) {
  return status == 408 || status == 429 || status == 503 || status == 504;
}

Duration pause_before_repeat(const CallResult& result) {
  if (!result) return kLeastPause;
  const auto wanted = parse_problem(*result).retry_after_ms;
  return std::clamp(milliseconds(wanted.value_or(0)), kLeastPause, kMostPause);
}

Result<std::unique_ptr<HostCalls>> HostCalls::create(EventLoop& loop,
                                                     std::vector<std::string> urls) {
  std::unique_ptr<HostCalls> calls(new HostCalls(loop));
  ClientOptions options;
  calls->url_ = urls.front();
  options.urls = std::move(urls);
  options.timeout = kCallLimit;
  auto client = AsyncClient::create(loop, std::move(options));
  if (!client) return tl::unexpected(client.error());
  calls->client_ = std::move(*client);
  return calls;
}

void HostCalls::once(Call call, Done done) {
  if (call.url.empty()) call.url = url_;
  client_->call(next_id(), call, std::move(done));
}

void HostCalls::get_once(const std::string& target, Done done) {
  Call call;
  call.target = target;
  once(std::move(call), std::move(done));
}

void HostCalls::get_once_at(const std::string& url, const std::string& target, Done done) {
  Call call;
  call.target = target;
  call.url = url;
  once(std::move(call), std::move(done));
}

void HostCalls::insist(Call call, std::function<void(const Answer&)> done) {
  const uint64_t ticket = next_id();
  insisting_.emplace(ticket, Insisting{std::move(call), std::move(done), Timer(loop_)});
  attempt(ticket);
}

void HostCalls::attempt(uint64_t ticket) {
  Call call = insisting_.at(ticket).call;
  if (call.url.empty()) call.url = url_;
  client_->call(next_id(), call, [this, ticket](const CallResult& result) {
    const auto it = insisting_.find(ticket);
    if (result && !asks_for_later(result->status)) {
      const auto done = std::move(it->second.done);
      insisting_.erase(it);
      done(*result);
      return;
    }
    it->second.again.call_after(pause_before_repeat(result), [this, ticket] { attempt(ticket); });
  });
}

}  // namespace phoenix::demo
