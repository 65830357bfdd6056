// A host's folder: the lock that keeps a second host out, the secrets, the address file. Foreign
// files in it are left alone. Everything of ours is readable by the owner alone.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/error.h"

namespace phoenix {

class DataFolder {
 public:
  // Creates the folder if absent and locks it. Error: in use (names the pid), not writable.
  static Result<DataFolder> open(const std::string& path);
  // Is another host in it now? As open() says it, but nothing is created.
  static Result<bool> check_free(const std::string& path);
  DataFolder(DataFolder&& other) noexcept;
  DataFolder& operator=(DataFolder&&) = delete;
  DataFolder(const DataFolder&) = delete;
  ~DataFolder();

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  // The key of session tokens: random at first start, then the same.
  Result<std::array<uint8_t, 32>> token_key() const;
  // Written anew as a whole, by rename.
  Result<bool> write_file(const std::string& name, const std::string& text) const;
  void remove_file(const std::string& name) const;

 private:
  DataFolder(std::string path, int lock, int folder_lock)
      : path_(std::move(path)), lock_(lock), folder_lock_(folder_lock) {}
  Result<std::string> secret(const std::string& name, size_t size) const;

  std::string path_;
  int lock_ = -1;         // of the file with the pid
  int folder_lock_ = -1;  // of the folder, which stays when that file is deleted
};

}  // namespace phoenix
