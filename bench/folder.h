// A data folder that goes with its object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace phoenix::bench {

class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& parent) : path_(parent + "/phoenix-bench-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  // Empty if it could not be made.
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace phoenix::bench
