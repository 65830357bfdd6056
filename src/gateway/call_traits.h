// What a gateway has to know of a call, read from its head, and what it does when the keeper that
// has it fails. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "net/http_message.h"

namespace phoenix::gateway {

struct CallTraits {
  // A second arrival does no harm: it only reads, has an Idempotency-Key, or names an epoch or a
  // state that is the same afterwards.
  bool repeatable = false;
  bool registers = false;   // POST /v1/members, /v1/sessions: the answer names a session
  bool attaches = false;    // POST …/session: makes whoever answers its session's home
  bool of_session = false;  // other calls that a session's home answers: polls, stream, heartbeat …
  std::string session;      // of the token; empty: it is none of a session
  std::string key;          // calls of one key should meet at one keeper
  Duration wait{};          // what it asks the keeper to wait on purpose
};
CallTraits traits_of(const HttpHead& head);

// The session id in a session's token, which only its keepers can verify; "" for another token.
std::string session_of(std::string_view token);

// How a keeper failed a call before anything of its answer went on to the client.
enum class Failing : uint8_t {
  kUnreachable,  // it took nothing of the call
  kBroken,       // the connection broke; the call may have been carried out
  kSilent,       // no answer in time
  kDraining,     // it answered that it leaves: it has done nothing
  kDeclined,     // it answered another 503
};
enum class Step : uint8_t {
  kNextKeeper,
  // Another keeper is to be the session's home: the member is told to attach again, here.
  kMoveMember,
  kHandOn,   // the keeper's answer, as it is
  kUnknown,  // 504: the outcome is open
  kNobody,   // 503: nobody took it
};
// `more`: there is a keeper that this call was not tried at.
Step next_step(const CallTraits& call, Failing failing, bool more);

}  // namespace phoenix::gateway
