// What is waiting to be told to everybody: a queue that hands each message out a limited number of
// times, as part of whatever packets go out. Fewest sendings first, then the longest (short ones
// fit in behind it), then the newest. Knows nothing of what the messages mean.
//
// Bounded: beyond its depth the message that was sent most often makes room. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace phoenix::gossip {

class Broadcasts {
 public:
  // Longer messages than `longest` (bytes) are refused and counted: they would never leave.
  Broadcasts(size_t max_depth, size_t longest) : max_depth_(max_depth), longest_(longest) {}
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

  bool empty() const { return entries_.empty(); }
  size_t depth() const { return entries_.size(); }
  uint64_t dropped() const { return dropped_; }  // for want of room, or too long

 private:
  struct Entry {
    int sendings = 0;
    uint64_t number = 0;  // grows with each put
    std::string subject;
    std::string message;
  };
  // Where a message stands in the queue.
  struct Rank {
    int sendings;
    size_t length;
    uint64_t number;
  };
  struct Before {
    using is_transparent = void;
    static Rank rank(const Entry& e) { return {e.sendings, e.message.size(), e.number}; }
    static const Rank& rank(const Rank& r) { return r; }
    template <class A, class B>
    bool operator()(const A& left, const B& right) const {
      const Rank a = rank(left), b = rank(right);
      if (a.sendings != b.sendings) return a.sendings < b.sendings;
      if (a.length != b.length) return a.length > b.length;
      return a.number > b.number;
    }
  };
  using Entries = std::set<Entry, Before>;

  void erase(Entries::iterator entry);

  size_t max_depth_;
  size_t longest_;
  uint64_t numbers_ = 0;
  uint64_t dropped_ = 0;
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> by_subject_;  // looked up, no more
  std::vector<Entries::node_type> taken_;  // keeps alive what take() handed out for the last time
};

}  // namespace phoenix::gossip
