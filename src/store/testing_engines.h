// For tests: every engine, opened in a folder of the test's.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "store/memory/memory_store.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/test_cluster.h"
#include "store/sqlite/sqlite_store.h"

namespace phoenix::testing_store {

struct Engine {
  const char* name;
  std::function<std::unique_ptr<Store>(const std::string& folder)> open;
};

// The folder's name names a schema: opening it again finds what was there.
inline PostgresOptions postgres_options(const std::string& folder) {
  PostgresOptions options;
  options.schema = "t";
  for (const char c : folder.substr(folder.rfind('-') + 1)) {
    options.schema += "_" + std::to_string(static_cast<int>(c));
  }
  auto* cluster = testing_postgres::TestCluster::shared();
  if (cluster != nullptr) options.url = cluster->url();
  options.create = true;
  options.deadline = seconds(20);  // tests run beside others
  return options;
}

inline std::unique_ptr<Store> given(Result<std::unique_ptr<Store>> store) {
  EXPECT_TRUE(store) << store.error().detail;
  return store ? std::move(*store) : nullptr;
}

inline std::vector<Engine> engines() {
  return {
      {"memory", [](const std::string&) { return make_memory_store(); }},
      {"sqlite",
       [](const std::string& folder) { return given(open_sqlite_store(folder + "/phoenix.db")); }},
      {"postgres",
       [](const std::string& folder) { return given(open_postgres(postgres_options(folder))); }}};
}

}  // namespace phoenix::testing_store
