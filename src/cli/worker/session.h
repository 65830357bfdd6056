// The member's session as the member sees it: registering, the lease that it counts itself, the
// stream, heartbeats, attaching again, drain and end. Half of the member-side core; assignments.h
// is the other. Pure.
//
//   registering -> attached <-> attaching -> over
//
// The lease runs from when the last register, attach or heartbeat that was answered was *sent*.
// A tenth of it before its end everything is asked to stop, at its end it is killed, and then only
// an attach goes out. The member is attached to one host at a time; if that one fails or leaves, it
// attaches at another one of the pool, with the same token, while the work in hand goes on. From a
// break of the stream that may have come from this end until a new one
// is open, the grace takes the lease's place; a host that is seen to be gone cannot have noticed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/worker/actions.h"
#include "cli/worker/delivery.h"
#include "cli/worker/host_list.h"
#include "cli/worker/worker_main.h"
#include "client/json_text.h"

namespace phoenix::worker {

// What the session asks of the assignments.
class SessionEvents {
 public:
  virtual void on_token(const std::string& token) = 0;
  virtual void on_identity(const Identity& identity) = 0;
  // Calls go to another host now: those still open at the former one are to be made again.
  virtual void on_moved(Instant now) = 0;
  virtual void on_delivery(Instant now, const JsonText& delivery) = 0;
  virtual void on_offer(const JsonText& offer) = 0;
  virtual void on_revoked(Instant now, const JsonText& revoked) = 0;
  virtual void on_held(Instant now, const std::vector<std::pair<std::string, uint64_t>>& held) = 0;
  // Everything must have stopped by `end`. True if there was anything.
  virtual bool on_lease_ending(Instant now, Instant end) = 0;
  // The session is over, nothing in hand counts any more.
  virtual void on_lapsed(Instant now) = 0;

 protected:
  ~SessionEvents() = default;
};

// How a stream, or an attempt at one, ended without an answer.
enum class StreamEnd : uint8_t {
  kBroken,  // closed, or reset
  kSilent,  // neither connection nor answer in time
  kNobody,  // nobody listens there any more
};

class Session {
 public:
  static constexpr Duration kGrace = milliseconds(250);

  // `nonce` makes the Idempotency-Keys of this process unlike all others.
  Session(const WorkerOptions& options, std::string nonce, Effects& effects, SessionEvents& events);

  // With a saved token it attaches, else it registers.
  void start(Instant now, std::string saved_token);
  // Leave with notice; true once the host has taken it.
  void drain(Instant now, Duration timeout);
  // Asks the host at once whether it lets go: nothing is in hand any more.
  void ask_now(Instant now);

  // False: the call was not made here.
  bool answered(Instant now, uint64_t call_id, const CallResult& result);
  void stream_opened(Instant now, uint64_t stream);
  void stream_event(Instant now, uint64_t stream, const std::string& event, const std::string& id,
                    const std::string& data);
  // `refusal`: the host answered with a status other than 200; null: `end` says what happened.
  void stream_closed(Instant now, uint64_t stream, const Answer* refusal, StreamEnd end);

  // Called with every input before it is looked at.
  void tick(Instant now);
  Instant next_deadline() const;

  bool attached_once() const { return attached_once_; }
  bool over() const { return state_ == State::kOver; }
  int exit_code() const { return exit_code_; }
  // kNever while nothing is promised, or without the own check.
  Instant lease_end() const;

 private:
  enum class State : uint8_t { kRegistering, kAttached, kAttaching, kOver };
  enum class HostTrouble : uint8_t { kGone, kSilent };
  struct StreamEvent {
    std::string type;
    std::string id;
    std::string data;
  };
  struct Heartbeat {
    Instant sent;
    std::string after;
  };

  std::string target(const std::string& tail) const;
  uint64_t make_call(const std::string& method, std::string target, std::string body,
                     Duration timeout);
  void send_register(Instant now);
  void registered(Instant now, const CallResult& result);
  void register_refused(Instant now, const Answer& answer);
  bool prove_key(Instant now, const Answer& answer);
  void learn_identity(const JsonText& session);
  void begin_attach(Instant now);
  void send_attach(Instant now);
  void attached(Instant now, const CallResult& result);
  void attach_refused(Instant now, const Answer& answer);
  void send_heartbeat(Instant now);
  void heartbeat_failed(Instant now, const CallResult& result);
  void heartbeat_answered(Instant now, const Heartbeat& beat, const CallResult& result);
  void send_drain(Instant now);
  void drain_answered(Instant now, const CallResult& result);
  void open_stream(Instant now);
  void count_grace(Instant now);
  void close_stream(Instant now);
  void take_event(Instant now, const StreamEvent& event);
  void take_early_events(Instant now);
  void note_drain(const JsonText& notice);
  void renew(Instant now, Instant sent, const JsonText& answer);
  // What every refusal of a session call may mean; true: it is dealt with.
  bool ended_by(Instant now, const Answer& answer);
  bool other_run(const JsonText& answer);
  void take_news(Instant now, const JsonText& answer);
  void calm_down(Instant now);
  void hold();
  void watch_lease(Instant now);
  bool drain_due(Instant now) const;
  void retry_later(Instant now, std::optional<int64_t> at_least_ms);
  // --- hosts ---
  Duration patience() const;
  // Registers or attaches at the next host: at once, unless all of them were just tried.
  void try_next(Instant now, std::optional<int64_t> at_least_ms);
  void leave_host(Instant now, HostTrouble trouble);
  void probe_next();
  void probe_answered(Instant now, const CallResult& result);
  void end_probe();
  void begin_attach_at(Instant now, const std::string& url);
  void learn_hosts(const JsonText& answer);
  // Goes where the answer says, if it does.
  void follow(Instant now, const JsonText& answer);
  void finish(int exit_code, SayLevel level, std::string why);
  Duration governing() const;

  const WorkerOptions& options_;
  const std::string nonce_;
  Effects& effects_;
  SessionEvents& events_;

  State state_ = State::kRegistering;
  int exit_code_ = 0;
  std::string token_;
  std::string run_;    // which life of the host the last register or attach came from
  std::string after_;  // acknowledges up to here
  Duration lease_;
  Instant lease_end_ = kNever;
  Instant held_end_ = kNever;  // what the driver was told last
  bool warned_ = false;        // everything was asked to stop
  bool stopped_any_ = false;   // and something was: it is to be delivered again
  bool ended_ = false;         // the end that the driver was told has passed and was dealt with
  bool attached_once_ = false;

  HostList hosts_;
  uint64_t probe_ = 0;               // the open question to another host whether it is ready
  std::string probed_;               // that host
  Instant moved_at_{INT64_MIN / 2};  // a leaving host was followed

  bool replace_ = false;
  std::string proof_;   // that it holds its key, for the newest challenge; empty: nobody asked
  int challenges_ = 0;  // in a row
  int register_key_ = 0;
  int key_sent_ = -1;  // the key that was sent last, and since when
  Instant key_since_;
  Instant started_at_;
  uint64_t call_ = 0;  // the open register or attach
  Instant call_sent_;
  Instant retry_at_ = kNever;
  int tries_ = 0;

  std::map<uint64_t, Heartbeat> heartbeats_;  // open ones
  Instant next_heartbeat_ = kNever;
  int heartbeat_tries_ = 0;

  uint64_t stream_ = 0;  // 0: none
  bool stream_open_ = false;
  Instant stream_retry_ = kNever;
  int stream_tries_ = 0;
  uint64_t uncounted_stream_ = 0;     // its end begins no grace: nobody is there who counts one
  std::optional<Instant> broken_at_;  // the grace governs
  Instant grace_from_;
  // The stream broke then, and nothing says yet whether the host still lives its old life.
  std::optional<Instant> unsure_since_;
  std::vector<StreamEvent> early_;  // what the new stream brought before that was known
  std::size_t early_bytes_ = 0;

  enum class Drain : uint8_t { kNo, kWanted, kTaken };
  Drain drain_ = Drain::kNo;
  Instant drain_end_ = kNever;
  uint64_t drain_call_ = 0;
  Instant drain_retry_ = kNever;
  bool drain_told_ = false;  // the host's own request was mentioned
};

}  // namespace phoenix::worker
