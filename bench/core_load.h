// The core alone under load: packets submitted in hundreds, polled by eight sessions, completed in
// hundreds; what no member can do is canceled. Workload A. The commands are made outside of the
// time that the host counts.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/instant_host.h"
#include "bench/workload.h"
#include "lineage/crypto/key.h"

namespace phoenix::bench {

class CoreLoad {
 public:
  // `keys`: every member has one, and signs its results, one signature a call.
  CoreLoad(size_t members, uint32_t max_load, bool keys = false);

  // A policy of the namespace, as a document's spec. Requires: it is taken.
  void lay_down(const std::string& spec);
  // Submits until so many are live.
  void fill(size_t live);
  // Packets ended a second of the core's processor time, while about so many are live, over at
  // least so many, or over 20 s.
  double rate(size_t live, size_t wanted);

  const InstantHost& host() const { return host_; }
  const PacketPtr& sample() const { return sample_; }

 private:
  static constexpr size_t kSessions = 8;
  static constexpr size_t kBatch = 100;

  struct Held {
    PacketKey key;
    uint64_t epoch = 0;
    std::string member;  // only with keys
  };

  void turn();
  void submit();
  // Takes what was assigned to a session.
  void poll(size_t session);
  // The oldest of the session's; how many ended.
  size_t complete(size_t session);
  void sign(OwnerCalls& calls, const std::vector<std::string>& members) const;
  // Those for which no member will do.
  void cancel_parked();
  size_t fullest() const;

  std::optional<lineage::KeyPair> key_;  // of all members: their sessions' processes have one
  WorkloadA workload_;
  InstantHost host_;
  std::shared_ptr<const Content> payload_ = json_content(1024, 1);
  std::shared_ptr<const Content> result_;
  uint64_t made_ = 0;
  uint64_t canceled_ = 0;
  size_t turns_ = 0;
  std::array<std::optional<std::string>, kSessions> after_;
  std::array<std::deque<Held>, kSessions> held_;
  std::vector<PacketKey> parked_;
  PacketPtr sample_;
};

}  // namespace phoenix::bench
