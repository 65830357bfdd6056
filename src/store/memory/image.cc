#include "store/memory/image.h"

#include <algorithm>

#include "base/planted.h"
#include "store/rows.h"

namespace phoenix {
namespace {

constexpr size_t kBatchesKept = 4096;

// As every stored form has it: RUNNING is not durable.
PacketPtr stored(const PacketPtr& head) {
  if (head->status != Status::kRunning) return head;
  auto copy = std::make_shared<Packet>(*head);
  copy->status = Status::kAssigned;
  return copy;
}

// Moves `key` from where the old record has it to where the new one does; null: there is none.
// `group_of` tells where that is, empty: nowhere.
template <class Record, class Group>
void put_in_place(std::map<std::string, std::shared_ptr<const Record>>& records,
                  std::map<Group, std::set<std::string>>& groups, Group Record::* group_of,
                  const std::string& key, std::shared_ptr<const Record> record) {
  const auto found = records.find(key);
  if (found != records.end()) {
    const auto group = groups.find((*found->second).*group_of);
    if (group != groups.end()) group->second.erase(key);
    if (group != groups.end() && group->second.empty()) groups.erase(group);
  }
  if (!record) {
    if (found != records.end()) records.erase(found);
    return;
  }
  const Group& group = (*record).*group_of;
  if (!group.empty()) groups[group].insert(key);
  records.insert_or_assign(key, std::move(record));
}

}  // namespace

bool MemoryImage::apply(const Group& group) {
  Undo undo;
  const uint64_t before = last_seq;
  for (const Op& op : group.ops) {
    if (std::visit([&](const auto& it) { return put(it, undo); }, op)) continue;
    for (auto step = undo.rbegin(); step != undo.rend(); ++step) (*step)(*this);
    events.erase(events.upper_bound(before), events.end());
    recorded.erase(recorded.upper_bound(before), recorded.end());
    last_seq = before;
    return false;
  }
  return true;
}

void MemoryImage::add_event(bool is_packet, const std::string& key, const HistoryEntry& entry) {
  ++last_seq;
  const auto at = events.emplace_hint(events.end(), last_seq,
                                      EventRow{last_seq, is_packet, key, entry, kOwnLog});
  std::string& taken = at->second.entry.recorded;
  if (!taken.empty()) recorded.emplace_hint(recorded.end(), last_seq, std::move(taken));
  taken = {};
}

bool MemoryImage::put(const PutPacket& op, Undo& undo) {
  const std::string& key = op.head->key.text();
  auto at = packets.lower_bound(key);
  const bool exists = at != packets.end() && at->first == key;
  if (op.expect_revision == 0 ? exists : !exists) return false;
  if (!exists) {
    at = packets.emplace_hint(at, key, PacketRow{});
    at->second.num = ++last_num;
    undo.push_back([at](MemoryImage& image) {
      image.by_age.erase({at->second.head->created_at, at->first});
      image.packets.erase(at);
      --image.last_num;
    });
  } else if (!at->second.head || at->second.head->epoch != op.expect_epoch ||
             at->second.head->revision != op.expect_revision) {
    return false;
  } else {
    undo.push_back([at, head = at->second.head, due = at->second.due,
                    contents = at->second.contents](MemoryImage& image) {
      PacketRow& row = at->second;
      image.set_head(at->first, row, head);
      row.due = due;
      row.contents = contents;
      row.events.pop_back();
    });
  }
  PacketRow& row = at->second;
  set_head(key, row, stored(op.head));
  row.due = content_due(*row.head);
  for (const ContentWrite& write : op.contents) {
    row.contents[static_cast<size_t>(write.kind)] = write.content;
  }
  add_event(true, key, op.entry);
  row.events.push_back(last_seq);
  return true;
}

void MemoryImage::set_head(const std::string& key, PacketRow& row, PacketPtr head) {
  const bool moves = !row.head || row.head->created_at != head->created_at;
  if (moves && row.head) by_age.erase({row.head->created_at, key});
  if (moves) by_age.emplace(head->created_at, key);
  row.head = std::move(head);
}

void MemoryImage::set_member(const std::string& key, std::shared_ptr<const MemberRecord> record) {
  put_in_place(members, members_of, &MemberRecord::session, key, std::move(record));
}

void MemoryImage::set_session(const std::string& id, std::shared_ptr<const SessionRecord> record) {
  put_in_place(sessions, sessions_of, &SessionRecord::home, id, std::move(record));
}

bool MemoryImage::put(const PutMember& op, Undo& undo) {
  const std::string& key = op.record->key.text();
  const auto found = members.find(key);
  const uint64_t revision = found == members.end() ? 0 : found->second->revision;
  const bool as_if_new = planted(PlantedBug::kOneIdTwice) && op.expect_revision == 0;
  if (as_if_new) {
    // Whoever asks gets the id.
  } else if ((found == members.end()) != (op.expect_revision == 0) ||
             revision != op.expect_revision) {
    return false;
  }
  undo.push_back([key, old = found == members.end() ? nullptr : found->second](MemoryImage& image) {
    image.set_member(key, old);
  });
  set_member(key, op.record);
  if (!op.event.empty()) add_event(false, key, member_entry(op));
  return true;
}

bool MemoryImage::put(const PutSession& op, Undo& undo) {
  const std::string& id = op.record->id;
  const auto found = sessions.find(id);
  const uint64_t revision = found == sessions.end() ? 0 : found->second->revision;
  if (planted(PlantedBug::kSessionEndNotCompared) && !op.record->active()) {
    // It ends, whatever has become of it meanwhile.
  } else if ((found == sessions.end()) != (op.expect_revision == 0) ||
             revision != op.expect_revision) {
    return false;
  }
  undo.push_back([id, old = found == sessions.end() ? nullptr : found->second](MemoryImage& image) {
    image.set_session(id, old);
  });
  set_session(id, op.record);
  return true;
}

bool MemoryImage::put(const DropMember& op, Undo& undo) {
  const auto found = members.find(op.key.text());
  if (found == members.end() || found->second->revision != op.expect_revision) return false;
  undo.push_back(
      [key = op.key.text(), old = found->second, floor = incarnation_floor](MemoryImage& image) {
        image.set_member(key, old);
        image.incarnation_floor = floor;
      });
  set_member(op.key.text(), nullptr);
  incarnation_floor = std::max(incarnation_floor, op.incarnation);
  return true;
}

bool MemoryImage::put(const DropSession& op, Undo& undo) {
  const auto found = sessions.find(op.id);
  if (found == sessions.end() || found->second->revision != op.expect_revision) return false;
  undo.push_back(
      [id = op.id, old = found->second](MemoryImage& image) { image.set_session(id, old); });
  set_session(op.id, nullptr);
  return true;
}

bool MemoryImage::put(const PutAnswer& op, Undo& undo) {
  const AnswerRow row = {{op.request, op.answer}, op.expires_at};
  if (planted(PlantedBug::kOneIdTwice)) answers.erase(op.scope);  // which would keep the second off
  if (!answers.try_emplace(op.scope, row).second) return false;
  undo.push_back([scope = op.scope](MemoryImage& image) { image.answers.erase(scope); });
  return true;
}

bool MemoryImage::put(const PutDocument& op, Undo& undo) {
  const DocumentKey& key = op.document->key;
  const auto found = documents.find(key);
  const DocumentPtr old = found == documents.end() ? nullptr : found->second;
  if ((old ? old->revision : 0) != op.expect_revision) return false;
  undo.push_back([key, old](MemoryImage& image) {
    if (old) {
      image.documents[key] = old;
    } else {
      image.documents.erase(key);
    }
    --image.document_changes;
  });
  documents[key] = op.document;
  ++document_changes;
  add_event(false, key.text(), document_entry(op));
  return true;
}

bool MemoryImage::put(const PutNote& op, Undo& undo) {
  const auto found = packets.find(op.key);
  if (op.is_packet && (found == packets.end() || !found->second.head)) return false;
  add_event(op.is_packet, op.key, op.entry);
  if (!op.is_packet) return true;
  undo.push_back([key = op.key](MemoryImage& image) { image.packets[key].events.pop_back(); });
  found->second.events.push_back(last_seq);
  return true;
}

bool MemoryImage::add_batch(uint64_t id, bool applied) {
  if (!batches.emplace(id, applied).second) return false;
  batch_order.push_back(id);
  if (batch_order.size() > kBatchesKept) {
    batches.erase(batch_order.front());
    batch_order.pop_front();
  }
  return true;
}

void MemoryImage::drop_event(uint64_t seq) {
  events.erase(seq);
  events_floor = std::max(events_floor, seq);
}

void MemoryImage::bury(const std::string& key, const SweepLimits& limits) {
  PacketRow& row = packets[key];
  const Packet& head = *row.head;
  by_age.erase({head.created_at, key});
  row.tombstone = Tombstone{head.key, head.status, head.created_at, head.ended_at,
                            head.spec ? head.spec->create_digest : Digest{}};
  row.head = nullptr;
  row.contents = {};
  row.due = limits.now + limits.tombstone_ms;
}

// Its events first, for as long as the bound lasts; the row itself when none is left.
uint64_t MemoryImage::forget(const std::string& key, uint64_t most) {
  std::vector<uint64_t>& seqs = packets[key].events;
  uint64_t dropped = 0;
  while (!seqs.empty() && dropped < most) {
    drop_event(seqs.front());
    seqs.erase(seqs.begin());
    ++dropped;
  }
  if (!seqs.empty() || dropped == most) return dropped;
  packets.erase(key);
  return dropped + 1;
}

EndedCounts MemoryImage::ended() const {
  EndedCounts counts{};
  for (const auto& [key, row] : packets) {
    if (row.head && is_terminal(row.head->status)) ++counts[static_cast<size_t>(row.head->status)];
  }
  return counts;
}

Swept MemoryImage::sweep(const SweepLimits& limits) {
  std::map<std::pair<WallMs, uint64_t>, std::string> terminal;
  std::map<std::pair<WallMs, uint64_t>, std::string> tombstones;
  for (const auto& [key, row] : packets) {
    if (!row.head) {
      if (row.due <= limits.now) tombstones[{row.due, row.num}] = key;
    } else if (row.due != 0) {
      terminal[{row.due, row.num}] = key;
    }
  }
  Swept swept{};
  uint64_t& rows = swept.rows;
  uint64_t excess =
      terminal.size() > limits.retain_count ? terminal.size() - limits.retain_count : 0;
  for (const auto& [position, key] : terminal) {
    if (rows >= limits.max_rows || (position.first > limits.now && excess == 0)) break;
    ++swept.buried[static_cast<size_t>(packets[key].head->status)];
    bury(key, limits);
    ++rows;
    if (excess > 0) --excess;
  }
  for (const auto& [position, key] : tombstones) {
    if (rows >= limits.max_rows) break;
    rows += forget(key, limits.max_rows - rows);
  }
  for (auto it = answers.begin(); it != answers.end() && rows < limits.max_rows;) {
    const bool over = it->second.expires_at <= limits.now;
    it = over ? answers.erase(it) : std::next(it);
    rows += over ? 1 : 0;
  }
  rows += std::erase_if(documents, [&limits](const auto& document) {
    return may_forget(*document.second) &&
           document.second->changed_at < limits.now - kDeletedApprovalMs;
  });
  std::vector<uint64_t> old;
  for (const auto& [seq, row] : events) {
    if (rows + old.size() >= limits.max_rows) break;
    if (!row.is_packet && row.entry.at < limits.now - limits.tombstone_ms) old.push_back(seq);
  }
  for (const uint64_t seq : old) drop_event(seq);
  rows += old.size();
  for (const auto& [log, until] : limits.recorded_until) {
    while (!recorded.empty() && recorded.begin()->first <= until && rows < limits.max_rows) {
      recorded.erase(recorded.begin());
      ++rows;
    }
  }
  return swept;
}

}  // namespace phoenix
