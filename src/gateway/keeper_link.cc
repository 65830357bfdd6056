#include "gateway/keeper_link.h"

#include <utility>

namespace phoenix::gateway {
namespace {

constexpr size_t kMostKept = 64;  // to one keeper
// Hosts close a connection that nothing came over for 75 s.
constexpr Duration kKeptFor = seconds(50);
constexpr Duration kLookEvery = seconds(10);

}  // namespace

std::unique_ptr<HostConnection> KeptConnections::take(const BaseUrl& url) {
  const auto found = by_url_.find(url.url);
  if (found == by_url_.end()) return nullptr;
  std::unique_ptr<HostConnection> connection;
  while (!found->second.empty() && !connection) {
    connection = std::move(found->second.back().connection);
    found->second.pop_back();
    if (connection->stale()) connection.reset();
  }
  if (found->second.empty()) by_url_.erase(found);
  return connection;
}

void KeptConnections::keep(std::unique_ptr<HostConnection> connection) {
  auto& kept = by_url_[connection->origin().url];
  kept.push_back({std::move(connection), std::chrono::steady_clock::now()});
  if (kept.size() > kMostKept) kept.pop_front();
  if (!timer_.pending()) timer_.call_after(kLookEvery, [this] { drop_old(); });
}

void KeptConnections::drop_old() {
  const auto oldest = std::chrono::steady_clock::now() - std::chrono::nanoseconds(kKeptFor.ns);
  for (auto& [url, kept] : by_url_) {
    while (!kept.empty() && (kept.front().since < oldest || kept.front().connection->stale())) {
      kept.pop_front();
    }
  }
  std::erase_if(by_url_, [](const auto& entry) { return entry.second.empty(); });
  if (!by_url_.empty()) timer_.call_after(kLookEvery, [this] { drop_old(); });
}

KeeperLink::~KeeperLink() { drop_waiter(); }

void KeeperLink::start(std::unique_ptr<HostConnection> connection, std::string request) {
  connection_ = std::move(connection);
  used_before_ = was_connected_ = connection_->used();
  // The answer's head is told before its first byte.
  AnswerParser::BodySink sink = [this](std::string_view bytes) {
    tell_head();
    answer_.on_body(bytes);
  };
  soon_.call_after({}, [this, request = std::move(request), sink = std::move(sink)]() mutable {
    connection_->send(std::move(request), false, limits_.refusal_bytes, std::move(sink));
    arm(was_connected_ ? limits_.head : limits_.connect);
    step();
  });
}

void KeeperLink::hold(bool on) {
  if (over_ || on == connection_->held()) return;
  connection_->hold(on);
  if (on) return timer_.cancel();
  arm(limits_.silence);
  soon_.call_after({}, [this] { step(); });
}

void KeeperLink::drop_waiter() {
  waiter_.reset();
  waiter_fd_ = -1;
}

void KeeperLink::arm(Duration limit) {
  timer_.call_after(limit, [this] { late(); });
}

void KeeperLink::tell_head() {
  if (std::exchange(head_told_, true)) return;
  answer_.on_head(connection_->head());
}

void KeeperLink::step() {
  if (over_) return;
  // The loop must not watch a descriptor that the step may close.
  if (!connection_->connected()) drop_waiter();
  connection_->step();
  switch (connection_->phase()) {
    case HostConnection::Phase::kFailed:
      return end({connection_->fault(), connection_->origin().url, connection_->detail()});
    case HostConnection::Phase::kDone: {
      over_ = true;
      timer_.cancel();
      drop_waiter();
      const Answer answer = connection_->take_answer();
      if (connection_->reusable()) kept_.keep(std::move(connection_));
      if (answer.ok() && !std::exchange(head_told_, true)) answer_.on_head(answer);
      return answer_.on_done(answer);
    }
    case HostConnection::Phase::kIdle:
    case HostConnection::Phase::kBusy:
      break;
  }
  if (connection_->head_done() && connection_->head().ok()) tell_head();
  if (connection_->held()) return;
  if (head_told_) {
    arm(limits_.silence);
  } else if (!std::exchange(was_connected_, connection_->connected()) && was_connected_) {
    arm(limits_.head);
  }
  wait();
}

void KeeperLink::wait() {
  const int fd = connection_->fd();
  if (fd != waiter_fd_) {
    drop_waiter();
    waiter_fd_ = fd;
    waiter_ = std::make_unique<FdWaiter>(loop_, fd, static_cast<FdEvents&>(*this));
  }
  waiter_->wait_readable();
  if (connection_->wants_write()) waiter_->wait_writable();
}

void KeeperLink::late() {
  const bool connected = connection_->connected();
  end({connected ? CallFault::kTimedOut : CallFault::kUnreachable, connection_->origin().url,
       connected ? "no answer in time" : "no connection in time"});
}

void KeeperLink::end(const CallFailure& failure) {
  over_ = true;
  timer_.cancel();
  drop_waiter();
  answer_.on_failed(CallFailure(failure));
}

}  // namespace phoenix::gateway
