// The member's side of the members' protocol as one state machine: what is answered, what a run of
// CMD came to and what time it is go in; calls, starts and signals come out. The driver
// (worker_main.cc) carries them out and decides nothing. Pure: no clock, socket, process or file.
//
// Every input first looks at the clock: a worker that was frozen beyond its lease has stopped its
// work before it reads what CMD printed meanwhile.
#pragma once

#include <string>
#include <string_view>

#include "cli/worker/actions.h"
#include "cli/worker/assignments.h"
#include "cli/worker/session.h"
#include "cli/worker/worker_main.h"

namespace phoenix::worker {

class WorkerCore final : private SessionEvents {
 public:
  // `options` must outlive it. `nonce`: unlike that of any other process.
  WorkerCore(const WorkerOptions& options, std::string nonce);

  // The time of day, for what is signed. To be told before other inputs; nothing is decided by it.
  void tell_time(WallMs wall) { effects_.wall = wall; }

  void start(Instant now, std::string saved_token);
  void call_answered(Instant now, uint64_t id, const CallResult& result);
  void stream_opened(Instant now, uint64_t stream);
  void stream_event(Instant now, uint64_t stream, const std::string& event, const std::string& id,
                    const std::string& data);
  void stream_closed(Instant now, uint64_t stream, const Answer* refusal, StreamEnd end);
  void run_ended(Instant now, uint64_t run, const RunEnd& end);
  void run_not_started(Instant now, uint64_t run, bool for_good, std::string_view why);
  void checkpoint_written(Instant now, uint64_t run, std::string_view content, WallMs wall);
  // SIGTERM or SIGINT: the first one drains, the second one ends it.
  void stop_requested(Instant now);
  void tick(Instant now);

  // When tick() is due at the latest.
  Instant next_deadline() const;
  // What is to be done, in order; to be taken after every input.
  Actions take_actions();

 private:
  void on_token(const std::string& token) override;
  void on_identity(const Identity& identity) override;
  void on_offer(const JsonText& offer) override;
  void on_moved(Instant now) override;
  void on_delivery(Instant now, const JsonText& delivery) override;
  void on_revoked(Instant now, const JsonText& revoked) override;
  void on_held(Instant now, const std::vector<std::pair<std::string, uint64_t>>& held) override;
  bool on_lease_ending(Instant now, Instant end) override;
  void on_lapsed(Instant now) override;

  void advance(Instant now);
  void conclude(Instant now);
  void leave(Instant now, Duration timeout);
  void finish(int exit_code);

  const WorkerOptions& options_;
  Effects effects_;
  Assignments assignments_;
  Session session_;
  bool leaving_ = false;
  bool was_idle_ = true;
  bool finished_ = false;
  Instant wind_up_at_ = kNever;
  Instant leave_end_ = kNever;   // what still runs is killed
  Instant give_up_at_ = kNever;  // no host has let go until then
  Instant last_words_ = kNever;  // the session is over, a final call is still open
};

}  // namespace phoenix::worker
