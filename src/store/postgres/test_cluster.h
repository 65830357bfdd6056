// For tests: a PostgreSQL of the test's own, from Debian's package: own folder, Unix socket only,
// never the system's cluster, never as root. It ends with the process that started it, however that
// one ends.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "store/testing.h"

// First in a SetUp(), after <gtest/gtest.h>: without PostgreSQL's programs the test is skipped;
// where PHOENIX_REQUIRE_POSTGRES is set (CI) it fails. A macro, for only the test's own function
// can return.
#define PHOENIX_NEED_POSTGRES()                               \
  do {                                                        \
    using phoenix::testing_postgres::TestCluster;             \
    if (TestCluster::available()) break;                      \
    if (std::getenv("PHOENIX_REQUIRE_POSTGRES") != nullptr) { \
      FAIL() << TestCluster::why_not();                       \
    }                                                         \
    GTEST_SKIP() << TestCluster::why_not();                   \
  } while (false)

namespace phoenix::testing_postgres {

class TestCluster {
 public:
  // Whether the programs are installed; see PHOENIX_NEED_POSTGRES.
  static bool available();
  static std::string why_not();

  // One for the whole process, started at the first call; null if it cannot be started (the reason
  // is on stderr). Tests keep apart by schemas of their own.
  static TestCluster* shared();
  // A schema's name that nobody in this process has used.
  static std::string fresh_schema();

  TestCluster() = default;
  // Below that folder, which must exist: a disk, where its speed matters.
  explicit TestCluster(const std::string& parent) : folder_(parent) {}
  ~TestCluster();
  TestCluster(const TestCluster&) = delete;
  TestCluster& operator=(const TestCluster&) = delete;

  // Makes the folder and starts. False: the reason is on stderr.
  bool create();
  // A standby of `primary`, which streams from it under this name and is started.
  bool follow(const TestCluster& primary, const std::string& name);
  bool start();
  // Waits until all its processes are gone.
  void stop();
  void kill_all();  // SIGKILL to every process
  void freeze();    // SIGSTOP to every process
  void thaw();
  // Runs SQL by psql; its output, or nullopt.
  bool run_sql(const std::string& sql) const;

  std::string url() const;
  std::string socket_path() const { return folder_.file("run/.s.PGSQL.5432"); }
  // Added to the settings at the next start.
  void set(const std::string& name, const std::string& value);

 private:
  std::vector<int> processes() const;  // the postmaster first
  bool run(const std::vector<std::string>& words) const;
  bool await_ready() const;

  testing_store::TempFolder folder_;
  std::vector<std::string> settings_;
  int postmaster_ = 0;
};

}  // namespace phoenix::testing_postgres
