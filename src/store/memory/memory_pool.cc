#include "store/memory/memory_pool.h"

#include <algorithm>
#include <bitset>
#include <mutex>
#include <utility>

#include "base/planted.h"
#include "store/memory/memory_reader.h"

namespace phoenix {
namespace {

constexpr Duration kFencedTold = seconds(3600);

bool is_live(const MemoryImage::PacketRow& row) {
  return row.head && !is_terminal(row.head->status);
}

bool creates_only(std::span<const Group> groups) {
  return std::ranges::all_of(groups, [](const Group& group) {
    return std::ranges::all_of(group.ops, [](const Op& op) {
      const auto* put = std::get_if<PutPacket>(&op);
      return put != nullptr && put->expect_revision == 0;
    });
  });
}

std::string named(const HostLife& life) {
  return "host \"" + life.host + "\" (life " + std::to_string(life.life) + ")";
}

}  // namespace

MemoryPool::MemoryPool() : shared_(std::make_shared<MemoryShared>()) {}
MemoryPool::~MemoryPool() = default;

bool MemoryPool::alive(const HostLife& life) const {
  const auto row = hosts_.find(life);
  return row != hosts_.end() && !row->second.fenced;
}

// --- commits ---

CommitResult MemoryPool::commit(const HostLife& self, uint64_t batch_id,
                                std::span<const Group> groups, const CommitPlan& chosen) {
  const std::lock_guard lock(shared_->mutex);
  CommitResult result;
  result.last_event = EventCursor(shared_->durable.last_seq);
  const auto all = [&](Outcome outcome, std::string why) {
    result.outcomes.assign(groups.size(), outcome);
    result.why = std::move(why);
    return result;
  };
  if (chosen.fault == CommitFault::kRefuse) {
    return all(Outcome::kRefused, "the store refuses, as planned");
  }
  const bool told = chosen.fault == CommitFault::kNone;
  const std::string no_answer = "the store gave no answer, as planned";
  if (chosen.fault == CommitFault::kUnknownLost) return all(Outcome::kUnknown, no_answer);
  const bool deposed = planted(PlantedBug::kDeposedCreates) && creates_only(groups);
  if (!self.empty() && !alive(self) && !deposed) {
    if (!told) return all(Outcome::kUnknown, no_answer);
    result.fenced = true;
    return all(Outcome::kRefused, named(self) + " is not in the view any more");
  }
  if (!batches_.emplace(std::pair(self, batch_id), true).second) {
    if (!told) return all(Outcome::kUnknown, no_answer);
    return all(Outcome::kRefused,
               "batch " + std::to_string(batch_id) + " has been committed or settled before");
  }
  unsynced_.clear();
  for (size_t i = 0; i < groups.size(); ++i) {
    const bool done = !chosen.conflicts.contains(i) && apply(self, groups[i]);
    result.outcomes.push_back(done ? Outcome::kCommitted : Outcome::kConflict);
  }
  result.last_event = EventCursor(shared_->durable.last_seq);
  if (told) return result;
  CommitResult untold = all(Outcome::kUnknown, no_answer);
  for (size_t i = 0; i < groups.size(); ++i) {
    if (result.outcomes[i] == Outcome::kConflict) untold.outcomes[i] = Outcome::kConflict;
  }
  return untold;
}

bool MemoryPool::apply(const HostLife& self, const Group& group) {
  std::vector<std::pair<HostLife, LeftSession>> leaving;
  for (const Op& op : group.ops) {
    const auto* put = std::get_if<PutSession>(&op);
    if (!put) continue;
    const auto before = shared_->durable.sessions.find(put->record->id);
    if (before == shared_->durable.sessions.end()) continue;
    const HostLife& home = before->second->home;
    if (home == self || !alive(home)) continue;  // who is fenced asks for nothing any more
    leaving.push_back({home, {put->record->id, put->record->revision}});
  }
  if (!shared_->durable.apply(group)) return false;
  for (const auto& [home, session] : leaving) left_[home][session.id] = session.revision;
  return true;
}

Resolution MemoryPool::resolve(const HostLife& self, uint64_t batch_id) {
  const std::lock_guard lock(shared_->mutex);
  const auto [row, fresh] = batches_.emplace(std::pair(self, batch_id), false);
  if (fresh) unsynced_.clear();
  if (planted(PlantedBug::kTombstoneTakenForReal) && !fresh) return Resolution::kApplied;
  return row->second ? Resolution::kApplied : Resolution::kNotApplied;
}

// --- view and holds ---

Beat MemoryPool::beat(const HostLife& self, uint64_t known_number,
                      std::span<const LeftSession> told) {
  const std::lock_guard lock(shared_->mutex);
  Beat beat;
  beat.fenced = !alive(self);
  beat.newest.number = view_.number;
  beat.documents = shared_->durable.document_changes;
  if (view_.number != known_number) beat.newest.bytes = view_.bytes;
  if (!beat.fenced) {
    unsynced_.clear();
    hosts_[self].renewed = now();
  }
  for (const auto& [life, row] : hosts_) {
    if (row.fenced && now() - row.fenced_at > kFencedTold) continue;
    beat.ages.push_back({life, now() - row.renewed, row.fenced});
  }
  const auto left = left_.find(self);
  if (left == left_.end()) return beat;
  for (const LeftSession& known : told) {
    const auto row = left->second.find(known.id);
    if (row != left->second.end() && row->second <= known.revision) left->second.erase(row);
  }
  std::erase_if(left->second, [&](const auto& row) {
    const auto record = shared_->durable.sessions.find(row.first);
    if (record == shared_->durable.sessions.end()) return true;
    // It may have come back since.
    if (record->second->home == self && record->second->active()) return true;
    beat.left.push_back(*record->second);
    return false;
  });
  if (left->second.empty()) left_.erase(left);
  return beat;
}

Result<SwapAnswer> MemoryPool::swap_view(const ViewSwap& swap) {
  const std::lock_guard lock(shared_->mutex);
  const bool enters =
      std::find(swap.enter.begin(), swap.enter.end(), swap.proposer) != swap.enter.end();
  if (enters ? hosts_.contains(swap.proposer) && !alive(swap.proposer) : !alive(swap.proposer)) {
    return SwapAnswer{SwapOutcome::kFenced, view_};
  }
  if (swap.expected != view_.number) return SwapAnswer{SwapOutcome::kBehind, view_};
  for (const HostLife& life : swap.enter) {
    if (!hosts_.contains(life) || alive(life)) continue;
    return fail(ErrorKind::kWrongState, named(life) + " is fenced; it has to come as another life");
  }
  unsynced_.clear();
  for (const HostLife& life : swap.enter) hosts_[life].renewed = now();
  for (const HostLife& life : swap.leave) {
    const auto row = hosts_.find(life);
    if (row == hosts_.end() || row->second.fenced) continue;
    if (planted(PlantedBug::kTakerFences)) {
      out_of_view_.insert(life);
      continue;
    }
    row->second.fenced = true;
    row->second.fenced_at = now();
  }
  view_ = {swap.expected + 1, swap.bytes};
  return SwapAnswer{SwapOutcome::kDone, view_};
}

PoolView MemoryPool::view() const {
  const std::lock_guard lock(shared_->mutex);
  return view_;
}

bool MemoryPool::fenced(const HostLife& life) const {
  const std::lock_guard lock(shared_->mutex);
  return !alive(life);
}

MemoryImage MemoryPool::snapshot() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->durable;
}

// --- slots ---

std::vector<HeldSlot> MemoryPool::held_slots() const {
  const std::lock_guard lock(shared_->mutex);
  std::vector<HeldSlot> held;
  for (const auto& [slot, holder] : slots_) held.push_back({slot, holder, !alive(holder)});
  return held;
}

bool MemoryPool::in_order(const HostLife& self, uint64_t call) {
  const auto row = hosts_.find(self);
  if (row == hosts_.end() || row->second.slot_call >= call) return false;
  row->second.slot_call = call;
  return true;
}

PoolStore::Claimed MemoryPool::claim_slots(const HostLife& self, uint64_t call,
                                           std::span<const SlotId> slots) {
  const std::lock_guard lock(shared_->mutex);
  PoolStore::Claimed claimed;
  claimed.fenced = !alive(self);
  if (claimed.fenced || !in_order(self, call)) return claimed;
  unsynced_.clear();
  for (const SlotId slot : slots) {
    const auto [row, free] = slots_.emplace(slot, self);
    if (planted(PlantedBug::kTakerFences) && out_of_view_.contains(row->second)) {
      hosts_[row->second].fenced = true;
    }
    if (!free && row->second != self && alive(row->second)) continue;
    row->second = self;
    claimed.slots.push_back(slot);
  }
  return claimed;
}

void MemoryPool::release_slots(const HostLife& self, uint64_t call, std::span<const SlotId> slots) {
  const std::lock_guard lock(shared_->mutex);
  if (!in_order(self, call)) return;
  for (const SlotId slot : slots) {
    const auto row = slots_.find(slot);
    if (row == slots_.end() || row->second != self) continue;
    slots_.erase(row);
    unsynced_.emplace_back(slot, self);
  }
}

std::vector<HeldSlot> MemoryPool::crash() {
  const std::lock_guard lock(shared_->mutex);
  std::vector<HeldSlot> again;
  for (const auto& [slot, life] : std::exchange(unsynced_, {})) {
    slots_[slot] = life;
    again.push_back({slot, life, !alive(life)});
  }
  return again;
}

// --- packets and records ---

void MemoryPool::add_owners(ScannedSlots& found, const Packet& packet,
                            std::set<std::string>& members, std::set<std::string>& sessions) const {
  if (!packet.owner) return;
  const MemberKey key(packet.key.ns(), packet.owner->id);
  if (!members.insert(key.text()).second) return;
  const auto member = shared_->durable.members.find(key.text());
  if (member == shared_->durable.members.end()) return;
  found.owners.push_back(*member->second);
  const std::string& id = member->second->session;
  const auto session = shared_->durable.sessions.find(id);
  if (session == shared_->durable.sessions.end() || !sessions.insert(id).second) return;
  found.sessions.push_back(*session->second);
}

ScannedSlots MemoryPool::scan(std::span<const SlotId> slots) const {
  const std::lock_guard lock(shared_->mutex);
  std::bitset<kSlots> wanted;
  for (const SlotId slot : slots) wanted.set(slot);
  ScannedSlots found;
  std::set<std::string> members;
  std::set<std::string> sessions;
  for (const auto& [key, row] : shared_->durable.packets) {
    if (!is_live(row) || !wanted.test(slot_of(row.head->point))) continue;
    found.packets.push_back(*row.head);
    add_owners(found, *row.head, members, sessions);
  }
  return found;
}

std::vector<Packet> MemoryPool::owned_by(std::span<const MemberKey> members) const {
  const std::lock_guard lock(shared_->mutex);
  std::set<std::string> wanted;
  for (const MemberKey& key : members) wanted.insert(key.text());
  std::vector<Packet> found;
  for (const auto& [key, row] : shared_->durable.packets) {
    if (!is_live(row) || !row.head->owner) continue;
    const MemberKey owner(row.head->key.ns(), row.head->owner->id);
    if (wanted.contains(owner.text())) found.push_back(*row.head);
  }
  return found;
}

PoolStore::HomeRecords MemoryPool::at_home(const HostLife& home) const {
  const std::lock_guard lock(shared_->mutex);
  const MemoryImage& image = shared_->durable;
  PoolStore::HomeRecords found;
  const auto sessions = image.sessions_of.find(home);
  if (sessions == image.sessions_of.end()) return found;
  std::set<std::string> members;
  for (const std::string& id : sessions->second) {
    found.sessions.push_back(image.sessions.at(id));
    const auto its = image.members_of.find(id);
    if (its != image.members_of.end()) members.insert(its->second.begin(), its->second.end());
  }
  for (const std::string& key : members) found.members.push_back(image.members.at(key));
  return found;
}

PoolStore::HomeRecords MemoryPool::records(std::span<const MemberKey> members,
                                           std::span<const std::string> sessions) const {
  const std::lock_guard lock(shared_->mutex);
  PoolStore::HomeRecords found;
  for (const MemberKey& key : members) {
    const auto record = shared_->durable.members.find(key.text());
    if (record != shared_->durable.members.end()) found.members.push_back(record->second);
  }
  for (const std::string& id : sessions) {
    const auto record = shared_->durable.sessions.find(id);
    if (record != shared_->durable.sessions.end()) found.sessions.push_back(record->second);
  }
  return found;
}

RecordPage MemoryPool::revisions(const RecordPlace& after, size_t most) const {
  const std::lock_guard lock(shared_->mutex);
  RecordPage page;
  const auto& sessions = shared_->durable.sessions;
  for (auto it = sessions.upper_bound(after.session);
       it != sessions.end() && page.sessions.size() < most; ++it) {
    page.sessions.emplace_back(it->first, it->second->revision);
  }
  const auto& members = shared_->durable.members;
  for (auto it = members.upper_bound(after.member.text());
       it != members.end() && page.members.size() < most; ++it) {
    page.members.emplace_back(it->second->key, it->second->revision);
  }
  return page;
}

// --- the handles ---

MemoryHostStore::MemoryHostStore(std::shared_ptr<MemoryPool> pool, HostLife self)
    : pool_(std::move(pool)), self_(std::move(self)) {}
MemoryHostStore::~MemoryHostStore() = default;

CommitResult MemoryHostStore::commit(uint64_t batch_id, std::span<const Group> groups) {
  return pool_->commit(self_, batch_id, groups, plan ? plan(batch_id, groups) : CommitPlan{});
}

Resolution MemoryHostStore::resolve(uint64_t batch_id) { return pool_->resolve(self_, batch_id); }

Result<bool> MemoryHostStore::recover(const RecoverSink& sink) {
  const MemoryImage image = pool_->snapshot();
  for (const auto& [key, row] : image.packets) {
    if (self_.empty() && is_live(row) && sink.packet) sink.packet(*row.head);
  }
  for (const auto& [key, record] : image.members) {
    if (sink.member) sink.member(*record);
  }
  for (const auto& [id, record] : image.sessions) {
    if (sink.session) sink.session(*record);
  }
  for (const auto& [key, document] : image.documents) {
    if (sink.document) sink.document(*document);
  }
  if (sink.ended) sink.ended(image.ended());
  if (sink.incarnation_floor) sink.incarnation_floor(image.incarnation_floor);
  return true;
}

Result<std::optional<std::string>> MemoryHostStore::fact(const std::string& name) {
  const std::lock_guard lock(pool_->shared_->mutex);
  const auto& facts = pool_->shared_->durable.facts;
  const auto found = facts.find(name);
  if (found == facts.end()) return std::optional<std::string>();
  return std::optional<std::string>(found->second);
}

Result<bool> MemoryHostStore::set_fact(const std::string& name, const std::string& value) {
  const std::lock_guard lock(pool_->shared_->mutex);
  pool_->shared_->durable.facts[name] = value;
  return true;
}

Result<Swept> MemoryHostStore::sweep(const SweepLimits& limits) {
  const std::lock_guard lock(pool_->shared_->mutex);
  return pool_->shared_->durable.sweep(limits);
}

Result<std::unique_ptr<Reader>> MemoryHostStore::reader() {
  return make_memory_reader(pool_->shared_);
}

StoreCapabilities MemoryHostStore::capabilities() const {
  return {.engine = "memory", .version = "1", .durable = false};
}

Result<std::vector<Document>> MemoryPoolStore::documents() {
  std::vector<Document> all;
  for (const auto& [key, document] : pool_->snapshot().documents) all.push_back(*document);
  return all;
}

Result<Beat> MemoryPoolStore::beat(const HostLife& self, uint64_t known_number) {
  Beat beat = pool_->beat(self, known_number, told_);
  told_.clear();
  for (const SessionRecord& record : beat.left) told_.push_back({record.id, record.revision});
  return beat;
}

}  // namespace phoenix
