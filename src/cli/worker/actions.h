// What the member-side core asks its driver to do, and what the driver tells it. Plain values: the
// core itself opens nothing, starts nothing and reads no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"
#include "client/call.h"
#include "client/http_client.h"

namespace phoenix::worker {

// What one run of CMD is given.
struct RunInput {
  std::string packet_id;
  std::vector<std::pair<std::string, std::string>> env;  // names the files below are added to
  std::string stdin_bytes;
  std::optional<std::string> checkpoint;  // content of PHOENIX_CHECKPOINT_IN
  std::optional<std::string> context;     // content of PHOENIX_CONTEXT_IN
  std::optional<std::string> ticket;      // content of PHOENIX_TICKET_FILE, at first
};

// How one run of CMD ended.
struct RunEnd {
  std::optional<int> exit_code;  // else a signal ended it
  int signal = 0;
  std::string output;                  // at most --max-result bytes of stdout
  bool too_large = false;              // there was more
  std::string error_tail;              // the last 4 KiB of stderr
  std::optional<std::string> handoff;  // content of PHOENIX_HANDOFF_OUT
};

// Makes a call and reports its end with the same id, unless cancelled before.
struct MakeCall {
  uint64_t id = 0;
  Call call;
};
struct CancelCall {
  uint64_t id = 0;
};
// Opens the one event stream; whichever was open is closed.
struct OpenStream {
  uint64_t id = 0;
  Call call;
};
struct CloseStream {};
// Starts CMD for a packet.
struct StartRun {
  uint64_t run = 0;
  RunInput input;
};
// Puts a fresh one into the place of PHOENIX_TICKET_FILE.
struct WriteTicket {
  uint64_t run = 0;
  std::string content;
};
struct SignalRun {
  uint64_t run = 0;
  bool kill = false;  // SIGKILL, else SIGTERM; always to the whole tree
};
// The guardian kills every run at that instant; kNever: no more.
struct HoldLease {
  Instant end = kNever;
};
struct SaveToken {
  std::string token;
};
enum class SayLevel : int8_t { kError = -1, kNotice = 0, kWork = 1, kCall = 2 };
struct Say {
  SayLevel level = SayLevel::kNotice;
  std::string text;
};
// One line for programs that watch the worker; see WorkerOptions::events.
struct Tell {
  std::string event;
  std::string packet;  // empty: it is about no packet
  uint64_t epoch = 0;
  std::string detail;
};
// The worker is done. Whatever still runs is killed.
struct Finish {
  int exit_code = 0;
};

using Action = std::variant<MakeCall, CancelCall, OpenStream, CloseStream, StartRun, WriteTicket,
                            SignalRun, HoldLease, SaveToken, Say, Tell, Finish>;
using Actions = std::vector<Action>;

// The path of a call, in the member's namespace; without one the host knows it by the token.
inline std::string in_namespace(std::string path, const std::string& ns) {
  return ns.empty() ? path : path + "?namespace=" + url_encode(ns);
}

// Where the parts of the core put what is to be done, in order, and take their numbers from.
struct Effects {
  Actions actions;
  std::string url;  // the host to which calls go now
  WallMs wall = 0;  // the time of day, as the driver told it last: for what is signed
  uint64_t last_id = 0;
  uint64_t next_id() { return ++last_id; }
  void add(Action action) { actions.push_back(std::move(action)); }
  void say(SayLevel level, std::string text) { actions.push_back(Say{level, std::move(text)}); }
  bool telling = false;  // somebody watches
  void tell(std::string event, std::string packet = {}, uint64_t epoch = 0,
            std::string detail = {}) {
    if (!telling) return;
    actions.push_back(Tell{std::move(event), std::move(packet), epoch, std::move(detail)});
  }
};

}  // namespace phoenix::worker
