// The view in a file, for hosts of one machine (or a shared folder) that have no store in common:
// `view.json`, changed by compare-and-swap under a lock, and beside it `view.beats/`, where each
// host writes a count that grows: its heartbeat. A host of the view whose count has stood still
// for a while, as seen by this one, is named as lapsed. No clock is compared with another's.
//
// Blocking: for a thread that may wait. One for each host. A file that cannot be read or written,
// or that is broken, makes the answer kUnreachable and says why; it is never replaced or repaired.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/time.h"
#include "membership/view/view.h"

namespace phoenix::gossip {

// As ViewAnswer, before anything was computed from the view.
struct FileViewAnswer {
  ViewAnswer::Status status = ViewAnswer::Status::kUnreachable;
  std::optional<View> newest;  // none: unreachable, or a heartbeat's `expected` still is the newest
  std::vector<std::string> lapsed;
  std::string why;  // of kUnreachable
};

class FileViewStore {
 public:
  struct Options {
    std::string folder;  // exists
    std::string host;    // whose heartbeat each request is
    uint64_t life = 0;   // differs between lives of the host: a restart is a heartbeat too
    Duration lapse = seconds(5);
  };
  explicit FileViewStore(Options options) : options_(std::move(options)) {}

  FileViewAnswer apply(const ViewRequest& request, Instant now);

 private:
  struct Beat {
    std::string seen;
    Duration silent;  // how long it has stood still, by what this host saw
  };
  // Which file it was: a view is replaced as a whole, so another one is another file.
  struct Stamp {
    ino_t inode = 0;
    int64_t changed_ns = 0;
    off_t size = -1;
    bool operator==(const Stamp&) const = default;
  };
  Stamp stamp() const;
  Result<void> read();
  Result<void> swap(const ViewRequest& request, bool& swapped);
  Result<void> beat();
  void look_at_beats(Instant now, FileViewAnswer& answer);
  std::string beat_file(const std::string& host) const;
  std::string view_file() const { return options_.folder + "/view.json"; }

  Options options_;
  uint64_t count_ = 0;
  View view_;  // the newest one seen
  Stamp stamp_;
  Instant looked_;
  bool has_looked_ = false;
  std::map<std::string, Beat> beats_;  // of the hosts of the view
};

}  // namespace phoenix::gossip
