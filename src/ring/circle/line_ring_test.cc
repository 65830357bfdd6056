// The ring's lines against a sorted array, through growing and shrinking: at sizes that move all
// lines at once, and at those that move a few with each change.
#include "ring/circle/line_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/prng.h"
#include "ring/circle/line_search.h"

namespace phoenix::ring {
namespace {

class LineRingTest : public testing::Test {
 protected:
  MemberIndex add_member(uint32_t weight) {
    RingMember record;
    record.ns = "default";
    record.id = "m" + std::to_string(made_++);
    record.weight = weight;
    record.capabilities = some_names();
    return members_->add(record);
  }
  // Up to three of twelve.
  std::vector<std::string> some_names() {
    std::set<std::string> names;
    for (uint64_t left = names_.below(4); left > 0; --left) {
      names.insert("c" + std::to_string(names_.below(12)));
    }
    return {names.begin(), names.end()};
  }
  void use_mask(Position mask) {
    members_.emplace(key_, mask, capabilities_);
    ring_.emplace(*members_);
  }
  void insert(MemberIndex index) {
    const auto vnodes = members_->vnodes_of(index);
    ring_->insert(vnodes);
    sorted_.insert(sorted_.end(), vnodes.begin(), vnodes.end());
  }
  void erase(MemberIndex index) {
    ring_->erase(members_->vnodes_of(index));
    std::erase_if(sorted_, [index](const Vnode& v) { return v.member == index; });
  }
  MemberIndex expected(Position position) const {
    const auto at = std::lower_bound(sorted_.begin(), sorted_.end(), position,
                                     [](const Vnode& v, Position p) { return v.position < p; });
    return at == sorted_.end() ? sorted_.front().member : at->member;
  }
  // Owners at, before and behind many v-nodes, and a whole turn from somewhere.
  void check(Prng& prng) {
    members_->sort(sorted_);
    ASSERT_EQ(ring_->size(), sorted_.size());
    if (sorted_.empty()) return;
    std::vector<Position> positions = {0, 1, ~Position{0}, Position{1} << 31};
    for (int i = 0; i < 300; ++i) {
      const Position at = sorted_[prng.below(sorted_.size())].position;
      for (const Position p : {at - 1, at, at + 1}) positions.push_back(p);
      positions.push_back(static_cast<Position>(prng.next()));
    }
    std::vector<MemberIndex> owners(positions.size());
    ring_->owners(positions, owners);
    for (size_t i = 0; i < positions.size(); ++i) {
      ASSERT_EQ(ring_->owner(positions[i]), expected(positions[i])) << positions[i];
      ASSERT_EQ(owners[i], expected(positions[i])) << positions[i];
    }
    const Position from = positions[prng.below(positions.size())];
    auto at = std::lower_bound(sorted_.begin(), sorted_.end(), from,
                               [](const Vnode& v, Position p) { return v.position < p; });
    LineRing::Cursor cursor(*ring_, from);
    size_t seen = 0;
    for (Vnode vnode; cursor.next(vnode); ++seen, ++at) {
      if (at == sorted_.end()) at = sorted_.begin();
      ASSERT_EQ(vnode.position, at->position) << seen;
      ASSERT_EQ(vnode.member, at->member) << seen;
    }
    ASSERT_EQ(seen, sorted_.size());
    for (const Position p : positions) ASSERT_NO_FATAL_FAILURE(check_first(p, 1 + seen % 20));
    for (int i = 0; i < 4 && !ring_->moving(); ++i) {
      const Position p = positions[prng.below(positions.size())];
      ASSERT_NO_FATAL_FAILURE(check_search(p, prng));
    }
  }
  // It passes over no line that has what is sought, and over most others where that is rare.
  void check_search(Position from, Prng& prng) {
    const uint64_t signature = members_->signatures()[sorted_[prng.below(sorted_.size())].member];
    const bool any = prng.chance(1, 2);
    std::vector<MemberIndex> wanted;
    const auto keep = [&](std::vector<MemberIndex>& kept, MemberIndex member) {
      const uint64_t common = members_->signatures()[member] & signature;
      if (any ? common != 0 : common == signature) kept.push_back(member);
    };
    LineRing::Cursor cursor(*ring_, from);
    for (Vnode vnode; cursor.next(vnode);) keep(wanted, vnode.member);
    std::vector<MemberIndex> found;
    LineRing::Search search(*ring_, from, signature, any);
    std::array<MemberIndex, 3 * Line::kCopied> out;
    size_t seen = 0;
    while (!search.over()) {
      const unsigned taken = search.take(out.data() + Line::kCopied);
      for (unsigned i = 0; i < taken; ++i) keep(found, out[Line::kCopied + i]);
      seen += taken;
    }
    ASSERT_EQ(found, wanted);
    if (wanted.size() * 100 >= sorted_.size()) return;
    sought_in_ += sorted_.size();
    read_ += seen;
  }
  // What is handed out of a few lines is how the turn begins.
  void check_first(Position from, size_t wanted) {
    std::array<MemberIndex, LineRing::kFirst> out;
    const auto first = ring_->first(from, wanted, out);
    if (first.empty()) return;
    ++firsts_;
    ASSERT_GE(first.size(), wanted);
    std::optional<LineRing::Cursor> cursor(std::in_place, *ring_, from);
    for (size_t i = 0; i < first.size(); ++i) {
      Vnode vnode;
      if (!cursor->next(vnode)) {  // a small ring, and more than once round
        cursor.emplace(*ring_, from);
        ASSERT_TRUE(cursor->next(vnode));
      }
      ASSERT_EQ(first[i], vnode.member) << from << ' ' << i;
    }
  }
  void grow_and_shrink(size_t members, uint32_t weight, size_t checks, uint64_t seed) {
    Prng prng(seed);
    std::vector<MemberIndex> present;
    for (size_t i = 0; i < members; ++i) {
      present.push_back(add_member(1 + static_cast<uint32_t>(prng.below(2 * weight))));
      insert(present.back());
      if (i % (members / checks) == 0) ASSERT_NO_FATAL_FAILURE(check(prng));
    }
    ASSERT_NO_FATAL_FAILURE(check(prng));
    prng.shuffle(present);
    for (size_t i = 0; i < members; ++i) {
      erase(present[i]);
      if (i % (members / checks) == 0) ASSERT_NO_FATAL_FAILURE(check(prng));
    }
    ASSERT_NO_FATAL_FAILURE(check(prng));
    EXPECT_EQ(ring_->size(), 0u);
    EXPECT_LE(ring_->bytes(), 1024u * 1024);
  }

  RingKey key_{{1, 2, 3}};
  Capabilities capabilities_{key_};
  std::optional<Members> members_{std::in_place, key_, ~Position{0}, capabilities_};
  std::optional<LineRing> ring_{std::in_place, *members_};
  std::vector<Vnode> sorted_;
  int made_ = 0;
  Prng names_{9};
  // Of searches for what one v-node in a hundred has at most: all v-nodes, and those read.
  size_t sought_in_ = 0;
  size_t read_ = 0;
  size_t firsts_ = 0;  // walks that began with the members of a few lines
};

TEST_F(LineRingTest, agrees_with_a_sorted_array_while_it_moves_at_once) {
  grow_and_shrink(200, 20, 100, 1);
  EXPECT_GT(firsts_, 10'000u);
}

TEST_F(LineRingTest, agrees_with_a_sorted_array_while_it_moves_in_steps) {
  grow_and_shrink(4000, 100, 50, 2);
  EXPECT_GT(sought_in_, 100'000u);
  EXPECT_LT(read_ * 2, sought_in_);
}

TEST_F(LineRingTest, finds_the_capabilities_that_a_member_has_now) {
  Prng prng(5);
  std::vector<MemberIndex> present;
  for (int i = 0; i < 150; ++i) {
    present.push_back(add_member(100));
    insert(present.back());
  }
  for (int i = 0; i < 300; ++i) {
    const MemberIndex index = present[prng.below(present.size())];
    RingMember record;
    record.ns = "default";
    record.capabilities = some_names();
    members_->set_capabilities(index, record);
    ring_->mark(members_->vnodes_of(index));
    if (i % 30 == 0) ASSERT_NO_FATAL_FAILURE(check(prng));
  }
}

TEST_F(LineRingTest, keeps_every_vnode_where_nearly_all_positions_are_equal) {
  use_mask(0xf0000001);
  grow_and_shrink(60, 10, 30, 3);
}

TEST_F(LineRingTest, built_at_once_is_what_it_is_built_one_by_one) {
  struct Case {
    int members;
    Position mask;
  };
  // The last two have half of the circle for all: lines that nobody has, and those that spill.
  for (const auto& [members, mask] :
       {Case{1, ~Position{0}}, Case{20, ~Position{0}}, Case{700, ~Position{0}},
        Case{700, 0xff000003}, Case{20, 0x7fffffff}, Case{300, 0x7fffffff}}) {
    use_mask(mask);
    sorted_.clear();
    for (int i = 0; i < members; ++i) {
      members_->append_vnodes(add_member(100), 0, 128, sorted_);
    }
    Prng prng(4);
    std::vector<Vnode> shuffled = sorted_;
    prng.shuffle(shuffled);
    ring_->build(shuffled);
    ASSERT_NO_FATAL_FAILURE(check(prng)) << members;
  }
}

TEST_F(LineRingTest, takes_at_most_17_bytes_a_vnode_at_any_size) {
  for (const int members : {300, 1000, 1100, 3000}) {
    std::vector<Vnode> vnodes;
    while (made_ < members) add_member(100);
    for (int i = 0; i < members; ++i) {
      members_->append_vnodes(static_cast<MemberIndex>(i), 0, 128, vnodes);
    }
    const size_t size = vnodes.size();
    ring_->build(vnodes);
    EXPECT_LE(ring_->bytes(), size * 17) << members;
  }
}

}  // namespace
}  // namespace phoenix::ring
