#include "store/sqlite/file_identity.h"

#include <sys/stat.h>

#include <cerrno>

namespace phoenix::sqlite {

FileIdentity FileIdentity::of(const std::string& path) {
  FileIdentity found;
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) return found;
  found.device_ = facts.st_dev;
  found.inode_ = facts.st_ino;
  return found;
}

bool FileIdentity::still_at(const std::string& path) const {
  if (!known()) return true;
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) return errno != ENOENT && errno != ENOTDIR;
  return facts.st_dev == device_ && facts.st_ino == inode_;
}

}  // namespace phoenix::sqlite
