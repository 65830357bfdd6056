// What a link has to send: three lines of messages, one for each urgency, that share one stream of
// frames, and before all of them the link's own frames. See link.h for the order that it keeps.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "peer/frame.h"
#include "peer/link.h"

namespace phoenix::peer {

class SendQueue {
 public:
  explicit SendQueue(const std::array<size_t, kUrgencies>& bounds) : bounds_(bounds) {}

  // The link's own frames, small and few: the caller bounds them.
  void add_control(FrameKind kind, std::string_view payload);
  // False, and nothing is taken, while `bounds` bytes wait in that line. kLast and kPart are told
  // apart here; `kind` is kLast (cut as needed), or kForward and kPassed, which fit in one frame.
  bool add(FrameKind kind, std::string bytes, Urgency urgency);
  // What add() would say, with the same consequence.
  bool takes(Urgency urgency);
  // Appends the next frame.
  void take(std::string& into);
  bool empty() const;
  void clear();

  size_t queued(Urgency urgency) const { return lines_[static_cast<size_t>(urgency)].bytes; }
  // True once after add() was refused, when half of that line's bound is free again.
  bool takes_again(Urgency urgency);

 private:
  struct Item {
    FrameKind kind;
    std::string bytes;
    size_t sent = 0;
  };
  struct Line {
    std::deque<Item> items;
    size_t bytes = 0;      // of the items, not sent yet, and their cost
    size_t overtaken = 0;  // bytes of more urgent lines since it had its turn
    bool refused = false;
  };

  std::array<size_t, kUrgencies> bounds_;
  std::array<Line, kUrgencies> lines_;
  std::string control_;
};

}  // namespace phoenix::peer
