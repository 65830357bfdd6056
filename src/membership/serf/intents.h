// Intents to join or leave: what they say, which of two counts, and those that came before the host
// they are about, for gossip overtakes itself. Of each name the newest is kept for a while, so that
// the host starts with it once it is known.
//
// At most kMost names. When it is full, further names are refused instead of old ones dropped:
// what is dropped would be new again when it comes back, and go around the pool for ever.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "membership/wire/serf_messages.h"

namespace phoenix::gossip {

// Who said what about a host, the weaker first. Serf goes by the time alone, so that of a leave and
// a join with the same time each host believes the one that it heard first.
enum class Word : uint8_t {
  kHearsay,  // the time in a push/pull, which does not tell of what
  kLeave,    // by the host, or by an operator who cannot know what the host says at this time
  kJoin,     // by the host itself
};
// The greater one counts.
struct Intent {
  LamportTime ltime = 0;
  Word word = Word::kHearsay;
  auto operator<=>(const Intent&) const = default;
};

class Intents {
 public:
  static constexpr size_t kMost = 4'096;
  static constexpr size_t kLongestName = 255;  // bytes

  enum class Verdict : uint8_t { kNew, kOld, kNoRoom };

  // kNew: it counts more than what is known about that name, and is kept since `now`.
  Verdict add(std::string_view name, const Intent& intent, Instant now);
  // The intent about this name, which is then no longer kept.
  std::optional<Intent> take(std::string_view name);
  // Drops what is kept since `limit` or longer.
  void expire(Instant limit);
  // Since when the oldest one is kept; kNever: there is none.
  Instant oldest() const { return entries_.empty() ? kNever : entries_.front().since; }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string name;
    Intent intent;
    Instant since;
  };
  std::list<Entry> entries_;  // oldest first
  // Keys are the names in the entries.
  std::map<std::string_view, std::list<Entry>::iterator> by_name_;
};

}  // namespace phoenix::gossip
