// What any program pays for handing task state over with signatures: the giver encodes, signs and
// sends; the receiver verifies, decodes, and sends a signed answer. Durable: it appends what it got
// to a file and syncs that before it answers. Blocking calls, one connection, nothing around it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/time.h"
#include "bench/lineage/pair/other_process.h"

namespace phoenix::bench {

class Floor {
 public:
  // The receiver runs in a process of its own on that processor; `file`: what it appends to, none
  // if empty. Requires: this process has one thread.
  static Result<std::unique_ptr<Floor>> start(int processor, const std::string& file);
  ~Floor();
  Floor(const Floor&) = delete;
  Floor& operator=(const Floor&) = delete;

  // Wall time from the begin, until the answer is there, and until the giver has checked it too.
  struct Took {
    Duration answered;
    Duration checked;
  };
  // One handoff with that context. Nothing: the other end is gone, or its answer is not signed.
  std::optional<Took> hand_off(const std::string& context);

 private:
  Floor(std::unique_ptr<OtherProcess> other, int socket)
      : other_(std::move(other)), socket_(socket) {}
  std::unique_ptr<OtherProcess> other_;
  int socket_;
  uint64_t epoch_ = 0;
};

}  // namespace phoenix::bench
