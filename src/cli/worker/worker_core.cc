#include "cli/worker/worker_core.h"

#include <algorithm>

#include "cli/exit_codes.h"

namespace phoenix::worker {
namespace {

// After the end of a drain the host retires the member by itself; this is how long it may take.
constexpr Duration kGiveUp = seconds(3);
constexpr Duration kLastWords = seconds(2);

}  // namespace

WorkerCore::WorkerCore(const WorkerOptions& options, std::string nonce)
    : options_(options),
      assignments_(options, effects_),
      session_(options, std::move(nonce), effects_, *this) {
  effects_.telling = options.events;
}

void WorkerCore::start(Instant now, std::string saved_token) {
  session_.start(now, std::move(saved_token));
}

void WorkerCore::call_answered(Instant now, uint64_t id, const CallResult& result) {
  advance(now);
  if (!session_.answered(now, id, result)) assignments_.answered(now, id, result);
  conclude(now);
}

void WorkerCore::stream_opened(Instant now, uint64_t stream) {
  advance(now);
  session_.stream_opened(now, stream);
  conclude(now);
}

void WorkerCore::stream_event(Instant now, uint64_t stream, const std::string& event,
                              const std::string& id, const std::string& data) {
  advance(now);
  session_.stream_event(now, stream, event, id, data);
  conclude(now);
}

void WorkerCore::stream_closed(Instant now, uint64_t stream, const Answer* refusal, StreamEnd end) {
  advance(now);
  session_.stream_closed(now, stream, refusal, end);
  conclude(now);
}

void WorkerCore::run_ended(Instant now, uint64_t run, const RunEnd& end) {
  advance(now);
  assignments_.run_ended(now, run, end);
  conclude(now);
}

void WorkerCore::run_not_started(Instant now, uint64_t run, bool for_good, std::string_view why) {
  advance(now);
  assignments_.run_not_started(now, run, for_good, why);
  if (assignments_.cannot_execute() && !leaving_) {
    leave(now, options_.kill_after);
    wind_up_at_ = now;
  }
  advance(now);
  conclude(now);
}

void WorkerCore::checkpoint_written(Instant now, uint64_t run, std::string_view content,
                                    WallMs wall) {
  advance(now);
  assignments_.checkpoint_written(now, run, content, wall);
  conclude(now);
}

void WorkerCore::stop_requested(Instant now) {
  advance(now);
  if (leaving_ || !session_.attached_once()) {
    finish(leaving_ ? kExitInterrupted : kExitDone);
    return;
  }
  effects_.say(SayLevel::kNotice, "leaving: " + std::to_string(assignments_.in_hand()) +
                                      " in hand; a second signal ends at once");
  leave(now, options_.drain_timeout);
  // CMD hears of it late enough to finish if it can, early enough to save its state if not.
  wind_up_at_ = leave_end_ - std::min(options_.kill_after, options_.drain_timeout / 4);
  conclude(now);
}

void WorkerCore::tick(Instant now) {
  advance(now);
  conclude(now);
}

Instant WorkerCore::next_deadline() const {
  if (finished_) return kNever;
  return std::min({session_.next_deadline(), assignments_.next_deadline(), wind_up_at_, give_up_at_,
                   last_words_});
}

Actions WorkerCore::take_actions() { return std::exchange(effects_.actions, {}); }

void WorkerCore::on_token(const std::string& token) { assignments_.use_token(token); }

void WorkerCore::on_identity(const Identity& identity) { assignments_.use_identity(identity); }

void WorkerCore::on_offer(const JsonText& offer) { assignments_.offer(offer); }

void WorkerCore::on_moved(Instant now) { assignments_.host_changed(now); }

void WorkerCore::on_delivery(Instant now, const JsonText& delivery) {
  assignments_.deliver(now, delivery);
}

void WorkerCore::on_revoked(Instant now, const JsonText& revoked) {
  const int64_t epoch = revoked["epoch"].integer().value_or(0);
  if (epoch < 1) return;
  assignments_.revoke(now, revoked["id"].text(), static_cast<uint64_t>(epoch),
                      revoked["reason"].text());
}

void WorkerCore::on_held(Instant now, const std::vector<std::pair<std::string, uint64_t>>& held) {
  assignments_.keep_only(now, held);
}

bool WorkerCore::on_lease_ending(Instant now, Instant end) {
  return assignments_.drop_all(now, end);
}

void WorkerCore::on_lapsed(Instant now) { assignments_.drop_all(now, now); }

void WorkerCore::advance(Instant now) {
  if (finished_) return;
  session_.tick(now);
  if (now >= wind_up_at_) {
    wind_up_at_ = kNever;
    assignments_.wind_up(now, leave_end_);
  }
  assignments_.tick(now);
}

// After every input: is it over?
void WorkerCore::conclude(Instant now) {
  if (finished_) return;
  const bool idle = assignments_.idle();
  if (leaving_ && idle && !was_idle_) session_.ask_now(now);
  was_idle_ = idle;
  const int code = assignments_.cannot_execute() ? kExitFailed : session_.exit_code();
  if (session_.over()) {
    if (last_words_ == kNever) {
      last_words_ = now + kLastWords;
      assignments_.drop_all(now, now);
    }
    // Whoever was replaced says nothing more.
    if (assignments_.idle() || session_.exit_code() != 0 || now >= last_words_) finish(code);
  } else if (now >= give_up_at_) {
    effects_.say(SayLevel::kError, "no host has confirmed the leave in time");
    finish(assignments_.cannot_execute() ? kExitFailed : kExitTimedOut);
  }
}

void WorkerCore::leave(Instant now, Duration timeout) {
  leaving_ = true;
  effects_.tell("leaving");
  leave_end_ = now + timeout;
  give_up_at_ = leave_end_ + kGiveUp;
  session_.drain(now, timeout);
}

void WorkerCore::finish(int exit_code) {
  if (finished_) return;
  finished_ = true;
  effects_.add(Finish{exit_code});
}

}  // namespace phoenix::worker
