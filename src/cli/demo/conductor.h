// The run itself: submits, follows, hits workers, kills the host, compares results, and closes with
// the figures. Everything happens on one loop; what is decided stands in churn.h, what is counted
// in ledger.h and runs.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/demo/churn.h"
#include "cli/demo/demo_options.h"
#include "cli/demo/inputs.h"
#include "cli/demo/ledger.h"
#include "cli/demo/proc/audit_run.h"
#include "cli/demo/proc/direct_runs.h"
#include "cli/demo/proc/fleet.h"
#include "cli/demo/proc/host_group.h"
#include "cli/demo/report.h"
#include "cli/demo/runs.h"
#include "cli/demo/talk/calls.h"
#include "cli/demo/talk/follower.h"
#include "cli/demo/talk/submitter.h"

namespace phoenix::demo {

class Conductor {
 public:
  // `scratch`: a folder of this run alone; `tag`: unlike that of any other run on this data folder.
  Conductor(EventLoop& loop, Processes& processes, const DemoOptions& options,
            const std::vector<InputFile>& files, std::string scratch, std::string tag);

  // Begins; the loop is stopped when everything is over.
  void start();
  const Figures& figures() const { return figures_; }
  // Of the hosts that are up, and the processes behind them.
  std::vector<std::string> urls() const { return hosts_.urls(); }
  std::vector<pid_t> pids() const { return hosts_.pids(); }
  std::string interesting_packet() const { return ledger_.most_moved(); }
  // One line for people: where the run is.
  std::string progress() const;

 private:
  enum class Stage : uint8_t { kStarting, kRunning, kClosing };

  // --- conductor.cc: the course of the run ---
  void host_up(std::size_t i);
  void talk_to_hosts();
  void note(const std::string& text) const;
  void begin_work();
  void tick();
  bool complete() const;
  bool frozen_have_shown() const;
  bool wants_more() const;
  uint64_t live() const;
  void fault(std::string text);
  void sample_load();
  void packet_changed(const PacketEvent& event);
  void compare(const std::string& packet);
  void close();
  void check_packets(const std::string& cursor);
  void take_host_figures(const std::string& body);
  void read_last_figures(std::size_t host);
  void take_audit();
  void audited(const Result<std::string>& report);
  void stop_workers();
  void stop_host();
  void finish();

  // --- hits.cc: what happens to workers ---
  std::string held_target() const;
  void churn();
  void strike(Hit hit, const std::vector<Candidate>& candidates);
  void check_hit(const std::string& id, Hit hit, const std::vector<Started>& before);
  void watch_frozen();
  void worker_news(Worker& worker, const WorkerNews& news);
  void worker_ended(Worker& worker, int status);
  void came_back(Worker& worker);

  // --- host_hits.cc: what happens to hosts ---
  void hit_hosts();
  void kill_host_if_due();
  void strike_host_if_due();
  void strike_host(const HostStrike& strike);
  void look_whether_whole();

  EventLoop& loop_;
  Processes& processes_;
  const DemoOptions& options_;
  const std::vector<InputFile>& files_;
  std::string scratch_;
  std::string tag_;
  Duration lease_;
  Figures figures_;
  Ledger ledger_;
  Runs runs_;
  ChurnPlan plan_;
  HostGroup hosts_;
  DirectRuns direct_;
  AuditRun audit_;
  std::unique_ptr<HostCalls> calls_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<Submitter> submitter_;
  std::unique_ptr<Follower> follower_;
  Stage stage_ = Stage::kStarting;
  Timer ticker_;
  Timer churn_timer_;
  Timer load_timer_;
  Timer stop_timer_;
  Timer thaw_timer_;
  Instant began_;
  Instant work_began_;
  Instant last_end_;
  Instant last_progress_;
  bool hitting_ = false;
  bool killing_host_ = false;
  std::vector<HostStrike> strikes_;  // at several hosts
  std::size_t struck_ = 0;           // how many of them are over
  bool striking_ = false;            // one is not
  bool frozen_host_ = false;
  bool asking_ = false;
  Instant struck_at_;
  std::size_t comparing_ = 0;
  TimeWeighted load_stddev_;
  TimeWeighted load_max_over_mean_;
  std::vector<double> handoffs_ms_;
  std::vector<double> gaps_ms_;
  std::set<std::string> listed_;
  bool all_listed_ = false;
  uint64_t acknowledged_ = 0;  // before the list was asked for
};

}  // namespace phoenix::demo
