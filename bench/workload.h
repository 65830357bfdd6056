// What the benchmarks feed a host with: members and packets as they come in practice, and the
// commands that carry them. Same seed, same workload.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "node/command.h"

namespace phoenix::bench {

// 64 capabilities. A member holds 1 to 8, a packet needs 1 (half of them), 2 (30 %) or 3 (20 %);
// which ones, is Zipf-distributed with exponent 1 on both sides. So most kinds of packets are rare
// and have few members, and some have none.
class WorkloadA {
 public:
  explicit WorkloadA(uint64_t seed);
  std::vector<std::string> member_capabilities();  // sorted, unique
  std::vector<std::string> required();             // sorted, unique

 private:
  std::vector<std::string> draw(size_t count);

  Prng prng_;
  std::vector<uint64_t> up_to_;  // cumulative weights
};

inline constexpr const char* kNamespace = "default";

// "pkt_" and 26 characters, as the host makes them.
PacketKey packet_key(uint64_t number);
MemberRecord member_record(const std::string& id, std::vector<std::string> capabilities,
                           uint32_t max_load);
// One packet as the REST face would hand it in: its own spec and digest, the payload shared.
SubmitItem submit_item(uint64_t number, std::vector<std::string> required,
                       const std::shared_ptr<const Content>& payload);
OwnerCall completion(PacketKey key, uint64_t epoch, const std::shared_ptr<const Content>& result);
// JSON text of that many bytes that does not repeat itself.
std::shared_ptr<const Content> json_content(size_t bytes, uint64_t seed);

}  // namespace phoenix::bench
