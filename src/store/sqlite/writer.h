// The writing side: turns the operations of a group into statements within an open transaction.
// Knows nothing of transactions beyond the savepoint that keeps a group whole.
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

namespace phoenix::sqlite {

// A packet's state as a row has it. A damaged row's is taken for COMPLETED, so that whatever is
// counted by state stays within its bounds.
inline Status status_of_row(int64_t state) {
  return state >= 0 && state < kStatuses ? static_cast<Status>(state) : Status::kCompleted;
}

enum class Applied : uint8_t { kDone, kConflict, kFailed };

class Writer {
 public:
  // Prepares every statement, reads the counters. `db` outlives the writer.
  static Result<std::unique_ptr<Writer>> create(Connection& db);

  // kFailed: code() says why; the transaction is to be rolled back.
  Applied apply(const Group& group);
  int insert_batch(uint64_t id, int kind);
  int prune_batch(uint64_t id) { return prune_batch_.integer(1, as_signed(id)).run(); }
  int put_fact(std::string_view name, std::string_view value);
  int begin() { return begin_.run(); }
  int commit() { return commit_.run(); }

  // The counters grow with apply(); rollback() takes them back to the last settle().
  void settle() { settled_ = now_; }
  void rollback() { now_ = settled_; }

  int code() const { return code_; }
  uint64_t last_seq() const { return settled_.last_seq; }
  // Terminal packets that still have their content.
  const EndedCounts& ended() const { return settled_.ended; }
  // The greatest incarnation among the members that were dropped.
  uint64_t incarnation_floor() const { return settled_.incarnation_floor; }
  void forget_ended(const EndedCounts& buried);

 private:
  struct Counters {
    uint64_t last_seq = 0;
    EndedCounts ended{};
    uint64_t incarnation_floor = 0;
  };

  explicit Writer(Connection& db) : db_(db) {}
  static int64_t as_signed(uint64_t value) { return static_cast<int64_t>(value); }
  static uint64_t as_unsigned(int64_t value) { return static_cast<uint64_t>(value); }
  Result<bool> prepare();
  Result<bool> count();
  Result<bool> count_ended();
  Applied apply_whole(const Group& group);
  Applied run_op(const Op& op);
  Applied put(const PutPacket& op);
  Applied put(const PutMember& op);
  Applied put(const PutSession& op);
  Applied put(const DropMember& op);
  Applied put(const DropSession& op);
  Applied put(const PutDocument& op);
  Applied put(const PutAnswer& op);
  Applied answer_is_free(const PutAnswer& op);
  Applied put(const PutNote& op);
  Applied create_packet(const PutPacket& op, int64_t* num);
  Applied replace_packet(const PutPacket& op, int64_t* num);
  Applied put_contents(const PutPacket& op, int64_t num);
  Applied add_event(int64_t packet, std::string_view member, const HistoryEntry& entry);
  // kDone if the statement succeeded and touched a row, kConflict if it touched none.
  Applied touched(int code);
  Applied finished(int code);

  Connection& db_;
  Counters now_;
  Counters settled_;
  int code_ = 0;
  Statement begin_, commit_, savepoint_, release_, rollback_to_;
  Statement insert_batch_, prune_batch_;
  Statement insert_packet_, find_packet_, update_state_, update_head_;
  Statement put_content_, drop_content_, insert_event_, insert_entry_;
  Statement insert_member_, update_member_, drop_member_;
  Statement insert_session_, update_session_, drop_session_;
  Statement insert_document_, update_document_;
  Statement put_answer_, find_answer_, put_fact_;
};

}  // namespace phoenix::sqlite
