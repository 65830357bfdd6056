#include "runtime/gossip/streams.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "net/sockets/dial.h"
#include "runtime/gossip/documents.h"
#include "runtime/gossip/stream.h"

namespace phoenix::gossip {
namespace {

constexpr int kAcceptsPerTurn = 16;
constexpr Duration kAcceptAgain = milliseconds(200);  // when descriptors are out

using StreamMap = std::map<StreamId, std::shared_ptr<GossipStream>>;  // ids grow with time

}  // namespace

struct Streams::Impl final : std::enable_shared_from_this<Streams::Impl>,
                             private StreamOwner,
                             private FdEvents {
  struct Waiting {
    StreamOut request;
    Timer::TimePoint deadline;
  };

  Impl(EventLoop& the_loop, Worker& worker, Fd the_listener, StreamEvents& the_events,
       const StreamLimits& the_limits)
      : loop(the_loop),
        events(the_events),
        limits(the_limits),
        setting{the_loop, worker, *this, the_limits.at_once, the_limits.linger},
        listener(std::move(the_listener)),
        again(the_loop) {
    waiter.emplace(loop, listener.get(), static_cast<FdEvents&>(*this));
    waiter->wait_readable();
  }

  void stop_accepting() {
    again.cancel();
    waiter.reset();
    listener.reset(-1);
  }

  // --- incoming ---
  void on_readable() override {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      Accepted accepted = accept_tcp(listener.get());
      if (accepted.fd.valid()) {
        admit(std::move(accepted.fd));
        continue;
      }
      if (accepted.error == EAGAIN || accepted.error == EWOULDBLOCK) break;
      const bool exhausted = accepted.error == EMFILE || accepted.error == ENFILE ||
                             accepted.error == ENOBUFS || accepted.error == ENOMEM;
      if (!exhausted) continue;  // that connection is gone before it was taken
      return again.call_after(kAcceptAgain, [this] { on_readable(); });
    }
    waiter->wait_readable();
  }
  void on_writable() override {}

  void admit(Fd fd) {
    const Endpoint peer = endpoint_of(peer_of(fd.get()));
    ++counts.accepted;
    if (incoming.size() >= limits.incoming) make_room();
    const StreamId id = ++last_id;
    auto stream = std::make_shared<GossipStream>(setting, id, true, std::move(fd), peer,
                                                 events.frame(), events.keyring());
    stream->deadline().call_after(limits.timeout, [this, id] {
      ++counts.timed_out;
      drop(incoming, id);
    });
    stream->start_reading();
    incoming.emplace(id, std::move(stream));
  }

  // The oldest stream of the address that has most of them.
  void make_room() {
    std::map<std::string_view, size_t> of_address;
    for (const auto& [id, stream] : incoming) ++of_address[stream->peer().bytes()];
    const auto most =
        std::max_element(of_address.begin(), of_address.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    for (const auto& [id, stream] : incoming) {
      if (stream->peer().bytes() != most->first) continue;
      ++counts.evicted;
      return drop(incoming, id);
    }
  }

  // --- outgoing ---
  void open(StreamOut request) {
    if (request.timeout.ns <= 0 || request.timeout > limits.timeout) {
      request.timeout = limits.timeout;
    }
    if (outgoing.size() < limits.outgoing) return dial(std::move(request));
    if (waiting.size() >= limits.waiting) {
      return fail_later(request.id, StreamFailure::kUnreachable);
    }
    // Its time runs already: where everybody is slow, waiting does not add to it.
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::nanoseconds(request.timeout.ns);
    waiting.push_back({std::move(request), deadline});
  }

  void dial(StreamOut request) {
    Dialed dialed = dial_tcp(ip_port_of(request.to));
    if (!dialed.fd.valid()) {
      const bool refused = dialed.error == ECONNREFUSED;
      return fail_later(request.id,
                        refused ? StreamFailure::kRefused : StreamFailure::kUnreachable);
    }
    ++counts.opened;
    const StreamId id = request.id;
    auto stream = std::make_shared<GossipStream>(setting, id, false, std::move(dialed.fd),
                                                 request.to, events.frame(), events.keyring());
    stream->deadline().call_after(request.timeout, [this, id] {
      ++counts.timed_out;
      drop(outgoing, id);
      events.on_failure(id, StreamFailure::kTimeout, Drop::kNone);
    });
    stream->start_writing(std::move(request.bytes), request.answer);
    outgoing.emplace(id, std::move(stream));
  }

  void fail_later(StreamId id, StreamFailure why) {
    loop.post([weak = weak_from_this(), id, why] {
      if (const auto self = weak.lock()) self->events.on_failure(id, why, Drop::kNone);
    });
  }

  void next_waiting() {
    while (!waiting.empty() && outgoing.size() < limits.outgoing) {
      Waiting next = std::move(waiting.front());
      waiting.pop_front();
      const auto left = next.deadline - std::chrono::steady_clock::now();
      next.request.timeout = {left / std::chrono::nanoseconds(1)};
      if (next.request.timeout.ns > 0) {
        dial(std::move(next.request));
      } else {
        ++counts.timed_out;
        fail_later(next.request.id, StreamFailure::kTimeout);
      }
    }
  }

  // Destroyed in a later turn: one of its own calls may be on the stack.
  void drop(StreamMap& streams, StreamId id) {
    const auto found = streams.find(id);
    if (found == streams.end()) return;
    found->second->abandon();
    loop.post([gone = std::move(found->second)] {});
    streams.erase(found);
    if (&streams == &outgoing) next_waiting();
  }

  // --- told by the streams ---
  void on_message(GossipStream& stream, std::string_view message) override {
    const StreamId id = stream.id();
    if (stream.incoming()) return events.on_request(id, message, stream.peer());
    events.on_answer(id, message);
    drop(outgoing, id);
  }
  void on_refused(GossipStream& stream, Drop why) override {
    const StreamId id = stream.id();
    if (stream.incoming()) return events.on_unreadable(id, why, stream.peer());
    drop(outgoing, id);
    events.on_failure(id, StreamFailure::kMalformed, why);
  }
  void on_failed(GossipStream& stream, StreamFailure why) override {
    const StreamId id = stream.id();
    if (stream.incoming()) {
      ++counts.cut;
      return drop(incoming, id);
    }
    drop(outgoing, id);
    events.on_failure(id, why, Drop::kNone);
  }
  void on_closed(GossipStream& stream) override {
    drop(stream.incoming() ? incoming : outgoing, stream.id());
  }
  // Who holds most goes when all together hold too much.
  void on_grown(GossipStream&) override {
    size_t held = 0;
    GossipStream* largest = nullptr;
    for (StreamMap* streams : {&incoming, &outgoing}) {
      for (const auto& [id, stream] : *streams) {
        held += stream->held();
        if (largest == nullptr || stream->held() > largest->held()) largest = stream.get();
      }
    }
    if (held <= limits.held || largest == nullptr) return;
    ++counts.evicted;
    const StreamId id = largest->id();
    if (largest->incoming()) return drop(incoming, id);
    drop(outgoing, id);
    fail_later(id, StreamFailure::kReset);
  }

  EventLoop& loop;
  StreamEvents& events;
  StreamLimits limits;
  StreamSetting setting;
  StreamCounts counts;
  StreamId last_id = 0;
  StreamMap incoming;
  StreamMap outgoing;
  std::deque<Waiting> waiting;
  Fd listener;
  Timer again;
  std::optional<FdWaiter> waiter;  // last: it goes before the descriptor
};

Streams::Streams(EventLoop& loop, Worker& worker, Fd listener, StreamEvents& events,
                 const StreamLimits& limits)
    : impl_(std::make_shared<Impl>(loop, worker, std::move(listener), events, limits)) {}

Streams::~Streams() {
  // What waits in the loop for its destruction must find nothing left to call.
  for (StreamMap* streams : {&impl_->incoming, &impl_->outgoing}) {
    for (const auto& [id, stream] : *streams) stream->abandon();
    streams->clear();
  }
}

void Streams::open(StreamOut request) { impl_->open(std::move(request)); }

void Streams::reply(StreamReply reply) {
  const auto found = impl_->incoming.find(reply.id);
  if (found == impl_->incoming.end()) return;
  const auto stream = found->second;
  stream->reply(std::move(reply.bytes));
}

void Streams::stop_accepting() { impl_->stop_accepting(); }
size_t Streams::incoming() const { return impl_->incoming.size(); }
size_t Streams::outgoing() const { return impl_->outgoing.size() + impl_->waiting.size(); }
const StreamCounts& Streams::counts() const { return impl_->counts; }

}  // namespace phoenix::gossip
