// Everything that went into the node and came out of it, as one line each and as one running hash.
// Equal hashes mean equal runs (invariant I7). Lines are kept only on demand: they are long.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "node/node.h"

namespace phoenix::sim {

class Trace {
 public:
  // print: every line to stdout as it comes.
  explicit Trace(bool print) : print_(print) {}

  void line(Instant now, std::string_view text) { line(now, std::span(&text, 1)); }
  // The same line in parts, one behind the other.
  void line(Instant now, std::span<const std::string_view> parts);
  uint64_t hash() const { return hash_; }
  uint64_t lines() const { return lines_; }
  // The newest lines, oldest first: what led to a violation.
  std::vector<std::string> newest() const;

 private:
  static constexpr size_t kNewest = 60;

  bool print_;
  uint64_t hash_ = 0x50686f656e697846;
  uint64_t lines_ = 0;
  std::array<std::string, kNewest> newest_;  // line i at i % kNewest, over an older one
};

// One line each, with everything that decisions rest on.
std::string describe(const Command& command);
std::string describe(const ReplyBody& reply);
std::string describe(const DeliveriesReply& reply);
std::string describe(const Group& group);

}  // namespace phoenix::sim
