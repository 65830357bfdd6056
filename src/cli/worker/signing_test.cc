// What a worker with a key signs: that it holds it, its results, its offers, its acceptances.
#include "base/bytes_text.h"
#include "cli/worker/core_harness.h"
#include "client/json_text.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/shown_ticket.h"

namespace phoenix::worker {
namespace {

class Signing : public ::testing::Test {
 protected:
  Signing() : key(lineage::KeyPair::from_seed(lineage::Seed{7})), h(options_with(key)) {
    h.core.tell_time(1'000'000);
  }
  static WorkerOptions options_with(const lineage::KeyPair& pair) {
    WorkerOptions options = test_options();
    options.key = std::make_shared<const lineage::KeyPair>(pair);
    return options;
  }
  static std::string registered() {
    return R"({"member":{"id":"w1"},"session":{"id":"s","token":"tok-1","namespace":"default",)"
           R"("pool":"pool","leaseSeconds":3,"incarnation":5},"run":1,"leaseMs":3000})";
  }
  void attach() {
    h.core.start(h.now, "");
    h.collect();
    h.answer(h.last_call("/v1/members?"), answer_of(201, registered()));
    h.core.stream_opened(h.now, h.stream.id);
    h.collect();
  }
  Answer challenge(const std::string& bytes = std::string(32, 'c')) {
    return problem_of(401, "unauthenticated",
                      R"(,"pool":"pool","namespace":"default","id":"w1","challenge":")" +
                          base64_text(bytes) + "\"");
  }
  // The statement in that field of the call, if this worker signed it.
  template <class S>
  S signed_in(const MakeCall& call, const std::string& field) {
    const auto body = JsonText::parse(call.call.body);
    EXPECT_TRUE(body) << call.call.body;
    const auto envelope = decode_base64((*body)[field].text());
    EXPECT_TRUE(envelope);
    const auto opened = lineage::open<S>(*envelope, [this](std::string_view id) {
      return id == key.id() ? &key.public_key() : nullptr;
    });
    EXPECT_TRUE(opened) << opened.error().detail;
    return opened ? opened->statement : S{};
  }

  lineage::KeyPair key;
  CoreHarness h;
};

TEST_F(Signing, ProvesItsKeyWhenItIsAsked) {
  h.core.start(h.now, "");
  h.collect();
  const MakeCall first = h.last_call("/v1/members?");
  EXPECT_NE(first.call.body.find("\"publicKey\":\"" + base64_text(key.public_key().view())),
            std::string::npos);
  EXPECT_EQ(first.call.body.find("proof"), std::string::npos);
  h.answer(first, challenge());
  const MakeCall second = h.last_call("/v1/members?");
  EXPECT_NE(second.call.headers, first.call.headers) << "another request has another key";
  const auto said = signed_in<lineage::RegistrationProof>(second, "proof");
  EXPECT_EQ(said.pool, "pool");
  EXPECT_EQ(said.ns, "default");
  EXPECT_EQ(said.member, "w1");
  EXPECT_EQ(said.key, key.public_key());
  EXPECT_EQ(said.challenge[31], 'c');
}

TEST_F(Signing, GivesUpOnAHostThatOnlyAsks) {
  h.core.start(h.now, "");
  h.collect();
  for (int i = 0; i < 20 && !h.exit_code; ++i) {
    const MakeCall* call = h.find_call("/v1/members?");
    if (call == nullptr) break;
    h.answer(MakeCall(*call), challenge());
  }
  EXPECT_TRUE(h.exit_code);
}

TEST_F(Signing, SignsItsResults) {
  attach();
  h.deliver("p", 3);
  h.start_taken("p");
  h.end_run(h.runs.back().run, 0, "a \"b\"");
  const auto said = signed_in<lineage::Completion>(h.last_call("/p/complete"), "signature");
  EXPECT_EQ(said, (lineage::Completion{"pool", "default", "p", 3, "w1", lineage::End::kCompleted,
                                       lineage::sha256(R"("a \"b\"")")}));
}

TEST_F(Signing, SignsBytesAsTheyAre) {
  attach();
  h.deliver("p", 1);
  h.start_taken("p");
  h.end_run(h.runs.back().run, 0, "\xff\x01");
  const auto said = signed_in<lineage::Completion>(h.last_call("/p/complete"), "signature");
  EXPECT_EQ(said.result, lineage::sha256("\xff\x01"));
}

TEST_F(Signing, SignsItsOffers) {
  attach();
  h.deliver("p", 2);
  h.start_taken("p");
  h.end_run(h.runs.back().run, 0, "",
            R"({"requiredCapabilities":["b","a","b"],"context":{"n": 1}})");
  const auto said = signed_in<lineage::HandoffOffer>(h.last_call("/p/handoff"), "signature");
  EXPECT_EQ(said.epoch, 2u);
  EXPECT_EQ(said.giver, (lineage::Party{"w1", 5}));
  EXPECT_EQ(said.selector, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(said.context, lineage::sha256(R"({"n": 1})"));
  EXPECT_EQ(said.expires_at, 1'060'000);
}

// The delivery shows the contract by which it goes, and what its owner may do.
TEST_F(Signing, OffersNameTheContractAndTheScopes) {
  attach();
  const std::string digest(64, 'a');
  h.deliver(
      "p", 2,
      R"(,"contract":"c","contractDigest":"sha256:)" + digest + R"(","scopes":["read","write"])");
  h.start_taken("p");
  h.end_run(h.runs.back().run, 0, "", R"({"to":"w2"})");
  auto said = signed_in<lineage::HandoffOffer>(h.last_call("/p/handoff"), "signature");
  Digest wanted;
  wanted.fill(0xaa);
  EXPECT_EQ(said.contract, wanted);
  EXPECT_EQ(said.scopes, (std::vector<std::string>{"read", "write"}));
}

class Asked : public Signing {
 protected:
  Asked() {
    attach();
    said.pool = "pool";
    said.ns = "default";
    said.packet = "p";
    said.epoch = 4;
    said.offer = "offer-4";
    said.giver = {"other", 1};
    said.receiver = "w1";
    said.context = lineage::sha256("\"c\"");
  }
  void ask(const std::string& context) {
    const std::string envelope = lineage::sign(lineage::KeyPair::from_seed(lineage::Seed{8}), said);
    h.core.stream_event(h.now, h.stream.id, "offer", "o1",
                        R"({"member":"w1","packet":"p","namespace":"default","epoch":4,"offer":")" +
                            base64_text(envelope) + R"(","until":"x","context":)" + context + "}");
    h.collect();
  }
  lineage::HandoffOffer said;
};

TEST_F(Asked, AcceptsWhatItHasSeen) {
  ask("\"c\"");
  const MakeCall call = h.last_call("/v1/packets/p/accept?namespace=default");
  EXPECT_EQ(call.call.token, "tok-1");
  const auto yes = signed_in<lineage::HandoffAcceptance>(call, "signature");
  EXPECT_EQ(yes.offer, lineage::sha256(lineage::encode(said)));
  EXPECT_EQ(yes.receiver, (lineage::Party{"w1", 5}));
  EXPECT_EQ(yes.epoch, 4u);
  EXPECT_EQ(yes.context, lineage::sha256("\"c\""));
  h.answer(call, problem_of(409, "wrong-state"));
  EXPECT_TRUE(h.runs.empty());
}

TEST_F(Asked, AnswersNothingToAnotherContext) {
  ask("\"d\"");
  EXPECT_EQ(h.find_call("/accept"), nullptr);
}

TEST_F(Asked, DeclinesWhileItLeaves) {
  h.deliver("q", 1);
  h.start_taken("q");
  h.core.stop_requested(h.now);
  h.collect();
  h.keep_alive(seconds(21));
  ask("\"c\"");
  const MakeCall* call = h.find_call("/accept");
  ASSERT_NE(call, nullptr);
  EXPECT_NE(call->call.body.find("\"decline\""), std::string::npos);
}

// A worker with --tickets: CMD begins with one, has a fresh one while it works, and none any more
// once it is to stop.
WorkerOptions with_tickets() {
  WorkerOptions options = test_options();
  options.tickets = true;
  options.max_load = 1;
  return options;
}

class WorkerTickets : public ::testing::Test {
 protected:
  WorkerTickets() : h(with_tickets()) { h.attach(); }

  static std::string ticket_of(const std::string& packet, int64_t life) {
    lineage::Ticket ticket;
    ticket.pool = "pool";
    ticket.ns = "default";
    ticket.packet = packet;
    ticket.epoch = 1;
    ticket.owner = {"w1", 1};
    ticket.issued_at = 1'000'000;
    ticket.expires_at = 1'000'000 + life;
    const lineage::KeyPair key = lineage::KeyPair::from_seed({1});
    return base64_text(
        encode(lineage::ShownTicket{"", encode(ticket), {sign(key, ticket), 0, {}}}));
  }
  void give(const std::string& packet = "p1", int64_t life = 3000) {
    h.answer(asked(packet),
             answer_of(200, R"({"id":"p1","status":"RUNNING","epoch":1,"revision":2,)"
                            R"("ticket":")" +
                                ticket_of(packet, life) + "\"}"));
  }
  MakeCall asked(const std::string& packet = "p1") {
    return h.last_call("/v1/packets/" + packet + "/ticket?");
  }
  bool is_asked(const std::string& packet = "p1") {
    return h.find_call("/v1/packets/" + packet + "/ticket?") != nullptr;
  }

  CoreHarness h;
};

TEST_F(WorkerTickets, ComeBeforeCmdBegins) {
  h.deliver("p1", 1);
  EXPECT_TRUE(h.runs.empty());
  EXPECT_EQ(asked().call.body, "{\"epoch\":1}");
  give();
  ASSERT_EQ(h.runs.size(), 1U);
  EXPECT_EQ(h.runs[0].input.ticket, ticket_of("p1", 3000) + "\n");
}

TEST_F(WorkerTickets, AreRenewedEachThirdOfTheirLife) {
  h.deliver("p1", 1);
  give();
  h.pass(milliseconds(999));
  EXPECT_FALSE(is_asked());
  h.pass(milliseconds(1));
  ASSERT_TRUE(is_asked());
  EXPECT_TRUE(h.tickets.empty());
  give("p1", 600);
  ASSERT_EQ(h.tickets.size(), 1U);
  EXPECT_EQ(h.tickets[0].content, ticket_of("p1", 600) + "\n");
  h.pass(milliseconds(200));
  EXPECT_TRUE(is_asked());
}

TEST_F(WorkerTickets, AreAskedForAgainWhereTheHostDoesNotAnswer) {
  h.deliver("p1", 1);
  h.fail_call(asked(), CallFault::kReset);
  EXPECT_FALSE(is_asked());
  h.pass(milliseconds(200));
  h.answer(asked(), problem_of(503, "store-unreachable"));
  h.pass(milliseconds(200));
  give();
  EXPECT_EQ(h.runs.size(), 1U);
}

TEST_F(WorkerTickets, AreNotRenewedForWhatIsToStop) {
  h.deliver("p1", 1);
  give();
  h.pass(milliseconds(1000));
  ASSERT_TRUE(is_asked());
  h.revoke("p1", 1);
  EXPECT_FALSE(is_asked());
  h.pass(seconds(1));
  EXPECT_FALSE(is_asked());
  EXPECT_TRUE(h.signaled(h.runs[0].run, false));
}

TEST_F(WorkerTickets, AreNotRenewedOnceCmdHasEnded) {
  h.deliver("p1", 1);
  give();
  h.end_run(h.runs[0].run, 0);
  h.pass(seconds(2));
  EXPECT_FALSE(is_asked());
}

TEST_F(WorkerTickets, OfAnEpochThatIsOverStopTheWork) {
  h.deliver("p1", 1);
  give();
  h.pass(seconds(1));
  h.answer(asked(), problem_of(409, "stale-epoch", R"(,"epoch":2)"));
  EXPECT_TRUE(h.signaled(h.runs[0].run, false));
}

TEST_F(WorkerTickets, ThatNobodyGivesFailThePacket) {
  h.deliver("p1", 1);
  h.answer(asked(), problem_of(409, "wrong-state"));
  EXPECT_TRUE(h.runs.empty());
  EXPECT_NE(h.last_call("/v1/packets/p1/fail?").call.body.find("the detail"), std::string::npos);
}

TEST_F(WorkerTickets, CountAsWorkWhileTheyAreAskedFor) {
  h.deliver("p1", 1);
  h.deliver("p2", 1);
  EXPECT_FALSE(is_asked("p2"));
  give();
  h.end_run(h.runs[0].run, 0);
  EXPECT_TRUE(is_asked("p2"));
}

}  // namespace
}  // namespace phoenix::worker
