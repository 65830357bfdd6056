#include "cluster/cluster.h"

#include <algorithm>

#include "base/planted.h"
#include "cluster/parts/impl.h"

namespace phoenix {

Cluster::Cluster(const ClusterConfig& config) : impl_(std::make_unique<Impl>(config)) {}
Cluster::~Cluster() = default;

void Cluster::recover(MemberRecord record) { impl_->node.recover_member(std::move(record)); }
void Cluster::recover(SessionRecord record) {
  impl_->note_home(record);
  impl_->node.recover_session(std::move(record));
}
void Cluster::recover(Packet packet) { impl_->node.recover_packet(std::move(packet)); }
void Cluster::recover(Document document) { impl_->node.recover_document(std::move(document)); }
void Cluster::documents(Now now, std::vector<Document> all) {
  impl_->begin(now);
  Documents message;
  for (Document& one : all) {
    message.documents.push_back(std::make_shared<const Document>(std::move(one)));
  }
  impl_->node.receive(now, impl_->config.node.self, std::move(message));
}
void Cluster::recover_ended(const EndedCounts& kept) { impl_->node.recover_ended(kept); }
void Cluster::recover_incarnation_floor(uint64_t floor) {
  impl_->node.recover_incarnation_floor(floor);
}
void Cluster::ready(Now now) {
  impl_->begin(now);
  impl_->node.ready(now);
}

void Cluster::command(Now now, Command command) {
  impl_->begin(now);
  if (impl_->alone) return impl_->node.command(now, std::move(command));
  if (impl_->shuts_down && std::holds_alternative<Submit>(command.body)) {
    Error error = {.kind = ErrorKind::kDraining,
                   .detail = "the host is shutting down and takes no new packets"};
    impl_->out.node.replies.push_back(
        {.id = command.id, .body = std::move(error), .replayed = false});
    return;
  }
  impl_->promise(command.caller, command.body);
  impl_->calls.from_client(now, std::move(command));
}
void Cluster::abandon(Now now, RequestId id) {
  impl_->begin(now);
  if (impl_->alone) return impl_->node.abandon(now, id);
  impl_->calls.client_gone(id);
}
void Cluster::stream_closed(Now now, RequestId stream, bool by_peer) {
  impl_->begin(now);
  if (impl_->alone) return impl_->node.stream_closed(now, stream, by_peer);
  impl_->calls.client_closed_stream(stream, by_peer);
}

void Cluster::tick(Now now) {
  impl_->begin(now);
  impl_->node.tick(now);
  if (impl_->alone) return;
  impl_->slots.tick(now.mono);
  impl_->tick(now);
}

void Cluster::completed(Now now, uint64_t batch_id, std::span<const uint64_t> group_ids,
                        const CommitResult& result) {
  impl_->begin(now);
  // Who never entered the view is refused too, and may enter yet.
  if (result.fenced && impl_->entered) impl_->out.fenced = true;
  std::vector<Outcome> outcomes = result.outcomes;
  impl_->wrote = impl_->wrote ||
                 std::find(outcomes.begin(), outcomes.end(), Outcome::kCommitted) != outcomes.end();
  for (Outcome& outcome : outcomes) {
    if (outcome != Outcome::kUnknown) continue;
    if (planted(PlantedBug::kUnknownTakenForFailed)) outcome = Outcome::kRefused;
    if (planted(PlantedBug::kUnknownTakenForDone)) outcome = Outcome::kCommitted;
  }
  impl_->node.completed(now, batch_id, group_ids, outcomes, result.why);
}
void Cluster::resolved(Now now, uint64_t batch_id, Resolution resolution) {
  impl_->begin(now);
  impl_->node.resolved(now, batch_id, resolution);
}
void Cluster::loaded(Now now, const PacketKey& key, Result<PacketLookup> lookup) {
  impl_->begin(now);
  impl_->loaded(now, key, std::move(lookup));
}
void Cluster::payload(Now now, const PacketKey& key, Result<std::optional<Content>> found) {
  impl_->begin(now);
  impl_->node.payload(now, key, std::move(found));
}
void Cluster::heads(Now now, uint64_t id, const Result<LogHeads>& heads) {
  impl_->begin(now);
  impl_->node.heads(now, id, heads);
}
void Cluster::note(Now now, HostNote note) {
  impl_->begin(now);
  impl_->node.note(now, std::move(note));
}
void Cluster::refused(Now now, const Caller& caller, const std::string& reason) {
  impl_->begin(now);
  impl_->node.refused(now, caller, reason);
}
void Cluster::swept(const EndedCounts& buried) { impl_->node.swept(buried); }

void Cluster::begin_leave(Now now) {
  impl_->begin(now);
  if (impl_->alone) return;
  impl_->leaves = true;
  impl_->slots.begin_leave(now.mono);
}
bool Cluster::left() const { return impl_->alone || impl_->left(); }
void Cluster::begin_shutdown(Now now) {
  impl_->begin(now);
  impl_->shuts_down = true;
  impl_->node.begin_shutdown(now);
}

void Cluster::link_up(Now now, const HostLife& peer) {
  impl_->begin(now);
  impl_->links.insert(peer);
  impl_->wrote = true;  // it knows nothing yet
  impl_->node.link_up(now, peer);
  impl_->calls.try_again(now);
}
void Cluster::link_down(Now now, const HostLife& peer) {
  impl_->begin(now);
  impl_->links.erase(peer);
  impl_->live_of.erase(peer);
  impl_->calls.link_down(now, peer);
}

void Cluster::received(Now now, const HostLife& from, PeerMessage message) {
  impl_->begin(now);
  impl_->received(now, from, std::move(message));
}

void Cluster::not_sent(Now now, const HostLife& to, uint64_t call, Error error) {
  impl_->begin(now);
  impl_->calls.not_sent(to, call, std::move(error));
}

void Cluster::view(Now now, const ClusterView& view) {
  impl_->begin(now);
  impl_->view_changed(now, view);
}
void Cluster::beat(Now now, Instant sent, const Beat& beat) {
  impl_->begin(now);
  impl_->beat(now, sent, beat);
}
void Cluster::slots(Now now, Result<std::vector<HeldSlot>> rows) {
  impl_->begin(now);
  impl_->slots.rows(now.mono, rows);
}
void Cluster::claimed(Now now, Result<PoolStore::Claimed> claimed) {
  impl_->begin(now);
  impl_->slots.claimed(now.mono, claimed);
}
void Cluster::released(Now now, Result<bool> done) {
  impl_->begin(now);
  impl_->slots.released(now.mono, done);
}
void Cluster::scanned(Now now, Result<ScannedSlots> found) {
  impl_->begin(now);
  impl_->scanned(now, std::move(found));
}
void Cluster::home_records(Now now, const HostLife& home, Result<PoolStore::HomeRecords> records) {
  impl_->begin(now);
  impl_->home_records(now, home, std::move(records));
}
void Cluster::records(Now now, Result<PoolStore::HomeRecords> records) {
  impl_->begin(now);
  impl_->records(now, std::move(records));
}
void Cluster::compared(Now now, const Result<RecordPage>& page) {
  impl_->begin(now);
  impl_->compared(page);
}
void Cluster::held(Now now, uint64_t id, Result<std::vector<Packet>> packets) {
  impl_->begin(now);
  impl_->node.held(now, id, std::move(packets));
}

ClusterOutput Cluster::take_output() {
  if (impl_->alone) {
    impl_->out.node = impl_->node.take_output();
  } else {
    impl_->settle();
  }
  impl_->dirty = false;
  ClusterOutput out = std::move(impl_->out);
  impl_->out = {};
  return out;
}
bool Cluster::has_output() const { return impl_->dirty || impl_->node.has_output(); }

Instant Cluster::next_deadline() const {
  const Instant at = impl_->node.next_deadline();
  return impl_->alone ? at : std::min(at, impl_->deadline());
}

bool Cluster::alone() const { return impl_->alone; }
const Node& Cluster::node() const { return impl_->node; }
SlotCounts Cluster::slot_counts() const { return impl_->slots.counts(); }
HostLife Cluster::keeper_of(Position point) const { return impl_->slots.keeper(slot_of(point)); }
const ClusterView& Cluster::view() const { return impl_->view; }
std::vector<HostLife> Cluster::linked() const { return {impl_->links.begin(), impl_->links.end()}; }

std::array<uint64_t, kStatuses> Cluster::live_packets() const {
  std::array<uint64_t, kStatuses> all = impl_->node.stats().packets_now;
  for (const auto& [host, theirs] : impl_->live_of) {
    all[static_cast<size_t>(Status::kPending)] += theirs.pending;
    all[static_cast<size_t>(Status::kAssigned)] += theirs.assigned;
    all[static_cast<size_t>(Status::kRunning)] += theirs.running;
  }
  return all;
}

Health Cluster::health(Now now) const {
  Health health = impl_->node.health(now);
  if (impl_->alone || !health.ready) return health;
  impl_->add_to(health, now);
  return health;
}

}  // namespace phoenix
