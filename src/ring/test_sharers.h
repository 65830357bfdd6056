// Other placements on the catalogue of the one that is tested: they join, change and leave members
// of the same names, often but not always by the same records, and are dropped as a whole. Nothing
// that they do may change an answer.
#pragma once

#include <array>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "ring/naive_ring.h"
#include "ring/placement.h"

namespace phoenix {

class Sharers {
 public:
  Sharers(const RingKey& key, PlacementOptions options) : key_(key), options_(std::move(options)) {}

  // tested: the members of that one.
  void step(const NaiveRing& tested) {
    const auto [which, what] = std::pair(prng_.below(sharers_.size()), prng_.below(12));
    Sharer& sharer = sharers_[which];
    if (!sharer.ring) sharer.ring = std::make_unique<Placement>(key_, options_);
    if (what == 0) {
      sharer = Sharer{};
    } else if (what <= 6) {
      take(sharer, draw(tested));
    } else if (what <= 8) {
      leave(sharer);
    } else if (what == 9) {
      // All that the other one has.
      for (const auto& [index, entry] : tested.members) take(sharer, entry.record);
    } else {
      const std::vector<std::string> names = {prng_.chance(1, 2) ? "a" : "x"};
      const ClassId cls = sharer.ring->intern("default", names, Match::kAll);
      (void)sharer.ring->place({.point = static_cast<Position>(prng_.next()), .cls = cls});
      if (prng_.chance(1, 2)) sharer.ring->release(cls);
    }
  }

 private:
  struct Sharer {
    std::map<std::pair<std::string, std::string>, MemberIndex> members;
    std::unique_ptr<Placement> ring;
  };

  RingMember draw(const NaiveRing& tested) {
    RingMember record;
    record.ns = "default";
    record.id = "other-" + std::to_string(prng_.below(5));
    if (!tested.members.empty() && prng_.chance(3, 4)) {
      auto at = tested.members.begin();
      std::advance(at, static_cast<std::ptrdiff_t>(prng_.below(tested.members.size())));
      record = at->second.record;
    }
    if (prng_.chance(1, 3)) record.weight = static_cast<uint32_t>(1 + prng_.below(4));
    if (prng_.chance(1, 3)) record.capabilities = {"ab", "x"};
    if (prng_.chance(1, 3)) record.max_load = 7;
    return record;
  }
  void take(Sharer& sharer, const RingMember& record) {
    const auto [at, fresh] = sharer.members.try_emplace({record.ns, record.id}, kNoMember);
    at->second = fresh ? sharer.ring->join(record) : sharer.ring->update(at->second, record);
  }
  void leave(Sharer& sharer) {
    if (sharer.members.empty()) return;
    auto at = sharer.members.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(prng_.below(sharer.members.size())));
    sharer.ring->leave(at->second);
    sharer.members.erase(at);
  }

  RingKey key_;
  PlacementOptions options_;
  Prng prng_{7};
  std::array<Sharer, 3> sharers_;
};

}  // namespace phoenix
