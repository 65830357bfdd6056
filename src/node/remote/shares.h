// The room of one member for which keepers on several hosts wait. Its home gives each of them a
// share: as long as a keeper fills no more than that, no packet of its is turned away. A keeper
// fills its share again by itself, without asking, when one of its packets ends. What somebody
// leaves unused goes on to another, and who has much gives to who has little. Pure; for one member.
#pragma once

#include <cstdint>
#include <vector>

#include "base/host_life.h"
#include "base/time.h"

namespace phoenix {

class Shares {
 public:
  // Longer than the way of a placement through the store, as a rule: what is unused for two of them
  // goes on.
  static constexpr Duration kTurn = milliseconds(40);

  struct Holding {
    HostLife keeper;
    uint32_t held = 0;  // load that the member has of its packets
  };

  // What each keeper may hold, so much as it holds already, and who may have the rest in turn. To
  // be called each kTurn. most: the member's room. holdings: each host of the view once.
  void turn(uint32_t most, const std::vector<Holding>& holdings, Instant now);
  // Between turns: what is held has changed. Work may be shorter than a turn.
  void saw(const std::vector<Holding>& holdings);

  // 0 for who was not named.
  uint32_t of(const HostLife& keeper) const;
  // At most one keeper has lately wanted room: there is nothing to share.
  bool over() const;

 private:
  struct Part {
    HostLife keeper;
    uint32_t share = 0;
    uint32_t held = 0;
    uint32_t peak = 0;   // the most that was held since the last turn
    uint32_t idle = 0;   // of the share, unused all the time before the last turn
    Instant sated = {};  // has left room unused: gets none until then
  };

  void match(const std::vector<Holding>& holdings);
  void pass_on();
  void even_out();
  // Who has least among those that want some, in turn; parts_.size(): nobody.
  size_t neediest(size_t but) const;
  void give(uint32_t load, size_t but);

  std::vector<Part> parts_;
  uint32_t most_ = 0;
  Instant now_;      // of the last turn
  size_t next_ = 0;  // whose turn it is among equals
  Instant even_at_;  // the earliest next evening out
};

}  // namespace phoenix
