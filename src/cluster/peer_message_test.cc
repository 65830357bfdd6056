#include "cluster/peer_message.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "base/msgpack.h"
#include "cluster/test_messages.h"
#include "node/remote/about_bytes.h"

namespace phoenix {
namespace {

using testing_cluster::Filler;
using testing_cluster::text_of;

// One of each kind, and of each kind within these: 4 + 16 + 8 + 8 and so on, as the seed goes on.
std::vector<PeerMessage> some_of_each(uint64_t seed) {
  Filler filler(seed);
  std::vector<PeerMessage> messages;
  for (size_t kind = 0; kind < std::variant_size_v<CommandBody>; ++kind) {
    auto call = filler.any<PeerCall>();
    filler.fill_kind(call.body, kind);
    messages.emplace_back(std::move(call));
  }
  for (size_t kind = 0; kind < std::variant_size_v<ReplyBody>; ++kind) {
    auto answer = filler.any<PeerAnswer>();
    filler.fill_kind(answer.body, kind);
    messages.emplace_back(std::move(answer));
  }
  for (size_t kind = 0; kind < std::variant_size_v<NodeMessage>; ++kind) {
    NodeMessage message;
    filler.fill_kind(message, kind);
    messages.emplace_back(std::move(message));
  }
  messages.emplace_back(filler.any<PeerPortion>());
  messages.emplace_back(filler.any<PeerAbandon>());
  messages.emplace_back(filler.any<ContentsWanted>());
  messages.emplace_back(filler.any<ContentsAnswer>());
  messages.emplace_back(filler.any<SlotsFreed>());
  messages.emplace_back(filler.any<Wrote>());
  return messages;
}

TEST(PeerMessage, whatever_is_said_comes_back_as_it_was) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    for (const PeerMessage& message : some_of_each(seed)) {
      const std::string bytes = encode(message);
      const auto back = decode_peer_message(bytes);
      ASSERT_TRUE(back) << back.error().detail << "\n" << text_of(message);
      ASSERT_EQ(text_of(*back), text_of(message)) << "seed " << seed;
      ASSERT_EQ(encode(*back), bytes) << text_of(message);
    }
  }
}

TEST(PeerMessage, damaged_bytes_are_refused_or_the_one_form_of_another_message) {
  size_t refused = 0;
  size_t taken = 0;
  Prng prng(7);
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    for (const PeerMessage& message : some_of_each(seed)) {
      const std::string bytes = encode(message);
      EXPECT_FALSE(decode_peer_message(bytes + '\0'));
      for (size_t at = 0; at < bytes.size(); ++at) {
        ASSERT_FALSE(decode_peer_message(std::string_view(bytes).substr(0, at))) << at;
        std::string changed = bytes;
        changed[at] = static_cast<char>(prng.next());
        const auto back = decode_peer_message(changed);
        ++(back ? taken : refused);
        if (back) ASSERT_EQ(encode(*back), changed) << at << " of " << text_of(message);
      }
    }
  }
  EXPECT_GT(refused, 1000u);
  EXPECT_GT(taken, 1000u);
}

// Refused once `spoil` has changed it, and only then.
template <class T>
void expect_refused(T message, void (*spoil)(T&), const char* what) {
  EXPECT_TRUE(decode_peer_message(encode(PeerMessage(message)))) << what;
  spoil(message);
  EXPECT_FALSE(decode_peer_message(encode(PeerMessage(message)))) << what;
}
template <class T>
void expect_node_refused(T message, void (*spoil)(T&), const char* what) {
  EXPECT_TRUE(decode_peer_message(encode(PeerMessage(NodeMessage(message))))) << what;
  spoil(message);
  EXPECT_FALSE(decode_peer_message(encode(PeerMessage(NodeMessage(message))))) << what;
}

PeerCall call_with(CommandBody body) {
  PeerCall call = Filler(1).any<PeerCall>();
  call.body = std::move(body);
  return call;
}

TEST(PeerMessage, values_out_of_range_are_refused) {
  Filler filler(3);
  const PeerCall call = call_with(filler.any<Poll>());
  expect_refused<PeerCall>(call, [](PeerCall& c) { c.hops = 0; }, "no hop");
  expect_refused<PeerCall>(call, [](PeerCall& c) { c.hops = kMaxHops + 1; }, "too many hops");
  expect_refused<PeerCall>(
      call, [](PeerCall& c) { std::get<Poll>(c.body).wait.ns = -1; }, "negative wait");
  expect_refused<PeerCall>(
      call, [](PeerCall& c) { std::get<Poll>(c.body).ref.ns = "a/b"; }, "no namespace");
  expect_refused<PeerCall>(call, [](PeerCall& c) { c.caller.as_member = "a b"; }, "no member's id");
  expect_refused<PeerCall>(
      call_with(filler.any<AwaitPacket>()),
      [](PeerCall& c) { std::get<AwaitPacket>(c.body).key = PacketKey("ns", "a/b"); }, "no key");
  expect_refused<PeerCall>(
      call_with(filler.any<Register>()),
      [](PeerCall& c) { std::get<Register>(c.body).lease_seconds = 0; }, "no lease");
  auto item = filler.any<SubmitItem>();
  item.required = {"a", "b"};
  expect_refused<PeerCall>(
      call_with(Submit{.items = {item}, .single = true}),
      [](PeerCall& c) { std::get<Submit>(c.body).items[0]->required = {"b", "a"}; }, "unsorted");
  expect_refused<PeerCall>(
      call_with(Submit{.items = std::vector<tl::expected<SubmitItem, Error>>(1000, item)}),
      [](PeerCall& c) {
        Submit& submit = std::get<Submit>(c.body);
        submit.items.push_back(submit.items.front());
      },
      "1,001 items");
  expect_refused<ContentsWanted>(
      filler.any<ContentsWanted>(), [](ContentsWanted& m) { m.mask = 16; }, "no such content");
  expect_refused<ContentsAnswer>(
      filler.any<ContentsAnswer>(), [](ContentsAnswer& m) { m.contents.resize(5); }, "too many");
}

TEST(PeerMessage, what_nodes_say_is_refused_where_it_means_nothing) {
  Filler filler(4);
  expect_node_refused<Deliver>(
      filler.any<Deliver>(),
      [](Deliver& m) {
        Packet head = *m.head;
        head.status = Status::kPending;
        head.owner.reset();
        m.head = std::make_shared<const Packet>(std::move(head));
      },
      "a delivery to nobody");
  const DeliverAll all{.slots = {1, 2}, .items = {filler.any<Deliver>()}, .last = true};
  expect_node_refused<DeliverAll>(all, [](DeliverAll& m) { m.last = false; }, "slots too early");
  expect_node_refused<DeliverAll>(all, [](DeliverAll& m) { m.slots = {2, 1}; }, "unsorted");
  expect_node_refused<DeliverAll>(all, [](DeliverAll& m) { m.slots = {2, 2}; }, "twice");
  expect_node_refused<DeliverAll>(all, [](DeliverAll& m) { m.slots = {kSlots}; }, "no slot");
  Records records;
  records.members = {filler.any<std::shared_ptr<const MemberRecord>>()};
  expect_node_refused<Records>(records, [](Records& m) { m.members[0] = nullptr; }, "no record");
  expect_node_refused<Turned>(
      filler.any<Turned>(), [](Turned& m) { m.why = static_cast<TurnReason>(3); }, "no reason");
  Turned unknown = filler.any<Turned>();
  unknown.member = nullptr;
  unknown.session = nullptr;
  EXPECT_TRUE(decode_peer_message(encode(PeerMessage(NodeMessage(unknown)))));
}

TEST(PeerMessage, unknown_kinds_and_too_long_messages_are_refused) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(2);
  out.uint(std::variant_size_v<PeerMessage>);
  out.array(0);
  EXPECT_FALSE(decode_peer_message(bytes));
  EXPECT_FALSE(decode_peer_message(""));

  Submit submit;
  auto item = Filler(5).any<SubmitItem>();
  item.payload = std::make_shared<const Content>(
      Content{.is_json = false, .type = "", .data = std::string(kMaxPeerMessage, 'x')});
  submit.items.emplace_back(item);
  const auto refused = decode_peer_message(encode(call_with(std::move(submit))));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kTooLarge);
}

TEST(PeerMessage, texts_of_clients_pass_whatever_they_hold) {
  auto call = Filler(6).any<OrderPacket>();
  call.reason = std::string("\0\xff \"", 4);
  const auto back = decode_peer_message(encode(call_with(call)));
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<OrderPacket>(std::get<PeerCall>(*back).body).reason, call.reason);
}

// Portions are cut by it.
TEST(PeerMessage, records_take_about_as_much_as_is_reckoned) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Filler filler(seed);
    const auto member = std::make_shared<const MemberRecord>(filler.any<MemberRecord>());
    const auto session = std::make_shared<const SessionRecord>(filler.any<SessionRecord>());
    Records records;
    records.members = {member};
    EXPECT_LE(encode(PeerMessage(NodeMessage(records))).size(), about_bytes(*member) + 200);
    records.members.clear();
    records.sessions = {session};
    EXPECT_LE(encode(PeerMessage(NodeMessage(records))).size(), about_bytes(*session) + 200);
    auto head = filler.any<Deliver>();
    head.contents.clear();
    EXPECT_LE(encode(PeerMessage(NodeMessage(head))).size(), about_bytes(*head.head) + 200);
  }
}

TEST(PeerMessage, only_what_carries_much_is_bulk) {
  Filler filler(8);
  auto item = filler.any<SubmitItem>();
  item.payload = std::make_shared<const Content>(Content{.type = "", .data = std::string(10, 'x')});
  Submit submit{.items = {item}, .single = true};
  EXPECT_FALSE(is_bulk(call_with(submit)));
  submit.items.assign(1000, item);
  EXPECT_TRUE(is_bulk(call_with(submit)));
  item.payload =
      std::make_shared<const Content>(Content{.type = "", .data = std::string(kBulkBytes, 'x')});
  submit.items = {item};
  EXPECT_TRUE(is_bulk(call_with(submit)));
  EXPECT_TRUE(is_bulk(ContentsAnswer{}));
  // Those keep their order among each other.
  DeliverAll all;
  all.items.resize(10'000);
  EXPECT_FALSE(is_bulk(NodeMessage(all)));
  PeerPortion portion;
  portion.portion.deliveries.resize(10'000);
  EXPECT_FALSE(is_bulk(portion));
}

}  // namespace
}  // namespace phoenix
