// Drives a Node with a store that answers "committed" at once: what is left is the core's own
// time. Replies are kept until they are taken.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/node.h"

namespace phoenix::bench {

class InstantHost {
 public:
  explicit InstantHost(const NodeConfig& config) : node_(config) { node_.ready(now_); }

  // Carries out the command and all that follows from it. Only this is timed.
  void run(Command command);
  // Of the last run(); what did not answer it (polls of others) is dropped.
  Reply take_reply();

  // Registers one session.
  void attach(uint64_t number, std::vector<MemberRecord> members, uint32_t lease_seconds,
              std::vector<std::string> proofs = {});
  // As long as the host makes them.
  static std::string session_id(uint64_t number);
  static Caller session_caller(uint64_t number);

  // Time goes on; what is due then is done by the next run().
  void pass(Duration time) { now_.mono = now_.mono + time; }

  const Node& node() const { return node_; }
  Duration busy() const { return busy_; }  // processor time of this thread within run()

 private:
  Node node_;
  Now now_ = {.mono = Instant{} + seconds(1000), .wall = 1'700'000'000'000};
  RequestId next_ = 0;
  uint64_t batch_ = 0;
  std::optional<Reply> reply_;
  Duration busy_;
};

}  // namespace phoenix::bench
