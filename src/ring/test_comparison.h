// Reads bytes as a sequence of changes and questions, and puts it to the real ring and to the naive
// one, which must agree on every answer. The property test draws such bytes, the fuzz target grows
// them, and what either finds can be kept as a file. See run_comparison().
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <set>
#include <span>

#include "ring/naive_ring.h"
#include "ring/placement.h"
#include "ring/test_sharers.h"

namespace phoenix {

class ByteSource {
 public:
  explicit ByteSource(std::span<const uint8_t> bytes) : left_(bytes) {}
  bool empty() const { return left_.empty(); }
  // A number from 0 to bound - 1, made of as many bytes as it takes; 0 where they are used up.
  uint64_t below(uint64_t bound) {
    uint64_t value = 0;
    for (uint64_t range = 1; range < bound && !left_.empty(); range <<= 8) {
      value = value << 8 | left_.front();
      left_ = left_.subspan(1);
    }
    return bound == 0 ? 0 : value % bound;
  }
  bool chance(uint64_t numerator, uint64_t denominator) { return below(denominator) < numerator; }
  template <typename T, size_t N>
  T one_of(const std::array<T, N>& values) {
    return values[below(N)];
  }

 private:
  std::span<const uint8_t> left_;
};

// Told what is wrong; does not come back.
using ReportDisagreement = std::function<void(const std::string&)>;

struct Effort {
  size_t vnodes;         // ends when the naive ring has made so many
  uint32_t most_weight;  // of a member
};

class Comparison {
 public:
  // The first bytes choose what kind of ring it is. shared: other placements use its catalogue.
  Comparison(ByteSource& source, const Effort& effort, ReportDisagreement report, bool shared)
      : source_(source),
        effort_(effort),
        report_(std::move(report)),
        setting_(draw_setting(source, shared)) {
    if (shared) sharers_.emplace(setting_.key, setting_.options);
    if (setting_.most_members > 100) fill(source.below(256));
  }

  // What it has cost so far, in v-nodes of the naive ring.
  size_t work() const { return naive_.vnodes_sorted; }

  void step() {
    if (sharers_) sharers_->step(naive_);
    switch (source_.below(20)) {
      case 0:
      case 1:
        return join();
      case 2:
        return with_member([this](MemberIndex m) { leave(m); });
      case 3:
        return with_member([this](MemberIndex m) { update(m); });
      case 4:
        return with_member([this](MemberIndex m) { set_open(m); });
      case 5:
        return with_member([this](MemberIndex m) { add_load(m); });
      case 6:
      case 7:
        return intern();
      case 8:
        return release();
      case 9:
        return check_facts();
      case 10:
        return check_windows();
      case 11:
        return many([this] { join(); });
      case 12:
        return many([this] { with_member([this](MemberIndex m) { leave(m); }); });
      case 13:
        return many([this] { with_member([this](MemberIndex m) { update(m); }); });
      case 14:
        return check_owners();
      case 15:
        return leave_room_with_few();
      default:
        return place();
    }
  }

  // The same members in another order must give the same answers and the same circle.
  void check_insertion_order() {
    PlacementOptions options = setting_.options;
    options.catalogue = nullptr;
    Placement other(setting_.key, options);
    std::vector<MemberIndex> order;
    for (const auto& [index, entry] : naive_.members) order.push_back(index);
    for (size_t left = order.size(); left > 1; --left) {
      std::swap(order[left - 1], order[source_.below(left)]);
    }
    if (source_.empty()) std::reverse(order.begin(), order.end());
    std::map<MemberIndex, MemberIndex> twin;
    for (const MemberIndex index : order) {
      const auto& entry = naive_.members.at(index);
      twin[index] = other.join(entry.record);
      other.add_load(twin[index], entry.load);
      other.set_open(twin[index], entry.open);
    }
    const auto circle = real_.all_vnodes();
    const auto other_circle = other.all_vnodes();
    const auto& points = naive_.points();
    check(circle.size() == points.size(), "the circle's size");
    check(other_circle.size() == points.size(), "the circle's size in another order");
    for (size_t i = 0; i < circle.size(); ++i) {
      check(circle[i].position == std::get<0>(points[i]), "a v-node's position");
      check(circle[i].replica == std::get<3>(points[i]), "a v-node's replica");
      check(circle[i].member == std::get<4>(points[i]), "a v-node's member");
      check(other_circle[i].member == twin[circle[i].member], "a v-node in another order");
    }
    for (const KnownClass& known : classes_) {
      PlaceQuery query = draw_query(known);
      const auto here = real_.place(query);
      query.cls = other.intern(known.wanted.ns, known.wanted.capabilities, known.match);
      if (query.avoid != kNoMember) query.avoid = twin[query.avoid];
      const auto there = other.place(query);
      check(here.has_value() == there.has_value(), "a placement in another order");
      if (here) check(twin[*here] == *there, "an owner in another order");
    }
  }

 private:
  struct KnownClass {
    ClassId id;
    RingMember wanted;
    Match match;
  };

  struct Kind {
    size_t most_members;
    std::array<uint32_t, 6> weights;
    std::array<Position, 3> masks;
  };
  static constexpr std::array<Kind, 4> kKinds = {{
      {6, {1, 100, 100, 137, 3000, 10000}, {~Position{0}, ~Position{0}, 0xffff0000}},
      {14, {1, 1, 2, 3, 5, 100}, {~Position{0}, 0xf0000000, 0xc0000003}},
      {14, {1, 1, 2, 3, 5, 8}, {0x0000001f, 0x00ff0000, 0}},
      {400, {1, 1, 2, 3, 5, 8}, {~Position{0}, 0xf0000000, 0xfff00000}},
  }};

  struct Setting {
    RingKey key;
    PlacementOptions options;
    std::array<uint32_t, 6> weights;
    size_t most_members;
    std::string id_prefix;  // where there are hundreds
    bool many_capabilities;
  };

  static Setting draw_setting(ByteSource& source, bool shared) {
    Setting setting{};
    for (uint8_t& byte : setting.key.bytes) byte = static_cast<uint8_t>(source.below(2));
    setting.options.position_mask = source.one_of(
        std::array<Position, 5>{~Position{0}, 0xf0000000, 0x0000001f, 0xc0000003, 0x00ff0000});
    setting.options.cache_bytes =
        source.one_of(std::array<size_t, 4>{0, 1500, 20000, size_t{256} << 20});
    setting.options.longest_walk = source.one_of(std::array<uint64_t, 3>{8192, 0, 30});
    setting.options.idle_classes = source.one_of(std::array<size_t, 4>{0, 1, 5, 16384});
    // Where many v-nodes have one position, or nearly, each change goes through all of them, which
    // the secret key lets nobody bring about: there the weights are small.
    const Kind kind = source.one_of(kKinds);
    setting.weights = kind.weights;
    setting.most_members = kind.most_members;
    setting.options.position_mask = source.one_of(kind.masks);
    setting.id_prefix = source.one_of(std::array{"m", "a-longer-name-"});
    setting.many_capabilities = source.chance(1, 3);
    if (shared) {
      setting.options.catalogue = shared_catalogue(setting.key, setting.options.position_mask);
    }
    return setting;
  }

  void check(bool holds, const char* what) {
    if (!holds) report_(what);
  }

  std::vector<std::string> draw_capabilities(uint64_t most) {
    std::set<std::string> drawn;
    for (uint64_t n = source_.below(most + 1); n > 0; --n) {
      if (setting_.many_capabilities && source_.chance(1, 2)) {
        drawn.insert("c" + std::to_string(source_.below(90)));
      } else {
        drawn.insert(source_.one_of(std::array{"", "a", "ab", "b", "\xff", "x"}));
      }
    }
    return {drawn.begin(), drawn.end()};
  }
  std::string draw_ns() { return source_.chance(1, 5) ? "other" : "default"; }
  uint32_t draw_thousandths() {
    return source_.chance(1, 2) ? 1000 : static_cast<uint32_t>(source_.below(1001));
  }
  void draw_figures(RingMember& record) {
    record.weight = std::min(effort_.most_weight, source_.one_of(setting_.weights));
    record.max_load = static_cast<uint32_t>(1 + source_.below(4));
    record.trust = draw_thousandths();
    record.reliability = draw_thousandths();
    record.capabilities = draw_capabilities(5);
  }
  MemberIndex draw_member() {
    const auto& members = naive_.members;
    if (members.empty()) return kNoMember;
    return std::next(members.begin(), static_cast<int64_t>(source_.below(members.size())))->first;
  }
  void with_member(const std::function<void(MemberIndex)>& action) {
    if (const MemberIndex index = draw_member(); index != kNoMember) action(index);
  }
  void many(const std::function<void()>& action) {
    for (uint64_t n = source_.below(64); n > 0 && !source_.empty(); --n) action();
  }
  // Anywhere, or at or beside a v-node, where mistakes are.
  Position draw_point() {
    if (!naive_.members.empty() && source_.chance(1, 2)) {
      const auto& points = naive_.points();
      const Position at = std::get<0>(points[source_.below(points.size())]);
      return at + source_.one_of(std::array<Position, 3>{0, 1, ~Position{0}});
    }
    return static_cast<Position>(source_.below(uint64_t{1} << 32));
  }
  PlaceQuery draw_query(const KnownClass& known) {
    PlaceQuery query;
    query.point = draw_point();
    query.cls = known.id;
    query.load = static_cast<uint32_t>(source_.below(4));
    query.k = static_cast<uint32_t>(source_.one_of(std::array{1, 2, 3, 8, 12, 40, 1000}));
    query.nearest_first = source_.chance(1, 5);
    if (source_.chance(1, 4)) query.avoid = draw_member();
    return query;
  }

  void join() {
    if (naive_.members.size() >= setting_.most_members) return;
    RingMember record;
    record.ns = draw_ns();
    if (setting_.most_members > 100) {
      record.id = setting_.id_prefix + std::to_string(source_.below(1000));
    } else {
      record.id = source_.one_of(std::array{"m", "m-", "\xc3\xa9", "a-longer-name-"});
      record.id += std::string(source_.below(5), '1');
    }
    for (const auto& [index, entry] : naive_.members) {
      if (entry.record.ns == record.ns && entry.record.id == record.id) return;
    }
    draw_figures(record);
    const MemberIndex index = real_.join(record);
    check(!naive_.members.contains(index), "a member's number is given twice");
    naive_.members[index].record = record;
  }
  // As many as no sequence would get to step by step.
  void fill(uint64_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      RingMember record;
      record.ns = "default";
      record.id = setting_.id_prefix + std::to_string(i);
      record.weight = std::min(effort_.most_weight, setting_.weights[i % setting_.weights.size()]);
      record.max_load = 1 + i % 3;
      if (i % 2 == 0) record.capabilities.emplace_back("a");
      if (i % 7 == 0) record.capabilities.emplace_back("ab");
      if (i % 31 == 0) record.capabilities.emplace_back("x");
      naive_.members[real_.join(record)].record = record;
    }
  }
  void leave(MemberIndex index) {
    real_.leave(index);
    naive_.members.erase(index);
  }
  void update(MemberIndex index) {
    RingMember record = naive_.members.at(index).record;
    const RingMember before = record;
    draw_figures(record);
    if (source_.chance(1, 2)) record.weight = before.weight;
    if (source_.chance(1, 2)) record.capabilities = before.capabilities;
    auto entry = naive_.members.extract(index);
    entry.key() = real_.update(index, record);
    entry.mapped().record = record;
    check(naive_.members.insert(std::move(entry)).inserted, "a member's number is given twice");
  }
  void set_open(MemberIndex index) {
    const bool open = source_.chance(2, 3);
    real_.set_open(index, open);
    naive_.members.at(index).open = open;
  }
  void add_load(MemberIndex index) {
    uint32_t& load = naive_.members.at(index).load;
    const uint32_t wanted = static_cast<uint32_t>(source_.below(load + 3));
    real_.add_load(index, int64_t{wanted} - load);
    load = wanted;
    check(real_.load(index) == load, "a load");
  }
  // All others are full or closed; or at last all have room again.
  void leave_room_with_few() {
    const uint64_t few = source_.below(6);
    std::set<MemberIndex> spared;
    for (uint64_t n = few; n > 0; --n) spared.insert(draw_member());
    const bool closed = source_.chance(1, 3);
    for (auto& [index, entry] : naive_.members) {
      const bool full = few > 0 && !spared.contains(index);
      const uint32_t load = full && !closed ? entry.record.max_load : 0;
      real_.add_load(index, int64_t{load} - entry.load);
      real_.set_open(index, !full || !closed);
      entry.load = load;
      entry.open = !full || !closed;
    }
  }
  void intern() {
    KnownClass known{0, {}, source_.chance(1, 3) ? Match::kAny : Match::kAll};
    known.wanted.ns = draw_ns();
    known.wanted.capabilities = draw_capabilities(3);
    known.id = real_.intern(known.wanted.ns, known.wanted.capabilities, known.match);
    classes_.push_back(known);
  }
  void release() {
    if (classes_.empty()) return;
    const size_t at = source_.below(classes_.size());
    real_.release(classes_[at].id);
    classes_.erase(classes_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void check_facts() {
    check(real_.members() == naive_.members.size(), "the number of members");
    check(real_.vnodes() == naive_.points().size(), "the number of v-nodes");
    for (const KnownClass& known : classes_) {
      size_t capable = 0;
      std::set<std::string> missing(known.wanted.capabilities.begin(),
                                    known.wanted.capabilities.end());
      for (const auto& [index, entry] : naive_.members) {
        const bool matches = naive_.matches(entry, known.wanted, known.match);
        check(real_.matches(index, known.id) == matches, "whether a member matches");
        if (matches) ++capable;
        const std::string_view why = real_.why_not(index, known.id, 1);
        check(why.empty() == (matches && naive_.eligible(index, 1)), "why a member may not");
        if (entry.record.ns != known.wanted.ns) continue;
        for (const std::string& name : entry.record.capabilities) missing.erase(name);
      }
      check(real_.capable(known.id) == capable, "the number of capable members");
      check(real_.missing(known.id) == std::vector<std::string>(missing.begin(), missing.end()),
            "the missing capabilities");
      check(real_.ns_of(known.id) == known.wanted.ns, "a class's namespace");
    }
  }
  void check_windows() {
    for (const KnownClass& known : classes_) {
      const PlaceQuery query = draw_query(known);
      auto expected = naive_.walk(query.point, known.wanted, known.match);
      if (expected.size() > query.k) expected.resize(query.k);
      const auto window = real_.window(query);
      check(window.size() == expected.size(), "a window's size");
      const auto chosen = real_.place(query);
      for (size_t i = 0; i < window.size(); ++i) {
        const MemberIndex member = expected[i].first;
        check(window[i].member == member, "a window's member");
        check(window[i].vnode == expected[i].second, "where a member was met");
        const bool able =
            naive_.eligible(member, query.load) && (member != query.avoid || chosen == query.avoid);
        check(window[i].eligible == able, "who in a window is eligible");
        check(window[i].reason.empty() == able, "why not");
      }
    }
  }
  void check_owners() {
    std::vector<Position> positions;
    for (uint64_t n = source_.below(20); n > 0; --n) positions.push_back(draw_point());
    std::vector<MemberIndex> owners(positions.size(), 0);
    real_.owners(positions, owners);
    for (size_t i = 0; i < positions.size(); ++i) {
      const MemberIndex expected = naive_.owner(positions[i]);
      check(real_.owner(positions[i]) == expected, "an owner");
      check(owners[i] == expected, "one of many owners");
    }
  }
  void place() {
    if (classes_.empty()) return;
    const KnownClass& known = classes_[source_.below(classes_.size())];
    const PlaceQuery query = draw_query(known);
    const auto chosen = real_.place(query);
    check(chosen == naive_.place(query, known.wanted, known.match), "a placement");
    if (!chosen || source_.chance(1, 2)) return;
    real_.add_load(*chosen, query.load);
    naive_.members.at(*chosen).load += query.load;
  }

  ByteSource& source_;
  Effort effort_;
  ReportDisagreement report_;
  Setting setting_;
  Placement real_{setting_.key, setting_.options};
  NaiveRing naive_{.key = setting_.key, .mask = setting_.options.position_mask};
  std::vector<KnownClass> classes_;
  std::optional<Sharers> sharers_;
};

// Goes through the bytes within an effort.
inline void run_comparison(std::span<const uint8_t> bytes, const Effort& effort,
                           const ReportDisagreement& report, bool shared = false) {
  ByteSource source(bytes);
  Comparison comparison(source, effort, report, shared);
  while (!source.empty() && comparison.work() < effort.vnodes) comparison.step();
  comparison.check_insertion_order();
}

}  // namespace phoenix
