// The hosts of the view that this host observes: when each is pinged, what became of its last ten
// pings, and what is to be said of it to others.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "membership/prefetch.h"
#include "membership/view/alerts.h"
#include "membership/view/reports.h"
#include "membership/view/view_filter.h"

namespace phoenix::gossip {

// What is kept of a SeenHost, beside its name.
struct Seen {
  Endpoint endpoint;
  uint32_t incarnation = 0;
  uint64_t boot = 0;
  uint32_t weight = 0;
  SwimState state = SwimState::kDead;
  bool known = false;  // to SWIM
  bool phoenix = false, compatible = false;

  bool one_of_us() const { return known && phoenix && compatible; }
  bool live() const { return one_of_us() && state == SwimState::kAlive; }
};
static_assert(sizeof(Seen) == 40, "there is one for each known host of each host");

// The last ten outcomes of pings.
class ProbeRecord {
 public:
  static constexpr int kWindow = 10;
  static constexpr int kMissesToAccuse = 4;

  void note(bool ok, Instant now) {
    missed_ = static_cast<uint16_t>((missed_ << 1 | (ok ? 0 : 1)) & ((1 << kWindow) - 1));
    some_ = true;
    // A single loss is no interruption, or no host would be steady for minutes on a real network.
    if (misses() > 1) {
      steady_since_ = kNever;
    } else if (ok && steady_since_ == kNever) {
      steady_since_ = now;
    }
  }
  bool accuses() const { return misses() >= kMissesToAccuse; }
  bool reaches() const { return some_ && (missed_ & 1) == 0 && !accuses(); }
  // At most one of the last ten failed, ever since; kNever: not now.
  Instant steady_since() const { return steady_since_; }

 private:
  int misses() const { return std::popcount(missed_); }
  uint16_t missed_ = 0;  // bit 0 is the newest ping; set: failed
  bool some_ = false;
  Instant steady_since_ = kNever;
};

struct Watch {
  bool waiting = false;  // a ping is under way
  ProbeRecord record;
};
inline constexpr Duration kProbeEvery = milliseconds(500);
inline constexpr Duration kAfterRefusal = milliseconds(250);
// The next of a series of pings, without catching up on those that were missed.
inline Instant next_probe(Instant due, Instant now) {
  return due + kProbeEvery > now ? due + kProbeEvery : now + kProbeEvery;
}

class Subjects {
 public:
  // Takes over what is known of those that were observed before, under the same boot. `self` is
  // kNoHost while we are not in the view: then nobody is observed.
  void adopt(const RankedView& before, const RankedView& after, HostIndex self, Instant now,
             Prng& prng);
  // We did not run for so long: pings under way are void, and after a long sleep all before it.
  void paused(Duration length, Instant now, Prng& prng);

  // Pings that are due. `starved`: we come so late that answers may wait behind this call.
  void probe(const RankedView& view, const std::vector<Seen>& seen, bool starved, Instant now,
             ViewEffects& out, ViewFilterStats& stats);
  void probed(HostIndex host, PingEnd end, Instant now, ViewFilterStats& stats);
  // To be pinged at once.
  void look_at(HostIndex host, Instant now);

  // What is to be said now: news, and what has to be renewed.
  void say(const Reports& reports, Instant now, std::vector<std::pair<HostIndex, AlertKind>>& out);
  // After another view, whose readers know nothing yet.
  void say_again();

  const ProbeRecord* record(HostIndex host) const;  // null: not observed
  Instant next_wake() const;
  void prefetch() const {
    gossip::prefetch(hosts_.data(), hosts_.size() * sizeof(HostIndex));
    gossip::prefetch(next_.data(), next_.size() * sizeof(Instant));
  }

 private:
  enum class Said : uint8_t { kNothing, kDown, kUp };
  struct Subject {
    Watch watch;
    Said said = Said::kNothing;
    Instant said_at;
    Instant since;  // observed; what SWIM does not know is not held against it at once
  };
  static constexpr size_t kNowhere = SIZE_MAX;
  size_t place_of(HostIndex host) const;
  void note(Subject& subject, bool ok, Instant now) {
    subject.watch.record.note(ok, now);
    at_ease_ = at_ease_ && ok;
  }

  // One place for each, ordered by host. What each tick looks at of all stands apart from what is
  // needed of the one whose turn it is.
  std::vector<HostIndex> hosts_;
  std::vector<Instant> next_;  // ping
  std::vector<Subject> subjects_;
  bool at_ease_ = false;  // none is accused by us, and we have said of none that it is
};

// Whether hosts of the view beside `self` go on, by the store, and gossip has brought none of them.
bool reaches_none_of_the_living(std::span<const Seen> seen, HostIndex self, const Reports& reports);

}  // namespace phoenix::gossip
