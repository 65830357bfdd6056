// ZIP archives as bundles use them: regular files, stored or deflated, nothing else. The reader
// takes an archive only if its one possible reading is the obvious one: every byte belongs to a
// file, the directory or the end record, and what the directory says of a file is what stands
// before it. Whatever differs between readers of ZIP (comments, extra fields, gaps, overlaps,
// prefixes, trailing bytes, other sizes in either place) is refused.
//
// The writer stores files as they are, in the order given, without times: the same files make the
// same bytes, on every machine and with every version of every library.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace phoenix::manifest {

struct ArchiveFile {
  std::string path;
  std::string bytes;
  bool operator==(const ArchiveFile&) const = default;
};

struct ArchiveLimits {
  size_t files = 4'096;
  size_t file_bytes = 64 << 20;    // of one file, unpacked
  size_t total_bytes = 256 << 20;  // of all
  size_t ratio = 200;              // unpacked to packed, of what is more than 64 KiB
};
inline constexpr size_t kMostArchiveBytes = 256 << 20;

// The files in the order of the archive, each unpacked and checked against its CRC. The error's
// detail names the file and what is wrong with it; nothing is kept of a refused archive.
Result<std::vector<ArchiveFile>> read_archive(std::string_view archive,
                                              const ArchiveLimits& limits = {});

// Requires: names that a reader takes, less than 4 GiB in all.
std::string write_archive(const std::vector<ArchiveFile>& files);

}  // namespace phoenix::manifest
