#include "cli/demo/proc/direct_runs.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace phoenix::demo {
namespace {

// The bytes as a file to read from, at its beginning.
Fd file_of(const std::string& bytes) {
  Fd fd(memfd_create("phoenix-demo-input", MFD_CLOEXEC));
  std::string_view rest = bytes;
  while (fd && !rest.empty()) {
    const ssize_t n = write(fd.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return {};
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  if (fd) lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

}  // namespace

DirectRuns::DirectRuns(EventLoop& loop, Processes& processes, const std::vector<InputFile>& files,
                       std::function<void(std::string)> fault)
    : loop_(loop), processes_(processes), files_(files), fault_(std::move(fault)) {}

void DirectRuns::expected(const Task& task, std::function<void(const std::string&)> done) {
  waiting_.push_back({task, std::move(done)});
  advance();
}

std::optional<DirectRuns::Key> DirectRuns::missing(const Task& task) const {
  const Key first = {task.file, task.first};
  if (!outputs_.contains(first)) return first;
  if (!task.second) return std::nullopt;
  const Key second = {task.file, *task.second};
  return outputs_.contains(second) ? std::nullopt : std::optional(second);
}

void DirectRuns::advance() {
  while (!running_ && !waiting_.empty()) {
    const Task task = waiting_.front().task;
    if (const auto key = missing(task)) {
      if (!start(*key)) return;
      continue;
    }
    const auto done = std::move(waiting_.front().done);
    waiting_.pop_front();
    done(expected_result(task, outputs_.at({task.file, task.first}),
                         task.second ? outputs_.at({task.file, *task.second}) : std::string()));
  }
}

bool DirectRuns::start(const Key& key) {
  auto pipe = make_pipe();
  const Fd input = file_of(files_[key.first].bytes);
  if (!pipe || !input) {
    fault_("a command cannot be run directly: no pipe or no memory");
    return false;
  }
  Processes::Start start;
  start.args = {"sh", "-c", std::string(skill_command(key.second))};
  start.env = {{"LC_ALL", "C"}};
  start.in = input.get();
  start.out = pipe->write.get();
  running_ = key;
  output_.clear();
  output_ended_ = false;
  status_.reset();
  const auto pid = processes_.start(start, [this](int status) {
    status_ = status;
    finish();
  });
  if (!pid) {
    fault_(pid.error().detail);
    return false;
  }
  reader_ = std::make_unique<PipeReader>(
      loop_, std::move(pipe->read), [this](std::string_view part) { output_.append(part); },
      [this] {
        output_ended_ = true;
        finish();
      });
  return true;
}

void DirectRuns::finish() {
  if (!output_ended_ || !status_) return;
  if (*status_ != 0)
    fault_("a command failed when run directly on " + files_[running_->first].path);
  outputs_[*running_] = output_;
  running_.reset();
  // The reader is what calls here: it goes on a later turn.
  loop_.post([this] { advance(); });
}

}  // namespace phoenix::demo
