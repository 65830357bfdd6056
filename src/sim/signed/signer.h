// What a simulated process signs in the name of its members, and with which key. Its key can be
// changed; after that it now and then signs with the one before, as somebody would who has stolen
// it, and that must never be taken.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "lineage/form/evidence.h"
#include "lineage/form/statements.h"
#include "node/command.h"

namespace phoenix::sim {

inline constexpr const char* kPool = "sim";

class Signer {
 public:
  // The same for the same name.
  Signer(std::string name, Prng prng);

  // The key that it registers with.
  std::string public_key() const { return std::string(key().public_key().view()); }
  std::string proof(const MemberRecord& member) const;
  // Of the next key, which it takes when it registers again.
  std::string next_public_key() const;
  void rotate() { ++generation_; }
  // The next key was refused, for nobody has allowed it yet.
  bool step_back();
  // As another process of the same members.
  void follow(const Signer& other) { generation_ = other.generation_; }

  // Fills in what `members[i]` says of items[i], that it is done or has failed; one of them alone,
  // or all under one signature.
  void sign_results(OwnerCalls& calls, const std::vector<std::string>& members);
  // Fills in the offer that goes with a handoff by that life of the giver.
  void sign_offer(OwnerCall& call, const lineage::Party& giver,
                  const std::optional<Digest>& contract, WallMs expires_at);
  // Empty: it does not accept, for the offer is not what it says.
  std::string acceptance(const Offered& offered, const lineage::Party& receiver, WallMs now);

 private:
  lineage::KeyPair key(uint64_t generation) const;
  lineage::KeyPair key() const { return key(generation_); }
  lineage::KeyPair signing_key();

  std::string name_;
  Prng prng_;
  uint64_t generation_ = 1;
};

// Was the call refused for the key it was signed with, or for the time it was signed at?
bool refused_for_signature(const Error& error);

}  // namespace phoenix::sim
