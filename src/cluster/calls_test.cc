// Calls on their way: who is asked, what is sent again, and how the parts come together.

#include "cluster/calls.h"

#include <gtest/gtest.h>

#include <map>

namespace phoenix {
namespace {

const HostLife kHere{"a", 1};
const HostLife kB{"b", 2};
const HostLife kC{"c", 3};

// Packets' slots by the number in their id; slots by a table.
class Places final : public Whereabouts {
 public:
  std::map<SlotId, Destination> slots;
  std::map<std::string, SlotId> packets;  // known here
  std::map<std::string, HostLife> homes;
  bool store = true;

  Destination of_slot(SlotId slot) const override {
    const auto it = slots.find(slot);
    return it == slots.end() ? Destination{} : it->second;
  }
  Destination of_host(const HostLife& host) const override {
    if (host == kHere) return {Destination::Kind::kHere, {}};
    return {Destination::Kind::kThere, host};
  }
  Destination of_text(std::string_view) const override { return {Destination::Kind::kThere, kB}; }
  std::optional<SlotId> slot_of_packet(const PacketKey& key) const override {
    const auto it = packets.find(std::string(key.id()));
    return it == packets.end() ? std::nullopt : std::optional<SlotId>(it->second);
  }
  std::optional<HostLife> home_of_session(const std::string& session) const override {
    const auto it = homes.find(session);
    return it == homes.end() ? std::nullopt : std::optional<HostLife>(it->second);
  }
  std::optional<HostLife> home_of_member(const MemberKey& key) const override {
    return home_of_session(std::string(key.id()));
  }
  SlotId slot_of_new(const SubmitItem& item) const override {
    return static_cast<SlotId>(item.key.id().back() - '0');
  }
  bool has_store() const override { return store; }
};

Destination there(const HostLife& host) { return {Destination::Kind::kThere, host}; }
const Destination kLocal{Destination::Kind::kHere, {}};

Now at(int64_t ms) { return {Instant{ms * 1'000'000}, ms}; }

PacketKey key(const std::string& id) { return PacketKey("default", id); }

Command submit(RequestId id, const std::vector<std::string>& packets) {
  Submit body;
  for (const std::string& packet : packets) {
    SubmitItem item;
    item.key = key(packet);
    item.id_from = IdSource::kFresh;
    body.items.emplace_back(std::move(item));
  }
  Command command;
  command.id = id;
  command.body = std::move(body);
  return command;
}

Command complete(RequestId id, const std::vector<std::string>& packets) {
  OwnerCalls body;
  body.single = packets.size() == 1;
  for (const std::string& packet : packets) {
    OwnerCall call;
    call.call = Call::kComplete;
    call.key = key(packet);
    body.items.emplace_back(std::move(call));
  }
  Command command;
  command.id = id;
  command.caller.session = "s";
  command.body = std::move(body);
  return command;
}

BatchReply done(const std::vector<std::string>& ids) {
  BatchReply batch;
  for (const std::string& id : ids) {
    batch.items.emplace_back(OwnerReply{.id = id});
    batch.ids.emplace_back();
  }
  return batch;
}

std::string id_of(const ItemReply& item) {
  if (const auto* reply = std::get_if<OwnerReply>(&item)) return reply->id;
  return std::string(kind_name(std::get<Error>(item).kind));
}

ErrorKind error_of(const Reply& reply) { return std::get<Error>(reply.body).kind; }

const PeerCall& call_of(const CallsOutput& out, size_t index = 0) {
  return std::get<PeerCall>(out.messages.at(index).second);
}

class CallsTest : public ::testing::Test {
 protected:
  CallsTest() {
    places_.slots[1] = kLocal;
    places_.slots[2] = there(kB);
    places_.slots[3] = there(kC);
  }
  Places places_;
  Calls calls_{places_};
};

TEST_F(CallsTest, WhatIsKeptHereGoesToTheNodeAsItCame) {
  calls_.from_client(at(0), submit(7, {"p1", "q1"}));
  CallsOutput out = calls_.take();
  ASSERT_EQ(out.here.size(), 1u);
  EXPECT_EQ(std::get<Submit>(out.here[0].body).items.size(), 2u);
  EXPECT_EQ(std::get<Submit>(out.here[0].body).items[0]->id_from, IdSource::kFresh);
  calls_.node_replied(at(1), {.id = out.here[0].id, .body = done({"p1", "q1"})});
  out = calls_.take();
  ASSERT_EQ(out.replies.size(), 1u);
  EXPECT_EQ(out.replies[0].id, 7u);
  EXPECT_EQ(calls_.size(), 0u);
}

TEST_F(CallsTest, PartsOfOneCallComeTogetherInOrder) {
  calls_.from_client(at(0), submit(7, {"a3", "b1", "c2", "d3"}));
  CallsOutput out = calls_.take();
  ASSERT_EQ(out.here.size(), 1u);
  ASSERT_EQ(out.messages.size(), 2u);
  EXPECT_EQ(out.messages[0].first, kC);
  EXPECT_EQ(std::get<Submit>(call_of(out, 0).body).items.size(), 2u);
  calls_.answered(at(1), kC, {.call = call_of(out, 0).call, .body = done({"a3", "d3"})});
  calls_.node_replied(at(2), {.id = out.here[0].id, .body = done({"b1"})});
  EXPECT_TRUE(calls_.take().replies.empty());
  calls_.answered(at(3), kB, {.call = call_of(out, 1).call, .body = done({"c2"})});
  out = calls_.take();
  ASSERT_EQ(out.replies.size(), 1u);
  const auto& batch = std::get<BatchReply>(out.replies[0].body);
  ASSERT_EQ(batch.items.size(), 4u);
  EXPECT_EQ(id_of(batch.items[0]), "a3");
  EXPECT_EQ(id_of(batch.items[1]), "b1");
  EXPECT_EQ(id_of(batch.items[2]), "c2");
  EXPECT_EQ(id_of(batch.items[3]), "d3");
  EXPECT_EQ(calls_.size(), 0u);
}

TEST_F(CallsTest, APartThatIsRefusedAsAWholeRefusesItsItemsAlone) {
  calls_.from_client(at(0), complete(7, {"a1", "b2"}));
  CallsOutput out = calls_.take();
  ASSERT_EQ(out.loads.size(), 2u);
  calls_.located(at(0), key("a1"), std::optional<SlotId>(1));
  calls_.located(at(0), key("b2"), std::optional<SlotId>(2));
  out = calls_.take();
  ASSERT_EQ(out.here.size(), 1u);
  calls_.node_replied(at(1), {.id = out.here[0].id, .body = done({"a1"})});
  calls_.answered(at(1), kB,
                  {.call = call_of(out).call, .body = Error{.kind = ErrorKind::kDraining}});
  out = calls_.take();
  const auto& batch = std::get<BatchReply>(out.replies.at(0).body);
  EXPECT_EQ(id_of(batch.items[0]), "a1");
  EXPECT_EQ(id_of(batch.items[1]), "draining");
  EXPECT_EQ(batch.ids[1], "b2");
}

TEST_F(CallsTest, ASlotOfNobodyIsWaitedFor) {
  calls_.from_client(at(0), submit(7, {"a9"}));
  EXPECT_TRUE(calls_.take().here.empty());
  EXPECT_NE(calls_.next_deadline(), kNever);
  places_.slots[9] = kLocal;
  calls_.try_again(at(20));
  EXPECT_EQ(calls_.take().here.size(), 1u);
}

TEST_F(CallsTest, AndNotForEver) {
  calls_.from_client(at(0), submit(7, {"a9"}));
  calls_.try_again(at(4'999));
  EXPECT_TRUE(calls_.take().replies.empty());
  calls_.try_again(at(5'000));
  const CallsOutput out = calls_.take();
  ASSERT_EQ(out.replies.size(), 1u);
  EXPECT_EQ(error_of(out.replies[0]), ErrorKind::kOverloaded);
  EXPECT_TRUE(std::get<Error>(out.replies[0].body).retry_after_ms.has_value());
  EXPECT_EQ(calls_.size(), 0u);
}

TEST_F(CallsTest, WhoIsNoLongerTheKeeperIsAnsweredByAskingAnother) {
  calls_.from_client(at(0), submit(7, {"a2"}));
  CallsOutput out = calls_.take();
  const Error wrong = {.kind = ErrorKind::kMisdirected};
  calls_.answered(at(1), kB, {.call = call_of(out).call, .body = wrong});
  EXPECT_TRUE(calls_.take().replies.empty());
  places_.slots[2] = there(kC);
  calls_.try_again(at(30));
  out = calls_.take();
  ASSERT_EQ(out.messages.size(), 1u);
  EXPECT_EQ(out.messages[0].first, kC);
}

TEST_F(CallsTest, WhatTheNodeGaveAwayMeanwhileIsAskedElsewhere) {
  calls_.from_client(at(0), submit(7, {"a1"}));
  CallsOutput out = calls_.take();
  places_.slots[1] = there(kC);
  const Error wrong = {.kind = ErrorKind::kMisdirected};
  calls_.node_replied(at(1), {.id = out.here.at(0).id, .body = wrong});
  calls_.try_again(at(30));
  out = calls_.take();
  EXPECT_TRUE(out.replies.empty());
  ASSERT_EQ(out.messages.size(), 1u);
  EXPECT_EQ(out.messages[0].first, kC);
  EXPECT_EQ(std::get<Submit>(call_of(out).body).items.size(), 1u);
}

TEST_F(CallsTest, AWaitForAPacketGoesOnAtItsNextKeeperForWhatIsLeft) {
  places_.packets["a1"] = 1;
  Command command;
  command.id = 7;
  command.body = AwaitPacket{key("a1"), seconds(10)};
  calls_.from_client(at(0), std::move(command));
  CallsOutput out = calls_.take();
  places_.slots[1] = there(kC);
  const Error wrong = {.kind = ErrorKind::kMisdirected};
  calls_.node_replied(at(8'000), {.id = out.here.at(0).id, .body = wrong});
  calls_.try_again(at(8'020));
  EXPECT_EQ(std::get<AwaitPacket>(call_of(calls_.take()).body).wait, seconds(2));
}

TEST_F(CallsTest, ANodeThatTurnsEverythingAwayIsNotAskedForEver) {
  calls_.from_client(at(0), submit(7, {"a1"}));
  const Error wrong = {.kind = ErrorKind::kMisdirected};
  CallsOutput out = calls_.take();
  int turns = 0;
  for (; !out.here.empty(); ++turns) {
    ASSERT_LT(turns, 100);
    calls_.node_replied(at(30 * turns), {.id = out.here.at(0).id, .body = wrong});
    calls_.try_again(at(30 * turns + 20));
    out = calls_.take();
  }
  EXPECT_GT(turns, 10);
  EXPECT_EQ(error_of(out.replies.at(0)), ErrorKind::kOverloaded);
}

TEST_F(CallsTest, WhatIsTooLongForALinkIsRefused) {
  calls_.from_client(at(0), submit(7, {"a2"}));
  const uint64_t call = call_of(calls_.take()).call;
  calls_.not_sent(kC, call, {.kind = ErrorKind::kTooLarge});
  EXPECT_TRUE(calls_.take().replies.empty()) << "it did not go there";
  calls_.not_sent(kB, call, {.kind = ErrorKind::kTooLarge});
  EXPECT_EQ(error_of(calls_.take().replies.at(0)), ErrorKind::kTooLarge);
  EXPECT_EQ(calls_.size(), 0u);
}

class KeyedCalls : public CallsTest {
 protected:
  // Two parts, one of them here.
  CallsOutput begin(RequestId id) {
    Command command = submit(id, {"a1", "b2"});
    command.idempotency = Idempotency{.scope = {1}, .request = {2}};
    calls_.from_client(at(0), std::move(command));
    return calls_.take();
  }
  CallsOutput answer(const CallsOutput& parts) {
    calls_.node_replied(at(1), {.id = parts.here.at(0).id, .body = done({"a1"})});
    calls_.answered(at(1), kB, {.call = call_of(parts).call, .body = done({"b2"})});
    return calls_.take();
  }
};

TEST_F(KeyedCalls, ThePartsHaveNoKeyAndTheWholeAnswerIsKeptUnderIt) {
  const CallsOutput parts = begin(7);
  EXPECT_FALSE(parts.here.at(0).idempotency);
  EXPECT_FALSE(call_of(parts).idempotency);
  CallsOutput out = answer(parts);
  EXPECT_TRUE(out.replies.empty()) << "the key is not durable yet";
  ASSERT_EQ(out.keep.size(), 1u);
  EXPECT_EQ(out.keep[0].key.request, Digest{2});
  ASSERT_EQ(out.keep[0].answer.items.size(), 2u);
  calls_.node_replied(at(2), {.id = out.keep[0].id, .body = out.keep[0].answer});
  out = calls_.take();
  EXPECT_EQ(id_of(std::get<BatchReply>(out.replies.at(0).body).items.at(1)), "b2");
  EXPECT_EQ(calls_.size(), 0u);
}

TEST_F(KeyedCalls, NoAnswerLeavesThatCouldNotBeKept) {
  for (const ErrorKind kind : {ErrorKind::kStoreUnreachable, ErrorKind::kConflict}) {
    CallsOutput out = answer(begin(7));
    calls_.node_replied(at(2), {.id = out.keep.at(0).id, .body = Error{.kind = kind}});
    out = calls_.take();
    EXPECT_EQ(error_of(out.replies.at(0)), kind);
    EXPECT_EQ(calls_.size(), 0u);
  }
}

TEST_F(KeyedCalls, TheKeyIsTakenWhileTheFirstCallRuns) {
  const CallsOutput parts = begin(7);
  EXPECT_EQ(error_of(begin(8).replies.at(0)), ErrorKind::kConflict);
  const CallsOutput out = answer(parts);
  calls_.node_replied(at(2), {.id = out.keep.at(0).id, .body = out.keep[0].answer});
  calls_.take();
  EXPECT_TRUE(begin(9).replies.empty());
}

TEST_F(CallsTest, WhatHasMovedOnFromAWholeThatWasPassedOnIsForTheCallerToAskAgain) {
  places_.packets = {{"a2", 2}, {"b2", 2}};
  calls_.from_client(at(0), complete(7, {"a2", "b2"}));
  CallsOutput out = calls_.take();
  ASSERT_EQ(out.messages.size(), 1u);
  BatchReply batch = done({"a2", "b2"});
  batch.items[1] = Error{.kind = ErrorKind::kMisdirected};
  calls_.answered(at(1), kB, {.call = call_of(out).call, .body = batch});
  out = calls_.take();
  ASSERT_EQ(out.replies.size(), 1u);
  const auto& items = std::get<BatchReply>(out.replies[0].body).items;
  EXPECT_EQ(id_of(items.at(0)), "a2");
  EXPECT_EQ(id_of(items.at(1)), kind_name(ErrorKind::kOverloaded));
  EXPECT_TRUE(std::get<Error>(items.at(1)).retry_after_ms.has_value());
}

TEST_F(CallsTest, ACreateWhoseLinkBrokeIsSentAgainAndMayFindItsPacket) {
  calls_.from_client(at(0), submit(7, {"a2"}));
  calls_.take();
  places_.slots[2] = Destination{};
  calls_.link_down(at(1), kB);
  places_.slots[2] = there(kC);
  calls_.try_again(at(30));
  CallsOutput out = calls_.take();
  ASSERT_EQ(out.messages.size(), 1u);
  EXPECT_EQ(std::get<Submit>(call_of(out).body).items[0]->id_from, IdSource::kDerived);
  // What the host behind the broken link still says is too late.
  calls_.answered(at(40), kB, {.call = call_of(out).call, .body = done({"a2"})});
  EXPECT_TRUE(calls_.take().replies.empty());
}

TEST_F(CallsTest, WhatMayNotHappenTwiceIsToldAsUnknown) {
  places_.packets["a2"] = 2;
  OrderPacket order;
  order.order = Order::kEvict;
  order.key = key("a2");
  Command command;
  command.id = 7;
  command.body = order;
  calls_.from_client(at(0), std::move(command));
  EXPECT_EQ(calls_.take().messages.size(), 1u);
  calls_.link_down(at(1), kB);
  const CallsOutput out = calls_.take();
  ASSERT_EQ(out.replies.size(), 1u);
  EXPECT_EQ(error_of(out.replies[0]), ErrorKind::kTimeout);
}

TEST_F(CallsTest, WhatTheStoreDoesNotHaveIsAnsweredHere) {
  calls_.from_client(at(0), complete(7, {"old"}));
  EXPECT_EQ(calls_.take().loads.size(), 1u);
  calls_.located(at(1), key("old"), std::optional<SlotId>());
  EXPECT_EQ(calls_.take().here.size(), 1u);
}

TEST_F(CallsTest, OneLoadServesAllThatAskForIt) {
  calls_.from_client(at(0), complete(7, {"x"}));
  calls_.from_client(at(0), complete(8, {"x"}));
  EXPECT_EQ(calls_.take().loads.size(), 1u);
  calls_.located(at(1), key("x"), std::optional<SlotId>(2));
  EXPECT_EQ(calls_.take().messages.size(), 2u);
}

TEST_F(CallsTest, ACallThatWasPassedOnTwiceGoesBack) {
  PeerCall call;
  call.call = 5;
  call.hops = kMaxHops;
  call.body = submit(0, {"a3"}).body;
  calls_.from_peer(at(0), kB, std::move(call));
  const CallsOutput out = calls_.take();
  ASSERT_EQ(out.messages.size(), 1u);
  EXPECT_EQ(out.messages[0].first, kB);
  const auto& answer = std::get<PeerAnswer>(out.messages[0].second);
  EXPECT_EQ(answer.call, 5u);
  EXPECT_EQ(std::get<Error>(answer.body).kind, ErrorKind::kMisdirected);
}

// The owner's home says how long, and then the keeper is asked.
TEST_F(CallsTest, ATicketPassesTheOwnersHome) {
  places_.packets["x"] = 3;
  places_.homes["s"] = kB;
  Command command = complete(7, {"x"});
  std::get<OwnerCalls>(command.body).items[0]->call = Call::kTicket;
  calls_.from_client(at(0), command);
  EXPECT_EQ(calls_.take().messages.at(0).first, kB);
  // Where this host is the home, or the promise is there, it goes to the keeper at once.
  std::get<OwnerCalls>(command.body).items[0]->promised_ms = 5;
  command.id = 8;
  calls_.from_client(at(0), command);
  EXPECT_EQ(calls_.take().messages.at(0).first, kC);
  places_.homes["s"] = kHere;
  std::get<OwnerCalls>(command.body).items[0]->promised_ms = 0;
  command.id = 9;
  calls_.from_client(at(0), command);
  EXPECT_EQ(calls_.take().messages.at(0).first, kC);
}

TEST_F(CallsTest, SessionsAreServedAtTheirHome) {
  places_.homes["s"] = kB;
  Command command;
  command.id = 7;
  command.caller.session = "s";
  OpenStream open;
  open.ref.session = "s";
  command.body = open;
  calls_.from_client(at(0), std::move(command));
  CallsOutput out = calls_.take();
  const uint64_t call = call_of(out).call;
  calls_.answered(at(1), kB, {.call = call, .body = StreamOpened{}});
  calls_.told_more(kB, {.call = call, .end = false, .portion = {}});
  out = calls_.take();
  EXPECT_EQ(out.replies.at(0).id, 7u);
  EXPECT_EQ(out.portions.at(0).stream, 7u);
  calls_.client_closed_stream(7, true);
  out = calls_.take();
  const auto& abandon = std::get<PeerAbandon>(out.messages.at(0).second);
  EXPECT_EQ(abandon.call, call);
  EXPECT_TRUE(abandon.closed_by_peer);
  EXPECT_EQ(calls_.size(), 0u);
}

TEST_F(CallsTest, ABrokenLinkEndsTheStreamsThatWentOverIt) {
  places_.homes["s"] = kB;
  Command command;
  command.id = 7;
  command.caller.session = "s";
  OpenStream open;
  open.ref.session = "s";
  command.body = open;
  calls_.from_client(at(0), std::move(command));
  calls_.answered(at(1), kB, {.call = call_of(calls_.take()).call, .body = StreamOpened{}});
  calls_.take();
  calls_.link_down(at(2), kB);
  const CallsOutput out = calls_.take();
  ASSERT_EQ(out.portions.size(), 1u);
  EXPECT_TRUE(out.portions[0].end);
  EXPECT_EQ(calls_.size(), 0u);
}

TEST_F(CallsTest, WhatAPeerAskedIsDroppedWithItsLink) {
  PeerCall call;
  call.call = 5;
  Poll poll;
  poll.ref.session = "s";
  call.body = poll;
  places_.homes["s"] = kHere;
  call.caller.session = "s";
  calls_.from_peer(at(0), kB, std::move(call));
  CallsOutput out = calls_.take();
  const RequestId id = out.here.at(0).id;
  calls_.link_down(at(1), kB);
  out = calls_.take();
  EXPECT_EQ(out.abandoned_here, std::vector<RequestId>{id});
  calls_.node_replied(at(2), {.id = id, .body = DeliveriesReply{}});
  EXPECT_TRUE(calls_.take().messages.empty());
}

TEST_F(CallsTest, ClientsThatWentAwayLeaveNothingBehind) {
  calls_.from_client(at(0), submit(1, {"a1", "b2", "c3"}));
  calls_.from_client(at(0), submit(2, {"a9"}));
  calls_.from_client(at(0), complete(3, {"x"}));
  CallsOutput out = calls_.take();
  for (const RequestId id : {1, 2, 3}) calls_.client_gone(id);
  for (const auto& [to, message] : out.messages) {
    calls_.answered(at(1), to, {.call = std::get<PeerCall>(message).call, .body = done({"b2"})});
  }
  for (const Command& command : out.here) {
    calls_.node_replied(at(1), {.id = command.id, .body = done({"a1"})});
  }
  calls_.located(at(1), key("x"), std::optional<SlotId>(2));
  calls_.try_again(at(9'000));
  EXPECT_TRUE(calls_.take().replies.empty());
  EXPECT_EQ(calls_.size(), 0u);
}

TEST_F(CallsTest, WithoutAStoreEverythingIsPassedOn) {
  places_.store = false;
  places_.slots.clear();
  calls_.from_client(at(0), complete(3, {"x"}));
  Command attach;
  attach.id = 4;
  attach.caller.session = "s";
  attach.body = Attach{};
  calls_.from_client(at(0), std::move(attach));
  const CallsOutput out = calls_.take();
  EXPECT_TRUE(out.loads.empty());
  EXPECT_EQ(out.messages.size(), 2u);
}

}  // namespace
}  // namespace phoenix
