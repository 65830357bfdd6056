// Whether a path still leads to the file that it led to: one that was moved or deleted goes on
// taking writes for as long as it is open, and nobody finds them again.
#pragma once

#include <sys/types.h>

#include <string>

namespace phoenix::sqlite {

class FileIdentity {
 public:
  FileIdentity() = default;
  // Of the file at `path` now; of none if there is none.
  static FileIdentity of(const std::string& path);

  bool known() const { return inode_ != 0; }
  // False only if it is certain: a folder that cannot be read for a while tells nothing.
  bool still_at(const std::string& path) const;

 private:
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace phoenix::sqlite
