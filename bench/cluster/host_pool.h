// Real hosts that share a PostgreSQL of their own, for rows that are driven from here: named a, b,
// c …, without members. All of it ends with this process, however that one ends.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/child_process.h"
#include "bench/cluster/database.h"
#include "bench/folder.h"

namespace phoenix {
class Client;

namespace bench {

// The text between `before` and the next quote, looked for from `from` on; empty: it is not there.
std::string_view text_after(std::string_view text, std::string_view before, size_t from = 0);
// The sum of one metric over all of its labels, in the text of /metrics.
double metric(std::string_view text, std::string_view name);

class HostPool {
 public:
  // Below `disk`. All are ready, and share all slots, when it returns.
  static Result<std::unique_ptr<HostPool>> start(const std::string& program,
                                                 const std::string& disk, size_t hosts);

  ~HostPool();

  size_t size() const { return hosts_.size(); }
  const std::string& url(size_t host) const { return hosts_[host]->url(); }
  Client& client(size_t host) { return *clients_[host]; }
  const std::string& database() const { return database_.url(); }
  // Over all hosts.
  Result<double> metric_sum(std::string_view name);
  // Lets the hosts finish; the database runs on.
  void stop_hosts();

 private:
  HostPool(const std::string& disk, Database database);
  Result<bool> add(const std::string& program, const std::string& name);
  Result<bool> await_ready();

  ScratchFolder folder_;
  Database database_;
  std::string seed_;  // where the first host is found
  std::vector<std::unique_ptr<HostProcess>> hosts_;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace bench
}  // namespace phoenix
