// The worker processes: each is `phoenix worker start -- CMD` and tells of itself, a line an event.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cli/demo/churn.h"
#include "cli/demo/proc/processes.h"
#include "net/event_loop.h"

namespace phoenix::demo {

// One line of a worker; see WorkerOptions::events.
struct WorkerNews {
  std::string event;
  std::string packet;
  uint64_t epoch = 0;
  std::string detail;
};
// nullopt: no such line.
std::optional<WorkerNews> parse_news(std::string_view line);
// Whether it says that a result or handoff was refused by the fence.
bool is_refused_result(const WorkerNews& news);

struct Worker {
  std::string id;
  pid_t pid = 0;
  int kind = 0;            // which capabilities, see work.h
  bool self_check = true;  // stops by itself at the end of its lease
  bool registered = false;
  std::optional<Hit> hit;  // got a signal of ours
  Instant hit_at{};
  bool continued = false;  // SIGCONT after being frozen
  Instant continued_at{};
  bool back = false;  // and attached again
  bool stopped_itself = false;
  bool refused_late = false;
  bool counted = false;  // held a started packet throughout the hit
  std::string partial;
  std::unique_ptr<PipeReader> reader;

  bool frozen() const { return hit == Hit::kFreeze; }
};

class Fleet {
 public:
  struct Setup {
    std::vector<std::string> urls;  // of the hosts; each worker begins with another one
    std::string scratch;            // folder for their files and their log
    Duration lease;
    int64_t max_load = 2;
  };
  struct Events {
    std::function<void(Worker&, const WorkerNews&)> news;
    std::function<void(Worker&, int status)> ended;  // its entry goes after this
    std::function<void(std::string)> fault;
  };
  Fleet(EventLoop& loop, Processes& processes, Setup setup, Events events)
      : loop_(loop), processes_(processes), setup_(std::move(setup)), events_(std::move(events)) {}

  void start(int kind, bool self_check);
  void signal(const Worker& worker, int number) const { processes_.signal(worker.pid, number); }
  void use_urls(std::vector<std::string> urls) { setup_.urls = std::move(urls); }
  Worker* find(const std::string& id);
  // What it said to people last.
  std::string last_words(const std::string& id) const;
  std::map<std::string, Worker>& workers() { return workers_; }
  uint64_t started() const { return started_; }
  const Setup& setup() const { return setup_; }

 private:
  void take(const std::string& id, std::string_view part);

  EventLoop& loop_;
  Processes& processes_;
  Setup setup_;
  Events events_;
  std::map<std::string, Worker> workers_;
  uint64_t started_ = 0;
};

}  // namespace phoenix::demo
