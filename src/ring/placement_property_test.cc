// Random sequences of every operation on the real ring and on the naive one, which must agree after
// each step. Positions are cut to a few bits in some runs, so that most of them collide, and the
// cache of class rings has from no room to plenty.
#include <gtest/gtest.h>
// rapidcheck needs gtest before it.
#include <rapidcheck/gtest.h>

#include <array>
#include <functional>
#include <set>

#include "base/prng.h"
#include "ring/naive_ring.h"
#include "ring/placement.h"

namespace phoenix {
namespace {

constexpr std::array<Position, 4> kMasks = {~Position{0}, 0xf0000000, 0x0000001f, 0xc0000003};
constexpr std::array<size_t, 4> kIdleClasses = {0, 1, 5, 16384};
constexpr std::array<uint64_t, 3> kLongestWalks = {0, 30, 8192};
constexpr std::array<size_t, 4> kCacheBytes = {0, 1500, 20000, size_t{256} << 20};

struct KnownClass {
  ClassId id;
  RingMember wanted;
  Match match;
};

class Comparison {
 public:
  Comparison(uint64_t seed, const PlacementOptions& options)
      : prng_(seed), real_(make_key(seed), options) {
    naive_.key = make_key(seed);
    naive_.mask = options.position_mask;
  }

  static RingKey make_key(uint64_t seed) {
    RingKey key;
    for (uint8_t& byte : key.bytes) byte = static_cast<uint8_t>(splitmix64(seed));
    return key;
  }

  void step(uint32_t what) {
    switch (what % 16) {
      case 0:
      case 1:
        return join();
      case 2:
        return leave();
      case 3:
        return update();
      case 4:
        return real_members([this](MemberIndex m) { set_open(m); });
      case 5:
        return real_members([this](MemberIndex m) { add_load(m); });
      case 6:
      case 7:
        return intern();
      case 8:
        return release();
      case 9:
        return check_facts();
      case 10:
        return check_window();
      default:
        return place();
    }
  }

  // The same members in another order must give the same answers and the same circle.
  void check_insertion_order() {
    PlacementOptions options;
    options.position_mask = naive_.mask;
    Placement other(naive_.key, options);
    std::vector<MemberIndex> order;
    for (const auto& [index, entry] : naive_.members) order.push_back(index);
    prng_.shuffle(order);
    std::map<MemberIndex, MemberIndex> twin;
    for (const MemberIndex index : order) {
      const auto& entry = naive_.members.at(index);
      twin[index] = other.join(entry.record);
      other.add_load(twin[index], entry.load);
      other.set_open(twin[index], entry.open);
    }
    const auto circle = real_.all_vnodes();
    const auto other_circle = other.all_vnodes();
    const auto points = naive_.points();
    RC_ASSERT(circle.size() == points.size());
    RC_ASSERT(other_circle.size() == points.size());
    for (size_t i = 0; i < circle.size(); ++i) {
      RC_ASSERT(circle[i].position == std::get<0>(points[i]));
      RC_ASSERT(circle[i].replica == std::get<3>(points[i]));
      RC_ASSERT(circle[i].member == std::get<4>(points[i]));
      RC_ASSERT(other_circle[i].member == twin[circle[i].member]);
    }
    for (const KnownClass& known : classes_) {
      PlaceQuery query = draw_query(known);
      const auto here = real_.place(query);
      query.cls = other.intern(known.wanted.ns, known.wanted.capabilities, known.match);
      if (query.avoid != kNoMember) query.avoid = twin[query.avoid];
      const auto there = other.place(query);
      RC_ASSERT(here.has_value() == there.has_value());
      if (here) RC_ASSERT(twin[*here] == *there);
    }
  }

 private:
  std::vector<std::string> draw_capabilities(uint64_t most) {
    std::set<std::string> drawn;
    for (uint64_t n = prng_.below(most + 1); n > 0; --n) {
      drawn.insert(std::array{"", "a", "ab", "b", "\xff", "x"}[prng_.below(6)]);
    }
    return {drawn.begin(), drawn.end()};
  }
  std::string draw_ns() { return prng_.chance(1, 5) ? "other" : "default"; }
  void draw_figures(RingMember& record) {
    record.weight = static_cast<uint32_t>(std::array{1, 1, 2, 3, 5, 100}[prng_.below(6)]);
    record.max_load = static_cast<uint32_t>(1 + prng_.below(4));
    record.trust = prng_.chance(1, 2) ? 1000 : static_cast<uint32_t>(prng_.below(1001));
    record.reliability = prng_.chance(1, 2) ? 1000 : static_cast<uint32_t>(prng_.below(1001));
    record.capabilities = draw_capabilities(5);
  }
  MemberIndex draw_member() {
    if (naive_.members.empty()) return kNoMember;
    auto at = naive_.members.begin();
    std::advance(at, prng_.below(naive_.members.size()));
    return at->first;
  }
  void real_members(const std::function<void(MemberIndex)>& action) {
    if (const MemberIndex index = draw_member(); index != kNoMember) action(index);
  }
  PlaceQuery draw_query(const KnownClass& known) {
    PlaceQuery query;
    query.point = static_cast<Position>(prng_.next());
    if (prng_.chance(1, 2)) query.point &= naive_.mask;
    query.cls = known.id;
    query.load = static_cast<uint32_t>(prng_.below(4));
    query.k = static_cast<uint32_t>(std::array{1, 2, 3, 8, 40}[prng_.below(5)]);
    query.nearest_first = prng_.chance(1, 5);
    if (prng_.chance(1, 4)) query.avoid = draw_member();
    return query;
  }

  void join() {
    if (naive_.members.size() >= 14) return;
    RingMember record;
    record.ns = draw_ns();
    record.id = std::string(std::array{"m", "m-", "\xc3\xa9"}[prng_.below(3)]) +
                std::string(prng_.below(5), '1');
    for (const auto& [index, entry] : naive_.members) {
      if (entry.record.ns == record.ns && entry.record.id == record.id) return;
    }
    draw_figures(record);
    const MemberIndex index = real_.join(record);
    RC_ASSERT(!naive_.members.contains(index));
    naive_.members[index].record = record;
  }
  void leave() {
    real_members([this](MemberIndex index) {
      real_.leave(index);
      naive_.members.erase(index);
    });
  }
  void update() {
    real_members([this](MemberIndex index) {
      RingMember record = naive_.members[index].record;
      const RingMember before = record;
      draw_figures(record);
      if (prng_.chance(1, 2)) record.weight = before.weight;
      if (prng_.chance(1, 2)) record.capabilities = before.capabilities;
      real_.update(index, record);
      naive_.members[index].record = record;
    });
  }
  void set_open(MemberIndex index) {
    const bool open = prng_.chance(2, 3);
    real_.set_open(index, open);
    naive_.members[index].open = open;
  }
  void add_load(MemberIndex index) {
    const int64_t delta = prng_.between(-int64_t{naive_.members[index].load}, 2);
    real_.add_load(index, delta);
    naive_.members[index].load = static_cast<uint32_t>(naive_.members[index].load + delta);
  }
  void intern() {
    KnownClass known{0, {}, prng_.chance(1, 3) ? Match::kAny : Match::kAll};
    known.wanted.ns = draw_ns();
    known.wanted.capabilities = draw_capabilities(3);
    known.id = real_.intern(known.wanted.ns, known.wanted.capabilities, known.match);
    classes_.push_back(known);
  }
  void release() {
    if (classes_.empty()) return;
    const size_t at = prng_.below(classes_.size());
    real_.release(classes_[at].id);
    classes_.erase(classes_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void check_facts() {
    RC_ASSERT(real_.members() == naive_.members.size());
    RC_ASSERT(real_.vnodes() == naive_.points().size());
    for (const KnownClass& known : classes_) {
      size_t capable = 0;
      std::set<std::string> missing(known.wanted.capabilities.begin(),
                                    known.wanted.capabilities.end());
      for (const auto& [index, entry] : naive_.members) {
        const bool matches = naive_.matches(entry, known.wanted, known.match);
        RC_ASSERT(real_.matches(index, known.id) == matches);
        if (matches) ++capable;
        const std::string_view why = real_.why_not(index, known.id, 1);
        RC_ASSERT(why.empty() == (matches && naive_.eligible(index, 1)));
        if (entry.record.ns != known.wanted.ns) continue;
        for (const std::string& name : entry.record.capabilities) missing.erase(name);
      }
      RC_ASSERT(real_.capable(known.id) == capable);
      RC_ASSERT(real_.missing(known.id) ==
                std::vector<std::string>(missing.begin(), missing.end()));
      RC_ASSERT(real_.ns_of(known.id) == known.wanted.ns);
    }
  }
  void check_window() {
    for (const KnownClass& known : classes_) {
      const PlaceQuery query = draw_query(known);
      auto expected = naive_.walk(query.point, known.wanted, known.match);
      if (expected.size() > query.k) expected.resize(query.k);
      const auto window = real_.window(query);
      RC_ASSERT(window.size() == expected.size());
      const auto chosen = real_.place(query);
      for (size_t i = 0; i < window.size(); ++i) {
        const MemberIndex member = expected[i].first;
        RC_ASSERT(window[i].member == member);
        RC_ASSERT(window[i].vnode == expected[i].second);
        const bool able =
            naive_.eligible(member, query.load) && (member != query.avoid || chosen == query.avoid);
        RC_ASSERT(window[i].eligible == able);
        RC_ASSERT(window[i].reason.empty() == able);
      }
    }
  }
  void place() {
    if (classes_.empty()) return;
    const KnownClass& known = classes_[prng_.below(classes_.size())];
    const PlaceQuery query = draw_query(known);
    const auto chosen = real_.place(query);
    RC_ASSERT(chosen == naive_.place(query, known.wanted, known.match));
    if (!chosen || prng_.chance(1, 2)) return;
    real_.add_load(*chosen, query.load);
    naive_.members[*chosen].load += query.load;
  }

  Prng prng_;
  Placement real_;
  NaiveRing naive_;
  std::vector<KnownClass> classes_;
};

RC_GTEST_PROP(Placement, agrees_with_the_naive_ring_after_any_sequence_of_changes, ()) {
  const auto seed = *rc::gen::arbitrary<uint64_t>();
  const auto mask = *rc::gen::elementOf(kMasks);
  const auto cache_bytes = *rc::gen::elementOf(kCacheBytes);
  const auto length = *rc::gen::inRange(0, 400);
  const auto steps = *rc::gen::container<std::vector<uint32_t>>(static_cast<size_t>(length),
                                                                rc::gen::inRange<uint32_t>(0, 16));
  const auto longest_walk = *rc::gen::elementOf(kLongestWalks);
  const auto idle = *rc::gen::elementOf(kIdleClasses);
  Comparison comparison(seed, {.cache_bytes = cache_bytes,
                               .longest_walk = longest_walk,
                               .idle_classes = idle,
                               .position_mask = mask});
  for (const uint32_t step : steps) comparison.step(step);
  comparison.check_insertion_order();
}

}  // namespace
}  // namespace phoenix
