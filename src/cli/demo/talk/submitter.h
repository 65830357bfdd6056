// Submits the demo's packets in batches, never more live ones at a time than a window, and repeats
// what the host puts off.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "cli/demo/inputs.h"
#include "cli/demo/talk/calls.h"
#include "cli/demo/work.h"

namespace phoenix::demo {

class Submitter {
 public:
  struct Setup {
    const std::vector<InputFile>& files;  // outlives it
    std::string tag;
    int kinds = 3;  // of workers
    uint64_t window = 256;
  };
  Submitter(EventLoop& loop, HostCalls& calls, Setup setup, std::function<void(std::string)> fault);

  Task task(uint64_t number) const { return task_of(number, setup_.files.size(), setup_.kinds); }
  // Submits what is still missing up to `total`, as far as the window allows. `ended`: how many of
  // the acknowledged ones are over.
  void pump(uint64_t total, uint64_t ended);
  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t asked() const { return next_; }

 private:
  std::vector<uint64_t> next_batch(uint64_t total, uint64_t room);
  std::string body_of(const std::vector<uint64_t>& batch) const;
  void answered(const std::vector<uint64_t>& batch, const Answer& answer);

  HostCalls& calls_;
  Setup setup_;
  std::function<void(std::string)> fault_;
  Timer later_;
  bool busy_ = false;
  uint64_t next_ = 0;
  uint64_t acknowledged_ = 0;
  std::deque<uint64_t> put_off_;
};

}  // namespace phoenix::demo
