// One run of an app: a host that answers or one of our own, its agents as processes, its packets
// submitted, and watched until all are over or nothing moves any more. On one loop; calls to the
// host block it, for they are short and nothing else is to be done meanwhile.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "cli/apps/app_packets.h"
#include "cli/apps/run/agents.h"
#include "cli/apps/run/board.h"
#include "cli/demo/proc/host_process.h"
#include "cli/demo/proc/processes.h"
#include "manifest/app/model.h"
#include "net/event_loop.h"

namespace phoenix::apps {

struct RunOptions {
  bool keep = false;                // stay up at the end
  std::optional<Duration> timeout;  // give up then, with what is left; none: never
  std::string data;                 // for a host of its own and logs; empty: beside the PhoenixFile
};

class AppRun {
 public:
  AppRun(EventLoop& loop, demo::Processes& processes, cli::Context& context, manifest::App app,
         RunOptions options);

  // Stops the loop when all is over.
  void start();
  // Ctrl-C: the agents drain; a second time: all ends at once.
  void interrupt();
  int exit_code() const { return exit_code_; }

 private:
  enum class Phase : uint8_t { kStarting, kRegistering, kWorking, kKept, kEnding };

  void start_host();
  void host_is_up(const std::string& url, bool ours);
  bool lay_down_rules();
  bool register_people();
  void tick();
  void submit();
  void expect_all(const std::vector<cli::Submitted>& sent);
  bool find_earlier();
  void choose_id(cli::AppPacket* packet);
  bool cancel_changed(cli::AppPacket* packet);
  void watch();
  bool replace_hung();
  void say(const std::string& line);
  void draw();
  void clear_table();
  void fetch_results();
  // The end of the work, with its exit code; what goes to stdout is printed here.
  void finish(int code);
  void fail(const cli::Failure& failure);
  void close(int code);
  double seconds_since_start() const;

  EventLoop& loop_;
  demo::Processes& processes_;
  cli::Context& context_;
  manifest::App app_;
  RunOptions options_;
  Phase phase_ = Phase::kStarting;
  std::string data_;  // the folder of a host of our own, and of all logs
  std::string url_;
  std::unique_ptr<demo::HostProcess> host_process_;
  std::unique_ptr<cli::AppHost> host_;
  std::unique_ptr<Agents> agents_;
  Board board_;
  std::map<std::string, bool> earlier_;  // the app's packets before this run: whether they are over
  Timer ticker_;
  Timer drain_limit_;
  Instant started_{};
  int ticks_ = 0;
  int still_ticks_ = 0;     // in a row in which nothing could move
  size_t drawn_lines_ = 0;  // of the live table
  bool interrupted_ = false;
  int exit_code_ = 0;
};

}  // namespace phoenix::apps
