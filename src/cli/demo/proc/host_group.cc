#include "cli/demo/proc/host_group.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

namespace phoenix::demo {

HostGroup::HostGroup(EventLoop& loop, Processes& processes, Setup setup, Events events)
    : loop_(loop), processes_(processes), setup_(std::move(setup)), events_(std::move(events)) {
  for (std::size_t i = 0; i < setup_.hosts; ++i) {
    const bool alone = setup_.hosts == 1;
    HostProcess::Setup host;
    host.name = alone ? "demo" : "demo-" + std::to_string(i + 1);
    host.data = alone ? setup_.data : setup_.data + "/" + host.name;
    host.log = setup_.scratch + (alone ? "/host.log" : "/" + host.name + ".log");
    host.flags = [this, i] { return flags_of(i); };
    hosts_.push_back(std::make_unique<HostProcess>(
        loop, processes, std::move(host),
        HostProcess::Events{[this, i] { came_up(i); }, events_.failed}));
  }
}

void HostGroup::start() {
  if (setup_.hosts == 1 && setup_.store.empty()) return hosts_[0]->start();
  std::error_code ignored;
  std::filesystem::create_directories(setup_.data, ignored);
  if (setup_.store.empty()) {
    start_postgres();
  } else {
    start_hosts();
  }
}

void HostGroup::start_postgres() {
  // It runs as another user, who has to get through to its folder.
  chmod(setup_.scratch.c_str(), 0711);
  postgres_ = std::make_unique<PostgresProcess>(
      loop_, processes_, setup_.scratch + "/postgres", setup_.scratch + "/postgres.log",
      PostgresProcess::Events{[this] {
                                setup_.store = postgres_->url();
                                start_hosts();
                              },
                              events_.failed});
  postgres_->start();
}

// The first one alone: it makes the store a pool's, and the others join it at the address that it
// gets.
void HostGroup::start_hosts() { hosts_[0]->start(); }

std::vector<std::string> HostGroup::flags_of(std::size_t i) const {
  if (setup_.store.empty()) return {};
  std::vector<std::string> flags = {"--store", setup_.store, "--peer", "127.0.0.1:0"};
  for (std::size_t other = 0; other < hosts_.size(); ++other) {
    const std::string& gossip = hosts_[other]->gossip();
    if (other != i && !gossip.empty()) flags.insert(flags.end(), {"--join", gossip});
  }
  return flags;
}

void HostGroup::came_up(std::size_t i) {
  const bool begins = i == 0 && hosts_.size() > 1 && hosts_[1]->url().empty();
  events_.up(i);
  if (!begins) return;
  for (std::size_t other = 1; other < hosts_.size(); ++other) hosts_[other]->start();
}

bool HostGroup::all_up() const {
  return std::all_of(hosts_.begin(), hosts_.end(), [](const auto& host) { return host->up(); });
}

std::vector<std::string> HostGroup::urls() const {
  std::vector<std::string> urls;
  for (const auto& host : hosts_) urls.push_back(host->url());
  return urls;
}

void HostGroup::stop(std::function<void()> done) {
  stopped_ = std::move(done);
  stop_next(0);
}

void HostGroup::stop_next(std::size_t i) {
  if (i < hosts_.size()) return hosts_[i]->stop([this, i] { stop_next(i + 1); });
  if (postgres_) return postgres_->stop(stopped_);
  stopped_();
}

std::vector<pid_t> HostGroup::pids() const {
  std::vector<pid_t> pids;
  for (const auto& host : hosts_) {
    if (host->pid() != 0) pids.push_back(host->pid());
  }
  if (postgres_ && postgres_->pid() != 0) pids.push_back(postgres_->pid());
  return pids;
}

}  // namespace phoenix::demo
