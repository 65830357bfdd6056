#include "cli/program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/line/help.h"
#include "cli/line/parse.h"

namespace phoenix::cli {
namespace {

// Ctrl-C ends a call to a host at once, with the code that says so. Verbs that run for long
// (serve, worker, demo, sim) put their own handlers in place of this one.
void end_interrupted(int) { _exit(kExitInterrupted); }

void catch_interrupt() {
  struct sigaction action = {};
  action.sa_handler = end_interrupted;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

// "help packet list" is another spelling of "packet list --help", "--version" of "version".
std::vector<std::string> respelled(std::vector<std::string> args) {
  if (!args.empty() && args[0] == "help") {
    args.erase(args.begin());
    args.push_back("--help");
  } else if (args.size() == 1 && args[0] == "--version") {
    args[0] = "version";
  }
  return args;
}

std::string help_page(const ParsedLine& line, const std::vector<Command>& table) {
  if (line.command != nullptr) return command_help(table, *line.command);
  if (!line.group.empty()) return group_help(table, line.group);
  Globals shape;
  return program_help(table, global_flags(&shape));
}

int run_line(const std::vector<std::string>& args) {
  const std::vector<Command> table = all_commands();
  Globals globals;
  const auto line = parse_line(respelled(args), table, &globals);
  Context context(globals, table);
  if (!line) {
    return context.out.report(
        {kExitWrongUse, line.error().what, line.error().why, line.error().next, ""});
  }
  if (line->help) {
    context.out.print(help_page(*line, table));
    return context.out.finish() ? kExitDone : kExitFailed;
  }
  if (line->command == nullptr) {
    const std::string page = help_page(*line, table);
    std::fwrite(page.data(), 1, page.size(), stderr);
    return kExitWrongUse;
  }
  const int code = line->command->run(context);
  const bool written = context.out.finish();
  return code == kExitDone && !written ? kExitFailed : code;
}

}  // namespace

int run_program(const std::vector<std::string>& args) {
  catch_interrupt();
  try {
    return run_line(args);
  } catch (const std::exception& error) {
    // Only a fault of this program or of the machine (out of memory) gets here.
    fmt::print(stderr, "phoenix cannot go on\n{}\nthis is a fault of the program: report it\n",
               error.what());
    return kExitFailed;
  }
}

}  // namespace phoenix::cli
