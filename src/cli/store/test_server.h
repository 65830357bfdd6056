// For tests: the PostgreSQL of store/postgres/test_cluster.h, without the core's words, which do
// not go together with the client's.
#pragma once

#include <string>

namespace phoenix::cli {

// Empty: it is there. Else why not.
std::string test_server_missing();
std::string test_server_url();  // empty: it cannot be started
bool run_test_sql(const std::string& sql);

}  // namespace phoenix::cli
