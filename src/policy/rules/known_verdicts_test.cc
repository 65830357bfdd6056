#include "policy/rules/known_verdicts.h"

#include <gtest/gtest.h>

namespace phoenix::policy {
namespace {

bool allows(const KnownVerdicts::Row& row, uint32_t member) {
  return (row.allowed()[member / 64] >> member % 64 & 1) != 0;
}

TEST(KnownVerdicts, keep_what_was_said_of_a_member_until_it_is_to_be_forgotten) {
  KnownVerdicts known;
  const auto row = known.row(7, 130);
  EXPECT_EQ(row->room(), 192U);
  for (const uint32_t member : {0U, 63U, 64U, 129U}) {
    EXPECT_FALSE(allows(*row, member) || row->denies(member));
    row->keep(member, Verdict::kRequireApproval);
    EXPECT_FALSE(allows(*row, member) || row->denies(member)) << "what somebody may lift is asked";
    row->keep(member, member % 2 == 0 ? Verdict::kAllow : Verdict::kDeny);
    EXPECT_EQ(allows(*row, member), member % 2 == 0);
    EXPECT_EQ(row->denies(member), member % 2 != 0);
  }
  known.forget(63);
  known.forget(64);
  EXPECT_FALSE(row->denies(63) || allows(*row, 64));
  EXPECT_TRUE(allows(*row, 0) && row->denies(129)) << "others stay";
  EXPECT_EQ(known.row(7, 192), row);
}

TEST(KnownVerdicts, have_nothing_of_whom_there_is_no_room_for) {
  KnownVerdicts known;
  const auto row = known.row(0, 0);
  row->keep(0, Verdict::kDeny);
  row->forget(5);
  EXPECT_FALSE(row->denies(0));
  EXPECT_TRUE(row->allowed().empty());
}

TEST(KnownVerdicts, forget_in_the_rows_of_all_classes) {
  KnownVerdicts known;
  const auto one = known.row(1, 10);
  const auto other = known.row(2, 10);
  one->keep(3, Verdict::kAllow);
  other->keep(3, Verdict::kDeny);
  EXPECT_FALSE(one->denies(3)) << "classes have nothing in common";
  known.forget(3);
  EXPECT_FALSE(allows(*one, 3) || other->denies(3));
  one->keep(4, Verdict::kAllow);
  known.forget_all();
  EXPECT_FALSE(allows(*known.row(1, 10), 4));
}

TEST(KnownVerdicts, grow_by_doubling_and_leave_who_reads_an_earlier_row_alone) {
  KnownVerdicts known;
  const auto small = known.row(1, 64);
  small->keep(9, Verdict::kAllow);
  const auto larger = known.row(1, 65);
  EXPECT_EQ(larger->room(), 128U);
  EXPECT_FALSE(allows(*larger, 9)) << "it is asked again";
  EXPECT_TRUE(allows(*small, 9));
  // Another class with the same place.
  EXPECT_NE(known.row(1 + KnownVerdicts::kRows, 65), larger);
  EXPECT_EQ(known.row(1 + KnownVerdicts::kRows, 65)->packet_class(), 1 + KnownVerdicts::kRows);
  EXPECT_FALSE(allows(*known.row(1, 65), 9));
}

}  // namespace
}  // namespace phoenix::policy
