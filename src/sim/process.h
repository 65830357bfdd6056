// A simulated process with one session and its members. It follows the members' protocol to the
// letter: one lease from the sending of the last answered call, `after` and `next`, attaching again
// after a lapse or another run, revocations, stopping by its own clock. It can be killed, frozen,
// slowed, cut off, drained; some processes deliberately do not look at their lease. Where there are
// several hosts it knows all of them, and attaches at another one when its own does not answer.
//
// process.cc: its life and its session; process_work.cc: packets in hand.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/env.h"
#include "sim/signed/signer.h"

namespace phoenix::sim {

struct Shape {
  std::string name;
  std::vector<MemberRecord> members;
  uint32_t lease_seconds = 1;
  std::optional<uint32_t> grace_ms;
  bool streams = false;       // takes deliveries by a stream, else by long poll
  bool heartbeats = false;    // beside the polls
  bool follows_lease = true;  // stops by its own clock
  bool one_after = false;     // one `after` for polls and heartbeats, else one each
  bool by_member = false;     // calls under /members/{id}, Requires: one member
  uint32_t poll_max = 4;
  bool keys = false;  // its members have one, and sign
};

struct Token {
  std::string session;
  uint64_t generation = 0;
};

class Process : public Worker {
 public:
  Process(Env& env, Shape shape, Prng prng);

  // --- what the world does to it ---
  // Requires: not running. With a token: attaches; else registers, taking its ids over if replace.
  void start(std::optional<Token> token, bool replace);
  void kill();
  void freeze(Duration length);
  void set_slow(bool slow) { link_.slow = slow; }
  void set_cut(bool cut);
  void cut_stream();
  void drain(std::optional<uint32_t> deadline_seconds);
  void resume();
  void retire();
  // Shares its token with another process from now on, and goes on under an ended one.
  void make_twin(bool stubborn);
  // Null: its members have no key.
  Signer* signer() { return signer_ ? &*signer_ : nullptr; }

  bool running() const { return running_; }
  bool frozen() const { return frozen_; }
  // It was told to stop for good, or is retired.
  bool ended() const { return ended_; }
  bool attached() const { return running_ && attached_; }
  const std::optional<Token>& token() const { return token_; }
  const Shape& shape() const { return shape_; }
  size_t works_in_hand() const { return works_.size(); }
  // The host that it calls.
  size_t door() const { return link_.door; }
  // How often it began a piece of work, and how often it went to another host.
  uint64_t jobs() const { return jobs_; }
  uint64_t moves() const { return moves_; }

  // --- Worker ---
  bool works() const override { return running_ && !frozen_; }
  bool keeps_rules() const override { return shape_.follows_lease && !twin_; }
  Instant healthy_since() const override;
  const std::string& session() const override { return session_text_; }
  Duration lease() const override { return seconds(shape_.lease_seconds); }
  bool effect(std::string_view packet, uint64_t epoch) const override;
  bool in_hand(std::string_view packet, uint64_t epoch) const override;
  void each_in_hand(const Visit& visit) const override;
  void each_owed(const Visit& visit) const override;

 private:
  struct WorkItem {
    std::string member;
    std::optional<Digest> contract;  // by which it goes
    uint64_t epoch = 0;
    uint64_t job = 0;        // names this beginning of it
    uint64_t seq = 0;        // of its checkpoints
    bool effect = true;      // at work; false: stopped by the own lease, or a final call is sent
    bool finishing = false;  // a final call is under way
    Instant since;
  };
  struct Owed {
    uint64_t epoch = 0;
    Instant since;
  };

  // Runs it later, in this life, and not while frozen.
  void later(Duration delay, std::function<void()> action);
  // The same for an answer.
  Door::Sink mine(Door::Sink action);
  void mine_now(uint64_t life, std::function<void()> action);
  void thaw();
  Caller caller() const;
  SessionRef ref() const;

  // Calls another host from now on, if there is one.
  void move_on();
  // Its host did not answer: calls it again or attaches elsewhere. False: it attaches.
  bool stay();

  // session
  void register_now();
  void on_registered(Instant sent, const Reply* reply);
  void attach();
  void send_attach();
  void on_attached(Instant sent, const Reply* reply);
  void attached_now(Instant sent, const SessionRecord& session, Duration lease);
  void renew(Instant sent, Duration lease);
  void check_lease();
  void check_grace();
  bool forgotten() const;
  bool take_error(const Error& error);
  void poll();
  void on_polled(uint64_t round, uint64_t call, Instant sent, const Reply* reply);
  void heartbeat();
  void on_heartbeat(uint64_t round, Instant sent, const Reply* reply);
  void open_stream();
  void on_stream(uint64_t round, const StreamPortion* portion);
  void stream_broke();
  void count_grace();
  void session_call(CommandBody body, int tries);
  void disturbed() { healthy_from_ = env_.queue.now(); }
  void end();

  // packets
  void take(const DeliveriesReply& reply, bool from_heartbeat);
  void take_delivery(const Delivery& item);
  void revoke(const Revoked& item);
  void drop(const std::string& key, uint64_t epoch);
  void stop_effects();
  bool may_work();
  void begin(const std::string& key);
  bool still(const std::string& key, uint64_t job) const;
  void checkpoint(const std::string& key, uint64_t job);
  void plain_call(const std::string& key, uint64_t job, Call kind);
  void finish(const std::string& key, uint64_t job);
  OwnerCall final_call(const std::string& key, const WorkItem& item);
  void complete_many(const std::string& key);
  void sign(OwnerCalls& calls, const std::vector<std::string>& members,
            const std::optional<Digest>& contract);
  lineage::Party party(const std::string& member) const;
  void consider(const Offered& offered);
  void answer_offer(const Offered& offered);
  void send_until_answered(std::shared_ptr<const Command> command, int tries);
  void on_owner_answer(const OwnerCall& call, const ItemReply& reply);

  Env& env_;
  Shape shape_;
  Prng prng_;
  Link link_;
  uint64_t life_ = 0;
  bool running_ = false;
  bool frozen_ = false;
  bool ended_ = false;
  bool twin_ = false;
  bool stubborn_ = false;
  std::vector<std::pair<uint64_t, std::function<void()>>> deferred_;

  std::optional<Token> token_;
  std::string session_text_;
  uint64_t registers_ = 0;  // names the Idempotency-Key of this attempt to register
  std::string first_key_;   // the key that was sent last, and when it was sent for the first time
  Instant first_sent_{0};
  bool replace_ = false;
  bool attached_ = false;
  bool attaching_ = false;
  uint64_t attach_call_ = 0;
  uint64_t round_ = 0;  // grows with each attaching; older answers are dropped
  uint64_t run_ = 0;    // 0: not told yet
  Instant lease_end_{0};
  bool stopped_ = false;  // by its own clock, until it is attached again
  Instant healthy_from_{0};
  std::optional<std::string> poll_after_;
  std::optional<std::string> heartbeat_after_;
  uint64_t poll_call_ = 0;
  Network::Exchange poll_exchange_ = 0;
  Network::Exchange heartbeat_exchange_ = 0;
  Network::Exchange stream_exchange_ = 0;
  bool stream_open_ = false;
  std::optional<Instant> broken_at_;  // its last open stream broke then
  Instant answered_after_break_{0};   // sending of the last answered call since

  uint64_t jobs_ = 0;
  uint64_t moves_ = 0;
  std::map<std::string, WorkItem> works_;  // by the packet's key
  std::map<std::string, uint64_t> over_;   // newest epoch that was revoked or ended
  std::map<std::string, Owed> owed_;       // listed in `held`, to be delivered again
  std::optional<Signer> signer_;
  std::map<std::string, uint64_t> incarnations_;  // of its members
  std::set<std::string> considered_;              // offers that it has made up its mind about
};

}  // namespace phoenix::sim
