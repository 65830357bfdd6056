// The room of one member for which keepers on several hosts wait. Its home gives each of them a
// share: as long as a keeper fills no more than that, no packet of its is turned away. A keeper
// fills its share again by itself, without asking, when one of its packets ends. What somebody
// leaves unused goes on to another, and who has much gives to who has little.
//
// A placement is on its way to the store for as long as that takes, and the home hears of it only
// then. So a share that has become less is not given on before its keeper has said what it has
// given by then. Pure; for one member. In a pool of a thousand hosts nearly all keepers hold
// nothing of it and are offered nothing just now: one of them takes eight bytes, and a turn goes
// through the others alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/host_life.h"
#include "base/time.h"

namespace phoenix {

// Where it is in an ordered list; nothing: it is not.
std::optional<size_t> place_in(const std::vector<HostLife>& hosts, const HostLife& host);

class Shares {
 public:
  // Of a share, what is unused for two of them is doubted.
  static constexpr Duration kTurn = milliseconds(40);
  // Who does not answer for so long is cut off, and what it has given was not heard of.
  static constexpr Duration kPatience = seconds(2);

  // The hosts of the view, in their order. All members of a node have one list, and another one
  // where the view has changed.
  using Keepers = std::shared_ptr<const std::vector<HostLife>>;
  struct Holding {
    HostLife keeper;
    uint32_t held = 0;  // load that the member has of its packets
  };

  // told: its keepers may have been told that all of its room is theirs.
  explicit Shares(bool told = true) : told_(told) {}

  // What each keeper may hold, so much as it holds already, and who may have the rest in turn. To
  // be called each kTurn. most: the member's room. holdings: who holds something, each once; who is
  // not in the view does not count.
  void turn(uint32_t most, const Keepers& keepers, const std::vector<Holding>& holdings,
            Instant now);
  // Between turns: what is held has changed. Work may be shorter than a turn.
  void saw(const std::vector<Holding>& holdings);
  // Who is to be told of its share and asked what it has given, since the last call of this.
  std::vector<HostLife> to_ask();
  // Its answer. Each question has one, unless that is lost.
  void answered(const HostLife& keeper, uint32_t given, Instant now);

  // 0 for who is not in the view.
  uint32_t of(const HostLife& keeper) const;
  // Whose share is not none.
  std::vector<HostLife> with_a_share() const;
  // At most one keeper has lately wanted room: there is nothing to share.
  bool over() const;

 private:
  using Place = uint32_t;  // in keepers_

  // Of a keeper with a share, or that holds or may hold something.
  struct Part {
    Place place = 0;
    uint32_t share = 0;
    uint32_t held = 0;
    uint32_t peak = 0;     // the most that was held since the last turn
    uint32_t idle = 0;     // of the share, unused all the time before the last turn
    bool doubted = false;  // whether it leaves room unused is asked
    bool to_ask = false;
    uint32_t given = 0;     // by its own word, if that is more than is held
    Instant given_at = {};  // when it said so
    uint32_t bound = 0;     // the most that it may have given, until it answers
    uint32_t asks = 0;      // without an answer
    Instant asked_at = {};  // the newest

    uint32_t taken() const;
    bool none() const;
  };

  std::optional<size_t> place_of(const HostLife& keeper) const;
  std::vector<Part>::const_iterator from(Place place) const;
  Part* find(Place place);
  const Part* find(Place place) const;
  Part& make(Place place);
  void match(const Keepers& keepers, const std::vector<Holding>& holdings);
  void note(Part& part, uint32_t held);
  void lower(Part& part, uint32_t share, uint32_t bound);
  void forget_late();
  void shrink();
  void pass_on();
  void sate(Part& part);
  void even_out();
  void hand_out();
  // Who has least among those that want some, in turn; the number of keepers: nobody.
  size_t neediest(size_t but) const;
  uint32_t wanting() const;

  bool told_;
  Keepers keepers_;
  std::vector<Instant> sated_;  // of each: has left room unused, gets none until then
  std::vector<Part> parts_;     // by place
  uint32_t most_ = 0;
  Instant now_;      // of the last turn or answer
  size_t next_ = 0;  // whose turn it is among equals
  Instant even_at_;  // the earliest next evening out
};

}  // namespace phoenix
