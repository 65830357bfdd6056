// The forms: whatever can be said comes back as it was and nothing else is taken, and their bytes
// are those of a second encoder, written in another language
// (tests/vectors/lineage/make_vectors.py).
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <sstream>

#include "base/bytes_text.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/shown_ticket.h"
#include "lineage/form/test_forms.h"
#include "lineage/tree/frontier.h"

namespace phoenix::lineage {
namespace {

// Both directions of one value, and that no shorter, longer or differently spelled form is taken.
template <class S>
void expect_one_form(const S& value) {
  const std::string bytes = encode(value);
  const auto again = decode<S>(bytes);
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == value);
  RC_ASSERT(!decode<S>(bytes + '\0'));
  const auto cut = *rc::gen::inRange<size_t>(0, bytes.size());
  RC_ASSERT(!decode<S>(std::string_view(bytes).substr(0, cut)));
  std::string altered = bytes;
  altered[cut] = static_cast<char>(altered[cut] ^ (1 << *rc::gen::inRange(0, 8)));
  const auto other = decode<S>(altered);
  // In brackets: the macro takes an expression apart, and || in it does not stop early.
  RC_ASSERT((!other || encode(*other) == altered));
}

RC_GTEST_PROP(Form, StatementsOfKeys, ()) {
  expect_one_form(KeyGrant{any::id(), any::id(), any::key(), any::time()});
  expect_one_form(KeyRequest{any::id(), any::id(), any::key(), any::digest(), any::digest()});
  expect_one_form(RegistrationProof{any::id(), any::id(), any::id(), any::key(), any::digest()});
}

RC_GTEST_PROP(Form, StatementsOfHandoffs, ()) {
  HandoffOffer offer;
  offer.pool = any::id();
  offer.ns = any::id();
  offer.packet = any::id();
  offer.epoch = any::number();
  offer.offer = any::id();
  offer.giver = any::party();
  offer.receiver = *rc::gen::arbitrary<bool>() ? any::id() : "";
  offer.selector = any::names();
  offer.expires_at = any::time();
  offer.context = any::maybe(any::digest);
  offer.contract = any::maybe(any::digest);
  offer.scopes = any::names();
  expect_one_form(offer);
  expect_one_form(HandoffAcceptance{any::id(), any::id(), any::id(), any::number(), any::digest(),
                                    any::party(), any::maybe(any::digest), any::time()});
  expect_one_form(Approval{any::id(), any::id(), any::id(), any::number(), any::digest(), any::id(),
                           *rc::gen::arbitrary<bool>(), any::time()});
}

RC_GTEST_PROP(Form, StatementsOfOwners, ()) {
  expect_one_form(Completion{any::id(), any::id(), any::id(), any::number(), any::id(), any::end(),
                             any::maybe(any::digest)});
  expect_one_form(Batch{any::id(), any::id(), std::max<uint64_t>(any::number(), 1), any::digest()});
  expect_one_form(Ticket{any::id(), any::id(), any::id(), any::number(), any::party(), any::names(),
                         any::time(), any::time()});
  Proof path;
  const int length = *rc::gen::inRange(0, 5);
  for (int i = 0; i < length; ++i) path.push_back(any::digest());
  expect_one_form(ShownTicket{*rc::gen::arbitrary<bool>() ? any::bytes() : "",
                              any::bytes(),
                              {any::bytes(), any::number(), path}});
}

RC_GTEST_PROP(Form, StatementsOfLogs, ()) {
  expect_one_form(DrainCertificate{any::id(), *rc::gen::arbitrary<bool>() ? any::id() : "",
                                   any::id(), any::number(), any::time(), any::heads<LogHead>()});
  expect_one_form(Checkpoint{any::id(), any::id(), any::time(), any::heads<LogRoot>()});
}

RC_GTEST_PROP(Form, Entries, ()) { expect_one_form(any::entry()); }

TEST(Form, EntriesThatContradictThemselvesAreRefused) {
  Entry leg;
  leg.actor = {ActorKind::kHost, "h1"};
  leg.ns = "default";
  leg.subject = "pkt_1";
  leg.event = "created";
  leg.leg = Leg{};
  leg.leg->to = Party{"a", 1};
  ASSERT_TRUE(decode<Entry>(encode(leg)));
  const auto refused = [&leg](const std::function<void(Entry&)>& spoil) {
    Entry entry = leg;
    spoil(entry);
    return !decode<Entry>(encode(entry));
  };
  EXPECT_TRUE(refused([](Entry& e) { e.kind = EntryKind::kMember; }));
  EXPECT_TRUE(refused([](Entry& e) { e.kind = EntryKind::kKey; }));
  EXPECT_TRUE(refused([](Entry& e) { e.ns.clear(); }));
  EXPECT_TRUE(refused([](Entry& e) { e.event = "Created"; }));
  EXPECT_TRUE(refused([](Entry& e) { e.event.clear(); }));
  EXPECT_TRUE(refused([](Entry& e) { e.certificate = "x"; }));
  EXPECT_TRUE(refused([](Entry& e) { e.account = "x"; }));
  EXPECT_TRUE(refused([](Entry& e) { e.leg->number = 0; }));
  EXPECT_TRUE(refused([](Entry& e) { e.leg->number = 2; }));
  EXPECT_TRUE(refused([](Entry& e) { e.leg->previous[3] = 1; }));
  EXPECT_TRUE(refused([](Entry& e) { e.leg->from = Party{"b", 1}; }));
  EXPECT_TRUE(refused([](Entry& e) { e.leg->to.reset(); }));
  EXPECT_TRUE(refused([](Entry& e) { e.leg->cause = Cause::kTerminal; }));
  EXPECT_TRUE(refused([](Entry& e) { e.leg->terminal = TerminalEvidence{}; }));
  EXPECT_TRUE(refused([](Entry& e) { e.leg->handoff = HandoffEvidence{"a", "b", ""}; }));
  EXPECT_TRUE(refused([](Entry& e) { e.leg->attested_by = {"b", "a"}; }));
  EXPECT_TRUE(refused([](Entry& e) { e.leg->attested_by = {"a", "a"}; }));
}

KeyPair pair_of(uint8_t byte) {
  Seed seed;
  seed.fill(byte);
  return KeyPair::from_seed(seed);
}
Digest all(uint8_t byte) {
  Digest digest;
  digest.fill(byte);
  return digest;
}

constexpr WallMs kAt = 1'790'000'000'000;

struct Golden {
  KeyPair root = pair_of(1);
  KeyPair host = pair_of(2);
  KeyPair giver = pair_of(3);
  KeyPair receiver = pair_of(4);
  KeyPair human = pair_of(5);
  HandoffOffer offer{"demo",     "default",    "pkt_1",    3,
                     "offer-1",  {"giver", 7}, "receiver", {"ocr", "translate"},
                     kAt + 5000, all(0xc0),    all(0xc1),  {"read", "write"}};
  Digest offered = sha256(encode(offer));
  Completion completion{"demo", "default", "pkt_1", 4, "receiver", End::kCompleted, all(0xd0)};
  Completion other{"demo", "default", "pkt_2", 9, "receiver", End::kFailed, std::nullopt};
  std::vector<Evidence> batch =
      sign_batch(receiver, "demo", Completion::kType, {encode(completion), encode(other)});

  Ticket ticket{"demo", "default", "pkt_1", 4, {"receiver", 2}, {}, kAt + 20, kAt + 3020};
  Ticket beside{"demo", "default", "pkt_2", 9, {"receiver", 2}, {"read"}, kAt + 20, kAt + 3020};
  std::vector<Evidence> of_session =
      sign_batch(host, "demo", Ticket::kType, {encode(ticket), encode(beside)});

  std::map<std::string, std::string> statements() const {
    return {
        {"key-grant", sign(root, KeyGrant{"demo", "h1", host.public_key(), kAt})},
        {"key-request",
         sign(host, KeyRequest{"demo", "h1", host.public_key(), all(0xb1), all(0xb2)})},
        {"registration-proof",
         sign(giver, RegistrationProof{"demo", "default", "giver", giver.public_key(), all(0xb0)})},
        {"handoff-offer", sign(giver, offer)},
        {"handoff-acceptance",
         sign(receiver,
              HandoffAcceptance{
                  "demo", "default", "pkt_1", 3, offered, {"receiver", 2}, all(0xc0), kAt + 10})},
        {"approval",
         sign(human, Approval{"demo", "default", "pkt_1", 3, offered, "human", true, kAt + 5})},
        {"completion", sign(receiver, completion)},
        {"batch", batch[0].envelope},
        {"ticket", sign(host, ticket)},
        {"drain-certificate",
         sign(host,
              DrainCertificate{"demo", "default", "giver", 7, kAt + 100, {{0, 12}, {70000, 300}}})},
        {"checkpoint",
         sign(host,
              Checkpoint{
                  "demo", "h1", kAt + 30, {{3, 5, all(0xe0)}, {4, uint64_t{1} << 40, all(0xe1)}}})},
    };
  }
};

Entry packet_entry(WallMs at, Actor actor, std::string event, uint64_t epoch, uint64_t revision) {
  Entry entry;
  entry.at = at;
  entry.actor = std::move(actor);
  entry.ns = "default";
  entry.subject = "pkt_1";
  entry.event = std::move(event);
  entry.epoch = epoch;
  entry.revision = revision;
  entry.leg = Leg{};
  return entry;
}

void add_legs(const Golden& golden, std::map<std::string, std::string>& made) {
  Entry assign = packet_entry(kAt + 1, {ActorKind::kHost, "h1"}, "created", 3, 1);
  assign.policy = all(0xa0);
  assign.leg->to = Party{"giver", 7};
  assign.leg->decision = all(0xa1);
  assign.leg->placement = Placement{0xdeadbeef, all(0xa2)};
  made["entry-assigned"] = encode(assign);

  Entry hand = packet_entry(kAt + 15, {ActorKind::kMember, "giver"}, "handed-over", 4, 2);
  hand.policy = all(0xa0);
  hand.inputs = all(0xa3);
  hand.leg->number = 2;
  hand.leg->previous = leaf_hash(made["entry-assigned"]);
  hand.leg->from = Party{"giver", 7};
  hand.leg->to = Party{"receiver", 2};
  hand.leg->cause = Cause::kHandoff;
  hand.leg->context = all(0xc0);
  hand.leg->contract = all(0xc1);
  hand.leg->attested_by = {"h1", "h2"};
  const auto statements = golden.statements();
  hand.leg->handoff =
      HandoffEvidence{statements.at("handoff-offer"), statements.at("handoff-acceptance"),
                      statements.at("approval")};
  made["entry-handed-over"] = encode(hand);

  Entry end = packet_entry(kAt + 25, {ActorKind::kMember, "receiver"}, "completed", 4, 3);
  end.leg->number = 3;
  end.leg->previous = leaf_hash(made["entry-handed-over"]);
  end.leg->from = Party{"receiver", 2};
  end.leg->cause = Cause::kTerminal;
  end.leg->terminal = TerminalEvidence{End::kCompleted, all(0xd0), golden.batch[0]};
  made["entry-completed"] = encode(end);
}

void add_other_entries(const Golden& golden, std::map<std::string, std::string>& made) {
  const auto statements = golden.statements();
  Entry add;
  add.kind = EntryKind::kKey;
  add.at = kAt;
  add.actor = {ActorKind::kMember, "giver"};
  add.ns = "default";
  add.subject = "giver";
  add.event = "registered";
  add.revision = 1;
  add.key = KeyChange{KeyAction::kAdd, KeyRole::kMember, golden.giver.public_key(), "",
                      statements.at("registration-proof")};
  made["entry-key-added"] = encode(add);

  Entry rotate = add;
  rotate.at = -1;
  rotate.actor = {ActorKind::kToken, "ops"};
  rotate.ns.clear();
  rotate.subject = "h1";
  rotate.event = "key-rotated";
  rotate.reason = "operator";
  rotate.revision = 2;
  rotate.key = KeyChange{KeyAction::kRotate, KeyRole::kHost, golden.host.public_key(),
                         golden.root.id(), statements.at("key-grant")};
  made["entry-key-rotated"] = encode(rotate);

  Entry drained = add;
  drained.kind = EntryKind::kMember;
  drained.at = kAt + 101;
  drained.actor = {ActorKind::kHost, "h1"};
  drained.event = "retired";
  drained.reason = "drained";
  drained.revision = 300;
  drained.key.reset();
  drained.certificate = statements.at("drain-certificate");
  made["entry-drained"] = encode(drained);
}

// As its owner shows them: one signed alone, by a host that the root has granted, and one of two.
std::map<std::string, std::string> shown(const Golden& golden) {
  const auto statements = golden.statements();
  return {
      {"shown-alone",
       encode(ShownTicket{
           statements.at("key-grant"), encode(golden.ticket), {statements.at("ticket"), 0, {}}})},
      {"shown-of-session", encode(ShownTicket{"", encode(golden.beside), golden.of_session[1]})}};
}

TEST(Form, BytesAndSignaturesAreThoseOfTheSecondEncoder) {
  std::ifstream file(PHOENIX_VECTORS "/golden.json");
  std::stringstream text;
  text << file.rdbuf();
  const std::string json = text.str();
  std::map<std::string, std::string> expected;
  const std::regex line("\"([a-z-]+)\": \"([0-9a-f]*)\"");
  for (std::sregex_iterator it(json.begin(), json.end(), line), end; it != end; ++it) {
    expected[(*it)[1]] = (*it)[2];
  }
  const Golden golden;
  auto made = golden.statements();
  made.merge(shown(golden));
  add_legs(golden, made);
  add_other_entries(golden, made);
  ASSERT_EQ(made.size(), expected.size());
  for (const auto& [name, bytes] : made) {
    EXPECT_EQ(hex_text(bytes), expected[name]) << name;
    if (name.starts_with("entry-")) EXPECT_TRUE(decode<Entry>(bytes)) << name;
  }
}

TEST(Evidence, OfABatchHoldsForEachOfItsStatementsAndNoOther) {
  const KeyPair pair = pair_of(9);
  const KeyFinder find = [&pair](std::string_view id) {
    return id == pair.id() ? &pair.public_key() : nullptr;
  };
  std::vector<std::string> payloads;
  for (int i = 0; i < 100; ++i) payloads.push_back("statement " + std::to_string(i));
  const auto evidence = sign_batch(pair, "demo", "t/a", payloads);
  const auto split = split_batch(evidence[0].envelope, "demo", "t/a", payloads, find);
  ASSERT_TRUE(split);
  EXPECT_EQ(*split, evidence);
  for (size_t i = 0; i < payloads.size(); ++i) {
    EXPECT_EQ(check_evidence(evidence[i], "demo", "t/a", payloads[i], find).value(), pair.id());
    const auto other = check_evidence(evidence[i], "demo", "t/a", payloads[(i + 1) % 100], find);
    EXPECT_EQ(other.error().reason_code, "wrong-statement");
  }
  EXPECT_FALSE(check_evidence(evidence[0], "other", "t/a", payloads[0], find));
  EXPECT_FALSE(check_evidence(evidence[0], "demo", "t/b", payloads[0], find));
  std::swap(payloads[3], payloads[4]);
  EXPECT_EQ(split_batch(evidence[0].envelope, "demo", "t/a", payloads, find).error().reason_code,
            "wrong-root");
}

TEST(Evidence, AloneHoldsForItsStatement) {
  const KeyPair pair = pair_of(9);
  const KeyFinder find = [&pair](std::string_view) { return &pair.public_key(); };
  Evidence evidence{seal_bytes(pair, "t/a", "statement"), 0, {}};
  EXPECT_TRUE(check_evidence(evidence, "demo", "t/a", "statement", find));
  EXPECT_EQ(check_evidence(evidence, "demo", "t/a", "else", find).error().reason_code,
            "wrong-statement");
  EXPECT_EQ(check_evidence(evidence, "demo", "t/b", "statement", find).error().reason_code,
            "wrong-type");
  evidence.position = 1;
  EXPECT_FALSE(check_evidence(evidence, "demo", "t/a", "statement", find));
}

TEST(Statement, IsReadOnlyUnderItsSignature) {
  const Golden golden;
  const KeyFinder find = [&golden](std::string_view id) {
    return id == golden.giver.id() ? &golden.giver.public_key() : nullptr;
  };
  const auto opened = open<HandoffOffer>(sign(golden.giver, golden.offer), find);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->statement, golden.offer);
  EXPECT_EQ(sha256(opened->payload), golden.offered);
  // Signed in full, but no offer.
  EXPECT_EQ(open<HandoffOffer>(seal_bytes(golden.giver, HandoffOffer::kType, "x"), find)
                .error()
                .reason_code,
            "bad-form");
}

}  // namespace
}  // namespace phoenix::lineage
