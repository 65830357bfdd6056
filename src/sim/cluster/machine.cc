#include "sim/cluster/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "node/conflict.h"
#include "sim/cluster/peer_text.h"
#include "sim/env.h"
#include "sim/host.h"

namespace phoenix::sim {

namespace {

constexpr Duration kTickEvery = milliseconds(50);

}  // namespace

Machine::Machine(PoolEnv& env, size_t number, Prng prng)
    : env_(env),
      number_(number),
      name_(fmt::format("h{}", number + 1)),
      prng_(prng),
      writes_(env.queue, trouble_, prng_.fork()),
      asks_(env.queue, trouble_, prng_.fork()) {}

WallMs Machine::wall() const {
  return kWallStart + wall_skew_ms_ + env_.queue.now().ns / 1'000'000;
}

// Each life's clock starts somewhere else and goes a little faster or slower than the others'.
Now Machine::node_now() const {
  const int64_t ns = env_.queue.now().ns * (1'000'000 + drift_ppm_) / 1'000'000;
  return Now{Instant{ns} + clock_offset_, wall()};
}

// --- requests
// -------------------------------------------------------------------------------------

Door::Ticket Machine::arrive(Command command, Sink sink, PortionSink portions) {
  if (!serves_) {
    sink(nullptr);
    return {};
  }
  command.id = next_request_++;
  if (auto* reg = std::get_if<Register>(&command.body)) {
    reg->session_id = fmt::format("ses_{:08}", ++env_.fresh);
  }
  const Ticket ticket{life_.life, command.id};
  auto shared = std::make_shared<const Command>(std::move(command));
  open_.emplace(ticket.id, Open{shared, std::move(sink), std::move(portions)});
  input([this, shared] {
    if (!open_.contains(shared->id)) return;  // abandoned while the host stood still
    line("> " + describe(*shared));
    if (answered_before(*shared)) return;
    env_.called(shared->caller);
    env_.checks.command(env_.queue.now(), *shared);
    cluster_->command(node_now(), *shared);
  });
  return ticket;
}

bool Machine::answered_before(const Command& command) {
  if (!command.idempotency || answers_open_.contains(command.idempotency->scope)) return false;
  if (trouble_.cut) {
    Reply answer;
    answer.id = command.id;
    answer.body = fail(ErrorKind::kStoreUnreachable, "the store cannot be read").value();
    reply(answer);
    return true;
  }
  auto reader = MemoryHostStore(env_.pool, life_).reader();
  return answer_kept(command, **reader, env_.checks, [this](const Reply& kept) { reply(kept); });
}

void Machine::abandon(Ticket ticket) {
  if (!serves_ || ticket.run != life_.life || open_.erase(ticket.id) == 0) return;
  input([this, id = ticket.id] {
    line(fmt::format("> abandon #{}", id));
    cluster_->abandon(node_now(), id);
  });
}

void Machine::close_stream(Ticket ticket, bool by_peer) {
  if (!serves_ || ticket.run != life_.life || open_.erase(ticket.id) == 0) return;
  input([this, id = ticket.id, by_peer] {
    line(fmt::format("> stream #{} closed by_peer={}", id, by_peer));
    cluster_->stream_closed(node_now(), id, by_peer);
  });
}

void Machine::link_up(const HostLife& peer) {
  env_.disturb();
  input([this, peer] {
    line("> link up " + text_of(peer));
    cluster_->link_up(node_now(), peer);
  });
}

void Machine::link_down(const HostLife& peer) {
  env_.disturb();
  input([this, peer] {
    line("> link down " + text_of(peer));
    cluster_->link_down(node_now(), peer);
  });
}

void Machine::received(const HostLife& from, Parcel parcel) {
  input([this, from, parcel = std::move(parcel)]() mutable {
    line("> from ", text_of(from), " ", parcel.text);
    cluster_->received(node_now(), from, std::move(parcel.message));
  });
}

std::function<void(bool)> Machine::in_this_life(std::function<void(bool)> action) {
  return [this, life = life_.life, action = std::move(action)](bool answered) {
    if (!running_ || life_.life != life) return;
    if (!serves_) {  // it is still entering the view
      if (paused_) {
        postponed_.push_back([=, this] {
          if (life_.life == life) action(answered);
        });
      } else {
        action(answered);
      }
      return;
    }
    input([action, answered] { action(answered); });
  };
}

// --- what the cluster puts out
// --------------------------------------------------------------------

void Machine::drain() {
  ClusterOutput out = cluster_->take_output();
  if (out.fenced) {
    ++fenced_lives_;
    line("* is fenced");
    end_life(false);
    env_.queue.after(milliseconds(prng_.between(20, 400)), [this] {
      if (!running_ && !leaving_) start();
    });
    return;
  }
  for (Group& group : out.node.groups) {
    line("= " + describe(group));
    for (const Op& op : group.ops) {
      if (const auto* put = std::get_if<PutAnswer>(&op)) answers_open_.insert(put->scope);
    }
    to_write_.push_back(std::move(group));
  }
  for (const PacketKey& key : out.node.loads) load(key);
  for (const PacketKey& key : out.node.wanted_payloads) read_payload(key);
  for (uint64_t batch : out.node.resolves) resolve(batch);
  for (uint64_t id : out.node.wanted_heads) read_heads(id);
  for (PeerMessageOut& item : out.messages) {
    Parcel parcel{.message = std::move(item.message), .text = {}};
    parcel.text = describe_peer(parcel.message);
    line("< to ", text_of(item.to), " ", parcel.text);
    if (const auto* answer = std::get_if<PeerAnswer>(&parcel.message)) {
      const auto* done = std::get_if<OwnerReply>(&answer->body);
      if (done != nullptr) env_.checks.ticket(env_.queue.now(), *done);
    }
    env_.links.send(number_, item.to, std::move(parcel));
  }
  ask_pool(out.pool);
  for (const Reply& item : out.node.replies) reply(item);
  for (const StreamPortion& item : out.node.portions) portion(item);
  write_next();
  arm_tick();
}

// Refused for what the same call has left behind at another host: its answer is kept by now.
bool Machine::done_elsewhere(const Command& command, const Reply& item) {
  const auto* error = std::get_if<Error>(&item.body);
  if (error == nullptr || !is_conflict(error->kind) || trouble_.cut || item.replayed) return false;
  const Command asked = command;  // reply() forgets it
  auto reader = MemoryHostStore(env_.pool, life_).reader();
  return answer_kept(asked, **reader, env_.checks, [this](const Reply& kept) { reply(kept); });
}

void Machine::reply(const Reply& item) {
  const auto found = open_.find(item.id);
  if (found != open_.end() && done_elsewhere(*found->second.command, item)) return;
  line(fmt::format("< #{} {}{}", item.id, item.replayed ? "replayed " : "", describe(item.body)));
  if (found == open_.end()) return;  // who asked is gone
  env_.checks.reply(env_.queue.now(), *found->second.command, item);
  const Sink sink = found->second.sink;
  if (!std::holds_alternative<StreamOpened>(item.body)) open_.erase(found);
  sink(&item);
}

void Machine::portion(const StreamPortion& item) {
  const auto found = open_.find(item.stream);
  if (found == open_.end()) return;
  line(fmt::format("< stream #{} {}{}", item.stream, describe(item.portion),
                   item.end ? " end" : ""));
  env_.checks.deliveries(env_.queue.now(), *found->second.command, item.portion);
  const PortionSink sink = found->second.portions;
  if (item.end) open_.erase(found);
  if (sink) sink(&item);
}

// --- its lives
// ------------------------------------------------------------------------------------

void Machine::start() {
  if (running_) return;
  running_ = true;
  serves_ = false;
  leaving_ = false;
  life_ = HostLife{name_, ++env_.lives};
  clock_offset_ = milliseconds(prng_.between(1'000, 1'000'000));
  drift_ppm_ = prng_.between(-2'000, 2'000);
  line(fmt::format("* starts, life {}", life_.life));
  env_.disturb();
  recover();
}

void Machine::end_life(bool silent) {
  if (!running_) return;
  env_.disturb();
  running_ = false;
  serves_ = false;
  cluster_.reset();
  beats_.reset();
  view_ = {};
  suspected_.clear();
  proposing_ = false;
  beating_ = false;
  paused_ = false;
  postponed_.clear();
  to_write_.clear();
  writing_ = false;
  unknown_.clear();
  answers_open_.clear();
  asked_.clear();
  tick_at_ = kNever;
  ++tick_number_;
  env_.links.ended(number_, silent);
  std::map<RequestId, Open> open = std::move(open_);
  open_.clear();
  if (silent) return;
  for (auto& [id, request] : open) {
    if (request.portions) request.portions(nullptr);
    if (request.sink) request.sink(nullptr);
  }
}

void Machine::crash(bool silent) {
  if (!running_) return;
  line(silent ? "* is gone" : "* crashes");
  end_life(silent);
}

void Machine::pause(Duration length) {
  if (!running_ || paused_) return;
  line(fmt::format("* stands still for {} ms", length.ms()));
  paused_ = true;
  env_.disturb();
  env_.queue.after(length, [this, life = life_.life] {
    if (running_ && life_.life == life && paused_) resume();
  });
}

void Machine::resume() {
  paused_ = false;
  line("* goes on");
  env_.disturb();
  env_.links.goes_on(number_);
  std::vector<std::function<void()>> postponed = std::move(postponed_);
  postponed_.clear();
  const uint64_t life = life_.life;
  for (auto& action : postponed) {
    if (!running_ || life_.life != life) return;
    if (serves_) {
      input(std::move(action));
    } else {
      action();
    }
  }
  if (running_ && life_.life == life) arm_tick();
}

void Machine::leave() {
  if (!serves_ || leaving_) return;
  leaving_ = true;
  env_.disturb();
  input([this] {
    line("* leaves");
    cluster_->begin_leave(node_now());
  });
  go_on_leaving();
}

// --- time
// -----------------------------------------------------------------------------------------

void Machine::arm_tick() {
  if (!serves_) return;
  Instant due = env_.queue.now() + kTickEvery;
  const Instant deadline = cluster_->next_deadline();
  if (deadline != kNever) {
    // In its own time; a drift makes no difference over so short a way.
    const Duration left = deadline - node_now().mono;
    due = std::min(due, env_.queue.now() + std::max(left, Duration{}));
  }
  if (tick_at_ <= due) return;
  tick_at_ = due;
  env_.queue.at(due, Rank::kTimer, [this, number = ++tick_number_] { on_tick(number); });
}

void Machine::on_tick(uint64_t number) {
  if (number != tick_number_ || !serves_) return;
  tick_at_ = kNever;
  if (paused_) return;
  cluster_->tick(node_now());
  if (cluster_->has_output()) {
    line("> tick");
    ++steps_;
    drain();
  } else {
    arm_tick();
  }
}

}  // namespace phoenix::sim
