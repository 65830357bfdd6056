// Refusals as entries: the first of a caller at once, the rest of its second counted, and none of
// callers that nobody knows. And what is said of hosts.
#include "node/governed/notes.h"

#include <gtest/gtest.h>

#include "node/admission/test_policies.h"
#include "node/test_answers.h"
#include "node/test_stage.h"

namespace phoenix {
namespace {

using lineage::ActorKind;
using lineage::EntryKind;
using testing_node::Stage;
using testing_node::StoreMode;

class NotesTest : public ::testing::Test {
 protected:
  std::vector<lineage::Entry> told(EntryKind kind) const {
    std::vector<lineage::Entry> found;
    for (const std::string& bytes : stage.records.log) {
      auto entry = lineage::decode<lineage::Entry>(bytes);
      EXPECT_TRUE(entry);
      if (entry && entry->kind == kind) found.push_back(*std::move(entry));
    }
    return found;
  }
  std::vector<lineage::Entry> refusals() const { return told(EntryKind::kRefusal); }
  // A call under an epoch that never was.
  void refuse(const Caller& caller, const std::string& packet = "p") {
    stage.own(caller, Stage::owner_call(Call::kComplete, packet, 9));
  }
  Stage stage;
};

TEST_F(NotesTest, TheFirstRefusalOfACallerIsAnEntryAtOnce) {
  const auto w = stage.join("w", {"a"});
  stage.submit("p", {"a"});
  refuse(Stage::token(w));
  const auto found = refusals();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].event, "refused");
  EXPECT_EQ(found[0].reason, "stale-epoch");
  EXPECT_EQ(found[0].actor, (lineage::Actor{ActorKind::kMember, "w"}));
  EXPECT_EQ(found[0].ns, "default");
  EXPECT_EQ(found[0].subject, "p");
  EXPECT_EQ(found[0].epoch, 1u);
  EXPECT_EQ(stage.node().stats().refused_callers, 1u);
}

TEST_F(NotesTest, TheRestOfItsSecondIsCountedAndIsOneMore) {
  const auto w = stage.join("w", {"a"});
  stage.submit("p", {"a"});
  for (int i = 0; i < 18; ++i) refuse(Stage::token(w));
  EXPECT_EQ(refusals().size(), 1u);
  stage.advance(milliseconds(1'100));
  auto found = refusals();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].event, "refused-again");
  EXPECT_EQ(found[1].revision, 17u);
  EXPECT_EQ(found[1].actor, (lineage::Actor{ActorKind::kMember, "w"}));
  // And so for each second after it, as long as it goes on.
  for (int i = 0; i < 3; ++i) refuse(Stage::token(w));
  EXPECT_EQ(refusals().size(), 2u);
  stage.advance(milliseconds(1'100));
  found = refusals();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[2].revision, 3u);
  stage.advance(milliseconds(2'200));
  refuse(Stage::token(w));
  found = refusals();
  ASSERT_EQ(found.size(), 4u) << "after a second of silence it is a first one again";
  EXPECT_EQ(found[3].event, "refused");
}

TEST_F(NotesTest, EachCallerHasASecondOfItsOwn) {
  const auto v = stage.join("v", {"b"});
  const auto w = stage.join("w", {"a"});
  stage.submit("p", {"a"});
  for (int i = 0; i < 2; ++i) {
    refuse(Stage::token(v));
    refuse(Stage::token(w));
    refuse(Stage::as("w", "stranger"));
  }
  const auto found = refusals();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].actor.name, "v");
  EXPECT_EQ(found[1].actor.name, "w");
  // Who only says that it speaks for w is not w.
  EXPECT_EQ(found[2].actor, (lineage::Actor{ActorKind::kToken, "stranger"}));
  EXPECT_EQ(found[2].reason, "forbidden");
}

TEST_F(NotesTest, WhoIsNotKnownIsCountedAlone) {
  stage.join("w", {"a"});
  stage.submit("p", {"a"});
  refuse(Caller{});
  Caller lost;
  lost.session = "ses_unknown";
  refuse(lost);
  stage.node().refused(stage.now(), Caller{}, "");
  stage.advance(milliseconds(1'100));
  EXPECT_TRUE(refusals().empty());
  EXPECT_GE(stage.node().stats().refused_unknown, 2u);
}

TEST_F(NotesTest, WhatAFaceHasRefusedIsOneOfThem) {
  Caller reader;
  reader.principal = "dashboard";
  for (int i = 0; i < 5; ++i) stage.node().refused(stage.now(), reader, "role-required");
  stage.tick();
  auto found = refusals();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].actor, (lineage::Actor{ActorKind::kToken, "dashboard"}));
  EXPECT_EQ(found[0].reason, "role-required");
  EXPECT_EQ(found[0].subject, "dashboard");
  stage.advance(milliseconds(1'100));
  found = refusals();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].revision, 4u);
}

TEST(RefusalBook, IsBounded) {
  RefusalBook book;
  for (size_t i = 0; i < RefusalBook::kMost; ++i) {
    EXPECT_TRUE(book.is_first({ActorKind::kToken, "", "t" + std::to_string(i)}, "no", Instant{}));
  }
  EXPECT_FALSE(book.is_first({ActorKind::kToken, "", "one more"}, "no", Instant{}));
  EXPECT_EQ(book.size(), RefusalBook::kMost);
  RefusalBook::Again again;
  EXPECT_FALSE(book.take_due(Instant{} + RefusalBook::kWindow, &again)) << "none was refused again";
  EXPECT_EQ(book.size(), 0u);
  EXPECT_EQ(book.next(), kNever);
}

TEST_F(NotesTest, WhatIsSaidOfAHostIsWrittenOnceTheStoreTakesIt) {
  lineage::Seed seed{};
  const auto pair = lineage::KeyPair::from_seed(seed);
  lineage::KeyChange added;
  added.role = lineage::KeyRole::kHost;
  added.key = pair.public_key();
  added.proof = lineage::sign(pair, lineage::KeyGrant{"pool", "h1", pair.public_key(), 1});
  stage.store(StoreMode::kRefuse);
  stage.node().note(stage.now(), {"h1", "key-added", "", std::nullopt, added});
  stage.node().note(stage.now(), {"h2", "equivocation", "fork", Digest{}, std::nullopt});
  stage.tick();
  EXPECT_TRUE(told(EntryKind::kKey).empty());
  stage.store(StoreMode::kWell);
  stage.advance(seconds(2));
  const auto keys = told(EntryKind::kKey);
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].subject, "h1");
  EXPECT_EQ(keys[0].ns, "");
  EXPECT_EQ(*keys[0].key, added);
  const auto hosts = told(EntryKind::kHost);
  ASSERT_EQ(hosts.size(), 1u);
  EXPECT_EQ(hosts[0].subject, "h2");
  EXPECT_EQ(hosts[0].reason, "fork");
}

// --- packets that policies hold back --------------------------------------------------------

class HeldNotesTest : public testing_node::PoliciesTest {
 protected:
  // By trust; each name is another set of policies.
  void keep_back(const std::string& rule) {
    lay_down("trust", R"({"target":"can-assign","defaultDecision":"allow","rules":[{"name":")" +
                          rule + R"(","decision":"deny","reason":"too little trust",)" +
                          R"("condition":"member.trustScore < 0.9","at":"policies/t.yaml:4:5"}]})");
  }
  std::vector<std::string> told() const {
    std::vector<std::string> found;
    for (const HistoryEntry& line : stage.records.history) {
      if (line.event == "policy-refused") found.push_back(line.to + " " + line.reason);
    }
    return found;
  }
};

TEST_F(HeldNotesTest, WhatAPolicyHoldsBackIsOneEntryWithTheWriteThatMakesItWait) {
  keep_back("r");
  testing_node::Worker w = join("w", 500);
  stage.submit("p", {"a"});
  const std::vector<std::string> once = {
      "w can-assign: too little trust (policy trust, rule r, policies/t.yaml:4:5)"};
  EXPECT_EQ(told(), once);
  const Group& made = stage.written.back();
  ASSERT_EQ(made.ops.size(), 2u);
  const auto* put = std::get_if<PutNote>(&made.ops[1]);
  ASSERT_NE(put, nullptr);
  const auto entry = lineage::decode<lineage::Entry>(put->entry.recorded);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->kind, EntryKind::kRefusal);
  EXPECT_EQ(entry->subject, "p");
  EXPECT_EQ(entry->reason, "denied-by-rule");
  ASSERT_TRUE(entry->policy);
  EXPECT_EQ(entry->account,
            R"({"point":"can-assign","decision":"deny","policy":"trust","rule":"r",)"
            R"("at":"policies/t.yaml:4:5","reason":"too little trust","member":"w"})");
  stage.advance(seconds(10));
  join("v", 400);
  EXPECT_EQ(told(), once) << "it is looked at again and again";
  stage.restart();
  stage.heartbeat(w);
  stage.advance(seconds(10));
  EXPECT_EQ(parked("p"), ParkReason::kPolicyDenied);
  EXPECT_EQ(told(), once) << "and after a restart";
}

TEST_F(HeldNotesTest, WhatBeginsToWaitLaterIsToldThen) {
  keep_back("r");
  stage.submit("p", {"a"});
  EXPECT_EQ(parked("p"), ParkReason::kNoCapableMember);
  join("w", 500);
  EXPECT_EQ(parked("p"), ParkReason::kPolicyDenied);
  stage.advance(seconds(10));
  EXPECT_EQ(told().size(), 1u);
  keep_back("other");
  stage.advance(seconds(10));
  EXPECT_EQ(told().size(), 2u) << "another rule is another reason";
  for (int i = 0; i < 40; ++i) keep_back("r" + std::to_string(i));
  stage.advance(seconds(10));
  EXPECT_EQ(told().size(), HeldNotes::kMostOfOne);
}

TEST_F(HeldNotesTest, AnEntryThatTheStoreRefusedIsWrittenLater) {
  keep_back("r");
  stage.submit("p", {"a"});
  join("w", 500);
  stage.advance(milliseconds(300));
  const size_t before = told().size();
  keep_back("other");
  stage.store(StoreMode::kRefuse);
  stage.advance(seconds(3));
  stage.store(StoreMode::kWell);
  stage.advance(seconds(3));
  EXPECT_GE(told().size(), before + 1);
  EXPECT_NE(told().back().find("rule other"), std::string::npos);
  const size_t after = told().size();
  stage.advance(seconds(5));
  EXPECT_EQ(told().size(), after);
}

TEST_F(HeldNotesTest, WhoWasRefusedToRegisterStandsThereAsItAsked) {
  lay_down("door", R"({"target":"can-register","minimumTrustScore":0.8})");
  MemberRecord low = Stage::record("low", {"a", "b"});
  low.trust = 500;
  low.labels = {{"zone", "x"}};
  stage.call(Stage::principal("knocker"), stage.registration({low}));
  const auto entry = lineage::decode<lineage::Entry>(stage.records.log.back());
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->actor, (lineage::Actor{ActorKind::kToken, "knocker"}));
  const size_t asked = entry->account.find(R"("asked":{"id":"low","namespace":"default",)");
  ASSERT_NE(asked, std::string::npos) << entry->account;
  for (const char* part : {R"("capabilities":["a","b"])", R"("labels":{"zone":"x"})",
                           R"("trustScore":0.5)", R"("registeredBy":"knocker")"}) {
    EXPECT_NE(entry->account.find(part, asked), std::string::npos) << part;
  }
  // One with more to say than an entry should keep.
  low.capabilities.clear();
  for (int i = 1000; i < 2000; ++i) low.capabilities.push_back("capability-" + std::to_string(i));
  stage.call(Stage::principal("another"), stage.registration({low}));
  const auto large = lineage::decode<lineage::Entry>(stage.records.log.back());
  ASSERT_TRUE(large);
  EXPECT_EQ(large->account.find("asked"), std::string::npos);
  EXPECT_NE(large->account.find(R"("member":"low")"), std::string::npos);
}

TEST(HeldNotes, AreBoundedInOneSecondAndTellTheRestLater) {
  HeldNotes notes;
  Instant now{1};
  size_t told = 0;
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < 2 * HeldNotes::kMostASecond; ++i) {
      told += notes.is_new(PacketKey("ns", "p" + std::to_string(i)), 1, now) ? 1 : 0;
    }
    now = now + seconds(1);
  }
  EXPECT_EQ(told, 2 * HeldNotes::kMostASecond);
  const PacketKey first("ns", "p0");
  notes.take_back(first, 1);
  EXPECT_TRUE(notes.is_new(first, 1, now + seconds(1)));
  notes.drop(first);
  EXPECT_FALSE(notes.knows(first));
}

}  // namespace
}  // namespace phoenix
