// A PostgreSQL of the benchmark's own, which ends with it.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"

namespace phoenix::bench {

class Database {
 public:
  // Its files are below `disk`.
  static Result<Database> start(const std::string& disk);
  Database(Database&&) noexcept;
  ~Database();

  const std::string& url() const { return url_; }

 private:
  // The store's headers and the client's do not go together.
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::string url_;
};

}  // namespace phoenix::bench
