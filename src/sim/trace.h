// Everything that went into the node and came out of it, as one line each and as one running hash.
// Equal hashes mean equal runs (invariant I7). Lines are kept only on demand: they are long.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/time.h"
#include "node/node.h"

namespace phoenix::sim {

class Trace {
 public:
  // print: every line to stdout as it comes.
  explicit Trace(bool print) : print_(print) {}

  void line(Instant now, std::string_view text);
  uint64_t hash() const { return hash_; }
  uint64_t lines() const { return lines_; }
  // The newest lines, oldest first: what led to a violation.
  const std::deque<std::string>& newest() const { return newest_; }

 private:
  bool print_;
  uint64_t hash_ = 0x50686f656e697846;
  uint64_t lines_ = 0;
  std::deque<std::string> newest_;
};

// One line each, with everything that decisions rest on.
std::string describe(const Command& command);
std::string describe(const ReplyBody& reply);
std::string describe(const DeliveriesReply& reply);
std::string describe(const Group& group);

}  // namespace phoenix::sim
