// The user events of late, so that each is taken once however often it comes, and so that a host
// that missed some gets them by push/pull. Slots by Lamport time, as Serf has them: a new time
// takes the place of the one 512 before it, and what is older than that is never taken again.
//
// Bounded by bytes too: when room is needed, the oldest times are let go, and from then on what is
// not newer than they is as good as seen.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "membership/wire/serf_messages.h"

namespace phoenix::gossip {

// What a log says of what it is asked to add.
enum class Novelty : uint8_t { kNew, kSeen, kTooOld, kNoRoom };

class EventLog {
 public:
  static constexpr size_t kSlots = 512;
  static constexpr size_t kMostAtOnce = 256;             // of one Lamport time
  static constexpr size_t kMostBytes = 1u << 20;         // of all, bookkeeping included
  static constexpr size_t kLongest = size_t{9} * 1'024;  // name and payload together

  // `time` is the event clock, which has witnessed the event.
  Novelty add(const UserEvent& event, LamportTime time);
  // Whatever is older than `floor` is too old from now on.
  void ignore_before(LamportTime floor);
  // All that it holds, as views into it.
  std::vector<SerfState::EventsAt> list() const;
  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string text;  // the name, then the payload
    size_t name_size = 0;
    std::string_view name() const { return std::string_view(text).substr(0, name_size); }
    std::string_view payload() const { return std::string_view(text).substr(name_size); }
  };
  struct Slot {
    LamportTime ltime = 0;  // 0: free
    std::vector<Entry> entries;
  };

  bool make_room(size_t bytes, LamportTime ltime);
  void clear(Slot& slot);

  std::vector<Slot> slots_;  // none before the first event: most hosts never see one
  LamportTime floor_ = 0;
  size_t bytes_ = 0;
};

}  // namespace phoenix::gossip
