#include "cli/worker/session.h"

#include <algorithm>

#include "base/bytes_text.h"
#include "cli/exit_codes.h"
#include "client/http_client.h"
#include "client/problem.h"
#include "lineage/form/statements.h"

namespace phoenix::worker {
namespace {

// Nobody listens: how long a worker that was just started tries before it says so.
constexpr Duration kStartPatience = seconds(3);
constexpr std::size_t kMaxOpenHeartbeats = 4;
constexpr int kMaxChallenges = 5;

std::string text_of(const JsonText& json) {
  return json.is_string() ? json.text() : std::string(json.raw());
}

// `"name":["word",…]`
std::string words_member(const std::string& name, const std::vector<std::string>& words) {
  std::string out = quote_json(name) + ":[";
  for (const std::string& word : words) {
    if (out.back() != '[') out += ',';
    out += quote_json(word);
  }
  return out + "]";
}

std::string register_body(const WorkerOptions& options, bool replace, const std::string& proof) {
  std::string body = "{\"id\":" + quote_json(options.id) + ",\"kind\":" + quote_json(options.kind) +
                     "," + words_member("capabilities", options.capabilities);
  if (!options.compliance.empty()) body += "," + words_member("compliance", options.compliance);
  body += ",\"weight\":" + std::to_string(options.weight) +
          ",\"maxLoad\":" + std::to_string(options.max_load);
  if (!options.trust_score.empty()) body += ",\"trustScore\":" + options.trust_score;
  if (!options.reliability.empty()) body += ",\"reliability\":" + options.reliability;
  if (!options.labels.empty()) {
    body += ",\"labels\":{";
    for (const auto& [key, value] : options.labels) {
      if (body.back() != '{') body += ',';
      body += quote_json(key) + ":" + quote_json(value);
    }
    body += '}';
  }
  body += ",\"leaseSeconds\":" + std::to_string(options.lease.ns / seconds(1).ns) +
          ",\"disconnectGraceMs\":" + std::to_string(Session::kGrace.ms());
  if (options.key) {
    body += ",\"publicKey\":\"" + base64_text(options.key->public_key().view()) + "\"";
  }
  if (!proof.empty()) body += ",\"proof\":\"" + proof + "\"";
  if (replace) body += ",\"replace\":true";
  return body + "}";
}

std::vector<std::pair<std::string, uint64_t>> read_held(const JsonText& answer) {
  std::vector<std::pair<std::string, uint64_t>> held;
  for (const JsonText& item : answer["held"].items()) {
    const int64_t epoch = item["epoch"].integer().value_or(0);
    if (epoch > 0) held.emplace_back(item["id"].text(), static_cast<uint64_t>(epoch));
  }
  return held;
}

}  // namespace

Session::Session(const WorkerOptions& options, std::string nonce, Effects& effects,
                 SessionEvents& events)
    : options_(options),
      nonce_(std::move(nonce)),
      effects_(effects),
      events_(events),
      lease_(options.lease),
      hosts_(options.urls, options.id) {
  effects_.url = hosts_.present();
}

void Session::start(Instant now, std::string saved_token) {
  started_at_ = now;
  if (saved_token.empty()) {
    send_register(now);
    return;
  }
  token_ = std::move(saved_token);
  events_.on_token(token_);
  state_ = State::kAttaching;
  send_attach(now);
}

std::string Session::target(const std::string& tail) const {
  return in_namespace("/v1/members/" + url_encode(options_.id) + tail, options_.ns);
}

uint64_t Session::make_call(const std::string& method, std::string path, std::string body,
                            Duration timeout) {
  MakeCall make;
  make.id = effects_.next_id();
  make.call.method = method;
  make.call.target = std::move(path);
  make.call.body = std::move(body);
  make.call.token = token_;
  make.call.timeout = timeout;
  make.call.repeatable = true;
  make.call.url = hosts_.present();
  const uint64_t id = make.id;
  effects_.add(std::move(make));
  return id;
}

// --- registering ---

void Session::send_register(Instant now) {
  state_ = State::kRegistering;
  retry_at_ = kNever;
  MakeCall make;
  make.id = effects_.next_id();
  make.call.method = "POST";
  make.call.target = in_namespace("/v1/members", options_.ns);
  make.call.body = register_body(options_, replace_, proof_);
  make.call.headers.emplace_back("Idempotency-Key", nonce_ + "-" + std::to_string(register_key_));
  make.call.token = options_.token;
  make.call.timeout = hosts_.several() ? patience() : options_.request_timeout;
  make.call.url = hosts_.present();
  call_ = make.id;
  call_sent_ = now;
  if (key_sent_ != register_key_) key_since_ = now;
  key_sent_ = register_key_;
  effects_.add(std::move(make));
}

void Session::registered(Instant now, const CallResult& result) {
  if (!result) {
    const bool gone = result.error().fault == CallFault::kUnreachable;
    if (gone && !attached_once_ && now - started_at_ > kStartPatience) {
      finish(phoenix::exit_code(result.error()), SayLevel::kError, describe(result.error()));
      return;
    }
    try_next(now, std::nullopt);
    return;
  }
  if (!result->ok()) {
    register_refused(now, *result);
    return;
  }
  const auto json = JsonText::parse(result->body);
  const JsonText session = json ? (*json)["session"] : JsonText();
  if (!session["token"].is_string()) {
    finish(kExitFailed, SayLevel::kError, "the answer to registering holds no session token");
    return;
  }
  token_ = session["token"].text();
  run_ = text_of((*json)["run"]);
  after_ = (*json)["next"].text();
  events_.on_token(token_);
  learn_identity(session);
  effects_.add(SaveToken{token_});
  effects_.say(SayLevel::kNotice, "registered as " + options_.id + " at " + result->url);
  effects_.tell("registered");
  state_ = State::kAttached;
  learn_hosts(*json);
  attached_once_ = true;
  tries_ = 0;
  warned_ = false;
  stopped_any_ = false;
  broken_at_.reset();
  const auto lease_seconds = session["leaseSeconds"].integer();
  if (lease_seconds && *lease_seconds > 0) lease_ = seconds(*lease_seconds);
  lease_end_ = Instant{0};
  // A kept answer granted its lease to the request that came first.
  const bool kept = !result->header("idempotent-replayed").empty();
  renew(now, kept ? key_since_ : call_sent_, *json);
  open_stream(now);
}

// The host asks it to sign something that nobody can have signed before.
bool Session::prove_key(Instant now, const Answer& answer) {
  const auto json = JsonText::parse(answer.body);
  if (answer.status != 401 || !json || !options_.key) return false;
  const auto bytes = decode_base64((*json)["challenge"].text());
  Digest challenge{};
  if (!bytes || bytes->size() != challenge.size() || challenges_ >= kMaxChallenges) return false;
  std::copy(bytes->begin(), bytes->end(), challenge.begin());
  ++challenges_;
  proof_ = base64_text(lineage::sign(
      *options_.key,
      lineage::RegistrationProof{(*json)["pool"].text(), (*json)["namespace"].text(), options_.id,
                                 options_.key->public_key(), challenge}));
  ++register_key_;
  send_register(now);
  return true;
}

void Session::learn_identity(const JsonText& session) {
  challenges_ = 0;
  const int64_t incarnation = session["incarnation"].integer().value_or(0);
  events_.on_identity({session["pool"].text(), session["namespace"].text(), options_.id,
                       static_cast<uint64_t>(std::max<int64_t>(0, incarnation))});
}

void Session::register_refused(Instant now, const Answer& answer) {
  if (prove_key(now, answer)) return;
  const Error error = parse_problem(answer);
  if (error.kind == ErrorKind::kMemberExists && !replace_) {
    // The id is this worker's own: whoever had it before is told that it was replaced.
    replace_ = true;
    ++register_key_;
    send_register(now);
    return;
  }
  if (declined(answer) && hosts_.several()) {
    try_next(now, error.retry_after_ms);
    return;
  }
  const bool later = answer.status >= 500 || answer.status == 429 || answer.status == 408 ||
                     (answer.status == 409 && error.retry_after_ms);
  // Somebody has to approve that it comes: it asks until it hears a yes or a no.
  const bool by_word = error.reason_code == "approval-required" && error.retry_after_ms;
  if (by_word && tries_ == 0) {
    effects_.say(SayLevel::kNotice, "registering " + options_.id + " waits: " + error.detail);
  }
  if (later || by_word) return retry_later(now, error.retry_after_ms);
  finish(phoenix::exit_code(error), SayLevel::kError,
         "registering " + options_.id + " is refused: " + error.detail);
}

// --- attaching again ---

void Session::begin_attach(Instant now) {
  if (state_ != State::kAttached) return;
  state_ = State::kAttaching;
  effects_.url = hosts_.present();
  end_probe();
  // No other session call is open meanwhile, and what is still answered to them is dropped.
  for (const auto& [id, beat] : heartbeats_) effects_.add(CancelCall{id});
  heartbeats_.clear();
  next_heartbeat_ = kNever;
  if (drain_call_ != 0) {
    effects_.add(CancelCall{drain_call_});
    drain_call_ = 0;
    drain_retry_ = now;
  }
  close_stream(now);
  tries_ = 0;
  send_attach(now);
}

void Session::send_attach(Instant now) {
  retry_at_ = kNever;
  call_ = make_call("POST", target("/session"), "{}", patience());
  call_sent_ = now;
}

void Session::attach_refused(Instant now, const Answer& answer) {
  if (ended_by(now, answer)) return;
  const Error error = parse_problem(answer);
  const bool unknown = answer.status == 401 || answer.status == 404 || answer.status == 409;
  if (!unknown || error.retry_after_ms) {
    if (declined(answer)) {
      try_next(now, error.retry_after_ms);
    } else {
      retry_later(now, error.retry_after_ms);
    }
    return;
  }
  // The host knows nothing of this session: begin anew, under the same id.
  events_.on_lapsed(now);
  token_.clear();
  lease_end_ = kNever;
  broken_at_.reset();
  hold();
  replace_ = false;
  ++register_key_;
  started_at_ = now;
  send_register(now);
}

void Session::attached(Instant now, const CallResult& result) {
  if (!result) {
    try_next(now, std::nullopt);
    return;
  }
  if (!result->ok()) {
    attach_refused(now, *result);
    return;
  }
  const auto json = JsonText::parse(result->body);
  if (!json || !(*json)["held"].is_array()) {
    retry_later(now, std::nullopt);
    return;
  }
  const JsonText session = (*json)["session"];
  const std::string token = session["token"].text();
  learn_identity(session);
  if (!token.empty() && token != token_) {
    token_ = token;
    events_.on_token(token_);
    effects_.add(SaveToken{token_});
  }
  const auto lease_seconds = session["leaseSeconds"].integer();
  if (lease_seconds && *lease_seconds > 0) lease_ = seconds(*lease_seconds);
  const std::string run = text_of((*json)["run"]);
  // Another host, or another life of it, counts no break of a stream that the former one had.
  if (run != run_) broken_at_.reset();
  run_ = run;
  after_ = (*json)["next"].text();
  state_ = State::kAttached;
  learn_hosts(*json);
  attached_once_ = true;
  tries_ = 0;
  warned_ = false;
  stopped_any_ = false;
  lease_end_ = Instant{0};
  renew(now, call_sent_, *json);
  events_.on_held(now, read_held(*json));
  events_.on_moved(now);
  take_news(now, *json);
  effects_.say(SayLevel::kWork, "attached again at " + result->url);
  effects_.tell("attached");
  open_stream(now);
}

// --- heartbeats ---

void Session::send_heartbeat(Instant now) {
  next_heartbeat_ = now + lease_ / 3;
  if (heartbeats_.size() >= kMaxOpenHeartbeats) return;
  const std::string body = after_.empty() ? "{}" : "{\"after\":" + quote_json(after_) + "}";
  const Duration timeout = hosts_.several() ? lease_ / 3 : lease_;
  const uint64_t id = make_call("POST", target("/heartbeat"), body, timeout);
  heartbeats_[id] = Heartbeat{now, after_};
}

void Session::heartbeat_failed(Instant now, const CallResult& result) {
  const Duration pause =
      std::min(milliseconds(50) * (int64_t{1} << std::min(heartbeat_tries_, 4)), lease_ / 6);
  ++heartbeat_tries_;
  next_heartbeat_ = std::min(next_heartbeat_, now + pause);
  if (!result) {
    const bool nobody = nobody_listens(result.error());
    const bool reset = result.error().fault == CallFault::kReset;
    // Nobody there to count a grace: the lease governs. The stream's own end, which would say the
    // same, may be known only later, and not at all once it is closed to go elsewhere.
    if (nobody && state_ == State::kAttached && hosts_.several()) {
      broken_at_.reset();
      stream_open_ = false;
      uncounted_stream_ = stream_;
      hold();
    }
    if (reset && heartbeat_tries_ == 1) {
      next_heartbeat_ = now;  // a connection that broke: a fresh one tells whether anybody listens
    } else {
      leave_host(now, nobody || reset ? HostTrouble::kGone : HostTrouble::kSilent);
    }
  } else if (declined(*result)) {
    follow(now, JsonText::parse(result->body).value_or(JsonText()));
    leave_host(now, HostTrouble::kSilent);
  }
}

void Session::heartbeat_answered(Instant now, const Heartbeat& beat, const CallResult& result) {
  if (!result || (!result->ok() && !ended_by(now, *result))) {
    heartbeat_failed(now, result);
    return;
  }
  if (!result->ok()) return;
  heartbeat_tries_ = 0;
  const auto json = JsonText::parse(result->body);
  if (!json || !json->is_object()) return;
  if (other_run(*json)) {
    begin_attach(now);
    return;
  }
  renew(now, beat.sent, *json);
  if (state_ != State::kAttached) return;
  end_probe();
  if (unsure_since_ && beat.sent >= *unsure_since_) {
    unsure_since_.reset();
    take_early_events(now);
  }
  // What the stream has brought meanwhile goes further than this answer's position.
  const std::string next = (*json)["next"].text();
  if (!next.empty() && beat.after == after_) after_ = next;
  take_news(now, *json);
  follow(now, *json);
}

void Session::ask_now(Instant now) {
  if (state_ == State::kAttached && drain_ == Drain::kTaken) send_heartbeat(now);
}

// --- drain ---

void Session::drain(Instant now, Duration timeout) {
  drain_ = Drain::kWanted;
  drain_end_ = now + timeout;
  if (state_ == State::kAttached) send_drain(now);
}

void Session::send_drain(Instant now) {
  drain_retry_ = kNever;
  const Duration left = std::max(drain_end_ - now, seconds(1));
  const int64_t whole = (left.ns + seconds(1).ns - 1) / seconds(1).ns;
  drain_call_ =
      make_call("POST", target("/drain"), "{\"deadlineSeconds\":" + std::to_string(whole) + "}",
                options_.request_timeout);
}

void Session::drain_answered(Instant now, const CallResult& result) {
  drain_call_ = 0;
  if (result && result->ok()) {
    drain_ = Drain::kTaken;
    send_heartbeat(now);
    return;
  }
  if (result && ended_by(now, *result)) return;
  drain_retry_ = now + milliseconds(200);
}

// --- the lease ---

void Session::renew(Instant now, Instant sent, const JsonText& answer) {
  const auto lease_ms = answer["leaseMs"].integer();
  if (lease_ms && *lease_ms > 0) lease_ = milliseconds(*lease_ms);
  lease_end_ = std::max(lease_end_, sent + lease_);
  if (broken_at_ && sent > grace_from_) grace_from_ = sent;
  next_heartbeat_ = std::max(sent + lease_ / 3, now);
  hold();
  calm_down(now);
}

// In time after all. What was stopped meanwhile is still held there, so it is asked for again.
void Session::calm_down(Instant now) {
  if (!warned_ || ended_ || now >= lease_end()) return;
  warned_ = false;
  if (stopped_any_) begin_attach(now);
}

Duration Session::governing() const {
  return broken_at_ && grace_from_ + kGrace < lease_end_ ? kGrace : lease_;
}

Instant Session::lease_end() const {
  if (options_.no_self_check || lease_end_ == kNever) return kNever;
  if (!broken_at_) return lease_end_;
  return std::min(lease_end_, grace_from_ + kGrace);
}

void Session::hold() {
  const Instant end = lease_end();
  if (end == held_end_) return;
  held_end_ = end;
  ended_ = false;
  effects_.add(HoldLease{end});
}

void Session::watch_lease(Instant now) {
  const Instant end = lease_end();
  if (end == kNever || ended_) return;
  if (now >= end) {
    ended_ = true;
    warned_ = true;
    const bool by_grace = now < lease_end_;
    if (events_.on_lease_ending(now, now)) {
      stopped_any_ = true;
      effects_.say(SayLevel::kNotice, "not renewed in time: everything in hand is stopped");
      effects_.tell("stopped-itself");
    }
    // A grace that ran out over empty hands asks for nothing: the next call will tell.
    if (!by_grace || stopped_any_) begin_attach(now);
  } else if (!warned_ && now >= end - governing() / 10) {
    warned_ = true;
    if (events_.on_lease_ending(now, end)) {
      stopped_any_ = true;
      effects_.tell("stopped-itself");
    }
  }
}

void Session::tick(Instant now) {
  if (state_ == State::kOver) return;
  watch_lease(now);
  if (now >= retry_at_) {
    if (state_ == State::kRegistering) send_register(now);
    if (state_ == State::kAttaching) send_attach(now);
  }
  if (state_ != State::kAttached) return;
  if (now >= next_heartbeat_) send_heartbeat(now);
  if (now >= stream_retry_) open_stream(now);
  if (drain_due(now)) send_drain(now);
}

bool Session::drain_due(Instant now) const {
  return drain_ == Drain::kWanted && drain_call_ == 0 &&
         (drain_retry_ == kNever || drain_retry_ <= now);
}

Instant Session::next_deadline() const {
  if (state_ == State::kOver) return kNever;
  Instant next = retry_at_;
  const Instant end = lease_end();
  if (end != kNever && !ended_) next = std::min(next, warned_ ? end : end - governing() / 10);
  if (state_ == State::kAttached) {
    next = std::min({next, next_heartbeat_, stream_retry_, drain_retry_});
    if (drain_due(Instant{0})) next = Instant{0};
  }
  return next;
}

// --- what answers mean ---

bool Session::answered(Instant now, uint64_t call_id, const CallResult& result) {
  if (call_id == call_ && call_ != 0) {
    call_ = 0;
    if (state_ == State::kRegistering) {
      registered(now, result);
    } else if (state_ == State::kAttaching) {
      attached(now, result);
    }
    return true;
  }
  if (call_id == drain_call_ && drain_call_ != 0) {
    drain_answered(now, result);
    return true;
  }
  if (call_id == probe_ && probe_ != 0) {
    probe_answered(now, result);
    return true;
  }
  const auto beat = heartbeats_.find(call_id);
  if (beat == heartbeats_.end()) return false;
  const Heartbeat sent = beat->second;
  heartbeats_.erase(beat);
  heartbeat_answered(now, sent, result);
  return true;
}

bool Session::ended_by(Instant now, const Answer& answer) {
  const Error error = parse_problem(answer);
  if (error.kind == ErrorKind::kSessionReplaced) {
    finish(kExitConflict, SayLevel::kError, "another process took over the id " + options_.id);
    return true;
  }
  if (error.kind == ErrorKind::kGone) {
    finish(kExitDone, SayLevel::kNotice, options_.id + " has left");
    return true;
  }
  const bool lapsed = error.kind == ErrorKind::kSessionLapsed || answer.status == 401;
  if (!lapsed || state_ != State::kAttached) return false;
  effects_.say(SayLevel::kNotice, "the session has ended at the host");
  effects_.tell("lapsed");
  events_.on_lapsed(now);
  begin_attach(now);
  return true;
}

bool Session::other_run(const JsonText& answer) {
  const std::string run = text_of(answer["run"]);
  if (run.empty() || run == run_) return false;
  if (!run_.empty()) return true;
  run_ = run;  // the answer to registering did not say it
  return false;
}

void Session::take_news(Instant now, const JsonText& answer) {
  for (const JsonText& revoked : answer["revoked"].items()) events_.on_revoked(now, revoked);
  for (const JsonText& offer : answer["offers"].items()) events_.on_offer(offer);
  note_drain(answer["drain"]);
}

void Session::note_drain(const JsonText& notice) {
  if (!notice.is_object()) {
    drain_told_ = false;
    return;
  }
  if (drain_ != Drain::kNo || drain_told_) return;
  drain_told_ = true;
  const std::string deadline = notice["deadline"].text();
  effects_.say(SayLevel::kNotice,
               "the host asks this member to leave" + (deadline.empty() ? "" : " by " + deadline));
}

void Session::retry_later(Instant now, std::optional<int64_t> at_least_ms) {
  const Duration pause =
      std::min(milliseconds(50) * (int64_t{1} << std::min(tries_, 5)), seconds(1));
  ++tries_;
  retry_at_ =
      now + std::max(pause, milliseconds(std::min<int64_t>(at_least_ms.value_or(0), 60'000)));
}

void Session::finish(int exit_code, SayLevel level, std::string why) {
  state_ = State::kOver;
  exit_code_ = exit_code;
  effects_.say(level, std::move(why));
}

}  // namespace phoenix::worker
