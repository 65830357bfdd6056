#include <sys/prctl.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>

#include "cli/apps/app_commands.h"
#include "cli/apps/app_file.h"
#include "cli/apps/run/app_run.h"
#include "cli/bundle/opened_bundle.h"
#include "cli/demo/proc/janitor.h"
#include "manifest/bundle/unpack.h"

namespace phoenix::cli {
namespace {

constexpr const char* kWhat = "cannot run the app";
constexpr Duration kCleanUpLimit = seconds(10);

struct RunLine {
  AppFlags app;
  apps::RunOptions run;
  std::vector<std::string> words;
  std::string keys;  // of whom one must have signed the bundle; empty: nobody
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
    return context.out.report({kExitFailed, kWhat, signals.error().detail, "", ""});
  }
  run.start();
  loop.run();
  processes.kill_all();
  processes.wait_for_all(kCleanUpLimit);
  return run.exit_code();
}

// What a run needs before anything is started. Whatever way this process ends, what it started does
// not outlive it, nor does its scratch folder.
struct Scratch {
  std::string folder;
  std::unique_ptr<demo::Janitor> janitor;
};

Outcome<Scratch> make_scratch_folder() {
  Scratch scratch;
  scratch.folder = demo::make_scratch("phoenix-run");
  if (scratch.folder.empty()) {
    return tl::unexpected(Failure{
        kExitFailed, kWhat, std::string("no temporary folder: ") + std::strerror(errno), "", ""});
  }
  auto janitor = demo::Janitor::start(scratch.folder);
  if (!janitor) {
    return tl::unexpected(Failure{kExitFailed, kWhat, janitor.error().detail, "", ""});
  }
  scratch.janitor = std::move(*janitor);
  return scratch;
}

bool is_bundle(const RunLine& line) { return line.app.file.ends_with(".pflight"); }

// A bundle is unpacked where nobody else can change it between its verification and its use. Its
// host's data and the logs stay where the run was started.
Outcome<int> unpack(const OpenedBundle& opened, const Scratch& scratch, RunLine& line) {
  const std::string folder = scratch.folder + "/app";
  const auto done = manifest::unpack_bundle(opened.bundle, folder);
  if (!done) return tl::unexpected(Failure{kExitFailed, kWhat, done.error().detail, "", ""});
  line.app.file = folder + "/PhoenixFile";
  std::error_code error;
  line.run.data = std::filesystem::current_path(error).string() + "/.phoenixflight";
  return kExitDone;
}

Outcome<manifest::App> load(Context& context, const RunLine& line) {
  auto app = load_for(context, line.app, kWhat);
  if (!app || (!app->name.empty() && app->declared)) return app;
  return tl::unexpected(wrong_use("cannot run " + line.app.file, "it declares no PhoenixApp",
                                  "make one: phoenix new APP"));
}

Outcome<int> run_app(Context& context, RunLine line) {
  if (!line.words.empty()) line.app.file = line.words.front();
  if (!line.keys.empty() && !is_bundle(line)) {
    return tl::unexpected(wrong_use("--keys is for bundles", line.app.file + " is none"));
  }
  Outcome<OpenedBundle> opened;
  Outcome<manifest::App> app;
  if (is_bundle(line)) {
    opened = open_bundle_file(kWhat, line.app.file, line.keys);
    if (!opened) return tl::unexpected(opened.error());
  } else if (app = load(context, line); !app) {
    return tl::unexpected(app.error());
  }
  auto scratch = make_scratch_folder();
  if (!scratch) return tl::unexpected(scratch.error());
  if (is_bundle(line)) {
    if (const auto done = unpack(*opened, *scratch, line); !done) return done;
    app = load(context, line);
    if (!app) return tl::unexpected(app.error());
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::signal(SIGPIPE, SIG_IGN);
  return perform(context, line, std::move(*app), *scratch->janitor);
}

}  // namespace

void add_app_run(std::vector<Command>& table) {
  const auto line = std::make_shared<RunLine>();
  Command command;
  command.path = "run";
  command.summary = "bring an app's agents up, work its packets to the end, say what happened";
  command.usage = "[-f FILE | FILE | BUNDLE.pflight [--keys PATH]] [--keep] [--timeout 5m]";
  command.detail =
      "Uses the host that answers, else starts one in .phoenixflight beside the PhoenixFile. Each\n"
      "agent with exec is a `phoenix worker` of its own, started again when it ends. Ends when "
      "all\n"
      "packets have: 0 if all are COMPLETED, else 1; also 1, with the reasons, when nothing that\n"
      "the app declares can go on. Ctrl-C drains. Logs are in .phoenixflight/logs.\n"
      "A bundle is verified, and unpacked for the run into a temporary folder.";
  command.example = "phoenix new shop --template customer-validation && cd shop && phoenix run";
  add_app_flags(command.flags, &line->app);
  command.flags.push_back(
      switch_flag("--keep", &line->run.keep, "stay up at the end, until Ctrl-C"));
  command.flags.push_back(optional_duration_flag("--timeout", "5m", &line->run.timeout,
                                                 "give up after so long, with exit 7 (never)"));
  command.flags.push_back(text_flag("--keys", "PATH", &line->keys,
                                    "public keys, a file or a folder, one of which must have "
                                    "signed the bundle"));
  command.words_name = "FILE";
  command.words_max = 1;
  command.words = &line->words;
  command.run = [line](Context& context) { return finish(context, run_app(context, *line)); };
  table.push_back(std::move(command));
}

}  // namespace phoenix::cli
