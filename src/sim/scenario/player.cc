#include "sim/scenario/player.h"

#include <fmt/format.h>

#include <utility>

#include "sim/env.h"

namespace phoenix::sim {

Player::Player()
    : stage_([this](RequestId id, const ReplyBody& body,
                    bool replayed) { on_reply(id, body, replayed); },
             [this](const StreamPortion& portion) {
               const std::string name = waiting_[portion.stream];
               members_[name].after = portion.portion.next;
               print(fmt::format("stream {}: {}{}", name, deliveries_text(portion.portion),
                                 portion.end ? " end" : ""));
             }) {
  stage_.start();
}

std::vector<std::string> Player::run(const std::string& line) {
  out_.clear();
  const Words words(line);
  if (words.verb() == "host" && words.argument(0) == "start") {
    if (!stage_.up()) stage_.start();
    print("started");
  } else if (!stage_.up() && words.verb() != "advance") {
    print("the host is down");
  } else if (!run_world(words) && !run_member(words) && !run_packet(words)) {
    print("unknown command: " + line);
  }
  return std::exchange(out_, {});
}

void Player::print(std::string text) {
  while (true) {
    const size_t end = text.find('\n');
    out_.push_back(text.substr(0, end));
    if (end == std::string::npos) return;
    text.erase(0, end + 1);
  }
}

// --- time, host, store
// ----------------------------------------------------------------------------

bool Player::run_world(const Words& words) {
  const std::string& verb = words.verb();
  const std::string& what = words.argument(0);
  if (verb == "advance" || verb == "freeze") {
    const Duration length = milliseconds(parse_millis(what));
    if (length.ns < 0) return false;
    if (verb == "advance") {
      stage_.advance(length);
    } else {
      stage_.freeze(length);
    }
  } else if (verb == "host" && what == "crash") {
    stage_.crash();
    waiting_.clear();
  } else if (verb == "host" && what == "shutdown") {
    stage_.shut_down();
  } else if (verb == "store") {
    using Mode = Stage::StoreMode;
    const std::map<std::string, Mode> modes = {{"well", Mode::kWell},
                                               {"full", Mode::kFull},
                                               {"held", Mode::kHeld},
                                               {"unknown-applied", Mode::kUnknownApplied},
                                               {"unknown-lost", Mode::kUnknownLost},
                                               {"conflict", Mode::kConflict}};
    const auto mode = modes.find(what);
    if (mode == modes.end()) return false;
    stage_.set_store(mode->second);
  } else if (verb == "health") {
    const Health health = stage_.node().health(stage_.now());
    print(health.ready ? "ready" : "not ready: " + health.why);
  } else if (verb == "members") {
    members();
  } else {
    return false;
  }
  return true;
}

void Player::members() {
  for (const MemberView& view : stage_.node().members()) {
    print(fmt::format("{} {} incarnation={} load={}/{}{}", view.record->key.id(),
                      member_status_name(view.record->status), view.record->incarnation,
                      view.current_load, view.record->max_load,
                      view.record->reason.empty() ? "" : " reason=" + view.record->reason));
  }
}

// --- asking and answering
// ---------------------------------------------------------------------------

void Player::send(const std::string& name, Command command) {
  answered_ = false;
  sending_name_ = name;
  sending_ = 0;
  const RequestId id = stage_.send(std::move(command));
  if (!answered_) {
    waiting_[id] = name;
    print("(waits)");
  }
  sending_name_.clear();
}

void Player::on_reply(RequestId id, const ReplyBody& body, bool replayed) {
  const std::string text = reply_text(body) + (replayed ? " replayed" : "");
  const auto waited = waiting_.find(id);
  if (waited == waiting_.end() && !answered_ && !sending_name_.empty() && id > sending_) {
    answered_ = true;
    sending_ = id;
    remember(sending_name_, body);
    if (std::holds_alternative<StreamOpened>(body)) {
      members_[sending_name_].stream = id;
      waiting_[id] = sending_name_;
    }
    print(text);
    return;
  }
  const std::string name = waited == waiting_.end() ? "?" : waited->second;
  if (waited != waiting_.end()) waiting_.erase(waited);
  remember(name, body);
  print(fmt::format("at {}ms {}: {}", stage_.elapsed().ms(), name, text));
}

void Player::remember(const std::string& name, const ReplyBody& body) {
  Member& member = members_[name];
  if (const auto* reply = std::get_if<MembersReply>(&body); reply && reply->session) {
    member.session = reply->session->id;
    member.generation = reply->session->generation;
    member.after.reset();
  } else if (const auto* attached = std::get_if<AttachReply>(&body)) {
    member.generation = attached->session.generation;
    member.after = attached->next;
  } else if (const auto* portion = std::get_if<DeliveriesReply>(&body)) {
    member.after = portion->next;
  }
}

// The caller of a member's call: its token, an older one of it, or somebody who speaks for a
// manual member.
Command Player::as(const Words& words) {
  const std::string& name = words.argument(0);
  const Member& member = members_[name];
  Command command;
  if (member.manual) {
    command.caller.principal = "tester";
    command.caller.as_member = name;
  } else {
    command.caller.session = member.session;
    command.caller.generation =
        static_cast<uint64_t>(words.number("token", static_cast<int64_t>(member.generation)));
  }
  return command;
}

SessionRef Player::ref(const std::string& member) const {
  return SessionRef{std::string(kNamespace), member, ""};
}

std::optional<std::string> Player::after(const Words& words) const {
  const std::string given = words.text("after");
  if (given == "none") return std::nullopt;
  if (!given.empty()) return given;
  const auto found = members_.find(words.argument(0));
  return found == members_.end() ? std::nullopt : found->second.after;
}

}  // namespace phoenix::sim
