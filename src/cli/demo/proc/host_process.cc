#include "cli/demo/proc/host_process.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "client/json_text.h"

namespace phoenix::demo {
namespace {

constexpr Duration kLookEvery = milliseconds(5);
constexpr int kLooks = 6000;  // half a minute
constexpr Duration kStopLimit = seconds(6);
constexpr Duration kLeaveLimit = seconds(60);

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string tail_of(const std::string& path) {
  std::string tail = read_all(path);
  if (tail.size() > 2000) tail.erase(0, tail.size() - 2000);
  return tail;
}

}  // namespace

HostProcess::HostProcess(EventLoop& loop, Processes& processes, Setup setup, Events events)
    : loop_(loop),
      processes_(processes),
      setup_(std::move(setup)),
      events_(std::move(events)),
      timer_(loop) {}

void HostProcess::start() {
  const Fd log(open(setup_.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  // The same port again, so that everybody finds the next life where the last one was.
  const std::string listen = url_.empty() ? "127.0.0.1:0" : url_.substr(url_.find("//") + 2);
  Processes::Start start;
  start.args = {own_program(), "serve",    "--name", setup_.name, "--data",
                setup_.data,   "--listen", listen,   "--gossip",  "127.0.0.1:0"};
  for (std::string& flag : setup_.flags()) start.args.push_back(std::move(flag));
  start.out = log.get();
  start.err = log.get();
  wish_ = Wish::kRun;
  const auto pid = processes_.start(start, [this](int status) { ended(status); });
  if (!pid) {
    events_.failed(pid.error().detail);
    return;
  }
  pid_ = *pid;
  looks_ = 0;
  look_for_address();
}

// The address file of this very process says that it serves.
void HostProcess::look_for_address() {
  const std::string text = read_all(setup_.data + "/address.json");
  const auto json = JsonText::parse(text);
  if (json && (*json)["pid"].integer() == pid_ && (*json)["api"].is_string()) {
    url_ = (*json)["api"].text();
    gossip_ = (*json)["gossip"].text();
    up_ = true;
    events_.up();
    return;
  }
  if (++looks_ > kLooks) {
    events_.failed("the host does not serve within half a minute");
    return;
  }
  timer_.call_after(kLookEvery, [this] { look_for_address(); });
}

void HostProcess::kill_and_restart(Duration pause) {
  up_ = false;
  pause_ = pause;
  wish_ = Wish::kRestart;
  processes_.signal(pid_, SIGKILL);
}

void HostProcess::leave_and_restart() {
  up_ = false;
  pause_ = {};
  wish_ = Wish::kLeave;
  processes_.signal(pid_, SIGTERM);
  timer_.call_after(kLeaveLimit, [this] {
    events_.failed(setup_.name + " did not leave in time");
    processes_.signal(pid_, SIGKILL);
  });
}

void HostProcess::stop(std::function<void()> done) {
  if (pid_ == 0) {
    loop_.post(std::move(done));
    return;
  }
  wish_ = Wish::kStop;
  stopped_ = std::move(done);
  processes_.signal(pid_, SIGTERM);
  timer_.call_after(kStopLimit, [this] { processes_.signal(pid_, SIGKILL); });
}

void HostProcess::ended(int status) {
  pid_ = 0;
  up_ = false;
  timer_.cancel();
  if (wish_ == Wish::kLeave && status != 0) {
    events_.failed(fmt::format("{} left in disorder, with status {:#x}\n{}", setup_.name, status,
                               tail_of(setup_.log)));
  } else if (wish_ == Wish::kRestart || wish_ == Wish::kLeave) {
    if (pause_.ns == 0) return start();
    timer_.call_after(pause_, [this] { start(); });
  } else if (wish_ == Wish::kStop) {
    if (stopped_) stopped_();
  } else {
    events_.failed(fmt::format("the host {} ended by itself, with status {:#x}\n{}", setup_.name,
                               status, tail_of(setup_.log)));
  }
}

}  // namespace phoenix::demo
