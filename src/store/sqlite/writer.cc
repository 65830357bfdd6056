#include "store/sqlite/writer.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "packet/encoding.h"
#include "store/rows.h"
#include "store/sqlite/schema.h"

namespace phoenix::sqlite {
namespace {

// The greatest incarnation among the members that were dropped, as decimal text.
constexpr const char* kIncarnationFloor = "store.incarnation-floor";

Status stored_status(Status status) {
  return status == Status::kRunning ? Status::kAssigned : status;
}

void bind_owner(Statement& statement, int index, const Packet& head) {
  if (head.owner) {
    statement.text(index, head.owner->id);
  } else {
    statement.null(index);
  }
}

void bind_due(Statement& statement, int index, const Packet& head) {
  if (is_terminal(head.status)) {
    statement.integer(index, content_due(head));
  } else {
    statement.null(index);
  }
}

}  // namespace

Result<std::unique_ptr<Writer>> Writer::create(Connection& db) {
  std::unique_ptr<Writer> writer(new Writer(db));
  if (auto done = writer->prepare(); !done) return tl::unexpected(done.error());
  if (auto done = writer->count(); !done) return tl::unexpected(done.error());
  return writer;
}

Result<bool> Writer::prepare() {
  const std::pair<Statement*, const char*> all[] = {
      {&begin_, sql::kBegin},
      {&commit_, sql::kCommit},
      {&savepoint_, sql::kSavepoint},
      {&release_, sql::kRelease},
      {&rollback_to_, sql::kRollbackTo},
      {&insert_batch_, sql::kInsertBatch},
      {&prune_batch_, sql::kPruneBatch},
      {&insert_packet_, sql::kInsertPacket},
      {&find_packet_, sql::kFindPacket},
      {&update_state_, sql::kUpdateState},
      {&update_head_, sql::kUpdateHead},
      {&put_content_, sql::kPutContent},
      {&drop_content_, sql::kDropContent},
      {&insert_event_, sql::kInsertEvent},
      {&insert_entry_, sql::kInsertEntry},
      {&insert_member_, sql::kInsertMember},
      {&update_member_, sql::kUpdateMember},
      {&drop_member_, sql::kDropMember},
      {&insert_session_, sql::kInsertSession},
      {&update_session_, sql::kUpdateSession},
      {&drop_session_, sql::kDropSession},
      {&insert_document_, sql::kInsertDocument},
      {&update_document_, sql::kUpdateDocument},
      {&put_answer_, sql::kPutAnswer},
      {&find_answer_, sql::kFindAnswer},
      {&put_fact_, sql::kPutFact},
  };
  for (const auto& [statement, text] : all) {
    auto prepared = db_.prepare(text);
    if (!prepared) return tl::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return true;
}

Result<bool> Writer::count() {
  auto last = db_.pragma(
      "SELECT max(ifnull((SELECT max(seq) FROM event), 0),"
      " ifnull((SELECT max(seq) FROM entry), 0),"
      " ifnull((SELECT CAST(value AS INTEGER) FROM fact WHERE name = 'store.events-floor'), 0))");
  if (!last) return tl::unexpected(last.error());
  const auto floor = db_.pragma(
      "SELECT ifnull((SELECT CAST(value AS INTEGER) FROM fact"
      " WHERE name = 'store.incarnation-floor'), 0)");
  if (!floor) return tl::unexpected(floor.error());
  now_.last_seq = static_cast<uint64_t>(*last);
  now_.incarnation_floor = as_unsigned(*floor);
  if (auto counted = count_ended(); !counted) return counted;
  settle();
  return true;
}

// By indexes alone: packet_open knows the state of all but the COMPLETED ones, which are the rest.
Result<bool> Writer::count_ended() {
  auto kept = db_.pragma("SELECT count(*) FROM packet WHERE gone IS NULL");
  if (!kept) return tl::unexpected(kept.error());
  auto others = db_.prepare(
      "SELECT state, count(*) FROM packet WHERE state <> 3 AND gone IS NULL GROUP BY state");
  if (!others) return tl::unexpected(others.error());
  int64_t completed = *kept;
  now_.ended = {};
  int code = others->step();
  for (; code == SQLITE_ROW; code = others->step()) {
    const Status state = status_of_row(others->integer_at(0));
    if (state == Status::kCompleted) continue;
    completed -= others->integer_at(1);
    if (is_terminal(state)) {
      now_.ended[static_cast<size_t>(state)] = as_unsigned(others->integer_at(1));
    }
  }
  if (code != SQLITE_DONE) return fail(ErrorKind::kStoreUnreachable, db_.message(code));
  now_.ended[static_cast<size_t>(Status::kCompleted)] = as_unsigned(completed);
  return true;
}

void Writer::forget_ended(const EndedCounts& buried) {
  for (size_t i = 0; i < buried.size(); ++i) now_.ended[i] -= buried[i];
}

Applied Writer::touched(int code) {
  if (code != SQLITE_OK) return finished(code);
  return db_.changes() > 0 ? Applied::kDone : Applied::kConflict;
}

Applied Writer::finished(int code) {
  if (code == SQLITE_OK) return Applied::kDone;
  code_ = code;
  return Applied::kFailed;
}

// A savepoint costs copies of pages, so it is taken only where an operation after the first could
// find its expectation broken. Whether an answer stands, the last of nearly all groups with a key,
// is therefore looked up before anything is done.
Applied Writer::apply(const Group& group) {
  const auto is_answer = [](const Op& op) { return std::holds_alternative<PutAnswer>(op); };
  size_t answers = 0;
  for (const Op& op : group.ops) {
    const auto* answer = std::get_if<PutAnswer>(&op);
    if (answer == nullptr) continue;
    if (const Applied free = answer_is_free(*answer); free != Applied::kDone) return free;
    ++answers;
  }
  const bool alone =
      group.ops.size() < 2 ||
      (answers < 2 && std::all_of(group.ops.begin() + 1, group.ops.end(), is_answer));
  if (alone) return apply_whole(group);
  if (const int code = savepoint_.run(); code != SQLITE_OK) return finished(code);
  const Counters before = now_;
  const Applied applied = apply_whole(group);
  if (applied == Applied::kFailed) return applied;
  if (applied == Applied::kConflict) {
    now_ = before;
    if (const int code = rollback_to_.run(); code != SQLITE_OK) return finished(code);
  }
  if (const int code = release_.run(); code != SQLITE_OK) return finished(code);
  return applied;
}

Applied Writer::apply_whole(const Group& group) {
  for (const Op& op : group.ops) {
    const Applied applied = run_op(op);
    if (applied != Applied::kDone) return applied;
  }
  return Applied::kDone;
}

Applied Writer::run_op(const Op& op) {
  return std::visit([this](const auto& it) { return put(it); }, op);
}

Applied Writer::put(const PutPacket& op) {
  int64_t num = 0;
  const Applied head = op.expect_revision == 0 ? create_packet(op, &num) : replace_packet(op, &num);
  if (head != Applied::kDone) return head;
  const Applied contents = put_contents(op, num);
  if (contents != Applied::kDone) return contents;
  return add_event(num, {}, op.entry);
}

Applied Writer::create_packet(const PutPacket& op, int64_t* num) {
  const Packet& head = *op.head;
  const std::string bytes = encode_head(head);
  insert_packet_.text(1, head.key.text());
  insert_packet_.integer(2, static_cast<int64_t>(stored_status(head.status)));
  bind_owner(insert_packet_, 3, head);
  insert_packet_.integer(4, as_signed(head.epoch));
  insert_packet_.integer(5, as_signed(head.revision));
  insert_packet_.integer(6, head.created_at);
  bind_due(insert_packet_, 7, head);
  insert_packet_.blob(8, bytes);
  const Applied applied = touched(insert_packet_.run());
  if (applied != Applied::kDone) return applied;
  *num = db_.last_rowid();
  if (is_terminal(head.status)) ++now_.ended[static_cast<size_t>(head.status)];
  return applied;
}

Applied Writer::replace_packet(const PutPacket& op, int64_t* num) {
  const Packet& head = *op.head;
  const int code = find_packet_.text(1, head.key.text()).step();
  if (code == SQLITE_DONE) return Applied::kConflict;
  if (code != SQLITE_ROW) return finished(code);
  *num = find_packet_.integer_at(0);
  const auto epoch = static_cast<uint64_t>(find_packet_.integer_at(1));
  const auto revision = static_cast<uint64_t>(find_packet_.integer_at(2));
  const Status state = status_of_row(find_packet_.integer_at(3));
  const bool gone = !find_packet_.null_at(4);
  find_packet_.reset();
  if (gone || epoch != op.expect_epoch || revision != op.expect_revision) {
    return Applied::kConflict;
  }
  const Status next = stored_status(head.status);
  const std::string bytes = encode_head(head);
  if (state == next && !is_terminal(next)) {
    update_head_.integer(1, *num);
    bind_owner(update_head_, 2, head);
    update_head_.integer(3, as_signed(head.epoch)).integer(4, as_signed(head.revision));
    return finished(update_head_.blob(5, bytes).run());
  }
  update_state_.integer(1, *num).integer(2, static_cast<int64_t>(next));
  bind_owner(update_state_, 3, head);
  update_state_.integer(4, as_signed(head.epoch)).integer(5, as_signed(head.revision));
  bind_due(update_state_, 6, head);
  if (is_terminal(state)) --now_.ended[static_cast<size_t>(state)];
  if (is_terminal(next)) ++now_.ended[static_cast<size_t>(next)];
  return finished(update_state_.blob(7, bytes).run());
}

Applied Writer::put_contents(const PutPacket& op, int64_t num) {
  for (const ContentWrite& write : op.contents) {
    const int64_t id = content_id(num, static_cast<int>(write.kind));
    int code = SQLITE_OK;
    if (write.content) {
      put_content_.integer(1, id).integer(2, write.content->is_json ? 1 : 0);
      put_content_.text(3, write.content->type).blob(4, write.content->data);
      code = put_content_.run();
    } else {
      code = drop_content_.integer(1, id).run();
    }
    if (code != SQLITE_OK) return finished(code);
  }
  return Applied::kDone;
}

Applied Writer::add_event(int64_t packet, std::string_view member, const HistoryEntry& entry) {
  insert_event_.integer(1, as_signed(now_.last_seq + 1));
  if (packet != 0) {
    insert_event_.integer(2, packet).null(3);
  } else {
    insert_event_.null(2).text(3, member);
  }
  insert_event_.integer(4, entry.at).integer(5, as_signed(entry.epoch));
  insert_event_.integer(6, as_signed(entry.revision));
  insert_event_.text(7, entry.event).text(8, entry.owner).text(9, entry.from);
  insert_event_.text(10, entry.to).text(11, entry.reason);
  int code = insert_event_.run();
  if (code == SQLITE_OK && !entry.recorded.empty()) {
    insert_entry_.integer(1, as_signed(now_.last_seq + 1)).blob(2, entry.recorded);
    code = insert_entry_.run();
  }
  if (code == SQLITE_OK) ++now_.last_seq;
  return finished(code);
}

Applied Writer::put(const PutMember& op) {
  const MemberRecord& record = *op.record;
  const std::string bytes = encode_member(record);
  Statement& statement = op.expect_revision == 0 ? insert_member_ : update_member_;
  statement.text(1, record.key.text()).integer(2, as_signed(record.revision)).blob(3, bytes);
  if (op.expect_revision != 0) statement.integer(4, as_signed(op.expect_revision));
  const Applied applied = touched(statement.run());
  if (applied != Applied::kDone || op.event.empty()) return applied;
  return add_event(0, record.key.text(), member_entry(op));
}

Applied Writer::put(const PutSession& op) {
  const SessionRecord& record = *op.record;
  const std::string bytes = encode_session(record);
  Statement& statement = op.expect_revision == 0 ? insert_session_ : update_session_;
  statement.text(1, record.id).integer(2, as_signed(record.revision)).blob(3, bytes);
  if (op.expect_revision != 0) statement.integer(4, as_signed(op.expect_revision));
  return touched(statement.run());
}

Applied Writer::put(const DropMember& op) {
  drop_member_.text(1, op.key.text()).integer(2, as_signed(op.expect_revision));
  const Applied applied = touched(drop_member_.run());
  if (applied != Applied::kDone || op.incarnation <= now_.incarnation_floor) return applied;
  now_.incarnation_floor = op.incarnation;
  return finished(put_fact(kIncarnationFloor, std::to_string(op.incarnation)));
}

Applied Writer::put(const DropSession& op) {
  drop_session_.text(1, op.id).integer(2, as_signed(op.expect_revision));
  return touched(drop_session_.run());
}

Applied Writer::put(const PutAnswer& op) {
  put_answer_.blob(1, bytes_of(op.scope)).blob(2, bytes_of(op.request)).integer(3, op.expires_at);
  return touched(put_answer_.blob(4, op.answer).run());
}

Applied Writer::answer_is_free(const PutAnswer& op) {
  const int code = find_answer_.blob(1, bytes_of(op.scope)).step();
  find_answer_.reset();
  if (code == SQLITE_ROW) return Applied::kConflict;
  return finished(code == SQLITE_DONE ? SQLITE_OK : code);
}

Applied Writer::put(const PutDocument& op) {
  const Document& document = *op.document;
  const std::string bytes = encode_document(document);
  const std::string key = document.key.text();
  Statement& statement = op.expect_revision == 0 ? insert_document_ : update_document_;
  statement.text(1, key).integer(2, as_signed(document.revision));
  if (may_forget(document)) {
    statement.integer(3, document.changed_at);
  } else {
    statement.null(3);
  }
  statement.blob(4, bytes);
  if (op.expect_revision != 0) statement.integer(5, as_signed(op.expect_revision));
  const Applied applied = touched(statement.run());
  return applied == Applied::kDone ? add_event(0, key, document_entry(op)) : applied;
}

Applied Writer::put(const PutNote& op) {
  if (!op.is_packet) return add_event(0, op.key, op.entry);
  const int code = find_packet_.text(1, op.key).step();
  if (code == SQLITE_DONE) return Applied::kConflict;
  if (code != SQLITE_ROW) return finished(code);
  const int64_t num = find_packet_.integer_at(0);
  find_packet_.reset();
  return add_event(num, {}, op.entry);
}

int Writer::insert_batch(uint64_t id, int kind) {
  return insert_batch_.integer(1, as_signed(id)).integer(2, kind).run();
}

int Writer::put_fact(std::string_view name, std::string_view value) {
  return put_fact_.text(1, name).blob(2, value).run();
}

}  // namespace phoenix::sqlite
