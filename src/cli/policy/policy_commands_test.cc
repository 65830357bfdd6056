// `policy eval`, as a program sees it.
#include "cli/policy/policy_commands.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "cli/context.h"
#include "cli/line/parse.h"

namespace phoenix::cli {
namespace {

// The exit code and what stands on both outputs.
std::string eval(const std::string& expression, const std::string& input) {
  std::string folder = (std::filesystem::temp_directory_path() / "policy-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return "no folder";
  const std::string file = folder + "/case.json";
  std::ofstream(file) << input;
  std::vector<Command> table;
  add_policy_commands(table);
  Globals globals;
  const auto line =
      parse_line({"policy", "eval", expression, "--input", file, "-o", "json"}, table, &globals);
  if (!line || line->command == nullptr) return "no command";
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Context context(globals, table);
  const int code = line->command->run(context);
  context.out.finish();
  std::string text = std::to_string(code) + " " + testing::internal::GetCapturedStdout();
  text += testing::internal::GetCapturedStderr();
  std::filesystem::remove_all(folder);
  return text;
}

TEST(PolicyEval, the_inputs_members_are_the_names_of_the_expression) {
  EXPECT_NE(eval("a.b + 1", R"({"a": {"b": 2}})").find(R"("value":3)"), std::string::npos);
}

TEST(PolicyEval, more_names_than_an_expression_can_tell_apart_are_refused) {
  const auto members = [](int count) {
    std::string text = R"({"first":1)";
    for (int name = 2; name < count; ++name) text += ",\"" + std::to_string(name) + "\":0";
    return text + R"(,"last":2})";
  };
  EXPECT_NE(eval("last", members(65'535)).find(R"("value":2)"), std::string::npos);
  const std::string told = eval("last", members(65'537));
  EXPECT_EQ(told.substr(0, 2), "2 ");
  EXPECT_NE(told.find("at most 65535"), std::string::npos) << told;
}

}  // namespace
}  // namespace phoenix::cli
