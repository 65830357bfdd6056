// What a batch of groups comes to: which groups stand, and what is to become of each row. Groups
// see what stands before them in the batch, so one row may be changed several times; a database
// that takes a whole batch in a few statements wants each row once.
//
// What the rows are before the batch is known only from what an earlier try has read. Of any other
// row the first operation on it is believed; the transaction then compares, and where the belief
// was wrong it happens not at all, the rows are read, and the batch is folded again.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/store.h"

namespace phoenix::postgres {

struct PacketRow {
  bool exists = false;  // gone or not
  bool gone = false;
  uint64_t epoch = 0;
  uint64_t revision = 0;
};

// Rows as they were read; those that are not there have exists = false, or revision 0.
struct KnownRows {
  std::unordered_map<std::string, PacketRow> packets;
  std::unordered_map<std::string, uint64_t> members;  // revision
  std::unordered_map<std::string, uint64_t> sessions;
  std::unordered_map<std::string, uint64_t> documents;
  std::set<Digest> answers;  // those that are there
};

// Pointers go into the groups, which must live as long.
struct PacketChange {
  PacketRow before;
  PacketRow now;
  const PutPacket* last = nullptr;  // whose head it becomes
  std::array<const ContentWrite*, kContentKinds> contents{};
};
template <class Record>
struct RecordChange {
  uint64_t before = 0;  // revision; 0: no row
  uint64_t now = 0;
  const Record* last = nullptr;  // null: dropped
};
struct NewEvent {
  std::string_view key;
  bool of_member = false;
  const HistoryEntry* entry = nullptr;
};

struct Folded {
  std::vector<Outcome> outcomes;  // one a group: kCommitted, if the beliefs hold, or kConflict
  // In the order of their keys.
  std::map<std::string_view, PacketChange> packets;
  std::map<std::string_view, RecordChange<MemberRecord>> members;
  std::map<std::string_view, RecordChange<SessionRecord>> sessions;
  std::map<std::string, RecordChange<Document>> documents;
  std::map<Digest, const PutAnswer*> answers;
  std::vector<NewEvent> events;
  // What the events of members and documents point to.
  std::deque<HistoryEntry> of_members;
  uint64_t incarnation_floor = 0;  // of the members that are dropped
};

Folded fold(std::span<const Group> groups, const KnownRows& known);

}  // namespace phoenix::postgres
