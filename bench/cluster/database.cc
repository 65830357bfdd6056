#include "bench/cluster/database.h"

#include "store/postgres/test_cluster.h"

namespace phoenix::bench {

using testing_postgres::TestCluster;

struct Database::Impl {
  explicit Impl(const std::string& disk) : cluster(disk) {}
  TestCluster cluster;
};

Database::Database(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)), url_(impl_->cluster.url()) {}
Database::Database(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::start(const std::string& disk) {
  if (!TestCluster::available()) return fail(ErrorKind::kInternal, TestCluster::why_not());
  auto impl = std::make_unique<Impl>(disk);
  if (!impl->cluster.create()) return fail(ErrorKind::kInternal, "PostgreSQL does not start");
  return Database(std::move(impl));
}

}  // namespace phoenix::bench
