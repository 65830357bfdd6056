// What the verification of an export found wrong, first of all where.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace phoenix::lineage {

// Where an entry stands: its log, its position there from 0, and the first checkpoint of the export
// that covers it (from 0). A checkpoint is one snapshot of all logs, so the order of two entries is
// known if they share a log, or have different checkpoints.
struct Place {
  uint32_t log = 0;
  uint64_t position = 0;
  uint64_t checkpoint = 0;
};

// Whether the first surely stands before the second.
constexpr bool surely_before(const Place& a, const Place& b) {
  return a.log == b.log ? a.position < b.position : a.checkpoint < b.checkpoint;
}

struct Fault {
  // What kind, the same word for the same fault for ever: "altered", "missing", "fork", …
  std::string code;
  std::string detail;          // a sentence for people
  std::optional<Place> place;  // absent where no entry is to blame
};
using Finding = std::optional<Fault>;

}  // namespace phoenix::lineage
