// What sessions are told: polls, heartbeats, streams.

#include <algorithm>

#include "node/parts/impl.h"

namespace phoenix {
namespace {

constexpr uint64_t kMaxDeliveryBytes = 4 << 20;

}  // namespace

uint32_t outbox_bytes(const Packet& head) {
  uint64_t bytes = 1024;
  for (const ContentInfo& info : head.contents) bytes += info.size;
  return static_cast<uint32_t>(std::min<uint64_t>(bytes, UINT32_MAX));
}

// An assignment is put up for delivery at the owner's session.
void Node::Impl::put_delivery(SlotNo no, bool repeated) {
  Slot& slot = packets[no];
  const SessionNo session_no = directory.member(slot.owner).session;
  Session& session = directory.session(session_no);
  if (!session.here) return tell_home(no, repeated);
  stop_asking(session_no, *slot.head);
  Attachment& attached = session.attached.make();
  slot.outbox = attached.outbox.put(no, outbox_bytes(*slot.head), repeated, now.mono);
  if (with_news.empty() || with_news.back() != session_no) with_news.push_back(session_no);
  if (repeated) return;
  with_untaken.insert(session_no);
  // It is due when it has not been taken for a lease, and other entries may come before it.
  if (attached.armed > now.mono + session.lease()) arm_session(session_no);
}

// The first time that its owner gets this epoch, or shows that it has it.
void Node::Impl::note_delivered(SlotNo no) {
  Slot& slot = packets[no];
  if (slot.delivered) return;
  slot.delivered = true;
  slot.turns = 0;
  slot.unsaved_since = now.mono;
  if (slot.last_call.ns == 0) slot.last_call = now.mono;
  ++stats.deliveries;
  if (slot.lost) {
    stats.recovery.add(now.mono - slot.lost_at);
    slot.lost = false;
  }
  const uint32_t limit = slot.head->spec->attempt_timeout_seconds;
  if (limit > 0) {
    slot.timeout_at = Instant{now.mono.ns - paused.ns} + seconds(limit);
    timeout_timers.add(slot.timeout_at, no, slot.life);
  }
}

std::optional<OutboxCursor> Node::Impl::acknowledge(Session& session,
                                                    const std::optional<std::string>& after) {
  if (!after) return std::nullopt;
  const auto cursor = parse_cursor(*after);
  if (!cursor || !session.attached.make().outbox.acknowledge(*cursor, config.run))
    return std::nullopt;
  return cursor;
}

std::optional<DrainNotice> Node::Impl::drain_notice(Session& session) const {
  std::optional<DrainNotice> notice;
  if (session.attached->drain_none == session.drain_version) return notice;
  for (const MemberNo no : session.members) {
    const MemberRecord& record = *directory.member(no).record;
    if (record.status != MemberStatus::kDraining) continue;
    if (!notice) notice.emplace();
    notice->members.emplace_back(record.key.id(), record.drain_deadline);
    if (record.drain_deadline == kNoWall) continue;
    if (notice->deadline == kNoWall || record.drain_deadline < notice->deadline) {
      notice->deadline = record.drain_deadline;
    }
  }
  if (!notice) session.attached.make().drain_none = session.drain_version;
  return notice;
}

bool Node::Impl::something_new(Session& session) const {
  const Attachment& attached = *session.attached;
  if (attached.outbox.has_fresh_delivery() || attached.outbox.has_fresh_revocation()) return true;
  if (attached.fresh_offers) return true;
  // A change of its members is news only if it is, or was, asked to drain.
  return session.drain_version != attached.drain_told &&
         (attached.drain_shown || drain_notice(session));
}

// One answer: what the session is told now. max = 0: no deliveries.
DeliveriesReply Node::Impl::carry(SessionNo no, const Waiter& waiter) {
  Session& session = directory.session(no);
  // Who polls without `after` may have many polls open; a stream is opened to be told everything.
  const Duration repeat_after = waiter.stream ? Duration{} : session.lease() / 3;
  const Outbox::Limits limits = {.max = waiter.max,
                                 .max_bytes = kMaxDeliveryBytes,
                                 .now = now.mono,
                                 .repeat_after = repeat_after};
  Outbox::Carried carried =
      session.attached.make().outbox.carry(waiter.after, config.run, limits, true);
  DeliveriesReply answer;
  answer.run = config.run;
  answer.lease_ms = static_cast<uint32_t>(lease_left(session.lease()).ms());
  answer.next = format_cursor(carried.next);
  answer.revoked = std::move(carried.revoked);
  answer.drain = drain_notice(session);
  if (!offers.asked.empty()) answer.offers = offers_for(no, waiter);
  Attachment& attached = session.attached.make();
  attached.drain_told = session.drain_version;
  attached.drain_shown = answer.drain.has_value();
  // What is delivered was granted a while ago: the next ones are fetched while this one is shown.
  const auto& tokens = carried.tokens;
  constexpr size_t kAhead = 8;
  answer.deliveries.reserve(tokens.size());
  const auto fetch = [&](size_t i, bool head) {
    if (i >= tokens.size() || is_foreign(tokens[i])) return;
    head ? packets.fetch_head(tokens[i]) : packets.fetch_slot(tokens[i]);
  };
  for (size_t i = 0; i < kAhead; ++i) fetch(i, false);
  for (size_t i = 0; i < tokens.size(); ++i) {
    fetch(i + 2 * kAhead, false);
    fetch(i + kAhead, true);
    if (is_foreign(tokens[i])) {
      answer.deliveries.push_back(foreign_delivery(tokens[i] & ~kForeignToken));
      continue;
    }
    const SlotNo slot_no = tokens[i];
    note_delivered(slot_no);
    const Slot& slot = packets[slot_no];
    answer.deliveries.push_back({std::string(directory.member(slot.owner).record->key.id()),
                                 slot.head->epoch, view(slot_no)});
  }
  return answer;
}

void Node::Impl::poll(Command command, Poll& request) {
  const Poll wanted = request;
  command.body = std::move(request);
  if (session_blocked(command, wanted.ref) || not_at_home(command, wanted.ref)) return;
  const auto found = asked(command, wanted.ref, false);
  if (!found) return refuse(command.id, found.error());
  if (command.caller.session.empty()) {
    return refuse(command.id, {.kind = ErrorKind::kUnauthenticated,
                               .detail = "deliveries are for the holder of the session's token"});
  }
  const SessionNo no = found->session;
  Session& session = directory.session(no);
  if (without_hold(command, session.lease())) return;
  const auto after = acknowledge(session, wanted.after);
  const Duration wait = std::min(wanted.wait, session.lease() / 2);
  if (wait.ns <= 0 || draining || something_new(session)) {
    reply(command.id, carry(no, {.max = wanted.max, .after = after}));
    session.attached.make().fresh_offers = false;
    return;
  }
  std::vector<Waiter>& waiters = session.attached.make().waiters;
  if (waiters.size() >= Attachment::kMaxWaiters || waiting.size() >= config.max_waiting) {
    return refuse(command.id, {.kind = ErrorKind::kTooManyRequests,
                               .detail = "too many polls of this session wait already",
                               .retry_after_ms = 1000});
  }
  waiters.push_back({.request = command.id,
                     .stream = false,
                     .max = wanted.max,
                     .until = now.mono + wait,
                     .after = after});
  waiting.emplace(command.id, no);
  arm_session(no);
}

void Node::Impl::heartbeat(Command command, Heartbeat& request) {
  const Heartbeat wanted = request;
  command.body = std::move(request);
  if (session_blocked(command, wanted.ref) || not_at_home(command, wanted.ref)) return;
  const auto found = asked(command, wanted.ref, false);
  if (!found) return refuse(command.id, found.error());
  if (command.caller.session.empty()) {
    return refuse(command.id, {.kind = ErrorKind::kUnauthenticated,
                               .detail = "a heartbeat needs the session's token"});
  }
  Session& session = directory.session(found->session);
  if (without_hold(command, session.lease())) return;
  const auto after = acknowledge(session, wanted.after);
  reply(command.id, carry(found->session, {.max = 0, .after = after}));
  session.attached.make().fresh_offers = false;
}

void Node::Impl::open_stream(Command command, OpenStream& request) {
  const OpenStream wanted = request;
  command.body = std::move(request);
  if (session_blocked(command, wanted.ref) || not_at_home(command, wanted.ref)) return;
  const auto found = asked(command, wanted.ref, false);
  if (!found) return refuse(command.id, found.error());
  if (command.caller.session.empty()) {
    return refuse(command.id, {.kind = ErrorKind::kUnauthenticated,
                               .detail = "a stream is for the holder of the session's token"});
  }
  if (draining) {
    return refuse(command.id, {.kind = ErrorKind::kDraining, .detail = "the host shuts down"});
  }
  const SessionNo no = found->session;
  Session& session = directory.session(no);
  if (without_hold(command, session.lease())) return;
  Attachment& attached = session.attached.make();
  if (attached.waiters.size() >= Attachment::kMaxWaiters || waiting.size() >= config.max_waiting) {
    return refuse(command.id, {.kind = ErrorKind::kTooManyRequests,
                               .detail = "too many streams of this session are open already",
                               .retry_after_ms = 1000});
  }
  Waiter waiter = {.request = command.id,
                   .stream = true,
                   .max = 1000,
                   .until = kNever,
                   .after = acknowledge(session, wanted.after)};
  reply(command.id, StreamOpened{});
  feed_stream(no, waiter, true);
  attached.fresh_offers = false;
  attached.waiters.push_back(std::move(waiter));
  waiting.emplace(command.id, no);
  ++attached.streams;
  attached.broken_at.reset();
  arm_session(no);
}

// All that an open stream has not been told yet, in portions; `speak`: one even if that is nothing.
void Node::Impl::feed_stream(SessionNo no, Waiter& waiter, bool speak) {
  for (bool more = true; more; speak = false) {
    DeliveriesReply portion = carry(no, waiter);
    waiter.after = parse_cursor(portion.next);
    waiter.offers = offers.last_number;
    more = !portion.deliveries.empty() || !portion.revoked.empty();
    if (!more && !speak && portion.offers.empty()) return;
    out.portions.push_back({.stream = waiter.request, .end = false, .portion = std::move(portion)});
  }
}

// News for a session go to all of its streams (which of them are still read, nobody knows), and
// where it has none, to the poll that has waited longest.
void Node::Impl::serve_waiters(SessionNo no) {
  if (no >= directory.session_numbers() || !directory.has_session(no)) return;
  Session& session = directory.session(no);
  if (session.attached->waiters.empty()) return;  // as with all that are at home elsewhere
  if (session.ending || !session.active() || !something_new(session)) return;
  Attachment& attached = session.attached.make();
  if (attached.streams > 0) {
    const bool drain_changed = attached.drain_told != session.drain_version;
    for (Waiter& waiter : attached.waiters) {
      if (waiter.stream) feed_stream(no, waiter, drain_changed);
    }
    attached.fresh_offers = false;
    return;
  }
  while (!attached.waiters.empty() && something_new(session)) {
    const Waiter waiter = attached.waiters.front();
    attached.waiters.erase(attached.waiters.begin());
    waiting.erase(waiter.request);
    reply(waiter.request, carry(no, waiter));
    attached.fresh_offers = false;
  }
}

// Ends all waiting: with the error, or with an answer that carries nothing (attach, shutdown).
void Node::Impl::answer_waiters(SessionNo no, const std::optional<Error>& error) {
  Session& session = directory.session(no);
  Attachment* const attached = session.attached.get();
  if (attached == nullptr) return;
  std::vector<Waiter> waiters;
  waiters.swap(attached->waiters);
  attached->streams = 0;
  for (const Waiter& waiter : waiters) {
    waiting.erase(waiter.request);
    if (waiter.stream) {
      out.portions.push_back({.stream = waiter.request, .end = true, .portion = {}});
    } else if (error) {
      refuse(waiter.request, *error);
    } else {
      DeliveriesReply nothing;
      nothing.run = config.run;
      nothing.lease_ms = static_cast<uint32_t>(lease_left(session.lease()).ms());
      nothing.drain = drain_notice(session);
      nothing.next =
          waiter.after ? format_cursor(*waiter.after) : format_cursor({config.run, 0, 0});
      reply(waiter.request, std::move(nothing));
    }
  }
}

// Nobody will read this answer: what it would carry goes to others.
void Node::Impl::abandon(RequestId id) {
  const auto it = waiting.find(id);
  if (it == waiting.end()) return;
  Session& session = directory.session(it->second);
  std::erase_if(session.attached.make().waiters,
                [&](const Waiter& waiter) { return waiter.request == id && !waiter.stream; });
  waiting.erase(it);
}

void Node::Impl::stream_closed(RequestId id, bool by_peer) {
  const auto it = waiting.find(id);
  if (it == waiting.end()) return;
  const SessionNo no = it->second;
  Session& session = directory.session(no);
  waiting.erase(it);
  Attachment& attached = session.attached.make();
  std::erase_if(attached.waiters, [&](const Waiter& waiter) { return waiter.request == id; });
  if (attached.streams > 0) --attached.streams;
  if (attached.streams > 0 || !by_peer || session.ending) return;
  attached.broken_at = now.mono;
  arm_session(no);
}

}  // namespace phoenix
