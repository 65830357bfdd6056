// What is told of the slots is what the ring's rule says of them.
#include "api/ring/slot_keepers.h"

#include <gtest/gtest.h>

#include <array>

namespace phoenix {
namespace {

RingKey test_key() {
  RingKey key;
  for (uint8_t i = 0; i < 16; ++i) key.bytes[i] = i;
  return key;
}

std::string written(const SlotKeepers& keepers) {
  std::string text;
  json::Writer writer(text);
  writer.begin_object();
  keepers.write(writer);
  writer.end_object();
  return text;
}

TEST(SlotKeepers, are_one_host_where_there_is_no_other) {
  const std::array hosts = {HostWeight{"alone", 1}};
  const SlotKeepers keepers(test_key(), hosts);
  EXPECT_EQ(keepers.of(0), "alone");
  EXPECT_EQ(keepers.of(kSlots - 1), "alone");
  EXPECT_EQ(written(keepers), R"({"keepers":[{"host":"alone","slots":4096}]})");
}

TEST(SlotKeepers, are_nobody_where_no_host_has_weight) {
  const std::array hosts = {HostWeight{"gateway", 0}};
  const SlotKeepers keepers(test_key(), hosts);
  EXPECT_EQ(keepers.of(7), "");
  EXPECT_EQ(written(keepers), R"({"keepers":[]})");
}

TEST(SlotKeepers, share_the_slots_by_the_rings_rule) {
  const std::array hosts = {HostWeight{"a", 100}, HostWeight{"gateway", 0}, HostWeight{"b", 300}};
  const SlotKeepers keepers(test_key(), hosts);
  SlotMap map(test_key());
  for (const HostWeight& host : hosts) map.add(host.name, host.weight);
  uint32_t of_a = 0;
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    ASSERT_EQ(keepers.of(slot), map.id(map.keeper(slot)));
    of_a += keepers.of(slot) == "a";
  }
  EXPECT_NEAR(of_a, 1024, 4 * 27.7);
  EXPECT_EQ(keepers.kept_by("a"), of_a);
  EXPECT_EQ(keepers.kept_by("b"), kSlots - of_a);
  EXPECT_EQ(keepers.kept_by("gateway"), 0u);
  EXPECT_EQ(keepers.kept_by("unknown"), 0u);
  EXPECT_EQ(written(keepers), R"({"keepers":[{"host":"a","slots":)" + std::to_string(of_a) +
                                  R"(},{"host":"b","slots":)" + std::to_string(kSlots - of_a) +
                                  "}]}");
}

}  // namespace
}  // namespace phoenix
