#include "bench/membership/run_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

namespace phoenix::bench {
namespace {

constexpr size_t kMostShares = 1'000;

bool whole_number(std::string_view text, uint64_t& out) {
  const char* const end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && read == end;
}

Error trouble(const std::string& path, const char* what) {
  return {ErrorKind::kInternal, fmt::format("{} {}: {}", what, path, std::strerror(errno))};
}

}  // namespace

bool RunFile::read_line(std::string_view line) {
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos || tab + 1 == line.size()) return false;
  Numbers numbers;
  for (std::string_view rest = line.substr(0, tab); !rest.empty();) {
    const size_t size = std::min(rest.find(' '), rest.size());
    if (!whole_number(rest.substr(0, size), numbers.emplace_back())) return false;
    rest.remove_prefix(std::min(size + 1, rest.size()));
  }
  known_.insert_or_assign(std::string(line.substr(tab + 1)), std::move(numbers));
  return true;
}

Result<std::unique_ptr<RunFile>> RunFile::open(const std::string& path) {
  auto file = std::make_unique<RunFile>();
  file->path_ = path;
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    if (errno == ENOENT) return file;
    return tl::unexpected(trouble(path, "cannot read"));
  }
  std::string line;
  // A line without an end was being written when somebody was stopped.
  for (size_t number = 1; std::getline(in, line) && !in.eof(); ++number) {
    if (file->read_line(line)) continue;
    return invalid("--runs", fmt::format("line {} of {} is no run: it has to be numbers, a tab "
                                         "and what was run; take it out",
                                         number, path));
  }
  if (in.bad()) return tl::unexpected(trouble(path, "cannot read"));
  return file;
}

const RunFile::Numbers* RunFile::find(std::string_view run) const {
  const auto found = known_.find(run);
  return found == known_.end() ? nullptr : &found->second;
}

Result<void> RunFile::add(const std::string& run, const Numbers& numbers) {
  if (path_.empty()) return {};
  const std::string line = fmt::format("{}\t{}\n", fmt::join(numbers, " "), run);
  const std::scoped_lock lock(mutex_);
  const int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return tl::unexpected(trouble(path_, "cannot write"));
  // One write, so that two that share the file do not mix their lines.
  const ssize_t written = ::write(fd, line.data(), line.size());
  const bool kept = written == static_cast<ssize_t>(line.size()) && ::fsync(fd) == 0;
  const Error error = trouble(path_, "cannot write");
  ::close(fd);
  if (!kept) return tl::unexpected(error);
  return {};
}

bool parse_share(std::string_view text, Share& share) {
  if (text == "none") {
    share = {0, 0};
    return true;
  }
  const size_t slash = text.find('/');
  uint64_t number = 1, of = 0;
  if (slash != std::string_view::npos && !whole_number(text.substr(0, slash), number)) return false;
  if (!whole_number(text.substr(slash == std::string_view::npos ? 0 : slash + 1), of)) return false;
  if (of < 1 || of > kMostShares || number < 1 || number > of) return false;
  share = {number, of};
  return true;
}

}  // namespace phoenix::bench
