#include "sim/process.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace phoenix::sim {

namespace {

constexpr Duration kPatience = milliseconds(600);

}  // namespace

Process::Process(Env& env, Shape shape, Prng prng)
    : env_(env), shape_(std::move(shape)), prng_(prng) {
  for (const MemberRecord& member : shape_.members) {
    env_.member_ids.emplace_back(member.key.id());
  }
  if (shape_.keys) signer_.emplace(shape_.name, prng_.fork());
}

// --- life
// -----------------------------------------------------------------------------------------

void Process::start(std::optional<Token> token, bool replace) {
  ++life_;
  running_ = true;
  ended_ = false;
  frozen_ = false;
  replace_ = replace;
  token_ = std::move(token);
  session_text_ = token_ ? token_->session : "";
  ++registers_;
  if (env_.network.doors() > 1) link_.door = prng_.below(env_.network.doors());
  if (token_) {
    attach();
  } else {
    register_now();
  }
}

void Process::kill() {
  if (stream_open_ && prng_.chance(4, 5)) env_.network.cut_stream(stream_exchange_);
  if (prng_.chance(1, 2)) env_.network.give_up(poll_exchange_);
  ++life_;
  running_ = false;
  frozen_ = false;
  attached_ = false;
  attaching_ = false;
  stream_open_ = false;
  broken_at_.reset();
  ++round_;
  run_ = 0;
  deferred_.clear();
  works_.clear();
  over_.clear();
  owed_.clear();
  considered_.clear();
  poll_after_.reset();
  heartbeat_after_.reset();
}

void Process::freeze(Duration length) {
  if (!works()) return;
  frozen_ = true;
  env_.queue.after(length, [this, life = life_] {
    if (life == life_ && frozen_) thaw();
  });
}

void Process::thaw() {
  frozen_ = false;
  disturbed();
  // Who goes on after a stop looks at the clock before anything else.
  check_lease();
  check_grace();
  auto deferred = std::move(deferred_);
  deferred_.clear();
  for (auto& [life, action] : deferred) mine_now(life, std::move(action));
}

void Process::end() {
  kill();
  ended_ = true;
}

void Process::make_twin(bool stubborn) {
  twin_ = true;
  stubborn_ = stubborn;
}

void Process::mine_now(uint64_t life, std::function<void()> action) {
  if (life != life_) return;
  if (frozen_) {
    deferred_.emplace_back(life, std::move(action));
    return;
  }
  action();
}

void Process::later(Duration delay, std::function<void()> action) {
  const Duration real = link_.slow ? delay * 3 : delay;
  env_.queue.after(real, [this, life = life_, action = std::move(action)]() mutable {
    mine_now(life, std::move(action));
  });
}

Door::Sink Process::mine(Door::Sink action) {
  return [this, life = life_, action = std::move(action)](const Reply* reply) {
    if (!frozen_) {
      if (life == life_) action(reply);
      return;
    }
    auto copy = reply == nullptr ? nullptr : std::make_shared<const Reply>(*reply);
    mine_now(life, [action, copy] { action(copy.get()); });
  };
}

void Process::move_on() {
  const size_t doors = env_.network.doors();
  if (doors == 1 || !env_.roam) return;
  ++moves_;
  link_.door = (link_.door + 1 + prng_.below(doors - 1)) % doors;
}

bool Process::stay() {
  if (env_.network.doors() == 1 || !env_.roam || prng_.chance(1, 3)) return true;
  move_on();
  // Any host passes a session's calls on to the one that it is attached to.
  if (prng_.chance(1, 4)) return true;
  attach();
  return false;
}

void Process::set_cut(bool cut) {
  link_.cut = cut;
  disturbed();
}

Instant Process::healthy_since() const {
  const bool well = works() && attached_ && !attaching_ && !twin_ && !link_.cut && !link_.slow;
  return well ? healthy_from_ : kNever;
}

Caller Process::caller() const {
  Caller caller;
  if (token_) {
    caller.session = token_->session;
    caller.generation = token_->generation;
  } else {
    caller.principal = "worker";
  }
  return caller;
}

SessionRef Process::ref() const {
  SessionRef ref;
  ref.ns = kNamespace;
  if (shape_.by_member) {
    ref.member = shape_.members.front().key.id();
  } else {
    ref.session = token_->session;
  }
  return ref;
}

// --- the session
// ------------------------------------------------------------------------------------

void Process::register_now() {
  Register reg;
  reg.members = shape_.members;
  for (MemberRecord& member : reg.members) {
    if (!signer_) break;
    member.public_key = signer_->public_key();
    reg.proofs.push_back(signer_->proof(member));
  }
  reg.lease_seconds = shape_.lease_seconds;
  reg.grace_ms = shape_.grace_ms;
  reg.replace = replace_;
  reg.single = shape_.members.size() == 1;
  Command command;
  command.caller.principal = "worker";
  const std::string key = fmt::format("{}/{}", shape_.name, registers_);
  command.idempotency =
      Idempotency{digest_of("register " + key), digest_of(replace_ ? "replace" : "plain")};
  command.body = std::move(reg);
  const Instant sent = env_.queue.now();
  if (first_key_ != key) first_sent_ = sent;
  first_key_ = key;
  const uint64_t call = ++attach_call_;
  const auto exchange =
      env_.network.send(link_, std::move(command), mine([=, this](const Reply* r) {
                          if (call == attach_call_) on_registered(sent, r);
                        }));
  later(kPatience, [=, this] {
    if (call != attach_call_ || attached_) return;
    env_.network.give_up(exchange);
    move_on();
    register_now();
  });
}

void Process::on_registered(Instant sent, const Reply* reply) {
  ++attach_call_;
  if (reply != nullptr) {
    if (const auto* done = std::get_if<MembersReply>(&reply->body); done && done->session) {
      run_ = done->run;
      // A kept answer granted its lease to the request that came first.
      attached_now(reply->replayed ? first_sent_ : sent, *done->session,
                   milliseconds(done->lease_ms));
      return;
    }
    const auto* error = std::get_if<Error>(&reply->body);
    // The operator has not allowed its next key yet.
    const bool other_key =
        error != nullptr && error->reason_code == "other-key" && signer_ && signer_->step_back();
    if (other_key) ++registers_;
    if (error == nullptr ||
        (!other_key && !passes_by(error->kind) && error->kind != ErrorKind::kMemberExists)) {
      env_.checks.violate(Invariant::kDelivery, "a register was refused: " + describe(reply->body));
      return;
    }
    if (error->kind == ErrorKind::kMemberExists) {
      // Its own ids from an earlier life: after some patience it takes them over.
      replace_ = replace_ || prng_.chance(1, 3);
      ++registers_;
    }
  }
  move_on();
  const uint64_t call = attach_call_;
  later(milliseconds(prng_.between(50, 400)), [this, call] {
    if (call == attach_call_) register_now();
  });
}

void Process::attach() {
  if (attaching_ || !running_) return;
  attaching_ = true;
  attached_ = false;
  ++round_;
  ++poll_call_;
  // While it attaches it has no other call of its session open.
  env_.network.give_up(poll_exchange_);
  env_.network.give_up(heartbeat_exchange_);
  if (stream_open_) {
    env_.network.cut_stream(stream_exchange_);
    stream_open_ = false;
    count_grace();
  }
  send_attach();
}

void Process::send_attach() {
  const Instant sent = env_.queue.now();
  const uint64_t call = ++attach_call_;
  Command command;
  command.caller = caller();
  command.body = Attach{ref()};
  const auto exchange =
      env_.network.send(link_, std::move(command), mine([=, this](const Reply* r) {
                          if (call == attach_call_) on_attached(sent, r);
                        }));
  later(kPatience, [=, this] {
    if (call != attach_call_ || !attaching_) return;
    env_.network.give_up(exchange);
    move_on();
    send_attach();
  });
}

void Process::on_attached(Instant sent, const Reply* reply) {
  ++attach_call_;
  const auto* done = reply == nullptr ? nullptr : std::get_if<AttachReply>(&reply->body);
  if (done == nullptr) {
    const auto* error = reply == nullptr ? nullptr : std::get_if<Error>(&reply->body);
    if (error != nullptr && !take_error(*error)) return;
    move_on();
    const uint64_t call = attach_call_;
    later(milliseconds(prng_.between(30, 300)), [this, call] {
      if (call == attach_call_ && attaching_) send_attach();
    });
    return;
  }
  run_ = done->run;
  std::map<std::string, uint64_t> held;
  for (const auto& [id, epoch] : done->held) held[PacketKey(kNamespace, id).text()] = epoch;
  std::erase_if(works_, [&](const auto& entry) {
    const auto found = held.find(entry.first);
    const bool keeps = found != held.end() && found->second == entry.second.epoch;
    return !keeps && !entry.second.finishing;
  });
  owed_.clear();
  for (const auto& [key, epoch] : held) owed_[key] = Owed{epoch, env_.queue.now()};
  for (const Revoked& item : done->revoked) revoke(item);
  poll_after_ = done->next;
  heartbeat_after_ = done->next;
  attached_now(sent, done->session, milliseconds(done->lease_ms));
}

void Process::attached_now(Instant sent, const SessionRecord& session, Duration lease) {
  token_ = Token{session.id, session.generation};
  session_text_ = session.id;
  for (const auto& [id, incarnation] : session.members) incarnations_[id] = incarnation;
  attaching_ = false;
  attached_ = true;
  broken_at_.reset();
  lease_end_ = Instant{0};
  stopped_ = false;
  ++round_;
  disturbed();
  renew(sent, lease);
  if (shape_.streams) {
    open_stream();
  } else {
    poll();
  }
  if (shape_.streams || shape_.heartbeats) heartbeat();
}

void Process::renew(Instant sent, Duration lease) {
  if (broken_at_ && sent > *broken_at_) {
    answered_after_break_ = std::max(answered_after_break_, sent);
  }
  const Instant end = sent + lease;
  if (end <= lease_end_) return;
  lease_end_ = end;
  env_.queue.at(end, Rank::kTimer,
                [this, life = life_] { mine_now(life, [this] { check_lease(); }); });
}

void Process::check_lease() {
  if (!running_ || !token_ || env_.queue.now() < lease_end_) return;
  if (stubborn_ || !shape_.follows_lease) return;
  stop_effects();
  if (attached_) attach();
}

// From when its stream ends, be it by its own doing: the host counts from then too.
void Process::count_grace() {
  if (!shape_.grace_ms) return;
  broken_at_ = env_.queue.now();
  answered_after_break_ = Instant{0};
  check_grace();
}

void Process::check_grace() {
  if (!running_ || !broken_at_ || !shape_.grace_ms || !shape_.follows_lease) return;
  const Instant end = std::max(*broken_at_, answered_after_break_) + milliseconds(*shape_.grace_ms);
  if (env_.queue.now() < end) {
    env_.queue.at(end, Rank::kTimer,
                  [this, life = life_] { mine_now(life, [this] { check_grace(); }); });
    return;
  }
  broken_at_.reset();
  stop_effects();
  if (attached_) attach();
}

// Its session has been over for so long that nothing is kept of it.
bool Process::forgotten() const {
  const auto& known = env_.checks.shadow().members();
  return std::ranges::none_of(
      shape_.members, [&](const MemberRecord& member) { return known.contains(member.key); });
}

// False: the session is over, or it attaches; else the call is to be repeated.
bool Process::take_error(const Error& error) {
  disturbed();
  if (passes_by(error.kind)) return true;
  if (error.kind == ErrorKind::kSessionLapsed) {
    if (stubborn_) return true;
    if (attaching_) return true;
    attach();
    return false;
  }
  if (stubborn_ && !attaching_) return true;
  const bool over = error.kind == ErrorKind::kSessionReplaced || error.kind == ErrorKind::kGone ||
                    (error.kind == ErrorKind::kNotFound && forgotten());
  if (!over && !twin_) {
    env_.checks.violate(Invariant::kDelivery,
                        "a call of a session was refused: " + describe(ReplyBody(error)));
  }
  end();
  return false;
}

void Process::poll() {
  if (!attached_) return;
  Poll body;
  body.ref = ref();
  body.max = shape_.poll_max;
  const int64_t half = shape_.lease_seconds * 500;
  body.wait = milliseconds(env_.calm ? half : prng_.between(half / 4, half));
  body.after = poll_after_;
  const Duration patience = body.wait + kPatience;
  Command command;
  command.caller = caller();
  command.body = std::move(body);
  const Instant sent = env_.queue.now();
  const uint64_t call = ++poll_call_;
  const uint64_t round = round_;
  poll_exchange_ =
      env_.network.send(link_, std::move(command),
                        mine([=, this](const Reply* r) { on_polled(round, call, sent, r); }));
  later(patience, [=, this, exchange = poll_exchange_] {
    if (round != round_ || call != poll_call_ || !attached_) return;
    disturbed();
    env_.network.give_up(exchange);
    if (stay()) poll();
  });
}

void Process::on_polled(uint64_t round, uint64_t call, Instant sent, const Reply* reply) {
  if (round != round_ || call != poll_call_ || !attached_) return;
  ++poll_call_;
  const uint64_t next_call = poll_call_;
  const auto again = [=, this](int64_t ms) {
    later(milliseconds(ms), [=, this] {
      if (round == round_ && next_call == poll_call_) poll();
    });
  };
  const auto* done = reply == nullptr ? nullptr : std::get_if<DeliveriesReply>(&reply->body);
  if (done == nullptr) {
    disturbed();
    const auto* error = reply == nullptr ? nullptr : std::get_if<Error>(&reply->body);
    if (error != nullptr && !take_error(*error)) return;
    if (stay()) again(prng_.between(50, 300));
    return;
  }
  if (run_ != 0 && done->run != run_) {
    attach();
    return;
  }
  run_ = done->run;
  renew(sent, milliseconds(done->lease_ms));
  take(*done, false);
  again(prng_.between(0, 20));
}

void Process::heartbeat() {
  if (!attached_) return;
  Heartbeat body{ref(), shape_.one_after ? poll_after_ : heartbeat_after_};
  Command command;
  command.caller = caller();
  command.body = std::move(body);
  const Instant sent = env_.queue.now();
  const uint64_t round = round_;
  heartbeat_exchange_ = env_.network.send(
      link_, std::move(command), mine([=, this](const Reply* r) { on_heartbeat(round, sent, r); }));
  later(milliseconds(shape_.lease_seconds * 1000 / 3), [=, this] {
    if (round == round_) heartbeat();
  });
}

void Process::on_heartbeat(uint64_t round, Instant sent, const Reply* reply) {
  if (round != round_ || !attached_ || reply == nullptr) return;
  const auto* done = std::get_if<DeliveriesReply>(&reply->body);
  if (done == nullptr) {
    if (const auto* error = std::get_if<Error>(&reply->body)) (void)take_error(*error);
    return;
  }
  if (run_ != 0 && done->run != run_) {
    attach();
    return;
  }
  run_ = done->run;
  renew(sent, milliseconds(done->lease_ms));
  take(*done, true);
}

// --- streams
// --------------------------------------------------------------------------------------

void Process::open_stream() {
  if (!attached_) return;
  Command command;
  command.caller = caller();
  command.body = OpenStream{ref(), poll_after_};
  const uint64_t round = round_;
  const uint64_t call = ++poll_call_;
  const auto retry = [=, this] {
    later(milliseconds(prng_.between(10, 150)), [=, this] {
      if (round == round_ && call == poll_call_) open_stream();
    });
  };
  stream_exchange_ = env_.network.send(
      link_, std::move(command), mine([=, this](const Reply* r) {
        if (round != round_ || call != poll_call_) return;
        const auto* error = r == nullptr ? nullptr : std::get_if<Error>(&r->body);
        if (error != nullptr && !take_error(*error)) return;
        if (r == nullptr || error != nullptr) {
          if (stay()) retry();
          return;
        }
        stream_open_ = true;
        broken_at_.reset();
      }),
      [=, this, life = life_](const StreamPortion* portion) {
        auto copy = portion == nullptr ? nullptr : std::make_shared<const StreamPortion>(*portion);
        mine_now(life, [=, this] {
          if (round == round_ && call == poll_call_) on_stream(round, copy.get());
        });
      });
  later(kPatience, [=, this, exchange = stream_exchange_] {
    if (round != round_ || call != poll_call_ || stream_open_) return;
    env_.network.cut_stream(exchange);
    // The host may have opened it.
    count_grace();
    open_stream();
  });
}

void Process::on_stream(uint64_t, const StreamPortion* portion) {
  if (portion != nullptr) {
    if (run_ != 0 && portion->portion.run != run_) {
      attach();
      return;
    }
    run_ = portion->portion.run;
    take(portion->portion, false);
  }
  if (portion == nullptr || portion->end) stream_broke();
}

void Process::cut_stream() {
  if (!stream_open_ || frozen_) return;
  env_.network.cut_stream(stream_exchange_);
  stream_broke();
}

void Process::stream_broke() {
  stream_open_ = false;
  disturbed();
  count_grace();
  const uint64_t round = round_;
  const uint64_t call = ++poll_call_;
  later(milliseconds(prng_.between(5, 400)), [=, this] {
    if (round == round_ && call == poll_call_ && stay()) open_stream();
  });
}

// --- leaving
// --------------------------------------------------------------------------------------

void Process::drain(std::optional<uint32_t> deadline_seconds) {
  if (attached()) session_call(Drain{ref(), deadline_seconds}, 5);
}

void Process::resume() {
  if (attached()) session_call(Resume{ref()}, 5);
}

void Process::retire() {
  if (attached()) session_call(Retire{ref()}, 5);
}

void Process::session_call(CommandBody body, int tries) {
  if (attaching_ || !token_) return;
  Command command;
  command.caller = caller();
  command.body = body;
  const uint64_t round = round_;
  auto answered = std::make_shared<bool>(false);
  (void)env_.network.send(link_, std::move(command), mine([=, this](const Reply* reply) {
                            if (round != round_ || reply == nullptr) return;
                            const auto* error = std::get_if<Error>(&reply->body);
                            if (error == nullptr || (!passes_by(error->kind) &&
                                                     error->kind != ErrorKind::kWrongState)) {
                              *answered = true;
                            }
                            if (error != nullptr && error->kind != ErrorKind::kWrongState)
                              (void)take_error(*error);
                          }));
  if (tries <= 1) return;
  later(kPatience, [=, this] {
    if (!*answered && round == round_) session_call(body, tries - 1);
  });
}

}  // namespace phoenix::sim
