#include "cli/api.h"

#include <gtest/gtest.h>

#include "cli/context.h"

namespace phoenix::cli {
namespace {

Failure refused(int status, const std::string& kind, const std::string& more = "") {
  return failure_of("cannot do it", status,
                    R"({"type":"/problems/)" + kind + R"(","title":"t","status":)" +
                        std::to_string(status) + R"(,"detail":"why")" + more + "}");
}

TEST(Targets, AreEncodedAsTheyAreBuilt) {
  Target target({"packets", "a b/c"});
  target.with("label", "k=v&x").with("limit", 10);
  EXPECT_EQ(target.text(), "/v1/packets/a%20b%2Fc?label=k%3Dv%26x&limit=10");
  EXPECT_EQ(Target({"documents:apply"}).text(), "/v1/documents:apply") << "a verb";
}

TEST(Failures, HaveTheExitCodesOfTheTable) {
  EXPECT_EQ(refused(400, "invalid-request").exit_code, kExitWrongUse);
  EXPECT_EQ(refused(401, "unauthenticated").exit_code, kExitFailed);
  EXPECT_EQ(refused(403, "policy-denied").exit_code, kExitFailed);
  EXPECT_EQ(refused(404, "not-found").exit_code, kExitNotFound);
  EXPECT_EQ(refused(410, "gone").exit_code, kExitNotFound);
  EXPECT_EQ(refused(409, "stale-epoch").exit_code, kExitConflict);
  EXPECT_EQ(refused(409, "member-exists").exit_code, kExitConflict);
  EXPECT_EQ(refused(409, "session-replaced").exit_code, kExitConflict);
  EXPECT_EQ(refused(409, "not-owner").exit_code, kExitConflict);
  EXPECT_EQ(refused(409, "session-lapsed").exit_code, kExitConflict);
  EXPECT_EQ(refused(409, "conflict").exit_code, kExitConflict);
  EXPECT_EQ(refused(412, "precondition-failed").exit_code, kExitConflict);
  EXPECT_EQ(refused(409, "wrong-state").exit_code, kExitFailed);
  EXPECT_EQ(refused(409, "not-eligible").exit_code, kExitFailed);
  EXPECT_EQ(refused(503, "draining").exit_code, kExitFailed);
  EXPECT_EQ(refused(504, "timeout").exit_code, kExitTimedOut);
}

TEST(Failures, SayWhatWhyAndWhatNext) {
  const Failure failure = refused(409, "stale-epoch", R"(,"epoch":4,"owner":"bob")");
  EXPECT_EQ(render_failure(failure, Format::kTable, false),
            "cannot do it\nwhy\nstop working on it: bob has it now\n");
}

TEST(Failures, NameEveryFaultOfARequest) {
  const Failure failure =
      refused(400, "invalid-request",
              R"(,"errors":[{"pointer":"/a","detail":"x"},{"pointer":"/b","detail":"y"}])");
  EXPECT_EQ(failure.why, "why\n/a: x\n/b: y");
}

TEST(Failures, ForProgramsAreTheProblemDocument) {
  const Failure failure = refused(404, "not-found");
  EXPECT_EQ(render_failure(failure, Format::kJson, false), failure.document + "\n");
  EXPECT_EQ(render_failure(wrong_use("a", "b", "c"), Format::kJson, false),
            R"({"type":"about:blank","title":"a","detail":"b","next":"c"})"
            "\n");
}

TEST(Failures, OfSomethingElseThanAHostStillMakeSense) {
  const Failure failure = failure_of("cannot do it", 502, "<html>Bad Gateway</html>");
  EXPECT_EQ(failure.exit_code, kExitFailed);
  EXPECT_NE(failure.why, "");
}

TEST(Failures, CannotDriveTheTerminal) {
  EXPECT_EQ(render_failure(wrong_use("a\x1b[2J"), Format::kTable, false), "a\\x1b[2J\n");
}

TEST(Api, SaysThatNoHostAnswers) {
  Globals globals;
  globals.urls = {"http://127.0.0.1:1"};
  Output out(globals);
  Api api(globals, &out);
  const auto reply = api.get("cannot list packets", Target({"packets"}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().exit_code, kExitNoHost);
  EXPECT_EQ(render_failure(reply.error(), Format::kTable, false),
            "no host answers at http://127.0.0.1:1\nstart one: phoenix serve\n");
}

TEST(Api, RefusesAddressesThatAreNone) {
  Globals globals;
  globals.urls = {"ftp://x"};
  Output out(globals);
  Api api(globals, &out);
  const auto reply = api.get("cannot list packets", Target({"packets"}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().exit_code, kExitWrongUse);
}

}  // namespace
}  // namespace phoenix::cli
