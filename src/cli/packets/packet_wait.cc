#include "cli/packets/packet_wait.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "cli/line/values.h"
#include "cli/packets/packet_view.h"

namespace phoenix::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kLongestPoll{25'000};  // the host allows 30,000
// A host that has answered before may be starting again: that long it is asked for.
constexpr std::chrono::seconds kHostMayBeAway{15};
constexpr std::chrono::milliseconds kPause{200};

Failure not_in_time(const std::string& id, const std::string& why) {
  return {kExitTimedOut, fmt::format("packet {} has not ended in time", id), why,
          fmt::format("go on waiting: phoenix packet watch {}", id), ""};
}

}  // namespace

Flag wait_flag(WaitFlag* into, std::string help) {
  Flag flag;
  flag.name = "--wait";
  flag.value = "30s";
  flag.help = std::move(help);
  flag.optional_value = true;
  flag.set = [into](std::string_view text) -> Complaint {
    into->wait = true;
    if (text.empty()) return std::nullopt;
    const auto duration = parse_duration(text);
    if (!duration) return duration.error();
    into->at_most = *duration;
    return std::nullopt;
  };
  return flag;
}

WaitEnd wait_end(const WaitFlag& flag) {
  if (!flag.at_most) return std::nullopt;
  return Clock::now() + std::chrono::nanoseconds(flag.at_most->ns);
}

Outcome<Json> wait_for_packet(Context& context, const std::string& id, WaitEnd end, bool heard) {
  const std::string what = fmt::format("cannot wait for packet {}", id);
  std::optional<Clock::time_point> away_since;
  while (true) {
    // The first look does not wait: it tells whether there is a host at all.
    auto left = heard ? kLongestPoll : std::chrono::milliseconds(0);
    if (end) {
      const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(*end - Clock::now());
      left = std::clamp(rest, std::chrono::milliseconds(0), left);
    }
    auto reply = context.api.get(what, Target({"packets", id}), milliseconds(left.count()));
    const bool over = end && Clock::now() >= *end;
    if (!reply) {
      if (!away_since) away_since = Clock::now();
      const bool patient = heard && Clock::now() - *away_since <= kHostMayBeAway;
      if (reply.error().exit_code != kExitNoHost || !patient) return tl::unexpected(reply.error());
      if (over) return tl::unexpected(not_in_time(id, reply.error().what));
      std::this_thread::sleep_for(kPause);
      continue;
    }
    heard = true;
    away_since.reset();
    if (packet_ended(reply->json)) return reply->json;
    if (over) {
      return tl::unexpected(not_in_time(
          id, fmt::format("it is {}; the outcome is open", reply->json["status"].text())));
    }
  }
}

Failure ended_badly(const Json& packet) {
  const std::string& id = packet["id"].text();
  Failure failure;
  failure.exit_code = kExitFailed;
  failure.what = fmt::format("packet {} ended {}", id, packet["status"].text());
  failure.why = packet_note(packet);
  if (failure.why.empty()) failure.why = "no error was given";
  failure.next = fmt::format("see what happened: phoenix inspect {}", id);
  return failure;
}

Outcome<int> print_result(Context& context, const std::string& id, bool more_follow) {
  const std::string what = fmt::format("no result of packet {}", id);
  auto reply = context.api.get_any(what, Target({"packets", id, "result"}));
  if (!reply) return tl::unexpected(reply.error());
  if (reply->status >= 300) {
    Failure failure = failure_of(what, reply->status, reply->body);
    const std::string& status = reply->json["packetStatus"].text();
    if (packet_ended(Json::object().set("status", Json::string(status)))) {
      failure.exit_code = kExitFailed;
      failure.why = fmt::format("the packet ended {}", status);
      const std::string message = reply->json["lastError"]["message"].text();
      if (!message.empty()) failure.why += ": " + message.substr(0, message.find('\n'));
      failure.next = fmt::format("see what happened: phoenix inspect {}", id);
    } else if (!status.empty()) {
      failure.next = fmt::format("wait for it: phoenix packet result {} --wait", id);
    }
    return tl::unexpected(failure);
  }
  // One result is printed byte for byte; a line feed is added only where it harms nobody: on a
  // terminal, and between several results.
  context.out.print(reply->body);
  if ((more_follow || isatty(STDOUT_FILENO) == 1) && !reply->body.ends_with('\n')) {
    context.out.print("\n");
  }
  return kExitDone;
}

}  // namespace phoenix::cli
