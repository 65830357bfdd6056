#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "sim/env.h"
#include "sim/scenario/player.h"

namespace phoenix::sim {

namespace {

MemberRecord record_of(const std::string& name, const Words& words) {
  MemberRecord record;
  record.key = MemberKey(kNamespace, name);
  record.capabilities = words.list("caps");
  record.weight = static_cast<uint32_t>(words.number("weight", 100));
  record.max_load = static_cast<uint32_t>(words.number("load", 1));
  record.manual = words.flag("manual");
  return record;
}

PatchMember patch_of(const std::string& name, const Words& words) {
  PatchMember patch;
  patch.key = MemberKey(kNamespace, name);
  if (words.has("load")) patch.max_load = static_cast<uint32_t>(words.number("load", 1));
  if (words.has("weight")) patch.weight = static_cast<uint32_t>(words.number("weight", 100));
  if (words.has("caps")) patch.capabilities = words.list("caps");
  return patch;
}

}  // namespace

// --- members ------------------------------------------------------------------------------------

bool Player::run_member(const Words& words) {
  const std::string& verb = words.verb();
  const std::string& name = words.argument(0);
  if (verb == "register") {
    register_member(words);
    return true;
  }
  if (verb == "plan") return plan(words);
  if (verb == "cut") {
    stage_.close_stream(std::exchange(members_[name].stream, 0));
    return true;
  }
  Command command = as(words);
  if (verb == "attach") {
    command.body = Attach{ref(name)};
  } else if (verb == "poll") {
    command.body = Poll{ref(name), static_cast<uint32_t>(words.number("max", 10)),
                        milliseconds(words.millis("wait", 0)), after(words)};
  } else if (verb == "heartbeat") {
    command.body = Heartbeat{ref(name), after(words)};
  } else if (verb == "stream") {
    command.body = OpenStream{ref(name), after(words)};
  } else if (verb == "drain") {
    Drain drain{ref(name), std::nullopt};
    if (words.has("deadline")) {
      drain.deadline_seconds = static_cast<uint32_t>(words.number("deadline", 0));
    }
    command.body = drain;
  } else if (verb == "resume") {
    command.body = Resume{ref(name)};
  } else if (verb == "retire") {
    command.body = Retire{ref(name)};
  } else if (verb == "patch") {
    command.caller = Caller{};
    command.caller.principal = "tester";
    command.caller.is_operator = true;
    command.body = patch_of(name, words);
  } else {
    return false;
  }
  send(name, std::move(command));
  return true;
}

// plan leave|lease|drain|join|change W
bool Player::plan(const Words& words) {
  const std::string& change = words.argument(0);
  const std::string& name = words.argument(1);
  const MemberKey key(kNamespace, name);
  PlanRequest request;
  if (change == "leave" || change == "lease") {
    request = PlanLeave{key, change == "lease"};
  } else if (change == "drain") {
    request = PlanDrain{key};
  } else if (change == "join") {
    request = PlanJoin{record_of(name, words)};
  } else if (change == "change") {
    request = PlanChange{patch_of(name, words)};
  } else {
    return false;
  }
  const auto plan = stage_.node().plan(stage_.now(), request, 1'000);
  print(plan ? plan_text(*plan) : refusal_text(plan.error()));
  return true;
}

void Player::register_member(const Words& words) {
  const std::string& name = words.argument(0);
  MemberRecord record = record_of(name, words);
  Register reg;
  reg.lease_seconds = static_cast<uint32_t>(words.number("lease", 3));
  if (words.has("grace")) reg.grace_ms = static_cast<uint32_t>(words.number("grace", 250));
  reg.replace = words.flag("replace");
  reg.single = true;
  members_[name].manual = record.manual;
  reg.members.push_back(std::move(record));
  Command command;
  command.caller.principal = "tester";
  if (words.has("key")) {
    command.idempotency = Idempotency{digest_of("register " + words.text("key")),
                                      digest_of(name + words.text("caps"))};
  }
  command.body = std::move(reg);
  send(name, std::move(command));
}

// --- packets
// --------------------------------------------------------------------------------------

bool Player::run_packet(const Words& words) {
  const std::string& verb = words.verb();
  if (verb == "submit") {
    submit(words);
  } else if (verb == "await") {
    Command command;
    command.caller.principal = "tester";
    command.body = AwaitPacket{PacketKey(kNamespace, words.argument(0)),
                               milliseconds(words.millis("wait", 30'000))};
    send("await " + words.argument(0), std::move(command));
  } else if (verb == "show") {
    for (size_t i = 0; !words.argument(i).empty(); ++i) show(words.argument(i));
  } else if (verb == "cancel") {
    order(words, Order::kCancel);
  } else if (verb == "evict") {
    order(words, Order::kEvict);
  } else if (verb == "retry") {
    order(words, Order::kRetry);
  } else if (verb == "assign") {
    order(words, Order::kAssign);
  } else {
    for (int i = 0; i <= static_cast<int>(Call::kHandoff); ++i) {
      if (call_name(static_cast<Call>(i)) != verb) continue;
      owner_call(words, static_cast<Call>(i));
      return true;
    }
    return false;
  }
  return true;
}

void Player::submit(const Words& words) {
  Submit submit;
  for (size_t i = 0; !words.argument(i).empty(); ++i) {
    SubmitItem item;
    item.key = PacketKey(kNamespace, words.argument(i));
    item.required = words.list("requires");
    item.payload = std::make_shared<const Content>(json_content(words.text("payload", "1")));
    PacketSpec spec;
    spec.priority = static_cast<int32_t>(words.number("priority", 0));
    spec.load = static_cast<uint32_t>(words.number("load", 1));
    spec.attempt_timeout_seconds = static_cast<uint32_t>(words.number("timeout", 0));
    spec.max_attempts = static_cast<uint32_t>(words.number("attempts", 3));
    spec.max_losses = static_cast<uint32_t>(words.number("losses", 10));
    if (words.has("affinity")) {
      spec.spread = Spread::kAffinity;
      spec.affinity_key = words.text("affinity");
    }
    const WallMs wall = stage_.now().wall;
    if (words.has("deadline")) spec.deadline = wall + words.millis("deadline", 0);
    if (words.has("not-before")) spec.not_before = wall + words.millis("not-before", 0);
    spec.create_digest = digest_of(words.text("requires") + words.text("payload", "1"));
    item.spec = std::make_shared<const PacketSpec>(std::move(spec));
    submit.items.emplace_back(std::move(item));
  }
  submit.single = submit.items.size() == 1;
  Command command;
  command.caller.principal = "tester";
  if (words.has("key")) {
    command.idempotency = Idempotency{digest_of("submit " + words.text("key")),
                                      digest_of(words.text("payload", "1"))};
  }
  command.body = std::move(submit);
  send("submit", std::move(command));
}

void Player::owner_call(const Words& words, Call kind) {
  const std::string& what = words.argument(1);
  const size_t at = what.find('@');
  OwnerCall call;
  call.call = kind;
  call.key = PacketKey(kNamespace, what.substr(0, at));
  call.epoch = at == std::string::npos ? 0 : std::strtoull(what.c_str() + at + 1, nullptr, 10);
  const std::string content = words.text("result", words.text("context", "1"));
  if (kind == Call::kComplete || kind == Call::kCheckpoint || words.has("context")) {
    call.content = std::make_shared<const Content>(json_content(content));
  }
  if (words.has("seq")) call.seq = static_cast<uint64_t>(words.number("seq", 0));
  call.error = LastError{words.text("message", "it failed"), words.text("code", "tester")};
  call.retry = !words.flag("no-retry");
  if (words.has("retry-after")) call.retry_after_ms = words.millis("retry-after", 0);
  call.to = words.text("to");
  if (words.has("requires")) call.required = words.list("requires");
  call.digest = digest_of(fmt::format("{} {} {} {}", call_name(kind), what, content, call.to));
  Command command = as(words);
  command.body = OwnerCalls{{call}, true};
  send(words.argument(0), std::move(command));
}

void Player::order(const Words& words, Order kind) {
  OrderPacket order;
  order.order = kind;
  order.key = PacketKey(kNamespace, words.argument(0));
  order.to = words.text("to");
  order.reason = "a test";
  Command command;
  command.caller.principal = "tester";
  command.caller.is_operator = true;
  command.body = std::move(order);
  send("order", std::move(command));
}

// What is durable, with what the host adds while the packet lives.
void Player::show(const std::string& id) {
  const PacketKey key(kNamespace, id);
  if (const auto live = stage_.node().find(key)) return print(packet_text(*live));
  const auto stored = (*stage_.store().reader())->get(key);
  if (!stored || !stored->head) return print(id + " does not exist");
  const auto head = std::make_shared<const Packet>(*stored->head);
  print(packet_text(PacketView{head, head->status, std::nullopt}));
}

}  // namespace phoenix::sim
