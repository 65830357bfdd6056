// What all calls through one gateway share. Internal to src/gateway.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/gate.h"
#include "client/tls.h"
#include "gateway/keeper_link.h"
#include "gateway/keepers.h"
#include "gateway/session_homes.h"
#include "net/http_server.h"

namespace phoenix::gateway {

class Relay;

// How a call ended.
enum class Outcome : uint8_t {
  kAnswered,   // by a keeper, whatever it said
  kMoved,      // its member was told to attach again, at another keeper
  kNoKeeper,   // none took it
  kUnknown,    // a keeper took it and did not answer
  kBrokenOff,  // the answer broke off on its way
  kAbandoned,  // the client went away
  kRefused,    // by the gateway itself
};
inline constexpr size_t kOutcomes = static_cast<size_t>(Outcome::kRefused) + 1;
std::string_view outcome_name(Outcome outcome);  // "no-keeper"

struct GatewayCounts {
  std::array<uint64_t, kOutcomes> calls{};
  uint64_t repeats = 0;        // of calls at another keeper
  uint64_t request_bytes = 0;  // of bodies
  uint64_t answer_bytes = 0;
  uint64_t held_bytes = 0;  // of the bodies of calls that are open now
};

struct Desk {
  EventLoop& loop;
  Gate gate;
  Keepers keepers;
  SessionHomes homes;
  KeptConnections kept;
  std::shared_ptr<const TlsTrust> tls;  // null: keepers speak plain HTTP
  GatewayCounts counts{};
  std::string told_url;  // for clients whose call says no Host
  std::string scheme;    // of the gateway itself: "http://"
  bool ending = false;
  // The keepers as gossip sees them now are in `keepers`.
  std::function<void()> refresh;
  std::function<Instant()> now;
  std::function<void(Relay&)> over;
};

// A problem document as the gateway's own answer.
HttpResponse own_problem(const Desk& desk, const Error& error, const HttpHead* head,
                         std::string_view extra = {});

}  // namespace phoenix::gateway
