// The files of an app, read without leaving its folder: neither by "..", nor by an absolute path,
// nor by a link that leads out, nor by one that is put in place while we look.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace phoenix::manifest {

class AppFiles {
 public:
  // The error says why the folder cannot be read.
  static Result<AppFiles> open(const std::string& folder);

  struct Content {
    std::string path;  // within the folder, without "." and "..", links followed
    std::string bytes;
  };
  // A regular file of at most `limit` bytes, by its path from the app's folder. The error's detail
  // goes behind the path: "leads out of the app's folder", "does not exist".
  Result<Content> read(std::string_view path, size_t limit) const;

  // The names in a folder within, without order; none if it is no folder that can be read. Whether
  // one of them is a file that may be read is seen when it is.
  std::vector<std::string> list(std::string_view folder) const;

  // Where such a path leads within the folder, whether or not something is there; an error if it
  // leads out by its words alone.
  static Result<std::string> within(std::string_view path);

  // The folder itself, absolute, links followed.
  const std::string& root() const { return root_; }

 private:
  explicit AppFiles(std::string root) : root_(std::move(root)) {}

  std::string root_;
};

}  // namespace phoenix::manifest
