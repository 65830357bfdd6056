// The rings of observers: a pure function of a view's names. Each of ten rings orders the hosts by
// a hash of ring and name; a host's observers are, ring by ring, the first host behind it that is
// not chosen yet. So they are distinct, spread like random ones, and a host that enters or leaves
// changes only the choices of its neighbours: everybody else's history of probes stays in use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "membership/view/view.h"

namespace phoenix::gossip {

inline constexpr size_t kRings = 10;

// Of a host observed by `observers` others: so many accusers cut it, so many make it unstable.
struct Thresholds {
  size_t observers = 0, cut = 0, unstable = 0;
  explicit constexpr Thresholds(size_t d)
      : observers(d), cut(d - d / 10), unstable(d < 4 ? 1 : (3 * d + 9) / 10) {}
};

using HostIndex = uint32_t;  // place in View::hosts
inline constexpr HostIndex kNoHost = UINT32_MAX;

class RankedView {
 public:
  // O(n log n) for each ring. Requires: hosts ordered by name, each once.
  explicit RankedView(View view);

  const View& view() const { return view_; }
  size_t size() const { return view_.hosts.size(); }
  const ViewHost& host(HostIndex index) const { return view_.hosts[index]; }
  HostIndex index(std::string_view name) const;  // kNoHost: not in it
  // `hint`: where it stood in this view, or in another one.
  HostIndex index(std::string_view name, HostIndex hint) const {
    return hint < size() && host(hint).name == name ? hint : index(name);
  }
  // Of those that are in it; ordered.
  std::vector<HostIndex> indices(std::span<const std::string> names) const;

  // min(10, n - 1) distinct hosts, in the order of the rings.
  std::span<const HostIndex> observers(HostIndex subject) const {
    return {observers_.data() + subject * thresholds_.observers, thresholds_.observers};
  }
  // Whom it observes, ordered.
  std::span<const HostIndex> subjects(HostIndex observer) const {
    const size_t from = starts_[observer];
    return {subjects_.data() + from, starts_[observer + 1] - from};
  }
  bool observes(HostIndex observer, HostIndex subject) const;
  const Thresholds& thresholds() const { return thresholds_; }

  // Who would observe a host that is not in the view, if it were: min(10, n) distinct hosts.
  std::vector<HostIndex> observers_of(std::string_view outsider) const;

  // All hosts in the order in which it falls to them to judge and to propose: fixed by their names
  // alone, so that the view's changes do not shift it from one to the other.
  std::span<const HostIndex> judges() const { return judges_; }

 private:
  size_t behind(size_t ring, uint64_t key) const;
  void choose(HostIndex self, uint64_t hash, size_t count, HostIndex* out) const;

  View view_;
  Thresholds thresholds_;
  std::vector<uint64_t> hashes_;                      // of the names
  std::array<std::vector<HostIndex>, kRings> rings_;  // ordered by (key, index)
  std::vector<HostIndex> observers_, subjects_, judges_;
  std::vector<uint32_t> starts_;  // of each observer's subjects; one more than there are hosts
};

}  // namespace phoenix::gossip
