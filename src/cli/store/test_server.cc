#include "cli/store/test_server.h"

#include "store/postgres/test_cluster.h"

namespace phoenix::cli {

using testing_postgres::TestCluster;

std::string test_server_missing() {
  return TestCluster::available() ? std::string() : TestCluster::why_not();
}

std::string test_server_url() {
  const auto* cluster = TestCluster::shared();
  return cluster == nullptr ? std::string() : cluster->url();
}

bool run_test_sql(const std::string& sql) {
  const auto* cluster = TestCluster::shared();
  return cluster != nullptr && cluster->run_sql(sql);
}

}  // namespace phoenix::cli
