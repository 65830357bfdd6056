#include "cluster/calls.h"

#include <algorithm>

#include "base/planted.h"
#include "cluster/call_body.h"
#include "node/conflict.h"

namespace phoenix {
namespace {

// Between two looks for somebody who could carry a call out.
constexpr Duration kRetryAfter = milliseconds(20);
// How often a call may come to a slot that leaves just then.
constexpr size_t kMostTurns = 20;

bool misdirected(const Error& error) { return error.kind == ErrorKind::kMisdirected; }
bool misdirected(const ItemReply& item) {
  const auto* error = std::get_if<Error>(&item);
  return error != nullptr && misdirected(*error);
}

Error nobody() {
  Error error = {.kind = ErrorKind::kOverloaded,
                 .detail = "no host that keeps this can be reached right now; nothing was changed"};
  error.retry_after_ms = 200;
  return error;
}
Error unknown_outcome() {
  return {.kind = ErrorKind::kTimeout,
          .detail =
              "the host that carried this out went away before it answered; whether it "
              "happened is unknown: look before you try again"};
}

}  // namespace

Calls::JobId Calls::add(Job job) {
  const JobId id = ++last_;
  if (job.client != 0) by_client_.emplace(job.client, id);
  if (!job.peer.empty()) by_peer_.emplace(std::make_pair(job.peer, job.peer_call), id);
  jobs_.emplace(id, std::move(job));
  return id;
}

void Calls::drop(JobId id) {
  const auto it = jobs_.find(id);
  if (it == jobs_.end()) return;
  const Job& job = it->second;
  if (job.client != 0) by_client_.erase(job.client);
  if (!job.peer.empty()) by_peer_.erase({job.peer, job.peer_call});
  if (job.state == State::kWaits) waiting_.erase({job.retry_at, id});
  if (job.state == State::kSplit || job.state == State::kKept) {
    const auto key =
        job.command.idempotency ? keys_.find(job.command.idempotency->scope) : keys_.end();
    if (key != keys_.end() && key->second == id) keys_.erase(key);
  }
  jobs_.erase(it);
}

void Calls::from_client(Now now, Command command) {
  const RequestId client = command.id;
  if (jobs_.size() >= kMostJobs) {
    Error error = {.kind = ErrorKind::kTooManyRequests,
                   .detail = "too many calls wait for an answer already"};
    error.retry_after_ms = 1000;
    out_.replies.push_back({.id = client, .body = std::move(error), .replayed = false});
    return;
  }
  Job job;
  job.client = client;
  job.command = std::move(command);
  job.until = now.mono + kPatience;
  route(now, add(std::move(job)));
}

void Calls::from_peer(Now now, const HostLife& peer, PeerCall call) {
  if (by_peer_.contains({peer, call.call})) return;
  if (jobs_.size() >= kMostJobs || call.hops > kMaxHops) {
    out_.messages.emplace_back(
        peer, PeerAnswer{.call = call.call, .view = 0, .body = nobody(), .replayed = false});
    return;
  }
  Job job;
  job.peer = peer;
  job.peer_call = call.call;
  job.hops = call.hops;
  job.command.caller = std::move(call.caller);
  job.command.idempotency = call.idempotency;
  job.command.body = std::move(call.body);
  job.until = now.mono + kPatience;
  route(now, add(std::move(job)));
}

std::optional<Destination> Calls::of_packet(const Job& job, const PacketKey& key,
                                            PacketKey* unknown) const {
  if (const auto slot = where_.slot_of_packet(key)) return where_.of_slot(*slot);
  const auto it = job.known.find(key);
  // What the store does not have can be answered by anybody.
  if (it != job.known.end()) {
    return it->second ? where_.of_slot(*it->second) : Destination{Destination::Kind::kHere, {}};
  }
  if (!where_.has_store()) return where_.of_text(key.text());
  *unknown = key;
  return std::nullopt;
}

// How long a ticket may be good is for the home of its owner to say, before the packet's keeper
// gives it. Nothing: it has said so, or is this very host.
std::optional<Destination> Calls::first_at_home(const Job& job, const OwnerCall& item) const {
  const std::string& session = job.command.caller.session;
  if (item.call != Call::kTicket || item.promised_ms > 0 || session.empty()) return std::nullopt;
  const auto home = where_.home_of_session(session);
  if (!home) return std::nullopt;
  const Destination there = where_.of_host(*home);
  if (there.kind == Destination::Kind::kHere) return std::nullopt;
  return there;
}

std::optional<Destination> Calls::destination(const Job& job, size_t index,
                                              PacketKey* unknown) const {
  const CommandBody& body = job.command.body;
  const Destination here = {Destination::Kind::kHere, {}};
  if (const auto* submit = std::get_if<Submit>(&body)) {
    const auto& item = submit->items[index];
    return item ? where_.of_slot(where_.slot_of_new(*item)) : here;
  }
  if (const auto* calls = std::get_if<OwnerCalls>(&body)) {
    const auto& item = calls->items[index];
    if (!item) return here;
    if (const auto home = first_at_home(job, *item)) return home;
    return of_packet(job, item->key, unknown);
  }
  if (const auto* order = std::get_if<OrderPacket>(&body)) {
    return of_packet(job, order->key, unknown);
  }
  if (const auto* await = std::get_if<AwaitPacket>(&body)) {
    return of_packet(job, await->key, unknown);
  }
  if (std::holds_alternative<Register>(body)) {
    if (where_.has_store()) return here;
    return where_.of_text(std::get<Register>(body).session_id);
  }
  if (const auto* patch = std::get_if<PatchMember>(&body)) {
    const auto home = where_.home_of_member(patch->key);
    return home ? where_.of_host(*home) : here;
  }
  const SessionRef* ref = session_of(body);
  if (ref == nullptr) return here;
  // Attaching moves the session to the host that is asked, if that can be a home.
  if (std::holds_alternative<Attach>(body) && where_.has_store()) return here;
  std::optional<HostLife> home;
  if (!job.command.caller.session.empty()) {
    home = where_.home_of_session(job.command.caller.session);
  } else if (!ref->session.empty()) {
    home = where_.home_of_session(ref->session);
  } else if (!ref->member.empty()) {
    home = where_.home_of_member(MemberKey(ref->ns, ref->member));
  }
  if (home) return where_.of_host(*home);
  return where_.has_store() ? here : where_.of_text(job.command.caller.session);
}

void Calls::route(Now now, JobId id) {
  Job& job = jobs_.at(id);
  const size_t parts = parts_of(job.command.body);
  std::vector<Destination> destinations(parts);
  std::set<PacketKey> unknown;
  for (size_t i = 0; i < parts; ++i) {
    PacketKey key;
    if (const auto found = destination(job, i, &key)) {
      destinations[i] = *found;
    } else {
      unknown.insert(std::move(key));
    }
  }
  if (!unknown.empty()) {
    job.state = State::kLooks;
    job.looks = unknown.size();
    for (const PacketKey& key : unknown) {
      auto& asking = looking_[key];
      if (asking.empty()) out_.loads.push_back(key);
      asking.push_back(id);
    }
    return;
  }
  if (job.command.idempotency && parts > 1 && !where_.has_store()) {
    // Its answer is kept by who puts it together, which takes a store.
    const Submit* submit = std::get_if<Submit>(&job.command.body);
    const auto text =
        submit == nullptr || !submit->items[0] ? std::string() : submit->items[0]->key.text();
    return go(now, id, where_.of_text(text));
  }
  const bool together =
      std::all_of(destinations.begin(), destinations.end(), [&](const Destination& other) {
        return other.kind == destinations[0].kind && other.there == destinations[0].there;
      });
  const Destination all = parts == 0 ? Destination{Destination::Kind::kHere, {}} : destinations[0];
  if (together) return go(now, id, all);
  split(now, id, destinations);
}

void Calls::go(Now now, JobId id, const Destination& destination) {
  Job& job = jobs_.at(id);
  if (destination.kind == Destination::Kind::kNowhere) return wait(now, id);
  if (destination.kind == Destination::Kind::kHere) {
    job.state = State::kHere;
    job.streams = std::holds_alternative<OpenStream>(job.command.body);
    job.given = now.mono;
    // A client's may have to be asked again: turned_away().
    Command command = job.peer.empty() ? job.command : std::move(job.command);
    command.id = id;
    out_.here.push_back(std::move(command));
    return;
  }
  if (job.hops >= kMaxHops) {
    return answer(id, Error{.kind = ErrorKind::kMisdirected, .detail = "it is kept elsewhere"},
                  false);
  }
  job.state = State::kThere;
  job.there = destination.there;
  job.streams = std::holds_alternative<OpenStream>(job.command.body);
  PeerCall call;
  call.call = id;
  call.hops = job.hops + 1;
  call.caller = job.command.caller;
  call.idempotency = job.command.idempotency;
  call.body = job.command.body;
  out_.messages.emplace_back(destination.there, std::move(call));
}

// One part for each host, and one for all that has to wait.
void Calls::split(Now now, JobId id, const std::vector<Destination>& destinations) {
  std::vector<std::pair<Destination, std::vector<size_t>>> groups;
  for (size_t i = 0; i < destinations.size(); ++i) {
    auto it = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
      return group.first.kind == destinations[i].kind && group.first.there == destinations[i].there;
    });
    if (it == groups.end()) it = groups.insert(it, {destinations[i], {}});
    it->second.push_back(i);
  }
  Job& job = jobs_.at(id);
  if (job.command.idempotency && !keys_.try_emplace(job.command.idempotency->scope, id).second) {
    Error error = {.kind = ErrorKind::kConflict,
                   .detail = "the first call with this Idempotency-Key is still running"};
    error.retry_after_ms = 1000;
    return answer(id, std::move(error), false);
  }
  job.state = State::kSplit;
  job.parts.items.resize(destinations.size());
  job.parts.ids.resize(destinations.size());
  job.open = groups.size();
  std::vector<JobId> parts;
  for (auto& [where, places] : groups) {
    Job part;
    part.parent = id;
    part.command.caller = job.command.caller;
    part.command.body = part_of(job.command.body, places);
    part.places = std::move(places);
    part.hops = job.hops;
    part.until = job.until;
    part.known = job.known;
    parts.push_back(add(std::move(part)));
  }
  for (size_t i = 0; i < parts.size(); ++i) go(now, parts[i], groups[i].first);
}

void Calls::wait(Now now, JobId id) {
  Job& job = jobs_.at(id);
  if (now.mono >= job.until) return answer(id, nobody(), false);
  job.state = State::kWaits;
  job.retry_at = now.mono + kRetryAfter;
  waiting_.emplace(job.retry_at, id);
}

void Calls::try_again(Now now) {
  std::vector<JobId> all;
  all.reserve(waiting_.size());
  for (const auto& [at, id] : waiting_) all.push_back(id);
  waiting_.clear();
  for (const JobId id : all) {
    if (jobs_.contains(id)) route(now, id);
  }
}

Instant Calls::next_deadline() const { return waiting_.empty() ? kNever : waiting_.begin()->first; }

void Calls::located(Now now, const PacketKey& key, const Result<std::optional<SlotId>>& slot) {
  const auto it = looking_.find(key);
  if (it == looking_.end()) return;
  const std::vector<JobId> asking = std::move(it->second);
  looking_.erase(it);
  for (const JobId id : asking) {
    const auto found = jobs_.find(id);
    if (found == jobs_.end() || found->second.state != State::kLooks) continue;
    Job& job = found->second;
    if (!slot) {
      answer(id, slot.error(), false);
      continue;
    }
    job.known[key] = *slot;
    if (--job.looks == 0) route(now, id);
  }
}

// True: it was not carried out, and is on its way again.
bool Calls::again(Now now, JobId id, ReplyBody& body) {
  const auto* error = std::get_if<Error>(&body);
  if (error == nullptr || !misdirected(*error)) return false;
  jobs_.at(id).known.clear();
  wait(now, id);
  return true;
}

void Calls::answered(Now now, const HostLife& peer, PeerAnswer answer_in) {
  const auto it = jobs_.find(answer_in.call);
  if (it == jobs_.end() || it->second.state != State::kThere || it->second.there != peer) return;
  const JobId id = it->first;
  if (again(now, id, answer_in.body)) return;
  // Of a call that went there as a whole: what had moved on meanwhile is the caller's to ask again.
  auto* batch = std::get_if<BatchReply>(&answer_in.body);
  if (batch != nullptr && it->second.peer.empty()) {
    for (ItemReply& item : batch->items) {
      if (misdirected(item)) item = nobody();
    }
  }
  answer(id, std::move(answer_in.body), answer_in.replayed);
}

// True: what the node did not carry out is on its way again. Who else asked for it knows better,
// or asks again.
bool Calls::turned_away(Now now, JobId id) {
  Job& job = jobs_.at(id);
  if (!job.peer.empty() || ++job.turned > kMostTurns) return false;
  if (auto* await = std::get_if<AwaitPacket>(&job.command.body)) {
    await->wait = std::max(Duration{}, await->wait - (now.mono - job.given));
  }
  job.known.clear();
  job.until = std::max(job.until, now.mono + kPatience);
  wait(now, id);
  return true;
}

void Calls::node_replied(Now now, Reply reply) {
  const auto it = jobs_.find(reply.id);
  if (it == jobs_.end()) return;
  Job& job = it->second;
  if (job.state == State::kKept) return kept(std::move(reply));
  if (auto* error = std::get_if<Error>(&reply.body); error && misdirected(*error)) {
    if (turned_away(now, reply.id)) return;
    if (job.peer.empty()) *error = nobody();
  } else if (auto* batch = std::get_if<BatchReply>(&reply.body)) {
    for (ItemReply& item : batch->items) {
      if (job.peer.empty() && misdirected(item)) item = nobody();
    }
  }
  answer(reply.id, std::move(reply.body), reply.replayed);
}

void Calls::answer(JobId id, ReplyBody body, bool replayed) {
  const auto it = jobs_.find(id);
  if (it == jobs_.end()) return;
  Job& job = it->second;
  if (job.parent != 0) {
    Job part = std::move(job);
    drop(id);
    return answer_part(std::move(part), std::move(body));
  }
  const bool goes_on = std::holds_alternative<StreamOpened>(body) && job.streams;
  if (job.client != 0) {
    out_.replies.push_back({.id = job.client, .body = std::move(body), .replayed = replayed});
  } else {
    out_.messages.emplace_back(
        job.peer,
        PeerAnswer{
            .call = job.peer_call, .view = 0, .body = std::move(body), .replayed = replayed});
  }
  if (!goes_on) drop(id);
}

void Calls::answer_part(Job part, ReplyBody body) {
  const auto it = jobs_.find(part.parent);
  if (it == jobs_.end()) return;
  Job& whole = it->second;
  auto* batch = std::get_if<BatchReply>(&body);
  const auto* error = std::get_if<Error>(&body);
  for (size_t i = 0; i < part.places.size(); ++i) {
    const size_t place = part.places[i];
    if (batch != nullptr && i < batch->items.size()) {
      whole.parts.items[place] = std::move(batch->items[i]);
      if (i < batch->ids.size()) whole.parts.ids[place] = std::move(batch->ids[i]);
    } else {
      whole.parts.items[place] =
          error != nullptr ? *error : Error{.kind = ErrorKind::kInternal, .detail = "no answer"};
      whole.parts.ids[place] = id_of(part.command.body, i);
    }
    // What moved while it was under way: the caller's to ask again.
    ItemReply& item = *whole.parts.items[place];
    if (misdirected(item) && whole.peer.empty()) item = nobody();
  }
  if (--whole.open > 0) return;
  if (!whole.command.idempotency || !where_.has_store()) {
    return answer(it->first, together(std::move(whole.parts)), false);
  }
  // Each part is durable, and a repeat of it harmless. That the key is taken, and what it was
  // answered, is known before the answer leaves.
  whole.state = State::kKept;
  out_.keep.push_back(
      {.id = it->first, .key = *whole.command.idempotency, .answer = together(whole.parts)});
}

BatchReply Calls::together(Parts parts) {
  BatchReply all;
  all.items.reserve(parts.items.size());
  for (auto& item : parts.items) all.items.push_back(std::move(*item));
  all.ids = std::move(parts.ids);
  return all;
}

// An answer that is not kept would be another one when it is asked for again. A conflict: somebody
// else has carried the same call out, and whoever reads the store has its answer.
void Calls::kept(Reply reply) {
  auto* error = std::get_if<Error>(&reply.body);
  if (error == nullptr || planted(PlantedBug::kAnswerNotKept)) {
    return answer(reply.id, together(std::move(jobs_.at(reply.id).parts)), false);
  }
  if (!is_conflict(error->kind)) {
    error->detail = "carried out, but the answer could not be kept; repeat it with the same key";
  }
  answer(reply.id, std::move(*error), false);
}

void Calls::not_sent(const HostLife& peer, uint64_t call, Error error) {
  const auto it = jobs_.find(call);
  if (it == jobs_.end() || it->second.state != State::kThere || it->second.there != peer) return;
  answer(it->first, std::move(error), false);
}

void Calls::node_told_more(StreamPortion portion) {
  const auto it = jobs_.find(portion.stream);
  if (it == jobs_.end()) return;
  const Job& job = it->second;
  const bool end = portion.end;
  if (job.client != 0) {
    portion.stream = job.client;
    out_.portions.push_back(std::move(portion));
  } else {
    out_.messages.emplace_back(
        job.peer,
        PeerPortion{.call = job.peer_call, .end = end, .portion = std::move(portion.portion)});
  }
  if (end) drop(it->first);
}

void Calls::told_more(const HostLife& peer, PeerPortion portion) {
  const auto it = jobs_.find(portion.call);
  if (it == jobs_.end() || it->second.state != State::kThere || it->second.there != peer) return;
  node_told_more(
      {.stream = portion.call, .end = portion.end, .portion = std::move(portion.portion)});
}

void Calls::client_gone(RequestId client) {
  const auto it = by_client_.find(client);
  if (it == by_client_.end()) return;
  const JobId id = it->second;
  const Job& job = jobs_.at(id);
  // A write goes on, with nobody to tell. Parts of a split one find no parent.
  if (job.state == State::kHere) out_.abandoned_here.push_back(id);
  if (job.state == State::kThere) {
    out_.messages.emplace_back(job.there, PeerAbandon{.call = id, .closed_by_peer = false});
  }
  drop(id);
}

void Calls::client_closed_stream(RequestId client, bool by_peer) {
  const auto it = by_client_.find(client);
  if (it == by_client_.end()) return;
  const JobId id = it->second;
  const Job& job = jobs_.at(id);
  if (job.state == State::kHere) out_.streams_closed_here.emplace_back(id, by_peer);
  if (job.state == State::kThere) {
    out_.messages.emplace_back(job.there, PeerAbandon{.call = id, .closed_by_peer = by_peer});
  }
  drop(id);
}

void Calls::peer_gone(const HostLife& peer, const PeerAbandon& abandon) {
  const auto it = by_peer_.find({peer, abandon.call});
  if (it == by_peer_.end()) return;
  const JobId id = it->second;
  const Job& job = jobs_.at(id);
  if (job.state == State::kHere && job.streams) {
    out_.streams_closed_here.emplace_back(id, abandon.closed_by_peer);
  } else if (job.state == State::kHere) {
    out_.abandoned_here.push_back(id);
  } else if (job.state == State::kThere) {
    out_.messages.emplace_back(job.there,
                               PeerAbandon{.call = id, .closed_by_peer = abandon.closed_by_peer});
  }
  drop(id);
}

void Calls::broken(Now now, JobId id) {
  Job& job = jobs_.at(id);
  if (job.streams) {
    // As when a host goes: the client sees its stream break.
    return node_told_more({.stream = id, .end = true, .portion = {}});
  }
  if (!harmless_twice(job.command.body)) {
    const bool changes_nothing = std::holds_alternative<Poll>(job.command.body) ||
                                 std::holds_alternative<Heartbeat>(job.command.body);
    return answer(id, changes_nothing ? nobody() : unknown_outcome(), false);
  }
  may_exist(job.command.body);
  job.known.clear();
  job.until = std::max(job.until, now.mono + kPatience);
  wait(now, id);
}

void Calls::link_down(Now now, const HostLife& peer) {
  std::vector<JobId> sent;
  std::vector<std::pair<HostLife, uint64_t>> asked;
  // order-free: sorted below.
  for (const auto& [id, job] : jobs_) {
    if (job.state == State::kThere && job.there == peer) sent.push_back(id);
  }
  std::sort(sent.begin(), sent.end());
  for (const JobId id : sent) {
    if (jobs_.contains(id)) broken(now, id);
  }
  const auto first = by_peer_.lower_bound({peer, 0});
  for (auto it = first; it != by_peer_.end() && it->first.first == peer; ++it) {
    asked.push_back(it->first);
  }
  for (const auto& [life, call] : asked) {
    peer_gone(life, {.call = call, .closed_by_peer = false});
  }
}

CallsOutput Calls::take() {
  CallsOutput out = std::move(out_);
  out_ = {};
  return out;
}

}  // namespace phoenix
