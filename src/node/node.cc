#include "node/node.h"

#include <algorithm>

#include "node/admission/admission.h"
#include "node/governed/asking.h"
#include "node/governed/noting.h"
#include "node/signed/certifying.h"
#include "ring/show/shares.h"

namespace phoenix {

Node::Node(const NodeConfig& config) : impl_(std::make_unique<Impl>(config)) {}
Node::~Node() = default;

void Node::recover_member(MemberRecord record) {
  Impl::Certifying(*impl_).noted(record);
  impl_->directory.add_member(std::make_shared<const MemberRecord>(std::move(record)));
}

void Node::recover_session(SessionRecord record) {
  impl_->directory.add_session(std::make_shared<const SessionRecord>(std::move(record)));
}

void Node::recover_packet(Packet packet) { impl_->add_packet(std::move(packet)); }

void Node::recover_ended(const EndedCounts& kept) {
  for (size_t i = 0; i < kept.size(); ++i) {
    impl_->stats.packets_ended[i] += static_cast<int64_t>(kept[i]);
  }
}

void Node::recover_incarnation_floor(uint64_t floor) { impl_->incarnation_floor = floor; }

void Node::ready(Now now) {
  impl_->observe(now);
  impl_->ready();
  impl_->settle();
}

void Node::command(Now now, Command command) {
  impl_->observe(now);
  command.arrived = now.mono;
  impl_->command(std::move(command));
  impl_->settle();
  impl_->release_keys();
}

bool Node::has_unchecked() const { return !impl_->offers.unchecked.empty(); }

void Node::abandon(Now now, RequestId id) {
  impl_->observe(now);
  impl_->abandon(id);
}

void Node::stream_closed(Now now, RequestId stream, bool by_peer) {
  impl_->observe(now);
  impl_->stream_closed(stream, by_peer);
  impl_->settle();
}

void Node::tick(Now now) {
  impl_->observe(now);
  impl_->tick();
  impl_->settle();
  impl_->release_keys();
}

void Node::completed(Now now, uint64_t batch_id, std::span<const uint64_t> group_ids,
                     std::span<const Outcome> outcomes, const std::string& why) {
  impl_->observe(now);
  impl_->completed(batch_id, group_ids, outcomes, why);
  impl_->settle();
  impl_->release_keys();
}

void Node::resolved(Now now, uint64_t batch_id, Resolution resolution) {
  impl_->observe(now);
  impl_->resolved(batch_id, resolution);
  impl_->settle();
  impl_->release_keys();
}

void Node::loaded(Now now, const PacketKey& key, Result<PacketLookup> lookup) {
  impl_->observe(now);
  const auto asked = impl_->loading.extract(key);
  if (lookup) {
    if (lookup->head) impl_->remember_point(key, lookup->head->point);
    impl_->remember(key, std::move(*lookup), asked.empty() ? now.mono : asked.mapped());
    impl_->unblock(block_name(key));
  } else {
    const auto it = impl_->blocked.find(block_name(key));
    if (it != impl_->blocked.end()) {
      for (const Command& command : it->second) impl_->refuse(command.id, lookup.error());
      impl_->blocked.erase(it);
    }
  }
  impl_->settle();
  impl_->release_keys();
}

void Node::note(Now now, HostNote note) {
  impl_->observe(now);
  Impl::Noting(*impl_).host(std::move(note));
}

void Node::refused(Now now, const Caller& caller, const std::string& reason) {
  impl_->observe(now);
  Impl::Noting(*impl_).before(caller, reason);
}

void Node::payload(Now now, const PacketKey& key, Result<std::optional<Content>> found) {
  impl_->observe(now);
  Node::Impl::Admission(*impl_).payload_read(key, std::move(found));
  impl_->settle();
  impl_->release_keys();
}

void Node::swept(const EndedCounts& buried) {
  for (size_t i = 0; i < buried.size(); ++i) {
    impl_->stats.packets_ended[i] -= static_cast<int64_t>(buried[i]);
  }
}

// --- with other hosts -----------------------------------------------------------------------

void Node::drive(Now now, std::span<const SlotId> slots, ScannedSlots found) {
  impl_->observe(now);
  impl_->drive(slots, std::move(found));
  impl_->settle();
  impl_->release_keys();
}

void Node::give_up(Now now, std::span<const SlotId> slots) {
  impl_->observe(now);
  impl_->give_up(slots);
  impl_->settle();
  impl_->release_keys();
}

bool Node::drives(SlotId slot) const {
  return !impl_->remote.on || impl_->remote.slots[slot] == SlotHold::kDriven;
}

void Node::learn(Now now, const Records& records) {
  impl_->observe(now);
  impl_->learn(records);
  impl_->settle();
  impl_->release_keys();
}

void Node::held(Now now, uint64_t id, Result<std::vector<Packet>> packets) {
  impl_->observe(now);
  impl_->held(id, std::move(packets));
  impl_->settle();
  impl_->release_keys();
}

void Node::receive(Now now, const HostLife& from, NodeMessage message) {
  impl_->observe(now);
  impl_->receive(from, message);
  impl_->settle();
  impl_->release_keys();
}

void Node::link_up(Now now, const HostLife& peer) {
  impl_->observe(now);
  impl_->link_up(peer);
  impl_->settle();
}

void Node::view(Now now, std::span<const HostLife> hosts, std::span<const Dropped> dropped,
                const std::function<bool(const std::string& session)>& mine) {
  impl_->observe(now);
  impl_->view_changed(hosts, dropped, mine);
  impl_->settle();
}

void Node::hold_renewed(Now now, Instant at, std::span<const HostLife> lives) {
  impl_->observe(now);
  if (!impl_->remote.hold || *impl_->remote.hold < at) impl_->remote.hold = at;
  Impl::Certifying(*impl_).beat(at, lives);
  impl_->settle();
}

RecordNames Node::compare(const RecordPage& page, bool first, bool last) {
  return impl_->compare(page, first, last);
}

void Node::end_work(Now now) {
  impl_->observe(now);
  Impl::Certifying(*impl_).host_left();
  impl_->settle();
}

bool Node::certified() const { return impl_->certificates.leavers.empty(); }

uint32_t Node::promise(Now now, const Caller& caller) {
  impl_->observe(now);
  const uint32_t promised = impl_->promise(caller);
  impl_->settle();
  return promised;
}

void Node::heads(Now now, uint64_t id, const Result<LogHeads>& heads) {
  impl_->observe(now);
  Impl::Certifying(*impl_).heads(id, heads);
  impl_->settle();
}

std::optional<Position> Node::point_of(const PacketKey& key) const { return impl_->point_of(key); }

void Node::keep(Now now, RequestId id, const Idempotency& key, ReplyBody answer) {
  impl_->observe(now);
  Command command;
  command.id = id;
  command.idempotency = key;
  impl_->keep(command, std::move(answer));
  impl_->settle();
}

void Node::begin_shutdown(Now now) {
  impl_->observe(now);
  impl_->begin_shutdown();
  impl_->settle();
}

Output Node::take_output() {
  Output taken;
  std::swap(taken, impl_->out);
  return taken;
}

bool Node::has_output() const { return !impl_->out.empty(); }
Instant Node::next_deadline() const { return impl_->deadline(); }

std::optional<PacketView> Node::find(const PacketKey& key) const {
  const SlotNo slot = impl_->packets.find(key);
  if (slot == kNoSlot || impl_->packets[slot].coming) return std::nullopt;
  return impl_->view(slot);
}

std::optional<MemberView> Node::find_member(const MemberKey& key) const {
  const MemberNo no = impl_->directory.find_member(key);
  if (no == kNobody) return std::nullopt;
  return impl_->member_view(no);
}

std::optional<SessionRecord> Node::find_session(const std::string& id) const {
  const SessionNo no = impl_->directory.find_session(id);
  if (no == kNobody) return std::nullopt;
  return *impl_->directory.session(no).record;
}

size_t Node::sessions_at_home() const {
  size_t count = 0;
  for (const SessionNo no : impl_->directory.sessions()) {
    const Session& session = impl_->directory.session(no);
    if (session.here && session.active()) ++count;
  }
  return count;
}

std::vector<MemberView> Node::members() const {
  std::vector<MemberView> all;
  all.reserve(impl_->directory.members());
  for (const MemberNo no : impl_->directory.members_in_order()) {
    all.push_back(impl_->member_view(no));
  }
  return all;
}

std::vector<RingMemberView> Node::ring() const {
  const std::vector<uint64_t> positions = shares(impl_->placement);
  std::vector<RingMemberView> all;
  for (const MemberNo no : impl_->directory.members_in_order()) {
    const Member& member = impl_->directory.member(no);
    if (member.ring == kNoMember) continue;
    all.push_back(
        {impl_->member_view(no), vnode_count(member.record->weight), positions[member.ring]});
  }
  return all;
}

std::optional<Explanation> Node::explain(const PacketKey& key) const {
  const SlotNo no = impl_->packets.find(key);
  if (no == kNoSlot || impl_->packets[no].coming) return std::nullopt;
  const Slot& slot = impl_->packets[no];
  PlaceQuery query;
  query.point = slot.head->placement_point;
  query.cls = slot.cls;
  query.load = slot.head->spec->load;
  query.k = impl_->config.window;
  query.nearest_first = slot.head->spec->spread != Spread::kId;
  if (!slot.head->avoid.empty()) {
    const MemberNo avoid = impl_->directory.find_member(MemberKey(key.ns(), slot.head->avoid));
    if (avoid != kNobody) query.avoid = impl_->directory.member(avoid).ring;
  }
  std::optional<Impl::Asking> asking;
  if (RuleSet* const rules = impl_->rules_for(*slot.head)) {
    query.permit = &asking.emplace(*impl_, *rules, *slot.head);
  }
  Explanation told{impl_->view(no), impl_->walk(query)};
  for (CandidateView& candidate : told.walk.candidates) {
    if (!asking || candidate.reason != "policy-denied") continue;
    const auto refusal =
        asking->refusal_of(impl_->directory.find_member(MemberKey(key.ns(), candidate.member)));
    if (refusal) candidate.reason += ": " + Impl::words_of(*refusal);
  }
  return told;
}

WalkView Node::owner_walk(const OwnerQuery& wanted, Position* point) const {
  PlaceQuery query;
  query.point = packet_position(impl_->config.ring_key, wanted.ns, wanted.required, wanted.salt);
  *point = query.point;
  // Interning is bookkeeping, released at once: nothing that decides has changed.
  query.cls = impl_->placement.intern(wanted.ns, wanted.required, wanted.match);
  query.load = wanted.load;
  query.k = wanted.k.value_or(impl_->config.window);
  query.nearest_first = wanted.nearest_first;
  WalkView walk = impl_->walk(query);
  impl_->placement.release(query.cls);
  return walk;
}

Result<Plan> Node::plan(Now now, const PlanRequest& request, size_t most) const {
  return impl_->plan(now, request, most);
}

const Placement& Node::placement() const { return impl_->placement; }
const Stats& Node::stats() const { return impl_->stats; }
uint64_t Node::live_packets() const { return impl_->packets.size(); }
size_t Node::writes_in_flight() const { return impl_->writes.size(); }

Health Node::health(Now now) const {
  Health health;
  health.writes_in_flight = impl_->writes.size();
  if (!impl_->writes.empty()) {
    health.oldest_write = now.mono - impl_->writes.begin()->second.at.mono;
  }
  if (!impl_->is_ready) {
    health.why = "the host is starting";
  } else if (impl_->draining) {
    health.why = "the host is shutting down";
  } else if (!impl_->refused_why.empty()) {
    health.why = "the store does not take writes: " + impl_->refused_why;
    health.since = impl_->refused_since;
  } else if (health.oldest_write > seconds(5)) {
    health.why = "the store has not answered a write for " +
                 std::to_string(health.oldest_write.ms() / 1000) + " s";
    health.since = now.wall - health.oldest_write.ms();
  }
  const Remote& remote = impl_->remote;
  if (!remote.offers.empty()) health.oldest_offer = now.mono - remote.offers.next();
  health.ready = health.why.empty();
  return health;
}

std::vector<std::string> Node::check() const { return impl_->check(); }

std::vector<PacketView> Node::live() const {
  std::vector<PacketView> all;
  for (SlotNo no = 0; no < impl_->packets.end(); ++no) {
    const Slot& slot = impl_->packets[no];
    if (slot.used && !slot.coming) all.push_back(impl_->view(no));
  }
  std::sort(all.begin(), all.end(),
            [](const PacketView& a, const PacketView& b) { return a.head->key < b.head->key; });
  return all;
}

}  // namespace phoenix
