// Decides who is proposed into the view and out of it (after Suresh et al., "Stable and Consistent
// Membership at Scale with Rapid", ATC'18, but without its consensus: a compare-and-swap in the
// ViewStore decides between proposals).
//
// Every host of the view is observed by d = min(10, n - 1) others, found on d rings computed over
// the view (observer_rings.h). An observer pings its subject every 500 ms; when 4 of the last 10
// pings failed it alerts. Alerts go directly to the subject's other observers and to the first five
// live hosts in a fixed order, the *judges*, who so see all alerts of the pool. Who counts
// H = d - d/10 accusers of a host proposes a view without it. SWIM's suspicion is but a hint: it
// makes an observer ping at once. After a ping that was refused the next one follows in 250 ms: a
// process that is gone is noticed in about a second, and one that starts again at once is not.
//
// Load, flat in n: a host pings about 10 others twice a second and answers as many; nothing else
// while nobody is accused. An accusation costs at most 14 datagrams in 3 s to each observer.
//
// What counts against a host of the view:
// - "down" of an observer, valid 10 s, renewed every 3 s; each belongs to the view's number.
// - An observer that itself is accused by L = max(1, ceil(0.3 d)) or more counts as an accuser too
//   (it may be gone), provided that L others accuse the subject and that it does not say "up". An
//   observer says "up" when its pings succeed and it hears that L others accuse its subject: so
//   with d < 10, where H = d, a single one vetoes.
// - A host that the store calls lapsed, and whose observers all accuse it or are lapsed themselves
//   (one accuses at least), is cut as well. With n = 2 this is the only way.
// - A host that the store calls unrenewed is cut for that alone, by whoever reaches the store: it
//   would hold what only those in the store may have.
//
// Several hosts that fail together leave in one view: as long as others stand between L and H and
// may still reach H, proposals wait for them, 4 s at most. The smaller side of a split waits 2 s
// longer. Judge number r waits r x 500 ms, so that seldom two propose.
//
// Who may enter: a compatible phoenix host that SWIM holds alive and that answered a ping of the
// proposer. A removed one only under a higher incarnation, and when H of the observers that it
// would have reached it without interruption for 10 s, 20 s … 5 min, doubling at each removal.
//
// A pure state machine as the rest of the folder; one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "membership/endpoint.h"
#include "membership/view/view.h"
#include "membership/wire/messages.h"

namespace phoenix::gossip {

// A host as SWIM and its tags show it.
struct SeenHost {
  std::string_view name;
  Endpoint endpoint;
  uint32_t incarnation = 0;
  SwimState state = SwimState::kAlive;
  bool phoenix = false;     // its tags announce our messages
  bool compatible = false;  // its pool identity is ours
  uint32_t weight = 100;
  uint64_t boot = 0;
};

// To be sent as a plain memberlist ping (no helpers, no stream), to exactly this name; probed() is
// expected within 500 ms, and a ping that is not reported by then has failed.
struct ViewProbe {
  std::string name;
  Endpoint to;
  uint32_t hint = UINT32_MAX;  // to be handed to probed() with the outcome: it finds it sooner
};

// kRefused: nobody listens there, the process is gone.
enum class PingEnd : uint8_t { kAnswered, kFailed, kRefused };

// To be sent as the payload of a user message, directly. At most kMaxViewMessage bytes.
struct ViewMessage {
  Endpoint to;
  std::string bytes;
};
inline constexpr size_t kMaxViewMessage = 1'200;
inline constexpr char kViewMessage = '\xe0';  // first byte of each

enum class ViewEventKind : uint8_t {
  kChanged,      // view() is another one; precedes the events that say what changed
  kJoined,       // `name` is in it
  kReadmitted,   // after a removal
  kReplaced,     // under a new life or weight
  kLeft,         // announced
  kRemoved,      // cut
  kSelfRemoved,  // we were cut: raise our own incarnation above `incarnation`, tell it by seen()
};
struct ViewEvent {
  ViewEventKind kind = ViewEventKind::kChanged;
  std::string name;
  uint32_t incarnation = 0;
  std::string detail;  // what happens next, for people
};

struct ViewEffects {
  std::vector<ViewProbe> probes;
  std::vector<ViewMessage> messages;
  std::vector<ViewRequest> requests;
  std::vector<ViewEvent> events;
  void clear() {
    probes.clear();
    messages.clear();
    requests.clear();
    events.clear();
  }
  bool empty() const {
    return probes.empty() && messages.empty() && requests.empty() && events.empty();
  }
};

struct ViewFilterOptions {
  std::string name;                 // ours
  Duration heartbeat = seconds(1);  // Timing::view_heartbeat
};

struct ViewFilterStats {
  uint64_t probes = 0, probes_failed = 0;
  uint64_t alerts_in = 0, alerts_out = 0;  // messages
  uint64_t refused = 0;                    // messages that were malformed or out of place
  uint64_t outdated = 0;                   // alerts of an older view
  uint64_t proposals = 0, conflicts = 0, unreachable = 0;
};

class ViewFilter {
 public:
  ViewFilter(const ViewFilterOptions& options, Prng prng);
  ~ViewFilter();
  ViewFilter(const ViewFilter&) = delete;
  ViewFilter& operator=(const ViewFilter&) = delete;

  // Once, after seen() of ourselves: from now on the store is asked.
  void start(Now now, ViewEffects& out);
  void tick(Now now, ViewEffects& out);
  // tick() is due then. Every other call may bring it forward.
  Instant next_wake() const;

  // At every change of any of its fields, ours among them, and when it is first heard of.
  void seen(const SeenHost& host, Now now, ViewEffects& out);
  // SWIM no longer knows it.
  void forgotten(std::string_view name, Now now, ViewEffects& out);

  void probed(std::string_view name, PingEnd end, Now now, ViewEffects& out,
              uint32_t hint = UINT32_MAX);
  void received(std::string_view bytes, const Endpoint& from, Now now, ViewEffects& out);
  void answered(const ViewAnswer& answer, Now now, ViewEffects& out);
  // We did not run for so long, up to now: what seemed silent meanwhile was not.
  void paused(Duration length, Now now, ViewEffects& out);
  // We leave: takes ourselves out of the view and never proposes to come back.
  void leave(Now now, ViewEffects& out);

  const View& view() const;
  bool in_view() const;
  // After leave(): we are in no view any more.
  bool left() const;
  // Accused by L others and not by H, for more than 10 s, as far as this host hears of it (its
  // observers and the judges do); since when that is so. Ordered by name.
  std::vector<std::pair<std::string, Instant>> unstable(Now now) const;
  bool is_unstable(std::string_view name, Now now) const;
  // Once after more hosts stood outside the view than are remembered (4,096) and there is room
  // again: seen() of all is wanted.
  bool has_room_again();
  const ViewFilterStats& stats() const;
  // What most inputs touch: depth 0, and some time later 1.
  void prefetch(int depth) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phoenix::gossip
