#include "store/postgres/test_cluster.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>

namespace phoenix::testing_postgres {
namespace {

constexpr int kPatienceMs = 60'000;

// The newest version's folder of programs; empty: none is installed.
const std::string& programs() {
  static const std::string found = [] {
    std::string best;
    int newest = 0;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
      const int version = std::atoi(entry.path().filename().c_str());
      if (version <= newest || !std::filesystem::exists(entry.path() / "bin/initdb")) continue;
      newest = version;
      best = (entry.path() / "bin").string();
    }
    return best;
  }();
  return found;
}

// The server refuses to run as root.
const passwd* unprivileged() {
  if (::geteuid() != 0) return nullptr;
  const passwd* user = ::getpwnam("postgres");
  return user != nullptr ? user : ::getpwnam("nobody");
}

void complain(const std::string& what) { std::fprintf(stderr, "test cluster: %s\n", what.c_str()); }

// Becomes the program; only what it says of errors is seen.
[[noreturn]] void become(const std::vector<std::string>& words, const std::string& log) {
  if (const passwd* user = unprivileged()) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
        ::setuid(user->pw_uid) != 0) {
      ::_exit(126);
    }
  }
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ::dup2(out, 1);
  ::dup2(out, 2);
  if (::chdir("/") != 0) ::_exit(126);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

// Returns when the process is gone, whoever's child it is.
void await_end(int pid) {
  const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) return;
  pollfd end = {handle, POLLIN, 0};
  ::poll(&end, 1, kPatienceMs);
  ::close(handle);
}

}  // namespace

bool TestCluster::available() { return !programs().empty(); }

std::string TestCluster::why_not() {
  return "PostgreSQL's programs are not installed (package postgresql-15)";
}

TestCluster* TestCluster::shared() {
  static TestCluster cluster;
  static const bool started = cluster.create();
  return started ? &cluster : nullptr;
}

std::string TestCluster::fresh_schema() {
  static int last = 0;
  return "t" + std::to_string(::getpid()) + "_" + std::to_string(++last);
}

TestCluster::~TestCluster() { stop(); }

bool TestCluster::run(const std::vector<std::string>& words) const {
  const int pid = ::fork();
  if (pid == 0) become(words, folder_.file("log"));
  int status = 0;
  const bool ended = ::waitpid(pid, &status, 0) == pid;
  if (ended && WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  std::ifstream log(folder_.file("log"));
  complain(words[0] + " failed: " + std::string(std::istreambuf_iterator<char>(log), {}));
  return false;
}

bool TestCluster::create() {
  if (!available() || folder_.path().empty()) return false;
  std::filesystem::create_directory(folder_.file("run"));
  if (const passwd* user = unprivileged()) {
    if (::chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0 ||
        ::chown(folder_.file("run").c_str(), user->pw_uid, user->pw_gid) != 0) {
      return false;
    }
  }
  if (!run({programs() + "/initdb", "-D", folder_.file("data"), "-U", "phoenix", "--auth=trust",
            "--no-sync", "-E", "UTF8", "--locale=C"})) {
    return false;
  }
  // One role that needs a password.
  std::ofstream(folder_.file("data/pg_hba.conf"), std::ios::trunc)
      << "local all locked scram-sha-256\nlocal all all trust\nlocal replication all trust\n";
  return start();
}

bool TestCluster::follow(const TestCluster& primary, const std::string& name) {
  std::filesystem::create_directory(folder_.file("run"));
  if (const passwd* user = unprivileged()) {
    if (::chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0 ||
        ::chown(folder_.file("run").c_str(), user->pw_uid, user->pw_gid) != 0) {
      return false;
    }
  }
  return run({programs() + "/pg_basebackup", "-D", folder_.file("data"), "-R", "-X", "stream",
              "--no-sync", "-c", "fast", "-d",
              "host=" + primary.folder_.file("run") + " user=phoenix application_name=" + name}) &&
         start();
}

void TestCluster::set(const std::string& name, const std::string& value) {
  settings_.push_back(name + "=" + value);
}

bool TestCluster::start() {
  std::vector<std::string> words = {programs() + "/postgres", "-D", folder_.file("data"), "-k",
                                    folder_.file("run")};
  std::vector<std::string> settings = {"listen_addresses=",      "shared_buffers=64MB",
                                       "max_connections=64",     "max_wal_size=1GB",
                                       "log_min_messages=fatal", "log_min_error_statement=fatal"};
  settings.insert(settings.end(), settings_.begin(), settings_.end());
  for (const std::string& setting : settings) words.insert(words.end(), {"-c", setting});
  const int parent = ::getpid();
  postmaster_ = ::fork();
  if (postmaster_ == 0) {
    // A process group of its own: Ctrl-C at the test's is not meant for it.
    ::setpgid(0, 0);
    if (const passwd* user = unprivileged()) {
      if (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
          ::setuid(user->pw_uid) != 0) {
        ::_exit(126);
      }
    }
    // After the change of user, which would clear it.
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (::getppid() != parent) ::_exit(125);
    become(words, folder_.file("log"));
  }
  return await_ready();
}

// The server tells by the last line of a file that it is ready, which no system call awaits.
bool TestCluster::await_ready() const {
  for (int waited = 0; waited < kPatienceMs; waited += 10) {
    std::ifstream file(folder_.file("data/postmaster.pid"));
    const std::string text(std::istreambuf_iterator<char>(file), {});
    if (text.find(std::to_string(postmaster_) + "\n") == 0 &&
        (text.find("\nready") != std::string::npos ||
         text.find("\nstandby") != std::string::npos)) {
      return true;
    }
    int status = 0;
    if (::waitpid(postmaster_, &status, WNOHANG) != 0) break;
    ::poll(nullptr, 0, 10);
  }
  std::ifstream log(folder_.file("log"));
  complain("it does not start: " + std::string(std::istreambuf_iterator<char>(log), {}));
  return false;
}

std::vector<int> TestCluster::processes() const {
  std::vector<int> found;
  if (postmaster_ <= 0) return found;
  found.push_back(postmaster_);
  const std::string path =
      "/proc/" + std::to_string(postmaster_) + "/task/" + std::to_string(postmaster_) + "/children";
  std::ifstream children(path);
  for (int pid = 0; children >> pid;) found.push_back(pid);
  return found;
}

void TestCluster::freeze() {
  for (const int pid : processes()) ::kill(pid, SIGSTOP);
}

void TestCluster::thaw() {
  const std::vector<int> all = processes();
  for (auto pid = all.rbegin(); pid != all.rend(); ++pid) ::kill(*pid, SIGCONT);
}

void TestCluster::kill_all() {
  if (postmaster_ <= 0) return;
  // First the one that would start others.
  ::kill(postmaster_, SIGSTOP);
  const std::vector<int> all = processes();
  for (const int pid : all) ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(postmaster_, &status, 0);
  for (const int pid : all) await_end(pid);
  postmaster_ = 0;
}

void TestCluster::stop() {
  if (postmaster_ <= 0) return;
  thaw();
  ::kill(postmaster_, SIGQUIT);
  int status = 0;
  ::waitpid(postmaster_, &status, 0);
  postmaster_ = 0;
}

bool TestCluster::run_sql(const std::string& sql) const {
  return run({programs() + "/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", folder_.file("run"),
              "-U", "phoenix", "-d", "postgres", "-c", sql});
}

std::string TestCluster::url() const {
  return "postgresql://phoenix@/postgres?host=" + folder_.file("run");
}

}  // namespace phoenix::testing_postgres
