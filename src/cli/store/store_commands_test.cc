// The verbs over a PostgreSQL of the test's own, as a person and as a program sees them.
#include "cli/store/store_commands.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "cli/context.h"
#include "cli/line/parse.h"
#include "cli/store/test_server.h"

namespace phoenix::cli {
namespace {

struct Done {
  int code = -1;
  std::string out, err;
};

Done run(const std::vector<std::string>& args) {
  std::vector<Command> table;
  add_store_commands(table);
  Globals globals;
  Done done;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const auto line = parse_line(args, table, &globals);
  if (line && line->command != nullptr) {
    Context context(globals, table);
    done.code = line->command->run(context);
    context.out.finish();
  }
  done.out = testing::internal::GetCapturedStdout();
  done.err = testing::internal::GetCapturedStderr();
  return done;
}

class StoreVerbs : public testing::Test {
 protected:
  void SetUp() override {
    ::unsetenv("PHOENIX_STORE");
    const std::string missing = test_server_missing();
    if (!missing.empty()) {
      if (std::getenv("PHOENIX_REQUIRE_POSTGRES") != nullptr) FAIL() << missing;
      GTEST_SKIP() << missing;
    }
    url_ = test_server_url();
    ASSERT_NE(url_, "");
    ASSERT_TRUE(run_test_sql("DROP SCHEMA IF EXISTS phoenix CASCADE"));
  }
  Json json(std::vector<std::string> args, int code = 0) {
    args.insert(args.end(), {"--store", url_, "-o", "json"});
    const Done done = run(args);
    EXPECT_EQ(done.code, code) << done.out << done.err;
    auto document = Json::parse(done.out);
    EXPECT_TRUE(document) << done.out;
    return document ? std::move(*document) : Json();
  }
  Done plain(std::vector<std::string> args) {
    args.insert(args.end(), {"--store", url_});
    return run(args);
  }
  std::string url_;
};

TEST_F(StoreVerbs, a_store_is_made_once_and_then_checks) {
  const Done absent = plain({"store", "check"});
  EXPECT_EQ(absent.code, 1);
  EXPECT_NE(absent.out.find("! the database has no schema"), std::string::npos) << absent.out;
  const Json made = json({"store", "init"});
  EXPECT_TRUE(made["created"].truth());
  EXPECT_EQ(made["pool"].text().size(), 16u);
  EXPECT_EQ(made["timeline"].text(), "1");
  const Json again = json({"store", "init"});
  EXPECT_FALSE(again["created"].truth());
  EXPECT_EQ(again["pool"].text(), made["pool"].text());
  const Json check = json({"store", "check"});
  EXPECT_TRUE(check["ok"].truth());
  EXPECT_EQ(check["store"].text(), made["store"].text());
  EXPECT_EQ(check["slots"]["withoutHolder"].text(), "4096");
  EXPECT_EQ(run({"store", "check", "--store", url_, "-o", "name"}).out, made["pool"].text() + "\n");
  ::setenv("PHOENIX_STORE", url_.c_str(), 1);
  EXPECT_EQ(run({"store", "check"}).code, 0);
  ::unsetenv("PHOENIX_STORE");
}

TEST_F(StoreVerbs, check_lists_hosts_and_what_is_wrong) {
  json({"store", "init"});
  ASSERT_TRUE(run_test_sql("INSERT INTO phoenix.host_log(host, life) VALUES (E'host-\\x1b', 171)"));
  const Done told = plain({"store", "check"});
  EXPECT_EQ(told.code, 1);
  EXPECT_NE(told.out.find("host-\\x1b  00000000000000ab"), std::string::npos) << told.out;
  EXPECT_NE(told.out.find("in-view"), std::string::npos);
  EXPECT_NE(told.out.find("! 4096 slots are driven by nobody"), std::string::npos) << told.out;
  const Json check = json({"store", "check"}, 1);
  EXPECT_FALSE(check["ok"].truth());
  EXPECT_EQ(check["problems"].items().size(), 1u);
  EXPECT_EQ(check["hosts"].items().at(0)["life"].text(), "00000000000000ab");
}

TEST_F(StoreVerbs, adopt_wants_to_be_meant_and_refuses_while_a_host_beats) {
  json({"store", "init"});
  EXPECT_EQ(plain({"store", "adopt"}).code, 2);
  ASSERT_TRUE(run_test_sql("INSERT INTO phoenix.host_log(host, life) VALUES ('h', 1)"));
  const Done beaten = plain({"store", "adopt", "--after-restore"});
  EXPECT_EQ(beaten.code, 4);
  EXPECT_EQ(beaten.err,
            "cannot adopt the store\n1 hosts use this store, among them h\n"
            "end all hosts, wait 10 s and try again\n");
  ASSERT_TRUE(run_test_sql("UPDATE phoenix.host_log SET renewed = renewed - interval '1 hour'"));
  const Json adopted = json({"store", "adopt", "--after-restore"});
  EXPECT_EQ(adopted["packets"].text(), "0");
  EXPECT_EQ(adopted["fencedHosts"].text(), "1");
  const Json check = json({"store", "check"});
  EXPECT_TRUE(check["hosts"].items().at(0)["fenced"].truth());
}

TEST_F(StoreVerbs, migrate_says_what_it_did) {
  EXPECT_EQ(plain({"store", "migrate"}).code, 1);
  json({"store", "init"});
  const Json done = json({"store", "migrate"});
  EXPECT_EQ(done["before"].text(), done["after"].text());
  EXPECT_NE(plain({"store", "migrate"}).out.find("already"), std::string::npos);
}

TEST(StoreWords, wrong_stores_are_told_without_secrets) {
  ::unsetenv("PHOENIX_STORE");
  EXPECT_EQ(run({"store", "check"}).code, 2);
  EXPECT_EQ(run({"store", "init", "--store", "sqlite"}).code, 2);
  const Done away = run({"store", "init", "--store", "postgresql://u:sesame@127.0.0.1:1/db"});
  EXPECT_EQ(away.code, 1);
  EXPECT_EQ(away.out, "");
  EXPECT_EQ(away.err.find("sesame"), std::string::npos) << away.err;
  EXPECT_EQ(std::count(away.err.begin(), away.err.end(), '\n'), 3) << away.err;
}

}  // namespace
}  // namespace phoenix::cli
