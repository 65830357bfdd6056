// Inputs, their dispatch, waiting for what is busy, and what follows from the new state.

#include <algorithm>

#include "node/governed/noting.h"
#include "node/signed/certifying.h"

namespace phoenix {
namespace {

// A silence of the driver longer than this puts off attempt timeouts; sessions judge by a quarter
// of their own lease.
constexpr Duration kPause = milliseconds(250);

}  // namespace

Node::Impl::Impl(const NodeConfig& wanted)
    : config(wanted),
      placement(wanted.ring_key, {.catalogue = wanted.ring_catalogue}),
      directory(wanted.ring_key),
      packets(wanted.ring_key),
      self_actor{lineage::ActorKind::kHost, valid_name(wanted.host) ? wanted.host : "host"},
      meter(wanted.work_clock),
      actor(self_actor) {
  remote.on = !config.self.empty();
  if (!remote.on) return;
  remote.slots.resize(kSlots, SlotHold::kNone);
  // No two lives of any hosts share it, and it is exact in any reader's floating point.
  config.run = config.self.life & ((uint64_t{1} << 53) - 1);
}

void Node::Impl::observe(Now at) {
  if (observed && is_ready) {
    const Duration gap = at.mono - now.mono;
    const bool set_back = at.wall < now.wall;
    now = at;
    if (gap > kPause) pause(gap);
    if (set_back) wall_set_back();
  }
  observed = true;
  now = at;
}

// What had come up by the wall clock, and what was found to lie in the past, may lie ahead again.
void Node::Impl::wall_set_back() {
  wall_timers = {};
  for (SlotNo no = 0; no < packets.end(); ++no) {
    if (packets[no].used && !packets[no].coming) arm_wall(no, true);
  }
  next_forget = std::min(next_forget, now.wall);
}

// The host itself was away: nobody is charged for it.
void Node::Impl::pause(Duration gap) {
  paused = paused + gap;
  for (const SessionNo no : directory.sessions()) {
    Session& session = directory.session(no);
    if (!session.active() || !session.here || gap <= session.lease() / 4) continue;
    Attachment& attached = session.attached.make();
    attached.heard_at = now.mono;
    if (attached.broken_at) attached.broken_at = now.mono;
    arm_session(no);
  }
}

void Node::Impl::command(Command command) {
  heard(command.caller);
  if (command.idempotency) {
    if (!idempotent_running.insert(command.idempotency->scope).second) {
      Error error = {.kind = ErrorKind::kConflict,
                     .detail = "the first call with this Idempotency-Key is still running"};
      error.retry_after_ms = 1000;
      return refuse(command.id, std::move(error));
    }
    idempotent_of.emplace(command.id, command.idempotency->scope);
  }
  dispatch(std::move(command));
}

void Node::Impl::dispatch(Command command) {
  actor = actor_of(command.caller);
  governance.refusals.begin(command.caller);
  governance.told_with = 0;
  run(std::move(command));
  governance.told_with = 0;
  actor = self_actor;
}

void Node::Impl::run(Command command) {
  // The body moves out, so that a handler may keep the rest for its reply.
  CommandBody body = std::move(command.body);
  std::visit(
      [&](auto& request) {
        using T = std::decay_t<decltype(request)>;
        if constexpr (std::is_same_v<T, Submit>) {
          submit(std::move(command), request);
        } else if constexpr (std::is_same_v<T, OwnerCalls>) {
          owner_calls(std::move(command), request);
        } else if constexpr (std::is_same_v<T, OrderPacket>) {
          order(std::move(command), request);
        } else if constexpr (std::is_same_v<T, AwaitPacket>) {
          await_packet(std::move(command), request);
        } else if constexpr (std::is_same_v<T, Register>) {
          register_members(std::move(command), request);
        } else if constexpr (std::is_same_v<T, Poll>) {
          poll(std::move(command), request);
        } else if constexpr (std::is_same_v<T, Heartbeat>) {
          heartbeat(std::move(command), request);
        } else if constexpr (std::is_same_v<T, OpenStream>) {
          open_stream(std::move(command), request);
        } else if constexpr (std::is_same_v<T, Attach>) {
          attach(std::move(command), request);
        } else if constexpr (std::is_same_v<T, Drain>) {
          drain(std::move(command), request);
        } else if constexpr (std::is_same_v<T, Resume>) {
          resume(std::move(command), request);
        } else if constexpr (std::is_same_v<T, Retire>) {
          retire(std::move(command), request);
        } else if constexpr (std::is_same_v<T, AddMembers>) {
          add_members(std::move(command), request);
        } else if constexpr (std::is_same_v<T, RemoveMembers>) {
          remove_members(std::move(command), request);
        } else if constexpr (std::is_same_v<T, PatchMember>) {
          patch(std::move(command), request);
        } else if constexpr (std::is_same_v<T, AwaitMember>) {
          await_member(command, request);
        } else if constexpr (std::is_same_v<T, ApplyDocuments>) {
          apply_documents(std::move(command), request);
        } else {
          static_assert(std::is_same_v<T, DecideApproval>);
          decide_approval(std::move(command), request);
        }
      },
      body);
}

void Node::Impl::block(const std::string& name, Command command) {
  blocked[name].push_back(std::move(command));
}

void Node::Impl::unblock(const std::string& name) {
  const auto it = blocked.find(name);
  if (it == blocked.end()) return;
  for (Command& command : it->second) runnable.push_back(std::move(command));
  blocked.erase(it);
}

// Asked after every change of a packet, and hardly ever is anybody waiting.
void Node::Impl::unblock(const PacketKey& key) {
  if (!blocked.empty()) unblock(block_name(key));
}

void Node::Impl::refuse(RequestId id, Error error) {
  Noting(*this).call(nullptr, error);
  reply(id, std::move(error));
}

void Node::Impl::reply(RequestId id, ReplyBody body) {
  Reply done = {.id = id, .body = std::move(body), .replayed = false};
  const auto awaited = governance.told_with == 0 ? writes.end() : writes.find(governance.told_with);
  (awaited == writes.end() ? out.replies : awaited->second.replies).push_back(std::move(done));
}

// Looks for everything that follows from the state, until nothing does.
void Node::Impl::settle() {
  if (!is_ready) return;
  settle_here();
  if (remote.on) {
    for (settle_remote(); !runnable.empty() || !with_room.empty() || !with_news.empty();) {
      settle_here();
      settle_remote();
    }
  }
  if (!governance.payloads.has_asked()) return;
  for (PacketKey& key : governance.payloads.take_asked()) {
    out.wanted_payloads.push_back(std::move(key));
  }
}

void Node::Impl::settle_here() {
  for (;;) {
    if (!runnable.empty()) {
      Command command = std::move(runnable.front());
      runnable.pop_front();
      dispatch(std::move(command));
      continue;
    }
    if (!maybe_drained.empty()) {
      const MemberNo no = maybe_drained.back();
      maybe_drained.pop_back();
      check_drained(no);
      continue;
    }
    if (!with_room.empty()) {
      const MemberNo no = with_room.back();
      with_room.pop_back();
      wake(no);
      continue;
    }
    if (!joined.empty()) {
      draw();
      continue;
    }
    if (!governance.changed.empty()) {
      look_at_held();
      continue;
    }
    break;
  }
  advance_endings();
  Certifying(*this).go_on();
  while (!with_news.empty()) {
    const SessionNo no = with_news.back();
    with_news.pop_back();
    serve_waiters(no);
  }
}

// An Idempotency-Key is free again when its call has an answer.
void Node::Impl::release_keys() {
  if (!remote.tries.empty()) {
    for (const Reply& done : out.replies) remote.tries.erase(done.id);
  }
  if (idempotent_of.empty()) return;
  for (const Reply& done : out.replies) {
    const auto it = idempotent_of.find(done.id);
    if (it == idempotent_of.end()) continue;
    idempotent_running.erase(it->second);
    idempotent_of.erase(it);
  }
}

void Node::Impl::tick() {
  while (packet_timers.due(now.mono)) {
    const auto entry = packet_timers.pop();
    if (entry.what < packets.end() && packets[entry.what].life == entry.life) {
      reconsider(entry.what);
    }
  }
  while (timeout_timers.due(Instant{now.mono.ns - paused.ns})) {
    const auto entry = timeout_timers.pop();
    if (entry.what < packets.end() && packets[entry.what].life == entry.life) {
      reconsider(entry.what);
    }
  }
  while (wall_timers.due(now.wall)) {
    const auto entry = wall_timers.pop();
    if (entry.what < packets.end() && packets[entry.what].life == entry.life) {
      reconsider(entry.what);
    }
  }
  while (session_timers.due(now.mono)) {
    const auto entry = session_timers.pop();
    session_due(entry.what);
  }
  while (member_timers.due(now.mono)) maybe_drained.push_back(member_timers.pop().what);
  if (now.mono >= probe_at) probe_store();
  if (now.mono >= retry_at) {
    retry_at = kNever;
    with_room.insert(with_room.end(), room_later.begin(), room_later.end());
    room_later.clear();
    std::set<SlotNo> slots;
    slots.swap(again);
    for (const SlotNo slot : slots) {
      if (packets[slot].used) reconsider(slot);
    }
    for (const MemberNo no : room_again) {
      if (directory.has_member(no)) with_room.push_back(no);
    }
    room_again.clear();
  }
  if (now.mono >= governance.look_at) look_at_some();
  Noting(*this).due();
  answer_awaits();
  check_offers();
  if (!offers.open.empty() || !offers.asked.empty()) end_offers();
  if (now.wall >= next_forget) forget_old();
  tick_remote();
}

// Those whose time is over.
void Node::Impl::answer_awaits() {
  while (!await_timers.empty() && await_timers.begin()->first.first <= now.mono) {
    const auto [at, what] = *await_timers.begin();
    await_timers.erase(await_timers.begin());
    if (const auto* key = std::get_if<PacketKey>(&what)) {
      auto& list = packet_awaits[*key];
      std::erase_if(list, [&](const Await& await) { return await.request == at.second; });
      if (list.empty()) packet_awaits.erase(*key);
      const SlotNo slot = packets.find(*key);
      if (slot == kNoSlot) {
        refuse(at.second,
               {.kind = ErrorKind::kNotFound, .detail = "no live packet " + key->text()});
      } else {
        reply(at.second, PacketReply{.packet = view(slot), .created = false});
      }
    } else {
      const auto& member = std::get<MemberKey>(what);
      auto& list = member_awaits[member];
      std::erase_if(list, [&](const Await& await) { return await.request == at.second; });
      if (list.empty()) member_awaits.erase(member);
      const MemberNo no = directory.find_member(member);
      if (no == kNobody) {
        refuse(at.second, {.kind = ErrorKind::kNotFound, .detail = "no member " + member.text()});
      } else {
        MembersReply body;
        body.members.push_back(member_view(no));
        reply(at.second, std::move(body));
      }
    }
  }
}

Instant Node::Impl::deadline() const {
  Instant at = std::min({retry_at, probe_at, governance.look_at, governance.refusals.next(),
                         governance.notes.next()});
  const auto sooner = [&at](Instant other) { at = std::min(at, other); };
  if (!packet_timers.empty()) sooner(packet_timers.next());
  if (!timeout_timers.empty()) sooner(timeout_timers.next() + paused);
  if (!wall_timers.empty()) {
    const int64_t left = std::max<int64_t>(0, wall_timers.next() - now.wall);
    sooner(now.mono + milliseconds(std::min<int64_t>(left, 3'600'000)));
  }
  if (!session_timers.empty()) sooner(session_timers.next());
  if (!member_timers.empty()) sooner(member_timers.next());
  if (!await_timers.empty()) sooner(await_timers.begin()->first.first);
  if (!offers.unchecked.empty()) sooner(now.mono);
  sooner(certificates.next(now.mono));
  for (const auto& [key, offer] : offers.open) sooner(offer.until);
  for (const Ending& ending : endings) {
    if (ending.retry_at > now.mono) sooner(ending.retry_at);
  }
  if (remote.on) sooner(remote_deadline());
  return at;
}

}  // namespace phoenix
