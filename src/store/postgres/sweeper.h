// What goes when its time is over, in small steps over a connection of its own: content of terminal
// packets, tombstones with their events, answers, events of members, and what lives that are fenced
// have left. Any host may sweep, one does at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/postgres/connection.h"
#include "store/store.h"

namespace phoenix::postgres {

// Answered by ended_in().
inline constexpr Statement kCountEnded = {
    "count_ended",
    "SELECT state, count(*) FROM packet WHERE due IS NOT NULL AND NOT gone GROUP BY state"};
EndedCounts ended_in(const Rows& rows);
// Terminal packets that still have their content, by status. Reads an index through.
Result<EndedCounts> count_ended(Connection& connection);

class Sweeper {
 public:
  static Result<std::unique_ptr<Sweeper>> open(const PostgresOptions& options);
  bool broken() const { return connection_->broken(); }
  // Nothing is swept while another host sweeps.
  Result<Swept> run(const SweepLimits& limits);

 private:
  struct Row {
    std::string key;
    int64_t revision = 0;
    Status status = Status::kCompleted;
    std::string head;
  };
  Sweeper(std::unique_ptr<Connection> connection, Duration patience)
      : connection_(std::move(connection)), patience_(patience) {}
  uint64_t left() const {
    return limits_.max_rows > swept_.rows ? limits_.max_rows - swept_.rows : 0;
  }
  Result<Rows> ask(const Statement& statement, Arguments arguments);
  // Adds the number that the statement answers to the rows touched.
  Result<uint64_t> drop(const Statement& statement, Arguments arguments);
  Result<bool> sweep();
  Result<uint64_t> excess();
  Result<bool> bury(int64_t due, uint64_t most);
  Result<bool> forget_tombstones();

  std::unique_ptr<Connection> connection_;
  Duration patience_;
  SweepLimits limits_;
  Swept swept_;
  // Counting reads an index through, so it is done only when there may be too many: no more packets
  // can have ended since the last count than there were events.
  uint64_t kept_ = 0;
  uint64_t events_at_count_ = 0;
  bool counted_ = false;
};

}  // namespace phoenix::postgres
