#include "cli/demo/proc/postgres_process.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace phoenix::demo {
namespace {

constexpr Duration kLookEvery = milliseconds(10);
constexpr int kLooks = 6000;  // a minute
constexpr Duration kStopLimit = seconds(5);
constexpr const char* kSuperuser = "phoenix";

// The server refuses to run as root.
const passwd* unprivileged() {
  if (geteuid() != 0) return nullptr;
  const passwd* user = getpwnam("postgres");
  return user != nullptr ? user : getpwnam("nobody");
}

std::string tail_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  return text.size() <= 2000 ? text : text.substr(text.size() - 2000);
}

}  // namespace

Result<std::string> PostgresProcess::find_programs() {
  std::string best;
  int newest = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
    const int version = std::atoi(entry.path().filename().c_str());
    if (version <= newest || !std::filesystem::exists(entry.path() / "bin/initdb")) continue;
    newest = version;
    best = entry.path() / "bin";
  }
  if (best.empty()) {
    return fail(ErrorKind::kNotFound,
                "PostgreSQL's programs are not installed; apt-get install postgresql, or name a "
                "server with --store postgresql://HOST/DATABASE");
  }
  return best;
}

PostgresProcess::PostgresProcess(EventLoop& loop, Processes& processes, std::string folder,
                                 std::string log, Events events)
    : loop_(loop),
      processes_(processes),
      folder_(std::move(folder)),
      log_(std::move(log)),
      events_(std::move(events)),
      timer_(loop) {}

std::string PostgresProcess::url() const {
  return "postgresql:///postgres?host=" + folder_ + "&user=" + kSuperuser;
}

std::vector<std::string> PostgresProcess::as_its_user(std::vector<std::string> words) const {
  if (const passwd* user = unprivileged()) {
    words.insert(words.begin(), {"setpriv", "--reuid=" + std::to_string(user->pw_uid),
                                 "--regid=" + std::to_string(user->pw_gid), "--clear-groups"});
  }
  return words;
}

bool PostgresProcess::run(std::vector<std::string> words, std::function<void(int)> ended) {
  const Fd log(open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  Processes::Start start;
  start.args = as_its_user(std::move(words));
  start.env = {{"LC_ALL", "C"}};
  start.out = log.get();
  start.err = log.get();
  const auto pid = processes_.start(start, std::move(ended));
  if (!pid) {
    fail_with(pid.error().detail);
    return false;
  }
  pid_ = *pid;
  return true;
}

void PostgresProcess::start() {
  const auto programs = find_programs();
  if (!programs) return fail_with(programs.error().detail);
  programs_ = *programs;
  const passwd* user = unprivileged();
  if (mkdir(folder_.c_str(), 0700) != 0 ||
      (user != nullptr && chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0)) {
    return fail_with(folder_ + " cannot be made: " + std::strerror(errno));
  }
  run({programs_ + "/initdb", "-D", folder_ + "/data", "-U", kSuperuser, "--auth=trust",
       "--no-sync", "-E", "UTF8", "--locale=C"},
      [this](int status) { initialised(status); });
}

void PostgresProcess::initialised(int status) {
  pid_ = 0;
  if (status != 0) return fail_with("initdb failed\n" + tail_of(log_));
  const bool begun = run({programs_ + "/postgres", "-D", folder_ + "/data", "-k", folder_, "-h", "",
                          "-c", "max_connections=200"},
                         [this](int) {
                           pid_ = 0;
                           timer_.cancel();
                           if (stopped_) return stopped_();
                           fail_with("it ended by itself\n" + tail_of(log_));
                         });
  if (begun) look_whether_up();
}

void PostgresProcess::stop(std::function<void()> done) {
  stopped_ = std::move(done);
  if (pid_ == 0) return stopped_();
  processes_.signal(pid_, SIGQUIT);
  timer_.call_after(kStopLimit, [this] { processes_.signal(pid_, SIGKILL); });
}

// Its own pid file says so, in the eighth line.
void PostgresProcess::look_whether_up() {
  std::ifstream file(folder_ + "/data/postmaster.pid");
  std::string line;
  for (int i = 0; i < 8 && std::getline(file, line); ++i) {
  }
  if (line.starts_with("ready")) return events_.up();
  if (++looks_ > kLooks) return fail_with("it takes no connections within a minute");
  timer_.call_after(kLookEvery, [this] { look_whether_up(); });
}

void PostgresProcess::fail_with(const std::string& why) { events_.failed("PostgreSQL: " + why); }

}  // namespace phoenix::demo
