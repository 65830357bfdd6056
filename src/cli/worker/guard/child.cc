#include "cli/worker/guard/child.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <vector>

namespace phoenix::worker {
namespace {

constexpr const char* kCheckpointOut = "checkpoint.out";
constexpr const char* kTicket = "ticket";

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool write_file(const std::string& path, std::string_view bytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool written = write_all(fd, bytes);
  close(fd);
  return written;
}

std::optional<std::string> read_file(const std::string& path, std::size_t limit) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (fd < 0) return std::nullopt;
  std::string out;
  std::array<char, 64 * 1024> part{};
  ssize_t n = 0;
  while ((n = read(fd, part.data(), part.size())) > 0 && out.size() <= limit) {
    out.append(part.data(), static_cast<std::size_t>(n));
  }
  close(fd);
  if (n < 0 || out.size() > limit) return std::nullopt;
  return out;
}

// Whether an exec that failed so may succeed another time.
bool may_pass(int code) {
  return code == ENOMEM || code == EAGAIN || code == ETXTBSY || code == EMFILE || code == ENFILE;
}

void close_fd(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

}  // namespace

struct Children::Child {
  uint64_t run = 0;
  std::string dir;
  int wd = -1;
  int out = -1;
  int err = -1;
  std::string output;
  bool too_large = false;
  std::string error_tail;
  std::unique_ptr<FdWatch> out_watch;
  std::unique_ptr<FdWatch> err_watch;

  ~Child() {
    out_watch.reset();
    err_watch.reset();
    close_fd(out);
    close_fd(err);
    std::error_code ignored;
    if (!dir.empty()) std::filesystem::remove_all(dir, ignored);
  }
};

Children::Children(EventLoop& loop, Guardian& guardian, const WorkerOptions& options,
                   std::string scratch, ChildEvents events)
    : loop_(loop),
      guardian_(guardian),
      options_(options),
      scratch_(std::move(scratch)),
      events_(std::move(events)),
      inotify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  guardian_watch_ = loop_.watch_readable(guardian_.fd(), [this] { look(); });
  if (inotify_ >= 0) inotify_watch_ = loop_.watch_readable(inotify_, [this] { read_watches(); });
}

Children::~Children() {
  inotify_watch_.reset();
  close_fd(inotify_);
}

void Children::start(uint64_t run, RunInput input) {
  auto child = std::make_unique<Child>();
  child->run = run;
  Guardian::Spawn spawn;
  spawn.run = run;
  const bool ready = prepare(*child, input, spawn);
  const int code = errno;
  const bool sent = ready && guardian_.spawn(spawn);
  for (int fd : {spawn.in, spawn.out, spawn.err}) {
    if (fd >= 0) close(fd);
  }
  if (!sent) {
    not_started(run, ready ? "the guardian process does not take it" : std::strerror(code));
    return;
  }
  Child& kept = *child;
  children_[run] = std::move(child);
  kept.out_watch = loop_.watch_readable(kept.out, [this, run] {
    const auto it = children_.find(run);
    if (it != children_.end()) read_output(*it->second);
  });
  kept.err_watch = loop_.watch_readable(kept.err, [this, run] {
    const auto it = children_.find(run);
    if (it != children_.end()) read_errors(*it->second);
  });
}

// The core is told on a later turn: it is in the middle of handing out what is to be done.
void Children::not_started(uint64_t run, const std::string& why) {
  loop_.post([this, run, why] { events_.not_started(run, false, why); });
}

// False: errno says why.
bool Children::prepare(Child& child, const RunInput& input, Guardian::Spawn& spawn) {
  child.dir = scratch_ + "/" + std::to_string(child.run);
  if (mkdir(child.dir.c_str(), 0700) != 0) return false;
  spawn.env = input.env;
  const auto file = [&](const char* name, const char* base,
                        const std::optional<std::string>& content) {
    if (!content) return true;
    const std::string path = child.dir + "/" + base;
    spawn.env.emplace_back(name, path);
    return write_file(path, *content);
  };
  if (!file("PHOENIX_CHECKPOINT_IN", "checkpoint.in", input.checkpoint)) return false;
  if (!file("PHOENIX_CONTEXT_IN", "context.in", input.context)) return false;
  if (!file("PHOENIX_TICKET_FILE", kTicket, input.ticket)) return false;
  spawn.env.emplace_back("PHOENIX_CHECKPOINT_OUT", child.dir + "/" + kCheckpointOut);
  spawn.env.emplace_back("PHOENIX_HANDOFF_OUT", child.dir + "/handoff.out");
  if (inotify_ >= 0) child.wd = inotify_add_watch(inotify_, child.dir.c_str(), IN_MOVED_TO);
  spawn.in = memfd_create("phoenix-payload", MFD_CLOEXEC);
  if (spawn.in < 0 || !write_all(spawn.in, input.stdin_bytes)) return false;
  if (lseek(spawn.in, 0, SEEK_SET) != 0) return false;
  std::array<int, 2> out{};
  if (pipe2(out.data(), O_CLOEXEC) != 0) return false;
  child.out = out[0];
  spawn.out = out[1];
  std::array<int, 2> err{};
  if (pipe2(err.data(), O_CLOEXEC) != 0) return false;
  child.err = err[0];
  spawn.err = err[1];
  // Only our ends: CMD expects blocking ones.
  return fcntl(child.out, F_SETFL, O_NONBLOCK) == 0 && fcntl(child.err, F_SETFL, O_NONBLOCK) == 0;
}

void Children::write_ticket(uint64_t run, std::string_view content) {
  const auto it = children_.find(run);
  if (it == children_.end()) return;
  const std::string path = it->second->dir + "/" + kTicket;
  // Where it cannot be written CMD keeps the one before, which runs out.
  const std::string fresh = path + ".new";
  if (write_file(fresh, content)) rename(fresh.c_str(), path.c_str());
}

void Children::look() {
  while (const auto event = guardian_.next()) {
    const auto it = children_.find(event->run);
    if (it == children_.end()) continue;
    if (event->kind == Guardian::EventKind::kEnded) {
      finish(*it->second, event->status);
    } else {
      const std::unique_ptr<Child> child = std::move(it->second);
      children_.erase(it);
      const bool for_good = event->by_exec && !may_pass(event->status);
      events_.not_started(event->run, for_good, std::strerror(event->status));
    }
  }
  if (guardian_.lost() && !lost_) {
    lost_ = true;
    guardian_watch_.reset();
    events_.guardian_lost();
  }
}

void Children::read_output(Child& child) {
  std::array<char, 64 * 1024> part{};
  for (;;) {
    const ssize_t n = read(child.out, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      child.out_watch.reset();
      return;
    }
    if (child.too_large) continue;
    child.output.append(part.data(), static_cast<std::size_t>(n));
    if (child.output.size() > options_.max_result) {
      child.too_large = true;
      child.output.clear();
      guardian_.signal(child.run, true);
    }
  }
}

void Children::read_errors(Child& child) {
  std::array<char, 16 * 1024> part{};
  for (;;) {
    const ssize_t n = read(child.err, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      child.err_watch.reset();
      return;
    }
    child.error_tail.append(part.data(), static_cast<std::size_t>(n));
    if (child.error_tail.size() > kErrorTail) {
      child.error_tail.erase(0, child.error_tail.size() - kErrorTail);
    }
  }
}

void Children::read_watches() {
  alignas(inotify_event) std::array<char, 16 * 1024> bytes{};
  std::set<int> changed;
  ssize_t n = 0;
  while ((n = read(inotify_, bytes.data(), bytes.size())) > 0) {
    for (ssize_t at = 0; at < n;) {
      inotify_event event{};
      std::memcpy(&event, bytes.data() + at, sizeof event);
      const char* name = bytes.data() + at + sizeof event;
      if (event.len > 0 && std::strcmp(name, kCheckpointOut) == 0) changed.insert(event.wd);
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  std::vector<std::pair<uint64_t, std::string>> contents;
  for (const auto& [run, child] : children_) {
    if (!changed.contains(child->wd)) continue;
    if (auto content = read_file(child->dir + "/" + kCheckpointOut, kMaxFile)) {
      contents.emplace_back(run, std::move(*content));
    }
  }
  for (const auto& [run, content] : contents) events_.checkpoint(run, content);
}

void Children::finish(Child& child, int status) {
  // What was renamed or written just before the end comes before the end.
  const uint64_t run = child.run;
  if (inotify_ >= 0) read_watches();
  if (child.out_watch) read_output(child);
  if (child.err_watch) read_errors(child);
  RunEnd end;
  if (WIFEXITED(status)) {
    end.exit_code = WEXITSTATUS(status);
  } else {
    end.signal = WTERMSIG(status);
  }
  end.output = std::move(child.output);
  end.too_large = child.too_large;
  end.error_tail = std::move(child.error_tail);
  end.handoff = read_file(child.dir + "/handoff.out", kMaxFile);
  children_.erase(run);
  events_.ended(run, end);
}

}  // namespace phoenix::worker
