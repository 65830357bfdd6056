// Looks at what members have signed with the eyes of somebody who was not there (I6): results and
// handoffs of members with a key carry their word, by the key that was good then, about exactly
// this; and a handoff goes by the contract that was in force when it was decided.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "node/node.h"
#include "store/store.h"

namespace phoenix::sim {

struct Signers {
  bool has_keys = false;
  std::vector<std::string> keys;  // 32 bytes each; empty ones are none
};
// What was seen of signed handoffs.
struct HandoffCounts {
  uint64_t accepted = 0;  // by their receivers
  uint64_t attested = 0;  // by a host, for receivers without a key
};
void count(const PutPacket& put, HandoffCounts& counts);

using SignerOf = std::function<Signers(const MemberKey&)>;

// Both: what is wrong, as the rest of a sentence about the packet; empty if nothing is.
std::string fault_of_signatures(const Packet& before, const PutPacket& put,
                                const SignerOf& signer_of);
// Requires: it is a handoff that the node has just decided.
std::string fault_of_terms(const Node& node, const PutPacket& put);

}  // namespace phoenix::sim
