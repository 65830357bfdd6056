#include "gateway/call_traits.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "api/gate.h"

namespace phoenix::gateway {
namespace {

constexpr int64_t kMostWaitMs = 30'000;  // hosts refuse more

// "/v1/members/a/heartbeat" -> heartbeat, if the path has that many parts.
std::string_view part(std::string_view path, size_t index) {
  path.remove_prefix(std::min<size_t>(path.size(), 1));
  for (; index > 0; --index) {
    const size_t slash = path.find('/');
    if (slash == std::string_view::npos) return {};
    path.remove_prefix(slash + 1);
  }
  return path.substr(0, path.find('/'));
}

template <size_t kSize>
bool among(const std::array<std::string_view, kSize>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Owners' calls are the same call again by their epoch; the rest leave the same state behind.
constexpr std::array<std::string_view, 8> kPacketCalls = {
    "start", "progress", "checkpoint", "complete", "fail", "release", "handoff", "cancel"};
constexpr std::array<std::string_view, 3> kMemberCalls = {"heartbeat", "drain", "resume"};

bool repeatable_post(std::string_view path) {
  const std::string_view noun = part(path, 1);
  if (noun == "packets:complete") return true;
  if (noun == "packets") return among(kPacketCalls, part(path, 3));
  if (noun == "members" || noun == "sessions") return among(kMemberCalls, part(path, 3));
  return path == "/v1/ring/plan";
}

Duration wait_of(std::string_view query) {
  for (size_t at = 0; at <= query.size();) {
    const size_t end = std::min(query.find('&', at), query.size());
    std::string_view one = query.substr(at, end - at);
    at = end + 1;
    if (!one.starts_with("waitMs=")) continue;
    one.remove_prefix(7);
    int64_t ms = 0;
    std::from_chars(one.data(), one.data() + one.size(), ms);
    return milliseconds(std::clamp<int64_t>(ms, 0, kMostWaitMs));
  }
  return {};
}

}  // namespace

std::string session_of(std::string_view token) {
  constexpr std::string_view kPrefix = "pst.";
  if (!token.starts_with(kPrefix)) return {};
  const size_t mac = token.rfind('.');
  const size_t number = token.rfind('.', mac - 1);
  if (number == std::string_view::npos || number <= kPrefix.size()) return {};
  return std::string(token.substr(kPrefix.size(), number - kPrefix.size()));
}

CallTraits traits_of(const HttpHead& head) {
  CallTraits call;
  const std::string_view path = head.path;
  const std::string_view noun = part(path, 1), tail = part(path, 3);
  const bool post = head.method == "POST";
  const bool has_session = part(path, 0) == "v1" && (noun == "members" || noun == "sessions");
  call.registers = post && has_session && part(path, 2).empty();
  call.attaches = post && has_session && tail == "session";
  const bool polls = head.method == "GET" && (tail == "deliveries" || tail == "stream");
  call.of_session = has_session && (polls || (post && tail == "heartbeat"));
  call.repeatable = head.method == "GET" || head.find("idempotency-key") != nullptr ||
                    call.attaches || (post && repeatable_post(path));
  const std::string_view token = bearer_token(head);
  call.session = session_of(token);
  call.key = !call.session.empty() ? call.session : !token.empty() ? std::string(token) : head.peer;
  call.wait = wait_of(head.query);
  return call;
}

Step next_step(const CallTraits& call, Failing failing, bool more) {
  const bool answered = failing == Failing::kDraining || failing == Failing::kDeclined;
  if (call.of_session && more && failing != Failing::kSilent && failing != Failing::kDeclined) {
    return Step::kMoveMember;
  }
  switch (failing) {
    case Failing::kUnreachable:
    case Failing::kDraining:
      if (more) return Step::kNextKeeper;
      break;
    case Failing::kDeclined:
      if (more && call.repeatable && !call.of_session) return Step::kNextKeeper;
      break;
    case Failing::kBroken:
      if (!call.repeatable) return Step::kUnknown;
      if (more) return Step::kNextKeeper;
      break;
    case Failing::kSilent:
      return Step::kUnknown;
  }
  return answered ? Step::kHandOn : Step::kNobody;
}

}  // namespace phoenix::gateway
