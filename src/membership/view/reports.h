// What observers say of the hosts of one view, and which of these the view should drop therefore:
// the cut. Knows nothing of who proposes, and when it is whose turn.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "membership/view/observer_rings.h"

namespace phoenix::gossip {

inline constexpr Duration kReportLapse = seconds(10);
inline constexpr Duration kReportRenewal = seconds(3);

struct Cut {
  std::vector<HostIndex> hosts;  // ordered
  // Not to be proposed earlier: time for those who fail with them to be noticed, and for vetoes.
  Instant at = kNever;
};

class Reports {
 public:
  // Another view: keeps what is said by a host that still observes the same life of the subject.
  // The lapsed and unrenewed are forgotten.
  void adopt(const ViewRef& view);
  // By the store's clock; ordered.
  void set_lapsed(std::vector<HostIndex> lapsed) { lapsed_ = std::move(lapsed); }
  const std::vector<HostIndex>& lapsed() const { return lapsed_; }
  bool lapsed(HostIndex host) const;
  // Whether hosts that do not reach each other cannot both go on (ViewAnswer).
  void set_vital(bool vital) { vital_ = vital; }
  bool vital() const { return vital_; }
  // Those that have to go, whatever is said of them (ViewAnswer); ordered.
  void set_unrenewed(const std::vector<HostIndex>& hosts, Instant now);
  bool any_unrenewed() const { return !unrenewed_.empty(); }
  // Of them those that have been so for as long, as far as is known here.
  std::vector<HostIndex> unrenewed_for(Duration length, Instant now) const;

  // False: `observer` does not observe `subject`.
  bool note(HostIndex subject, HostIndex observer, bool down, Instant now);

  // Forgets what has lapsed, then judges.
  Cut judge(Instant now);
  // As of the last judge(): accused by L at least, but not cut, since when. Ordered by index.
  std::vector<std::pair<HostIndex, Instant>> unstable() const;

  // How many say "down" themselves.
  size_t accusers(HostIndex subject) const;
  bool accused(HostIndex subject) const {
    return accusers(subject) >= view_->thresholds().unstable;
  }
  // Accused by some and reached by none who would say so.
  bool undefended(HostIndex subject) const;
  bool empty() const { return cases_.empty() && unrenewed_.empty(); }

 private:
  struct Report {
    HostIndex observer = kNoHost;
    bool down = false;
    Instant expires;
  };
  struct Case {
    std::vector<Report> reports;  // at most one of each observer
    size_t down = 0, up = 0;
    Instant cut_since = kNever, unstable_since = kNever;
    size_t counted = 0;  // those implied included, as of the last judge()
    Instant grew{};
    bool plain = false;  // cut by what its observers say themselves
    bool may_grow = false;
  };

  static void count(Case& one);
  bool alone_with_the_lapsed(HostIndex subject, const Case& one) const;
  size_t implied(HostIndex subject, const Case& one) const;
  void judge_one(HostIndex subject, Case& one, Instant now);

  ViewRef view_ = make_view({});
  std::vector<HostIndex> lapsed_;
  bool vital_ = false;
  std::map<HostIndex, Instant> unrenewed_;  // since when
  std::map<HostIndex, Case> cases_;
};

}  // namespace phoenix::gossip
