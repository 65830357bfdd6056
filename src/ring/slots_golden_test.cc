// Logarithms and keepers of slots as the reference has them, for any order of hosts.
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/prng.h"
#include "ring/slots.h"
#include "ring/test_golden.h"

namespace phoenix {
namespace {

struct Pool {
  RingKey key;
  std::vector<std::pair<std::string, uint32_t>> hosts;
  std::vector<SlotMap> maps;  // of the same hosts in several orders, once the first slot asks

  void fill() {
    Prng prng(hosts.size());
    for (int order = 0; order < 4; ++order) {
      SlotMap& map = maps.emplace_back(key);
      for (const auto& [id, weight] : hosts) map.add(id, weight);
      prng.shuffle(hosts);
    }
  }
};

std::string keeper_name(const SlotMap& map, uint32_t slot) {
  const SlotMap::HostNo no = map.keeper(slot);
  return no == SlotMap::kNobody ? "" : std::string(map.id(no));
}

void check_map(std::istream& fields, const Pool& pool) {
  std::string expected;
  fields >> expected;
  for (const SlotMap& map : pool.maps) {
    std::string whole;
    for (uint32_t slot = 0; slot < kSlots; ++slot) whole += keeper_name(map, slot) + "\n";
    EXPECT_EQ(siphash13(pool.key, whole), std::stoull(expected, nullptr, 16));
  }
}

void check_slot(std::istream& fields, const Pool& pool) {
  uint32_t slot = 0;
  std::string keeper;
  fields >> slot >> keeper;
  for (const SlotMap& map : pool.maps) EXPECT_EQ(keeper_name(map, slot), golden::decoded(keeper));
}

TEST(SlotMap, agrees_with_the_reference_on_every_golden_row) {
  Pool pool;
  std::map<std::string, int> rows;  // by kind
  std::ifstream file(PHOENIX_CORPUS "/slots.txt");
  golden::for_each_row(file, [&](const std::string& line) {
    SCOPED_TRACE(line);
    std::istringstream fields(line);
    std::string kind;
    fields >> kind;
    ++rows[kind];
    if (kind == "log") {
      uint64_t x = 0, expected = 0;
      fields >> x >> expected;
      EXPECT_EQ(negative_log2(x), expected);
    } else if (kind == "pool") {
      pool = Pool{};
      pool.key = golden::read_key(fields);
    } else if (kind == "host") {
      std::string id;
      uint32_t weight = 0;
      fields >> id >> weight;
      pool.hosts.emplace_back(golden::decoded(id), weight);
    } else {
      EXPECT_EQ(golden::read_key(fields).bytes, pool.key.bytes);
      if (pool.maps.empty()) pool.fill();
      kind == "slot" ? check_slot(fields, pool) : check_map(fields, pool);
    }
    return !testing::Test::HasFatalFailure();
  });
  EXPECT_EQ(rows["log"], 100);
  EXPECT_GE(rows["pool"], 13);
  EXPECT_GE(rows["slot"], 200);
  EXPECT_GE(rows["map"], 5);
  EXPECT_EQ(rows.size(), 5u);
}

}  // namespace
}  // namespace phoenix
