// Rows made by tests/ring_reference.py, which shares no code with us: points, windows and owners.
#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <sstream>

#include "ring/placement.h"

namespace phoenix {
namespace {

std::string decoded(const std::string& text) {
  std::string bytes;
  if (text == "-") return bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes.push_back(text[i]);
      continue;
    }
    bytes.push_back(static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)));
    i += 2;
  }
  return bytes;
}

std::vector<std::string> decoded_list(const std::string& text) {
  std::vector<std::string> names;
  if (text == "-") return names;
  std::istringstream fields(text);
  for (std::string name; std::getline(fields, name, ',');) names.push_back(decoded(name));
  return names;
}

struct Pool {
  RingKey key;
  struct Row {
    RingMember record;
    uint32_t load = 0;
    bool open = true;
  };
  std::vector<Row> rows;
  std::vector<MemberIndex> indexes;    // by row
  std::optional<Placement> placement;  // once the first packet asks

  // Every second pool joins its members backwards.
  void fill(bool backwards) {
    placement.emplace(key);
    indexes.resize(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      const size_t at = backwards ? rows.size() - 1 - i : i;
      indexes[at] = placement->join(rows[at].record);
      placement->add_load(indexes[at], rows[at].load);
      placement->set_open(indexes[at], rows[at].open);
    }
  }
};

void read_key(std::istream& fields, RingKey& key) {
  std::string text;
  fields >> text;
  for (size_t i = 0; i < key.bytes.size(); ++i) {
    key.bytes[i] = static_cast<uint8_t>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
  }
}

void read_member(std::istream& fields, Pool& pool) {
  std::string ns, id, capabilities;
  Pool::Row row;
  RingMember& record = row.record;
  fields >> ns >> id >> record.weight >> record.max_load >> record.trust >> record.reliability >>
      row.load >> row.open >> capabilities;
  record.ns = decoded(ns);
  record.id = decoded(id);
  record.capabilities = decoded_list(capabilities);
  pool.rows.push_back(row);
}

void check_vnodes(std::istream& fields, const Pool& pool) {
  Position first = 0, last = 0;
  fields >> first >> last;
  const RingMember& member = pool.rows.back().record;
  EXPECT_EQ(vnode_position(pool.key, member.ns, member.id, 0), first);
  EXPECT_EQ(vnode_position(pool.key, member.ns, member.id, vnode_count(member.weight) - 1), last);
}

void check_packet(std::istream& fields, Pool& pool) {
  std::string ns, match, required_text, salt, avoid, window_text, owner;
  PlaceQuery query;
  Position point = 0;
  fields >> ns >> match >> required_text >> salt >> query.k >> query.load >> query.nearest_first >>
      avoid >> point >> window_text >> owner;
  const std::vector<std::string> required = decoded_list(required_text);
  query.point = packet_position(pool.key, decoded(ns), required, decoded(salt));
  ASSERT_EQ(query.point, point);
  Placement& placement = *pool.placement;
  query.cls = placement.intern(decoded(ns), required, match == "all" ? Match::kAll : Match::kAny);
  if (avoid != "-") query.avoid = pool.indexes[std::stoul(avoid)];

  std::istringstream expected(window_text == "-" ? "" : window_text);
  std::string candidate_text;
  for (const Candidate& candidate : placement.window(query)) {
    ASSERT_TRUE(std::getline(expected, candidate_text, ','));
    const size_t at = candidate_text.find('@');
    EXPECT_EQ(placement.id(candidate.member), decoded(candidate_text.substr(0, at)));
    EXPECT_EQ(std::to_string(candidate.vnode), candidate_text.substr(at + 1));
  }
  EXPECT_FALSE(std::getline(expected, candidate_text, ','));
  const auto chosen = placement.place(query);
  ASSERT_EQ(chosen.has_value(), owner != "-");
  if (chosen) EXPECT_EQ(placement.id(*chosen), decoded(owner));
}

TEST(Placement, agrees_with_the_reference_on_every_golden_row) {
  std::ifstream file(PHOENIX_CORPUS "/placement.txt");
  std::optional<Pool> pool;
  int pools = 0, packets = 0;
  for (std::string line; std::getline(file, line);) {
    SCOPED_TRACE(line);
    std::istringstream fields(line);
    std::string kind;
    fields >> kind;
    if (kind == "pool") {
      pool.emplace();
      read_key(fields, pool->key);
      ++pools;
    } else if (kind == "member") {
      read_member(fields, *pool);
    } else if (kind == "vnodes") {
      check_vnodes(fields, *pool);
    } else if (kind == "packet") {
      if (!pool->placement) pool->fill(pools % 2 == 0);
      check_packet(fields, *pool);
      ++packets;
    }
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(pools, 20);
  EXPECT_EQ(packets, 1000);
}

}  // namespace
}  // namespace phoenix
