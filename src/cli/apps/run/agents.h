// The processes of an app's agents: each is `phoenix worker start -- COMMAND`, started, listened to
// and, as its declaration says, started again when it ends.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/demo/proc/fleet.h"
#include "cli/demo/proc/processes.h"
#include "manifest/app/model.h"
#include "net/event_loop.h"

namespace phoenix::apps {

class Agents {
 public:
  struct Setup {
    const manifest::App* app = nullptr;
    std::string url;     // of the host
    std::string token;   // for registering; empty: none
    std::string tls_ca;  // likewise
    std::string logs;    // the folder that takes what they say, a file each
  };
  struct Events {
    std::function<void(const std::string& line)> say;  // for people, about their processes
    // What a worker tells of a packet; see WorkerOptions::events.
    std::function<void(const std::string& id, const demo::WorkerNews& news)> news;
    std::function<void()> all_ended;  // after stop()
  };
  Agents(EventLoop& loop, demo::Processes& processes, Setup setup, Events events);

  void start();
  // SIGTERM to all: they drain. Calls all_ended, from the loop, when none is left.
  void stop();
  // SIGKILL.
  void kill();

  // Those that said they are registered and whose process lives.
  struct Standing {
    std::string ns;
    std::string id;
  };
  std::vector<Standing> standing() const;
  // Its process does not do what it should: SIGKILL, and again as if it had ended by itself.
  void replace(const std::string& id);

  size_t total() const { return all_.size(); }
  size_t registered() const;
  // Nothing more comes of itself: each is registered, or has ended for good.
  bool settled() const;
  // "ocr-1 does not start: …" of those that are given up.
  std::vector<std::string> given_up() const;

 private:
  struct Process {
    const manifest::Agent* agent = nullptr;
    std::vector<std::string> command;
    std::string id;
    pid_t pid = 0;
    bool registered = false;
    bool over = false;     // is not started again
    std::string given_up;  // why, if that is a fault
    int quick_ends = 0;    // in a row
    Instant started{};
    Timer again;
    std::unique_ptr<demo::PipeReader> reader;
    std::string partial;

    explicit Process(EventLoop& loop) : again(loop) {}
  };
  void start(Process& process);
  std::vector<std::string> arguments(const Process& process) const;
  void ended(Process& process, int status);
  void again(Process& process);
  void take(Process& process, std::string_view part);
  void look_if_all_ended();
  std::string last_line(const Process& process) const;

  EventLoop& loop_;
  demo::Processes& processes_;
  Setup setup_;
  Events events_;
  std::vector<std::unique_ptr<Process>> all_;
  bool stopping_ = false;
};

}  // namespace phoenix::apps
