#include "cli/worker/assignments.h"

#include <algorithm>
#include <set>

#include "client/http_client.h"
#include "client/problem.h"

namespace phoenix::worker {
namespace {

// A host forgets old epochs likewise; what is older is refused by its fence.
constexpr std::size_t kMaxSettled = 65'536;
// More than a host may place on a member at once.
constexpr std::size_t kMaxInHand = 1'000'000;
constexpr int kMaxUnauthenticated = 5;

bool is_final(const Verdict& verdict) {
  return verdict.verb != "start" && verdict.verb != "checkpoint";
}

Duration backoff(int tries) {
  return std::min(milliseconds(100) * (int64_t{1} << std::min(tries, 5)), seconds(2));
}

}  // namespace

Assignments::Assignments(const WorkerOptions& options, Effects& effects)
    : options_(options), effects_(effects) {}

void Assignments::deliver(Instant now, const JsonText& delivery) {
  auto read = read_delivery(delivery, options_.codec);
  if (!read) {
    effects_.say(SayLevel::kError, "a delivery of the host cannot be read and is left alone");
    return;
  }
  const auto settled = settled_.find(read->packet_id);
  if (settled != settled_.end() && read->epoch <= settled->second) return;
  const auto present = current_.find(read->packet_id);
  if (present != current_.end()) {
    Work& older = works_.at(present->second);
    if (older.epoch >= read->epoch) return;
    drop(now, older, now + options_.kill_after);
  }
  if (works_.size() >= kMaxInHand) return;
  const uint64_t number = effects_.next_id();
  Work& work = works_[number];
  work.number = number;
  work.packet = read->packet_id;
  work.epoch = read->epoch;
  work.input = std::move(read->input);
  work.contract = read->contract;
  work.scopes = std::move(read->scopes);
  current_[work.packet] = number;
  if (accepting_) {
    begin_waiting(now);
  } else {
    report(now, work, release_call());
  }
  sweep();
}

void Assignments::revoke(Instant now, const std::string& packet, uint64_t epoch,
                         std::string_view reason) {
  settle(packet, epoch);
  const auto present = current_.find(packet);
  if (present != current_.end() && works_.at(present->second).epoch <= epoch) {
    effects_.say(SayLevel::kWork, packet + " epoch " + std::to_string(epoch) +
                                      " is revoked: " + std::string(reason));
    effects_.tell("revoked", packet, epoch, std::string(reason));
    drop(now, works_.at(present->second), now + options_.kill_after);
  }
  begin_waiting(now);
  sweep();
}

void Assignments::keep_only(Instant now,
                            const std::vector<std::pair<std::string, uint64_t>>& held) {
  std::map<std::string, uint64_t> listed(held.begin(), held.end());
  std::vector<uint64_t> gone;
  for (const auto& [packet, number] : current_) {
    const auto it = listed.find(packet);
    if (it == listed.end() || it->second != works_.at(number).epoch) gone.push_back(number);
  }
  for (uint64_t number : gone) drop(now, works_.at(number), now + options_.kill_after);
  for (const auto& [packet, epoch] : listed) {
    const auto settled = settled_.find(packet);
    const bool in_hand = current_.contains(packet);
    if (!in_hand && settled != settled_.end())
      settled->second = std::min(settled->second, epoch - 1);
  }
  begin_waiting(now);
  sweep();
}

bool Assignments::drop_all(Instant now, Instant kill_at) {
  std::vector<uint64_t> all;
  for (const auto& [packet, number] : current_) all.push_back(number);
  for (auto& [number, work] : works_) {
    if (work.phase == Phase::kRunning) work.kill_at = std::min(work.kill_at, kill_at);
  }
  for (uint64_t number : all) drop(now, works_.at(number), kill_at);
  sweep();
  return !all.empty();
}

void Assignments::host_changed(Instant now) {
  for (auto& [number, work] : works_) {
    if (work.ticket_call != 0 && work.ticket_url != effects_.url) {
      const bool asking = work.asking;
      forget_ticket(work);
      work.asking = asking;
      ask_ticket(now, work);
    }
    if (work.calls.empty() || work.call_url == effects_.url) continue;
    if (work.call_id != 0) {
      effects_.add(CancelCall{work.call_id});
      open_calls_.erase(work.call_id);
      work.call_id = 0;
    }
    work.tries = 0;
    send_next(now, work);
  }
}

void Assignments::wind_up(Instant now, Instant kill_at) {
  accepting_ = false;
  for (auto& [number, work] : works_) {
    if (work.dropped) continue;
    if (work.phase == Phase::kWaiting) {
      report(now, work, release_call());
    } else if (work.phase == Phase::kRunning) {
      if (work.stop == RunStop::kNone) work.stop = RunStop::kDrain;
      stop_run(now, work, kill_at);
    }
  }
}

void Assignments::run_ended(Instant now, uint64_t run, const RunEnd& end) {
  Work* work = find_run(run);
  if (work == nullptr) return;
  if (work->dropped) {
    works_.erase(run);
  } else {
    Verdict verdict = judge(end, work->stop, options_);
    effects_.say(SayLevel::kWork,
                 work->packet + " epoch " + std::to_string(work->epoch) + ": " + verdict.verb);
    effects_.tell("ends", work->packet, work->epoch, verdict.verb);
    report(now, *work, std::move(verdict));
  }
  begin_waiting(now);
  sweep();
}

void Assignments::run_not_started(Instant now, uint64_t run, bool for_good, std::string_view why) {
  Work* work = find_run(run);
  if (work == nullptr) return;
  effects_.say(SayLevel::kError, "'" + options_.command.front() + "' cannot be " +
                                     (for_good ? "executed: " : "started now: ") +
                                     std::string(why));
  if (for_good) {
    cannot_execute_ = true;
    accepting_ = false;
  }
  if (work->dropped) {
    works_.erase(run);
  } else {
    report(now, *work, release_call());
  }
  begin_waiting(now);
  sweep();
}

void Assignments::checkpoint_written(Instant now, uint64_t run, std::string_view content,
                                     WallMs wall) {
  Work* work = find_run(run);
  if (work == nullptr || work->dropped) return;
  last_seq_ = std::max(last_seq_ + 1, wall);
  Verdict verdict = checkpoint_call(content, last_seq_, options_.codec);
  // Only the newest one matters: it takes the place of one that has not left yet.
  auto& calls = work->calls;
  if (!calls.empty() && calls.back().verb == "checkpoint" && !(calls.size() == 1 && work->sent)) {
    calls.back() = std::move(verdict);
  } else {
    calls.push_back(std::move(verdict));
  }
  send_next(now, *work);
}

bool Assignments::answered(Instant now, uint64_t call_id, const CallResult& result) {
  if (ticket_answered(now, call_id, result)) {
    begin_waiting(now);
    sweep();
    return true;
  }
  if (accepts_.erase(call_id) > 0) {
    if (result && !result->ok()) {
      effects_.say(SayLevel::kWork,
                   "a handoff did not come about: " + parse_problem(*result).detail);
    }
    return true;
  }
  const auto open = open_calls_.find(call_id);
  if (open == open_calls_.end()) return false;
  Work& work = works_.at(open->second);
  open_calls_.erase(open);
  work.call_id = 0;
  if (!result) {
    repeat_call(now, work, Duration{});
  } else if (result->ok()) {
    next_call(now, work);
  } else {
    refused(now, work, *result);
  }
  begin_waiting(now);
  sweep();
  return true;
}

void Assignments::tick(Instant now) {
  for (auto& [number, work] : works_) {
    if (work.timeout_at <= now && work.phase == Phase::kRunning && !work.dropped) {
      work.stop = RunStop::kTimeout;
      stop_run(now, work, now + options_.kill_after);
    }
    if (work.kill_at <= now) {
      work.kill_at = kNever;
      if (work.phase == Phase::kRunning) effects_.add(SignalRun{number, true});
    }
    if (work.retry_at <= now) send_next(now, work);
    if (work.ticket_at <= now) ask_ticket(now, work);
  }
}

Instant Assignments::next_deadline() const {
  Instant next = kNever;
  for (const auto& [number, work] : works_) {
    next = std::min({next, work.kill_at, work.timeout_at, work.retry_at, work.ticket_at});
  }
  return next;
}

Assignments::Work* Assignments::find_run(uint64_t run) {
  const auto it = works_.find(run);
  if (it == works_.end() || it->second.phase != Phase::kRunning) return nullptr;
  return &it->second;
}

// A run that is being stopped still counts, and two runs of one packet never overlap here.
void Assignments::begin_waiting(Instant now) {
  std::set<std::string_view> busy;
  int64_t running = 0;
  for (const auto& [number, work] : works_) {
    if (work.phase != Phase::kRunning && !work.asking) continue;
    ++running;
    busy.insert(work.packet);
  }
  for (auto& [number, work] : works_) {
    if (running >= options_.max_load) return;
    const bool waits = work.phase == Phase::kWaiting && !work.asking && !work.dropped;
    if (!waits || busy.contains(work.packet)) continue;
    ++running;
    busy.insert(work.packet);
    if (options_.tickets) {
      work.asking = true;
      ask_ticket(now, work);
    } else {
      begin(now, work);
    }
  }
}

void Assignments::begin(Instant now, Work& work) {
  work.phase = Phase::kRunning;
  if (options_.timeout.ns > 0) work.timeout_at = now + options_.timeout;
  effects_.say(SayLevel::kWork, work.packet + " epoch " + std::to_string(work.epoch) + ": begins");
  effects_.tell("begins", work.packet, work.epoch);
  effects_.add(StartRun{work.number, std::move(work.input)});
  work.calls.push_back({"start", ""});
  send_next(now, work);
}

void Assignments::stop_run(Instant /*now*/, Work& work, Instant kill_at) {
  work.timeout_at = kNever;
  work.kill_at = std::min(work.kill_at, kill_at);
  if (work.termed) return;
  work.termed = true;
  forget_ticket(work);
  effects_.add(SignalRun{work.number, false});
}

void Assignments::drop(Instant now, Work& work, Instant kill_at) {
  leave_hand(work);
  settle(work.packet, work.epoch);
  work.dropped = true;
  forget_ticket(work);
  if (work.phase == Phase::kRunning) stop_run(now, work, kill_at);
  // Of its calls only a final one that has left once is still worth an answer.
  if (work.calls.empty()) return;
  if (work.sent && is_final(work.calls.front())) return;
  if (work.call_id != 0) {
    effects_.add(CancelCall{work.call_id});
    open_calls_.erase(work.call_id);
    work.call_id = 0;
  }
  work.calls.clear();
  work.retry_at = kNever;
}

void Assignments::settle(const std::string& packet, uint64_t epoch) {
  const auto [it, added] = settled_.try_emplace(packet, epoch);
  it->second = std::max(it->second, epoch);
  if (!added) return;
  settled_order_.push_back(packet);
  if (settled_order_.size() <= kMaxSettled) return;
  settled_.erase(settled_order_.front());
  settled_order_.pop_front();
}

void Assignments::leave_hand(const Work& work) {
  const auto it = current_.find(work.packet);
  if (it != current_.end() && it->second == work.number) current_.erase(it);
}

void Assignments::report(Instant now, Work& work, Verdict verdict) {
  work.phase = Phase::kReporting;
  forget_ticket(work);
  work.timeout_at = kNever;
  work.kill_at = kNever;
  // The start has no use any more, and a checkpoint none before a result.
  auto& calls = work.calls;
  const std::size_t first = work.sent ? 1 : 0;
  for (std::size_t i = calls.size(); i > first; --i) {
    const std::string& verb = calls[i - 1].verb;
    if (verb == "start" || verdict.verb == "complete") {
      calls.erase(calls.begin() + static_cast<std::ptrdiff_t>(i - 1));
    }
  }
  calls.push_back(std::move(verdict));
  send_next(now, work);
}

MakeCall Assignments::packet_call(const std::string& packet, const std::string& verb,
                                  std::string body) {
  MakeCall make;
  make.id = effects_.next_id();
  make.call.method = "POST";
  make.call.target = in_namespace("/v1/packets/" + url_encode(packet) + "/" + verb, options_.ns);
  make.call.body = std::move(body);
  make.call.token = token_;
  make.call.timeout = options_.request_timeout;
  make.call.repeatable = true;
  make.call.url = effects_.url;
  return make;
}

void Assignments::send_next(Instant /*now*/, Work& work) {
  if (work.call_id != 0 || work.calls.empty()) return;
  const Verdict& verdict = work.calls.front();
  work.retry_at = kNever;
  work.sent = true;
  MakeCall make = packet_call(work.packet, verdict.verb,
                              "{\"epoch\":" + std::to_string(work.epoch) + verdict.fields +
                                  signature_of(work, verdict) + "}");
  work.call_id = make.id;
  work.call_url = effects_.url;
  open_calls_[make.id] = work.number;
  effects_.add(std::move(make));
}

void Assignments::next_call(Instant now, Work& work) {
  const bool done = is_final(work.calls.front());
  work.calls.pop_front();
  work.sent = false;
  work.tries = 0;
  work.retry_at = kNever;
  if (done) {
    settle(work.packet, work.epoch);
    leave_hand(work);
    work.dropped = true;
    work.calls.clear();
  } else {
    send_next(now, work);
  }
}

void Assignments::repeat_call(Instant now, Work& work, Duration at_least) {
  const std::string& verb = work.calls.front().verb;
  // The start only informs; whatever follows says the same.
  if (verb == "start" || (work.dropped && !is_final(work.calls.front()))) {
    next_call(now, work);
    return;
  }
  work.retry_at = now + std::max(backoff(work.tries), at_least);
  ++work.tries;
}

void Assignments::refused(Instant now, Work& work, const Answer& answer) {
  const Error error = parse_problem(answer);
  const std::string verb = work.calls.front().verb;
  const std::string what =
      work.packet + " epoch " + std::to_string(work.epoch) + ": " + verb + " is refused: ";
  const bool stale = error.kind == ErrorKind::kStaleEpoch || error.kind == ErrorKind::kNotOwner ||
                     error.kind == ErrorKind::kWrongState;
  const bool later = answer.status >= 500 || answer.status == 408 || answer.status == 429 ||
                     (answer.status == 409 && error.retry_after_ms && !stale) ||
                     (answer.status == 401 && work.tries < kMaxUnauthenticated);
  if (later) {
    repeat_call(now, work, milliseconds(error.retry_after_ms.value_or(0)));
    return;
  }
  if (stale || answer.status == 401 || verb == "fail" || work.dropped) {
    effects_.say(SayLevel::kNotice, what + error.detail);
    effects_.tell("refused", work.packet, work.epoch,
                  verb + " " + std::string(kind_name(error.kind)));
    work.calls.clear();
    work.sent = false;
    drop(now, work, now + options_.kill_after);
    return;
  }
  effects_.say(SayLevel::kError, what + error.detail);
  if (!is_final(work.calls.front())) {
    next_call(now, work);
    return;
  }
  work.calls.clear();
  work.sent = false;
  work.tries = 0;
  work.calls.push_back(refused_call(error.detail, kind_name(error.kind)));
  send_next(now, work);
}

void Assignments::sweep() {
  std::erase_if(works_, [](const auto& entry) {
    const Work& work = entry.second;
    return work.dropped && work.phase != Phase::kRunning && work.calls.empty();
  });
}

}  // namespace phoenix::worker
