// What the REST face is told at its start. Plain data.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace phoenix {

class Hosts;
class RootDesk;

// One line of the access log. No query, no header: those may hold what is not for logs.
struct Answered {
  std::string_view request_id;
  std::string_view method;
  std::string_view path;
  std::string_view peer;
  int status = 0;
  Duration took;
};

struct ApiOptions {
  std::string auth_file;                  // empty: every caller is admin
  std::vector<std::string> listen;        // "127.0.0.1:7400"; only the hosts count
  std::string advertise;                  // another name of this host; may carry a port
  std::vector<std::string> allow_host;    // more names that a Host header may carry
  std::vector<std::string> allow_origin;  // "https://console.example"
  std::string version = "0.1.0";
  int64_t weight = 100;               // of this host
  uint32_t retain_seconds = 604'800;  // default of a packet
  // From a request's arrival to its answer, what it asked to wait for not counted.
  Duration answer_timeout = seconds(20);
  // Signs the keys of new hosts, where the pool's root key is kept here; null: never is.
  const RootDesk* root = nullptr;
  Hosts* hosts = nullptr;  // the pool; null: this host speaks to no others
  // Makes this host leave and end, as SIGTERM does; null: it cannot be asked to.
  std::function<void()> leave;
  // True while the host shuts down; null: never.
  std::function<bool()> draining;
  // Base URLs of the hosts at which a member may attach, this one first: what session answers tell
  // as `hosts`. Null: none is told.
  std::function<std::vector<std::string>()> api_urls;
  // While this host leaves: the base URL at which a member of it should attach instead, perhaps
  // another one at each call. Members are told as `moveTo`, and none is charged the grace for a
  // stream that it closes then. nullopt: it does not leave, or there is nowhere to go. Null: never.
  std::function<std::optional<std::string>()> move_to;
  // Called for every answer; null: nobody listens.
  std::function<void(const Answered&)> on_answer;
};

}  // namespace phoenix
