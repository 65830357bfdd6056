// What the commands print when the demo runs them itself on the same bytes: the results that
// packets must have. Each (file, capability) runs once, one at a time, when it is first asked for.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/demo/inputs.h"
#include "cli/demo/proc/processes.h"
#include "cli/demo/work.h"

namespace phoenix::demo {

class DirectRuns {
 public:
  DirectRuns(EventLoop& loop, Processes& processes, const std::vector<InputFile>& files,
             std::function<void(std::string)> fault);

  // Calls back, at once or later, with what the task's packet must come to.
  void expected(const Task& task, std::function<void(const std::string&)> done);

 private:
  using Key = std::pair<std::size_t, int>;  // file, skill
  struct Waiting {
    Task task;
    std::function<void(const std::string&)> done;
  };
  std::optional<Key> missing(const Task& task) const;
  void advance();
  bool start(const Key& key);
  void finish();

  EventLoop& loop_;
  Processes& processes_;
  const std::vector<InputFile>& files_;
  std::function<void(std::string)> fault_;
  std::map<Key, std::string> outputs_;
  std::deque<Waiting> waiting_;
  std::optional<Key> running_;
  std::string output_;
  bool output_ended_ = false;
  std::optional<int> status_;
  std::unique_ptr<PipeReader> reader_;
};

}  // namespace phoenix::demo
