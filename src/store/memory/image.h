// Everything a memory store holds, as plain ordered data: copying it is a snapshot (heads, records
// and contents are shared, not copied).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/store.h"

namespace phoenix {

struct MemoryImage {
  struct PacketRow {
    uint64_t num = 0;  // order of creation
    PacketPtr head;    // null: a tombstone
    std::optional<Tombstone> tombstone;
    WallMs due = 0;  // as the sqlite store's: 0 while live
    std::array<std::shared_ptr<const Content>, kContentKinds> contents;
    std::vector<uint64_t> events;  // sequences
  };
  struct AnswerRow {
    StoredAnswer stored;
    WallMs expires_at = 0;
  };

  std::map<std::string, PacketRow> packets;         // by "ns/id"
  std::set<std::pair<WallMs, std::string>> by_age;  // (created_at, key) of those with a head
  std::map<std::string, std::shared_ptr<const MemberRecord>> members;
  std::map<std::string, std::shared_ptr<const SessionRecord>> sessions;
  // Of each home its sessions, and of each session the members whose records name it.
  std::map<HostLife, std::set<std::string>> sessions_of;
  std::map<std::string, std::set<std::string>> members_of;
  std::map<DocumentKey, DocumentPtr> documents;
  uint64_t document_changes = 0;
  std::map<Digest, AnswerRow> answers;
  std::map<uint64_t, EventRow> events;
  std::map<uint64_t, std::string> recorded;  // by sequence of the event
  std::map<std::string, std::string> facts;
  std::map<uint64_t, bool> batches;  // id -> applied
  std::deque<uint64_t> batch_order;  // oldest first
  uint64_t last_num = 0;
  uint64_t last_seq = 0;
  uint64_t events_floor = 0;       // newest sequence dropped
  uint64_t incarnation_floor = 0;  // greatest of the members dropped

  // All of the group, or nothing and false.
  bool apply(const Group& group);
  // False if the id stands already.
  bool add_batch(uint64_t id, bool applied);
  Swept sweep(const SweepLimits& limits);
  EndedCounts ended() const;

 private:
  using Undo = std::vector<std::function<void(MemoryImage&)>>;
  bool put(const PutPacket& op, Undo& undo);
  bool put(const PutMember& op, Undo& undo);
  bool put(const PutSession& op, Undo& undo);
  bool put(const DropMember& op, Undo& undo);
  bool put(const DropSession& op, Undo& undo);
  bool put(const PutAnswer& op, Undo& undo);
  bool put(const PutDocument& op, Undo& undo);
  bool put(const PutNote& op, Undo& undo);
  // Null: there is none any more. These keep `members_of` and `sessions_of` true.
  void set_member(const std::string& key, std::shared_ptr<const MemberRecord> record);
  void set_session(const std::string& id, std::shared_ptr<const SessionRecord> record);
  // Keeps `by_age` true.
  void set_head(const std::string& key, PacketRow& row, PacketPtr head);
  void add_event(bool is_packet, const std::string& key, const HistoryEntry& entry);
  void bury(const std::string& key, const SweepLimits& limits);
  uint64_t forget(const std::string& key, uint64_t most);
  void drop_event(uint64_t seq);
};

}  // namespace phoenix
