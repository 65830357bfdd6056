// What a host's own commits have added to its log. Whoever has just written rows knows their
// entries and, by the answer of the store, their positions: the flight recorder need not read them
// again. Rows of which that is not known (of an unknown outcome, of an earlier life) are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "base/digest.h"
#include "store/store.h"

namespace phoenix {

// The leaf hashes of one commit's entries; they stand one after the other, the last one at `last`.
struct OwnRows {
  uint32_t log = 0;
  uint64_t last = 0;
  std::vector<Digest> leaves;

  uint64_t first() const { return last - leaves.size() + 1; }
};

// In the order of groups and ops, which is that of the log. Without leaves where their positions do
// not follow: something is unknown, or a row has no entry.
OwnRows own_rows(std::span<const Group> written, const CommitResult& result);

// Rows that wait for the recorder, oldest first. Those that would be too many are not kept, and so
// are read. One thread at a time.
class OwnRowQueue {
 public:
  static constexpr size_t kMostLeaves = size_t{1} << 19;  // 16 MiB

  void add(OwnRows rows);
  // Those of that log from `from` to `until` at most, positions both, as far as whole commits stand
  // here one after the other; they leave the queue, and with them what is older.
  std::vector<Digest> take(uint32_t log, uint64_t from, uint64_t until);
  // Of the same span, where take() had nothing: the last position that has to be read before there
  // is more of it here.
  uint64_t read_until(uint32_t log, uint64_t from, uint64_t until) const;

 private:
  std::deque<OwnRows> rows_;
  size_t leaves_ = 0;
};

}  // namespace phoenix
