// What is waiting to be told to everybody: a queue that hands each message out a limited number of
// times, as part of whatever packets go out. Fewest sendings first, then the longest (short ones
// fit in behind it), then the newest. Knows nothing of what the messages mean.
//
// Bounded: beyond its depth the message that was sent most often makes room. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/siphash.h"
#include "membership/name_index.h"

namespace phoenix::gossip {

class Broadcasts {
 public:
  // Longer messages than `longest` (bytes) are refused and counted: they would never leave.
  // `hash_key`: a secret one, so that no outsider chooses subjects that all meet in one place.
  Broadcasts(size_t max_depth, size_t longest, const RingKey& hash_key = {})
      : max_depth_(max_depth), longest_(longest), hash_key_(hash_key) {}
  Broadcasts(const Broadcasts&) = delete;
  Broadcasts& operator=(const Broadcasts&) = delete;

  // A newer message with the same subject replaces the older one; one with an empty subject stands
  // for itself.
  void put(std::string_view subject, std::string message);
  // Nobody is to be told about this subject any more.
  void remove(std::string_view subject);
  // Appends messages that fit together into `room` bytes, each costing `overhead` more, and counts
  // them as sent; after `limit` sendings a message is gone. What is appended stays valid until the
  // next call of put(), remove(), take() or clear(). Returns how many bytes of `room` they used.
  size_t take(size_t room, size_t overhead, int limit, std::vector<std::string_view>& out);
  void clear();

  bool empty() const { return depth_ == 0; }
  size_t depth() const { return depth_; }
  uint64_t dropped() const { return dropped_; }  // for want of room, or too long

 private:
  struct Entry {
    uint64_t number = 0;  // grows with each put
    uint32_t sendings = 0;
    uint32_t subject_hash = 0;
    std::string subject;
    std::string message;
  };
  // Where a message stands in the queue: the smaller, the earlier.
  struct Rank {
    uint64_t sendings_and_length = 0;
    uint64_t age = 0;
    uint32_t entry = 0;
    bool operator<(const Rank& other) const {
      return sendings_and_length != other.sendings_and_length
                 ? sendings_and_length < other.sendings_and_length
                 : age < other.age;
    }
  };
  static constexpr uint32_t kTaken = UINT32_MAX;

  static Rank rank(uint64_t sendings, size_t length, uint64_t number);
  Rank rank_of(uint32_t entry) const;
  uint32_t find(std::string_view subject, uint32_t hash) const;
  uint32_t hash_of(std::string_view subject) const;
  size_t row_for(const Rank& rank) const;
  void line_up(uint32_t entry);
  void step_out(uint32_t entry);
  void let_go(uint32_t entry);  // of its subject; who holds views of the message keeps them
  void recycle(uint32_t entry);
  void free_done();
  void drop_taken_ranks(size_t rows);

  size_t max_depth_;
  size_t longest_;
  RingKey hash_key_;
  uint64_t numbers_ = 0;
  uint64_t dropped_ = 0;
  size_t depth_ = 0;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
  // In order, cut into rows that are short enough to be moved about in; none is empty.
  std::vector<std::vector<Rank>> rows_;
  NameIndex by_subject_;
  std::vector<uint32_t> taken_;
  std::vector<uint32_t>
      done_;  // handed out for the last time, not to be reused before the next call
};

}  // namespace phoenix::gossip
