// One suite over every store: what store.h promises, whatever is underneath.
#include <gtest/gtest.h>

#include "store/postgres/test_cluster.h"
#include "store/testing.h"
#include "store/testing_engines.h"

namespace phoenix {
namespace {

using namespace testing_store;  // NOLINT: the words of the tests

class StoreConformance : public testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    if (GetParam().name == std::string("postgres")) PHOENIX_NEED_POSTGRES();
    store_ = GetParam().open(folder_.path());
    ASSERT_NE(store_, nullptr);
    auto opened = store_->reader();
    ASSERT_TRUE(opened) << opened.error().detail;
    reader_ = std::move(*opened);
  }

  CommitResult commit(const std::vector<Group>& groups) { return store_->commit(++batch_, groups); }
  Outcome commit_one(std::vector<Op> ops) {
    const std::vector<Group> groups = {{1, std::move(ops)}};
    return commit(groups).outcomes.at(0);
  }
  PacketLookup get(const std::string& id) {
    auto lookup = reader_->get(PacketKey("ns", id));
    EXPECT_TRUE(lookup) << lookup.error().detail;
    return lookup ? std::move(*lookup) : PacketLookup{};
  }
  std::vector<std::string> list_all(const PacketFilter& filter, bool ascending = true,
                                    uint32_t limit = 1000) {
    std::vector<std::string> ids;
    std::optional<ListPosition> after;
    do {
      auto page = reader_->list(filter, ascending, after, limit);
      EXPECT_TRUE(page) << page.error().detail;
      if (!page) break;
      EXPECT_LE(page->items.size(), limit);
      for (const Packet& packet : page->items) ids.emplace_back(packet.key.id());
      after = page->next;
    } while (after);
    return ids;
  }
  std::vector<EventRow> events(uint64_t after = 0, uint32_t limit = 1000) {
    auto rows = reader_->events(EventCursor(after), limit, &dropped_);
    EXPECT_TRUE(rows) << rows.error().detail;
    return rows ? std::move(*rows) : std::vector<EventRow>{};
  }
  uint64_t sweep(WallMs now, uint32_t max_rows = 500, uint64_t retain = 1'000'000) {
    SweepLimits limits;
    limits.now = now;
    limits.max_rows = max_rows;
    limits.retain_count = retain;
    auto swept = store_->sweep(limits);
    EXPECT_TRUE(swept) << swept.error().detail;
    if (!swept) return 0;
    for (size_t i = 0; i < kStatuses; ++i) buried_[i] += swept->buried[i];
    return swept->rows;
  }

  EndedCounts kept() {
    EndedCounts counts{};
    RecoverSink sink;
    sink.ended = [&](EndedCounts all) { counts = all; };
    EXPECT_TRUE(store_->recover(sink));
    return counts;
  }
  // The store as the next process finds it.
  void reopen() {
    if (GetParam().name == std::string("memory")) return;
    reader_.reset();
    store_.reset();
    store_ = GetParam().open(folder_.path());
    ASSERT_NE(store_, nullptr);
    reader_ = std::move(*store_->reader());
  }

  TempFolder folder_;
  EndedCounts buried_{};  // by all sweeps
  std::unique_ptr<Store> store_;
  std::unique_ptr<Reader> reader_;
  uint64_t batch_ = 100;
  EventCursor dropped_;
};

using Ids = std::vector<std::string>;

TEST_P(StoreConformance, a_created_packet_is_read_back_as_it_was) {
  Packet packet = head("a");
  packet.required = {"ocr", "pdf"};
  Op op = create(packet);
  const std::string bytes("\0\1\xff", 3);
  std::get<PutPacket>(op).contents = {
      json(ContentKind::kPayload, "{\"x\":1}"),
      {ContentKind::kContext, std::make_shared<Content>(Content{false, "image/png", bytes})},
      json(ContentKind::kCheckpoint, "")};
  EXPECT_EQ(commit_one({op}), Outcome::kCommitted);
  const PacketLookup lookup = get("a");
  ASSERT_TRUE(lookup.head);
  EXPECT_FALSE(lookup.tombstone);
  EXPECT_EQ(lookup.head->required, packet.required);
  EXPECT_EQ(lookup.head->revision, 1u);
  EXPECT_EQ(reader_->content(packet.key, ContentKind::kPayload)->value().data, "{\"x\":1}");
  EXPECT_EQ(reader_->content(packet.key, ContentKind::kCheckpoint)->value().data, "");
  const Content context = reader_->content(packet.key, ContentKind::kContext)->value();
  EXPECT_EQ(context, (Content{false, "image/png", bytes}));
  EXPECT_FALSE(reader_->content(packet.key, ContentKind::kResult)->has_value());
  EXPECT_FALSE(reader_->content(PacketKey("ns", "b"), ContentKind::kPayload)->has_value());
  EXPECT_FALSE(get("b").head);
}

TEST_P(StoreConformance, many_contents_come_in_the_order_in_which_they_are_asked_for) {
  std::vector<Op> ops;
  for (int i = 0; i < 300; ++i) {
    Op op = create(head("many-" + std::to_string(i)));
    std::get<PutPacket>(op).contents = {json(ContentKind::kPayload, std::to_string(i))};
    ops.push_back(std::move(op));
  }
  ASSERT_EQ(commit_one(std::move(ops)), Outcome::kCommitted);
  std::vector<ContentRef> refs;
  for (int i = 299; i >= 0; --i) {
    const PacketKey key("ns", "many-" + std::to_string(i));
    refs.push_back({key, ContentKind::kPayload});
    refs.push_back({key, ContentKind::kResult});
  }
  refs.push_back(refs.front());
  const auto found = reader_->contents(refs);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), refs.size());
  for (size_t i = 0; i < 300; ++i) {
    ASSERT_TRUE((*found)[2 * i]);
    EXPECT_EQ((*found)[2 * i]->data, std::to_string(299 - i));
    EXPECT_FALSE((*found)[2 * i + 1]);
  }
  EXPECT_EQ((*found)[600]->data, "299") << "twice asked for is twice answered";
  EXPECT_TRUE(reader_->contents({})->empty());
}

TEST_P(StoreConformance, a_packet_is_created_once) {
  EXPECT_EQ(commit_one({create(head("a", 1000))}), Outcome::kCommitted);
  EXPECT_EQ(commit_one({create(head("a", 2000))}), Outcome::kConflict);
  EXPECT_EQ(get("a").head->created_at, 1000);
  EXPECT_EQ(reader_->history(PacketKey("ns", "a"))->size(), 1u);
  EXPECT_EQ(list_all({}), Ids{"a"});
}

TEST_P(StoreConformance, a_head_is_replaced_only_at_the_expected_epoch_and_revision) {
  const Packet first = head("a");
  EXPECT_EQ(commit_one({replace(first, first)}), Outcome::kConflict) << "it does not exist";
  ASSERT_EQ(commit_one({create(first)}), Outcome::kCommitted);
  const Packet second = next(assigned(first, "m1"));
  EXPECT_EQ(commit_one({replace(first, second)}), Outcome::kCommitted);
  EXPECT_EQ(commit_one({replace(first, second)}), Outcome::kConflict) << "old revision";
  Packet wrong_epoch = second;
  wrong_epoch.epoch = 0;
  EXPECT_EQ(commit_one({replace(wrong_epoch, second)}), Outcome::kConflict) << "old epoch";
  const Packet third = next(ended(second, Status::kCompleted, 5000));
  EXPECT_EQ(commit_one({replace(second, third)}), Outcome::kCommitted);
  const auto now = get("a").head;
  EXPECT_EQ(now->status, Status::kCompleted);
  EXPECT_EQ(now->revision, 3u);
  EXPECT_EQ(now->epoch, 1u);
  EXPECT_EQ(now->owner->id, "m1");
}

TEST_P(StoreConformance, running_is_stored_as_assigned) {
  Packet packet = assigned(head("a"), "m");
  packet.status = Status::kRunning;
  ASSERT_EQ(commit_one({create(packet)}), Outcome::kCommitted);
  EXPECT_EQ(get("a").head->status, Status::kAssigned);
  EXPECT_EQ(list_all({.statuses = {Status::kRunning}}), Ids{"a"});
}

TEST_P(StoreConformance, a_group_happens_whole_or_not_at_all) {
  ASSERT_EQ(commit_one({create(head("a"))}), Outcome::kCommitted);
  const Packet a = head("a");
  std::vector<Group> groups = {
      {1, {create(head("b"))}},
      // Its third expectation fails: the first two, a member, a session and an answer with it.
      {2,
       {replace(a, assigned(a, "m")), create(head("c")), PutMember{member("m"), 0, "registered"},
        PutSession{session("s"), 0}, PutAnswer{digest(1), digest(2), "x", 9000},
        create(head("b"))}},
      {3, {create(head("d")), create(head("e"))}},
      {4, {replace(a, assigned(a, "m2")), DropMember{MemberKey("ns", "nobody"), 1, 1}}},
      {5, {replace(a, assigned(a, "m3"))}}};
  const CommitResult result = commit(groups);
  EXPECT_EQ(result.outcomes,
            (std::vector<Outcome>{Outcome::kCommitted, Outcome::kConflict, Outcome::kCommitted,
                                  Outcome::kConflict, Outcome::kCommitted}));
  EXPECT_EQ(get("a").head->owner->id, "m3");
  EXPECT_EQ(list_all({}), (Ids{"a", "b", "d", "e"}));
  EXPECT_FALSE(reader_->answer(digest(1))->has_value());
  EXPECT_EQ(commit_one({PutMember{member("m"), 0, "registered"}}), Outcome::kCommitted);
  EXPECT_EQ(commit_one({PutSession{session("s"), 0}}), Outcome::kCommitted);
  // No sequence is skipped, none given twice.
  const auto rows = events();
  ASSERT_EQ(rows.size(), 6u);
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].seq, i + 1);
}

TEST_P(StoreConformance, groups_of_one_batch_see_what_stands_before_them) {
  const Packet a = head("a");
  const Packet b = next(assigned(a, "m"));
  const CommitResult result =
      commit({{1, {create(a)}}, {2, {replace(a, b)}}, {3, {replace(a, b)}}});
  EXPECT_EQ(result.outcomes,
            (std::vector<Outcome>{Outcome::kCommitted, Outcome::kCommitted, Outcome::kConflict}));
  // And so do the operations of one group.
  const Packet c = head("c");
  EXPECT_EQ(commit_one({create(c), replace(c, next(assigned(c, "m")))}), Outcome::kCommitted);
  EXPECT_EQ(get("c").head->revision, 2u);
}

TEST_P(StoreConformance, content_is_replaced_and_removed_with_the_head) {
  const Packet a = head("a");
  Op op = create(a);
  std::get<PutPacket>(op).contents = {json(ContentKind::kCheckpoint, "1"),
                                      json(ContentKind::kPayload, "p")};
  ASSERT_EQ(commit_one({op}), Outcome::kCommitted);
  op = replace(a, assigned(a, "m"));
  std::get<PutPacket>(op).contents = {json(ContentKind::kCheckpoint, "2")};
  ASSERT_EQ(commit_one({op}), Outcome::kCommitted);
  EXPECT_EQ(reader_->content(a.key, ContentKind::kCheckpoint)->value().data, "2");
  EXPECT_EQ(commit_one({op}), Outcome::kConflict);
  const Packet b = next(assigned(a, "m"));
  op = replace(b, b);
  std::get<PutPacket>(op).contents = {{ContentKind::kCheckpoint, nullptr}};
  ASSERT_EQ(commit_one({op}), Outcome::kCommitted);
  EXPECT_FALSE(reader_->content(a.key, ContentKind::kCheckpoint)->has_value());
  EXPECT_EQ(reader_->content(a.key, ContentKind::kPayload)->value().data, "p");
}

TEST_P(StoreConformance, members_and_sessions_change_only_at_the_expected_revision) {
  EXPECT_EQ(commit_one({PutMember{member("m", 1), 0, "registered"}}), Outcome::kCommitted);
  EXPECT_EQ(commit_one({PutMember{member("m", 1), 0, "registered"}}), Outcome::kConflict);
  EXPECT_EQ(commit_one({PutMember{member("m", 2), 1, "draining"}}), Outcome::kCommitted);
  EXPECT_EQ(commit_one({PutMember{member("m", 2), 1, "draining"}}), Outcome::kConflict);
  EXPECT_EQ(commit_one({PutMember{member("x", 2), 1, "draining"}}), Outcome::kConflict);
  EXPECT_EQ(commit_one({PutMember{member("m", 3), 2, ""}}), Outcome::kCommitted);
  EXPECT_EQ(commit_one({DropMember{MemberKey("ns", "m"), 2, 1}}), Outcome::kConflict);
  EXPECT_EQ(commit_one({DropMember{MemberKey("ns", "m"), 3, 1}}), Outcome::kCommitted);
  EXPECT_EQ(commit_one({PutMember{member("m", 1), 0, ""}}), Outcome::kCommitted);
  EXPECT_EQ(commit_one({PutSession{session("s", 1), 0}}), Outcome::kCommitted);
  EXPECT_EQ(commit_one({PutSession{session("s", 1), 0}}), Outcome::kConflict);
  EXPECT_EQ(commit_one({PutSession{session("s", 2), 1}}), Outcome::kCommitted);
  EXPECT_EQ(commit_one({DropSession{"s", 1}}), Outcome::kConflict);
  EXPECT_EQ(commit_one({DropSession{"s", 2}}), Outcome::kCommitted);
  const auto rows = events();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].entry.event, "draining");
  EXPECT_EQ(rows[1].key, "ns/m");
  EXPECT_FALSE(rows[1].is_packet);
}

TEST_P(StoreConformance, history_and_events_tell_what_happened_in_order) {
  const Packet a = head("a");
  Op op = create(a);
  std::get<PutPacket>(op).entry = {1, 2, 3, "created", "o", "f", "t", "because"};
  const CommitResult result =
      commit({{1, {op}}, {2, {create(head("b"))}}, {3, {replace(a, assigned(a, "m"), "taken")}}});
  EXPECT_EQ(result.last_event, EventCursor(3));
  EXPECT_EQ(reader_->newest_event().value(), EventCursor(3));
  const auto history = *reader_->history(a.key);
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].seq, 1u);
  EXPECT_EQ(history[0].key, "ns/a");
  EXPECT_EQ(history[0].entry.at, 1);
  EXPECT_EQ(history[0].entry.epoch, 2u);
  EXPECT_EQ(history[0].entry.revision, 3u);
  EXPECT_EQ(history[0].entry.owner, "o");
  EXPECT_EQ(history[0].entry.from, "f");
  EXPECT_EQ(history[0].entry.to, "t");
  EXPECT_EQ(history[0].entry.reason, "because");
  EXPECT_EQ(history[1].entry.event, "taken");
  EXPECT_EQ(history[1].seq, 3u);
  EXPECT_TRUE(reader_->history(PacketKey("ns", "none"))->empty());
  EXPECT_EQ(events(0, 2).size(), 2u);
  EXPECT_EQ(dropped_, EventCursor());
  const auto rest = events(2);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].key, "ns/a");
  EXPECT_TRUE(events(UINT64_MAX).empty());
}

TEST_P(StoreConformance, lists_are_ordered_by_creation_then_key) {
  std::vector<Group> groups;
  for (const auto& [id, at] : std::vector<std::pair<std::string, WallMs>>{
           {"c", 1000}, {"a", 2000}, {"b", 1000}, {"e", 500}, {"d", 2000}}) {
    groups.push_back({1, {create(head(id, at))}});
  }
  ASSERT_EQ(commit(groups).outcomes[4], Outcome::kCommitted);
  const Ids up = {"e", "b", "c", "a", "d"};
  const Ids down(up.rbegin(), up.rend());
  for (uint32_t limit = 1; limit <= 6; ++limit) {
    EXPECT_EQ(list_all({}, true, limit), up);
    EXPECT_EQ(list_all({}, false, limit), down);
  }
  // The last page says so.
  EXPECT_FALSE(reader_->list({}, true, std::nullopt, 5)->next);
  EXPECT_TRUE(reader_->list({}, true, std::nullopt, 4)->next);
  EXPECT_EQ(reader_->list({}, true, std::nullopt, 4)->as_of, EventCursor(5));
}

TEST_P(StoreConformance, lists_filter_by_everything_at_once) {
  auto spec = std::make_shared<PacketSpec>();
  spec->labels = {{"customer", "c9"}, {"zone", "a"}};
  Packet a = assigned(head("a", 1), "m1");
  a.required = {"ocr", "pdf"};
  a.spec = spec;
  Packet b = assigned(head("b", 2), "m2");
  b.required = {"ocr"};
  const Packet c = ended(head("c", 3), Status::kFailed, 9);
  const Packet d = ended(head("d", 4), Status::kCompleted, 9);
  const Packet e = head("e", 5, "other");
  const Packet f = head("f", 6);
  std::vector<Group> groups;
  for (const Packet& packet : {a, b, c, d, e, f}) groups.push_back({1, {create(packet)}});
  ASSERT_EQ(commit(groups).outcomes.size(), 6u);
  EXPECT_EQ(list_all({.ns = "ns"}), (Ids{"a", "b", "c", "d", "f"}));
  EXPECT_EQ(list_all({.namespaces = {"other", "none"}}), Ids{"e"});
  EXPECT_EQ(list_all({.statuses = {Status::kAssigned}}), (Ids{"a", "b"}));
  EXPECT_EQ(list_all({.statuses = {Status::kFailed, Status::kPending}}), (Ids{"c", "e", "f"}));
  EXPECT_EQ(list_all({.statuses = {Status::kFailed, Status::kPending}}, false, 1),
            (Ids{"f", "e", "c"}));
  EXPECT_EQ(list_all({.statuses = {Status::kCompleted}}), Ids{"d"});
  EXPECT_EQ(list_all({.statuses = {Status::kPending, Status::kCompleted, Status::kPending}}),
            (Ids{"d", "e", "f"}));
  EXPECT_EQ(list_all({.owner = "m1"}), Ids{"a"});
  EXPECT_EQ(list_all({.requires_capabilities = {"ocr"}}), (Ids{"a", "b"}));
  EXPECT_EQ(list_all({.requires_capabilities = {"ocr", "pdf"}}), Ids{"a"});
  EXPECT_EQ(list_all({.labels = {{"zone", "a"}}}), Ids{"a"});
  EXPECT_EQ(list_all({.labels = {{"zone", "b"}}}), Ids{});
  EXPECT_EQ(list_all({.ns = "ns",
                      .statuses = {Status::kAssigned},
                      .owner = "m2",
                      .requires_capabilities = {"ocr"}}),
            Ids{"b"});
}

TEST_P(StoreConformance, a_cursor_sees_each_standing_row_once_while_things_change) {
  for (int i = 10; i < 60; ++i) {
    ASSERT_EQ(commit_one({create(head("p" + std::to_string(i), 1000 + i / 7))}),
              Outcome::kCommitted);
  }
  Ids seen;
  std::optional<ListPosition> after;
  int round = 0;
  do {
    auto page = reader_->list({.statuses = {Status::kPending, Status::kAssigned}}, true, after, 3);
    ASSERT_TRUE(page);
    for (const Packet& packet : page->items) seen.emplace_back(packet.key.id());
    after = page->next;
    // A newcomer at either end, and one that changes its state and so its place in an index.
    commit_one({create(head("new" + std::to_string(round), round % 2 == 0 ? 1 : 5000))});
    const Packet moved = head("p" + std::to_string(10 + round), 1000 + (10 + round) / 7);
    commit_one({replace(moved, assigned(moved, "m"))});
    ++round;
  } while (after);
  Ids old;
  for (const std::string& id : seen) {
    if (id[0] == 'p') old.push_back(id);
  }
  Ids expected;
  for (int i = 10; i < 60; ++i) expected.push_back("p" + std::to_string(i));
  EXPECT_EQ(old, expected);
}

TEST_P(StoreConformance, a_list_examines_a_bounded_number_of_rows) {
  std::vector<Group> groups;
  for (int i = 0; i < 12'000; ++i) {
    groups.push_back({1, {create(head("p" + std::to_string(i), i))}});
  }
  Packet wanted = head("wanted", 20'000);
  wanted.required = {"rare"};
  groups.push_back({1, {create(wanted)}});
  ASSERT_EQ(commit(groups).outcomes.back(), Outcome::kCommitted);
  const PacketFilter filter{.requires_capabilities = {"rare"}};
  const auto first = reader_->list(filter, true, std::nullopt, 100);
  EXPECT_TRUE(first->items.empty());
  EXPECT_TRUE(first->next);
  EXPECT_EQ(list_all(filter), Ids{"wanted"});
}

TEST_P(StoreConformance, sweep_turns_what_is_past_its_time_into_tombstones) {
  auto spec = std::make_shared<PacketSpec>();
  spec->retain_seconds = 10;
  spec->create_digest = digest(7);
  Packet a = head("a");
  a.spec = spec;
  Op op = create(a);
  std::get<PutPacket>(op).contents = {json(ContentKind::kPayload, "p")};
  ASSERT_EQ(commit_one({op, create(head("live"))}), Outcome::kCommitted);
  EXPECT_EQ(sweep(1'000'000'000'000), 0u) << "live packets stay";
  ASSERT_EQ(commit_one({replace(a, ended(a, Status::kFailed, 50'000))}), Outcome::kCommitted);
  EXPECT_EQ(sweep(59'999), 0u);
  EXPECT_EQ(sweep(60'000), 1u);
  const PacketLookup lookup = get("a");
  EXPECT_FALSE(lookup.head);
  ASSERT_TRUE(lookup.tombstone);
  EXPECT_EQ(lookup.tombstone->key.text(), "ns/a");
  EXPECT_EQ(lookup.tombstone->status, Status::kFailed);
  EXPECT_EQ(lookup.tombstone->created_at, 1000);
  EXPECT_EQ(lookup.tombstone->ended_at, 50'000);
  EXPECT_EQ(lookup.tombstone->create_digest, digest(7));
  EXPECT_FALSE(reader_->content(a.key, ContentKind::kPayload)->has_value());
  EXPECT_EQ(list_all({}), Ids{"live"});
  EXPECT_EQ(list_all({.statuses = {Status::kFailed}}), Ids{});
  EXPECT_EQ(reader_->history(a.key)->size(), 2u);
  // The tombstone fences a second create and every change.
  EXPECT_EQ(commit_one({create(a)}), Outcome::kConflict);
  EXPECT_EQ(commit_one({replace(next(a), a)}), Outcome::kConflict);
  const WallMs end = 60'000 + SweepLimits{}.tombstone_ms;
  EXPECT_EQ(sweep(end - 1), 0u);
  EXPECT_EQ(sweep(end), 3u) << "two events and the row";
  EXPECT_FALSE(get("a").tombstone);
  EXPECT_EQ(events().size(), 1u);
  EXPECT_EQ(dropped_, EventCursor(3)) << "who stands before the last dropped event has a gap";
  EXPECT_EQ(commit_one({create(a)}), Outcome::kCommitted);
  EXPECT_EQ(reader_->history(a.key)->size(), 1u);
  EXPECT_FALSE(reader_->content(a.key, ContentKind::kPayload)->has_value());
}

TEST_P(StoreConformance, sweep_keeps_no_more_terminal_packets_than_asked) {
  for (int i = 0; i < 10; ++i) {
    const Packet packet = head("p" + std::to_string(i));
    ASSERT_EQ(commit_one({create(packet)}), Outcome::kCommitted);
    ASSERT_EQ(commit_one({replace(packet, ended(packet, Status::kCompleted, 100 + i))}),
              Outcome::kCommitted);
  }
  // One comes back to life: it no longer counts.
  const Packet back = next(ended(head("p9"), Status::kCompleted, 109));
  ASSERT_EQ(commit_one({replace(back, head("p9"))}), Outcome::kCommitted);
  EXPECT_EQ(sweep(1000, 500, 9), 0u);
  EXPECT_EQ(sweep(1000, 2, 5), 2u) << "bounded by max_rows";
  EXPECT_EQ(sweep(1000, 500, 5), 2u);
  EXPECT_EQ(sweep(1000, 500, 5), 0u);
  EXPECT_EQ(list_all({}), (Ids{"p4", "p5", "p6", "p7", "p8", "p9"}));
}

TEST_P(StoreConformance, sweep_drops_old_events_of_members) {
  ASSERT_EQ(commit_one({PutMember{member("m"), 0, "registered"}, create(head("a"))}),
            Outcome::kCommitted);
  EXPECT_EQ(sweep(1000 + SweepLimits{}.tombstone_ms), 0u);
  EXPECT_EQ(sweep(1001 + SweepLimits{}.tombstone_ms), 1u);
  ASSERT_EQ(events().size(), 1u);
  EXPECT_EQ(events()[0].key, "ns/a");
  EXPECT_EQ(dropped_, EventCursor(1));
}

TEST_P(StoreConformance, recover_gives_every_live_packet_and_every_record) {
  const Packet done = head("done");
  ASSERT_EQ(commit_one({create(head("parked")), create(assigned(head("owned"), "m")), create(done),
                        replace(done, ended(done, Status::kCompleted, 5)),
                        PutMember{member("m"), 0, "registered"}, PutSession{session("s"), 0}}),
            Outcome::kCommitted);
  Ids packets;
  Ids others;
  RecoverSink sink;
  sink.packet = [&](Packet packet) { packets.emplace_back(packet.key.id()); };
  sink.member = [&](MemberRecord record) { others.emplace_back(record.key.text()); };
  sink.session = [&](SessionRecord record) { others.emplace_back(record.id); };
  ASSERT_TRUE(store_->recover(sink));
  std::sort(packets.begin(), packets.end());
  EXPECT_EQ(packets, (Ids{"owned", "parked"}));
  EXPECT_EQ(others, (Ids{"ns/m", "s"}));
  EXPECT_TRUE(store_->recover({}));
}

EndedCounts counts(std::initializer_list<std::pair<Status, uint64_t>> of) {
  EndedCounts all{};
  for (const auto& [status, packets] : of) all[static_cast<size_t>(status)] = packets;
  return all;
}

TEST_P(StoreConformance, recover_counts_the_ended_packets_that_are_kept) {
  EXPECT_EQ(kept(), EndedCounts{});
  const Packet back = ended(head("back"), Status::kFailed, 100);
  const std::pair<const char*, Status> kEnds[] = {
      {"c1", Status::kCompleted}, {"c2", Status::kCompleted}, {"f", Status::kFailed},
      {"x", Status::kCanceled},   {"e", Status::kExpired},    {"back", Status::kFailed}};
  std::vector<Op> ops = {create(head("parked")), create(assigned(head("owned"), "m"))};
  for (const auto& [id, status] : kEnds) {
    ops.push_back(create(head(id)));
    ops.push_back(replace(head(id), ended(head(id), status, 100)));
  }
  ASSERT_EQ(commit_one(ops), Outcome::kCommitted);
  EndedCounts all = counts({{Status::kCompleted, 2},
                            {Status::kFailed, 2},
                            {Status::kCanceled, 1},
                            {Status::kExpired, 1}});
  EXPECT_EQ(kept(), all);
  reopen();
  EXPECT_EQ(kept(), all);
  // One comes back to life; what does not happen counts nothing.
  ASSERT_EQ(commit_one({replace(next(back), head("back"))}), Outcome::kCommitted);
  ASSERT_EQ(commit_one({create(ended(head("n"), Status::kFailed, 100)), create(head("parked"))}),
            Outcome::kConflict);
  all[static_cast<size_t>(Status::kFailed)] = 1;
  EXPECT_EQ(kept(), all);
  EXPECT_EQ(sweep(1000, 500, 4), 1u) << "the first to have ended";
  EXPECT_EQ(buried_, counts({{Status::kCompleted, 1}}));
  all[static_cast<size_t>(Status::kCompleted)] = 1;
  EXPECT_EQ(kept(), all);
  reopen();
  EXPECT_EQ(kept(), all) << "a tombstone is not counted";
}

TEST_P(StoreConformance, the_greatest_incarnation_of_the_dropped_members_is_kept) {
  const auto floor = [&] {
    uint64_t given = 99;
    RecoverSink sink;
    sink.incarnation_floor = [&](uint64_t value) { given = value; };
    EXPECT_TRUE(store_->recover(sink));
    return given;
  };
  const auto drop = [](const std::string& id, uint64_t incarnation) {
    return DropMember{MemberKey("ns", id), 1, incarnation};
  };
  EXPECT_EQ(floor(), 0u);
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_EQ(commit_one({PutMember{member(id), 0, "registered"}}), Outcome::kCommitted);
  }
  ASSERT_EQ(commit_one({drop("a", 7)}), Outcome::kCommitted);
  EXPECT_EQ(floor(), 7u);
  ASSERT_EQ(commit_one({drop("b", 12), drop("a", 20)}), Outcome::kConflict) << "a is gone";
  ASSERT_EQ(commit_one({drop("a", 20)}), Outcome::kConflict);
  EXPECT_EQ(floor(), 7u);
  ASSERT_EQ(commit_one({drop("c", 3), drop("b", 12)}), Outcome::kCommitted);
  reopen();
  EXPECT_EQ(floor(), 12u);
}

TEST_P(StoreConformance, facts_are_replaced) {
  EXPECT_FALSE(store_->fact("run")->has_value());
  EXPECT_TRUE(store_->set_fact("run", "1"));
  const std::string bytes("\0\xff", 2);
  EXPECT_TRUE(store_->set_fact("key", bytes));
  EXPECT_TRUE(store_->set_fact("run", "2"));
  EXPECT_EQ(store_->fact("run")->value(), "2");
  EXPECT_EQ(store_->fact("key")->value(), bytes);
}

TEST_P(StoreConformance, resolve_settles_a_batch_for_ever) {
  ASSERT_EQ(commit_one({create(head("a"))}), Outcome::kCommitted);
  EXPECT_EQ(store_->resolve(batch_), Resolution::kApplied);
  EXPECT_EQ(store_->resolve(batch_), Resolution::kApplied);
  EXPECT_EQ(store_->resolve(7), Resolution::kNotApplied);
  EXPECT_EQ(store_->resolve(7), Resolution::kNotApplied);
  const std::vector<Group> late = {{1, {create(head("late"))}}};
  const CommitResult result = store_->commit(7, late);
  EXPECT_EQ(result.outcomes, std::vector<Outcome>{Outcome::kRefused});
  EXPECT_FALSE(result.why.empty());
  EXPECT_FALSE(get("late").head);
  EXPECT_EQ(store_->commit(batch_, late).outcomes[0], Outcome::kRefused) << "an id is used once";
  EXPECT_EQ(commit_one({create(head("b"))}), Outcome::kCommitted);
  EXPECT_EQ(store_->resolve(UINT64_MAX), Resolution::kNotApplied);
}

TEST_P(StoreConformance, batches_are_pruned_but_the_newest_can_be_resolved) {
  for (uint64_t i = 1; i <= 5000; ++i) {
    const std::vector<Group> none;
    ASSERT_TRUE(store_->commit(10'000 + i, none).outcomes.empty());
  }
  EXPECT_EQ(store_->resolve(15'000), Resolution::kApplied);
  EXPECT_EQ(store_->resolve(14'000), Resolution::kApplied);
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreConformance, testing::ValuesIn(engines()),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace phoenix
