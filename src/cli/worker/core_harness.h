// A worker's core in virtual time: what it asks for lies in lists, a test answers by hand.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/worker/worker_core.h"

namespace phoenix::worker {

inline WorkerOptions test_options() {
  WorkerOptions options;
  options.urls = {"http://127.0.0.1:7400"};
  options.ns = "default";
  options.id = "w1";
  options.capabilities = {"words"};
  options.max_load = 2;
  options.command = {"cmd"};
  return options;
}

inline Answer answer_of(int status, std::string body) {
  Answer answer;
  answer.status = status;
  answer.body = std::move(body);
  answer.url = "http://127.0.0.1:7400";
  return answer;
}

inline Answer problem_of(int status, const std::string& kind, const std::string& more = "") {
  Answer answer =
      answer_of(status, R"({"type":"/problems/)" + kind + R"(","title":"t","status":)" +
                            std::to_string(status) + R"(,"detail":"the detail")" + more + "}");
  answer.headers.emplace_back("content-type", "application/problem+json");
  return answer;
}

class CoreHarness {
 public:
  explicit CoreHarness(WorkerOptions given = test_options())
      : options(std::move(given)), core(options, "nonce") {}

  // Registers and opens the stream.
  void attach() {
    core.start(now, "");
    collect();
    answer(last_call("/v1/members?"), answer_of(201, registered("tok-1", "1")));
    core.stream_opened(now, stream.id);
    collect();
  }
  static std::string registered(const std::string& token, const std::string& run) {
    return R"({"member":{"id":"w1"},"session":{"id":"s","token":")" + token +
           R"(","leaseSeconds":3,"incarnation":1},"run":)" + run + R"(,"leaseMs":3000})";
  }
  static std::string beat(const std::string& next, const std::string& run = "1",
                          const std::string& revoked = "") {
    return R"({"revoked":[)" + revoked + R"(],"drain":null,"next":")" + next + R"(","run":)" + run +
           R"(,"leaseMs":3000})";
  }
  static std::string attached(const std::string& token, const std::string& held,
                              const std::string& run = "1") {
    return R"({"session":{"id":"s","token":")" + token + R"(","leaseSeconds":3},"held":[)" + held +
           R"(],"revoked":[],"next":"n-)" + run + R"(","run":)" + run + R"(,"leaseMs":3000})";
  }
  void deliver(const std::string& packet, int epoch, const std::string& more = "") {
    core.stream_event(now, stream.id, "delivery", "d" + std::to_string(++events),
                      R"({"member":"w1","epoch":)" + std::to_string(epoch) +
                          R"(,"packet":{"id":")" + packet +
                          R"(","namespace":"default","attempts":0,"payload":"in")" + more + "}}");
    collect();
  }
  void revoke(const std::string& packet, int epoch) {
    core.stream_event(now, stream.id, "revoked", "d" + std::to_string(++events),
                      R"({"id":")" + packet + R"(","epoch":)" + std::to_string(epoch) +
                          R"(,"reason":"evicted"})");
    collect();
  }
  void answer(const MakeCall& call, const CallResult& result) {
    std::erase_if(calls, [&](const MakeCall& open) { return open.id == call.id; });
    core.call_answered(now, call.id, result);
    collect();
  }
  void fail_call(const MakeCall& call, CallFault fault, const std::string& why = "broken") {
    answer(call, tl::unexpected(CallFailure{fault, "http://127.0.0.1:7400", why}));
  }
  void end_stream(StreamEnd end, const Answer* refusal = nullptr) {
    core.stream_closed(now, std::exchange(stream.id, 0), refusal, end);
    collect();
  }
  void end_run(uint64_t run, int code, const std::string& output = "out",
               std::optional<std::string> handoff = std::nullopt) {
    RunEnd end;
    end.exit_code = code;
    end.output = output;
    end.error_tail = "oops";
    end.handoff = std::move(handoff);
    core.run_ended(now, run, end);
    collect();
  }
  void end_by_signal(uint64_t run, int signal) {
    RunEnd end;
    end.signal = signal;
    core.run_ended(now, run, end);
    collect();
  }
  // Lets time pass, with a tick at every deadline on the way, as the driver does.
  void pass(Duration by) {
    const Instant end = now + by;
    while (core.next_deadline() <= end) {
      now = std::max(now, core.next_deadline());
      core.tick(now);
      if (!collect() && core.next_deadline() <= now) {
        ADD_FAILURE() << "a deadline that is due changes nothing";
        break;
      }
    }
    now = end;
  }
  // Lets time pass without a tick: frozen.
  void freeze(Duration by) { now = now + by; }
  // Answers each open heartbeat at once, for `by`.
  void keep_alive(Duration by) {
    for (const Instant end = now + by; now < end;) {
      pass(milliseconds(100));
      while (const MakeCall* call = find_call("/heartbeat")) {
        answer(MakeCall(*call), answer_of(200, beat("h")));
      }
    }
  }

  const MakeCall* find_call(const std::string& part) const {
    const auto it = std::find_if(calls.begin(), calls.end(), [&](const MakeCall& call) {
      return call.call.target.find(part) != std::string::npos;
    });
    return it == calls.end() ? nullptr : &*it;
  }
  MakeCall last_call(const std::string& part) const {
    for (auto it = calls.rbegin(); it != calls.rend(); ++it) {
      if (it->call.target.find(part) != std::string::npos) return *it;
    }
    ADD_FAILURE() << "no open call to " << part;
    return {};
  }
  bool signaled(uint64_t run, bool kill) const {
    return std::any_of(signals.begin(), signals.end(),
                       [&](const SignalRun& sent) { return sent.run == run && sent.kill == kill; });
  }
  // Answers the start call of a packet, so that the next one may leave.
  void start_taken(const std::string& packet) {
    answer(last_call("/" + packet + "/start"), answer_of(200, "{}"));
  }

  bool collect() {
    const Actions actions = core.take_actions();
    for (const Action& action : actions) {
      if (const auto* make = std::get_if<MakeCall>(&action)) calls.push_back(*make);
      if (const auto* cancel = std::get_if<CancelCall>(&action)) {
        std::erase_if(calls, [&](const MakeCall& call) { return call.id == cancel->id; });
      }
      if (const auto* open = std::get_if<OpenStream>(&action)) {
        stream = *open;
        ++streams;
      }
      if (std::holds_alternative<CloseStream>(action)) stream.id = 0;
      if (const auto* start = std::get_if<StartRun>(&action)) runs.push_back(*start);
      if (const auto* fresh = std::get_if<WriteTicket>(&action)) tickets.push_back(*fresh);
      if (const auto* signal = std::get_if<SignalRun>(&action)) signals.push_back(*signal);
      if (const auto* hold = std::get_if<HoldLease>(&action)) held_until = hold->end;
      if (const auto* save = std::get_if<SaveToken>(&action)) saved = save->token;
      if (const auto* tell = std::get_if<Tell>(&action)) {
        told += tell->event + " " + tell->packet + (tell->detail.empty() ? "" : " ") +
                tell->detail + "\n";
      }
      if (const auto* finish = std::get_if<Finish>(&action)) exit_code = finish->exit_code;
    }
    return !actions.empty();
  }

  WorkerOptions options;
  WorkerCore core;
  Instant now{seconds(1000).ns};
  std::vector<MakeCall> calls;  // the open ones
  std::vector<StartRun> runs;   // all that ever began
  std::vector<SignalRun> signals;
  std::vector<WriteTicket> tickets;
  OpenStream stream;
  int streams = 0;
  int events = 0;
  Instant held_until = kNever;
  std::string saved;
  std::string told;  // for programs that watch
  std::optional<int> exit_code;
};

}  // namespace phoenix::worker
