// What this member has in hand: each (packet, epoch) from its delivery over the run of CMD to the
// answer of the call that ends it. Half of the member-side core; session.h is the other. Pure.
//
//   delivery -> waiting -> running -> reporting -> settled
//                  \          \            \
//                   `----------`-- dropped: stopped, its output thrown away
//
// A delivery is acted on once: while its work is in hand, and after it was settled or dropped,
// repeats of that or an older epoch do nothing. What an attach lists as held, but is not in hand,
// may be delivered and begun again. A final call that was sent once is repeated until it is
// answered, also when the work has been dropped since: the host's fence decides.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/worker/actions.h"
#include "cli/worker/delivery.h"
#include "cli/worker/worker_main.h"

namespace phoenix::worker {

class Assignments {
 public:
  Assignments(const WorkerOptions& options, Effects& effects);

  // With which token packet calls are made; the newest one also for older epochs.
  void use_token(std::string token) { token_ = std::move(token); }
  // In whose name results are signed; without a pool they are not.
  void use_identity(Identity identity) { identity_ = std::move(identity); }

  void deliver(Instant now, const JsonText& delivery);
  // Another member wants to hand a packet over to this one.
  void offer(const JsonText& offer);
  // Nothing of that or an older epoch will be accepted.
  void revoke(Instant now, const std::string& packet, uint64_t epoch, std::string_view reason);
  // After an attach: stops what is not listed; what is listed may be delivered again.
  void keep_only(Instant now, const std::vector<std::pair<std::string, uint64_t>>& held);
  // Drops all that is not yet reported: SIGTERM now, SIGKILL at `kill_at`. True if there was any.
  bool drop_all(Instant now, Instant kill_at);
  // Asks CMD to end: exit 0 still completes, else the packet is released. Nothing new is begun.
  void wind_up(Instant now, Instant kill_at);

  // Calls that are open at another host than the present one are made again at this one.
  void host_changed(Instant now);

  void run_ended(Instant now, uint64_t run, const RunEnd& end);
  // `for_good`: CMD cannot be executed at all, so nothing new is begun.
  void run_not_started(Instant now, uint64_t run, bool for_good, std::string_view why);
  void checkpoint_written(Instant now, uint64_t run, std::string_view content, WallMs wall);
  // False: the call was not made here.
  bool answered(Instant now, uint64_t call_id, const CallResult& result);

  void tick(Instant now);
  Instant next_deadline() const;
  bool idle() const { return works_.empty(); }
  bool cannot_execute() const { return cannot_execute_; }
  std::size_t in_hand() const { return current_.size(); }

 private:
  enum class Phase : uint8_t { kWaiting, kRunning, kReporting };
  // The number of a Work is also the number of its run.
  struct Work {
    uint64_t number = 0;
    std::string packet;
    uint64_t epoch = 0;
    RunInput input;
    std::optional<Digest> contract;   // of its delivery
    std::vector<std::string> scopes;  // likewise
    Phase phase = Phase::kWaiting;
    bool dropped = false;
    bool termed = false;
    RunStop stop = RunStop::kNone;
    Instant timeout_at = kNever;
    Instant kill_at = kNever;
    std::deque<Verdict> calls;  // the front one is open or next
    uint64_t call_id = 0;       // of the open call
    std::string call_url;       // the host at which it is open, or was last
    bool sent = false;          // the front one has left at least once
    int tries = 0;
    Instant retry_at = kNever;
    // --tickets
    bool asking = false;         // for the one that CMD begins with
    uint64_t ticket_call = 0;    // open
    std::string ticket_url;      // the host at which it is open
    Instant ticket_asked;        // when it was made
    Instant ticket_at = kNever;  // when the next one is to be
  };

  Work* find_run(uint64_t run);
  void begin_waiting(Instant now);
  void begin(Instant now, Work& work);
  void stop_run(Instant now, Work& work, Instant kill_at);
  void drop(Instant now, Work& work, Instant kill_at);
  void settle(const std::string& packet, uint64_t epoch);
  void leave_hand(const Work& work);
  void report(Instant now, Work& work, Verdict verdict);
  std::string signature_of(const Work& work, const Verdict& verdict) const;
  MakeCall packet_call(const std::string& packet, const std::string& verb, std::string body);
  void send_next(Instant now, Work& work);
  void next_call(Instant now, Work& work);
  void repeat_call(Instant now, Work& work, Duration at_least);
  void refused(Instant now, Work& work, const Answer& answer);
  // --- signing.cc: tickets ---
  static bool may_show_tickets(const Work& work);
  void ask_ticket(Instant now, Work& work);
  void forget_ticket(Work& work);
  bool ticket_answered(Instant now, uint64_t call_id, const CallResult& result);
  void ticket_refused(Instant now, Work& work, const Answer& answer);
  // Erases the works for which nothing is left to do.
  void sweep();

  const WorkerOptions& options_;
  Effects& effects_;
  std::string token_;
  Identity identity_;
  std::set<uint64_t> accepts_;                 // open calls by which offers were answered
  std::map<uint64_t, Work> works_;             // in order of arrival
  std::map<std::string, uint64_t> current_;    // packet -> the work in hand
  std::map<uint64_t, uint64_t> open_calls_;    // call -> work
  std::map<uint64_t, uint64_t> ticket_calls_;  // likewise
  // Highest epoch of a packet that must not be begun; the oldest are forgotten first.
  std::map<std::string, uint64_t> settled_;
  std::deque<std::string> settled_order_;
  int64_t last_seq_ = 0;
  bool accepting_ = true;
  bool cannot_execute_ = false;
};

}  // namespace phoenix::worker
