#include "store/sqlite/sweeper.h"

#include <sqlite3.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "packet/encoding.h"
#include "store/rows.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/writer.h"

namespace phoenix::sqlite {
namespace {

constexpr const char* kPastTime =
    "SELECT num, key, state, head FROM packet WHERE gone IS NULL AND due IS NOT NULL AND due <= ?1"
    " ORDER BY due LIMIT ?2";
constexpr const char* kPastTombstones =
    "SELECT num FROM packet WHERE gone = 1 AND due IS NOT NULL AND due <= ?1 ORDER BY due"
    " LIMIT ?2";

}  // namespace

template <class Bind>
int Sweeper::execute(const char* text, Bind bind) {
  auto statement = db_.prepare(text);
  if (!statement) return SQLITE_ERROR;
  bind(*statement);
  const int code = statement->run();
  if (code == SQLITE_OK) rows_ += static_cast<uint64_t>(db_.changes());
  return code;
}

int Sweeper::run(uint64_t excess) {
  int code = bury(kPastTime, limits_.now, left());
  const uint64_t buried = std::accumulate(buried_.begin(), buried_.end(), uint64_t{0});
  excess = excess > buried ? excess - buried : 0;
  if (code == SQLITE_OK && excess > 0) code = bury(kPastTime, INT64_MAX, std::min(excess, left()));
  if (code == SQLITE_OK) code = forget_tombstones();
  if (code == SQLITE_OK) code = forget_answers();
  if (code == SQLITE_OK) code = forget_documents();
  if (code == SQLITE_OK) code = forget_member_events();
  if (code == SQLITE_OK) code = forget_entries();
  return code;
}

int Sweeper::bury(const char* which, int64_t due, uint64_t most) {
  auto chosen = db_.prepare(which);
  if (!chosen) return SQLITE_ERROR;
  std::vector<Row> found;
  chosen->integer(1, due).integer(2, static_cast<int64_t>(most));
  int code = chosen->step();
  for (; code == SQLITE_ROW; code = chosen->step()) {
    found.push_back({chosen->integer_at(0), std::string(chosen->text_at(1)),
                     status_of_row(chosen->integer_at(2)), std::string(chosen->blob_at(3))});
  }
  if (code != SQLITE_DONE) return code;
  for (const Row& row : found) {
    if (code = bury_one(row); code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

// A head that cannot be read is buried too: nothing else would ever end it.
int Sweeper::bury_one(const Row& row) {
  Tombstone tombstone;
  tombstone.key = PacketKey::from_text(row.key);
  tombstone.status = row.status;
  if (auto head = decode_head(row.head)) {
    tombstone.created_at = head->created_at;
    tombstone.ended_at = head->ended_at;
    if (head->spec) tombstone.create_digest = head->spec->create_digest;
  }
  const std::string form = encode_tombstone(tombstone);
  const int64_t due = limits_.now + limits_.tombstone_ms;
  int code = execute("UPDATE packet SET gone = 1, owner = NULL, due = ?2, head = ?3 WHERE num = ?1",
                     [&](Statement& it) { it.integer(1, row.num).integer(2, due).blob(3, form); });
  for (int kind = 0; code == SQLITE_OK && kind < kContentKinds; ++kind) {
    const uint64_t counted = rows_;
    code = execute(sql::kDropContent,
                   [&](Statement& it) { it.integer(1, content_id(row.num, kind)); });
    rows_ = counted;
  }
  if (code == SQLITE_OK) ++buried_[static_cast<size_t>(row.status)];
  return code;
}

int Sweeper::forget_tombstones() {
  auto chosen = db_.prepare(kPastTombstones);
  if (!chosen) return SQLITE_ERROR;
  chosen->integer(1, limits_.now).integer(2, static_cast<int64_t>(left()));
  std::vector<int64_t> found;
  int code = chosen->step();
  for (; code == SQLITE_ROW; code = chosen->step()) found.push_back(chosen->integer_at(0));
  if (code != SQLITE_DONE) return code;
  code = SQLITE_OK;
  for (size_t i = 0; code == SQLITE_OK && i < found.size() && left() > 0; ++i) {
    code = forget_one(found[i]);
  }
  return code;
}

// Its events first, for as long as the bound lasts; the row itself when none is left.
int Sweeper::forget_one(int64_t num) {
  auto events = db_.prepare("SELECT seq FROM event WHERE packet = ?1 ORDER BY seq LIMIT ?2");
  if (!events) return SQLITE_ERROR;
  events->integer(1, num).integer(2, static_cast<int64_t>(left()));
  int code = drop_events(*events);
  if (code != SQLITE_OK || left() == 0) return code;
  return execute("DELETE FROM packet WHERE num = ?1", [&](Statement& it) { it.integer(1, num); });
}

int Sweeper::drop_events(Statement& chosen) {
  std::vector<int64_t> found;
  int code = chosen.step();
  for (; code == SQLITE_ROW; code = chosen.step()) found.push_back(chosen.integer_at(0));
  if (code != SQLITE_DONE) return code;
  code = SQLITE_OK;
  for (size_t i = 0; code == SQLITE_OK && i < found.size(); ++i) {
    floor_ = std::max(floor_, static_cast<uint64_t>(found[i]));
    code = execute("DELETE FROM event WHERE seq = ?1",
                   [&](Statement& it) { it.integer(1, found[i]); });
  }
  return code;
}

int Sweeper::forget_answers() {
  return execute(
      "DELETE FROM answer WHERE rowid IN (SELECT rowid FROM answer WHERE expires_at <= ?1"
      " ORDER BY expires_at LIMIT ?2)",
      [&](Statement& it) { it.integer(1, limits_.now).integer(2, static_cast<int64_t>(left())); });
}

int Sweeper::forget_documents() {
  return execute(
      "DELETE FROM document WHERE rowid IN (SELECT rowid FROM document WHERE over < ?1"
      " ORDER BY over LIMIT ?2)",
      [&](Statement& it) {
        it.integer(1, limits_.now - kDeletedApprovalMs).integer(2, static_cast<int64_t>(left()));
      });
}

int Sweeper::forget_member_events() {
  auto events = db_.prepare(
      "SELECT seq FROM event WHERE member IS NOT NULL AND at < ?1 ORDER BY at LIMIT ?2");
  if (!events) return SQLITE_ERROR;
  events->integer(1, limits_.now - limits_.tombstone_ms);
  events->integer(2, static_cast<int64_t>(left()));
  return drop_events(*events);
}

int Sweeper::forget_entries() {
  int code = SQLITE_OK;
  for (const auto& [log, until] : limits_.recorded_until) {
    if (code != SQLITE_OK) break;
    code = execute(
        "DELETE FROM entry WHERE seq IN (SELECT seq FROM entry WHERE seq <= ?1 ORDER BY seq"
        " LIMIT ?2)",
        [&](Statement& it) {
          it.integer(1, static_cast<int64_t>(until)).integer(2, static_cast<int64_t>(left()));
        });
  }
  return code;
}

}  // namespace phoenix::sqlite
