// The hosts of the demo: one on a data folder of its own, or several that share a PostgreSQL, which
// is started too unless one is named.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/demo/proc/host_process.h"
#include "cli/demo/proc/postgres_process.h"
#include "cli/demo/proc/processes.h"
#include "net/event_loop.h"

namespace phoenix::demo {

class HostGroup {
 public:
  struct Setup {
    std::size_t hosts = 1;
    std::string store;  // postgresql://…; empty: SQLite for one host, else a server of our own
    std::string data;   // folder; several hosts get one each below it
    std::string scratch;
  };
  struct Events {
    std::function<void(std::size_t)> up;      // that host serves, for the first time or again
    std::function<void(std::string)> failed;  // for people
  };
  HostGroup(EventLoop& loop, Processes& processes, Setup setup, Events events);

  void start();
  std::size_t size() const { return hosts_.size(); }
  HostProcess& host(std::size_t i) { return *hosts_[i]; }
  // Every host serves, and nothing is done to any.
  bool all_up() const;
  // In the order of the hosts. Requires: all were up once.
  std::vector<std::string> urls() const;
  // Ends all of them, one after the other; `done` when none is left.
  void stop(std::function<void()> done);
  // Of the hosts and, if it is ours, of PostgreSQL.
  std::vector<pid_t> pids() const;

 private:
  void start_postgres();
  void start_hosts();
  std::vector<std::string> flags_of(std::size_t i) const;
  void came_up(std::size_t i);
  void stop_next(std::size_t i);

  EventLoop& loop_;
  Processes& processes_;
  Setup setup_;
  Events events_;
  std::unique_ptr<PostgresProcess> postgres_;
  std::vector<std::unique_ptr<HostProcess>> hosts_;
  std::function<void()> stopped_;
};

}  // namespace phoenix::demo
