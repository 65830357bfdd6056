// The ring as one would write it in ten minutes: all v-nodes in a sorted list, made anew for every
// set of members, and answers found by walking it. What the property tests hold the real one
// against.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "ring/placement.h"

namespace phoenix {

struct NaiveRing {
  struct Entry {
    RingMember record;
    uint32_t load = 0;
    bool open = true;
  };
  using Point = std::tuple<Position, std::string, std::string, uint32_t, MemberIndex>;

  bool matches(const Entry& e, const RingMember& wanted, Match match) const {
    const auto has = [&e](const std::string& c) {
      return std::count(e.record.capabilities.begin(), e.record.capabilities.end(), c) > 0;
    };
    const auto& need = wanted.capabilities;
    if (e.record.ns != wanted.ns) return false;
    if (need.empty()) return true;
    return match == Match::kAll ? std::all_of(need.begin(), need.end(), has)
                                : std::any_of(need.begin(), need.end(), has);
  }
  const std::vector<Point>& points() const {
    std::vector<std::tuple<MemberIndex, std::string, std::string, uint32_t>> set;
    for (const auto& [index, e] : members) {
      set.emplace_back(index, e.record.ns, e.record.id, e.record.weight);
    }
    if (set == sorted_set) return sorted;
    sorted_set = std::move(set);
    sorted.clear();
    for (const auto& [index, ns, id, weight] : sorted_set) {
      for (uint32_t r = 0; r < vnode_count(weight); ++r) {
        sorted.emplace_back(vnode_position(key, ns, id, r) & mask, ns, id, r, index);
      }
    }
    std::sort(sorted.begin(), sorted.end());
    vnodes_sorted += sorted.size();
    return sorted;
  }
  // Calls with each point of one turn, beginning at a position, until that says false.
  template <typename Visit>
  void turn(Position from, Visit visit) const {
    const auto& all = points();
    const auto ahead = std::find_if(all.begin(), all.end(),
                                    [from](const Point& p) { return std::get<0>(p) >= from; });
    const auto go_on = [&](const Point& p) { return visit(std::get<0>(p), std::get<4>(p)); };
    if (std::all_of(ahead, all.end(), go_on)) std::all_of(all.begin(), ahead, go_on);
  }
  MemberIndex owner(Position from) const {
    MemberIndex first = kNoMember;
    turn(from, [&first](Position, MemberIndex index) {
      first = index;
      return false;
    });
    return first;
  }
  // Distinct matching members in walk order, each with the position where it was met.
  std::vector<std::pair<MemberIndex, Position>> walk(Position from, const RingMember& wanted,
                                                     Match match) const {
    std::vector<std::pair<MemberIndex, Position>> met;
    std::set<MemberIndex> known;
    turn(from, [&](Position position, MemberIndex index) {
      if (known.insert(index).second && matches(members.at(index), wanted, match)) {
        met.emplace_back(index, position);
      }
      return known.size() < members.size();
    });
    return met;
  }
  bool eligible(MemberIndex index, uint32_t load) const {
    const Entry& e = members.at(index);
    return e.open && uint64_t{e.load} + load <= e.record.max_load;
  }
  bool better(MemberIndex a, MemberIndex b) const {
    const auto parts = [this](MemberIndex index) {
      const Entry& e = members.at(index);
      return std::pair<uint64_t, uint64_t>(uint64_t{e.record.reliability} * e.record.trust * 1000,
                                           1000 + uint64_t{e.load} * 1000 / e.record.max_load);
    };
    const auto [a_up, a_down] = parts(a);
    const auto [b_up, b_down] = parts(b);
    if (a_up * b_down != b_up * a_down) return a_up * b_down > b_up * a_down;
    const RingMember& x = members.at(a).record;
    const RingMember& y = members.at(b).record;
    return std::tie(x.ns, x.id) < std::tie(y.ns, y.id);
  }
  std::optional<MemberIndex> place(const PlaceQuery& q, const RingMember& wanted,
                                   Match match) const {
    std::vector<MemberIndex> window;
    bool avoided = false;
    for (const auto& [index, position] : walk(q.point, wanted, match)) {
      if (!eligible(index, q.load)) continue;
      if (q.permit != nullptr && !q.permit->may(index)) continue;
      if (index == q.avoid) avoided = true;
      if (index != q.avoid) window.push_back(index);
    }
    if (window.empty()) return avoided ? std::optional(q.avoid) : std::nullopt;
    const size_t k = q.nearest_first ? 1 : q.k;
    if (window.size() > k) window.resize(k);
    return *std::min_element(window.begin(), window.end(),
                             [this](MemberIndex a, MemberIndex b) { return better(a, b); });
  }

  RingKey key;
  Position mask = ~Position{0};
  std::map<MemberIndex, Entry> members{};

  // The list made last, and for whom.
  mutable std::vector<std::tuple<MemberIndex, std::string, std::string, uint32_t>> sorted_set{};
  mutable std::vector<Point> sorted{};
  mutable size_t vnodes_sorted = 0;  // by all lists so far: what the naive way has cost
};

}  // namespace phoenix
