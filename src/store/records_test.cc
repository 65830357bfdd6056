// What a store keeps beside packets and members, over every engine: what the flight recorder wrote,
// documents, and the answers to calls with a key.
#include <gtest/gtest.h>

#include <algorithm>

#include "store/postgres/test_cluster.h"
#include "store/testing.h"
#include "store/testing_engines.h"

namespace phoenix {
namespace {

using namespace testing_store;  // NOLINT: the words of the tests

class Records : public testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    if (GetParam().name == std::string("postgres")) PHOENIX_NEED_POSTGRES();
    store_ = GetParam().open(folder_.path());
    ASSERT_NE(store_, nullptr);
    reader_ = std::move(*store_->reader());
  }
  CommitResult commit(const std::vector<Group>& groups) { return store_->commit(++batch_, groups); }
  Outcome commit_one(std::vector<Op> ops) { return commit({{1, std::move(ops)}}).outcomes.at(0); }
  uint64_t sweep(WallMs now) {
    SweepLimits limits;
    limits.now = now;
    return store_->sweep(limits)->rows;
  }
  // The store as the next process finds it.
  void reopen() {
    if (GetParam().name == std::string("memory")) return;
    reader_.reset();
    store_.reset();
    store_ = GetParam().open(folder_.path());
    reader_ = std::move(*store_->reader());
  }
  // Each as "kind/namespace/name@revision text", in order.
  std::vector<std::string> documents() {
    std::vector<std::string> all;
    RecoverSink sink;
    sink.document = [&](const Document& one) {
      all.push_back(one.key.text() + "@" + std::to_string(one.revision) + " " + one.text);
    };
    EXPECT_TRUE(store_->recover(sink));
    std::sort(all.begin(), all.end());
    return all;
  }

  TempFolder folder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Reader> reader_;
  uint64_t batch_ = 100;
};

TEST_P(Records, stand_at_the_positions_of_their_events_as_they_were_given) {
  const Packet a = head("a");
  const std::string bytes("\0\xff leaf", 7);
  const auto with = [](Op op, std::string recorded) {
    std::get<PutPacket>(op).entry.recorded = std::move(recorded);
    return op;
  };
  EXPECT_TRUE(reader_->logs()->empty());
  const PutMember enrol{member("m"), 0, "registered", "of a member"};
  const CommitResult result =
      commit({{1, {with(create(a), bytes)}},
              {2, {with(create(a), "of who came too late")}},
              {3, {with(create(head("b")), "")}},
              {4, {enrol, with(replace(a, assigned(a, "m"), "taken"), "third")}}});
  EXPECT_EQ(result.last_event, EventCursor(4)) << "where the last of them stands";
  const auto entries = *reader_->recorded(kOwnLog, 0, 100);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].position, 1u);
  EXPECT_EQ(entries[0].bytes, bytes);
  EXPECT_EQ(entries[1].position, 3u);
  EXPECT_EQ(entries[1].bytes, "of a member");
  EXPECT_EQ(entries[2].bytes, "third");
  EXPECT_EQ(reader_->recorded(kOwnLog, 1, 1)->at(0).position, 3u);
  EXPECT_TRUE(reader_->recorded(kOwnLog, 4, 100)->empty());
  const auto events = *reader_->events({}, 100, nullptr);
  ASSERT_FALSE(events.empty());
  for (const EventRow& row : events) {
    EXPECT_TRUE(row.entry.recorded.empty()) << "they are read by themselves alone";
  }
  const auto logs = *reader_->logs();
  ASSERT_EQ(logs.size(), 1u);
  EXPECT_EQ(logs[0].size, 4u);
  EXPECT_EQ(logs[0].first, 1u);
  EXPECT_FALSE(logs[0].closed);
}

TEST_P(Records, go_from_the_oldest_on_when_they_may) {
  std::vector<Group> groups;
  for (const char* id : {"a", "b", "c", "d"}) {
    Op op = create(head(id));
    std::get<PutPacket>(op).entry.recorded = id;
    groups.push_back({groups.size() + 1, {op}});
  }
  commit(groups);
  SweepLimits limits;
  limits.max_rows = 2;
  limits.recorded_until = {{kOwnLog, 3}};
  EXPECT_EQ(store_->sweep(limits)->rows, 2u);
  EXPECT_EQ(reader_->logs()->at(0).first, 3u);
  EXPECT_EQ(store_->sweep(limits)->rows, 1u);
  EXPECT_EQ(store_->sweep(limits)->rows, 0u);
  EXPECT_EQ(reader_->recorded(kOwnLog, 0, 10)->at(0).bytes, "d");
  EXPECT_EQ(reader_->events({}, 100, nullptr)->size(), 4u) << "the events go with their packets";
  EXPECT_EQ(reader_->logs()->at(0).size, 4u);
}

using Texts = std::vector<std::string>;

// Revision `revision`, expecting the one before.
PutDocument document(DocumentKind kind, const std::string& name, uint64_t revision,
                     const std::string& text) {
  Document next;
  next.key = {kind, "ns", name};
  next.revision = revision;
  next.app = "shop";
  next.text = text;
  next.deleted = text.empty();
  next.changed_at = 1000;
  return {std::make_shared<Document>(next), revision - 1, next.deleted ? "deleted" : "applied",
          "recorded"};
}

TEST_P(Records, a_document_changes_only_at_the_expected_revision) {
  const auto kPolicy = DocumentKind::kPolicy;
  EXPECT_EQ(commit_one({document(kPolicy, "p", 2, "{}")}), Outcome::kConflict) << "it is not there";
  EXPECT_EQ(commit_one({document(kPolicy, "p", 1, "{1}")}), Outcome::kCommitted);
  EXPECT_EQ(commit_one({document(kPolicy, "p", 1, "{2}")}), Outcome::kConflict);
  EXPECT_EQ(commit_one({document(DocumentKind::kContract, "p", 1, "{c}")}), Outcome::kCommitted)
      << "another kind is another document";
  EXPECT_EQ(commit_one({document(kPolicy, "p", 2, "{2}"), document(kPolicy, "q", 5, "{}")}),
            Outcome::kConflict);
  EXPECT_EQ(documents(), (Texts{"contract/ns/p@1 {c}", "policy/ns/p@1 {1}"}));
  EXPECT_EQ(commit_one({document(kPolicy, "p", 2, "{2}"), document(kPolicy, "q", 1, "{q}")}),
            Outcome::kCommitted);
  EXPECT_EQ(commit_one({document(kPolicy, "q", 2, "")}), Outcome::kCommitted);
  reopen();
  const Texts all = {"contract/ns/p@1 {c}", "policy/ns/p@2 {2}", "policy/ns/q@2 "};
  EXPECT_EQ(documents(), all) << "a deleted one stands";
  EXPECT_EQ(commit_one({document(kPolicy, "q", 3, "{back}")}), Outcome::kCommitted);
}

TEST_P(Records, each_change_of_a_document_is_an_event) {
  ASSERT_EQ(commit_one({document(DocumentKind::kPolicy, "p", 1, "{}")}), Outcome::kCommitted);
  ASSERT_EQ(commit_one({document(DocumentKind::kPolicy, "p", 2, "")}), Outcome::kCommitted);
  const auto events = *reader_->events({}, 100, nullptr);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_FALSE(events[0].is_packet);
  EXPECT_EQ(events[0].key, "policy/ns/p");
  EXPECT_EQ(events[0].entry.event, "applied");
  EXPECT_EQ(events[1].entry.event, "deleted");
  EXPECT_EQ(events[1].entry.revision, 2u);
  EXPECT_EQ(reader_->recorded(kOwnLog, 0, 10)->size(), 2u);
}

TEST_P(Records, several_changes_of_one_document_in_a_batch_see_each_other) {
  const auto kPolicy = DocumentKind::kPolicy;
  const CommitResult result = commit({{1, {document(kPolicy, "p", 1, "{1}")}},
                                      {2, {document(kPolicy, "p", 1, "{late}")}},
                                      {3, {document(kPolicy, "p", 2, "{2}")}}});
  EXPECT_EQ(result.outcomes,
            (std::vector<Outcome>{Outcome::kCommitted, Outcome::kConflict, Outcome::kCommitted}));
  EXPECT_EQ(documents(), Texts{"policy/ns/p@2 {2}"});
}

TEST_P(Records, sweep_forgets_deleted_approvals_of_yesterday_alone) {
  constexpr WallMs kDay = 24LL * 3600 * 1000;
  for (const auto kind : {DocumentKind::kPolicy, DocumentKind::kApproval}) {
    ASSERT_EQ(commit_one({document(kind, "gone", 1, "{}"), document(kind, "stands", 1, "{}")}),
              Outcome::kCommitted);
    ASSERT_EQ(commit_one({document(kind, "gone", 2, "")}), Outcome::kCommitted);
  }
  SweepLimits limits;
  limits.now = 1000 + kDay;
  ASSERT_TRUE(store_->sweep(limits));
  EXPECT_EQ(documents().size(), 4u);
  limits.now = 1001 + kDay;
  ASSERT_TRUE(store_->sweep(limits));
  EXPECT_EQ(documents(),
            (Texts{"approval/ns/stands@1 {}", "policy/ns/gone@2 ", "policy/ns/stands@1 {}"}));
}

TEST_P(Records, a_note_is_an_event_and_changes_nothing) {
  ASSERT_EQ(commit_one({create(head("a"))}), Outcome::kCommitted);
  const HistoryEntry refused = {2000, 1, 1, "handoff-refused", "m", "", "", "why", "recorded"};
  ASSERT_EQ(commit_one({PutNote{true, "ns/a", refused}, PutNote{false, "ns/m", refused}}),
            Outcome::kCommitted);
  const auto history = *reader_->history(PacketKey("ns", "a"));
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[1].entry.event, "handoff-refused");
  EXPECT_EQ(history[1].entry.reason, "why");
  EXPECT_EQ(reader_->get(PacketKey("ns", "a"))->head->revision, 1u);
  EXPECT_EQ(reader_->events({}, 100, nullptr)->size(), 3u);
  EXPECT_EQ(reader_->recorded(kOwnLog, 0, 10)->size(), 2u);
  // With a group that is refused it does not happen either.
  EXPECT_EQ(commit_one({PutNote{true, "ns/a", refused}, create(head("a"))}), Outcome::kConflict);
  EXPECT_EQ(reader_->history(PacketKey("ns", "a"))->size(), 2u);
}

// A repeat that another host carries out meanwhile is refused whole, whatever else is in it.
TEST_P(Records, the_first_answer_under_a_key_stands) {
  const PutAnswer first{digest(1), digest(2), "first", 5000};
  const PutAnswer second{digest(1), digest(2), "second", 5000};
  ASSERT_EQ(commit_one({create(head("a")), first}), Outcome::kCommitted);
  EXPECT_EQ(commit_one({second}), Outcome::kConflict);
  EXPECT_EQ(commit_one({create(head("b")), second}), Outcome::kConflict);
  std::vector<Group> groups = {{1, {create(head("c")), PutAnswer{digest(3), digest(4), "x", 5000}}},
                               {2, {create(head("d")), PutAnswer{digest(3), digest(4), "y", 5000}}},
                               {3, {PutAnswer{digest(5), digest(6), "z", 5000}, second}},
                               {4, {create(head("e"))}}};
  EXPECT_EQ(commit(groups).outcomes,
            (std::vector<Outcome>{Outcome::kCommitted, Outcome::kConflict, Outcome::kConflict,
                                  Outcome::kCommitted}));
  EXPECT_EQ(reader_->answer(digest(1))->value().answer, "first");
  EXPECT_EQ(reader_->answer(digest(3))->value().answer, "x");
  EXPECT_FALSE(reader_->answer(digest(5))->has_value());
  for (const char* id : {"a", "c", "e"}) EXPECT_TRUE(reader_->get(PacketKey("ns", id))->head) << id;
  for (const char* id : {"b", "d"}) EXPECT_FALSE(reader_->get(PacketKey("ns", id))->head) << id;
}

TEST_P(Records, answers_are_kept_until_they_expire) {
  EXPECT_FALSE(reader_->answer(digest(1))->has_value());
  const std::string bytes("{\"a\":\0}", 7);
  ASSERT_EQ(commit_one({PutAnswer{digest(1), digest(2), bytes, 5000}}), Outcome::kCommitted);
  ASSERT_EQ(commit_one({PutAnswer{digest(3), digest(4), "other", 6000}}), Outcome::kCommitted);
  EXPECT_EQ(reader_->answer(digest(1))->value().answer, bytes);
  EXPECT_EQ(reader_->answer(digest(1))->value().request, digest(2));
  EXPECT_EQ(sweep(4999), 0u);
  EXPECT_EQ(sweep(5000), 1u);
  EXPECT_FALSE(reader_->answer(digest(1))->has_value());
  EXPECT_EQ(reader_->answer(digest(3))->value().answer, "other");
  ASSERT_EQ(commit_one({PutAnswer{digest(1), digest(9), "new", 9000}}), Outcome::kCommitted);
  EXPECT_EQ(reader_->answer(digest(1))->value().request, digest(9));
}

INSTANTIATE_TEST_SUITE_P(Engines, Records, testing::ValuesIn(engines()),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace phoenix
