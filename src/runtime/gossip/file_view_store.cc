#include "runtime/gossip/file_view_store.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "runtime/files.h"
#include "runtime/gossip/documents.h"

namespace phoenix::gossip {
namespace {

constexpr size_t kMaxView = size_t{16} << 20;
constexpr size_t kMaxBeat = 128;
constexpr int kLockPatienceMs = 500;
// Silence is what was seen between two looks of this host, each counted for no more than this: who
// was frozen itself, or the whole machine, has seen nothing.
constexpr Duration kLongestLook = seconds(2);
constexpr int64_t kSettledSeconds = 2;

}  // namespace

// Names of hosts may hold anything and be too long for a file's.
std::string FileViewStore::beat_file(const std::string& host) const {
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const uint8_t*>(host.data()), host.size(), digest.data());
  std::string name = options_.folder + "/view.beats/";
  for (size_t i = 0; i < 16; ++i) {
    std::array<char, 3> two{};
    std::snprintf(two.data(), two.size(), "%02x", static_cast<unsigned>(digest[i]));
    name += two.data();
  }
  return name;
}

// Written in place and not synced: nobody needs a heartbeat after a power cut, and half of one
// is different from the one before just as well.
Result<void> FileViewStore::beat() {
  const std::string folder = options_.folder + "/view.beats";
  const std::string path = beat_file(options_.host);
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 && errno == ENOENT) {
    ::mkdir(folder.c_str(), 0700);
    fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  }
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%016llx %016llx\n",
                static_cast<unsigned long long>(options_.life),
                static_cast<unsigned long long>(++count_));
  const size_t size = std::strlen(text.data());
  const bool written = fd >= 0 && ::pwrite(fd, text.data(), size, 0) == static_cast<ssize_t>(size);
  const int why = errno;
  if (fd >= 0) ::close(fd);
  if (written) return {};
  return fail(ErrorKind::kStoreUnreachable, "cannot write " + path + ": " + std::strerror(why));
}

// None for a file that was written just now: another could have the same inode and time, which
// the kernel counts in milliseconds.
FileViewStore::Stamp FileViewStore::stamp() const {
  struct stat facts{};
  if (::stat(view_file().c_str(), &facts) != 0) return {};
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec - facts.st_mtim.tv_sec < kSettledSeconds) return {};
  return {facts.st_ino, int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec,
          facts.st_size};
}

Result<void> FileViewStore::read() {
  const Stamp found = stamp();
  if (found.size >= 0 && found == stamp_) return {};
  const auto text = read_whole(view_file(), kMaxView);
  if (!text) return tl::unexpected<Error>(text.error());
  View view;
  if (*text) {
    auto parsed = parse_view(**text);
    if (!parsed) {
      return fail(ErrorKind::kStoreUnreachable,
                  view_file() + " is broken: " + parsed.error().detail +
                      "; restore it, or remove it while no host runs");
    }
    view = std::move(*parsed);
  }
  if (view.number < view_.number) {
    return fail(ErrorKind::kStoreUnreachable,
                view_file() + " went back from number " + std::to_string(view_.number) + " to " +
                    std::to_string(view.number) + "; stop all hosts of the pool to begin anew");
  }
  view_ = std::move(view);
  stamp_ = found;
  return {};
}

Result<void> FileViewStore::swap(const ViewRequest& request, bool& swapped) {
  const auto lock = FileLock::take(options_.folder + "/view.lock", kLockPatienceMs);
  if (!lock) return tl::unexpected<Error>(lock.error());
  auto present = read();
  if (!present || view_.number != request.expected) return present;
  View next = request.proposed;
  next.number = request.expected + 1;
  const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::sort(next.hosts.begin(), next.hosts.end(), by_name);
  std::sort(next.removed.begin(), next.removed.end(), by_name);
  if (auto written = replace_file(view_file(), render(next)); !written) return written;
  for (const ViewHost& host : view_.hosts) {
    const bool stays = std::any_of(next.hosts.begin(), next.hosts.end(),
                                   [&](const ViewHost& other) { return other.name == host.name; });
    if (!stays) ::unlink(beat_file(host.name).c_str());
  }
  view_ = std::move(next);
  stamp_ = stamp();
  swapped = true;
  return {};
}

void FileViewStore::look_at_beats(Instant now, FileViewAnswer& answer) {
  const Duration since = has_looked_ ? std::min(now - looked_, kLongestLook) : Duration{};
  looked_ = now;
  has_looked_ = true;
  std::map<std::string, Beat> beats;
  for (const ViewHost& host : view_.hosts) {
    if (host.name == options_.host) continue;
    const auto text = read_whole(beat_file(host.name), kMaxBeat);
    Beat beat{text && *text ? **text : std::string(), {}};
    const auto before = beats_.find(host.name);
    if (before != beats_.end() && before->second.seen == beat.seen) {
      beat.silent = before->second.silent + since;
    }
    if (beat.silent >= options_.lapse) answer.lapsed.push_back(host.name);
    beats.emplace(host.name, std::move(beat));
  }
  beats_ = std::move(beats);
}

FileViewAnswer FileViewStore::apply(const ViewRequest& request, Instant now) {
  FileViewAnswer answer;
  bool swapped = false;
  auto done = beat();
  if (done) done = request.propose ? swap(request, swapped) : read();
  if (!done) {
    answer.why = done.error().detail;
    return answer;
  }
  const bool lost = request.propose && !swapped;
  answer.status = lost ? ViewAnswer::Status::kConflict : ViewAnswer::Status::kOk;
  if (request.propose || view_.number != request.expected) answer.newest = view_;
  look_at_beats(now, answer);
  return answer;
}

}  // namespace phoenix::gossip
