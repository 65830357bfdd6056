#include "gateway/call_traits.h"

#include <gtest/gtest.h>

#include "gateway/session_homes.h"

namespace phoenix::gateway {
namespace {

HttpHead head_of(const std::string& method, const std::string& path, const std::string& token = "",
                 const std::string& key = "") {
  HttpHead head;
  head.method = method;
  const size_t mark = path.find('?');
  head.path = path.substr(0, mark);
  if (mark != std::string::npos) head.query = path.substr(mark + 1);
  head.peer = "10.0.0.9";
  if (!token.empty()) head.headers.emplace_back("authorization", "Bearer " + token);
  if (!key.empty()) head.headers.emplace_back("idempotency-key", key);
  return head;
}

TEST(CallTraits, OnlyWhatDoesNoHarmIsRepeated) {
  for (const char* path :
       {"/v1/packets/p/start", "/v1/packets/p/checkpoint", "/v1/packets/p/complete",
        "/v1/packets/p/fail", "/v1/packets/p/release", "/v1/packets/p/handoff",
        "/v1/packets/p/cancel", "/v1/packets:complete", "/v1/members/m/heartbeat",
        "/v1/members/m/session", "/v1/sessions/s/drain", "/v1/ring/plan"}) {
    EXPECT_TRUE(traits_of(head_of("POST", path)).repeatable) << path;
  }
  for (const char* path : {"/v1/packets", "/v1/members", "/v1/sessions", "/v1/packets/p/assign",
                           "/v1/packets/p/retry", "/v1/packets/p/evict", "/v1/hosts/h/leave",
                           "/v1/sessions/s/members", "/v1/members/start", "/start"}) {
    EXPECT_FALSE(traits_of(head_of("POST", path)).repeatable) << path;
    EXPECT_TRUE(traits_of(head_of("POST", path, "", "key-1")).repeatable) << path;
    EXPECT_TRUE(traits_of(head_of("GET", path)).repeatable) << path;
  }
  EXPECT_FALSE(traits_of(head_of("PATCH", "/v1/members/m")).repeatable);
  EXPECT_FALSE(traits_of(head_of("DELETE", "/v1/members/m")).repeatable);
}

TEST(CallTraits, KnowsTheCallsThatASessionsHomeAnswers) {
  const auto poll = traits_of(head_of("GET", "/v1/members/m/deliveries?max=1&waitMs=1500"));
  EXPECT_TRUE(poll.of_session);
  EXPECT_EQ(poll.wait, milliseconds(1'500));
  EXPECT_TRUE(traits_of(head_of("GET", "/v1/sessions/s/stream")).of_session);
  EXPECT_TRUE(traits_of(head_of("POST", "/v1/sessions/s/heartbeat")).of_session);
  const auto attach = traits_of(head_of("POST", "/v1/members/m/session"));
  EXPECT_TRUE(attach.attaches);
  EXPECT_FALSE(attach.of_session);
  EXPECT_TRUE(traits_of(head_of("POST", "/v1/members")).registers);
  EXPECT_TRUE(traits_of(head_of("POST", "/v1/sessions")).registers);
  EXPECT_FALSE(traits_of(head_of("GET", "/v1/members")).registers);
  EXPECT_FALSE(traits_of(head_of("GET", "/v1/packets/p/deliveries")).of_session);
}

TEST(CallTraits, AnAbsurdWaitIsBounded) {
  for (const char* query :
       {"?waitMs=99999999999999999999", "?waitMs=-5", "?waitMs=x", "?waitMs="}) {
    const Duration wait = traits_of(head_of("GET", std::string("/v1/packets/p") + query)).wait;
    EXPECT_GE(wait.ns, 0) << query;
    EXPECT_LE(wait, seconds(30)) << query;
  }
  EXPECT_EQ(traits_of(head_of("GET", "/v1/packets/p?a=1&waitMs=90000")).wait, seconds(30));
}

TEST(CallTraits, CallsOfOneSessionHaveOneKey) {
  const auto first = traits_of(head_of("GET", "/v1/members/m/stream", "pst.ses_1.1.MAC"));
  const auto later = traits_of(head_of("POST", "/v1/packets/p/start", "pst.ses_1.2.OTHER"));
  EXPECT_EQ(first.session, "ses_1");
  EXPECT_EQ(first.key, later.key);
  EXPECT_EQ(traits_of(head_of("GET", "/v1/members", "secret")).key, "secret");
  EXPECT_EQ(traits_of(head_of("GET", "/v1/members")).key, "10.0.0.9");
  EXPECT_EQ(session_of("pst.a.b.1.M"), "a.b") << "ids may hold dots";
  for (const char* token : {"", "pst.", "pst..", "pst.x", "pst.x.1", "abc", "pst...", "p.s.t"}) {
    EXPECT_EQ(session_of(token), "") << token;
  }
}

TEST(NextStep, AnotherKeeperTakesWhatTheFirstCannotHaveDone) {
  CallTraits once;
  EXPECT_EQ(next_step(once, Failing::kUnreachable, true), Step::kNextKeeper);
  EXPECT_EQ(next_step(once, Failing::kDraining, true), Step::kNextKeeper);
  EXPECT_EQ(next_step(once, Failing::kBroken, true), Step::kUnknown);
  EXPECT_EQ(next_step(once, Failing::kBroken, false), Step::kUnknown);
  EXPECT_EQ(next_step(once, Failing::kDeclined, true), Step::kHandOn);
  EXPECT_EQ(next_step(once, Failing::kSilent, true), Step::kUnknown);
  EXPECT_EQ(next_step(once, Failing::kUnreachable, false), Step::kNobody);
  EXPECT_EQ(next_step(once, Failing::kDraining, false), Step::kHandOn);
}

TEST(NextStep, WhatMayBeRepeatedIs) {
  CallTraits again;
  again.repeatable = true;
  EXPECT_EQ(next_step(again, Failing::kBroken, true), Step::kNextKeeper);
  EXPECT_EQ(next_step(again, Failing::kBroken, false), Step::kNobody);
  EXPECT_EQ(next_step(again, Failing::kDeclined, true), Step::kNextKeeper);
  EXPECT_EQ(next_step(again, Failing::kDeclined, false), Step::kHandOn);
  EXPECT_EQ(next_step(again, Failing::kSilent, true), Step::kUnknown);
}

TEST(NextStep, ASessionWhoseHomeIsGoneIsToldToAttachAgain) {
  CallTraits poll;
  poll.repeatable = poll.of_session = true;
  for (const Failing failing : {Failing::kUnreachable, Failing::kBroken, Failing::kDraining}) {
    EXPECT_EQ(next_step(poll, failing, true), Step::kMoveMember);
  }
  EXPECT_EQ(next_step(poll, Failing::kDeclined, true), Step::kHandOn)
      << "when the store is away, all hosts say so, and moving helps nobody";
  EXPECT_EQ(next_step(poll, Failing::kBroken, false), Step::kNobody);
}

TEST(SessionHomes, ForgetsTheOneThatWasQuietForLongest) {
  SessionHomes homes(2);
  homes.set("a", "k1");
  homes.set("b", "k2");
  EXPECT_EQ(homes.find("a"), "k1");
  homes.set("c", "k1");
  EXPECT_EQ(homes.find("b"), std::nullopt);
  homes.set("a", "k2");
  EXPECT_EQ(homes.find("a"), "k2");
  EXPECT_EQ(homes.find("c"), "k1");
  EXPECT_EQ(homes.size(), 2u);
}

}  // namespace
}  // namespace phoenix::gateway
