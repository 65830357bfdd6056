#include "ring/choice.h"

#include <algorithm>
#include <array>
#include <limits>

namespace phoenix::ring {

namespace {

// Costs in steps of a walk: hashing one v-node's position, and looking up one member by a bit.
constexpr uint64_t kStepsPerPoint = 4;
constexpr uint64_t kStepsPerLookup = 8;

// So many v-nodes of a walk are looked at together.
constexpr size_t kAtOnce = 40;

// How many distinct members the walk has to find before the score decides.
size_t window_size(const PlaceQuery& query) {
  return query.nearest_first || query.k == 0 ? 1 : query.k;
}

}  // namespace

MemberIndex Choice::choose(const PlaceQuery& query) {
  Route& route = classes_.route(query.cls);
  const size_t k = window_size(query);
  if (route.matching == 0) return kNoMember;
  if (route.matching <= k) return judge_all(query);
  if (!roomy() && few_have_room(query)) return choose_with_room(query);
  circle_.settle();
  if (route.matching < roster_.size() && find_ring(query.cls, k) != nullptr) {
    Route& way = route.ring != nullptr ? route : classes_.route(classes_[query.cls].base);
    ++way.uses;
    return walk(PackedRing::Cursor(*way.ring, query.point), query, way.matching);
  }
  return walk(LineRing::Cursor(circle_.ring(), query.point), query, roster_.size());
}

const PackedRing* Choice::find_ring(ClassId id, size_t k) {
  const Route& route = classes_.route(id);
  if (route.ring != nullptr) return route.ring;
  const ClassId base = classes_[id].base;
  // All who have the rarest capability match: there is no better ring than its own.
  if (base != kNoClass) cache_.find(base, k * classes_.route(base).matching / route.matching);
  if (const PackedRing* own = cache_.find(id, k)) return own;
  return base == kNoClass ? nullptr : classes_.route(base).ring;
}

MemberIndex Choice::judge_all(const PlaceQuery& query) {
  Window window(roster_, query, 1);
  classes_.for_each_member(query.cls, [&](MemberIndex index) {
    ++counts_.examined;
    if (window.eligible(index)) window.consider(index);
  });
  return window.best();
}

MemberIndex Choice::judge(const PlaceQuery& query, const Few& few) const {
  Window window(roster_, query, 1);
  for (const MemberIndex index : few) window.consider(index);
  return window.best();
}

bool Choice::few_have_room(const PlaceQuery& query) const {
  if (query.load == 0) return false;  // takes no room
  const uint64_t k = window_size(query);
  const uint64_t all = roster_.size();
  const uint64_t free = roster_.with_room().size();
  if (free * free * kStepsPerLookup > k * all) return false;
  // Of these as many will match as of all.
  const uint64_t matching = free * classes_.route(query.cls).matching / all;
  const uint64_t points = roster_.vnodes() / all;
  return matching <= k || matching * points * kStepsPerPoint * free < k * all;
}

MemberIndex Choice::choose_with_room(const PlaceQuery& query) {
  const Class& c = classes_[query.cls];
  const Window window(roster_, query, 1);
  Few few;
  counts_.examined += roster_.with_room().extent() + roster_.with_room().size();
  roster_.with_room().for_each([&](MemberIndex index) {
    if (window.eligible(index) && classes_.matches(index, c)) few.push_back(index);
    return true;
  });
  if (few.size() <= window_size(query) && window_size(query) > 1) return judge(query, few);
  return nearest(query, few);
}

template <bool kFilter, typename Cursor>
bool Choice::advance(Cursor& cursor, Window& window, const Class* c, uint64_t steps,
                     size_t at_once) {
  // What is read of the members lies anywhere in memory: it is asked for before the first is
  // judged.
  constexpr size_t kSlack = 8;
  std::array<MemberIndex, kSlack + kAtOnce + kSlack> met;
  MemberIndex* const first = met.data() + kSlack;
  const Standing* standings = roster_.standings().data();
  while (steps > 0 && !cursor.over()) {
    size_t count = 0;
    do {
      count += cursor.take(first + count);
    } while (count < at_once && !cursor.over());
    for (size_t i = 0; i < count; ++i) __builtin_prefetch(&standings[first[i]]);
    counts_.examined += count;
    const size_t matching = kFilter ? classes_.sieve(*c, first, count) : count;
    for (size_t i = 0; i < matching; ++i) {
      if (window.offer(first[i])) return true;
    }
    steps -= std::min<uint64_t>(steps, count);
  }
  return cursor.over();
}

template <typename Cursor>
MemberIndex Choice::walk(Cursor cursor, const PlaceQuery& query, uint64_t population) {
  const size_t k = window_size(query);
  const uint64_t matching = classes_.route(query.cls).matching;
  Window window(roster_, query, k);
  if (population == matching) {
    // Nearly every v-node is of another member.
    const size_t at_once = std::min(k + 1, kAtOnce);
    if (advance<false>(cursor, window, nullptr, std::min(64 + 4 * k, longest_walk_), at_once)) {
      return window.best();
    }
  } else {
    const uint64_t full = (roster_.size() + 1) / (roster_.with_room().size() + 1) + 1;
    const uint64_t expected = k * (population / matching + 1);
    const uint64_t usual = 64 + 4 * expected * full;
    const size_t at_once = std::min<uint64_t>(expected, kAtOnce);
    Class& c = classes_[query.cls];
    const uint64_t before = counts_.examined;
    const bool done = advance<true>(cursor, window, &c, std::min(usual, longest_walk_), at_once);
    c.walked += counts_.examined - before;
    if (c.base != kNoClass) classes_[c.base].walked += counts_.examined - before;
    if (done) return window.best();
  }
  return give_up_walking(cursor, window, query, population);
}

// It may go on for ever: how many could it find?
template <typename Cursor>
MemberIndex Choice::give_up_walking(Cursor& cursor, Window& window, const PlaceQuery& query,
                                    uint64_t population) {
  const Class& c = classes_[query.cls];
  const size_t k = window_size(query);
  Few few;
  const MemberBits* with_room = query.load > 0 ? &roster_.with_room() : nullptr;
  counts_.examined += classes_.scan(c, with_room, [&](MemberIndex index) {
    if (window.eligible(index)) few.push_back(index);
  });
  if (few.empty()) return kNoMember;
  if (few.size() == 1 || (few.size() <= k && k > 1)) return judge(query, few);
  const uint64_t points = roster_.vnodes() / roster_.size();
  if (few.size() * few.size() * points * kStepsPerPoint < k * population) {
    return nearest(query, few);
  }
  advance<true>(cursor, window, &c, std::numeric_limits<uint64_t>::max(), kAtOnce);
  return window.best();
}

// The window of those few, without a walk: by how far the nearest of each one's v-nodes is.
MemberIndex Choice::nearest(const PlaceQuery& query, const Few& few) const {
  std::vector<std::pair<Position, MemberIndex>> met;
  met.reserve(few.size());
  std::vector<Vnode> vnodes;
  for (const MemberIndex index : few) {
    vnodes.clear();
    roster_.append_vnodes(index, 0, vnode_count(roster_[index].weight), vnodes);
    Position least = std::numeric_limits<Position>::max();
    for (const Vnode& vnode : vnodes) least = std::min(least, vnode.position - query.point);
    met.emplace_back(least, index);
  }
  const size_t k = std::min(window_size(query), met.size());
  std::partial_sort(met.begin(), met.begin() + static_cast<std::ptrdiff_t>(k), met.end(),
                    [this](const auto& a, const auto& b) {
                      return a.first != b.first ? a.first < b.first
                                                : roster_.id_before(a.second, b.second);
                    });
  Window window(roster_, query, 1);
  for (size_t i = 0; i < k; ++i) window.consider(met[i].second);
  return window.best();
}

}  // namespace phoenix::ring
