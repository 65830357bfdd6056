// Points, lookups, windows and owners as the reference has them, for any order of joining.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <set>

#include "base/prng.h"
#include "ring/placement.h"
#include "ring/test_golden.h"

namespace phoenix {
namespace {

constexpr int kOrders = 4;  // as listed, backwards, and two that are drawn

// The same members, joined in one of these orders.
struct Twin {
  std::unique_ptr<Placement> placement;
  std::vector<MemberIndex> indexes;  // by row
  std::vector<Placement::VnodeRef> circle;
};

struct Pool {
  struct Row {
    RingMember record;
    uint32_t load = 0;
    bool open = true;
  };
  RingKey key;
  Position mask = 0;
  std::vector<Row> rows;
  std::vector<Twin> twins;  // once the first lookup asks

  void fill() {
    std::vector<size_t> order(rows.size());
    std::iota(order.begin(), order.end(), size_t{0});
    Prng prng(rows.size());
    for (int number = 0; number < kOrders; ++number) {
      if (number == 1) std::reverse(order.begin(), order.end());
      if (number > 1) prng.shuffle(order);
      fill(order);
    }
  }

  void fill(const std::vector<size_t>& order) {
    PlacementOptions options;
    options.position_mask = mask;
    Twin twin{std::make_unique<Placement>(key, options), std::vector<MemberIndex>(rows.size()), {}};
    for (const size_t at : order) {
      twin.indexes[at] = twin.placement->join(rows[at].record);
      twin.placement->add_load(twin.indexes[at], rows[at].load);
      twin.placement->set_open(twin.indexes[at], rows[at].open);
    }
    twin.circle = twin.placement->all_vnodes();
    twins.push_back(std::move(twin));
  }
};

void read_member(std::istream& fields, Pool& pool) {
  std::string ns, id, state, capabilities;
  Pool::Row row;
  RingMember& record = row.record;
  fields >> ns >> id >> record.weight >> record.max_load >> record.trust >> record.reliability >>
      row.load >> state >> capabilities;
  row.open = state == "open";
  record.ns = golden::decoded(ns);
  record.id = golden::decoded(id);
  record.capabilities = golden::decoded_list(capabilities);
  pool.rows.push_back(row);
}

void check_vnodes(std::istream& fields, const Pool& pool) {
  Position first = 0, last = 0;
  fields >> first >> last;
  const RingMember& member = pool.rows.back().record;
  const uint32_t count = vnode_count(member.weight);
  EXPECT_EQ(vnode_position(pool.key, member.ns, member.id, 0) & pool.mask, first);
  EXPECT_EQ(vnode_position(pool.key, member.ns, member.id, count - 1) & pool.mask, last);
}

void check_lookup(std::istream& fields, const Pool& pool) {
  Position point = 0;
  std::string ns, id, vnode;
  fields >> point >> ns >> id >> vnode;
  for (const Twin& twin : pool.twins) {
    ASSERT_EQ(twin.circle.empty(), id == "-");
    if (twin.circle.empty()) continue;
    const auto at = std::lower_bound(
        twin.circle.begin(), twin.circle.end(), point,
        [](const Placement::VnodeRef& a, Position position) { return a.position < position; });
    const auto& found = at == twin.circle.end() ? twin.circle.front() : *at;
    EXPECT_EQ(std::to_string(found.position), vnode);
    EXPECT_EQ(twin.placement->ns(found.member), golden::decoded(ns));
    EXPECT_EQ(twin.placement->id(found.member), golden::decoded(id));
  }
}

// What the reference expects of one packet.
struct Expected {
  std::vector<std::string> window;  // id@vnode, percent-encoded
  std::string owner;
};

void check_window(const Placement& placement, const PlaceQuery& query, const Expected& expected) {
  const auto window = placement.window(query);
  ASSERT_EQ(window.size(), expected.window.size());
  for (size_t i = 0; i < window.size(); ++i) {
    const std::string& candidate = expected.window[i];
    const size_t at = candidate.find('@');
    EXPECT_EQ(placement.id(window[i].member), golden::decoded(candidate.substr(0, at)));
    EXPECT_EQ(std::to_string(window[i].vnode), candidate.substr(at + 1));
  }
}

void check_packet(std::istream& fields, Pool& pool) {
  std::string ns, match, required_text, salt, avoid, window_text, owner;
  PlaceQuery query;
  Position point = 0;
  fields >> ns >> match >> required_text >> salt >> query.k >> query.load >> query.nearest_first >>
      avoid >> point >> window_text >> owner;
  const std::vector<std::string> required = golden::decoded_list(required_text);
  query.point = packet_position(pool.key, golden::decoded(ns), required, golden::decoded(salt));
  ASSERT_EQ(query.point, point);
  Expected expected{{}, golden::decoded(owner)};
  std::istringstream window(window_text == "-" ? "" : window_text);
  for (std::string text; std::getline(window, text, ',');) expected.window.push_back(text);

  for (const Twin& twin : pool.twins) {
    Placement& placement = *twin.placement;
    query.cls =
        placement.intern(golden::decoded(ns), required, match == "all" ? Match::kAll : Match::kAny);
    query.avoid = avoid == "-" ? kNoMember : twin.indexes[std::stoul(avoid)];
    check_window(placement, query, expected);
    const auto chosen = placement.place(query);
    ASSERT_EQ(chosen.has_value(), owner != "-");
    if (chosen) EXPECT_EQ(placement.id(*chosen), expected.owner);
  }
}

TEST(Placement, agrees_with_the_reference_on_every_golden_row) {
  Pool pool;
  std::map<std::string, int> rows;  // by kind
  std::ifstream file(PHOENIX_CORPUS "/placement.txt");
  golden::for_each_row(file, [&](const std::string& line) {
    SCOPED_TRACE(line);
    std::istringstream fields(line);
    std::string kind;
    fields >> kind;
    ++rows[kind];
    if (kind == "pool") {
      pool = Pool{};
      pool.key = golden::read_key(fields);
      fields >> pool.mask;
    } else if (kind == "member") {
      read_member(fields, pool);
    } else if (kind == "vnodes") {
      check_vnodes(fields, pool);
    } else {
      EXPECT_EQ(golden::read_key(fields).bytes, pool.key.bytes);
      if (pool.twins.empty()) pool.fill();
      kind == "lookup" ? check_lookup(fields, pool) : check_packet(fields, pool);
    }
    return !testing::Test::HasFatalFailure();
  });
  EXPECT_EQ(rows["pool"], 20);
  EXPECT_EQ(rows["packet"], 1000);
  EXPECT_GE(rows["lookup"], 400);
  EXPECT_EQ(rows.size(), 5u);
}

}  // namespace
}  // namespace phoenix
