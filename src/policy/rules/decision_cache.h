// Decisions kept for placement, which asks about the same members for the same kinds of packets
// again and again. Kept is what the stable rules found (policy_set.h), under the member, its
// revision, the packet's class and the point; the other rules are asked each time.
//
// A table of fixed size: a newer entry takes the place of an older one with the same hash. Single-
// threaded, as the core.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "policy/rules/policy_set.h"

namespace phoenix::policy {

struct DecisionKey {
  uint64_t member = 0;    // a number of the caller's that names it
  uint64_t revision = 0;  // of the member's record
  uint64_t packet_class =
      0;  // a number for namespace, required capabilities, match and policy tags
  bool operator==(const DecisionKey&) const = default;
};

// All packets that one cache is asked about are of one namespace.
class DecisionCache {
 public:
  // `entries` is rounded up to a power of two. The set must not be null.
  explicit DecisionCache(std::shared_ptr<const PolicySet> set, size_t entries = 1 << 16);

  const PolicySet& set() const { return *set_; }
  // Whether rules of that point read what classes of packets differ by. If not, the class of a key
  // is of no account.
  bool reads_class(Point point) const { return by_class_[static_cast<size_t>(point)]; }
  // Another set: nothing of the last one is kept.
  void replace(std::shared_ptr<const PolicySet> set);

  // The decision, if it needs no input: then none has to be put together.
  std::optional<Decision> known(Point point, const DecisionKey& key) const;
  // Requires: the input is of that member, revision and class.
  Decision decide(Point point, const DecisionKey& key, const Input& input, cel::Scratch& scratch);

 private:
  struct Slot {
    DecisionKey key;
    Tally tally;
    uint8_t point = kNone;
  };
  static constexpr uint8_t kNone = 0xFF;

  void look_at_rules();
  // Without the class where no rule reads what one differs by: a member is asked about once then.
  DecisionKey kept_key(Point point, DecisionKey key) const {
    if (!reads_class(point)) key.packet_class = 0;
    return key;
  }
  size_t slot_of(Point point, const DecisionKey& key) const;
  const Tally* find(Point point, const DecisionKey& key) const;

  std::shared_ptr<const PolicySet> set_;
  std::vector<Slot> slots_;
  std::array<bool, kPoints> by_class_{};
};

}  // namespace phoenix::policy
