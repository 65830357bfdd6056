#include "cli/demo/demo.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "cli/demo/conductor.h"
#include "cli/exit_codes.h"
#include "cli/table.h"
#include "client/http_client.h"

namespace phoenix {
namespace {

using demo::Conductor;
using demo::Figures;
using demo::InputFile;
using demo::Janitor;
using demo::Processes;

constexpr Duration kShowEvery = milliseconds(100);
constexpr Duration kCleanUpLimit = seconds(5);
constexpr int64_t kMaxFiles = 5000;

int complain(const std::string& why, const std::string& next) {
  fmt::print(stderr, "the demo cannot run\n{}\n{}\n", why, next);
  return kExitFailed;
}

// A line on the terminal that rewrites itself.
class ProgressLine {
 public:
  ProgressLine(EventLoop& loop, const Conductor& conductor, bool wanted)
      : conductor_(conductor), timer_(loop), wanted_(wanted) {
    if (wanted_) show();
  }
  ~ProgressLine() {
    if (wanted_) std::fputs("\r\033[K", stderr);
  }

 private:
  void show() {
    winsize size{};
    const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10;
    std::string text = conductor_.progress();
    text.resize(std::min<size_t>(text.size(), (known ? size.ws_col : 80U) - 1));
    fmt::print(stderr, "\r\033[K{}", text);
    timer_.call_after(kShowEvery, [this] { show(); });
  }

  const Conductor& conductor_;
  Timer timer_;
  bool wanted_;
};

void print_keep(const Conductor& conductor, const std::string& data, FILE* where) {
  const std::string packet = conductor.interesting_packet();
  const std::string urls = fmt::format("{}", fmt::join(conductor.urls(), ","));
  const std::string pids = fmt::format("{}", fmt::join(conductor.pids(), " "));
  const bool alone = conductor.urls().size() == 1;
  fmt::print(where,
             "\nThe {4} still up at {0} ({5} {1}, data in {2}). Try:\n"
             "  phoenix --url {0} status\n"
             "  phoenix --url {0} packet explain {3}\n"
             "  phoenix --url {0} worker start --capability words -- wc -w\n"
             "End {6} with: kill {1}\n",
             urls, pids, data, packet, alone ? "host is" : "hosts are",
             alone ? "process" : "processes", alone ? "it" : "them");
}

struct Run {
  const DemoOptions& options;
  std::string scratch;
  std::vector<InputFile> files;
  bool interrupted = false;
  bool kept = false;
};

int perform(Run& run, Janitor& janitor) {
  EventLoop loop;
  Processes processes(janitor);
  const auto signals = loop.on_signals({SIGINT, SIGTERM, SIGHUP, SIGCHLD}, [&](int number) {
    if (number == SIGCHLD) return processes.reap();
    run.interrupted = true;
    loop.stop();
  });
  if (!signals) return complain(signals.error().detail, "");
  const std::string tag = random_idempotency_key().substr(0, 6);
  Conductor conductor(loop, processes, run.options, run.files, run.scratch, tag);
  conductor.start();
  {
    const ProgressLine line(loop, conductor, run.options.progress && !run.options.verbose);
    loop.run();
  }
  const Figures& figures = conductor.figures();
  const bool good = demo::violations(figures).empty();
  run.kept = run.options.keep && !run.interrupted && !conductor.pids().empty();
  if (!run.kept) {
    processes.kill_all();
    processes.wait_for_all(kCleanUpLimit);
  }
  if (run.interrupted) return kExitInterrupted;
  const std::string text =
      run.options.json ? demo::render_json(figures) : demo::render_text(figures, run.options.color);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (run.options.json && !good) {
    for (const std::string& wrong : demo::violations(figures)) fmt::print(stderr, "{}\n", wrong);
  }
  if (run.kept) {
    print_keep(conductor,
               run.options.data_dir.empty() ? run.scratch + "/data" : run.options.data_dir,
               run.options.json ? stderr : stdout);
  }
  return good ? kExitDone : kExitFailed;
}

}  // namespace

int run_demo(const DemoOptions& options) {
  Run run{options, demo::make_scratch("phoenix-demo"), {}};
  if (run.scratch.empty()) {
    return complain(std::string("no temporary folder can be made: ") + std::strerror(errno),
                    "set TMPDIR to a folder that can be written");
  }
  auto janitor = Janitor::start(run.scratch);
  if (!janitor) return complain(janitor.error().detail, "");
  // What outlives its parent comes to us, so that nobody is left when we end.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::signal(SIGPIPE, SIG_IGN);
  const int64_t wanted = std::min(options.packets / demo::kSkills + 1, kMaxFiles);
  auto files = demo::find_inputs(options.files_dir, static_cast<std::size_t>(wanted));
  if (!files) return complain(files.error().detail, "name another folder with --files DIR");
  run.files = std::move(*files);
  const int code = perform(run, **janitor);
  if (run.kept) (*janitor)->leave_all();
  return code;
}

}  // namespace phoenix
