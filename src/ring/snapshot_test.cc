#include "ring/snapshot.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/prng.h"

namespace phoenix {
namespace {

RingMember member(const std::string& id) {
  RingMember record;
  record.ns = "default";
  record.id = id;
  return record;
}

TEST(RingSnapshot, keeps_the_ring_as_it_was) {
  Placement placement(RingKey{{5}});
  EXPECT_EQ(placement.snapshot()->owner(7), kNoMember);
  std::vector<MemberIndex> members;
  for (int i = 0; i < 50; ++i) members.push_back(placement.join(member("m" + std::to_string(i))));
  const auto before = placement.snapshot();
  Prng prng(1);
  std::vector<std::pair<Position, MemberIndex>> owners;
  for (int i = 0; i < 1000; ++i) {
    const auto position = static_cast<Position>(prng.next());
    owners.emplace_back(position, placement.owner(position));
  }
  for (int i = 0; i < 25; ++i) placement.leave(members[2 * static_cast<size_t>(i)]);
  placement.join(member("another"));
  EXPECT_EQ(before->vnodes(), 50u * 128);
  EXPECT_EQ(placement.snapshot()->vnodes(), 26u * 128);
  for (const auto& [position, owner] : owners) EXPECT_EQ(before->owner(position), owner);
  EXPECT_EQ(before->id(members[0]), "m0");
  EXPECT_EQ(before->id(members[49]), "m49");
  EXPECT_EQ(before->ns(members[7]), "default");
}

TEST(RingSnapshot, is_the_same_one_until_something_changes) {
  Placement placement(RingKey{{5}});
  const MemberIndex index = placement.join(member("a"));
  const auto first = placement.snapshot();
  placement.add_load(index, 1);
  EXPECT_EQ(placement.snapshot(), first);
  RingMember heavier = member("a");
  heavier.weight = 200;
  placement.update(index, heavier);
  EXPECT_NE(placement.snapshot(), first);
  EXPECT_EQ(placement.snapshot()->vnodes(), 256u);
}

// Under the thread sanitizer this says that readers share nothing with the ring that changes.
TEST(RingSnapshot, is_read_by_others_while_the_ring_changes) {
  Placement placement(RingKey{{5}});
  for (int i = 0; i < 100; ++i) placement.join(member("m" + std::to_string(i)));
  const auto snapshot = placement.snapshot();
  std::atomic<bool> done = false;
  std::atomic<uint64_t> wrong = 0;
  const MemberIndex expected = snapshot->owner(12345);
  std::thread reader([&] {
    do {
      if (snapshot->owner(12345) != expected || snapshot->id(expected).empty()) ++wrong;
    } while (!done);
  });
  for (int i = 0; i < 200; ++i) placement.leave(placement.join(member("x" + std::to_string(i))));
  done = true;
  reader.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace phoenix
