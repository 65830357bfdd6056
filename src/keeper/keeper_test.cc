// Parking, timers and the table of packets, each against a naive twin.
// rapidcheck needs gtest before it.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/time.h"
#include "keeper/packet_table.h"
#include "keeper/parking.h"
#include "keeper/timers.h"

namespace phoenix {
namespace {

PacketPtr head(const std::string& id, int32_t priority = 0, WallMs deadline = kNoWall,
               uint32_t load = 1) {
  PacketSpec spec;
  spec.priority = priority;
  spec.deadline = deadline;
  spec.load = load;
  Packet packet;
  packet.key = PacketKey("default", id);
  packet.spec = std::make_shared<const PacketSpec>(std::move(spec));
  return std::make_shared<const Packet>(std::move(packet));
}

// --- PacketTable ---

RC_GTEST_PROP(PacketTable, agrees_with_a_map, ()) {
  PacketTable table{RingKey{}};
  std::map<std::string, SlotNo> twin;
  std::set<SlotNo> used;
  std::map<SlotNo, uint32_t> lives;
  uint64_t last_age = 0;
  const int steps = *rc::gen::inRange(1, 3000);
  // Few ids and many steps: gaps open and close in every run of the index.
  uint64_t state = *rc::gen::arbitrary<uint64_t>();
  for (int i = 0; i < steps; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const std::string id = "p" + std::to_string((state >> 33) % 1500);
    const auto known = twin.find(id);
    RC_ASSERT(table.find(PacketKey("default", id)) ==
              (known == twin.end() ? kNoSlot : known->second));
    if (known == twin.end()) {
      const SlotNo no = table.add(head(id), 3);
      RC_ASSERT(table[no].used);
      RC_ASSERT(table[no].age > last_age);
      last_age = table[no].age;
      RC_ASSERT(table[no].life == ++lives[no]);
      RC_ASSERT(table[no].owner == ~uint32_t{0});
      table[no].owner = 7;  // what a next life must not see
      table[no].queued = true;
      RC_ASSERT(used.insert(no).second);  // nobody else's
      twin[id] = no;
    } else {
      table.drop(known->second);
      RC_ASSERT(!table[known->second].used);
      used.erase(known->second);
      twin.erase(known);
    }
    RC_ASSERT(table.size() == twin.size());
  }
  for (const auto& [id, no] : twin) RC_ASSERT(table.find(PacketKey("default", id)) == no);
}

TEST(PacketTable, TellsNamespacesApart) {
  PacketTable table{RingKey{}};
  const SlotNo no = table.add(head("p"), 0);
  EXPECT_EQ(table.find(PacketKey("default", "p")), no);
  EXPECT_EQ(table.find(PacketKey("other", "p")), kNoSlot);
  EXPECT_EQ(PacketTable{RingKey{}}.find(PacketKey("default", "p")), kNoSlot);
}

// --- Parking ---

// What the order is, said once more.
std::tuple<int64_t, WallMs, uint64_t> urgency(const Slot& slot) {
  const PacketSpec& spec = *slot.head->spec;
  return {-int64_t{spec.priority},
          spec.deadline == kNoWall ? std::numeric_limits<WallMs>::max() : spec.deadline, slot.age};
}

RC_GTEST_PROP(Parking, gives_room_to_the_most_urgent_that_fits, ()) {
  PacketTable table{RingKey{}};
  Parking parking;
  std::set<SlotNo> waiting;
  const int steps = *rc::gen::inRange(1, 80);
  for (int i = 0; i < steps; ++i) {
    if (waiting.empty() || *rc::gen::inRange(0, 3) > 0) {
      const auto priority = *rc::gen::inRange(-2, 3);
      const auto deadline = *rc::gen::inRange(0, 3);
      const auto load = *rc::gen::inRange<uint32_t>(1, 4);
      const auto cls = *rc::gen::inRange<uint32_t>(0, 3);
      const SlotNo no = table.add(
          head("p" + std::to_string(i), priority, deadline == 0 ? kNoWall : deadline, load), cls);
      parking.add(table[no], no);
      parking.add(table[no], no);  // once is enough
      waiting.insert(no);
    } else {
      auto it = waiting.begin();
      std::advance(it, *rc::gen::inRange<size_t>(0, waiting.size()));
      parking.remove(table[*it], *it);
      parking.remove(table[*it], *it);
      waiting.erase(it);
    }
    RC_ASSERT(parking.size() == waiting.size());
    const auto room = *rc::gen::inRange<uint32_t>(0, 4);
    const auto served = *rc::gen::inRange<uint32_t>(0, 8);
    const auto serves = [&](ClassId cls) { return ((served >> cls) & 1) != 0; };
    std::optional<SlotNo> wanted;
    std::map<ClassId, std::vector<SlotNo>> queues;
    for (const SlotNo no : waiting) queues[table[no].cls].push_back(no);
    for (auto& [cls, queue] : queues) {
      std::sort(queue.begin(), queue.end(),
                [&](SlotNo a, SlotNo b) { return urgency(table[a]) < urgency(table[b]); });
      RC_ASSERT(parking.blocked(cls, table[queue[0]].head->spec->load));
      if (!serves(cls)) continue;
      const size_t depth = std::min<size_t>(queue.size(), Parking::kDepth);
      for (size_t at = 0; at < depth; ++at) {
        if (table[queue[at]].head->spec->load > room) continue;
        if (!wanted || urgency(table[queue[at]]) < urgency(table[*wanted])) wanted = queue[at];
        break;
      }
    }
    RC_ASSERT(parking.best(room, serves) == wanted);
  }
}

TEST(Parking, OnlyALargerOneDoesNotBlock) {
  PacketTable table{RingKey{}};
  Parking parking;
  const SlotNo no = table.add(head("p", 0, kNoWall, 3), 1);
  EXPECT_FALSE(parking.blocked(1, 9));
  parking.add(table[no], no);
  EXPECT_TRUE(parking.blocked(1, 3));
  EXPECT_FALSE(parking.blocked(1, 2));
  EXPECT_FALSE(parking.blocked(2, 3));
}

// --- Timers ---

RC_GTEST_PROP(Timers, come_up_in_order_and_all_of_them, ()) {
  Timers<Instant> timers;
  std::multiset<std::tuple<int64_t, uint32_t, uint32_t>> twin;
  const int steps = *rc::gen::inRange(1, 200);
  for (int i = 0; i < steps; ++i) {
    if (*rc::gen::inRange(0, 3) > 0) {
      const auto at = *rc::gen::inRange<int64_t>(0, 20);
      const auto what = *rc::gen::inRange<uint32_t>(0, 4);
      timers.add(Instant{at}, what, static_cast<uint32_t>(i));
      twin.emplace(at, what, static_cast<uint32_t>(i));
    }
    RC_ASSERT(timers.size() == twin.size());
    RC_ASSERT(timers.empty() == twin.empty());
    const Instant now{*rc::gen::inRange<int64_t>(0, 25)};
    RC_ASSERT(timers.due(now) == (!twin.empty() && std::get<0>(*twin.begin()) <= now.ns));
    if (twin.empty() || *rc::gen::arbitrary<bool>()) continue;
    RC_ASSERT(timers.next() == Instant{std::get<0>(*twin.begin())});
    const auto entry = timers.pop();
    RC_ASSERT(std::tuple(entry.at.ns, entry.what, entry.life) == *twin.begin());
    twin.erase(twin.begin());
  }
}

}  // namespace
}  // namespace phoenix
