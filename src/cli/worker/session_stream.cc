// The stream's part of the session.
#include <algorithm>
#include <utility>

#include "cli/worker/session.h"
#include "client/http_client.h"

namespace phoenix::worker {
namespace {

// More than a host sends before the first heartbeat is answered.
constexpr std::size_t kMaxEarlyBytes = std::size_t{64} << 20;

}  // namespace

void Session::open_stream(Instant) {
  stream_retry_ = kNever;
  OpenStream open;
  open.id = effects_.next_id();
  open.call.target = target("/stream");
  open.call.headers.emplace_back("Accept", "text/event-stream");
  if (!after_.empty()) open.call.headers.emplace_back("Last-Event-ID", after_);
  open.call.token = token_;
  open.call.timeout = hosts_.several() ? lease_ / 3 : std::max(lease_, seconds(2));
  open.call.url = hosts_.present();
  stream_ = open.id;
  stream_open_ = false;
  effects_.add(std::move(open));
}

void Session::close_stream(Instant now) {
  if (stream_ != 0) {
    effects_.add(CloseStream{});
    count_grace(now);
    hold();
  }
  stream_ = 0;
  stream_open_ = false;
  stream_retry_ = kNever;
  unsure_since_.reset();
  early_.clear();
  early_bytes_ = 0;
}

// This end has closed the stream, so the host begins to count its grace: also when its answer to
// the opening was not heard, for it may have opened it.
void Session::count_grace(Instant now) {
  if (broken_at_ || stream_ == uncounted_stream_) return;
  broken_at_ = now;
  grace_from_ = now;
}

void Session::stream_opened(Instant now, uint64_t stream) {
  if (stream != stream_) return;
  stream_open_ = true;
  stream_tries_ = 0;
  broken_at_.reset();
  hold();
  calm_down(now);
}

void Session::stream_event(Instant now, uint64_t stream, const std::string& event,
                           const std::string& id, const std::string& data) {
  if (stream != stream_ || state_ != State::kAttached) return;
  const auto json = unsure_since_ ? JsonText::parse(data) : std::nullopt;
  if (!unsure_since_ || (json && (*json)["run"].present())) {
    take_event(now, {event, id, data});
    return;
  }
  // It does not say which life of the host it comes from: a heartbeat sent since will tell.
  early_bytes_ += data.size();
  if (early_bytes_ > kMaxEarlyBytes) {
    begin_attach(now);
    return;
  }
  early_.push_back({event, id, data});
}

void Session::take_early_events(Instant now) {
  early_bytes_ = 0;
  for (const StreamEvent& event : std::exchange(early_, {})) {
    if (state_ == State::kAttached) take_event(now, event);
  }
}

void Session::take_event(Instant now, const StreamEvent& event) {
  const auto json = JsonText::parse(event.data);
  if (!json) return;
  if (other_run(*json)) {
    begin_attach(now);
    return;
  }
  if (!event.id.empty()) after_ = event.id;
  if (event.type == "delivery") events_.on_delivery(now, *json);
  if (event.type == "offer") events_.on_offer(*json);
  if (event.type == "revoked") events_.on_revoked(now, *json);
  if (event.type == "drain") note_drain(*json);
  if (event.type == "move") follow(now, *json);
}

void Session::stream_closed(Instant now, uint64_t stream, const Answer* refusal, StreamEnd end) {
  if (stream != stream_) return;
  const bool was_open = stream_open_;
  if (was_open || (refusal == nullptr && end == StreamEnd::kSilent)) count_grace(now);
  stream_ = 0;
  stream_open_ = false;
  if (refusal != nullptr && ended_by(now, *refusal)) return;
  if (was_open) {
    stream_tries_ = 0;
    // Whoever answers next may be another life of the host.
    unsure_since_ = now;
    next_heartbeat_ = now;
    early_.clear();
    early_bytes_ = 0;
  }
  // Nobody there to have noticed a break: the lease governs.
  if (refusal == nullptr && end == StreamEnd::kNobody) broken_at_.reset();
  hold();
  if (state_ != State::kAttached) return;
  if (was_open) {
    open_stream(now);
    return;
  }
  const Duration pause =
      std::min(milliseconds(20) * (int64_t{1} << std::min(stream_tries_, 4)), lease_ / 6);
  ++stream_tries_;
  stream_retry_ = now + pause;
  if (refusal == nullptr) {
    leave_host(now, end == StreamEnd::kSilent ? HostTrouble::kSilent : HostTrouble::kGone);
  } else if (declined(*refusal)) {
    follow(now, JsonText::parse(refusal->body).value_or(JsonText()));
    leave_host(now, HostTrouble::kSilent);
  }
}

}  // namespace phoenix::worker
