// Phoenix hosts that live but are not in the view: who of them may enter. A newcomer needs one
// answered ping of whoever proposes it; a host that was removed is on trial before all those who
// would observe it.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "membership/view/subjects.h"

namespace phoenix::gossip {

inline constexpr size_t kMaxOutsiders = 4'096;
// A length of time that it takes some work to tell, and that is mostly not asked for.
class WhenAsked {
 public:
  explicit WhenAsked(std::function<Duration()> tell) : tell_(std::move(tell)) {}
  Duration operator()() {
    if (!told_) told_ = tell_();
    return *told_;
  }

 private:
  std::function<Duration()> tell_;
  std::optional<Duration> told_;
};

class Outsiders {
 public:
  // Unless it lives and is one of us, it is forgotten.
  void seen(std::string_view name, const Seen& seen, const RankedView& view, HostIndex self,
            Instant now);
  void forget(std::string_view name);
  // What is known of it, which is forgotten here; not known: {}.
  Seen take(std::string_view name);
  // After another view, when those that it holds were taken.
  void adopt(const RankedView& before, const RankedView& after, HostIndex self);
  void paused();  // we did not run: pings under way are void

  // Pings that are due. `turn` is how long a newcomer is left to others.
  void probe(WhenAsked turn, bool starved, Instant now, ViewEffects& out, ViewFilterStats& stats);
  bool probed(std::string_view name, bool ok, Instant now);  // false: not here

  // Those whose trial is over as far as we are concerned: news, and what has to be renewed.
  struct Ready {
    std::string_view name;
    const std::vector<HostIndex>* observers = nullptr;
  };
  std::vector<Ready> say(Instant now);
  // False: not here, not on trial, or `observer` would not observe it.
  bool note_ready(std::string_view name, HostIndex observer, Instant now);

  // All that may enter now. `due`: when to propose them, for a host with this turn.
  struct Entrants {
    std::vector<ViewHost> hosts;
    Instant due = kNever;
  };
  Entrants entrants(WhenAsked& turn, Instant now);

  bool empty() const { return hosts_.empty(); }
  // Of the hosts that could enter, those with a smaller name.
  size_t before(std::string_view name) const;
  // Once after hosts were turned away for want of room, and there is some again.
  bool has_room_again();

 private:
  struct Trial {
    Instant next;  // ping
    Watch watch;
    int tries = 0;
    Instant answered = kNever;  // last; kNever: not yet
    uint32_t times = 0;         // removals; 0: a newcomer
    bool barred = false;        // still under the incarnation that was removed
    bool mine = false;          // we are one of these observers
    std::vector<HostIndex> observers;
    struct Report {
      HostIndex observer = kNoHost;
      Instant expires;
    };
    std::vector<Report> ready;
    Instant ready_since = kNever;
    bool said = false;
    Instant said_at;
  };
  struct Outsider {
    Seen seen;
    Instant since;
    std::unique_ptr<Trial> trial;
  };

  // Puts it on trial if it was removed.
  static void examine(std::string_view name, Outsider& host, const RankedView& view, HostIndex self,
                      Instant now);

  std::map<std::string, Outsider, std::less<>> hosts_;
  bool turned_away_ = false;
};

}  // namespace phoenix::gossip
