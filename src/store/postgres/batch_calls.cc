#include "store/postgres/batch_calls.h"

#include <functional>
#include <optional>
#include <utility>

#include "packet/encoding.h"
#include "store/postgres/statements.h"
#include "store/rows.h"

namespace phoenix::postgres {
namespace {

using enum ElementType;

// One statement carries at most so much of contents: a batch may hold more than the server takes
// as one value.
constexpr size_t kContentBytes = size_t{8} << 20;

// Columns hold what packets carry, which is handed on and not copied.
using ColumnRefs = std::initializer_list<std::reference_wrapper<Column>>;

void add(std::vector<Call>& calls, const Statement& statement, ColumnRefs rows) {
  if (rows.begin()->get().size() == 0) return;
  Call& call = calls.emplace_back(Call{&statement, {}});
  for (Column& column : rows) call.arguments.column(std::move(column));
}

// The columns that a new packet and a changed one have both.
struct PacketColumns {
  Column key{kText}, state{kSmall}, owner{kText}, owner_incarnation{kInteger}, epoch{kInteger},
      revision{kInteger}, due{kInteger}, head{kBytes};

  void add(const Packet& packet) {
    key.text(packet.key.text());
    state.integer(stored_state(packet.status));
    if (packet.owner) {
      owner.text(MemberKey(packet.key.ns(), packet.owner->id).text());
      owner_incarnation.number(packet.owner->incarnation);
    } else {
      owner.null();
      owner_incarnation.null();
    }
    epoch.number(packet.epoch);
    revision.number(packet.revision);
    if (is_terminal(packet.status)) {
      due.integer(content_due(packet));
    } else {
      due.null();
    }
    head.bytes(encode_head(packet));
  }
};

void add_packets(std::vector<Call>& calls, const Folded& folded) {
  PacketColumns fresh;
  Column slot(kSmall);
  Column created_at(kInteger);
  PacketColumns changed;
  Column was_epoch(kInteger);
  Column was_revision(kInteger);
  for (const auto& [key, change] : folded.packets) {
    const Packet& head = *change.last->head;
    if (change.before.exists) {
      changed.add(head);
      was_epoch.number(change.before.epoch);
      was_revision.number(change.before.revision);
    } else {
      fresh.add(head);
      slot.integer(slot_of(head.point));
      created_at.integer(head.created_at);
    }
  }
  add(calls, sql::kInsertPackets,
      {fresh.key, slot, fresh.state, fresh.owner, fresh.owner_incarnation, fresh.epoch,
       fresh.revision, created_at, fresh.due, fresh.head});
  add(calls, sql::kUpdatePackets,
      {changed.key, was_epoch, was_revision, changed.state, changed.owner,
       changed.owner_incarnation, changed.epoch, changed.revision, changed.due, changed.head});
}

struct ContentColumns {
  Column packet{kText}, kind{kSmall}, is_json{kBoolean}, type{kText}, data{kBytes};
  size_t bytes = 0;

  void add(std::string_view key, const ContentWrite& write) {
    packet.text(key);
    kind.integer(static_cast<int64_t>(write.kind));
    is_json.integer(write.content->is_json ? 1 : 0);
    type.text(write.content->type);
    data.bytes(write.content->data);
    bytes += write.content->data.size();
  }
};

void add_contents(std::vector<Call>& calls, const Folded& folded) {
  ContentColumns put;
  Column dropped(kText);
  Column dropped_kind(kSmall);
  const auto flush = [&] {
    add(calls, sql::kPutContents, {put.packet, put.kind, put.is_json, put.type, put.data});
    put = {};
  };
  for (const auto& [key, change] : folded.packets) {
    for (const ContentWrite* write : change.contents) {
      if (write == nullptr) continue;
      if (!write->content) {
        dropped.text(key);
        dropped_kind.integer(static_cast<int64_t>(write->kind));
        continue;
      }
      if (put.bytes > 0 && put.bytes + write->content->data.size() > kContentBytes) flush();
      put.add(key, *write);
    }
  }
  flush();
  add(calls, sql::kDropContents, {dropped, dropped_kind});
}

void add_events(std::vector<Call>& calls, const Folded& folded, const HostLife& self) {
  if (folded.events.empty()) return;
  Column key(kText), of_member(kBoolean), at(kInteger), epoch(kInteger), revision(kInteger),
      event(kText), owner(kText), from(kText), to(kText), reason(kText);
  for (const NewEvent& row : folded.events) {
    const HistoryEntry& entry = *row.entry;
    key.text(row.key);
    of_member.integer(row.of_member ? 1 : 0);
    at.integer(entry.at);
    epoch.number(entry.epoch);
    revision.number(entry.revision);
    event.text(entry.event);
    owner.optional_text(entry.owner);
    from.optional_text(entry.from);
    to.optional_text(entry.to);
    reason.optional_text(entry.reason);
  }
  Call& call = calls.emplace_back(Call{&sql::kPutEvents, {}});
  call.arguments.text(self.host).number(self.life).number(folded.events.size());
  for (Column* column :
       {&key, &of_member, &at, &epoch, &revision, &event, &owner, &from, &to, &reason}) {
    call.arguments.column(std::move(*column));
  }
}

void add_entries(std::vector<Call>& calls, const Folded& folded, const HostLife& self) {
  Column number(kInteger);
  Column bytes(kBytes);
  for (size_t i = 0; i < folded.events.size(); ++i) {
    const std::string& recorded = folded.events[i].entry->recorded;
    if (recorded.empty()) continue;
    number.number(i + 1);
    bytes.bytes(recorded);
  }
  if (number.size() == 0) return;
  Call& call = calls.emplace_back(Call{&sql::kPutEntries, {}});
  call.arguments.text(self.host).number(self.life).number(folded.events.size());
  call.arguments.column(std::move(number)).column(std::move(bytes));
}

struct MemberColumns {
  Column key{kText}, was{kInteger}, revision{kInteger}, incarnation{kInteger}, state{kSmall},
      session{kText}, record{kBytes};

  void add(std::string_view of, uint64_t before, const MemberRecord& it) {
    key.text(of);
    was.number(before);
    revision.number(it.revision);
    incarnation.number(it.incarnation);
    state.integer(static_cast<int64_t>(it.status));
    session.text(it.session);
    record.bytes(encode_member(it));
  }
};

struct SessionColumns {
  Column key{kText}, was{kInteger}, revision{kInteger}, state{kSmall}, home{kText},
      home_life{kInteger}, ended_at{kInteger}, record{kBytes};

  void add(std::string_view of, uint64_t before, const SessionRecord& it) {
    key.text(of);
    was.number(before);
    revision.number(it.revision);
    state.integer(static_cast<int64_t>(it.state));
    home.text(it.home.host);
    home_life.number(it.home.life);
    ended_at.integer(it.ended_at);
    record.bytes(encode_session(it));
  }
};

// Sorts the changes of records: made, changed, dropped. A record that was made and dropped within
// the batch is made and dropped here too, since it must not have been there.
template <class Columns, class Record>
struct RecordColumns {
  Columns made, changed;
  Column dropped{kText}, dropped_was{kInteger};

  explicit RecordColumns(const std::map<std::string_view, RecordChange<Record>>& changes) {
    for (const auto& [key, change] : changes) {
      if (change.last == nullptr) {
        dropped.text(key);
        dropped_was.number(change.before);
      }
      if (change.before == 0) {
        made.add(key, 0, change.last != nullptr ? *change.last : Record{});
      } else if (change.last != nullptr) {
        changed.add(key, change.before, *change.last);
      }
    }
  }
};

void add_members(std::vector<Call>& calls, const Folded& folded) {
  RecordColumns<MemberColumns, MemberRecord> rows(folded.members);
  MemberColumns& made = rows.made;
  MemberColumns& changed = rows.changed;
  add(calls, sql::kInsertMembers,
      {made.key, made.revision, made.incarnation, made.state, made.session, made.record});
  add(calls, sql::kUpdateMembers,
      {changed.key, changed.was, changed.revision, changed.incarnation, changed.state,
       changed.session, changed.record});
  add(calls, sql::kDropMembers, {rows.dropped, rows.dropped_was});
}

void add_sessions(std::vector<Call>& calls, const Folded& folded, const HostLife& self) {
  RecordColumns<SessionColumns, SessionRecord> rows(folded.sessions);
  SessionColumns& made = rows.made;
  SessionColumns& changed = rows.changed;
  add(calls, sql::kInsertSessions,
      {made.key, made.revision, made.state, made.home, made.home_life, made.ended_at, made.record});
  if (changed.key.size() > 0 && !self.empty()) {
    Call& call = calls.emplace_back(Call{&sql::kNoteLeft, {}});
    call.arguments.text(self.host).number(self.life);
    call.arguments.column(changed.key).column(changed.was).column(changed.revision);
  }
  add(calls, sql::kUpdateSessions,
      {changed.key, changed.was, changed.revision, changed.state, changed.home, changed.home_life,
       changed.ended_at, changed.record});
  add(calls, sql::kDropSessions, {rows.dropped, rows.dropped_was});
}

void add_documents(std::vector<Call>& calls, const Folded& folded) {
  if (folded.documents.empty()) return;
  struct Columns {
    Column key{kText}, was{kInteger}, revision{kInteger}, over{kInteger}, record{kBytes};
  };
  Columns made;
  Columns changed;
  for (const auto& [key, change] : folded.documents) {
    const Document& document = *change.last;
    Columns& rows = change.before == 0 ? made : changed;
    rows.key.text(key);
    rows.was.number(change.before);
    rows.revision.number(document.revision);
    if (may_forget(document)) {
      rows.over.integer(document.changed_at);
    } else {
      rows.over.null();
    }
    rows.record.bytes(encode_document(document));
  }
  add(calls, sql::kInsertDocuments, {made.key, made.revision, made.over, made.record});
  add(calls, sql::kUpdateDocuments,
      {changed.key, changed.was, changed.revision, changed.over, changed.record});
  calls.push_back({&sql::kCountDocuments, {}});
  calls.back().arguments.number(folded.documents.size());
}

void add_answers(std::vector<Call>& calls, const Folded& folded) {
  Column scope(kBytes), request(kBytes), expires_at(kInteger), answer(kBytes);
  for (const auto& [key, put] : folded.answers) {
    scope.bytes(bytes_of(put->scope));
    request.bytes(bytes_of(put->request));
    expires_at.integer(put->expires_at);
    answer.bytes(put->answer);
  }
  add(calls, sql::kPutAnswers, {scope, request, expires_at, answer});
}

}  // namespace

int64_t stored_state(Status status) {
  return static_cast<int64_t>(status == Status::kRunning ? Status::kAssigned : status);
}

std::vector<Call> batch_calls(const Folded& folded, const HostLife& self, uint64_t batch_id,
                              const std::vector<uint64_t>& settled) {
  std::vector<Call> calls;
  calls.push_back({&sql::kHold, {}});
  calls.back().arguments.text(self.host).number(self.life).number(folded.events.size());
  calls.push_back({&sql::kPutBatch, {}});
  calls.back().arguments.number(self.life).number(batch_id);
  add_packets(calls, folded);
  add_contents(calls, folded);
  add_events(calls, folded, self);
  add_entries(calls, folded, self);
  add_members(calls, folded);
  add_sessions(calls, folded, self);
  add_documents(calls, folded);
  add_answers(calls, folded);
  if (folded.incarnation_floor > 0) {
    calls.push_back({&sql::kRaiseFloor, {}});
    calls.back().arguments.number(folded.incarnation_floor);
  }
  if (!settled.empty()) {
    Column ids(kInteger);
    for (const uint64_t id : settled) ids.number(id);
    calls.push_back({&sql::kPruneBatches, {}});
    calls.back().arguments.number(self.life).column(ids);
  }
  return calls;
}

}  // namespace phoenix::postgres
