// The whole table of verbs: that each has a page worth reading and that wrong use ends in 2.
#include "cli/program.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/commands/commands.h"
#include "cli/line/globals.h"
#include "cli/line/help.h"
#include "cli/table.h"

namespace phoenix::cli {
namespace {

std::vector<std::string> words_of(const std::string& path) {
  std::istringstream stream(path);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

int run_quietly(std::vector<std::string> args, std::string* out, std::string* err) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = run_program(args);
  *out = testing::internal::GetCapturedStdout();
  *err = testing::internal::GetCapturedStderr();
  return code;
}

TEST(Verbs, AllOfThemHaveHelpWithAnExampleWithin100Columns) {
  for (const Command& command : all_commands()) {
    if (command.later) continue;
    auto args = words_of(command.path);
    args.push_back("--help");
    std::string out, err;
    EXPECT_EQ(run_quietly(args, &out, &err), 0) << command.path;
    EXPECT_EQ(err, "") << command.path;
    const size_t example = out.find("Example:\n  ");
    ASSERT_NE(example, std::string::npos) << command.path;
    EXPECT_NE(out.find("phoenix", example), std::string::npos) << command.path;
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(display_width(line), 100u) << command.path << ": " << line;
    }
  }
}

TEST(Verbs, RefuseFlagsThatTheyDoNotKnow) {
  for (const Command& command : all_commands()) {
    auto args = words_of(command.path);
    args.push_back("--no-such-flag");
    std::string out, err;
    EXPECT_EQ(run_quietly(args, &out, &err), 2) << command.path;
    EXPECT_EQ(out, "") << command.path;
    EXPECT_NE(err, "") << command.path;
  }
}

TEST(Verbs, WrongUseNeverReachesAHost) {
  for (const char* line : {"packet",
                           "nonsense",
                           "packet nonsense",
                           "packet show",
                           "packet show -x",
                           "packet list x",
                           "packet list --limit 0",
                           "packet submit",
                           "packet submit --requires a --payload {",
                           "packet submit --requires a --from x --from-dir y",
                           "packet complete p",
                           "handoff p",
                           "packet checkpoint p --as m",
                           "worker start --capability a",
                           "worker start -- true",
                           "member register",
                           "packet create no-such-file extra",
                           "member drain m --deadline 5",
                           "ring owner",
                           "completion tcsh",
                           "audit verify",
                           "audit verify x --keys /nonexistent --checkpoint y",
                           "ticket verify",
                           "ticket verify x --keys /nonexistent",
                           "key new",
                           "new",
                           "new a/b",
                           "new shop --template nosuch",
                           "run nosuch.pflight",
                           "schema Nosuch",
                           "policy replay",
                           "worker start --capability a --trust 2 -- true",
                           "key new a/b/c",
                           "key show /nonexistent",
                           "key root",
                           "key root new extra",
                           "key root new --pool a/b",
                           "key sign-host h.pub",
                           "key sign-host /nonexistent --root /nonexistent",
                           "host join-token",
                           "host enroll",
                           "host enroll --join-token /nonexistent",
                           "demo --churn 0s",
                           "sim --seeds 5..1",
                           "sim --hours 0",
                           "sim --hours 1h",
                           "serve --config /nonexistent/file",
                           "-o xml status",
                           "--request-timeout 0s status",
                           "--url ftp://x status",
                           "packet show a/b"}) {
    std::string out, err;
    EXPECT_EQ(run_quietly(words_of(line), &out, &err), 2) << line << ": " << err;
    EXPECT_EQ(out, "") << line;
  }
}

TEST(Verbs, WithoutAHostSayHowToStartOne) {
  for (const char* line : {"status", "packet list", "member list", "host list", "ring show",
                           "packet submit --requires a", "packet result p", "retire m"}) {
    auto args = words_of(line);
    args.insert(args.begin(), {"--url", "http://127.0.0.1:1"});
    std::string out, err;
    EXPECT_EQ(run_quietly(args, &out, &err), 5) << line;
    EXPECT_EQ(err, "no host answers at http://127.0.0.1:1\nstart one: phoenix serve\n") << line;
    EXPECT_EQ(out, "") << line;
  }
}

TEST(Completion, KnowsEveryVerbAndFlag) {
  Globals shape;
  const auto table = all_commands();
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = completion_script(shell, table, global_flags(&shape));
    for (const Command& command : table) {
      if (command.later || command.hidden) continue;
      EXPECT_NE(script.find(command.path), std::string::npos) << shell << " " << command.path;
    }
    EXPECT_NE(script.find("--payload"), std::string::npos) << shell;
    EXPECT_EQ(script.find("--max-blobs"), std::string::npos) << shell;
  }
}

}  // namespace
}  // namespace phoenix::cli
