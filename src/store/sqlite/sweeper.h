// One bounded sweep within an open transaction: content of terminal packets past their time becomes
// a tombstone, old tombstones, answers and events of members go.
#pragma once

#include <cstdint>
#include <string>

#include "store/sqlite/connection.h"
#include "store/store.h"

namespace phoenix::sqlite {

class Sweeper {
 public:
  Sweeper(Connection& db, const SweepLimits& limits) : db_(db), limits_(limits) {}

  // `excess` terminal packets more than may be kept. SQLite's code.
  int run(uint64_t excess);

  uint64_t rows() const { return rows_; }
  const EndedCounts& buried() const { return buried_; }
  // Newest sequence among the events dropped; 0: none was.
  uint64_t events_floor() const { return floor_; }

 private:
  uint64_t left() const { return limits_.max_rows > rows_ ? limits_.max_rows - rows_ : 0; }
  int bury(const char* which, int64_t due, uint64_t most);
  struct Row {
    int64_t num;
    std::string key;
    Status status;
    std::string head;
  };
  int bury_one(const Row& row);
  int forget_tombstones();
  int forget_one(int64_t num);
  int forget_answers();
  int forget_documents();
  int forget_member_events();
  int forget_entries();
  int drop_events(Statement& chosen);
  // Prepares, lets `bind` bind, runs, and counts the rows it touched.
  template <class Bind>
  int execute(const char* text, Bind bind);

  Connection& db_;
  const SweepLimits& limits_;
  uint64_t rows_ = 0;
  EndedCounts buried_{};
  uint64_t floor_ = 0;
};

}  // namespace phoenix::sqlite
