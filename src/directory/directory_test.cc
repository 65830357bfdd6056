// The tables of members and sessions, and when a session's silence ends it.
#include "directory/directory.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace phoenix {
namespace {

std::shared_ptr<const MemberRecord> member(const std::string& id) {
  auto record = std::make_shared<MemberRecord>();
  record->key = MemberKey("default", id);
  return record;
}
std::shared_ptr<const SessionRecord> session(const std::string& id, uint32_t lease_seconds = 3,
                                             std::optional<uint32_t> grace_ms = std::nullopt) {
  auto record = std::make_shared<SessionRecord>();
  record->id = id;
  record->lease_seconds = lease_seconds;
  record->grace_ms = grace_ms;
  return record;
}

TEST(Directory, FindsByKeyAndGivesNumbersAgain) {
  Directory directory;
  const MemberNo a = directory.add_member(member("a"));
  const MemberNo b = directory.add_member(member("b"));
  EXPECT_NE(a, b);
  EXPECT_EQ(directory.find_member(MemberKey("default", "a")), a);
  EXPECT_EQ(directory.find_member(MemberKey("other", "a")), kNobody);
  Member* const stands = &directory.member(b);
  directory.member(a).work.make().held.push_back(7);
  directory.drop_member(a);
  EXPECT_EQ(directory.find_member(MemberKey("default", "a")), kNobody);
  EXPECT_FALSE(directory.has_member(a));
  EXPECT_EQ(directory.members(), 1U);
  const MemberNo c = directory.add_member(member("c"));
  EXPECT_EQ(c, a);
  EXPECT_TRUE(directory.member(c).work->held.empty());  // nothing of its former life
  for (int i = 0; i < 1000; ++i) directory.add_member(member("m" + std::to_string(i)));
  EXPECT_EQ(&directory.member(b), stands);
  EXPECT_EQ(directory.members_in_order().front(), b);
}

TEST(Directory, KeepsSessionsLikewise) {
  Directory directory;
  const SessionNo one = directory.add_session(session("s1"));
  const SessionNo two = directory.add_session(session("s2"));
  EXPECT_EQ(directory.find_session("s2"), two);
  directory.drop_session(one);
  EXPECT_EQ(directory.find_session("s1"), kNobody);
  EXPECT_FALSE(directory.has_session(one));
  EXPECT_EQ(directory.session_numbers(), 2U);
  EXPECT_EQ(directory.add_session(session("s3")), one);
}

TEST(Directory, KnowsWhichHomesHaveSessionsAndWhoHasNoHome) {
  const HostLife a{"a", 1};
  const HostLife b{"b", 1};
  const auto at = [](const std::string& id, const HostLife& home) {
    auto record = std::make_shared<SessionRecord>(*session(id));
    record->home = home;
    return record;
  };
  Directory directory;
  const SessionNo one = directory.add_session(at("s1", a));
  const SessionNo two = directory.add_session(at("s2", a));
  directory.replace_session(one, at("s1", a));
  directory.replace_session(two, at("s2", b));
  EXPECT_TRUE(directory.has_sessions_of(a) && directory.has_sessions_of(b));
  directory.drop_session(one);
  EXPECT_FALSE(directory.has_sessions_of(a));
  EXPECT_TRUE(directory.has_sessions_of(b));

  const MemberNo no = directory.add_member(member("m"));
  EXPECT_TRUE(directory.manual_members().empty());
  auto manual = std::make_shared<MemberRecord>(*member("m"));
  manual->manual = true;
  directory.replace_member(no, manual);
  EXPECT_EQ(directory.manual_members(), std::set<MemberNo>{no});
  directory.replace_member(no, member("m"));
  EXPECT_TRUE(directory.manual_members().empty());
  directory.replace_member(no, manual);
  directory.drop_member(no);
  EXPECT_TRUE(directory.manual_members().empty());
}

TEST(SessionExpiry, IsOneLeaseFromTheLastCall) {
  Session silent;
  silent.record = session("s", 3);
  silent.attached.make().heard_at = Instant{} + seconds(10);
  EXPECT_EQ(silent.expires(), Instant{} + seconds(13));
  silent.attached.make().broken_at =
      Instant{} + seconds(10);  // without a grace only silence counts
  EXPECT_EQ(silent.expires(), Instant{} + seconds(13));
}

TEST(SessionExpiry, OfABrokenStreamIsTwiceTheGrace) {
  Session broken;
  broken.record = session("s", 60, 250);
  broken.attached.make().heard_at = Instant{} + seconds(10);
  EXPECT_EQ(broken.expires(), Instant{} + seconds(70));
  broken.attached.make().broken_at = Instant{} + seconds(20);
  EXPECT_EQ(broken.expires(), Instant{} + milliseconds(20'500));
  broken.attached.make().heard_at = Instant{} + seconds(21);  // a call after the break
  EXPECT_EQ(broken.expires(), Instant{} + milliseconds(21'500));
  broken.attached.make().streams = 1;  // a new one is open
  EXPECT_EQ(broken.expires(), Instant{} + seconds(81));
}

TEST(Directory, KeepsEntriesWhereTheyAre) {
  Directory directory;
  std::vector<const Member*> members;
  for (int i = 0; i < 300; ++i) {
    MemberRecord record;
    record.key = MemberKey("ns", "m-" + std::to_string(i));
    const MemberNo no = directory.add_member(std::make_shared<const MemberRecord>(record));
    ASSERT_EQ(no, static_cast<MemberNo>(i));
    members.push_back(&directory.member(no));
  }
  for (MemberNo no = 0; no < 300; ++no) EXPECT_EQ(&directory.member(no), members[no]);
}

TEST(MemberList, HoldsFewAndMany) {
  for (uint32_t count = 0; count < 40; ++count) {
    MemberList list;
    std::vector<MemberNo> model;
    for (uint32_t no = 0; no < count; ++no) {
      list.push_back(no * 7);
      model.push_back(no * 7);
    }
    EXPECT_EQ(std::vector<MemberNo>(list), model);
    EXPECT_EQ(list.size(), count);
    MemberList moved = std::move(list);
    EXPECT_EQ(std::vector<MemberNo>(moved), model);
    moved.clear();
    EXPECT_TRUE(moved.empty());
    moved.push_back(1);
    EXPECT_EQ(moved.size(), 1U);
  }
}

TEST(Rare, ReadsAsOneThatWasJustMade) {
  Rare<MemberWork> work;
  EXPECT_EQ(work.get(), nullptr);
  EXPECT_EQ(work->drain_until, kNever);
  EXPECT_TRUE(work->none(Instant{}));
  work.make().incoming = 2;
  EXPECT_EQ(work->incoming, 2U);
  EXPECT_FALSE(work->none(Instant{}));
  work.reset();
  EXPECT_EQ(work->incoming, 0U);
}

}  // namespace
}  // namespace phoenix
