// The stored forms of members and sessions: all of it comes back, nothing else is taken.
#include <gtest/gtest.h>

#include "directory/member.h"

namespace phoenix {
namespace {

MemberRecord full_member() {
  MemberRecord record;
  record.key = MemberKey("ns", "ocr-1");
  record.kind = MemberKind::kHuman;
  record.capabilities = {"ocr", "pdf"};
  record.weight = 10'000;
  record.max_load = 1'000'000;
  record.trust = 999;
  record.reliability = 0;
  record.compliance = {"pii"};
  record.labels = {{"empty", ""}, {"zone", "a"}};
  record.manual = true;
  record.status = MemberStatus::kDraining;
  record.reason = "drain";
  record.incarnation = UINT64_MAX;
  record.revision = 7;
  record.session = "ses_1";
  record.registered_by = "token a";
  record.joined_at = 1;
  record.updated_at = 2;
  record.drain_deadline = 3;
  return record;
}

SessionRecord full_session() {
  SessionRecord record;
  record.id = "ses_1";
  record.ns = "ns";
  record.generation = 3;
  record.lease_seconds = 3600;
  record.grace_ms = 250;
  record.state = SessionState::kReplaced;
  record.members = {{"a", 1}, {"b", UINT64_MAX}};
  record.registered_by = "token a";
  record.revision = 9;
  record.ended_at = 5;
  return record;
}

TEST(MemberEncoding, every_field_of_a_member_comes_back) {
  const MemberRecord record = full_member();
  const std::string bytes = encode_member(record);
  const auto back = decode_member(bytes);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(back->key, record.key);
  EXPECT_EQ(back->kind, record.kind);
  EXPECT_EQ(back->capabilities, record.capabilities);
  EXPECT_EQ(back->weight, record.weight);
  EXPECT_EQ(back->max_load, record.max_load);
  EXPECT_EQ(back->trust, record.trust);
  EXPECT_EQ(back->reliability, record.reliability);
  EXPECT_EQ(back->compliance, record.compliance);
  EXPECT_EQ(back->labels, record.labels);
  EXPECT_EQ(back->manual, record.manual);
  EXPECT_EQ(back->status, record.status);
  EXPECT_EQ(back->reason, record.reason);
  EXPECT_EQ(back->incarnation, record.incarnation);
  EXPECT_EQ(back->revision, record.revision);
  EXPECT_EQ(back->session, record.session);
  EXPECT_EQ(back->registered_by, record.registered_by);
  EXPECT_EQ(back->joined_at, record.joined_at);
  EXPECT_EQ(back->updated_at, record.updated_at);
  EXPECT_EQ(back->drain_deadline, record.drain_deadline);
  EXPECT_EQ(encode_member(*back), bytes);
}

TEST(MemberEncoding, keys_come_back_and_cost_nothing_where_there_are_none) {
  MemberRecord record = full_member();
  const std::string without = encode_member(record);
  EXPECT_FALSE(decode_member(without)->has_keys());
  record.public_key = std::string(32, 'k');
  record.former_key = std::string(32, 'f');
  const std::string bytes = encode_member(record);
  const auto back = decode_member(bytes);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(back->public_key, record.public_key);
  EXPECT_EQ(back->next_key, "");
  EXPECT_EQ(back->former_key, record.former_key);
  EXPECT_EQ(bytes.substr(3, without.size() - 3), without.substr(3)) << "the rest is as ever";
  record.public_key = "short";
  EXPECT_FALSE(decode_member(encode_member(record)));
  record.public_key.clear();
  record.former_key.clear();
  EXPECT_EQ(encode_member(record), without) << "one form for each record";
}

TEST(MemberEncoding, who_is_still_to_be_certified_has_left) {
  MemberRecord record = full_member();
  record.status = MemberStatus::kRetired;
  for (const std::string& key : {std::string(), std::string(32, 'k')}) {
    record.public_key = key;
    record.uncertified = false;
    const std::string without = encode_member(record);
    record.uncertified = true;
    const std::string bytes = encode_member(record);
    EXPECT_EQ(bytes.size(), without.size() + 1);
    const auto back = decode_member(bytes);
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_TRUE(back->uncertified);
    EXPECT_FALSE(decode_member(without)->uncertified);
    EXPECT_FALSE(decode_member(bytes.substr(0, bytes.size() - 1) + '\xc2')) << "one form for each";
    record.status = MemberStatus::kActive;
    EXPECT_FALSE(decode_member(encode_member(record)));
    record.status = MemberStatus::kRetired;
  }
}

TEST(MemberEncoding, every_field_of_a_session_comes_back) {
  const SessionRecord record = full_session();
  const std::string bytes = encode_session(record);
  const auto back = decode_session(bytes);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(back->id, record.id);
  EXPECT_EQ(back->ns, record.ns);
  EXPECT_EQ(back->generation, record.generation);
  EXPECT_EQ(back->lease_seconds, record.lease_seconds);
  EXPECT_EQ(back->grace_ms, record.grace_ms);
  EXPECT_EQ(back->state, record.state);
  EXPECT_EQ(back->members, record.members);
  EXPECT_EQ(back->registered_by, record.registered_by);
  EXPECT_EQ(back->revision, record.revision);
  EXPECT_EQ(back->ended_at, record.ended_at);
  EXPECT_EQ(encode_session(*back), bytes);
  SessionRecord no_grace = record;
  no_grace.grace_ms.reset();
  EXPECT_FALSE(decode_session(encode_session(no_grace))->grace_ms);
  SessionRecord at_home = record;
  at_home.home = {"host-a", UINT64_MAX};
  EXPECT_EQ(decode_session(encode_session(at_home))->home, at_home.home);
  SessionRecord attached = record;
  attached.state = SessionState::kAttached;
  EXPECT_EQ(decode_session(encode_session(attached))->state, SessionState::kAttached);
}

// Every single changed byte: refused, or the canonical form of another record.
template <class Decode, class Encode>
void check_every_change(const std::string& bytes, Decode decode, Encode encode) {
  for (size_t at = 0; at < bytes.size(); ++at) {
    EXPECT_FALSE(decode(std::string_view(bytes).substr(0, at))) << "cut at " << at;
    for (int value = 0; value < 256; ++value) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(value);
      const auto back = decode(changed);
      if (back) {
        EXPECT_EQ(encode(*back), changed) << at << " " << value;
      }
    }
  }
  EXPECT_FALSE(decode(bytes + '\0'));
}

TEST(MemberEncoding, damaged_bytes_are_refused_or_canonical) {
  check_every_change(encode_member(full_member()), decode_member, encode_member);
  check_every_change(encode_session(full_session()), decode_session, encode_session);
  SessionRecord at_home = full_session();
  at_home.home = {"host-a", 7};
  check_every_change(encode_session(at_home), decode_session, encode_session);
}

TEST(MemberEncoding, values_out_of_range_are_refused) {
  const auto with = [](auto change) {
    MemberRecord record = full_member();
    change(record);
    return decode_member(encode_member(record)).has_value();
  };
  EXPECT_TRUE(with([](MemberRecord&) {}));
  EXPECT_FALSE(with([](MemberRecord& record) { record.weight = 0; }));
  EXPECT_FALSE(with([](MemberRecord& record) { record.weight = 10'001; }));
  EXPECT_FALSE(with([](MemberRecord& record) { record.max_load = 0; }));
  EXPECT_FALSE(with([](MemberRecord& record) { record.max_load = 1'000'001; }));
  EXPECT_FALSE(with([](MemberRecord& record) { record.trust = 1001; }));
  EXPECT_FALSE(with([](MemberRecord& record) { record.reliability = 1001; }));
  EXPECT_FALSE(with([](MemberRecord& record) { record.capabilities = {"b", "a"}; }));
  EXPECT_FALSE(with([](MemberRecord& record) { record.capabilities = {"a", "a"}; }));
  EXPECT_FALSE(with([](MemberRecord& record) { record.labels = {{"", "x"}}; }));
  EXPECT_FALSE(with([](MemberRecord& record) { record.key = MemberKey("ns", "a/b"); }));
  EXPECT_FALSE(with([](MemberRecord& record) {
    record.capabilities.clear();
    for (int i = 10'000; i < 14'097; ++i) record.capabilities.push_back(std::to_string(i));
  }));
  SessionRecord session = full_session();
  session.lease_seconds = 0;
  EXPECT_FALSE(decode_session(encode_session(session)));
  session.lease_seconds = 3601;
  EXPECT_FALSE(decode_session(encode_session(session)));
  session = full_session();
  session.members = {{"no id", 1}};
  EXPECT_FALSE(decode_session(encode_session(session)));
}

TEST(MemberEncoding, another_form_is_refused_by_name) {
  std::string bytes = encode_session(full_session());
  bytes[1] = 2;
  const auto back = decode_session(bytes);
  ASSERT_FALSE(back);
  EXPECT_NE(back.error().detail.find("form 2"), std::string::npos) << back.error().detail;
}

}  // namespace
}  // namespace phoenix
