#include "ring/choice.h"

#include <algorithm>
#include <array>
#include <limits>

#include "ring/circle/line_search.h"

namespace phoenix::ring {

namespace {

// Costs in steps of a walk: hashing one v-node's position, and looking up one member by a bit.
constexpr uint64_t kStepsPerPoint = 4;
constexpr uint64_t kStepsPerLookup = 8;

// So many v-nodes of a walk are looked at together.
constexpr size_t kAtOnce = 40;

// So many members' signatures and standings are no further away than asking for them would take.
constexpr size_t kNear = 2048;

// How many distinct members the walk has to find before the score decides.
size_t window_size(const PlaceQuery& query) {
  return query.nearest_first || query.k == 0 ? 1 : query.k;
}

}  // namespace

MemberIndex Choice::choose(const PlaceQuery& query) {
  const Route& route = classes_.route(query.cls);
  const size_t k = window_size(query);
  if (route.matching == roster_.size() && route.matching > k && query.permit == nullptr && roomy())
      [[likely]] {
    settle();
    circle_.ring().ask_for(query.point);
    return walk_circle(query, k);
  }
  return choose_among_some(query);
}

MemberIndex Choice::choose_among_some(const PlaceQuery& query) {
  Route& route = classes_.route(query.cls);
  const size_t k = window_size(query);
  if (route.matching == 0) return kNoMember;
  if (route.matching <= k) return judge_all(query);
  if (!roomy() && few_have_room(query)) return choose_with_room(query);
  settle();
  if (route.matching < roster_.size() && find_ring(query.cls, k) != nullptr) {
    Route& way = route.ring != nullptr ? route : classes_.route(route.base);
    ++way.uses;
    return walk(PackedRing::Cursor(*way.ring, query.point), query, way.matching);
  }
  const bool all = route.matching == roster_.size();
  if (all && query.permit == nullptr) return walk_circle(query, k);
  const LineRing& ring = circle_.ring();
  if (all || ring.moving())
    return walk(LineRing::Cursor(ring, query.point), query, all ? roster_.size() : roster_.met());
  return sieve(LineRing::Search(ring, query.point, route.signature, route.any), query,
               roster_.met());
}

template <typename Cursor>
MemberIndex Choice::walk(Cursor cursor, const PlaceQuery& query, uint64_t population) {
  const Route& route = classes_.route(query.cls);
  return population == route.matching ? walk_all(cursor, query) : sieve(cursor, query, population);
}

const PackedRing* Choice::find_ring(ClassId id, size_t k) {
  const Route& route = classes_.route(id);
  if (route.ring != nullptr) return route.ring;
  if (route.base == kNoClass) return cache_.find(id, k);
  const Route& base = classes_.route(route.base);
  if (base.ring == nullptr && base.walked >= base.worth) {
    // One of the two a time, as making either may take milliseconds.
    if (cache_.find(route.base, k * base.matching / route.matching)) return base.ring;
  }
  const PackedRing* own = cache_.find(id, k);
  return own != nullptr ? own : base.ring;
}

MemberIndex Choice::judge_all(const PlaceQuery& query) {
  Window window(roster_, query, 1);
  classes_.for_each_member(query.cls, [&](MemberIndex index) {
    ++counts_.examined;
    if (window.eligible(index)) window.consider(index);
  });
  return window.best();
}

MemberIndex Choice::judge(const PlaceQuery& query, std::span<const MemberIndex> few) const {
  Window window(roster_, query, 1);
  for (const MemberIndex index : few) window.consider(index);
  return window.best();
}

bool Choice::few_have_room(const PlaceQuery& query) const {
  if (query.load == 0) return false;  // takes no room
  const uint64_t k = window_size(query);
  const uint64_t all = roster_.met();
  const uint64_t free = roster_.with_room().size();
  if (free * free * kStepsPerLookup > k * all) return false;
  // Of these as many will match as of all.
  const uint64_t matching = free * classes_.route(query.cls).matching / roster_.size();
  const uint64_t points = roster_.vnodes() / roster_.size();
  return matching <= k || matching * points * kStepsPerPoint * free < k * all;
}

MemberIndex Choice::choose_with_room(const PlaceQuery& query) {
  const Window window(roster_, query, 1);
  Few few;
  counts_.examined += roster_.with_room().extent() + roster_.with_room().size();
  roster_.with_room().for_each([&](MemberIndex index) {
    if (window.eligible(index) && classes_.matches(index, query.cls)) few.push_back(index);
  });
  if (few.size() <= window_size(query) && window_size(query) > 1) return judge(query, few);
  return nearest(query, few);
}

// V-nodes of a walk that are looked at together: what is read of their members lies anywhere in
// memory, so that these reads overlap.
class Choice::Met {
 public:
  // At least so many, or all that are left, or what came before a pause. Requires: the walk is not
  // over, at_once <= kAtOnce.
  template <typename Cursor>
  [[gnu::always_inline]] void take(Cursor& cursor, size_t at_once) {
    size_ = 0;
    unsigned taken;
    do {
      taken = cursor.take(first() + size_);
      size_ += taken;
    } while (taken > 0 && size_ < at_once && !cursor.over());
  }
  MemberIndex* first() { return members_.data() + Line::kCopied; }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
  std::array<MemberIndex, Line::kCopied + kAtOnce + Line::kCopied> members_;
};

// Every member matches, as when nothing is required: the first k v-nodes are the window, but for
// the few whose member was met before or has no room. What most placements take is here, and
// nothing else, so that all of it stays in registers.
MemberIndex Choice::walk_circle(const PlaceQuery& query, size_t k) {
  std::array<MemberIndex, LineRing::kFirst> met;
  // One more for a member that is met twice; more where some are full, as coming back for them
  // costs more than taking a line too many.
  const size_t free = roster_.with_room().size();
  const bool all_free = free == roster_.met();
  const size_t wanted = all_free ? k + 1 : k * roster_.met() / (free + 1) + k / 4 + 1;
  const std::span<const MemberIndex> first = circle_.ring().first(query.point, wanted, met);
  counts_.examined += first.size();
  if (first.empty()) [[unlikely]]
    return walk_all(LineRing::Cursor(circle_.ring(), query.point), query);
  const Standing* standings = roster_.standings().data();
  if (k == UsualWindow::kSize && query.avoid == kNoMember) {
    UsualWindow usual(first.data(), standings);
    const bool roomy = (all_free && query.load <= 1) || usual.has_room(query.load);
    if (usual.distinct() && roomy) [[likely]] {
      usual.judge();
      return usual.tied() ? judge(query, first.first<UsualWindow::kSize>()) : usual.best();
    }
  }
  // So many, whatever there is: a number that varies is a wrong guess each time.
  const size_t far = members_.limit() > kNear ? k : 0;
  for (size_t i = 0; i < far; ++i) __builtin_prefetch(&standings[first[i]]);
  Window window(roster_, query, k);
  for (const MemberIndex index : first) {
    if (window.offer_freely(index)) return window.best();
  }
  return walk_all(LineRing::Cursor(circle_.ring(), query.point), query);
}

// The same on any ring, for as long as it takes.
template <typename Cursor>
MemberIndex Choice::walk_all(Cursor cursor, const PlaceQuery& query) {
  const size_t k = window_size(query);
  Window window(roster_, query, k);
  Met met;
  met.take(cursor, std::min(k + 1, kAtOnce));
  counts_.examined += met.size();
  const Standing* standings = roster_.standings().data();
  for (size_t i = 0; i < met.size(); ++i) __builtin_prefetch(&standings[met.first()[i]]);
  for (size_t i = 0; i < met.size(); ++i) {
    if (window.offer(met.first()[i])) return window.best();
  }
  // Copies, as what is given away by reference would have to be in memory from the start.
  Cursor rest = cursor;
  Window begun = window;
  return go_on(rest, begun, query);
}

template <typename Cursor>
MemberIndex Choice::go_on(Cursor& cursor, Window& window, const PlaceQuery& query) {
  const uint64_t usual = 64 + 2 * window_size(query) * members_for_one_with_room();
  if (advance<false>(cursor, window, query.cls, std::min(usual, longest_walk_), kAtOnce)) {
    return window.best();
  }
  return give_up_walking(cursor, window, query, classes_.route(query.cls).matching);
}

// As many are full as of all members, if nothing is known of these.
uint64_t Choice::members_for_one_with_room() const {
  return roomy() ? 2 : roster_.met() / (roster_.with_room().size() + 1) + 1;
}

template <bool kFilter, typename Cursor>
bool Choice::advance(Cursor& cursor, Window& window, ClassId id, uint64_t steps, size_t at_once) {
  const Standing* standings = roster_.standings().data();
  const uint64_t* signatures = members_.signatures().data();
  // Of a few members all that is read is in the nearest caches.
  const bool far = members_.limit() > kNear;
  Met met;
  while (steps > 0 && !cursor.over()) {
    met.take(cursor, at_once);
    MemberIndex* const first = met.first();
    size_t matching = met.size();
    if (kFilter) {
      for (size_t i = 0; far && i < matching; ++i) __builtin_prefetch(&signatures[first[i]]);
      matching = classes_.sieve(id, first, matching);
    }
    for (size_t i = 0; far && i < matching; ++i) __builtin_prefetch(&standings[first[i]]);
    const uint64_t examined = met.size() + cursor.passed();
    counts_.examined += examined;
    for (size_t i = 0; i < matching; ++i) {
      if (window.offer(first[i])) return true;
    }
    steps -= std::min<uint64_t>(steps, std::max<uint64_t>(examined, 1));
  }
  return cursor.over();
}

template <typename Cursor>
MemberIndex Choice::sieve(Cursor cursor, const PlaceQuery& query, uint64_t population) {
  const size_t k = window_size(query);
  Route& route = classes_.route(query.cls);
  Window window(roster_, query, k);
  const uint64_t expected = k * (population / route.matching + 1);
  const uint64_t usual = 64 + 2 * expected * members_for_one_with_room();
  const size_t at_once = std::min<uint64_t>(expected, kAtOnce);
  const uint64_t before = counts_.examined;
  const bool done =
      advance<true>(cursor, window, query.cls, std::min(usual, longest_walk_), at_once);
  route.walked += counts_.examined - before;
  if (route.base != kNoClass) classes_.route(route.base).walked += counts_.examined - before;
  return done ? window.best() : give_up_walking(cursor, window, query, population);
}

// It may go on for ever: how many could it find?
template <typename Cursor>
MemberIndex Choice::give_up_walking(Cursor& cursor, Window& window, const PlaceQuery& query,
                                    uint64_t population) {
  const size_t k = window_size(query);
  Few few;
  ++counts_.builds;
  const MemberBits* with_room = query.load > 0 ? &roster_.with_room() : nullptr;
  classes_.scan(query.cls, with_room, [&](MemberIndex index) {
    if (window.eligible(index)) few.push_back(index);
  });
  if (few.empty()) return kNoMember;
  if (few.size() == 1 || (few.size() <= k && k > 1)) return judge(query, few);
  const uint64_t points = roster_.vnodes() / roster_.size();
  if (few.size() * few.size() * points * kStepsPerPoint < k * population) {
    return nearest(query, few);
  }
  advance<true>(cursor, window, query.cls, std::numeric_limits<uint64_t>::max(), kAtOnce);
  return window.best();
}

// The window of those few, without a walk: by how far the nearest of each one's v-nodes is.
MemberIndex Choice::nearest(const PlaceQuery& query, const Few& few) const {
  std::vector<std::pair<Position, MemberIndex>> met;
  met.reserve(few.size());
  std::vector<Vnode> vnodes;
  for (const MemberIndex index : few) {
    vnodes.clear();
    members_.append_vnodes(index, 0, vnode_count(members_[index].weight), vnodes);
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
