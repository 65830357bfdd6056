#include <sys/prctl.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include "cli/apps/app_commands.h"
#include "cli/apps/app_file.h"
#include "cli/apps/run/app_run.h"
#include "cli/demo/proc/janitor.h"

namespace phoenix::cli {
namespace {

constexpr Duration kCleanUpLimit = seconds(10);

struct RunLine {
  AppFlags app;
  apps::RunOptions run;
  std::vector<std::string> words;
};

int perform(Context& context, const RunLine& line, manifest::App app, demo::Janitor& janitor) {
  EventLoop loop;
  demo::Processes processes(janitor);
  apps::AppRun run(loop, processes, context, std::move(app), line.run);
  const auto signals = loop.on_signals({SIGINT, SIGTERM, SIGHUP, SIGCHLD}, [&](int number) {
    if (number == SIGCHLD) return processes.reap();
    run.interrupt();
  });
  if (!signals) {
    return context.out.report({kExitFailed, "cannot run the app", signals.error().detail, "", ""});
  }
  run.start();
  loop.run();
  processes.kill_all();
  processes.wait_for_all(kCleanUpLimit);
  return run.exit_code();
}

int run_app(Context& context, RunLine line) {
  if (!line.words.empty()) line.app.file = line.words.front();
  if (line.app.file.ends_with(".pflight")) {
    return context.out.report(wrong_use("a bundle is not run as it is", "",
                                        "unpack it first: phoenix bundle unpack BUNDLE --to DIR"));
  }
  auto app = load_for(context, line.app, "cannot run the app");
  if (!app) return context.out.report(app.error());
  if (app->name.empty() || !app->declared) {
    return context.out.report(wrong_use("cannot run " + line.app.file, "it declares no PhoenixApp",
                                        "make one: phoenix new APP"));
  }
  remark_on_rules(context, *app);
  // Whatever way this process ends, what it started does not outlive it.
  const std::string scratch = demo::make_scratch("phoenix-run");
  auto janitor =
      scratch.empty()
          ? Result<std::unique_ptr<demo::Janitor>>(fail(
                ErrorKind::kInternal, std::string("no temporary folder: ") + std::strerror(errno)))
          : demo::Janitor::start(scratch);
  if (!janitor) {
    return context.out.report({kExitFailed, "cannot run the app", janitor.error().detail, "", ""});
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::signal(SIGPIPE, SIG_IGN);
  return perform(context, line, std::move(*app), **janitor);
}

}  // namespace

void add_app_run(std::vector<Command>& table) {
  const auto line = std::make_shared<RunLine>();
  Command command;
  command.path = "run";
  command.summary = "bring an app's agents up, work its packets to the end, say what happened";
  command.usage = "[-f FILE | FILE] [--keep] [--timeout 5m]";
  command.detail =
      "Uses the host that answers, else starts one in .phoenixflight beside the PhoenixFile. Each\n"
      "agent with exec is a `phoenix worker` of its own, started again when it ends. Ends when "
      "all\n"
      "packets have: 0 if all are COMPLETED, else 1; also 1, with the reasons, when nothing that\n"
      "the app declares can go on. Ctrl-C drains. Logs are in .phoenixflight/logs.";
  command.example = "phoenix new shop --template customer-validation && cd shop && phoenix run";
  add_app_flags(command.flags, &line->app);
  command.flags.push_back(
      switch_flag("--keep", &line->run.keep, "stay up at the end, until Ctrl-C"));
  command.flags.push_back(optional_duration_flag("--timeout", "5m", &line->run.timeout,
                                                 "give up after so long, with exit 7 (never)"));
  command.words_name = "FILE";
  command.words_max = 1;
  command.words = &line->words;
  command.run = [line](Context& context) { return run_app(context, *line); };
  table.push_back(std::move(command));
}

}  // namespace phoenix::cli
